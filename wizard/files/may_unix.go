//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// MayWrite tells whether this user could write path: the file, or the nearest folder
// above it that is there.
func (d *Disk) MayWrite(path string) bool {
	for {
		_, err := os.Lstat(path)
		if err == nil {
			return unix.Access(path, unix.W_OK) == nil
		}
		if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
			path = parent
			continue
		}
		return false
	}
}
