package secrets

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// plainDisk is the least that keeps FileSystem's promises.
type plainDisk struct{}

func (plainDisk) ReadFile(path string, limit int64) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil && int64(len(b)) > limit {
		return nil, errors.New("too large")
	}
	return b, err
}

func (plainDisk) WriteFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + "~"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (plainDisk) Remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

type diskThatFails struct{ err error }

func (d diskThatFails) ReadFile(string, int64) ([]byte, error)      { return nil, d.err }
func (d diskThatFails) WriteFile(string, []byte, fs.FileMode) error { return d.err }
func (d diskThatFails) Remove(string) error                         { return d.err }

func TestDockerStore(t *testing.T) {
	store := NewDocker(filepath.Join(t.TempDir(), "secrets"), plainDisk{})
	if store.Kind() != KindDocker {
		t.Errorf("kind %s", store.Kind())
	}
	storeContract(t, store)
}

func TestDockerProbeLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	store := NewDocker(dir, plainDisk{})
	if err := store.Reachable(context.Background()); err != nil {
		t.Errorf("reachable: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Reachable wrote: %v", err)
	}
	if err := store.Probe(context.Background()); err != nil {
		t.Errorf("probe: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func TestDockerEmptyAndHugeFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	store := NewDocker(dir, plainDisk{})
	for name, size := range map[string]int{"empty": 0, "huge": maxDockerValue + 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Get(context.Background(), "empty"); !errors.Is(err, ErrNotFound) {
		t.Errorf("empty: %v", err)
	}
	if _, err := store.Get(context.Background(), "huge"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("huge: %v", err)
	}
	if err := store.Set(context.Background(), "big", New(make([]byte, maxDockerValue+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("big: %v", err)
	}
}

// wrongDisk keeps nothing of what it is told to write.
type wrongDisk struct{ plainDisk }

func (wrongDisk) WriteFile(path string, _ []byte, mode fs.FileMode) error {
	return plainDisk{}.WriteFile(path, []byte("other"), mode)
}

func TestDockerErrors(t *testing.T) {
	ctx := context.Background()
	cause := fs.ErrPermission
	store := NewDocker(filepath.Join(t.TempDir(), "s"), diskThatFails{cause})
	_, err := store.Get(ctx, APIKey)
	for method, err := range map[string]error{
		"reading": err, "storing": store.Set(ctx, APIKey, New([]byte(canary))), "deleting": store.Delete(ctx, APIKey),
	} {
		want := "docker secrets: " + method + " cloudru_api_key: " + cause.Error()
		if !errors.Is(err, cause) || err.Error() != want || leaks(err.Error()) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := store.Reachable(ctx); !errors.Is(err, ErrUnavailable) || !errors.Is(err, cause) {
		t.Errorf("Reachable: %v", err)
	}
	if err := store.Probe(ctx); !errors.Is(err, cause) {
		t.Errorf("Probe: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "s")
	if err := NewDocker(dir, wrongDisk{}).Probe(ctx); !errors.Is(err, errChanged) {
		t.Errorf("Probe of a disk that forgets: %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("the failed probe stayed: %v", entries)
	}
}
