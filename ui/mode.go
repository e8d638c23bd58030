package ui

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// Mode is how the operator is asked.
type Mode int

// The modes.
const (
	// FullScreen draws the wizard on the terminal.
	FullScreen Mode = iota
	// PlainPrompts asks line by line: for screen readers, simple terminals, pipes.
	PlainPrompts
	// Unattended asks nothing: flags and defaults answer.
	Unattended
)

// Mode tells how the operator is asked.
func (u *UI) Mode() Mode { return u.mode }

func mode(o Options, getenv func(string) string) Mode {
	switch {
	case o.Yes || o.JSON:
		return Unattended
	case o.Plain, getenv("ACCESSIBLE") != "", simpleTerminal(getenv("TERM")):
		return PlainPrompts
	case !isTerminal(o.In), !isTerminal(o.Out), !isTerminal(o.Err):
		return PlainPrompts
	default:
		return FullScreen
	}
}

// simpleTerminal is true where cursor movement cannot be expected. Windows
// consoles set no TERM.
func simpleTerminal(name string) bool {
	return name == "dumb" || (name == "" && runtime.GOOS != "windows")
}

// isTerminal tells whether stream, a reader or writer, is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && f != nil && term.IsTerminal(int(f.Fd()))
}

// size is the terminal's, or 80x24 when it is unknown.
func size(w io.Writer) area {
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return area{width, height}
		}
	}
	return area{80, 24}
}
