package secrets

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func keyFile(t *testing.T, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadAPIKeyFile(t *testing.T) {
	path := keyFile(t, goodKey+"\n", 0o600)
	s, warnings, err := ReadAPIKeyFile(path)
	if err != nil || len(warnings) != 0 || string(s.Expose()) != goodKey {
		t.Errorf("warnings %v, error %v", warnings, err)
	}
	if _, _, err := ReadAPIKeyFile(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, _, err := ReadAPIKeyFile(t.TempDir()); !errors.Is(err, ErrNotRegular) {
		t.Errorf("folder: %v", err)
	}
	if _, _, err := ReadAPIKeyFile(keyFile(t, "a b", 0o600)); !errors.Is(err, ErrBlank) {
		t.Errorf("bad key: %v", err)
	}
}
