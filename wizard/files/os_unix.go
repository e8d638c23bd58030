//go:build unix

package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const (
	noFollow                 = syscall.O_NOFOLLOW
	noWait                   = syscall.O_NONBLOCK
	permissionsMeanSomething = true
)

// KeptMode is what this system keeps of the permissions that a file is given: all.
func KeptMode(mode fs.FileMode) fs.FileMode { return mode.Perm() }

// openNoFollow never waits: O_NONBLOCK lets a fifo open, to be refused by its
// type.
func openNoFollow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) {
		return nil, ErrSymlink
	}
	return f, err
}

// openNoWait follows links, but does not wait for the writer of a fifo.
func openNoWait(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func ownedByUs(st fs.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

// trustedOwner: a folder of root's, such as a home's parent, is no danger.
func trustedOwner(st fs.FileInfo) bool {
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && (s.Uid == 0 || int(s.Uid) == os.Geteuid())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
