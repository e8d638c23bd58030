package templates

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWatchStarts: systemd itself takes the unit and its timer, and what they start is
// doctor --report, however awkward the program's path is.
func TestWatchStarts(t *testing.T) {
	dir, units := t.TempDir(), t.TempDir()
	var files []string
	for i, p := range awkward {
		l := Login{Executable: dir + strings.TrimRight(p, "/"), DockerHost: hosts[i%len(hosts)]}
		must(t, os.MkdirAll(filepath.Dir(l.Executable), 0o750))
		must(t, os.WriteFile(l.Executable, []byte("#!/bin/sh\nprintf '[%s]' \"$0\" \"$@\"\n"), 0o700))
		b, err := SystemdWatch(l)
		must(t, err)
		name := filepath.Join(units, "clawsetup-doctor-"+string(rune('a'+i)))
		must(t, os.WriteFile(name+".service", b, 0o600))
		must(t, os.WriteFile(name+".timer", SystemdTimer(), 0o600))
		files = append(files, name+".service", name+".timer")
		list, err := readUnit(b)
		must(t, err)
		for _, d := range list {
			if d.name != "ExecStart" {
				continue
			}
			argv, err := startedBy(d.value)
			must(t, err)
			out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if want := "[" + l.Executable + "][doctor][--report]"; err != nil || string(out) != want {
				t.Errorf("started %q, want %q (%v)", out, want, err)
			}
		}
	}
	verifyUnits(t, files)
}

// The job for launchd is well-formed, and names what it runs.
func TestWatchAgent(t *testing.T) {
	b, err := WatchAgent(Login{Executable: "/opt/a & b/clawsetup", DockerHost: "unix:///x"}, "io.github.clawsetup.doctor")
	must(t, err)
	var words []string
	d := xml.NewDecoder(strings.NewReader(string(b)))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if c, ok := tok.(xml.CharData); ok && strings.TrimSpace(string(c)) != "" {
			words = append(words, strings.TrimSpace(string(c)))
		}
	}
	if got := strings.Join(words, " "); !strings.Contains(got, "/opt/a & b/clawsetup doctor --report") || !strings.Contains(got, "StartCalendarInterval") {
		t.Errorf("%s", got)
	}
	if _, err := WatchAgent(Login{Executable: "clawsetup"}, "x"); err == nil {
		t.Error("a relative path is taken")
	}
}
