package openclaw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Part names one part of the hardening of OpenClaw itself, which the operator takes or
// leaves. What sends the engine to the proxy, without tools, is no part: it always holds.
type Part string

// The parts.
const (
	// PartGateway: who may ask the gateway, from where, and for what.
	PartGateway Part = "gateway"
	// PartChannels: who may write to the agent, and which commands a chat may give.
	PartChannels Part = "channels"
	// PartTools: OpenClaw's own tools.
	PartTools Part = "tools"
	// PartBrowser: the browser that OpenClaw drives.
	PartBrowser Part = "browser"
	// PartPlugins: what other programs may add.
	PartPlugins Part = "plugins"
	// PartSkills: where skills come from.
	PartSkills Part = "skills"
	// PartSessions: what one conversation sees of another, and what is kept of it.
	PartSessions Part = "sessions"
	// PartLogging: what is written down.
	PartLogging Part = "logging"
)

// Parts are all of them, in the order in which they are offered.
func Parts() []Part {
	return []Part{PartGateway, PartChannels, PartTools, PartBrowser, PartPlugins, PartSkills, PartSessions, PartLogging}
}

const (
	allParts = "all"
	noParts  = "none"
)

// ParseParts reads "all", "none" or names with commas between them.
func ParseParts(s string) ([]Part, error) {
	switch strings.TrimSpace(s) {
	case allParts:
		return Parts(), nil
	case noParts:
		return nil, nil
	}
	var out []Part
	for word := range strings.SplitSeq(s, ",") {
		p := Part(strings.TrimSpace(word))
		if !slices.Contains(Parts(), p) {
			shown := text.Clean(string(p), 40)
			err := fmt.Errorf("%q is no part of the hardening: %s, %s, or some of %s", shown, allParts, noParts, joinParts(Parts()))
			return nil, hint.Say(err, "no-such-part", shown, joinParts(Parts()))
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// FormatParts is the shortest text that ParseParts reads as parts.
func FormatParts(parts []Part) string {
	switch len(parts) {
	case 0:
		return noParts
	case len(Parts()):
		return allParts
	}
	ordered := slices.DeleteFunc(Parts(), func(p Part) bool { return !slices.Contains(parts, p) })
	return joinParts(ordered)
}

func joinParts(parts []Part) string {
	words := make([]string, len(parts))
	for i, p := range parts {
		words[i] = string(p)
	}
	return strings.Join(words, ",")
}

// Releases of OpenClaw, year and month, from which on keys are known, by the schemas of
// 2026.1.30, 2026.3.31, 2026.5.28, 2026.7.35 and 2026.9.6. A key may be older than
// the release that was looked at.
const (
	release2603 = 202603
	release2605 = 202605
	release2607 = 202607
	release2608 = 202608
)

// Orders of values, the strictest first.
var (
	bindOrder     = []string{"loopback", "tailnet", "custom", "lan", "auto"}
	offOrder      = []string{"off", "serve", "funnel"}
	nodeOrder     = []string{"off", "manual", "auto"}
	mdnsOrder     = []string{"off", "minimal", "full"}
	dmOrder       = []string{"disabled", "allowlist", "pairing", "open"}
	groupOrder    = []string{"disabled", "allowlist", "open"}
	contextOrder  = []string{"allowlist", "allowlist_quote", "all"}
	profileOrder  = []string{"minimal", "messaging", "coding", "full"}
	modeOrder     = []string{"deny", "allowlist", "ask", "auto", "full"}
	securityOrder = []string{"deny", "allowlist", "full"}
	askOrder      = []string{"always", "on-miss", "off"}
	elevatedOrder = []string{"off", "ask", "on", "full"}
	skillOrder    = []string{"off", "propose", "auto"}
	approvalOrder = []string{"pending", "auto"}
	dmScopeOrder  = []string{"per-account-channel-peer", "per-channel-peer", "per-peer", "main"}
	groupScope    = []string{"per-group", "main"}
	seesOrder     = []string{"self", "tree", "agent", "all"}
	levelOrder    = []string{"silent", "fatal", "error", "warn", "info", "debug", "trace"}
	redactOrder   = []string{"tools", "off"}
	messageOrder  = []string{"off", "direct", "all"}
)

// hardening are the settings of the chosen parts, and those of them that the release
// does not know.
func hardening(p Params) (known, unknown []Setting) {
	for _, s := range allHardening(p) {
		switch {
		case !slices.Contains(p.Parts, s.Part) || s.until != 0 && p.release() > s.until:
		case s.since > p.release():
			unknown = append(unknown, s)
		default:
			known = append(known, s)
		}
	}
	return known, unknown
}

func allHardening(p Params) []Setting {
	return slices.Concat(gatewayPart(p), channelsPart(p), toolsPart(p), browserPart(), pluginsPart(), skillsPart(), sessionsPart(), loggingPart())
}

// release is the one that the settings are for: where no OpenClaw says, the newest
// that was measured for the contract.
func (p Params) release() int {
	if p.Contract == Legacy {
		return cmp.Or(p.Release, release2607)
	}
	return cmp.Or(p.Release, release2608)
}

// table makes the settings of a part. A key that a release does not know is left out,
// and said: OpenClaw refuses a file with an unknown key.
type table struct {
	part     Part
	controls []string
	out      []Setting
}

func (t *table) add(dotted string, s Setting) {
	s.Path, s.Part, s.Optional = path(dotted), t.part, true
	s.Why, s.Controls = "openclaw."+string(t.part), t.controls
	t.out = append(t.out, s)
}

func (t *table) off(since int, keys ...string) {
	for _, k := range keys {
		t.add(k, Setting{Value: false, since: since})
	}
}

func (t *table) choice(since int, key string, value string, order []string) {
	t.add(key, Setting{Value: value, order: order, since: since})
}

// gatewayTools are what a client of the gateway's HTTP interface may not call.
var gatewayTools = []string{"exec", "process", "gateway", "cron", "nodes", "sessions_spawn", "sessions_send", "browser"}

func gatewayPart(p Params) []Setting {
	t := table{part: PartGateway, controls: []string{"S-01", "E-02"}}
	t.add("gateway.mode", Setting{Value: "local", keep: true})
	t.choice(0, "gateway.bind", "loopback", bindOrder)
	// A password is no weaker.
	t.choice(0, "gateway.auth.mode", "token", []string{"password", "token", "trusted-proxy", "none"})
	if p.GatewayToken {
		t.add("gateway.auth.token", Setting{
			Value: secretRef{"exec", SecretProvider, SecretGatewayToken}, keep: true, since: release2603,
			when: func(d *json5.Document) bool { mode, _ := d.Get(path("gateway.auth.mode")); return mode == "token" },
		})
	}
	t.off(0, "gateway.auth.allowTailscale")
	t.add("gateway.auth.rateLimit.maxAttempts", Setting{Value: 10, atMost: true, since: release2603})
	// Tries are counted over the window: a longer one, and a longer lock, are stricter.
	t.add("gateway.auth.rateLimit.windowMs", Setting{Value: 60000, atLeast: true, since: release2603})
	t.add("gateway.auth.rateLimit.lockoutMs", Setting{Value: 300000, atLeast: true, since: release2603})
	t.choice(0, "gateway.tailscale.mode", "off", offOrder)
	t.off(release2607, "gateway.terminal.enabled")
	t.off(0, "gateway.http.endpoints.chatCompletions.enabled", "gateway.http.endpoints.responses.enabled")
	t.add("gateway.tools.deny", Setting{Value: gatewayTools, Append: true, since: release2603})
	t.choice(0, "gateway.nodes.browser.mode", "off", nodeOrder)
	t.off(release2608, "gateway.nodes.pairing.sshVerify", "gateway.nodes.pluginTools.enabled", "gateway.nodes.allowSkills")
	t.choice(0, "discovery.mdns.mode", "off", mdnsOrder)
	t.off(0, "hooks.enabled", "cron.enabled", "update.checkOnStart")
	t.off(release2603, "update.auto.enabled")
	t.off(release2608, "telemetry.enabled")
	return t.out
}

func channelsPart(p Params) []Setting {
	t := table{part: PartChannels, controls: []string{"gap 12"}}
	t.choice(0, "channels.defaults.groupPolicy", "allowlist", groupOrder)
	t.choice(release2605, "channels.defaults.contextVisibility", "allowlist", contextOrder)
	for _, name := range p.Channels {
		// Channels are plugins with keys of their own: only what is there is tightened.
		for _, s := range []Setting{
			{Path: []string{"channels", name, "dmPolicy"}, Value: "pairing", order: dmOrder},
			{Path: []string{"channels", name, "groupPolicy"}, Value: "allowlist", order: groupOrder},
			{Path: []string{"channels", name, "configWrites"}, Value: false},
		} {
			at := s.Path
			s.Part, s.Optional, s.Why, s.Controls = t.part, true, "openclaw.channels", t.controls
			s.when = func(d *json5.Document) bool { return d.Has(at) }
			t.out = append(t.out, s)
		}
	}
	t.off(0, "commands.bash", "commands.config", "commands.debug", "commands.restart")
	t.off(release2603, "commands.mcp", "commands.plugins")
	return t.out
}

// deniedTools are OpenClaw's own tools and groups of them.
var deniedTools = []string{
	"group:automation", "group:runtime", "group:fs", "group:web", "group:ui", "group:nodes", "sessions_spawn", "sessions_send", "gateway", "browser", "canvas",
	"session_status",
}

func toolsPart(p Params) []Setting {
	split := func(d *json5.Document) bool {
		return d.Has(path("tools.exec.security")) || d.Has(path("tools.exec.ask"))
	}
	// OpenClaw refuses mode beside security or ask; the oldest know only these.
	pair := func(d *json5.Document) bool {
		return split(d) || (p.Contract == Legacy && !d.Has(path("tools.exec.mode")))
	}
	t := table{part: PartTools, controls: []string{"E-02"}}
	t.choice(0, "tools.profile", "minimal", profileOrder)
	t.add("tools.deny", Setting{Value: deniedTools, Append: true})
	t.add("tools.exec.mode", Setting{Value: "deny", order: modeOrder, since: release2605, when: func(d *json5.Document) bool { return !pair(d) }})
	t.add("tools.exec.security", Setting{Value: "deny", order: securityOrder, when: pair})
	t.add("tools.exec.ask", Setting{Value: "always", order: askOrder, when: pair})
	t.add("tools.exec.strictInlineEval", Setting{Value: true, since: release2603})
	t.off(0, "tools.exec.applyPatch.enabled", "tools.elevated.enabled", "tools.web.search.enabled", "tools.web.fetch.enabled")
	t.add("tools.fs.workspaceOnly", Setting{Value: true, since: release2603})
	t.off(0, "tools.message.crossContext.allowWithinProvider", "tools.message.crossContext.allowAcrossProviders", "tools.message.broadcast.enabled")
	t.off(release2605, "tools.codeMode")
	t.off(release2608, "tools.swarm")
	t.choice(0, "agents.defaults.elevatedDefault", "off", elevatedOrder)
	t.controls = []string{"gap 20", "D-03"}
	for _, limit := range []struct {
		key   string
		value int
		since int
	}{{"maxConcurrent", 2, 0}, {"maxSpawnDepth", 1, release2603}, {"maxChildrenPerAgent", 2, release2603}, {"runTimeoutSeconds", p.TurnSeconds, release2603}} {
		t.add("agents.defaults.subagents."+limit.key, Setting{Value: limit.value, atMost: true, since: limit.since})
	}
	t.add("agents.defaults.subagents.allowAgents", Setting{Value: []string{}, keep: true, since: release2605})
	return t.out
}

func browserPart() []Setting {
	t := table{part: PartBrowser, controls: []string{"gap 13", "gap 14"}}
	t.off(0, "browser.enabled", "browser.evaluateEnabled")
	t.off(release2603, "browser.ssrfPolicy.dangerouslyAllowPrivateNetwork")
	t.off(release2608, "browser.extensionRelay.allowLegacyAuth")
	return t.out
}

func pluginsPart() []Setting {
	t := table{part: PartPlugins, controls: []string{"gap 5", "gap 15"}}
	t.off(0, "hooks.internal.enabled")
	t.off(release2603, "acp.enabled")
	t.off(release2608, "mcp.apps.enabled")
	t.add("plugins.slots.memory", Setting{Value: "none", keep: true})
	return t.out
}

func skillsPart() []Setting {
	t := table{part: PartSkills, controls: []string{"gap 8", "gap 9"}}
	// A list of the operator's is a choice already.
	t.add("skills.allowBundled", Setting{Value: []string{}, keep: true})
	t.add("agents.defaults.skills", Setting{Value: []string{}, keep: true, since: release2605})
	t.off(release2605, "skills.install.allowUploadedArchives")
	t.choice(release2608, "skills.workshop.autonomous.mode", "off", skillOrder)
	t.choice(release2607, "skills.workshop.approvalPolicy", "pending", approvalOrder)
	return t.out
}

func sessionsPart() []Setting {
	t := table{part: PartSessions, controls: []string{"gap 17", "I-03"}}
	t.choice(0, "session.dmScope", "per-account-channel-peer", dmScopeOrder)
	t.choice(release2608, "session.groupScope", "per-group", groupScope)
	t.choice(release2603, "tools.sessions.visibility", "self", seesOrder)
	t.off(0, "tools.agentToAgent.enabled")
	t.off(release2605, "transcripts.enabled")
	t.off(release2608, "memory.search.enabled")
	// Each beat is a paid request that nobody asked for.
	t.add("agents.defaults.heartbeat.every", Setting{Value: "0m", keep: true})
	return t.out
}

func loggingPart() []Setting {
	t := table{part: PartLogging, controls: []string{"I-02", "R-01"}}
	t.choice(0, "logging.level", "warn", levelOrder)
	t.choice(0, "logging.consoleLevel", "warn", levelOrder)
	// Later releases always do.
	t.add("logging.redactSensitive", Setting{Value: "tools", order: redactOrder, until: release2607})
	t.add("logging.audit.enabled", Setting{Value: true, since: release2608})
	t.choice(release2608, "logging.audit.messages", "off", messageOrder)
	return t.out
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
