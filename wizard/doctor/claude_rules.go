package doctor

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// helpers are keys whose value a shell runs.
var helpers = []string{"apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh", "otelHeadersHelper", "proxyAuthHelper", "processWrapper"}

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
	// What one file of a user or project switches off another one may switch on again.
	again := slices.ContainsFunc(s.files, func(f settingsFile) bool { return f.level != levelOurs && f.get("disableAllHooks") == false })
	eachSettings(h, a, func(f settingsFile) {
		if f.get("disableAllHooks") == true && !again || off && f.level != levelManaged {
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

// sandbox: switched off, or with a way out. Keys of 2.1.330.
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
			{"enableWeakerNetworkIsolation", true, "the sandbox holds the network less"},
			{"allowAppleEvents", true, "the sandbox lets commands drive other programs"},
			{"network.allowAllUnixSockets", true, "the sandbox lets commands talk to every service of this host, the container engine among them"},
			{"filesystem.disabled", true, "the sandbox lets commands read and write every file of this user"},
		} {
			if key := append([]string{"sandbox"}, strings.Split(way.key, ".")...); f.get(key...) == way.value {
				a.found(f.at(key...), way.detail)
			}
		}
		h.sandboxHoles(a, f)
	})
}

// sandboxHoles are lists of what is not held.
func (h *Host) sandboxHoles(a *answer, f settingsFile) {
	if list := f.texts("sandbox", "excludedCommands"); len(list) > 0 {
		got := a.found(f.at("sandbox", "excludedCommands"), "%d commands are run outside of the sandbox", len(list))
		if !slices.ContainsFunc(list, func(c string) bool { return broad("Bash("+c+")") || anyProgram().MatchString("Bash("+c+" *)") }) {
			got.milder(Low)
		}
	}
	if list := f.texts("sandbox", "network", "allowUnixSockets"); len(list) > 0 {
		got := a.found(f.at("sandbox", "network", "allowUnixSockets"), "the sandbox lets commands talk to %d services of this host", len(list))
		if !slices.ContainsFunc(list, func(s string) bool { return compose.LeadsToEngine(s) || strings.ContainsAny(s, "*?") }) {
			got.milder(Low)
		}
	}
	if slices.Contains(f.texts("sandbox", "network", "allowedDomains"), "*") {
		a.found(f.at("sandbox", "network", "allowedDomains"), "the sandbox lets commands talk to every host")
	}
	for _, dir := range f.texts("sandbox", "filesystem", "allowWrite") {
		if where := h.resolve(strings.TrimRight(dir, "*")); h.precious(where) {
			a.found(f.at("sandbox", "filesystem", "allowWrite"), "commands in the sandbox may write to %s, which holds, or is inside of, a folder with keys or settings", text.Clean(dir, 100))
		}
	}
	if textAt(f.values, "sandbox", "ripgrep", "command") != "" {
		a.found(f.at("sandbox", "ripgrep", "command"), "a program is named that is run outside of the sandbox")
	}
}

// broadRule matches a rule that allows a tool that acts, or reads, whatever it is told;
// anyProgram one that allows a program which itself runs anything, or one before which
// stand only programs that run another.
var (
	broadRule  = text.Pattern(`(?i)^(?:\*|mcp__(?:[\w-]*__)?\*|(?:Bash|PowerShell|Write|Edit|MultiEdit|NotebookEdit|Read|WebFetch|Agent|Task|Skill)(?:\((?:[:*/~\s]|domain:\*)*\))?)$`)
	anyProgram = text.Pattern(`(?i)^(?:Bash|PowerShell)\(\s*(?:` + anyWrapper + `\s+)*(?:` + anyWrapper + `|["']?(?:\S*/)?(?:` + anyRunner + `)(?:\.exe)?["']?(?:\s+-[\w-]+)*)(?:\s*:\*|\s+\*)\s*\)$`)
)

const (
	// anyWrapper is a program that runs the one which follows, with options and their words.
	anyWrapper = `["']?(?:\S*/)?(?:sudo|doas|su|env|xargs|timeout|nice|nohup|setsid|stdbuf|ionice|chroot|unshare|nsenter|watch|time|strace|busybox|parallel|exec|command|eval|find)["']?` +
		`(?:\s+(?:-\S+(?:\s+[\w./:{}-]+)?|\d+\w*|\w+=\S*))*`
	// anyRunner are programs that run what they are told: shells, languages, what builds,
	// installs, edits or debugs, clients of other hosts and of container engines.
	anyRunner = `sh|bash|zsh|dash|ksh|fish|pwsh|powershell|cmd|python[\d.]*|node|nodejs|deno|bun|npx|bunx|perl|ruby|php|lua|tclsh|Rscript|java|osascript|` +
		`npm|pnpm|yarn|uv|uvx|pip[\d.]*|pipx|make|gmake|ninja|cargo|go|gradle|mvn|git|awk|gawk|mawk|nawk|vi|vim|nvim|emacs|ed|less|gdb|lldb|script|expect|tmux|screen|` +
		`curl|wget|ssh|scp|rsync|nc|ncat|socat|docker|podman|nerdctl|kubectl|systemd-run|crontab|at`
)

// broad tells whether a rule allows a tool, or all tools of a server, whatever it is told.
func broad(rule string) bool {
	rule = strings.TrimSpace(rule)
	server, mcp := strings.CutPrefix(rule, "mcp__")
	return broadRule().MatchString(rule) || mcp && server != "" && !strings.Contains(server, "__")
}

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
				case broad(rule):
					a.found(f.at(key...), "%s is allowed whatever it is told to do", text.Clean(tool, 60))
				case anyProgram().MatchString(strings.TrimSpace(rule)):
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

// plugins: one brings hooks, commands and MCP servers along, and updates itself.
func plugins(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		tell := func(key, detail string, n int) {
			if n == 0 {
				return
			}
			got := a.found(f.at(key), detail, n)
			switch f.level {
			case levelProject:
			case levelManaged:
				got.milder(Low)
			default:
				got.milder(Medium)
			}
		}
		on := 0
		enabled, _ := f.get("enabledPlugins").(map[string]any)
		for _, v := range enabled {
			if v != false && v != nil {
				on++
			}
		}
		tell("enabledPlugins", "%d plugins are switched on: their hooks and servers run", on)
		places, _ := f.get("extraKnownMarketplaces").(map[string]any)
		tell("extraKnownMarketplaces", "%d places are named that plugins come from", len(places))
	})
}

// directories: what lies in an additional folder can be read, and written, by every tool.
func directories(_ context.Context, h *Host, a *answer) {
	eachSettings(h, a, func(f settingsFile) {
		for _, dir := range f.texts("permissions", "additionalDirectories") {
			switch where := h.resolve(dir); {
			case reaches(where, h.Home):
				a.found(f.at("permissions", "additionalDirectories"), "%s holds the home folder", text.Clean(dir, 100))
			case h.precious(where):
				a.found(f.at("permissions", "additionalDirectories"), "%s holds, or is inside of, a folder with keys or settings", text.Clean(dir, 100))
			}
		}
	})
}

// precious tells whether a folder holds the home, a guarded folder or a container engine's
// socket, or is inside of a guarded one.
func (h *Host) precious(where string) bool {
	return reaches(where, h.Home) || compose.LeadsToEngine(where) || slices.ContainsFunc(h.guarded(), func(g string) bool { return reaches(where, g) || within(where, resolvedPath(g)) })
}

// guarded are folders that no tool has to get into.
func (h *Host) guarded() []string {
	out := []string{h.openClawDir(), "/etc", "/proc", "/root", "/run/user", "/run/secrets", "/run/credentials"}
	for _, name := range []string{".ssh", ".claude", ".aws", ".gnupg", ".config"} {
		out = append(out, filepath.Join(h.Home, name))
	}
	if h.Made != nil {
		out = append(out, h.Made.ConfigDir, h.Made.StateDir, h.Made.StackDir)
	}
	return out
}

// resolve makes a path of a settings file absolute as Claude Code does, without links.
func (h *Host) resolve(path string) string {
	switch {
	case path == "~" || strings.HasPrefix(path, "~/"):
		path = filepath.Join(h.Home, strings.TrimPrefix(path, "~"))
	case strings.HasPrefix(path, "//"):
		path = path[1:]
	case !filepath.IsAbs(path):
		path = filepath.Join(h.Work, path)
	}
	return resolvedPath(path)
}

// reaches tells whether path lies in dir, which has no links in it, or a link on the way
// to path does: whoever writes to dir has what is at path, or makes it something else.
func reaches(dir, path string) bool {
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if within(filepath.Join(resolvedPath(filepath.Dir(at)), filepath.Base(at)), dir) {
			return true
		}
		if at == filepath.Dir(at) {
			return within(resolvedPath(path), dir)
		}
	}
}

// within tells whether path is dir or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}
