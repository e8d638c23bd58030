//go:build unix

package journal

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// terminal returns the device of f when it is a terminal, found by its device
// number among /dev/pts/* and /dev/tty*.
func terminal(f *os.File) string {
	st, err := f.Stat()
	if err != nil || st.Mode()&fs.ModeCharDevice == 0 {
		return ""
	}
	own, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	for _, dir := range []string{"/dev/pts", "/dev"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			// /dev/tty itself is an alias of whatever terminal the process has.
			if dir == "/dev" && (!strings.HasPrefix(e.Name(), "tty") || e.Name() == "tty") {
				continue
			}
			st, err := e.Info()
			if err != nil || st.Mode()&fs.ModeCharDevice == 0 {
				continue
			}
			if dev, ok := st.Sys().(*syscall.Stat_t); ok && dev.Rdev == own.Rdev {
				return filepath.Join(dir, e.Name())
			}
		}
	}
	return ""
}
