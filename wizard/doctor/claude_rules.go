package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// settingsForms are the keys that a check here rests on, with the form in which Claude
// Code takes them: a file of a user with another form is thrown away as a whole, without
// a word (measured on 2.1.330).
var settingsForms = map[string]func(any) bool{
	"env":                        isTexts,
	"permissions":                isPermissions,
	"apiKeyHelper":               isText,
	"hooks":                      isObject,
	"cleanupPeriodDays":          isNumber,
	"disableAllHooks":            isBool,
	"enableAllProjectMcpServers": isBool,
	"allowManagedHooksOnly":      isBool,
	"allowedMcpServers":          isList,
	"enabledMcpjsonServers":      isList,
	"model":                      isText,
}

func isText(v any) bool   { _, ok := v.(string); return ok }
func isBool(v any) bool   { _, ok := v.(bool); return ok }
func isObject(v any) bool { _, ok := v.(map[string]any); return ok }
func isList(v any) bool   { _, ok := v.([]any); return ok }
func isNumber(v any) bool { _, ok := v.(json.Number); return ok }

func isTexts(v any) bool {
	m, ok := v.(map[string]any)
	for _, x := range m {
		ok = ok && !isObject(x) && !isList(x)
	}
	return ok
}

func isPermissions(v any) bool {
	m, ok := v.(map[string]any)
	for _, name := range []string{"allow", "ask", "deny", "additionalDirectories"} {
		if list, there := m[name]; there {
			items, isList := list.([]any)
			ok = ok && isList && !slices.ContainsFunc(items, func(x any) bool { return !isText(x) })
		}
	}
	for _, name := range []string{"defaultMode", "disableBypassPermissionsMode"} {
		if x, there := m[name]; there {
			ok = ok && isText(x)
		}
	}
	return ok
}

// settingsValid: what is not valid holds nothing back, or stops Claude Code.
func settingsValid(_ context.Context, h *Host, a *answer) {
	s := h.claudeSettings()
	files := s.files
	if h.ManagedFile != "" {
		servers := &claudeSettings{}
		servers.add(h, levelManaged, filepath.Join(filepath.Dir(filepath.Dir(h.ManagedFile)), "managed-mcp.json"))
		files = slices.Concat(files, servers.files)
	}
	for _, g := range s.gaps {
		a.cannot(g.Where, errors.New(g.Why))
	}
	for _, f := range files {
		switch {
		case f.level == levelOurs:
		case f.broken && f.level == levelManaged:
			a.found(f.at(), "%s: Claude Code refuses to run with it", f.err.Error())
		case f.broken:
			a.found(f.at(), "%s: nothing of it holds", f.err.Error()).milder(Medium)
		case f.err != nil:
			a.cannot(f.path, f.err)
		default:
			a.saw(f.path)
			f.forms(a)
		}
	}
}

func (f settingsFile) forms(a *answer) {
	for _, key := range slices.Sorted(maps.Keys(settingsForms)) {
		if v, there := f.values[key]; there && !settingsForms[key](v) {
			a.found(f.at(key), "it is not of the form that Claude Code takes: the whole file may be ignored").milder(Medium)
		}
	}
}

// settingsOurs: the file that the agent's Claude Code is given holds what was agreed to.
// Its address has a check of its own.
func settingsOurs(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.NoAgent {
		return
	}
	path := h.Made.ClaudeSettings
	r := h.read(path)
	switch {
	case r.err != nil:
		a.cannot(path, r.err)
		return
	case !r.exists:
		a.found(Location{Path: path}, "the settings of the agent's Claude Code are gone").milder(High)
		return
	}
	a.saw(path)
	f, ok := h.claudeSettings().ours()
	if !ok {
		a.found(Location{Path: path}, "it is no JSON object: nothing of it holds")
		return
	}
	data := r.data
	if env, ok := f.values["env"].(map[string]any); ok && f.env("ANTHROPIC_BASE_URL") != "" {
		copied := maps.Clone(f.values)
		copied["env"] = maps.Clone(env)
		copied["env"].(map[string]any)["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1"
		if b, err := json.Marshal(copied); err == nil {
			data = b
		}
	}
	if err := claude.ValidateSettings(data); err != nil {
		a.found(Location{Path: path}, text.Clean(err.Error(), 200))
	}
}

// baseURL: whoever answers at the base URL gets the token and every prompt (S-02).
func baseURL(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		h.address(a, f.env, func(name string) Location { return f.at("env", name) })
	})
	if f, ok := h.claudeSettings().ours(); ok {
		a.saw(f.path)
		h.address(a, f.env, func(name string) Location { return f.at("env", name) })
	}
	h.address(a, h.Getenv, func(name string) Location { return Location{Key: name} })
}

// address looks at one environment; a finding in the operator's own has no file.
func (h *Host) address(a *answer, env func(string) string, at func(string) Location) {
	tell := func(name, detail string, worst Severity) {
		f := a.found(at(name), detail).milder(worst)
		if f.Where.Path == "" && f.Where.PID == 0 {
			f.Fix = "unset " + name
		}
	}
	if why, worst := h.leadsTo(env("ANTHROPIC_BASE_URL")); why != "" {
		tell("ANTHROPIC_BASE_URL", "Claude Code is sent to "+why, worst)
	}
	for _, name := range elsewhere {
		if switchedOn(env(name)) {
			tell(name, "it sends Claude Code elsewhere than to the proxy", Critical)
		}
	}
}

// leadsTo says where an address leads if that is not the proxy, without any user,
// password or path in it, and how bad that is.
func (h *Host) leadsTo(address string) (string, Severity) {
	if address == "" {
		return "", Info
	}
	if h.notProxy(address) == "" {
		return "", Info
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "an address that is none", Critical
	}
	host := text.Clean(u.Scheme, 10) + "://" + text.Clean(u.Host, 100)
	if local(u.Hostname()) {
		return host + ", which is not the address of the proxy: somebody else may listen there", High
	}
	return host, Critical
}

// helpers are keys whose value a shell runs.
var helpers = []string{"apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper"}

// keyHelper: the command is run by a shell, and what it prints is sent as the key. It may
// hold a key itself, so that nothing of it is shown.
func keyHelper(_ context.Context, h *Host, a *answer) {
	own, _ := h.claudeSettings().ours()
	eachSettings(h, a, func(f settingsFile) {
		for _, key := range helpers {
			command, _ := f.get(key).(string)
			switch {
			case command == "":
			case key == helpers[0] && command == own.get(key):
			case f.level == levelProject:
				a.found(f.at(key), "a folder's own settings run a command: whoever writes to the folder runs what they like")
			case h.Made != nil:
				a.found(f.at(key), "it is not the command of clawsetup that gives out the proxy's token")
			case strings.ContainsAny(command, ";|&`$<>\n"):
				a.found(f.at(key), "the command holds characters that a shell acts on")
			case !filepath.IsAbs(strings.Trim(firstWord(command), `'"`)):
				a.found(f.at(key), "the program is not named by an absolute path: the first of that name in PATH is run").milder(Medium)
			}
		}
	})
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

// hooks: commands that run without any tool being allowed. --tools "" does not stop them
// (measured on 2.1.330).
func hooks(_ context.Context, h *Host, a *answer) {
	s := h.claudeSettings()
	off := s.commands("allowManagedHooksOnly") || s.commands("disableAllHooks")
	eachSettings(h, a, func(f settingsFile) {
		if f.get("disableAllHooks") == true || off && f.level != levelManaged {
			return
		}
		events, _ := f.get("hooks").(map[string]any)
		for _, event := range slices.Sorted(maps.Keys(events)) {
			if list, _ := events[event].([]any); len(list) > 0 {
				got := a.found(f.at("hooks", text.Clean(event, 40)), "commands are run at this event")
				if f.level == levelManaged {
					got.milder(Medium)
				}
			}
		}
		for _, key := range []string{"statusLine", "fileSuggestion", "subagentStatusLine"} {
			if f.get(key, "type") == "command" {
				a.found(f.at(key), "a command is run to draw the screen").milder(Medium)
			}
		}
	})
}

// safeModes ask, or refuse, before a tool acts.
var safeModes = []string{"", "default", "manual", "plan", "dontAsk"}

func permissionBypass(_ context.Context, h *Host, a *answer) {
	disabled := h.claudeSettings().commands("permissions", "disableBypassPermissionsMode")
	eachSettings(h, a, func(f settingsFile) {
		mode, _ := f.get("permissions", "defaultMode").(string)
		switch {
		case slices.Contains(safeModes, mode):
		case mode == "bypassPermissions" && disabled:
		case mode == "bypassPermissions":
			a.found(f.at("permissions", "defaultMode"), "every tool acts without being asked for")
		default:
			a.found(f.at("permissions", "defaultMode"), "in the mode %s tools act without being asked for", text.Clean(mode, 40)).milder(High)
		}
		for _, key := range slices.Sorted(maps.Keys(f.values)) {
			lower := strings.ToLower(key)
			if f.values[key] == true && (strings.HasPrefix(lower, "dangerously") || strings.HasPrefix(lower, "skipdangerous") || lower == "bypasspermissionsmodeaccepted") {
				a.found(f.at(text.Clean(key, 60)), "the question before every tool acts unasked is not put any more")
			}
		}
	})
}

// sandbox: switched off, or with a way out.
func sandbox(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		for _, way := range []struct {
			key    string
			value  bool
			detail string
		}{
			{"enabled", false, "the sandbox for commands is switched off"},
			{"allowUnsandboxedCommands", true, "commands may be run outside of the sandbox"},
			{"enableWeakerNestedSandbox", true, "the sandbox is a weaker one"},
		} {
			if f.get("sandbox", way.key) == way.value {
				a.found(f.at("sandbox", way.key), way.detail)
			}
		}
		if f.get("sandbox", "network", "allowAllUnixSockets") == true {
			a.found(f.at("sandbox", "network", "allowAllUnixSockets"), "the sandbox lets commands talk to every service of this host, the container engine among them")
		}
	})
}

// broadRule matches a rule that allows a tool that acts, or reads, whatever it is told;
// anyProgram one that allows a program which itself runs anything.
var (
	broadRule  = regexp.MustCompile(`(?i)^(?:\*|mcp__(?:[\w-]*__)?\*|(?:Bash|PowerShell|Write|Edit|MultiEdit|NotebookEdit|Read|WebFetch|Agent|Task|Skill)(?:\(\s*(?:[:*/~]|domain:\*)*\s*\))?)$`)
	anyProgram = regexp.MustCompile(`(?i)^(?:Bash|PowerShell)\(\s*(?:\S*/)?(?:sh|bash|zsh|dash|fish|env|sudo|su|doas|eval|exec|xargs|find|python[\d.]*|node|deno|bun|npx|perl|ruby|php|curl|wget|ssh|nc|ncat|socat|docker|podman|pwsh)(?:\s+-\w+)*(?:\s*:\*|\s+\*)\s*\)$`)
)

// allowRules: a rule is shown by its tool alone, for Claude Code writes down whole
// commands, credentials in them included.
func allowRules(_ context.Context, h *Host, a *answer) {
	only := h.claudeSettings().commands("allowManagedPermissionRulesOnly")
	eachSettings(h, a, func(f settingsFile) {
		if only && f.level != levelManaged {
			return
		}
		for _, key := range [][]string{{"permissions", "allow"}, {"allowedTools"}} {
			for _, rule := range f.texts(key...) {
				tool, _, _ := strings.Cut(rule, "(")
				switch {
				case broadRule.MatchString(strings.TrimSpace(rule)):
					a.found(f.at(key...), "%s is allowed whatever it is told to do", text.Clean(tool, 60))
				case anyProgram.MatchString(strings.TrimSpace(rule)):
					a.found(f.at(key...), "%s is allowed with a program that runs anything it is told to", text.Clean(tool, 60))
				}
			}
		}
	})
}

// projectMCP: a folder brings its own programs, and they are started unasked.
func projectMCP(_ context.Context, h *Host, a *answer) {
	only := h.claudeSettings().commands("allowManagedMcpServersOnly")
	eachSettings(h, a, func(f settingsFile) {
		if only && f.level != levelManaged {
			return
		}
		if f.get("enableAllProjectMcpServers") == true {
			a.found(f.at("enableAllProjectMcpServers"), "the MCP servers of any folder are started without a question")
		}
		if n := len(f.texts("enabledMcpjsonServers")); n > 0 && f.level == levelProject {
			a.found(f.at("enabledMcpjsonServers"), "a folder's own settings start %d of its MCP servers without a question", n)
		}
	})
}

// directories: what lies in an additional folder can be read, and written, by every tool.
func directories(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		for _, dir := range f.texts("permissions", "additionalDirectories") {
			switch where := h.resolve(dir); {
			case within(h.Home, where):
				a.found(f.at("permissions", "additionalDirectories"), "%s holds the home folder", text.Clean(dir, 100))
			case slices.ContainsFunc(h.guarded(), func(g string) bool { return within(g, where) || within(where, g) }):
				a.found(f.at("permissions", "additionalDirectories"), "%s holds, or is inside of, a folder with keys or settings", text.Clean(dir, 100))
			}
		}
	})
}

// guarded are folders that no tool has to get into.
func (h *Host) guarded() []string {
	out := []string{h.openClawDir(), "/etc", "/proc", "/root", "/var/run"}
	for _, name := range []string{".ssh", ".claude", ".aws", ".gnupg", ".config"} {
		out = append(out, filepath.Join(h.Home, name))
	}
	if h.Made != nil {
		out = append(out, h.Made.ConfigDir, h.Made.StateDir, h.Made.StackDir)
	}
	return out
}

// resolve makes a path of a settings file absolute as Claude Code does.
func (h *Host) resolve(path string) string {
	switch {
	case path == "~" || strings.HasPrefix(path, "~/"):
		path = filepath.Join(h.Home, strings.TrimPrefix(path, "~"))
	case strings.HasPrefix(path, "//"):
		path = path[1:]
	case !filepath.IsAbs(path):
		path = filepath.Join(h.Work, path)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return filepath.Clean(path)
}

// within tells whether path is dir or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// weakEnvironment: variables that let others read what is said, or run code.
func weakEnvironment(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		weak(f.env, true, func(name, detail string, worst Severity) { a.found(f.at("env", name), detail).milder(worst) })
	})
	// The launcher lets none of these through to the agent's Claude Code.
	passed := h.Made == nil || h.Made.Contract == openclaw.Builtin
	if passed {
		a.saw("environment")
	}
	weak(h.Getenv, passed, func(name, detail string, worst Severity) {
		if passed || worst == High && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			a.found(Location{Key: name}, detail).milder(worst).Fix = "unset " + name
		}
	})
}

// weak tells of the variables of one environment. Those of proxies count where they reach
// Claude Code: it asks them for 127.0.0.1, too, unless it is told not to.
func weak(env func(string) string, proxies bool, tell func(name, detail string, worst Severity)) {
	if v := env("NODE_TLS_REJECT_UNAUTHORIZED"); v == "0" {
		tell("NODE_TLS_REJECT_UNAUTHORIZED", "no certificate is looked at: anybody on the way reads and changes everything", High)
	}
	for _, name := range []string{"LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "BASH_ENV"} {
		if env(name) != "" {
			tell(name, "code of somebody else is loaded into every program that is started", Medium)
		}
	}
	if v := env("NODE_OPTIONS"); v != "" {
		worst := Low
		for _, option := range []string{"--require", "-r ", "--import", "--loader", "--experimental-loader", "--inspect", "--tls-", "--use-openssl-ca"} {
			if strings.Contains(v+" ", option) {
				worst = High
			}
		}
		tell("NODE_OPTIONS", "it changes how Claude Code and OpenClaw are run", worst)
	}
	for _, name := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSLKEYLOGFILE", "ANTHROPIC_CUSTOM_HEADERS"} {
		if env(name) != "" {
			tell(name, "it changes whom Claude Code trusts, or what it tells of itself", Medium)
		}
	}
	exempt := env("NO_PROXY") + "," + env("no_proxy")
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if proxies && env(name) != "" && !slices.ContainsFunc(strings.Split(exempt, ","), func(s string) bool {
			return slices.Contains([]string{"127.0.0.1", "127.0.0.0/8", "*"}, strings.TrimSpace(s))
		}) {
			tell(name, "NO_PROXY does not leave out 127.0.0.1: the token and every prompt go through this proxy", High)
		}
	}
}

// quiet are the variables of our settings that keep Claude Code from telling others.
var quiet = []string{"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING"}

// loud are those that make it tell.
var loud = []string{"CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_LOG_USER_PROMPTS", "OTEL_LOG_TOOL_DETAILS"}

func telemetry(_ context.Context, h *Host, a *answer) {
	if f, ok := h.claudeSettings().ours(); ok {
		a.saw(f.path)
		for _, name := range quiet {
			if v := f.env(name); v != "" && !on(v) {
				a.found(f.at("env", name), "traffic that no turn needs is switched on").Fix = fixRepair
			}
		}
	}
	eachSettings(h, a, func(f settingsFile) {
		for _, name := range loud {
			if on(f.env(name)) {
				a.found(f.at("env", name), "what is done, or said, is sent to a collector")
			}
		}
	})
}

// settingsPrivate: who may write to a settings file decides what Claude Code runs.
func settingsPrivate(_ context.Context, h *Host, a *answer) {
	if h.OS == "windows" {
		return
	}
	for _, f := range h.claudeSettings().files {
		if f.level == levelOurs {
			continue
		}
		st, err := os.Lstat(f.path)
		if err != nil {
			a.cannot(f.path, err)
			continue
		}
		a.saw(f.path)
		h.settingsMode(a, f, st)
		dir := filepath.Dir(f.path)
		if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0 {
			a.found(Location{Path: dir}, "other users may replace the settings in this folder (mode %04o)", st.Mode().Perm()).Fix = fixCommand("chmod go-w {path}", dir)
		}
	}
}

func (h *Host) settingsMode(a *answer, f settingsFile, st fs.FileInfo) {
	mode := st.Mode().Perm()
	owner, known := ownerOf(st)
	switch {
	case known && owner != 0 && owner != h.UID:
		a.found(f.at(), "it belongs to the user with id %d", owner).Fix = "ls -l " + quoteWord(f.path)
	case !st.Mode().IsRegular():
		// A link has no mode of its own; what it leads to may be anybody's to write.
		if to, err := os.Stat(f.path); err == nil && to.Mode().Perm()&0o022 != 0 {
			a.found(f.at(), "other users may write to what this link leads to (mode %04o)", to.Mode().Perm())
		}
	case mode&0o022 != 0 && f.level == levelUser:
		a.found(f.at(), "other users may write to it (mode %04o)", mode).repairedBy(Repair{Private: f.path, Mode: mode &^ 0o077})
	case mode&0o022 != 0:
		got := a.found(f.at(), "other users may write to it (mode %04o)", mode)
		got.Fix = fixCommand("chmod go-w {path}", f.path)
	case mode&0o044 != 0 && f.level == levelUser:
		a.found(f.at(), "other users may read it (mode %04o)", mode).milder(Low).repairedBy(Repair{Private: f.path, Mode: mode &^ 0o077})
	}
}

// managedSettings: the file of ours that takes tools from every Claude Code of the host.
func managedSettings(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || !h.Made.Managed || h.ManagedFile == "" {
		return
	}
	r := h.read(h.ManagedFile)
	if r.err != nil {
		a.cannot(h.ManagedFile, r.err)
		return
	}
	if !r.exists {
		a.found(Location{Path: h.ManagedFile}, "the settings that take tools from every Claude Code of this host are gone")
		return
	}
	a.saw(h.ManagedFile)
	want, err := claude.ManagedSettings()
	if err != nil {
		a.cannot(h.ManagedFile, err)
		return
	}
	has, err := parseObject(r.data)
	if err != nil {
		return // claude-settings-valid tells
	}
	all, _ := parseObject(want)
	for _, key := range lacking(has, all, "") {
		a.found(Location{Path: h.ManagedFile, Key: key}, "it does not hold any more what takes the tools away")
	}
}

// lacking are the keys of want that has does not hold: a list may be longer, unless it is
// one that has to be empty.
func lacking(has, want map[string]any, prefix string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		ok := true
		switch w := want[key].(type) {
		case map[string]any:
			m, _ := has[key].(map[string]any)
			out = append(out, lacking(m, w, prefix+key+".")...)
		case []any:
			list, isList := has[key].([]any)
			ok = isList && (len(w) > 0 || len(list) == 0)
			for _, x := range w {
				ok = ok && slices.Contains(list, x)
			}
		default:
			ok = has[key] == w
		}
		if !ok {
			out = append(out, prefix+key)
		}
	}
	return out
}
