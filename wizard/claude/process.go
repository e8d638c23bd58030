package claude

import (
	"encoding/json"
	"strings"
)

// process is what a Claude Code process says of itself in sessions/PID.json from its
// start to its end; one that was killed leaves it behind. It does not keep its
// transcript open: measured with 2.1.330, which opens it anew for every line.
type process struct {
	PID     int    `json:"pid"`
	Session string `json:"sessionId"`
	// Start is when the process began, in the kernel's own units.
	Start string `json:"procStart"`
}

// largestProcess bounds the file, in bytes.
const largestProcess = 64 << 10

// parseProcess reads such a file; ok is false for one of another form.
func parseProcess(b []byte) (p process, ok bool) {
	if err := json.Unmarshal(b, &p); err != nil {
		return process{}, false
	}
	if p.PID <= 0 || p.PID > 1<<30 || uuid.FindString(p.Session) != p.Session || p.Session == "" {
		return process{}, false
	}
	return p, true
}

// started is the start time in a line of /proc/PID/stat; the name before it, in
// brackets, may hold anything. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func started(stat string) (string, bool) {
	const fieldsBefore = 19 // from the state, which is the third of all
	i := strings.LastIndexByte(stat, ')')
	if i < 0 {
		return "", false
	}
	fields := strings.Fields(stat[i+1:])
	if len(fields) <= fieldsBefore {
		return "", false
	}
	return fields[fieldsBefore], true
}
