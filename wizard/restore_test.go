package wizard_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
)

// write makes a file of the operator's own.
func (h *host) write(name, content string) {
	h.t.Helper()
	must(h.t, os.MkdirAll(filepath.Dir(h.path(name)), 0o700))
	must(h.t, os.WriteFile(h.path(name), []byte(content), 0o600))
}

// content is what a file of the home holds; "gone" when there is none.
func (h *host) content(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.path(name))
	if os.IsNotExist(err) {
		return "gone"
	}
	must(h.t, err)
	return string(b)
}

// rollback goes back to the state after record seq.
func (h *host) rollback(seq uint64) (*wizard.Plan, wizard.Result) {
	h.t.Helper()
	s, err := h.NewRollback(context.Background(), seq, false)
	must(h.t, err)
	p, r, err := finish(h.t, s)
	must(h.t, err)
	return p, r
}

// report is what doctor finds by these checks, or by all.
func (h *host) report(checks ...string) *doctor.Report {
	h.t.Helper()
	r, err := h.Examine(h.t.Context(), doctor.Selection{Only: checks})
	must(h.t, err)
	return r
}

// fix puts right what doctor found.
func (h *host) fix(r *doctor.Report) (*wizard.Plan, wizard.Result) {
	h.t.Helper()
	s, err := h.NewFix(h.t.Context(), r, false)
	must(h.t, err)
	p, done, err := finish(h.t, s)
	must(h.t, err)
	return p, done
}

// TestGivenBackIsTheirs: a file of the operator's that was given back when the set-up moved
// is his: whatever he made of it since stays, through a second move, and at the end. What he
// has when it is taken again is what he gets back.
func TestGivenBackIsTheirs(t *testing.T) {
	for name, do := range map[string]struct {
		now  func(h *host)
		want string
	}{
		"left":    {func(*host) {}, "MINE=1\n"},
		"edited":  {func(h *host) { h.write("a/.env", "MINE=2\n") }, "MINE=2\n"},
		"removed": {func(h *host) { must(h.t, os.Remove(h.path("a/.env"))) }, "gone"},
	} {
		for _, keep := range []bool{false, true} {
			h := newHost(t)
			h.write("a/.env", "MINE=1\n")
			h.mustInit(map[string]string{"dir": h.path("a")})
			h.mustInit(map[string]string{"dir": h.path("b")})
			if got := h.content("a/.env"); got != "MINE=1\n" {
				t.Fatalf("%s: %q was given back", name, got)
			}
			do.now(h)
			if p, _ := h.mustInit(map[string]string{"dir": h.path("b")}); !p.Empty() || strings.Contains(sprint(p.Notes), h.path("a")) {
				t.Errorf("%s: init is not done with it: %v %s", name, p.Changes, sprint(p.Notes))
			}
			h.mustInit(map[string]string{"dir": h.path("c")})
			if got := h.content("a/.env"); got != do.want {
				t.Errorf("%s: %q after another move", name, got)
			}
			_, r := h.uninstall(wizard.UninstallOptions{KeepJournal: keep})
			if got := h.content("a/.env"); got != do.want || h.content("a/.env.kept") != "gone" || strings.Contains(sprint(r.Notes), ".env") {
				t.Errorf("%s: %q, %q beside it; %s", name, got, h.content("a/.env.kept"), sprint(r.Notes))
			}

			h = newHost(t)
			h.write("a/.env", "MINE=1\n")
			h.mustInit(map[string]string{"dir": h.path("a")})
			h.mustInit(map[string]string{"dir": h.path("b")})
			do.now(h)
			h.mustInit(map[string]string{"dir": h.path("a")})
			h.uninstall(wizard.UninstallOptions{KeepJournal: keep})
			if got := h.content("a/.env"); got != do.want {
				t.Errorf("%s, and taken again: %q", name, got)
			}
		}
	}
}

// TestRolledBackIsTheirs: the same for an openclaw.json that a rollback gave back; and for
// a rollback to before it was ours.
func TestRolledBackIsTheirs(t *testing.T) {
	const mine, edited = "// mine\n{ \"channels\": {} }\n", "// mine, edited\n{ \"channels\": {} }\n"
	other := map[string]string{}
	begin := func(t *testing.T) (*host, uint64) {
		h := newHost(t)
		other["openclaw-config"] = h.path("other/openclaw.json")
		h.write("other/openclaw.json", mine)
		_, first := h.mustInit(nil)
		h.mustInit(other)
		return h, first.Records[0]
	}
	h, first := begin(t)
	h.rollback(first)
	if got := h.content("other/openclaw.json"); got != mine {
		t.Fatalf("rolled back: %q", got)
	}
	h.write("other/openclaw.json", edited)
	if p, _ := h.rollback(first); !p.Empty() {
		t.Errorf("a second rollback changes %v", p.Changes)
	}
	h.uninstall(wizard.UninstallOptions{})
	if got := h.content("other/openclaw.json"); got != edited {
		t.Errorf("at the end: %q", got)
	}

	h, first = begin(t)
	h.mustInit(nil)
	must(t, os.Remove(h.path("other/openclaw.json")))
	h.rollback(first)
	h.uninstall(wizard.UninstallOptions{})
	if got := h.content("other/openclaw.json"); got != "gone" {
		t.Errorf("removed, and back: %q", got)
	}
}

// TestRemovedStaysGone: what the operator removed while it was ours is not brought back as
// it was before us, which is said, with the record that shows it; where there was nothing
// before, nothing needs to be said.
func TestRemovedStaysGone(t *testing.T) {
	for _, again := range []bool{false, true} {
		for _, keep := range []bool{false, true} {
			h := newHost(t)
			theirs := map[string]string{"openclaw/openclaw.json": "// mine\n{ \"channels\": {} }\n", "stack/.env": "MINE=1\n", "stack/.gitignore": "mine\n"}
			for name, content := range theirs {
				h.write(name, content)
			}
			h.mustInit(map[string]string{"dir": h.path("stack")})
			must(t, os.RemoveAll(h.path("openclaw")))
			for _, name := range []string{".env", ".gitignore", "seccomp.json"} {
				must(t, os.Remove(h.path("stack/"+name)))
			}
			if again {
				h.mustInit(map[string]string{"dir": h.path("stack")})
			}
			_, r := h.uninstall(wizard.UninstallOptions{KeepJournal: keep})
			said := map[string]bool{}
			for _, n := range r.Notes {
				if n.ID == "removed-stays" {
					said[n.Args[0].(string)] = n.Args[1].(uint64) > 0
				}
			}
			for name := range theirs {
				if strings.HasSuffix(name, ".gitignore") && keep {
					continue // it hides the keys that stay
				}
				if got := h.content(name); got != "gone" || !said[h.path(name)] {
					t.Errorf("again %v, keep %v: %s: %q, said of %v", again, keep, name, got, said)
				}
			}
			if notes := sprint(r.Notes); said[h.path("stack/seccomp.json")] || strings.Contains(notes, "setup-drift") || strings.Contains(notes, "setup-gone") {
				t.Errorf("again %v, keep %v: %s", again, keep, notes)
			}
		}
	}
}

// TestRemovedElsewhereIsSaidOnce: a set-up that moves away from a file that is gone leaves
// it gone, and the next run does not tell of it again.
func TestRemovedElsewhereIsSaidOnce(t *testing.T) {
	h := newHost(t)
	h.write("a/.env", "MINE=1\n")
	h.mustInit(map[string]string{"dir": h.path("a")})
	must(t, os.Remove(h.path("a/.env")))
	for n, want := range []bool{true, false} {
		p, _ := h.mustInit(map[string]string{"dir": h.path("b")})
		if said := strings.Contains(sprint(p.Notes), "removed-stays"); said != want || h.content("a/.env") != "gone" {
			t.Errorf("run %d: said %v, %q", n+1, said, h.content("a/.env"))
		}
	}
}

// TestRollbackForgetsRepairedEdits: a rollback warns of an edit that is in the file, and not of
// one that was taken back long ago.
func TestRollbackForgetsRepairedEdits(t *testing.T) {
	h := newHost(t)
	_, first := h.mustInit(nil)
	env := h.content("config/clawsetup/.env")
	h.write("config/clawsetup/.env", env+"MINE=1\n")
	h.mustInit(nil)
	h.mustInit(map[string]string{"preset": "economy"})
	if p, _ := h.rollback(first.Records[0]); strings.Contains(sprint(p.Notes), "setup-drift") {
		t.Error(sprint(p.Notes))
	}
	if got := h.content("config/clawsetup/.env"); got != env {
		t.Errorf("%q", got)
	}
	h.mustInit(map[string]string{"preset": "economy"})
	h.write("config/clawsetup/.env", env+"MINE=1\n")
	if p, _ := h.rollback(first.Records[0]); !strings.Contains(sprint(p.Notes), "setup-drift") {
		t.Error(sprint(p.Notes))
	}
}

// TestRemovedElsewhereIsTheirs: a file that the operator removed before the set-up moved away, or
// went back, is no drift, and what he puts there later is his.
func TestRemovedElsewhereIsTheirs(t *testing.T) {
	for _, mine := range []string{"", "MINE=1\n"} {
		for _, back := range []bool{false, true} {
			h := newHost(t)
			name, there, elsewhere := "a/.env", map[string]string{"dir": h.path("a")}, map[string]string{"dir": h.path("b")}
			if back {
				name, there, elsewhere = "other/openclaw.json", map[string]string{"openclaw-config": h.path("other/openclaw.json")}, nil
			}
			if mine != "" {
				h.write(name, map[bool]string{false: mine, true: "{ channels: {} }\n"}[back])
			}
			_, first := h.mustInit(elsewhere)
			h.mustInit(there)
			must(t, os.Remove(h.path(name)))
			if back {
				h.rollback(first.Records[len(first.Records)-1])
			} else {
				h.mustInit(elsewhere)
			}
			later := map[bool]string{false: "MINE=2\n", true: "{ later: 1 }\n"}[back]
			for _, want := range []string{"gone", later} {
				if want != "gone" {
					h.write(name, want)
				}
				for _, r := range h.report("files-drift", "shared-files-drift").Results {
					if r.Outcome != doctor.OK {
						t.Errorf("%s, %q before: %s: %v", name, mine, want, r.Findings)
					}
				}
				p, _ := h.mustInit(elsewhere)
				if got := h.content(name); got != want || !p.Empty() {
					t.Errorf("%s, %q before: %q, not %q", name, mine, got, want)
				}
			}
			h.mustInit(map[string]string{"dir": h.path("c")})
			h.uninstall(wizard.UninstallOptions{})
			if got := h.content(name); got != later || h.content(name+".kept") != "gone" {
				t.Errorf("%s, %q before: %q in the end, not %q", name, mine, got, later)
			}
		}
	}
}

// TestTakenAwayStaysAway: what doctor --fix took away, from where a file of ours was that the
// set-up took away itself, comes back by a rollback alone.
func TestTakenAwayStaysAway(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"dir": h.path("a")})
	_, moved := h.mustInit(map[string]string{"dir": h.path("b")})
	h.write("a/.env", "MINE=1\n")
	h.fix(h.report("files-drift"))
	if p, _ := h.mustInit(map[string]string{"dir": h.path("b")}); !p.Empty() || h.content("a/.env") != "gone" {
		t.Errorf("init: %v, %q", p.Changes, h.content("a/.env"))
	}
	h.rollback(moved.Records[len(moved.Records)-1])
	if got := h.content("a/.env"); got != "MINE=1\n" {
		t.Errorf("rolled back: %q", got)
	}
	must(t, os.Remove(h.path("a/.env")))
	h.uninstall(wizard.UninstallOptions{})
	if got := h.content("a/.env"); got != "gone" {
		t.Errorf("at the end: %q", got)
	}
}

// TestRollbackBringsBack: a file of the set-up that somebody removed is there again after a
// rollback to a record that knows it: that is what was asked for. It is called removed.
func TestRollbackBringsBack(t *testing.T) {
	h := newHost(t)
	_, first := h.mustInit(nil)
	want := h.content("config/clawsetup/.env")
	h.mustInit(map[string]string{"preset": "economy"})
	must(t, os.Remove(h.path("config/clawsetup/.env")))
	p, _ := h.rollback(first.Records[0])
	if got := h.content("config/clawsetup/.env"); got != want {
		t.Errorf("%q", got)
	}
	if notes := sprint(p.Notes); !strings.Contains(notes, "setup-gone") || strings.Contains(notes, "removed-stays") || strings.Contains(notes, "setup-drift") {
		t.Error(notes)
	}
	h.verify()
}

// TestGitIgnoreStaysTheirs: of a .gitignore nothing but our lines goes. Where there was
// none before and nothing else is in it, there is none again.
func TestGitIgnoreStaysTheirs(t *testing.T) {
	for name, c := range map[string]struct{ before, now, want string }{
		"deleted":            {"", "gone", "gone"},
		"emptied":            {"", "", "gone"},
		"theirs emptied":     {"mine\n", "", ""},
		"theirs deleted":     {"mine\n", "gone", "gone"},
		"edited":             {"", "+two\n", "two\n"},
		"theirs edited":      {"mine\n", "+two\n", "mine\ntwo\n"},
		"without a line end": {"mine", "as it is", "mine"},
	} {
		h := newHost(t)
		if c.before != "" {
			h.write("config/clawsetup/.gitignore", c.before)
		}
		h.mustInit(nil)
		more, isMore := strings.CutPrefix(c.now, "+")
		switch {
		case isMore:
			h.write("config/clawsetup/.gitignore", h.content("config/clawsetup/.gitignore")+more)
		case c.now == "gone":
			must(t, os.Remove(h.path("config/clawsetup/.gitignore")))
		case c.now == "":
			h.write("config/clawsetup/.gitignore", "")
		}
		_, r := h.uninstall(wizard.UninstallOptions{})
		if got := h.content("config/clawsetup/.gitignore"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if _, err := os.Lstat(h.path("config")); c.before == "" && c.want == "gone" && err == nil {
			t.Errorf("%s: the folder is left; %s", name, sprint(r.Notes))
		}
	}
}

// TestRollbackKeepsIgnoring: the secrets of the set-up that a rollback goes back to stay ignored,
// whatever the operator made of the .gitignore, and his lines stay.
func TestRollbackKeepsIgnoring(t *testing.T) {
	const name = "config/clawsetup/.gitignore"
	for how, edit := range map[string]func(h *host){
		"removed": func(h *host) { must(t, os.Remove(h.path(name))) },
		"emptied": func(h *host) { h.write(name, "two\n") },
	} {
		h := newHost(t)
		h.write(name, "mine\n")
		_, first := h.mustInit(nil)
		ours := strings.TrimPrefix(h.content(name), "mine\n")
		edit(h)
		h.mustInit(map[string]string{"preset": "economy"})
		h.write(name, h.content(name)+"three\n")
		h.rollback(first.Records[0])
		want := map[string]string{"removed": ours + "three\n", "emptied": "two\n" + ours + "three\n"}[how]
		if got := h.content(name); got != want {
			t.Errorf("%s: %q", how, got)
		}
		h.uninstall(wizard.UninstallOptions{})
		if got := h.content(name); got != strings.Replace(want, ours, "", 1) {
			t.Errorf("%s, at the end: %q", how, got)
		}
	}
}

// TestGitIgnoreIsSharedWithThem: lines of the operator's own in a .gitignore are no drift, which
// init would not take back; without our lines it is one, and what puts them there again leaves
// his.
func TestGitIgnoreIsSharedWithThem(t *testing.T) {
	const name = "config/clawsetup/.gitignore"
	h := newHost(t)
	h.write(name, "mine\n")
	h.mustInit(nil)
	ours := strings.TrimPrefix(h.content(name), "mine\n")
	h.write(name, "mine\ntwo\n"+ours+"three\n")
	if r := h.report("files-drift").Results[0]; r.Outcome != doctor.OK {
		t.Errorf("edited: %v", r.Findings)
	}
	s, err := h.NewInit(t.Context(), h.given(nil))
	must(t, err)
	if notes := sprint(s.Preflight(t.Context())); strings.Contains(notes, "setup-drift") {
		t.Errorf("init: %s", notes)
	}
	h.write(name, "mine\ntwo\nthree\n")
	h.fix(h.report("files-drift"))
	if got := h.content(name); got != "mine\ntwo\nthree\n"+ours || h.report("files-drift").Results[0].Outcome != doctor.OK {
		t.Errorf("put right: %q", got)
	}
}
