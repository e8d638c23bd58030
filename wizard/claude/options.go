package claude

import (
	"slices"
	"strings"
)

// Option is one option among arguments of Claude Code.
type Option struct {
	// Name is the option's longest name, such as --tools, or as it was written where it
	// is not known.
	Name string
	// Values are those that Claude Code takes from the arguments for it.
	Values []string
	// Harmless says that the option is known, and opens nothing that Args closes. The
	// value may.
	Harmless bool
}

// takes is how many values an option has.
type takes int

const (
	none takes = iota
	one
	optional
	several
)

// harmless are options that change how Claude Code is asked and answers, and no more: by
// claude --help of 2.1.330. Every other one may give it tools, text or another address.
var harmless = map[string]takes{
	"--print": none, "--output-format": one, "--input-format": one, "--include-partial-messages": none, "--verbose": none, "--replay-user-messages": none,
	"--setting-sources": one, "--settings": one, "--tools": several, "--disallowedTools": several, "--strict-mcp-config": none, "--disable-slash-commands": none,
	"--no-chrome": none, "--permission-mode": one, "--permission-prompts": one, "--no-session-persistence": none, "--restricted": none, "--safe-mode": none,
	"--resume": optional, "--session-id": one, "--fork-session": none, "--model": one, "--fallback-model": one, "--effort": one, "--max-turns": one,
	"--max-budget-usd": one, "--json-schema": one, "--autocompact": one, "--exclude-dynamic-system-prompt-sections": none, "--ax-screen-reader": none,
}

var longNames = map[string]string{"-p": "--print", "-r": "--resume", "--disallowed-tools": "--disallowedTools", "--allowed-tools": "--allowedTools"}

// ParseOptions reads arguments as Claude Code 2.1.330 does, whose parser is commander's: an
// option that needs a value takes the next word, even one that looks like an option; one
// that takes several goes on to the next that does; nothing behind "--" is an option. rest
// are the words that belong to no option: a prompt, or a command of Claude Code's own.
func ParseOptions(args []string) (options []Option, rest []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return options, append(rest, args[i+1:]...)
		case !looksLikeOption(arg):
			rest = append(rest, arg)
			continue
		}
		name, value, joined := strings.Cut(arg, "=")
		if long, ok := longNames[name]; ok {
			name = long
		}
		n, known := harmless[name]
		o := Option{Name: name, Harmless: known}
		switch {
		case joined:
			o.Values = []string{value}
		case known && n == none:
		case known && (n == one || n == several) && i+1 < len(args):
			i++
			o.Values = []string{args[i]}
		}
		// What is not known may take any number.
		for more := !joined && (!known || n == several || n == optional && len(o.Values) == 0); more && i+1 < len(args) && !looksLikeOption(args[i+1]); {
			i++
			o.Values = append(o.Values, args[i])
			more = n != optional || !known
		}
		options = append(options, o)
	}
	return options, rest
}

func looksLikeOption(arg string) bool { return len(arg) > 1 && arg[0] == '-' }

// askingModes are the permission modes in which Claude Code asks before a tool acts, or
// refuses: "default" is the older name of "manual". Values of --permission-mode of 2.1.330.
var askingModes = []string{"default", "manual", "plan", "dontAsk"}

// Asks tells whether Claude Code in a permission mode asks before a tool acts, or refuses
// it. A mode that is not known does not.
func Asks(mode string) bool { return slices.Contains(askingModes, mode) }
