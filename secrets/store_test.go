package secrets

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, name := range []string{
		APIKey, ProxyToken, JournalKey, SnapshotKey, JournalHead, APIKey + ".next", ProxyToken + ".prev",
		"a", "0", "_", "a.b.c", "con_", "com", "com10", "lpt", "console", strings.Repeat("a", 64),
	} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", ".a", "a.", "a..b", "../a", "a/b", `a\b`, "/a", "A", "a b", "a\x00", "a\n", "é", "a:b", "-a", "~",
		"con", "nul.next", "aux", "prn", "com1", "lpt9.prev", strings.Repeat("a", 65),
	} {
		if err := checkName(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := checkName(strings.Repeat("\x1b", 1000)); len(err.Error()) > 400 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("a bad name is shown raw: %d bytes", len(err.Error()))
	}
}

func FuzzStoreName(f *testing.F) {
	for _, s := range []string{APIKey, "a.next", "..", "a/../b", `..\a`, "con", "COM1", "a.", "", "\x00", strings.Repeat("a", 65)} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		path := filepath.Join(dir, name)
		if filepath.Dir(path) != dir || filepath.Base(path) != name || !filepath.IsLocal(name) || strings.HasPrefix(name, ".") {
			t.Fatalf("%q leaves its folder", name)
		}
	})
}

// TestEveryMethodChecksTheName also proves that a bad name reaches no backend.
func TestEveryMethodChecksTheName(t *testing.T) {
	ctx := context.Background()
	k := testKeyring(t, "scope", brokenBackend{errors.New("reached")})
	stores := []Store{k, NewDocker(t.TempDir(), diskThatFails{errors.New("reached")})}
	for _, badScope := range []string{"", "a/b", "a b", "a\n", "é", strings.Repeat("a", 65)} {
		if err := testKeyring(t, badScope, &memory{}).Set(ctx, APIKey, New([]byte("v"))); !errors.Is(err, ErrName) {
			t.Errorf("scope %q: %v", badScope, err)
		}
	}
	for _, store := range stores {
		for _, name := range []string{"", "../a", "A"} {
			_, err := store.Get(ctx, name)
			for method, err := range map[string]error{"Get": err, "Set": store.Set(ctx, name, New([]byte("v"))), "Delete": store.Delete(ctx, name)} {
				if !errors.Is(err, ErrName) {
					t.Errorf("%s of %s, %q: %v", method, store.Kind(), name, err)
				}
			}
		}
	}
}

// storeContract is what every Store promises.
func storeContract(t *testing.T, store Store) {
	t.Helper()
	ctx := context.Background()
	if _, err := store.Get(ctx, APIKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	if err := store.Delete(ctx, APIKey); err != nil {
		t.Errorf("deleting what is absent: %v", err)
	}
	if err := store.Set(ctx, APIKey, Secret{}); !errors.Is(err, ErrEmpty) {
		t.Errorf("storing nothing: %v", err)
	}
	values := map[string][]byte{
		APIKey: []byte("first"), APIKey + ".next": []byte("second"), APIKey + ".prev": []byte("zeroth"),
		JournalHead: []byte("line\n\"quoted\" 'too' \\ \u00e9"), JournalKey: []byte(strings.Repeat("k", 2048)),
	}
	for range 2 { // the second time replaces
		for name, v := range values {
			if err := store.Set(ctx, name, New(v)); err != nil {
				t.Fatalf("storing %s: %v", name, err)
			}
		}
	}
	for name, v := range values {
		if s, err := store.Get(ctx, name); err != nil || !s.Equal(New(v)) {
			t.Errorf("%s: %v, the same value: %v", name, err, s.Equal(New(v)))
		}
	}
	if err := store.Delete(ctx, APIKey); err != nil {
		t.Fatal(err)
	}
	for name, v := range values {
		s, err := store.Get(ctx, name)
		if name == APIKey {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("deleted: %v", err)
			}
		} else if err != nil || !s.Equal(New(v)) {
			t.Errorf("deleting another changed %s: %v", name, err)
		}
	}
	for name := range values {
		if err := store.Delete(ctx, name); err != nil {
			t.Error(err)
		}
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err := store.Get(over, APIKey)
	for method, err := range map[string]error{"Get": err, "Set": store.Set(over, APIKey, New([]byte("v"))), "Delete": store.Delete(over, APIKey)} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", method, err)
		}
	}
	if _, err := store.Get(ctx, APIKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("a cancelled Set stored: %v", err)
	}
}
