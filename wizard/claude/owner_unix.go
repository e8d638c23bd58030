//go:build unix

package claude

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// checkOwner refuses a program that another user of this machine could replace:
// the file and the folders that hold it and its link belong to root or to us and
// are not writable by everybody.
func checkOwner(path, target string, info os.FileInfo) error {
	if info.Mode().Perm()&0o111 == 0 {
		return errors.New("not executable")
	}
	if err := ours(target, info, 0); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(target)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		// In a sticky folder like /tmp only the owner replaces a file.
		if err := ours(dir, info, os.ModeSticky); err != nil {
			return err
		}
	}
	return nil
}

func ours(path string, info os.FileInfo, sticky os.FileMode) error {
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&sticky == 0 {
		return fmt.Errorf("%s is writable by every user", path)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int64(stat.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("%s belongs to the user with id %d", path, stat.Uid)
	}
	return nil
}
