//go:build unix

package secrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDockerModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	store := NewDocker(dir, plainDisk{})
	for name, want := range map[string]fs.FileMode{
		APIKey: 0o444, ProxyToken: 0o444,
		APIKey + ".next": 0o600, APIKey + ".prev": 0o600, ProxyToken + ".next": 0o600, ProxyToken + ".prev": 0o600,
		JournalKey: 0o600, SnapshotKey: 0o600, JournalHead: 0o600, "other": 0o600,
	} {
		if err := store.Set(context.Background(), name, New([]byte("v"))); err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %o, want %o (%v)", name, st.Mode().Perm(), want, err)
		}
	}
}

// A file of mode 0444 must not lie in a folder that others can enter (I-01).
func TestDockerRefusesAnOpenFolder(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o750, 0o701, 0o777} {
		dir := filepath.Join(t.TempDir(), "secrets")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		store := NewDocker(dir, plainDisk{})
		for what, err := range map[string]error{"Set": store.Set(context.Background(), APIKey, New([]byte("v"))), "Probe": store.Probe(context.Background())} {
			if !errors.Is(err, ErrFolderOpen) || !strings.Contains(err.Error(), fmt.Sprintf("%04o", mode)) {
				t.Errorf("%s into mode %o: %v", what, mode, err)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("something was written: %v %v", entries, err)
		}
	}
}
