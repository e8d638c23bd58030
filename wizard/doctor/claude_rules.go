package doctor

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

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
	broadRule  = text.Pattern(`(?i)^(?:\*|mcp__(?:[\w-]*__)?\*|(?:Bash|PowerShell|Write|Edit|MultiEdit|NotebookEdit|Read|WebFetch|Agent|Task|Skill)(?:\(\s*(?:[:*/~]|domain:\*)*\s*\))?)$`)
	anyProgram = text.Pattern(`(?i)^(?:Bash|PowerShell)\(\s*(?:\S*/)?(?:sh|bash|zsh|dash|fish|env|sudo|su|doas|eval|exec|xargs|find|python[\d.]*|node|deno|bun|npx|perl|ruby|php|curl|wget|ssh|nc|ncat|socat|docker|podman|pwsh)(?:\s+-\w+)*(?:\s*:\*|\s+\*)\s*\)$`)
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
				case broadRule().MatchString(strings.TrimSpace(rule)):
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
