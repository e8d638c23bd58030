package wizard_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// asked answers the first question with section and every other by its default; it
// returns the ids of what was asked.
func asked(t *testing.T, s *wizard.InitSession, section string) []string {
	t.Helper()
	var ids []string
	for {
		q, err := s.Next(context.Background())
		must(t, err)
		if q == nil {
			return ids
		}
		ids = append(ids, q.ID)
		a := wizard.Answer{Value: q.Default}
		if q.ID == "section" {
			a.Value = section
		}
		must(t, s.Answer(context.Background(), q, a))
	}
}

// again is a session without any flag on the set-up of the host.
func (h *host) again() *wizard.InitSession {
	h.t.Helper()
	s, err := h.NewInit(context.Background(), wizard.Given{Values: map[string]string{}})
	must(h.t, err)
	return s
}

// TestSections: on a set-up that is there, one part is asked about and the rest stands.
func TestSections(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	for section, want := range map[string][]string{
		"repair": {"section"}, "key": {"section", "key"}, "models": {"section", "preset"}, "secrets": {"section", "store"}, "image": {"section", "image"},
		"agent": {"section", "port", "openclaw-mode", "openclaw-config", "hardening", "claude"},
		"all":   {"section", "key", "preset", "store", "image", "port", "openclaw-mode", "openclaw-config", "hardening", "claude"},
	} {
		s := h.again()
		if got := asked(t, s, section); !slices.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", section, got, want)
		}
		p, err := s.Plan(context.Background())
		must(t, err)
		if !p.Empty() {
			t.Errorf("%s: there is something to change: %+v", section, p.Changes)
		}
	}
	s := h.again()
	before := s.Left()
	if got := asked(t, s, "repair"); len(got) != 1 || before < 9 || s.Left() != 0 {
		t.Errorf("left %d before, %d after", before, s.Left())
	}
	// Going back opens the choice again.
	if !s.Back() {
		t.Fatal("there is no way back")
	}
	if got := asked(t, s, "models"); !slices.Equal(got, []string{"section", "preset"}) {
		t.Errorf("after going back: %q", got)
	}
}

// TestFallenAnswer: an answer that does not hold any more is asked about, with the
// reason, although its part was to stand.
func TestFallenAnswer(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	must(t, os.Remove(h.claude))
	q := h.until(h.again(), "claude")
	if !slices.ContainsFunc(q.Notes, func(n wizard.Note) bool { return n.ID == "answer-fell" && n.State == wizard.Failed }) {
		t.Errorf("it is not said why: %+v", q.Notes)
	}
}

// TestRepair: an edit of somebody else is found at the start, taken back, and recorded as
// what it was.
func TestRepair(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	path := h.path("config/clawsetup/docker-compose.cloudru-proxy.yml")
	good, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(strings.Replace(string(good), "read_only: true", "read_only: false", 1)), 0o600))
	must(t, os.Remove(h.path("config/clawsetup/seccomp.json")))
	s := h.again()
	said := map[string]int{}
	for _, n := range s.Preflight(context.Background()) {
		if n.State == wizard.Attention {
			said[n.ID]++
		}
	}
	if said["setup-drift"] != 1 || said["setup-gone"] != 1 {
		t.Errorf("one file was edited, one deleted; said is %v", said)
	}
	asked(t, s, "repair")
	p, err := s.Plan(context.Background())
	must(t, err)
	if len(p.Changes) != 2 {
		t.Fatalf("%d changes", len(p.Changes))
	}
	_, err = s.Apply(context.Background(), p, nil)
	must(t, err)
	if now, err := os.ReadFile(path); err != nil || string(now) != string(good) {
		t.Errorf("not put right: %v\n%s", err, now)
	}
	h.verify()
	hist, err := h.History(context.Background())
	must(t, err)
	repaired := 0
	for r, err := range hist.Records() {
		must(t, err)
		if r.Event == journal.DriftRepaired && r.Phase == journal.PhaseEvent {
			repaired += len(r.Files)
		}
	}
	if repaired != 2 {
		t.Errorf("%d files are recorded as repaired", repaired)
	}
}

// TestDriftUnreadable: a file that cannot be looked at is not checked, and hides no other.
func TestDriftUnreadable(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	must(t, os.Remove(h.path("config/clawsetup/seccomp.json")))
	must(t, os.Mkdir(h.path("config/clawsetup/seccomp.json"), 0o700))
	must(t, os.Remove(h.path("config/clawsetup/.env")))
	got := map[string]wizard.State{}
	for _, n := range h.again().Preflight(context.Background()) {
		got[n.ID] = n.State
	}
	if state, said := got["drift-unreadable"]; !said || state != wizard.NotChecked || got["setup-gone"] != wizard.Attention {
		t.Errorf("%v", got)
	}
}
