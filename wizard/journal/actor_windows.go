package journal

import (
	"io/fs"
	"os"
)

// terminal says only whether f is a console: they have no names.
func terminal(f *os.File) string {
	st, err := f.Stat()
	if err != nil || st.Mode()&fs.ModeCharDevice == 0 {
		return ""
	}
	return "console"
}
