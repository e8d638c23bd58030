package wizard_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// oldSetups are files that earlier programs wrote: the first one, the one that knew the
// gateway, and the one that knew OpenClaw's hardening.
func oldSetups(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/setup/v1-*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%v %v", paths, err)
	}
	out := map[string][]byte{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(p)] = []byte(here(string(b)))
	}
	return out
}

// TestOldSetups: what an earlier program wrote is read whole, and written as a file of
// this version that says the same.
func TestOldSetups(t *testing.T) {
	for name, b := range oldSetups(t) {
		s, err := wizard.ParseSetup(b)
		must(t, err)
		if s.Version != wizard.SetupVersion || s.Models.Preset != "balanced" || s.Key.Added != "2026-11-22" || s.Image.Trust != "first-use" ||
			s.OpenClaw.Mode != "auto" || s.Egress.Open != (name == "v1-gateway.yaml") || (s.OpenClaw.Hardening == "all") != (name == "v1-hardened.yaml") {
			t.Errorf("%s: %+v", name, s)
		}
		now, err := s.Marshal()
		must(t, err)
		again, err := wizard.ParseSetup(now)
		must(t, err)
		if !reflect.DeepEqual(s, again) {
			t.Errorf("%s: not the same again: %+v", name, again)
		}
	}
}

// TestMigrationIsAPlan: an older file stays until a change of the set-up; then its new
// form is in the diff, and the journal says from where to where.
func TestMigrationIsAPlan(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	h.age()
	before := h.tree()
	s, err := h.NewInit(context.Background(), wizard.Given{DryRun: true, TrustFirstUse: true})
	must(t, err)
	for {
		q, err := s.Next(context.Background())
		must(t, err)
		if q == nil {
			break
		}
		must(t, s.Answer(context.Background(), q, wizard.Answer{Value: q.Default}))
	}
	p, err := s.Plan(context.Background())
	must(t, err)
	same(t, before, h.tree())
	diff := wizard.Diff(p.Changes[0]).String()
	if len(p.Changes) != 1 || !strings.Contains(diff, "-version: 1\n+version: 2\n+written_by: test\n") || !strings.Contains(sprint(p.Notes), "setup-migrated") {
		t.Fatalf("%d changes, %s, %s", len(p.Changes), diff, sprint(p.Notes))
	}
	r, err := s.Apply(context.Background(), p, nil)
	must(t, err)
	hist, err := h.History(context.Background())
	must(t, err)
	found := false
	for _, seq := range r.Records {
		rec, err := hist.Record(seq)
		must(t, err)
		found = found || rec.Event == journal.SetupMigrated && maps.Equal(rec.Detail, map[string]string{"from": "1", "to": "2"})
	}
	if !found {
		t.Error("the journal does not tell of the migration")
	}
	if _, again := h.mustInit(nil); again.Changed {
		t.Error("it was migrated twice")
	}
	h.verify()
}

// age makes setup.yaml what the program of version 1 wrote.
func (h *host) age() {
	h.t.Helper()
	b, err := os.ReadFile(h.Paths.SetupFile())
	must(h.t, err)
	old := bytes.Replace(b, []byte("version: 2\nwritten_by: test\n"), []byte("version: 1\n"), 1)
	if bytes.Equal(b, old) {
		h.t.Fatalf("no version in\n%s", b)
	}
	must(h.t, os.WriteFile(h.Paths.SetupFile(), old, 0o600))
}

// TestNewerSetupIsLeft: a file of a version that this program does not know is refused by
// every session, with the version to install, and nothing is written.
func TestNewerSetupIsLeft(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	for written, want := range map[string]hint.Hint{
		"written_by: 3.4.5\n": {ID: "newer-setup-version", Args: []any{"3.4.5"}}, "written_by: v3.4.5-rc.1\n": {ID: "newer-setup-version", Args: []any{"v3.4.5-rc.1"}},
		"": {ID: "newer-setup"}, "written_by: \"3.4.5 \\e[2J\"\n": {ID: "newer-setup"}, "written_by: (devel)\n": {ID: "newer-setup"},
	} {
		must(t, os.WriteFile(h.Paths.SetupFile(), []byte("version: 99\n"+written+"future: [1]\n"), 0o600))
		before := h.tree()
		ctx := context.Background()
		for name, start := range map[string]func() error{
			"init":      func() error { _, err := h.NewInit(ctx, h.given(nil)); return err },
			"rotate":    func() error { _, err := h.NewRotate(ctx, wizard.RotateOptions{Token: true}); return err },
			"rollback":  func() error { _, err := h.NewRollback(ctx, 4, false); return err },
			"up":        func() error { _, err := h.NewUp(ctx, wizard.UpOptions{}); return err },
			"purge":     func() error { _, err := h.NewPurge(ctx, wizard.PurgeOptions{All: true}); return err },
			"uninstall": func() error { _, err := h.NewUninstall(ctx, wizard.UninstallOptions{}); return err },
			"--config":  func() error { _, err := h.ReadSetup(h.Paths.SetupFile()); return err },
		} {
			err := start()
			if got, _ := hint.Of(err); !errors.Is(err, wizard.ErrNewerSetup) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %q: %v, hint %v", name, written, err, got)
			}
		}
		same(t, before, h.tree())
	}
}

// FuzzOldSetup: a file of an older version is read like one of this version, or refused
// in words that can be shown; reading it twice comes to the same.
func FuzzOldSetup(f *testing.F) {
	for _, b := range oldSetups(f) {
		f.Add(b)
	}
	f.Add([]byte("version: 1\nversion: 1\n"))
	f.Add([]byte("version: &a 1\nport: *a\n"))
	f.Add([]byte("{version: 1}"))
	f.Add([]byte("- version: 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wizard.ParseSetup(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Fatalf("the error is not safe to print: %q", err)
			}
			return
		}
		if s.Version != wizard.SetupVersion {
			t.Fatalf("version %d", s.Version)
		}
		out, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := wizard.ParseSetup(out); err != nil || !reflect.DeepEqual(s, again) {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}
