//go:build unix

package secrets

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestReadAPIKeyFileWarnsOfOpenModes(t *testing.T) {
	for _, tt := range []struct {
		mode fs.FileMode
		warn bool
	}{{0o600, false}, {0o400, false}, {0o640, true}, {0o604, true}, {0o644, true}, {0o660, true}, {0o666, true}} {
		path := keyFile(t, goodKey, tt.mode)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			s, warnings, err := ReadAPIKeyFile(p)
			if err != nil || string(s.Expose()) != goodKey {
				t.Errorf("%o: %v", tt.mode, err)
			}
			if tt.warn != (len(warnings) == 1) || tt.warn && (warnings[0] != Warning{Path: p, Mode: tt.mode}) {
				t.Errorf("%o: warnings %v", tt.mode, warnings)
			}
		}
	}
}

// A pipe without a writer would make a plain open wait for ever.
func TestReadAPIKeyFileRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, dir, "/dev/null", "/dev/zero"} {
		if _, _, err := ReadAPIKeyFile(path); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// The name of a socket is short: macOS' folders for temporary files are not.
	short, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(short) }()
	socket := filepath.Join(short, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, _, err := ReadAPIKeyFile(socket); err == nil {
		t.Error("a socket was read")
	}
}
