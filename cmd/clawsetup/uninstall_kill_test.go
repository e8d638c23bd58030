//go:build unix

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUninstallKill: killed at every step on the disk, and run again, an uninstall ends
// where one ends that nobody killed: the operator's files as they were, his edits kept,
// no file of ours; with --keep-journal a journal that verifies and knows of it.
func TestUninstallKill(t *testing.T) {
	for name, args := range map[string][]string{
		"all": {"uninstall", "--yes"}, "keep": {"uninstall", "--yes", "--keep-journal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScratch(t, scriptKey, scriptKey2)
			openclaw := filepath.Join(s.home, ".openclaw", "openclaw.json")
			check(t, os.MkdirAll(filepath.Dir(openclaw), 0o700))
			check(t, os.WriteFile(openclaw, []byte("// mine\n{\"channels\": {}}\n"), 0o600))
			s.mustRun(scriptKey, s.flags...)
			s.mustRun(scriptKey2, "rotate-key", "--yes", "--key-stdin")
			edited := filepath.Join(s.home, "config/clawsetup/.env")
			b, err := os.ReadFile(edited)
			check(t, err)
			check(t, os.WriteFile(edited, append(b, "# mine, too\n"...), 0o600))
			restore := s.save()
			s.mustRun("", args...)
			want := s.rest()
			steps := 0
			for at := 1; ; at++ {
				restore()
				_, _, killed := s.run("", fmt.Sprint(at), args...)
				if !killed {
					break
				}
				steps++
				out, code, _ := s.run("", "", args...)
				if done := strings.Contains(out, "no set-up on this host"); code != 0 && !done {
					t.Fatalf("step %d: again, exit %d\n%s", at, code, out)
				}
				if got := s.rest(); !maps.Equal(got, want) {
					t.Fatalf("step %d: another end: %s", at, differ(want, got))
				}
				if name == "keep" {
					s.mustRun("", "config-history", "verify")
				}
			}
			if steps < 60 {
				t.Fatalf("only %d steps on the disk", steps)
			}
			t.Logf("%s: %d steps, each ended in the same", name, steps)
		})
	}
}

// rest is what is in the home, without the parts of the test itself, and of the journal
// whether it is there.
func (s *scratch) rest() map[string]string {
	s.t.Helper()
	tree, err := readTree(s.home)
	check(s.t, err)
	out := map[string]string{}
	for path, v := range tree {
		switch {
		case strings.HasPrefix(path, "/bin"), strings.HasPrefix(path, "/state/clawsetup/snapshots/"):
		case strings.HasPrefix(path, "/state/clawsetup/"), strings.Contains(path, "/secrets/journal"):
			out[path] = "" // its content has a time, and says how it was interrupted
		default:
			out[path] = v
		}
	}
	return out
}

// differ names what is in one tree alone, or other there.
func differ(want, got map[string]string) string {
	var out []string
	for path := range want {
		if v, there := got[path]; !there || v != want[path] {
			out = append(out, path)
		}
	}
	for path := range got {
		if _, there := want[path]; !there {
			out = append(out, "new: "+path)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
