package command

import "os/exec"

// group leaves the default: exec.CommandContext ends the program itself.
func group(*exec.Cmd) {}
