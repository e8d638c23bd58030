package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// PrivateDir is the mode of the folders that clawsetup makes, but for those of a Public
// file.
const PrivateDir fs.FileMode = 0o700

// Public is the mode of a file that every user of the host is to read: folders made for
// it let them in.
const (
	Public    fs.FileMode = 0o644
	publicDir fs.FileMode = 0o755
)

// TempName is where WriteFile builds the new content of path before the
// rename. The name is fixed, so that what an interrupted write left behind can be
// found: the transaction lock keeps two writers apart.
func TempName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+tempSuffix)
}

const tempSuffix = ".clawsetup-tmp"

// WriteFile replaces path by data, with exactly this mode, or leaves it as it
// was. Missing folders are made with mode 0700, or 0755 for a Public file.
func (d *Disk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := d.CheckTarget(path); err != nil {
		return err
	}
	folder := PrivateDir
	if mode == Public {
		folder = publicDir
	}
	if err := d.mkdirAll(filepath.Dir(path), folder); err != nil {
		return err
	}
	tmp := TempName(path)
	if err := d.writeTemp(tmp, data, mode); err != nil {
		_ = os.Remove(tmp)
		return writeError(path, err)
	}
	if err := d.replace(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return writeError(path, err)
	}
	return d.syncDir(filepath.Dir(path))
}

func (d *Disk) writeTemp(tmp string, data []byte, mode fs.FileMode) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.step("create", tmp); err != nil {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = d.fill(f, data, mode)
	return errors.Join(err, f.Close())
}

func (d *Disk) fill(f *os.File, data []byte, mode fs.FileMode) error {
	if err := d.step("write", f.Name()); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(KeptMode(mode)); err != nil && permissionsMeanSomething {
		return err
	}
	if err := d.step("sync", f.Name()); err != nil {
		return err
	}
	return f.Sync()
}

func (d *Disk) replace(tmp, path string) error {
	if err := d.step("rename", path); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Remove deletes the file at path durably, and what an interrupted write left
// beside it. A missing file is no error.
func (d *Disk) Remove(path string) error {
	if err := d.CheckTarget(path); err != nil {
		return err
	}
	if err := d.RemoveTemp(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.step("remove", path); err != nil {
		return writeError(path, err)
	}
	if err := os.Remove(path); err != nil {
		return writeError(path, err)
	}
	return d.syncDir(filepath.Dir(path))
}

// RemoveTemp deletes what an interrupted WriteFile of path left behind.
func (d *Disk) RemoveTemp(path string) error {
	tmp := TempName(path)
	if _, err := os.Lstat(tmp); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.step("remove", tmp); err != nil {
		return writeError(tmp, err)
	}
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(tmp, err)
	}
	return nil
}

// SweepTemp deletes what interrupted writes left in dir; a missing folder has none.
// The caller holds the installation's lock, so that nobody is just writing there.
func (d *Disk) SweepTemp(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for leftovers in %s: %w", dir, err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, ".") && strings.HasSuffix(name, tempSuffix) {
			if err := d.RemoveTemp(filepath.Join(dir, strings.TrimSuffix(name[1:], tempSuffix))); err != nil {
				return err
			}
		}
	}
	return nil
}

// RemoveEmptyDir deletes dir when nothing is in it; a missing or used folder
// stays as it is.
func (d *Disk) RemoveEmptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		return nil //nolint:nilerr // a folder that cannot be read is not known to be empty and stays
	}
	if err := d.step("remove", dir); err != nil {
		return writeError(dir, err)
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(dir, err)
	}
	return d.syncDir(filepath.Dir(dir))
}

// MkdirAll makes dir and its missing parents with mode 0700. Existing folders
// keep their mode.
func (d *Disk) MkdirAll(dir string) error { return d.mkdirAll(dir, PrivateDir) }

func (d *Disk) mkdirAll(dir string, mode fs.FileMode) error {
	_, err := os.Stat(dir)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return writeError(dir, err)
	}
	if err := d.mkdirAll(filepath.Dir(dir), mode); err != nil {
		return err
	}
	if err := d.step("mkdir", dir); err != nil {
		return writeError(dir, err)
	}
	err = os.Mkdir(dir, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		// The umask may have taken our own rights.
		err = os.Chmod(dir, mode)
	}
	if err != nil {
		return writeError(dir, err)
	}
	return d.syncDir(filepath.Dir(dir))
}

func (d *Disk) syncDir(dir string) error {
	if err := d.step("syncdir", dir); err != nil {
		return writeError(dir, err)
	}
	return writeError(dir, syncDir(dir))
}

// writeError gives the errors of a full disk and of missing rights their hint.
func writeError(path string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("writing %s: %w", path, err)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return hint.With(wrapped, "disk-full", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return hint.With(wrapped, "path-permission", path)
	}
	return wrapped
}
