package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// hardened is a check that names keys of the hardening: those that Package openclaw
// writes and compares, so that there is one list of them.
type hardened struct {
	Check
	// part is the part of the hardening; keys are those that the check answers, none for
	// all of the part that no other check answers.
	part openclaw.Part
	keys []string
	// unset are keys that matter as much when they are not set: OpenClaw's own default is
	// weaker than ours. What else is not set is only told.
	unset []string
	// also looks at what the table of keys does not know.
	also func(*Host, *answer, *config)
	// mild lowers the severity of some values.
	mild func(openclaw.Weakness) Severity
}

// hardenedKeys are the checks of the hardening.
func hardenedKeys() []hardened {
	return slices.Concat(gatewayKeys(), toolKeys(), otherKeys())
}

func gatewayKeys() []hardened {
	const part = openclaw.PartGateway
	return []hardened{
		{Check: agent("gateway-bind", High, s01, Spoofing, Disclosure), part: part, keys: []string{"gateway.bind"}},
		{Check: agent("gateway-auth", Critical, s01, Spoofing, Elevation), part: part, keys: []string{"gateway.auth.mode", "gateway.auth.allowTailscale"}, also: proxiesTrusted},
		{Check: agent("gateway-token", High, []string{"S-01", "I-02"}, Spoofing, CredentialLeak), part: part, keys: []string{"gateway.auth.token"}, also: gatewayToken},
		{Check: agent("gateway-rate-limit", Medium, s01, Spoofing, Denial), part: part, keys: []string{"gateway.auth.rateLimit"}},
		{Check: agent("gateway-tailscale", High, s01, Spoofing, Disclosure), part: part, keys: []string{"gateway.tailscale"}},
		{Check: agent("gateway-http", High, []string{"E-02", "S-01"}, Elevation, UnsafeShell), part: part, keys: []string{"gateway.http", "gateway.tools"}, also: gatewayAllows},
		{Check: agent("gateway-nodes", High, []string{"E-02"}, Elevation, UnsafeShell), part: part, keys: []string{"gateway.nodes", "gateway.terminal"}, also: nodeCommands},
		{Check: agent("discovery-mdns", Low, []string{"S-01"}, Disclosure), part: part, keys: []string{"discovery.mdns"}, unset: []string{"discovery.mdns.mode"}},
		{Check: agent("hooks-on", High, []string{"E-02", "gap 16"}, Elevation, IndirectInjection), part: part, keys: []string{"hooks.enabled"}},
		{Check: agent("cron-on", Medium, []string{"E-02", "gap 20"}, Denial, CostAbuse), part: part, keys: []string{"cron.enabled"}, unset: []string{"cron.enabled"}, also: cronWebhook},
		{Check: agent("openclaw-updates", Low, []string{"S-03"}, Tampering, SupplyChain), part: part, keys: []string{"update"}},
		{Check: agent("openclaw-telemetry", Low, []string{"S-02"}, Disclosure, Exfiltration), part: part, keys: []string{"telemetry"}, also: collectors},
		{Check: agent("hardening-gateway", Low, s01, Spoofing), part: part},
	}
}

func toolKeys() []hardened {
	const part = openclaw.PartTools
	e02 := []string{"E-02"}
	return []hardened{
		{Check: agent("tools-profile", High, e02, Elevation, ExcessPermission), part: part, keys: []string{"tools.profile"}, unset: []string{"tools.profile"}, also: toolsBeside},
		{Check: agent("tools-denied", Medium, e02, Elevation, ExcessPermission), part: part, keys: []string{"tools.deny"}, unset: []string{"tools.deny"}},
		{Check: agent("tools-exec", High, e02, Elevation, UnsafeShell), part: part, keys: []string{"tools.exec"}, unset: []string{"tools.exec.mode", "tools.exec.security"}},
		{Check: agent("tools-elevated", High, e02, Elevation, ExcessPermission), part: part, keys: []string{"tools.elevated", "agents.defaults.elevatedDefault"}},
		{Check: agent("tools-filesystem", Medium, e02, Elevation, Exfiltration), part: part, keys: []string{"tools.fs"}, unset: []string{"tools.fs.workspaceOnly"}},
		{Check: agent("subagents-bounded", Medium, []string{"gap 20", "D-03"}, Denial, CostAbuse), part: part, keys: []string{"agents.defaults.subagents"}, also: anySubagent},
		{Check: agent("hardening-tools", Medium, e02, Elevation, ExcessPermission), part: part},
	}
}

func otherKeys() []hardened {
	g17 := []string{"gap 17", "I-03"}
	r01 := []string{"R-01", "I-02"}
	return []hardened{
		{Check: agent("channel-groups-open", High, g12, Spoofing, PromptInjection), part: openclaw.PartChannels, keys: []string{"channels.defaults.groupPolicy"}, also: groupsOpen},
		{Check: agent("chat-commands", High, g12, Elevation, UnsafeShell), part: openclaw.PartChannels, keys: []string{"commands"}},
		{Check: agent("hardening-channels", Low, g12, Disclosure, IndirectInjection), part: openclaw.PartChannels},
		{Check: agent("browser-enabled", Medium, []string{"gap 13", "gap 14"}, Disclosure, IndirectInjection), part: openclaw.PartBrowser, keys: []string{"browser.enabled"}, unset: []string{"browser.enabled"}},
		{Check: agent("browser-evaluate", High, []string{"gap 13"}, Disclosure, Exfiltration), part: openclaw.PartBrowser, keys: []string{"browser.evaluateEnabled"}},
		{Check: agent("browser-private-network", High, []string{"gap 14", "A6"}, Disclosure, Exfiltration), part: openclaw.PartBrowser, keys: []string{"browser.ssrfPolicy"}},
		{Check: agent("hardening-browser", Low, []string{"gap 13"}, Spoofing), part: openclaw.PartBrowser},
		{Check: agent("hardening-plugins", Medium, []string{"gap 5", "gap 15"}, Elevation, SupplyChain), part: openclaw.PartPlugins},
		{Check: inArea(AreaSkills, agent("skills-workshop", Medium, []string{"gap 9"}, Tampering, SupplyChain)), part: openclaw.PartSkills, keys: []string{"skills.workshop"}, unset: []string{"skills.workshop.autonomous.mode", "skills.workshop.approvalPolicy"}},
		{Check: inArea(AreaSkills, agent("hardening-skills", Medium, []string{"gap 8"}, Elevation, SupplyChain)), part: openclaw.PartSkills},
		{Check: agent("session-scope", Medium, g17, Disclosure, CrossAgent), part: openclaw.PartSessions, keys: []string{"session.dmScope", "session.groupScope"}, unset: []string{"session.dmScope"}},
		{Check: agent("session-visibility", Medium, g17, Disclosure, CrossAgent), part: openclaw.PartSessions, keys: []string{"tools.sessions"}},
		{Check: agent("agent-to-agent", Medium, g17, Elevation, CrossAgent), part: openclaw.PartSessions, keys: []string{"tools.agentToAgent"}},
		{Check: agent("heartbeat-off", Low, []string{"gap 20"}, Denial, CostAbuse), part: openclaw.PartSessions, keys: []string{"agents.defaults.heartbeat"}, unset: []string{"agents.defaults.heartbeat.every"}, also: heartbeats},
		{Check: agent("hardening-sessions", Low, g17, Disclosure), part: openclaw.PartSessions},
		{Check: agent("log-level", Medium, r01, Disclosure, CredentialLeak), part: openclaw.PartLogging, keys: []string{"logging.level", "logging.consoleLevel"}, mild: logLevel},
		{Check: agent("log-redaction", High, r01, Disclosure, CredentialLeak), part: openclaw.PartLogging, keys: []string{"logging.redactSensitive"}},
		{Check: agent("audit-log", Low, []string{"R-01"}, Repudiation), part: openclaw.PartLogging, keys: []string{"logging.audit"}, also: auditOff},
	}
}

var (
	s01 = []string{"S-01"}
	g12 = []string{"gap 12"}
)

// agent is a check of the configuration that running the section again puts right.
func agent(id string, severity Severity, controls []string, categories ...Category) Check {
	return Check{ID: id, Area: AreaOpenClaw, Controls: controls, Categories: categories, Severity: severity, Fix: fixHardening}
}

func inArea(area Area, c Check) Check { c.Area = area; return c }

// fixHardening asks again for OpenClaw's part of the set-up.
const fixHardening = "clawsetup init --section agent"

// hardenedChecks are the checks of an area.
func hardenedChecks(area Area) []Check {
	var out []Check
	for _, k := range hardenedKeys() {
		if k.Area == area {
			k.look = k.looks
			out = append(out, k.Check)
		}
	}
	return out
}

func (k hardened) looks(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		found, _ := remembered(h, "weaker", func() ([]openclaw.Weakness, error) { return h.weaker(ctx, c), nil })
		a.saw(c.path)
		for _, w := range found {
			if k.answers(w) {
				k.tell(h, a, c, w)
			}
		}
		if k.also != nil {
			k.also(h, a, c)
		}
	})
}

// weaker compares the configuration with all of the hardening, taken or not.
func (h *Host) weaker(ctx context.Context, c *config) []openclaw.Weakness {
	p := openclaw.Params{Contract: h.contract(ctx, c), TurnSeconds: h.turnSeconds(), Parts: openclaw.Parts()}
	// Where the file is for another OpenClaw than is installed, openclaw-contract tells; its
	// keys are judged by what it was written for.
	if in, err := h.installed(ctx); err == nil && (in.Contract == openclaw.Legacy) == (p.Contract == openclaw.Legacy) {
		p.Release = in.Release
	}
	// Without our provider of secrets there is no token that the key could name.
	p.GatewayToken = c.get("secrets.providers."+openclaw.SecretProvider) != nil
	return openclaw.Weaker(c.all, p)
}

// turnSeconds is the budget of a turn, clawsetup's own where the set-up has none.
func (h *Host) turnSeconds() int {
	if h.Made != nil && h.Made.TurnSeconds > 0 {
		return h.Made.TurnSeconds
	}
	return defaultTurnSeconds
}

const defaultTurnSeconds = 600

// answers tells whether a weakness is the check's.
func (k hardened) answers(w openclaw.Weakness) bool {
	if len(k.keys) > 0 {
		return k.part == w.Part && k.names(w.Key)
	}
	return k.part == w.Part && !slices.ContainsFunc(hardenedKeys(), func(o hardened) bool { return o.part == w.Part && o.names(w.Key) })
}

func (k hardened) names(key string) bool {
	return slices.ContainsFunc(k.keys, func(own string) bool { return key == own || strings.HasPrefix(key, own+".") })
}

func (k hardened) tell(h *Host, a *answer, c *config, w openclaw.Weakness) {
	var f *Finding
	if w.Absent {
		f = a.found(c.at(w.Path...), "it is not set and left to OpenClaw's default; clawsetup writes %s", w.Want)
		if !slices.Contains(k.unset, w.Key) {
			f.milder(Info)
		}
	} else {
		f = a.found(c.at(w.Path...), "it is %s, clawsetup writes %s", w.Shown, w.Want)
	}
	if k.mild != nil {
		f.milder(k.mild(w))
	}
	h.chosen(f, w.Part, w.Path...)
	if !w.InList && c.bears(w) {
		f.repairedBy(c.set(w.Value, w.Path...))
	}
}

// bears tells whether the configuration stays whole with the stricter value: a gateway
// that wants a token needs one.
func (c *config) bears(w openclaw.Weakness) bool {
	return w.Key != "gateway.auth.mode" || c.get("gateway.auth.token") != nil
}

// logLevel: what is written at info names people and sessions, but no messages.
func logLevel(w openclaw.Weakness) Severity {
	if strings.Contains(w.Shown, "debug") || strings.Contains(w.Shown, "trace") {
		return Critical
	}
	return Info
}

// gatewayToken looks at a token or password that is in the file.
func gatewayToken(h *Host, a *answer, c *config) {
	for _, key := range []string{"password", "token"} {
		least := map[string]int{"token": 32, "password": 16}[key]
		path := []string{"gateway", "auth", key}
		value, ok := c.get(strings.Join(path, ".")).(string)
		switch {
		case !ok || sentinel(value):
		case fromEnvironment(value):
			h.chosen(a.found(c.at(path...), "it is taken from the environment, which every child process inherits"), openclaw.PartGateway, path...).milder(Low)
		case len(value) < least:
			a.found(c.at(path...), "it is shorter than %d characters, and it is in the file in the clear", least)
		default:
			h.chosen(a.found(c.at(path...), "it is in the file in the clear"), openclaw.PartGateway, path...)
		}
	}
}

// gatewayAllows: clients may call a tool that is denied otherwise, or name the session.
func gatewayAllows(h *Host, a *answer, c *config) {
	path := []string{"gateway", "tools", "allow"}
	if list := c.texts(strings.Join(path, ".")); len(list) > 0 {
		f := a.found(c.at(path...), "it opens tools to clients of the HTTP interface: %s", strings.Join(list, ", "))
		h.chosen(f, openclaw.PartGateway, path...).repairedBy(Repair{In: c.path, Key: path, Remove: true})
	}
}

// nodeCommands: commands that paired devices run.
func nodeCommands(h *Host, a *answer, c *config) {
	for _, path := range [][]string{{"gateway", "nodes", "commands", "allow"}, {"gateway", "nodes", "allowCommands"}} {
		if list := c.texts(strings.Join(path, ".")); len(list) > 0 {
			f := a.found(c.at(path...), "it lets the agent run commands on paired devices: %s", strings.Join(list, ", "))
			h.chosen(f, openclaw.PartGateway, path...).repairedBy(Repair{In: c.path, Key: path, Remove: true})
		}
	}
}

// lookAt follows keys down into a decoded value.
func lookAt(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func textAt(v any, keys ...string) string {
	s, _ := lookAt(v, keys...).(string)
	return s
}

func wordsAt(v any, keys ...string) []string {
	list, _ := lookAt(v, keys...).([]any)
	return words(list)
}

// heartbeats: each beat is a paid request that nobody asked for.
func heartbeats(h *Host, a *answer, c *config) {
	beats := func(every string) bool { return every != "" && strings.Trim(every, "0hms. ") != "" }
	tell := func(every string, fixable bool, path ...string) {
		if !beats(every) {
			return
		}
		f := h.chosen(a.found(c.at(path...), "the agent is asked every %s without anybody's message", every), openclaw.PartSessions, path...)
		if fixable {
			f.repairedBy(c.set("0m", path...))
		}
	}
	tell(c.text("agents.defaults.heartbeat.every"), true, "agents", "defaults", "heartbeat", "every")
	entries := c.object("agents.entries")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		tell(textAt(entries[name], "heartbeat", "every"), true, "agents", "entries", name, "heartbeat", "every")
	}
	list, _ := c.get("agents.list").([]any)
	for _, e := range list {
		tell(textAt(e, "heartbeat", "every"), false, "agents", "list")
	}
}

// auditOff: before 2026.8 the audit log had a key of its own.
func auditOff(h *Host, a *answer, c *config) {
	if c.get("audit.enabled") == false {
		f := a.found(c.at("audit", "enabled"), "it is false: nothing records what the agent did")
		h.chosen(f, openclaw.PartLogging, "audit", "enabled").repairedBy(c.set(true, "audit", "enabled"))
	}
}
