//go:build unix

package engine

import (
	"os/exec"
	"syscall"
)

// apart keeps a terminal's ctrl+c from a program: clawsetup itself decides when it
// ends, above all when it undoes.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
