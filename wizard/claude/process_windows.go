package claude

import "os"

// alive tells whether the process still runs, or another under its number.
func (p process) alive() bool {
	found, err := os.FindProcess(p.PID)
	if err != nil {
		return false
	}
	_ = found.Release()
	return true
}
