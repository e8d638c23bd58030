//go:build unix

// What goes by the modes of files, which Windows has none of.

package wizard_test

import (
	"os"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
)

// TestGitIgnoreOfAnEarlierLife: our lines that an uninstall left beside the keys of the journal
// are nothing that the next one gives back.
func TestGitIgnoreOfAnEarlierLife(t *testing.T) {
	const name = "config/clawsetup/.gitignore"
	for _, mine := range []string{"", "mine\n"} {
		for _, more := range []string{"", "two\n"} {
			h := newHost(t)
			want := "gone"
			if mine != "" {
				h.write(name, mine)
			}
			if mine+more != "" {
				want = mine + more
			}
			h.mustInit(nil)
			h.uninstall(wizard.UninstallOptions{KeepJournal: true})
			must(t, os.Chmod(h.path(name), 0o644))
			h.mustInit(nil)
			if more != "" {
				h.write(name, h.content(name)+more)
			}
			h.uninstall(wizard.UninstallOptions{})
			if got := h.content(name); got != want {
				t.Errorf("%q and %q: %q", mine, more, got)
			}
		}
	}
}

// TestNotesOfOpenFolder: loose secrets are not called fine.
func TestNotesOfOpenFolder(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	must(t, os.Chmod(h.path("config/clawsetup/secrets"), 0o755))
	p, err := h.run(h.keep(nil))
	must(t, err)
	if n := sprint(p.Notes); !strings.Contains(n, "secrets-folder-open") {
		t.Fatalf("notes: %s", n)
	}
}

// mustDrift wants doctor to find that this file was edited, and no other.
func (h *host) mustDrift(name string) {
	h.t.Helper()
	if got := h.report("files-drift").Results[0]; got.Outcome != doctor.Found || len(got.Findings) != 1 || got.Findings[0].Where.Path != h.path(name) {
		h.t.Errorf("doctor: %v %v", got.Outcome, got.Findings)
	}
}

// TestModeAloneGivesNothingBack: a file whose content is what the operator had, and of which
// init changed the mode, is ours: doctor and init tell when somebody edits it.
func TestModeAloneGivesNothingBack(t *testing.T) {
	first := newHost(t)
	first.mustInit(nil)
	h := newHost(t)
	h.write("config/clawsetup/seccomp.json", first.content("config/clawsetup/seccomp.json"))
	must(t, os.Chmod(h.path("config/clawsetup/seccomp.json"), 0o644))
	h.mustInit(nil)
	h.write("config/clawsetup/seccomp.json", `{"defaultAction":"SCMP_ACT_ALLOW"}`)
	h.mustDrift("config/clawsetup/seccomp.json")
	s, err := h.NewInit(t.Context(), h.given(nil))
	must(t, err)
	if got := sprint(s.Preflight(t.Context())); !strings.Contains(got, "setup-drift") {
		t.Errorf("init: %s", got)
	}
}

// TestTakenAgainIsOurs: nor does the file whose mode is all that changes when it is taken again,
// after it was given back.
func TestTakenAgainIsOurs(t *testing.T) {
	first := newHost(t)
	first.mustInit(nil)
	h := newHost(t)
	h.write("stack/seccomp.json", first.content("config/clawsetup/seccomp.json"))
	must(t, os.Chmod(h.path("stack"), 0o700))
	must(t, os.Chmod(h.path("stack/seccomp.json"), 0o644))
	for _, dir := range []string{"stack", "config/clawsetup", "stack"} {
		h.mustInit(map[string]string{"dir": h.path(dir)})
	}
	h.write("stack/seccomp.json", `{"defaultAction":"SCMP_ACT_ALLOW"}`)
	h.mustDrift("stack/seccomp.json")
}

// TestClosedIsTheirs: a file of the operator's that doctor --fix closed stays his: what he
// writes into it is no drift, and init and an uninstall leave it closed. A rollback takes the
// mode back, and that alone.
func TestClosedIsTheirs(t *testing.T) {
	for _, back := range []bool{false, true} {
		h := newHost(t)
		_, first := h.mustInit(nil)
		path := h.path(".claude/settings.json")
		h.write(".claude/settings.json", "{}\n")
		must(t, os.Chmod(path, 0o664))
		h.fix(h.report())
		h.write(".claude/settings.json", "{ }\n")
		mode := func() os.FileMode {
			st, err := os.Stat(path)
			must(t, err)
			return st.Mode().Perm()
		}
		if p, _ := h.mustInit(nil); !p.Empty() || mode() != 0o600 {
			t.Errorf("init: %v, mode %v", p.Changes, mode())
		}
		if got := h.report("files-drift").Results[0]; got.Outcome == doctor.Found {
			t.Errorf("doctor: %v", got.Findings)
		}
		want := os.FileMode(0o600)
		if back {
			want = 0o664
			if p, _ := h.rollback(first.Records[len(first.Records)-1]); len(p.Changes) != 1 || mode() != want {
				t.Errorf("rollback: %v, mode %v", p.Changes, mode())
			}
			if p, _ := h.mustInit(nil); !p.Empty() {
				t.Errorf("init after it: %v", p.Changes)
			}
		}
		h.uninstall(wizard.UninstallOptions{})
		if got := h.content(".claude/settings.json"); got != "{ }\n" || mode() != want || h.content(".claude/settings.json.kept") != "gone" {
			t.Errorf("at the end: %q, mode %v", got, mode())
		}
	}
}

// TestClosedAndReplaced: what the operator put in the place of a file that doctor --fix closed
// keeps no rollback from the rest.
func TestClosedAndReplaced(t *testing.T) {
	h := newHost(t)
	_, first := h.mustInit(nil)
	path := h.path(".claude/settings.json")
	h.write(".claude/settings.json", "{}\n")
	must(t, os.Chmod(path, 0o664))
	h.fix(h.report("claude-settings-private"))
	h.mustInit(map[string]string{"port": freePort(t)})
	must(t, os.Rename(path, h.path("dotfiles.json")))
	must(t, os.Symlink(h.path("dotfiles.json"), path))
	p, r := h.rollback(first.Records[len(first.Records)-1])
	if len(p.Changes) == 0 || !strings.Contains(sprint(r.Notes), "undo-left") || strings.Contains(sprint(p.Changes), path) {
		t.Errorf("%v %v", p.Changes, r.Notes)
	}
	if st, err := os.Stat(h.path("dotfiles.json")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the operator's file: %v %v", st.Mode(), err)
	}
}
