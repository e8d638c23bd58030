package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
)

func newSnapshots(t *testing.T, disk *files.Disk, dir string) *Snapshots {
	t.Helper()
	s, err := OpenSnapshots(disk, dir, testKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshots(t *testing.T) {
	dir, writes := filepath.Join(t.TempDir(), "state"), 0
	s := newSnapshots(t, &files.Disk{Before: func(op files.Op) error {
		if op.Kind == "rename" {
			writes++
		}
		return nil
	}}, dir)
	for _, content := range [][]byte{nil, []byte("the user's own secret"), bytes.Repeat([]byte("x"), 1<<20)} {
		id, err := s.Put(content)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(id)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %v", len(content), err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "snapshots", id))
		if err != nil || (len(content) > 0 && bytes.Contains(raw, content)) {
			t.Errorf("%d bytes lie there in the clear: %v", len(content), err)
		}
		before := writes
		if again, err := s.Put(content); err != nil || again != id || writes != before {
			t.Errorf("put again: %s %v, %d writes", again, err, writes-before)
		}
	}
	for path, want := range map[string]os.FileMode{"snapshots": 0o700 | os.ModeDir, "snapshots/" + s.id(nil): 0o600} {
		if st, err := os.Stat(filepath.Join(dir, path)); err != nil || st.Mode() != shown(want) {
			t.Errorf("%s: %v %v", path, st.Mode(), err)
		}
	}
	if _, err := s.Put(make([]byte, MaxSnapshot+1)); err == nil {
		t.Error("a huge file was kept")
	}
}

func TestSnapshotIDsSayNothingWithoutTheKey(t *testing.T) {
	keys := testKeys(t)
	keys.Snapshot = secrets.New([]byte("another snapshot key of 32 bytes"))
	other, err := OpenSnapshots(&files.Disk{}, t.TempDir(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if newSnapshots(t, &files.Disk{}, t.TempDir()).id([]byte("guess")) == other.id([]byte("guess")) {
		t.Error("the id does not depend on the key")
	}
}

func TestDamagedSnapshots(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := newSnapshots(t, &files.Disk{}, dir)
	id, err := s.Put([]byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "snapshots", id)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		put(bad)
		if _, err := s.Get(id); !errors.Is(err, ErrSnapshotCorrupt) {
			t.Fatalf("byte %d: %v", i, err)
		}
		put(good[:i])
		if _, err := s.Get(id); !errors.Is(err, ErrSnapshotCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	put(make([]byte, MaxSnapshot+1024))
	if _, err := s.Get(id); !errors.Is(err, ErrSnapshotCorrupt) {
		t.Errorf("huge: %v", err)
	}
	if _, err := s.Put([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(id); err != nil {
		t.Errorf("putting it again must heal it: %v", err)
	}

	// A snapshot of another content under this name.
	other, err := s.Put([]byte("other"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "snapshots", other), path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(id); !errors.Is(err, ErrSnapshotCorrupt) {
		t.Errorf("exchanged: %v", err)
	}
	for _, id := range []string{other, "", "../head", "../../etc/passwd", string(bytes.Repeat([]byte("A"), hashLen))} {
		if _, err := s.Get(id); !errors.Is(err, ErrSnapshotMissing) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
