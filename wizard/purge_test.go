//go:build unix

package wizard_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// transcript makes the transcript number n of a session, of that age.
func (h *host) transcript(n int, age time.Duration) (id, path string) {
	h.t.Helper()
	id = fmt.Sprintf("%08x-1111-4222-8333-444444444444", n)
	path = h.path(fmt.Sprintf("openclaw/clawsetup/claude/projects/-srv-p%d/%s.jsonl", n%3, id))
	must(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(h.t, os.WriteFile(path, []byte("PROMPT"), 0o600))
	at := h.clock.Add(-age)
	must(h.t, os.Chtimes(path, at, at))
	return id, path
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (h *host) purge(o wizard.PurgeOptions) (*wizard.PurgeSession, *wizard.Purge) {
	h.t.Helper()
	s, err := h.NewPurge(context.Background(), o)
	must(h.t, err)
	p, err := s.Plan(context.Background())
	must(h.t, err)
	return s, p
}

// purges are the events of the journal, newest last.
func (h *host) purges() []journal.Record {
	h.t.Helper()
	hist, err := h.History(context.Background())
	must(h.t, err)
	var out []journal.Record
	for r, err := range hist.Records() {
		must(h.t, err)
		if r.Event == journal.TranscriptsPurged {
			out = append(out, r)
		}
	}
	return out
}

func TestPurge(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	id, old := h.transcript(1, 48*time.Hour)
	_, young := h.transcript(2, time.Hour)
	_, now := h.transcript(3, 10*time.Second)
	s, p := h.purge(wizard.PurgeOptions{OlderThan: 24 * time.Hour, InUse: true})
	if len(p.Sessions) != 1 || p.Sessions[0].ID != id || p.Files() != 1 || p.Bytes() != 6 || len(p.InUse)+len(p.Left) > 0 {
		t.Fatalf("%+v", p)
	}
	got, err := s.Apply(context.Background(), p, nil)
	must(t, err)
	if got.Sessions != 1 || got.Files != 1 || len(got.Records) != 1 || there(filepath.Dir(old)) || !there(young) || !there(now) {
		t.Errorf("%+v", got)
	}
	r := h.purges()[0]
	sum := sha256.Sum256([]byte(id + "\n"))
	if r.Detail["sessions"] != "1" || r.Detail["by"] != "older than 1d" || r.Detail["ids_sha256"] != hex.EncodeToString(sum[:]) || r.Why[0] != "I-03" {
		t.Errorf("%+v", r)
	}
	h.verify()
	h.silent()
}

// silent wants a journal and snapshots without any word of a session.
func (h *host) silent() {
	h.t.Helper()
	b, err := os.ReadFile(h.path("state/clawsetup/journal.jsonl"))
	must(h.t, err)
	for _, word := range []string{"PROMPT", "-srv-p", "1111-4222-8333"} {
		if strings.Contains(string(b), word) {
			h.t.Errorf("the journal holds %q", word)
		}
	}
}

// TestPurgeInUse: a session in use is taken by its name, or all, and with consent.
func TestPurgeInUse(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	id, path := h.transcript(1, 10*time.Second)
	for _, c := range []struct {
		o     wizard.PurgeOptions
		takes bool
	}{
		{wizard.PurgeOptions{OlderThan: time.Second}, false},
		{wizard.PurgeOptions{OlderThan: time.Second, InUse: true}, false},
		{wizard.PurgeOptions{Session: id}, false},
		{wizard.PurgeOptions{All: true}, false},
		{wizard.PurgeOptions{Session: id, InUse: true}, true},
		{wizard.PurgeOptions{All: true, InUse: true}, true},
	} {
		s, p := h.purge(c.o)
		if taken := len(p.Sessions) == 1; taken != c.takes || taken == (len(p.InUse) == 1) {
			t.Errorf("%+v: %+v", c.o, p)
		}
		if c.takes {
			continue
		}
		got, err := s.Apply(context.Background(), p, nil)
		if err != nil || !there(path) || len(got.InUse) != 1 {
			t.Errorf("%+v: %+v, %v", c.o, got, err)
		}
	}
}

// TestPurgeLooksAgain: what was written between the plan and its end is in use; what
// nobody was shown stays.
func TestPurgeLooksAgain(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	_, one := h.transcript(1, time.Hour)
	_, two := h.transcript(2, time.Hour)
	s, p := h.purge(wizard.PurgeOptions{All: true})
	h.transcript(1, 30*time.Minute)
	_, three := h.transcript(3, time.Hour)
	got, err := s.Apply(context.Background(), p, nil)
	must(t, err)
	if got.Sessions != 1 || len(got.InUse) != 1 || !there(one) || there(two) || !there(three) {
		t.Errorf("%+v", got)
	}
	s, p = h.purge(wizard.PurgeOptions{All: true})
	must(t, os.WriteFile(h.Paths.SetupFile(), nil, 0o600))
	if _, err := s.Apply(context.Background(), p, nil); !errors.Is(err, wizard.ErrStalePlan) || !there(one) {
		t.Errorf("another set-up: %v", err)
	}
}

func TestPurgeDryRunWritesNothing(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	h.transcript(1, time.Hour)
	before := h.tree()
	h.purge(wizard.PurgeOptions{All: true, DryRun: true})
	same(t, before, h.tree())
}

func TestPurgeRefuses(t *testing.T) {
	h := newHost(t)
	if _, err := h.NewPurge(context.Background(), wizard.PurgeOptions{All: true}); !errors.Is(err, wizard.ErrNoSetup) {
		t.Errorf("no set-up: %v", err)
	}
	h.mustInit(nil)
	s, err := h.NewPurge(context.Background(), wizard.PurgeOptions{Session: "x"})
	must(t, err)
	if _, err := s.Plan(context.Background()); !errors.Is(err, wizard.ErrNoSession) {
		t.Errorf("no session: %v", err)
	}
	must(t, os.Symlink(t.TempDir(), h.path("openclaw/clawsetup/claude/projects")))
	if _, p := h.purge(wizard.PurgeOptions{All: true}); len(p.Left) != 1 || !p.Empty() {
		t.Errorf("a linked folder: %+v", p)
	}
}

// TestPurgeInBatches: an intent fits into a record, whatever the number of sessions.
func TestPurgeInBatches(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	for n := range 4500 {
		h.transcript(n, time.Hour)
	}
	s, p := h.purge(wizard.PurgeOptions{All: true})
	got, err := s.Apply(context.Background(), p, nil)
	must(t, err)
	if got.Sessions != 4500 || got.Files != 4500 || len(got.Records) != 3 || there(h.path("openclaw/clawsetup/claude/projects/-srv-p0")) {
		t.Errorf("%d sessions, records %v", got.Sessions, got.Records)
	}
	h.verify()
	h.silent()
}

// TestPurgeStopped: what was deleted until the operator left is in the journal.
func TestPurgeStopped(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	removed := 0
	h.Wizard = h.wizard(&files.Disk{Before: func(op files.Op) error {
		if op.Kind == "remove" && strings.HasSuffix(op.Path, ".jsonl") {
			if removed++; removed == 2 {
				stop()
			}
		}
		return nil
	}})
	for n := range 5 {
		h.transcript(n, time.Hour)
	}
	s, p := h.purge(wizard.PurgeOptions{All: true})
	got, err := s.Apply(ctx, p, nil)
	if !errors.Is(err, context.Canceled) || got.Files != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := h.purges(); len(r) != 1 || r[0].Detail["files"] != "2" {
		t.Errorf("%+v", r)
	}
	if n := h.unanchored(); n > 0 {
		t.Errorf("%d records are not anchored", n)
	}
	if notes, err := h.Recover(context.Background()); err != nil || len(notes) > 0 {
		t.Errorf("%v %v", notes, err)
	}
	h.verify()
}

var errPowerCut = errors.New("the power is cut")

// interrupt lets a purge of five sessions die at its n-th step, as far as the disk is
// concerned; done tells that it got to its end.
func (h *host) interrupt(n int) (done bool) {
	h.t.Helper()
	s, p := h.purge(wizard.PurgeOptions{All: true})
	at := 0
	h.Disk.Before = func(files.Op) error {
		if at++; at >= n {
			return errPowerCut
		}
		return nil
	}
	got, err := s.Apply(context.Background(), p, nil)
	h.Disk.Before = nil
	return err == nil && len(got.Left) == len(p.Left) && len(got.Notes) == len(p.Notes)
}

// TestPurgeRecovered: after a power cut at any step the journal says what is gone, and
// nothing else is deleted.
func TestPurgeRecovered(t *testing.T) {
	for step := 1; ; step++ {
		h := newHost(t)
		h.mustInit(nil)
		var paths []string
		for n := range 5 {
			_, path := h.transcript(n, time.Hour)
			paths = append(paths, path)
		}
		// What is refused before and after does not hide what is gone.
		must(t, os.Symlink("/etc", h.path("openclaw/clawsetup/claude/projects/-linked")))
		done := h.interrupt(step)
		gone := 0
		for _, path := range paths {
			if !there(path) {
				gone++
			}
		}
		_, err := h.Recover(context.Background())
		must(t, err)
		recorded := 0
		for _, r := range h.purges() {
			n := 0
			_, err := fmt.Sscan(r.Detail["sessions"], &n)
			must(t, err)
			recorded += n
		}
		if recorded != gone {
			t.Fatalf("step %d: %d sessions are gone, %d in the journal", step, gone, recorded)
		}
		h.verify()
		h.silent()
		if done {
			if step < 8 || gone != 5 {
				t.Fatalf("only %d steps, %d gone", step, gone)
			}
			return
		}
	}
}

// TestPurgeRecoveredBlind: a folder that cannot be looked through any more does not keep
// later runs from starting.
func TestPurgeRecoveredBlind(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	for n := range 3 {
		h.transcript(n, time.Hour)
	}
	s, p := h.purge(wizard.PurgeOptions{All: true})
	h.Disk.Before = func(op files.Op) error {
		if op.Kind == "syncdir" && strings.Contains(op.Path, "projects") || strings.HasSuffix(op.Path, "journal.jsonl") && !there(h.path("openclaw/clawsetup/claude/projects/-srv-p1")) {
			return errPowerCut
		}
		return nil
	}
	if _, err := s.Apply(context.Background(), p, nil); !errors.Is(err, errPowerCut) {
		t.Fatalf("%v", err)
	}
	h.Disk.Before = nil
	must(t, os.RemoveAll(h.path("openclaw/clawsetup/claude/projects")))
	must(t, os.Symlink(t.TempDir(), h.path("openclaw/clawsetup/claude/projects")))
	notes, err := h.Recover(context.Background())
	if err != nil || len(notes) != 1 || notes[0].ID != "purge-recovered-unknown" {
		t.Errorf("%+v, %v", notes, err)
	}
	if r := h.purges(); len(r) != 1 || r[0].Detail["unknown"] == "" || r[0].Detail["sessions"] != "" {
		t.Errorf("%+v", r)
	}
	h.verify()
	h.silent()
}

func TestPurgeJSON(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	_, p := h.purge(wizard.PurgeOptions{All: true})
	b, err := json.Marshal(p)
	must(t, err)
	for _, want := range []string{`"sessions":[]`, `"in_use":[]`, `"left":[]`, `"notes":[]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

func TestParseAge(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "720h": 720 * time.Hour, "1h": time.Hour, "36500d": 36500 * 24 * time.Hour, "007d": 168 * time.Hour,
		"": 0, "d": 0, "0d": 0, "-1d": 0, "+1d": 0, "1.5d": 0, "30": 0, "30m": 0, "1d12h": 0, " 1d": 0, "1 d": 0, "1D": 0, "36501d": 0, "876001h": 0,
		"99999999999999999999d": 0, "１d": 0, "0x10h": 0, "1_0d": 0,
	} {
		got, err := wizard.ParseAge(s)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func FuzzParseAge(f *testing.F) {
	for _, s := range []string{"30d", "720h", "", "-1d", "\xff", "9999999999h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		age, err := wizard.ParseAge(s)
		if (err == nil) != (age > 0) || age > 36500*24*time.Hour || err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q: %v, %v", s, age, err)
		}
	})
}
