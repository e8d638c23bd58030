package files

import (
	"errors"
	"io/fs"
	"os"
)

const (
	noFollow = 0
	noWait   = 0
	// Windows has access lists, not mode bits; a user's profile is private by
	// default.
	permissionsMeanSomething = false
)

// KeptMode is what this system keeps of the permissions that a file is given. Windows
// keeps none: a file of ours is as private as the profile that it is in.
func KeptMode(fs.FileMode) fs.FileMode { return 0o600 }

func openNoFollow(path string) (*os.File, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode()&fs.ModeSymlink != 0 {
		return nil, ErrSymlink
	}
	if !st.Mode().IsRegular() {
		return nil, errors.Join(ErrNotRegular)
	}
	return os.Open(path)
}

func openNoWait(path string) (*os.File, error) { return os.Open(path) }

func ownedByUs(fs.FileInfo) bool { return true }

func trustedOwner(fs.FileInfo) bool { return true }

// syncDir does nothing: NTFS journals the rename itself.
func syncDir(string) error { return nil }
