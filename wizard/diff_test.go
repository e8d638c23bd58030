package wizard_test

import (
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// TestDiffText: what --json has of a diff is English, whatever the screen says.
func TestDiffText(t *testing.T) {
	before := files.File{Exists: true, Mode: 0o644, Data: []byte("port: 1\n")}
	after := files.File{Exists: true, Mode: 0o600, Data: []byte("port: 2\n")}
	for want, c := range map[string]wizard.Change{
		"f  new 0600\n@@ line 1\n+port: 2\n":              {After: after},
		"f  removed\n@@ line 1\n-port: 1\n":               {Before: before},
		"f  0644 → 0600\n@@ line 1\n-port: 1\n+port: 2\n": {Before: before, After: after},
		"f  0644\n": {Before: before, After: before},
	} {
		c.Path = "f"
		if got := wizard.Diff(c).String(); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
	d := wizard.FileDiff{Path: "f", Before: "0600", After: "0600", Incomparable: true}
	if got, want := d.String(), "f  0600\n@this file cannot be compared line by line\n"; got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
