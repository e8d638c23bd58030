package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Append adds data to the end of path and waits until it is on the disk. The
// file is made with mode 0600 when it is missing. A failed append may leave a
// part of data behind, always at the end of the file.
func (d *Disk) Append(path string, data []byte) error {
	if err := d.CheckTarget(path); err != nil {
		return err
	}
	if err := d.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	_, statErr := os.Lstat(path)
	if err := d.step("append", path); err != nil {
		return writeError(path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return refuse(path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		if err = d.step("sync", path); err == nil {
			err = f.Sync()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return writeError(path, err)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		return d.syncDir(filepath.Dir(path))
	}
	return nil
}

// Truncate cuts path to size bytes, durably.
func (d *Disk) Truncate(path string, size int64) error {
	if err := d.CheckTarget(path); err != nil {
		return err
	}
	if err := d.step("truncate", path); err != nil {
		return writeError(path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|noFollow, 0)
	if err != nil {
		return refuse(path, err)
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return writeError(path, errors.Join(err, f.Close()))
}
