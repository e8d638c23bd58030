//go:build unix

package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

func TestWriteAndRead(t *testing.T) {
	d := &files.Disk{}
	path := filepath.Join(t.TempDir(), "a", "b", "file")
	if f, err := d.Read(path, 10); err != nil || f.Exists {
		t.Fatalf("nothing there: %+v %v", f, err)
	}
	for _, content := range []string{"one", "a longer second", ""} {
		if err := d.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := d.Read(path, 100)
		if err != nil || !f.Exists || string(f.Data) != content || f.Mode != 0o600 {
			t.Fatalf("read %+v %v", f, err)
		}
	}
	st, err := os.Stat(filepath.Dir(path))
	if err != nil || st.Mode().Perm() != files.PrivateDir {
		t.Fatalf("folder: %v %v", st.Mode(), err)
	}
	if err := d.WriteFile(path, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
	if f, _ := d.Read(path, 10); f.Mode != 0o444 {
		t.Fatalf("mode %v", f.Mode)
	}
	if err := errors.Join(d.Remove(path), d.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}

// TestRefused: what must not be followed, waited for or overwritten.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("real"), []byte("mine"), 0o600))
	must(t, os.Symlink(in("real"), in("link")))
	must(t, os.Mkdir(in("folder"), 0o700))
	must(t, syscall.Mkfifo(in("fifo"), 0o600))
	must(t, os.WriteFile(in("huge"), make([]byte, 101), 0o600))
	must(t, os.Mkdir(in("open"), 0o700))
	must(t, os.Chmod(in("open"), 0o777))
	must(t, os.Symlink(in("folder"), in("linked")))
	for _, c := range []struct {
		path string
		want error
		hint string
	}{
		{"link", files.ErrSymlink, "path-symlink"},
		{"folder", files.ErrNotRegular, "path-not-regular"},
		{"fifo", files.ErrNotRegular, "path-not-regular"},
		{"huge", files.ErrTooLarge, "path-too-large"},
	} {
		_, err := (&files.Disk{}).Read(in(c.path), 100)
		check(t, "reading "+c.path, err, c.want, c.hint)
	}
	for _, c := range []struct {
		path string
		want error
		hint string
	}{
		{"link", files.ErrSymlink, "path-symlink"},
		{"folder", files.ErrNotRegular, "path-not-regular"},
		{"fifo", files.ErrNotRegular, "path-not-regular"},
		{"open/file", files.ErrOpenToOthers, "path-open-to-others"},
		{"linked/file", files.ErrSymlink, "path-symlink"},
	} {
		d := &files.Disk{}
		check(t, "writing "+c.path, d.WriteFile(in(c.path), []byte("x"), 0o600), c.want, c.hint)
		check(t, "appending to "+c.path, d.Append(in(c.path), []byte("x")), c.want, c.hint)
		check(t, "removing "+c.path, d.Remove(in(c.path)), c.want, c.hint)
	}
	if b, _ := os.ReadFile(in("real")); string(b) != "mine" {
		t.Fatalf("the link's target changed: %q", b)
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Getuid() != 0 {
		// Without root nobody else's file can be made; root's own will do.
		_, err := (&files.Disk{}).Read("/etc/passwd", 1<<20)
		check(t, "reading root's file", err, files.ErrForeignOwner, "path-foreign-owner")
		return
	}
	path := filepath.Join(t.TempDir(), "theirs")
	must(t, os.WriteFile(path, []byte("x"), 0o644))
	must(t, os.Chown(path, 12345, 12345))
	d := &files.Disk{}
	_, err := d.Read(path, 10)
	check(t, "reading", err, files.ErrForeignOwner, "path-foreign-owner")
	check(t, "writing", d.WriteFile(path, nil, 0o600), files.ErrForeignOwner, "path-foreign-owner")
	if b, err := d.ReadForeign(path, 10); err != nil || string(b) != "x" {
		t.Fatalf("an input file may be anyone's: %q %v", b, err)
	}
}

// TestEveryStepCanFail: whatever step fails, the old content stays whole, or the
// new one is there whole, and no temporary file is left.
func TestEveryStepCanFail(t *testing.T) {
	var steps int
	count := &files.Disk{Before: func(files.Op) error { steps++; return nil }}
	must(t, count.WriteFile(filepath.Join(t.TempDir(), "d", "f"), []byte("new"), 0o600))
	if steps < 6 {
		t.Fatalf("only %d steps are announced", steps)
	}
	for fail := range steps {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		must(t, os.WriteFile(path, []byte("old"), 0o600))
		n := 0
		d := &files.Disk{Before: func(files.Op) error {
			if n++; n > fail {
				return syscall.ENOSPC
			}
			return nil
		}}
		err := d.WriteFile(path, []byte("new"), 0o600)
		got, _ := os.ReadFile(path)
		if string(got) != "old" && string(got) != "new" {
			t.Fatalf("step %d: %q", fail, got)
		}
		if err == nil && string(got) != "new" {
			t.Fatalf("step %d: no error, yet %q", fail, got)
		}
		if err != nil {
			check(t, "full disk", err, syscall.ENOSPC, "disk-full")
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Fatalf("step %d left %v", fail, entries)
		}
	}
}

func TestAppendAndTruncate(t *testing.T) {
	d := &files.Disk{}
	path := filepath.Join(t.TempDir(), "journal")
	for _, s := range []string{"a\n", "b\n", "c"} {
		must(t, d.Append(path, []byte(s)))
	}
	must(t, d.Truncate(path, 4))
	f, err := d.Read(path, 10)
	if err != nil || string(f.Data) != "a\nb\n" || f.Mode != 0o600 {
		t.Fatalf("%q %v %v", f.Data, f.Mode, err)
	}
}

func TestRemoveEmptyDir(t *testing.T) {
	d := &files.Disk{}
	dir := filepath.Join(t.TempDir(), "d")
	must(t, d.WriteFile(filepath.Join(dir, "f"), nil, 0o600))
	must(t, d.RemoveEmptyDir(dir))
	if _, err := os.Stat(dir); err != nil {
		t.Fatal("a used folder was removed")
	}
	must(t, d.Remove(filepath.Join(dir, "f")))
	must(t, errors.Join(d.RemoveEmptyDir(dir), d.RemoveEmptyDir(dir)))
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the empty folder stays")
	}
}

func check(t *testing.T, what string, err, want error, id string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
	if h, ok := hint.Of(err); !ok || h.ID != id {
		t.Fatalf("%s: hint %v, want %s", what, h, id)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Fatalf("%s: %q has several lines", what, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
