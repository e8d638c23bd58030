package templates

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoginStarts: systemd itself takes the units, and what they start is the program,
// with its own arguments, however awkward its path is.
func TestLoginStarts(t *testing.T) {
	dir, units := t.TempDir(), t.TempDir()
	var files []string
	for i, p := range awkward {
		l := Login{Executable: dir + strings.TrimRight(p, "/"), DockerHost: hosts[i%len(hosts)]}
		must(t, os.MkdirAll(filepath.Dir(l.Executable), 0o750))
		must(t, os.WriteFile(l.Executable, []byte("#!/bin/sh\nprintf '[%s]' \"$0\" \"$@\"\n"), 0o700))
		b, err := SystemdUnit(l)
		must(t, err)
		unit := filepath.Join(units, "clawsetup-"+string(rune('a'+i))+".service")
		must(t, os.WriteFile(unit, b, 0o600))
		files = append(files, unit)

		list, err := readUnit(b)
		must(t, err)
		for _, d := range list {
			if d.name != "ExecStart" {
				continue
			}
			argv, err := startedBy(d.value)
			must(t, err)
			out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if want := "[" + l.Executable + "][up][--plain]"; err != nil || string(out) != want {
				t.Errorf("started %q, want %q (%v)", out, want, err)
			}
		}
	}
	verifyUnits(t, files)
}

// verifyUnits asks systemd itself, where it is installed, what it thinks of units and of
// the programs that they name.
func verifyUnits(t *testing.T, files []string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Log("not checked by systemd-analyze: it is not installed")
		return
	}
	c := exec.Command(analyze, append([]string{"--user", "verify"}, files...)...)
	c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "clawsetup-") {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
