//go:build unix

package claude

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// alive tells whether the process still runs. Where the kernel shows when a process
// began, another one under the same number does not count.
func (p process) alive() bool {
	if err := syscall.Kill(p.PID, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil || p.Start == "" {
		return true
	}
	start, ok := started(string(stat))
	return !ok || start == p.Start
}
