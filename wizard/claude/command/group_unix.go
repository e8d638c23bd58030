//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// group puts the program at the head of its own process group and ends the whole
// group at the deadline: a launcher script leaves no child behind.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
