package openclaw

import (
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// hardening are the controls of the config column that hold for every contract.
func hardening(p Params) []Setting {
	split := func(d *json5.Document) bool {
		return d.Has(path("tools.exec.security")) || d.Has(path("tools.exec.ask"))
	}
	// OpenClaw refuses mode beside security or ask; the oldest know only these.
	pair := func(d *json5.Document) bool {
		return split(d) || (p.Contract == Legacy && !d.Has(path("tools.exec.mode")))
	}
	e02 := []string{"E-02"}
	out := []Setting{
		{Path: path("tools.profile"), Value: "minimal", Why: "openclaw.tools", Controls: e02},
		{Path: path("tools.exec.mode"), Value: "deny", Why: "openclaw.exec", Controls: e02, when: func(d *json5.Document) bool { return !pair(d) }},
		{Path: path("tools.exec.security"), Value: "deny", Why: "openclaw.exec", Controls: e02, when: pair},
		{Path: path("tools.exec.ask"), Value: "always", Why: "openclaw.exec", Controls: e02, when: pair},
		{Path: path("tools.elevated.enabled"), Value: false, Why: "openclaw.elevated", Controls: e02},
		{Path: path("tools.fs.workspaceOnly"), Value: true, Why: "openclaw.fs", Controls: e02},
		{Path: path("agents.defaults.elevatedDefault"), Value: "off", Why: "openclaw.elevated", Controls: e02},
		{Path: path("browser.enabled"), Value: false, Why: "openclaw.browser", Controls: []string{"gap 13"}},
		{Path: path("browser.evaluateEnabled"), Value: false, Why: "openclaw.browser-evaluate", Controls: []string{"gap 13"}},
		{Path: path("browser.ssrfPolicy.dangerouslyAllowPrivateNetwork"), Value: false, Why: "openclaw.browser-network", Controls: []string{"gap 14"}},
	}
	for _, limit := range []struct {
		key   string
		value int
	}{{"maxSpawnDepth", 1}, {"maxConcurrent", 2}, {"maxChildrenPerAgent", 2}, {"runTimeoutSeconds", p.TurnSeconds}} {
		out = append(out, Setting{Path: path("agents.defaults.subagents." + limit.key), Value: limit.value, atMost: true,
			Why: "openclaw.subagents", Controls: []string{"gap 20", "D-03"}})
	}
	return out
}

// allowPlugin adds to an allow list that is there. A new list would be exclusive
// and turn every other plugin of the operator off; OpenClaw's security audit is
// content with load.paths and entries.
func allowPlugin(id string) Setting {
	return Setting{Path: path("plugins.allow"), Value: []string{id}, Append: true, Why: "openclaw.plugin-allow",
		when: func(d *json5.Document) bool {
			list, _ := d.Get(path("plugins.allow"))
			l, ok := list.([]any)
			return ok && len(l) > 0
		}}
}

// usesAnthropic says whether the operator runs the anthropic plugin for something
// that is not ours to break.
func usesAnthropic(d *json5.Document) bool {
	allow, _ := d.Get(path("plugins.allow"))
	if contains(allow, "anthropic") {
		return true
	}
	if on, _ := d.Get(path("plugins.entries.anthropic.enabled")); on == true {
		return true
	}
	for _, list := range []string{"agents.entries", "agents.list"} {
		agents, _ := d.Get(path(list))
		if mentions(agents, "anthropic/") || mentions(agents, "claude-cli/") {
			return true
		}
	}
	return false
}

func contains(list any, want any) bool {
	l, _ := list.([]any)
	for _, v := range l {
		if v == want {
			return true
		}
	}
	return false
}

func mentions(v any, prefix string) bool {
	switch v := v.(type) {
	case string:
		return strings.HasPrefix(v, prefix)
	case []any:
		for _, e := range v {
			if mentions(e, prefix) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if mentions(e, prefix) {
				return true
			}
		}
	}
	return false
}
