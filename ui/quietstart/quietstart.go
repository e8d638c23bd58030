// Package quietstart keeps a program from asking the terminal questions while it
// starts.
//
// Importing bubbletea v1 makes termenv ask the terminal for its colours. A
// terminal that does not answer holds up every command for five seconds, even
// `version`. termenv does not ask when CI is set, so this package sets it before
// termenv is initialised, and whoever imports bubbletea calls Restore in an init
// function, that is after all imported packages are initialised.
//
// The order holds because Go initialises, of all packages whose imports are
// initialised, the one with the smallest import path first: this one needs the
// standard library alone and github.com/clawsetup sorts before
// github.com/muesli/termenv (https://go.dev/ref/spec#Program_initialization).
// For that reason it must never import anything but the standard library.
package quietstart

import "os"

const variable = "CI"

// before is the environment as the program was started.
var before = hide()

type state struct {
	value string
	set   bool
	// hidden is true while the variable holds a value of ours.
	hidden bool
}

func hide() state {
	value, set := os.LookupEnv(variable)
	if value != "" {
		return state{value: value, set: true}
	}
	return state{value: value, set: set, hidden: os.Setenv(variable, "1") == nil}
}

// Restore gives the environment back as it was, so that neither the program nor
// its children take the operator's host for a build server.
func Restore() {
	switch {
	case !before.hidden:
		return
	case before.set:
		_ = os.Setenv(variable, before.value)
	default:
		_ = os.Unsetenv(variable)
	}
	before.hidden = false
}
