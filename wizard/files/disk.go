// Package files is the one way clawsetup touches the disk.
//
// A write is atomic and durable: temporary file in the same folder, fsync,
// rename, fsync of the folder. Managed paths are never followed through a symbolic
// link and never changed when they belong to another user. Every step that
// outlives the process is announced to Disk.Before, so that tests can stop the
// program, or fill the disk, at each of them.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Why a path was refused; errors.Is tells them apart.
var (
	ErrSymlink      = errors.New("is a symbolic link")
	ErrNotRegular   = errors.New("is not a regular file")
	ErrForeignOwner = errors.New("belongs to another user")
	ErrTooLarge     = errors.New("is too large")
	ErrOpenToOthers = errors.New("its folder can be written by other users")
)

// Op is one step on the disk that outlives the process.
type Op struct {
	// Kind is mkdir, create, write, sync, rename, syncdir, remove or append.
	Kind string
	Path string
}

// Disk reads and writes managed files. The zero value is ready to use.
type Disk struct {
	// Before is called ahead of each Op; an error takes its place.
	Before func(Op) error
}

// File is the state of one path.
type File struct {
	// Exists is false when there is nothing at the path; the rest is zero then.
	Exists bool
	Mode   fs.FileMode
	Data   []byte
}

func (d *Disk) step(kind, path string) error {
	if d.Before == nil {
		return nil
	}
	if err := d.Before(Op{Kind: kind, Path: path}); err != nil {
		return &fs.PathError{Op: kind, Path: path, Err: err}
	}
	return nil
}

// Read returns the file at path. A missing file is File{Exists: false} and no
// error. A symbolic link, a folder or device, a file of another user and a file of
// more than limit bytes are refused; a fifo is refused without waiting for a writer.
func (d *Disk) Read(path string, limit int64) (File, error) {
	f, err := openNoFollow(path)
	if errors.Is(err, fs.ErrNotExist) {
		return File{}, nil
	}
	if err != nil {
		return File{}, refuse(path, err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return File{}, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := inspect(st); err != nil {
		return File{}, refuse(path, err)
	}
	if st.Size() > limit {
		return File{}, refuse(path, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, st.Size(), limit))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return File{}, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return File{}, refuse(path, fmt.Errorf("%w: it grew past %d bytes while it was read", ErrTooLarge, limit))
	}
	return File{Exists: true, Mode: KeptMode(st.Mode()), Data: data}, nil
}

// ReadFile is Read for callers to whom a missing file is an error
// (fs.ErrNotExist).
func (d *Disk) ReadFile(path string, limit int64) ([]byte, error) {
	f, err := d.Read(path, limit)
	if err != nil {
		return nil, err
	}
	if !f.Exists {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return f.Data, nil
}

// CheckTarget tells whether WriteFile could replace path without following a
// link or touching another user's file or folder. It changes nothing; what does not exist
// yet passes when its nearest existing folder does.
func (d *Disk) CheckTarget(path string) error {
	st, err := os.Lstat(path)
	switch {
	case err == nil:
		if err := inspect(st); err != nil {
			return refuse(path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("looking at %s: %w", path, err)
	}
	return checkFolder(filepath.Dir(path))
}

// checkFolder refuses a folder in which another user could swap our files.
func checkFolder(dir string) error {
	for {
		st, err := os.Lstat(dir)
		if err == nil {
			switch {
			case st.Mode()&fs.ModeSymlink != 0:
				return refuse(dir, ErrSymlink)
			case !st.IsDir():
				return refuse(dir, errors.New("is not a folder"))
			case !trustedOwner(st):
				return refuse(dir, ErrForeignOwner)
			case st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0 && permissionsMeanSomething:
				return refuse(dir, ErrOpenToOthers)
			}
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking at %s: %w", dir, err)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return fmt.Errorf("looking at %s: %w", dir, err)
		}
		dir = up
	}
}

func inspect(st fs.FileInfo) error {
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		return ErrSymlink
	case st.IsDir():
		return fmt.Errorf("%w: it is a folder", ErrNotRegular)
	case !st.Mode().IsRegular():
		return ErrNotRegular
	case !ownedByUs(st):
		return ErrForeignOwner
	}
	return nil
}

func refuse(path string, err error) error {
	id := ""
	switch {
	case errors.Is(err, ErrSymlink):
		id = "path-symlink"
	case errors.Is(err, ErrNotRegular):
		id = "path-not-regular"
	case errors.Is(err, ErrForeignOwner):
		id = "path-foreign-owner"
	case errors.Is(err, ErrTooLarge):
		id = "path-too-large"
	case errors.Is(err, ErrOpenToOthers):
		id = "path-open-to-others"
	case errors.Is(err, fs.ErrPermission):
		id = "path-permission"
	}
	wrapped := fmt.Errorf("%s: %w", path, err)
	if id == "" {
		return wrapped
	}
	return hint.With(wrapped, id, path)
}

// ReadForeign returns an input file that the operator named and that clawsetup will
// not write: links are followed and any owner will do, but only a regular file of at
// most limit bytes is read, without waiting.
func (d *Disk) ReadForeign(path string, limit int64) ([]byte, error) {
	f, err := openNoWait(path)
	if err != nil {
		return nil, refuse(path, err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	switch {
	case st.IsDir():
		return nil, refuse(path, fmt.Errorf("%w: it is a folder", ErrNotRegular))
	case !st.Mode().IsRegular():
		return nil, refuse(path, ErrNotRegular)
	case st.Size() > limit:
		return nil, refuse(path, fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, st.Size(), limit))
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, refuse(path, fmt.Errorf("%w: it grew past %d bytes while it was read", ErrTooLarge, limit))
	}
	return data, nil
}

// ReadEnd is ReadForeign for a file that grows at its end: of a longer one it returns the
// last limit bytes, and whole is false.
func (d *Disk) ReadEnd(path string, limit int64) (data []byte, whole bool, err error) {
	f, err := openNoWait(path)
	if err != nil {
		return nil, false, refuse(path, err)
	}
	defer func() { _ = f.Close() }() // only read
	st, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, false, refuse(path, ErrNotRegular)
	}
	if whole = st.Size() <= limit; !whole {
		if _, err := f.Seek(-limit, io.SeekEnd); err != nil {
			return nil, false, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	if data, err = io.ReadAll(io.LimitReader(f, limit)); err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", path, err)
	}
	return data, whole, nil
}
