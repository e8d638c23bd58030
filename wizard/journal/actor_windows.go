package journal

import (
	"os"

	"golang.org/x/term"
)

// terminal says only whether f is a console: they have no names.
func terminal(f *os.File) string {
	if !term.IsTerminal(int(f.Fd())) {
		return ""
	}
	return "console"
}
