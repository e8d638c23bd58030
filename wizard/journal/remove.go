package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// Remove deletes the journal in dir for good: its records, head, torn ends and
// snapshots, and nothing else that may be there. The caller holds the lock. It is safe
// to repeat.
//
// The records go first: what is left then is no journal that fails to verify, but none.
func Remove(disk *files.Disk, dir string) error {
	p := paths{disk, dir}
	for _, path := range []string{p.journal(), p.head()} {
		if err := disk.Remove(path); err != nil {
			return err
		}
	}
	if err := removeNamed(disk, dir, func(name string) bool {
		return strings.HasPrefix(name, filepath.Base(p.journal())+".torn-")
	}); err != nil {
		return err
	}
	snapshots := filepath.Join(dir, "snapshots")
	if err := disk.SweepTemp(snapshots); err != nil {
		return err
	}
	if err := removeNamed(disk, snapshots, func(name string) bool { return len(name) == hashLen && isHex([]byte(name)) }); err != nil {
		return err
	}
	return disk.RemoveEmptyDir(snapshots)
}

// removeNamed deletes the regular files of dir whose names are ours.
func removeNamed(disk *files.Disk, dir string, ours func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking into %s: %w", dir, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !ours(e.Name()) {
			continue
		}
		if err := disk.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
