package text

import (
	"regexp"
	"sync"
)

// Pattern is a regular expression that is compiled when it is first used: a start of the
// program, as Claude Code does for each token, pays for none that it does not need. An
// expression that is none panics then.
func Pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
