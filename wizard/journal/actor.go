package journal

import (
	"os"
	"os/user"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Actor is who made a change, as far as the process can tell. UID, PID, PPID and
// Host come from the operating system; SudoUser is only what the environment says.
type Actor struct {
	// UID is the numeric user id, on Windows the SID.
	UID  string `json:"uid"`
	User string `json:"user"`
	// SudoUser is who called sudo; empty when nobody did.
	SudoUser string `json:"sudo_user,omitempty"`
	Host     string `json:"host"`
	PID      int    `json:"pid"`
	PPID     int    `json:"ppid"`
	// TTY is the terminal of the standard input; empty when it is none.
	TTY string `json:"tty,omitempty"`
}

// widestName bounds a name that comes from outside, in runes.
const widestName = 128

// CurrentActor describes this process. What the system does not tell stays empty.
func CurrentActor() Actor {
	a := Actor{PID: os.Getpid(), PPID: os.Getppid(), TTY: text.Clean(terminal(os.Stdin), widestName)}
	if u, err := user.Current(); err == nil {
		a.UID, a.User = text.Clean(u.Uid, widestName), text.Clean(u.Username, widestName)
	}
	if host, err := os.Hostname(); err == nil {
		a.Host = text.Clean(host, widestName)
	}
	a.SudoUser = text.Clean(os.Getenv("SUDO_USER"), widestName)
	return a
}
