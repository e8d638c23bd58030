package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// What the table of the hardening does not know, since clawsetup writes no value there: keys
// that are in the schemas of OpenClaw 2026.7.35 or 2026.9.6.

// agentAt is the configuration of one agent and where it is; a path through a list cannot
// be repaired.
type agentAt struct {
	path   []string
	inList bool
	config any
}

// eachAgent are the defaults and all agents.
func (c *config) eachAgent() []agentAt {
	out := []agentAt{{path: []string{"agents", "defaults"}, config: c.get("agents.defaults")}}
	entries := c.object("agents.entries")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		out = append(out, agentAt{path: []string{"agents", "entries", name}, config: entries[name]})
	}
	list, _ := c.get("agents.list").([]any)
	for i, e := range list {
		out = append(out, agentAt{path: []string{"agents", "list", fmt.Sprint(i)}, inList: true, config: e})
	}
	return out
}

// toolsBeside: tools that come on top of the profile, or in its place.
func toolsBeside(h *Host, a *answer, c *config) {
	places := []agentAt{{path: []string{"tools"}, config: c.get("tools")}, {path: []string{"tools", "subagents", "tools"}, config: c.get("tools.subagents.tools")}}
	for _, agent := range c.eachAgent() {
		places = append(places, agentAt{path: append(slices.Clone(agent.path), "tools"), inList: agent.inList, config: lookAt(agent.config, "tools")})
	}
	for _, p := range slices.Clone(places) {
		for _, key := range []string{"byProvider", "toolsBySender"} {
			m, _ := lookAt(p.config, key).(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(m)) {
				at := append(slices.Clone(p.path), key, name)
				h.profileBeside(a, c, agentAt{path: at, inList: p.inList, config: m[name]})
				places = append(places, agentAt{path: at, inList: p.inList, config: m[name]})
			}
		}
	}
	for _, p := range places {
		for _, key := range []string{"alsoAllow", "allow"} {
			h.toolList(a, c, p, key)
		}
	}
}

// toolList: alsoAllow adds to the profile, allow takes its place.
func (h *Host) toolList(a *answer, c *config, p agentAt, key string) {
	list := wordsAt(p.config, key)
	if len(list) == 0 {
		return
	}
	path := append(slices.Clone(p.path), key)
	detail := "it adds tools to the profile: %s"
	if key == "allow" {
		detail = "it allows tools in place of the profile: %s"
	}
	f := h.chosen(a.found(c.at(path...), detail, text.Clean(strings.Join(list, ", "), 150)), openclaw.PartTools, path...)
	if !p.inList {
		f.repairedBy(Repair{In: c.path, Key: path, Remove: true})
	}
}

// profileBeside: a profile for one provider or sender that has more tools than the least.
func (h *Host) profileBeside(a *answer, c *config, p agentAt) {
	profile := textAt(p.config, "profile")
	if profile == "" || profile == "minimal" {
		return
	}
	path := append(slices.Clone(p.path), "profile")
	f := h.chosen(a.found(c.at(path...), "it is another set of tools than minimal: %s", text.Clean(profile, 40)), openclaw.PartTools, path...)
	if !p.inList {
		f.repairedBy(Repair{In: c.path, Key: path, Remove: true})
	}
}

// anySubagent: an agent that may start every other one has the rights of all of them.
func anySubagent(h *Host, a *answer, c *config) {
	for _, agent := range c.eachAgent() {
		if !slices.Contains(wordsAt(agent.config, "subagents", "allowAgents"), "*") {
			continue
		}
		path := append(slices.Clone(agent.path), "subagents", "allowAgents")
		f := h.chosen(a.found(c.at(path...), `it may start any other agent ("*")`), openclaw.PartTools, path...)
		if !agent.inList {
			f.repairedBy(c.set([]string{}, path...))
		}
	}
}

// widestProxies is the shortest prefix, in bits, that still names a network of one's own.
const widestProxies = 16

// proxiesTrusted: a trusted proxy says who asks, and from where.
func proxiesTrusted(h *Host, a *answer, c *config) {
	path := []string{"gateway", "trustedProxies"}
	for _, word := range c.texts(strings.Join(path, ".")) {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(word))
		wide := err == nil && (prefix.Bits() < widestProxies || prefix.Addr().Is6() && prefix.Bits() < 3*widestProxies)
		if wide || strings.Contains(word, "*") {
			h.chosen(a.found(c.at(path...), "anybody in %s may say who asks, and from where", text.Clean(word, 60)), openclaw.PartGateway, path...)
		}
	}
}

// cronWebhook: before 2026.8 what a job came to could be sent somewhere.
func cronWebhook(h *Host, a *answer, c *config) {
	path := []string{"cron", "webhook"}
	if c.text(strings.Join(path, ".")) != "" {
		h.chosen(a.found(c.at(path...), "what a job came to is sent to an address"), openclaw.PartGateway, path...).repairedBy(Repair{In: c.path, Key: path, Remove: true})
	}
}

// collectors: what is measured goes to whoever listens there.
func collectors(h *Host, a *answer, c *config) {
	otel := c.object("diagnostics.otel")
	if otel["enabled"] != true {
		return
	}
	for _, key := range []string{"endpoint", "tracesEndpoint", "metricsEndpoint", "logsEndpoint"} {
		u, err := url.Parse(textAt(otel, key))
		if textAt(otel, key) != "" && (err != nil || !local(u.Hostname())) {
			path := []string{"diagnostics", "otel", key}
			h.chosen(a.found(c.at(path...), "what is done here is sent to a collector"), openclaw.PartGateway, path...)
		}
	}
}

// capturing are the keys that put what is asked and answered into traces.
func capturing(h *Host, a *answer, c *config) {
	tell := func(path ...string) {
		h.chosen(a.found(c.at(path...), "what is asked and answered is written down, or sent to a collector, word by word"), openclaw.PartLogging, path...).
			repairedBy(c.set(false, path...))
	}
	capture := c.get("diagnostics.otel.captureContent")
	if m, ok := capture.(map[string]any); capture == true || ok && m["enabled"] != false && slices.ContainsFunc(slices.Collect(maps.Values(m)), func(v any) bool { return v == true }) {
		tell("diagnostics", "otel", "captureContent")
	}
	if c.get("diagnostics.cacheTrace.enabled") == true {
		tell("diagnostics", "cacheTrace", "enabled")
	}
}

// throughProxy: OpenClaw's own traffic through somebody else's host.
func throughProxy(a *answer, c *config) {
	address := c.text("proxy.proxyUrl")
	u, err := url.Parse(address)
	if address == "" || c.get("proxy.enabled") == false || err == nil && local(u.Hostname()) {
		return
	}
	a.found(c.at("proxy", "proxyUrl"), "the traffic of OpenClaw goes through another host").repairedBy(Repair{In: c.path, Key: []string{"proxy"}, Remove: true})
}
