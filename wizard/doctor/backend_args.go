package doctor

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ownCommand is what our backend starts: the launcher, or Claude Code itself where there
// is none; empty where that is not known.
func (h *Host) ownCommand() string {
	switch {
	case h.Made == nil || h.Made.NoAgent:
		return ""
	case h.OS == "windows":
		return h.Made.ClaudePath
	}
	return filepath.Join(h.Made.AgentDir, "bin", "claude")
}

func backendCommand(h *Host, a *answer, c *config, b backend) {
	path, own := textAt(b.config, "command"), h.ownCommand()
	where, name := b.at(c, "command"), text.Clean(b.name, 60)
	switch err := claude.CheckCommand(path); {
	case err != nil:
		a.found(where, "the command of backend %s: %s", name, text.Clean(err.Error(), 150))
		return
	case own != "" && b.ours && path != own:
		a.found(where, "backend %s does not start what clawsetup put there", name)
		return
	case own != "" && b.claude() && path != own && path != h.Made.ClaudePath:
		a.found(where, "backend %s starts another Claude Code than the one that was chosen", name).milder(Medium)
	}
	// One that is gone is no threat; claude-launcher and claude-program tell of ours.
	if why, err := h.othersWrite(path); err == nil && why != "" && path != own {
		a.found(where, "the command of backend %s: %s", name, why)
	}
}

// arguments are the lists of arguments that a backend has.
func (b backend) arguments() map[string][]string {
	out := map[string][]string{}
	for _, key := range []string{"args", "resumeArgs", "sessionArgs"} {
		if _, has := b.config[key]; has {
			out[key] = wordsAt(b.config, key)
		}
	}
	return out
}

// eachArguments asks of every list of arguments, in order.
func (b backend) eachArguments(ask func(key string, args []string)) {
	lists := b.arguments()
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		ask(key, lists[key])
	}
}

// locking are options of the lock-down: checks of their own look at what they say, and how
// often.
var locking = []string{"--tools", "--disallowedTools", "--strict-mcp-config", "--setting-sources", "--settings", "--permission-mode"}

// passed are options by which OpenClaw says of a turn what a backend's arguments leave open.
var passed = []string{"--model", "--session-id", "--resume", "-r", "--append-system-prompt", "--append-system-prompt-file"}

// backendArguments: what is not known to be harmless may give Claude Code back what the
// lock-down took, or send what is said elsewhere.
func backendArguments(_ *Host, a *answer, c *config, b backend) {
	name := text.Clean(b.name, 60)
	b.eachArguments(func(key string, args []string) {
		for _, arg := range args {
			if err := openclaw.CheckArgument(arg); err != nil && openclaw.SkipsPermissions([]string{arg}) == "" {
				a.found(b.at(c, key), "an argument of backend %s: %s", name, text.Clean(err.Error(), 150))
			}
		}
		if b.claude() {
			b.options(a, b.at(c, key), args)
		}
	})
	if !b.claude() {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(b.config)) {
		if option, ok := b.config[key].(string); ok && strings.HasSuffix(key, "Arg") && !slices.Contains(passed, option) {
			a.found(b.at(c, key), "backend %s is told something by %s, which is not known to be harmless", name, text.Clean(option, 60))
		}
	}
	if textAt(b.config, "input") == "arg" {
		a.found(b.at(c, "input"), "backend %s gets the prompt as an argument, which every user of this host can read", name).milder(Medium)
	}
}

// options judges one list of arguments of Claude Code.
func (b backend) options(a *answer, where Location, args []string) {
	name := text.Clean(b.name, 60)
	options, rest := claude.ParseOptions(args)
	seen := map[string]bool{}
	for _, o := range options {
		switch {
		case slices.Contains(locking, o.Name), openclaw.SkipsPermissions([]string{o.Name}) != "":
		case !o.Harmless && openclaw.CheckArgument(o.Name) == nil:
			a.found(where, "backend %s is started with %s, which is not known to be harmless", name, text.Clean(o.Name, 60))
		case seen[o.Name]:
			a.found(where, "backend %s is started with %s more than once", name, o.Name)
		}
		seen[o.Name] = true
	}
	rest = slices.DeleteFunc(rest, func(word string) bool { return openclaw.CheckArgument(word) != nil })
	if len(rest) > 0 {
		a.found(where, "backend %s is started with words that belong to no option: they are a prompt, or a command", name)
	}
}

func backendPermissions(_ *Host, a *answer, c *config, b backend) {
	b.eachArguments(func(key string, args []string) {
		if flag := openclaw.SkipsPermissions(args); flag != "" {
			a.found(b.at(c, key), "backend %s acts without asking: %s", text.Clean(b.name, 60), flag)
		}
	})
}

// lock is an option that a locked-down Claude Code is started with.
type lock struct {
	option, value, why string
}

// The lock-down of Claude Code, in the order of its arguments.
var (
	toolsOff = []lock{{"--tools", "", "its tools are on"}}
	noMCP    = []lock{{"--strict-mcp-config", "", "it takes MCP servers from any configuration that it finds"}, {"--disallowedTools", "mcp__*", "tools of MCP servers are not refused"}}
)

// ownSettings are the options by which a backend takes no settings but one file that it is
// given, and ours no others than ours.
func ownSettings(h *Host, b backend) []lock {
	out := []lock{{"--setting-sources", "", "settings of the folder that it works in hold, its hooks and ANTHROPIC_BASE_URL too"}}
	if b.ours && h.Made != nil && !h.Made.NoAgent {
		return append(out, lock{"--settings", h.Made.ClaudeSettings, "its settings, the address of the proxy among them, are others than clawsetup's"})
	}
	// Of another backend's nobody knows which they have to be: one file at most.
	options, _ := claude.ParseOptions(wordsAt(b.config, "args"))
	if i := slices.IndexFunc(options, func(o claude.Option) bool { return o.Name == "--settings" && len(o.Values) == 1 }); i >= 0 {
		out = append(out, lock{"--settings", options[i].Values[0], "further settings may send it to another address"})
	}
	return out
}

// in tells whether arguments hold the option with its value and, since Claude Code adds
// the values of some options up and takes the last of others (measured on 2.1.330), never
// with another one. What is denied besides does not matter.
func (l lock) in(args []string) bool {
	options, _ := claude.ParseOptions(args)
	held, other := false, false
	for _, o := range options {
		switch {
		case o.Name != l.option:
		case l.option == "--disallowedTools":
			held = held || slices.Contains(o.Values, l.value)
		case l.option == "--strict-mcp-config":
			held = true
		case len(o.Values) == 1 && o.Values[0] == l.value:
			held = true
		default:
			other = true
		}
	}
	return held && !other
}

// fixed is a lock-down that is the same for every backend.
func fixed(locks []lock) func(*Host, backend) []lock {
	return func(*Host, backend) []lock { return locks }
}

// lacks finds a backend that is started without some of the lock-down. The arguments that
// begin a session come behind the others.
func lacks(locks func(*Host, backend) []lock) func(*Host, *answer, *config, backend) {
	return func(h *Host, a *answer, c *config, b backend) {
		if !b.claude() {
			return
		}
		for _, l := range locks(h, b) {
			if !l.in(slices.Concat(wordsAt(b.config, "args"), wordsAt(b.config, "sessionArgs"))) {
				a.found(b.at(c, "args"), "backend %s is not started with %s alone: %s", text.Clean(b.name, 60), l, l.why)
			}
		}
	}
}

// lacksNoMCP: OpenClaw hands a backend that wants them its own MCP servers.
func lacksNoMCP(h *Host, a *answer, c *config, b backend) {
	lacks(fixed(noMCP))(h, a, c, b)
	if b.config["bundleMcp"] == true {
		a.found(b.at(c, "bundleMcp"), "backend %s gets the MCP servers of OpenClaw", text.Clean(b.name, 60))
	}
}

// String is the option as it is written.
func (l lock) String() string {
	if l.option == "--strict-mcp-config" {
		return l.option
	}
	return fmt.Sprintf("%s %q", l.option, text.Clean(l.value, 150))
}

// backendResume: args and resumeArgs are two lists; a conversation that goes on must be
// locked down as one that begins.
func backendResume(h *Host, a *answer, c *config, b backend) {
	if !b.claude() {
		return
	}
	resumes := textAt(b.config, "sessionMode") != "none"
	args, again := wordsAt(b.config, "args"), wordsAt(b.config, "resumeArgs")
	if _, has := b.config["resumeArgs"]; !has {
		if resumes && !b.ours {
			a.found(b.at(c, "resumeArgs"), "backend %s goes on with OpenClaw's own arguments", text.Clean(b.name, 60))
		}
		return
	}
	for _, l := range slices.Concat(toolsOff, noMCP, ownSettings(h, b)) {
		if l.in(args) && !l.in(again) {
			a.found(b.at(c, "resumeArgs"), "backend %s does not go on with %s alone: %s", text.Clean(b.name, 60), l, l.why)
		}
	}
}
