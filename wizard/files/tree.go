package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrReplaced says that an entry is not the one that was looked at before.
var ErrReplaced = errors.New("was replaced meanwhile")

// ErrTooMany says that a folder holds more entries than are looked at.
var ErrTooMany = errors.New("there are too many files")

// Tree is an open folder whose entries are looked at and deleted. Nothing below it is
// reached through a symbolic link, and what another process puts in its place
// leads nowhere else (os.Root).
type Tree struct {
	disk *Disk
	root *os.Root
	path string
}

// OpenTree opens dir, which must be a folder that only this user can write to.
// A missing one is fs.ErrNotExist.
func (d *Disk) OpenTree(dir string) (*Tree, error) {
	st, err := os.Lstat(dir)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", dir, err)
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, refuse(dir, err)
	}
	return d.tree(root, dir, st)
}

// tree makes a Tree of root, when that is the folder st.
func (d *Disk) tree(root *os.Root, path string, st fs.FileInfo) (*Tree, error) {
	now, err := root.Stat(".")
	if err == nil && !os.SameFile(st, now) {
		err = ErrReplaced
	}
	if err != nil {
		return nil, errors.Join(refuse(path, err), root.Close())
	}
	return &Tree{disk: d, root: root, path: path}, nil
}

// Close lets the folder go.
func (t *Tree) Close() error { return t.root.Close() }

// Path is where an entry of the folder is.
func (t *Tree) Path(name string) string { return filepath.Join(t.path, name) }

// Refuses says why an entry must not be looked into or deleted; nil for a regular
// file and a folder of this user.
func (t *Tree) Refuses(st fs.FileInfo) error {
	if st.IsDir() {
		if !ownedByUs(st) {
			return refuse(t.Path(st.Name()), ErrForeignOwner)
		}
		return nil
	}
	if err := inspect(st); err != nil {
		return refuse(t.Path(st.Name()), err)
	}
	return nil
}

// Lstat looks at one entry.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) { return t.root.Lstat(name) }

// Sub opens a folder in the folder. A missing one is fs.ErrNotExist; a link, and a
// folder of somebody else, are refused.
func (t *Tree) Sub(name string) (*Tree, error) {
	st, err := t.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if err := t.Refuses(st); err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, refuse(t.Path(name), errors.New("is not a folder"))
	}
	root, err := t.root.OpenRoot(name)
	if err != nil {
		return nil, refuse(t.Path(name), err)
	}
	return t.disk.tree(root, t.Path(name), st)
}

// List is what the folder holds, by name. It takes one from budget for each entry and
// ends with ErrTooMany when nothing is left of it.
func (t *Tree) List(budget *int) ([]fs.FileInfo, error) {
	f, err := t.root.Open(".")
	if err != nil {
		return nil, refuse(t.path, err)
	}
	defer func() { _ = f.Close() }()
	var out []fs.FileInfo
	for {
		names, err := f.Readdirnames(1024)
		if *budget -= len(names); *budget < 0 {
			return nil, refuse(t.path, ErrTooMany)
		}
		for _, name := range names {
			st, err := t.root.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // gone since its name was read
			}
			if err != nil {
				return nil, refuse(t.Path(name), err)
			}
			out = append(out, st)
		}
		if errors.Is(err, io.EOF) || err == nil && len(names) == 0 {
			break
		}
		if err != nil {
			return nil, refuse(t.path, err)
		}
	}
	slices.SortFunc(out, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Read returns the regular file that was listed as st, of at most limit bytes.
func (t *Tree) Read(st fs.FileInfo, limit int64) ([]byte, error) {
	path := t.Path(st.Name())
	if err := inspect(st); err != nil {
		return nil, refuse(path, err)
	}
	f, err := t.root.OpenFile(st.Name(), os.O_RDONLY|noFollow|noWait, 0)
	if err != nil {
		return nil, refuse(path, err)
	}
	defer func() { _ = f.Close() }()
	now, err := f.Stat()
	if err == nil && !os.SameFile(st, now) {
		err = ErrReplaced
	}
	if err != nil {
		return nil, refuse(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%w: at most %d bytes are read", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, refuse(path, err)
	}
	return data, nil
}

// Remove deletes the entry that was listed as st: a file, or a folder that is empty by
// now. A missing entry is no error. Sync makes the removal last.
func (t *Tree) Remove(st fs.FileInfo) error {
	now, err := t.root.Lstat(st.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := t.Path(st.Name())
	if err != nil {
		return refuse(path, err)
	}
	if err := t.Refuses(now); err != nil {
		return err
	}
	if !os.SameFile(st, now) {
		return refuse(path, ErrReplaced)
	}
	if err := t.disk.step("remove", path); err != nil {
		return refuse(path, err)
	}
	if err := t.root.Remove(st.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return refuse(path, err)
	}
	return nil
}

// Sync waits until what was removed from the folder is gone from the disk.
func (t *Tree) Sync() error { return t.disk.syncDir(t.path) }
