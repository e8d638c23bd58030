//go:build unix

package files_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/files"
)

func openTree(t *testing.T, d *files.Disk, dir string) *files.Tree {
	t.Helper()
	tree, err := d.OpenTree(dir)
	must(t, err)
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// TestTreeRefuses: what is no folder of ours is not opened, at the top and below.
func TestTreeRefuses(t *testing.T) {
	dir, d := t.TempDir(), &files.Disk{}
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.Mkdir(in("real"), 0o700))
	must(t, os.WriteFile(in("file"), nil, 0o600))
	must(t, os.Symlink(in("real"), in("link")))
	must(t, os.Symlink("real", in("inside")))
	must(t, os.Symlink("/etc", in("outside")))
	must(t, syscall.Mkfifo(in("fifo"), 0o600))
	must(t, os.Mkdir(in("open"), 0o700))
	must(t, os.Chmod(in("open"), 0o777))
	top := openTree(t, d, dir)
	for name, want := range map[string]error{
		"real": nil, "link": files.ErrSymlink, "inside": files.ErrSymlink, "outside": files.ErrSymlink, "missing": fs.ErrNotExist, "fifo": files.ErrNotRegular,
	} {
		sub, err := top.Sub(name)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("Sub(%s): %v, want %v", name, err, want)
		}
		if err == nil {
			_ = sub.Close()
		}
		if name == "fifo" {
			continue
		}
		tree, err := d.OpenTree(in(name))
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("OpenTree(%s): %v, want %v", name, err, want)
		}
		if err == nil {
			_ = tree.Close()
		}
	}
	if _, err := top.Sub("file"); err == nil {
		t.Error("a file was opened as a folder")
	}
	if _, err := d.OpenTree(in("open")); !errors.Is(err, files.ErrOpenToOthers) {
		t.Errorf("a folder that others can write to: %v", err)
	}
	if _, err := top.Sub(".."); err == nil {
		t.Error("it leads out of the folder")
	}
}

func TestTreeListAndRead(t *testing.T) {
	dir := t.TempDir()
	for i := range 1500 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", i)), []byte("content"), 0o600))
	}
	must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	tree := openTree(t, &files.Disk{}, dir)
	budget := 1600
	list, err := tree.List(&budget)
	must(t, err)
	if len(list) != 1501 || list[0].Name() != "0000" || budget != 99 {
		t.Fatalf("%d entries from %s, %d left", len(list), list[0].Name(), budget)
	}
	budget = 1500
	if _, err := tree.List(&budget); !errors.Is(err, files.ErrTooMany) {
		t.Errorf("more than the budget: %v", err)
	}
	if b, err := tree.Read(list[7], 7); err != nil || string(b) != "content" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := tree.Read(list[7], 6); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("longer than the limit: %v", err)
	}
	if _, err := tree.Read(list[1500], 10); !errors.Is(err, files.ErrNotRegular) {
		t.Errorf("a fifo: %v", err)
	}
}

// TestTreeRemove: only what was listed is removed, and a link that took its place leads
// nowhere.
func TestTreeRemove(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	treasure := filepath.Join(other, "treasure")
	must(t, os.WriteFile(treasure, nil, 0o600))
	for _, name := range []string{"file", "swapped", "linked", "denied"} {
		must(t, os.WriteFile(in(name), nil, 0o600))
	}
	must(t, os.Mkdir(in("folder"), 0o700))
	must(t, os.WriteFile(in("folder/x"), nil, 0o600))
	d := &files.Disk{Before: func(op files.Op) error {
		if op.Kind == "remove" && filepath.Base(op.Path) == "denied" {
			return syscall.EPERM
		}
		return nil
	}}
	tree := openTree(t, d, dir)
	look := func(name string) fs.FileInfo {
		st, err := tree.Lstat(name)
		must(t, err)
		return st
	}
	file, swapped, linked := look("file"), look("swapped"), look("linked")
	must(t, os.WriteFile(in("new"), nil, 0o600))
	must(t, os.Rename(in("new"), in("swapped")))
	must(t, os.Remove(in("linked")))
	must(t, os.Symlink(treasure, in("linked")))
	must(t, errors.Join(tree.Remove(file), tree.Remove(file)))
	for st, want := range map[fs.FileInfo]error{swapped: files.ErrReplaced, linked: files.ErrSymlink, look("denied"): syscall.EPERM, look("folder"): syscall.ENOTEMPTY} {
		if err := tree.Remove(st); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", st.Name(), err, want)
		}
		_, err := os.Lstat(in(st.Name()))
		must(t, err)
	}
	if _, err := os.Lstat(in("file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	_, err := os.Lstat(treasure)
	must(t, errors.Join(err, tree.Sync()))
}
