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

// otherVersions are files of a version that this program does not know, whatever else is
// wrong with them, and the error that each is.
var otherVersions = map[string]error{
	"version: 3\n": wizard.ErrNewerSetup, "version: \"3\"\n": wizard.ErrNewerSetup, "version: '3'\n": wizard.ErrNewerSetup,
	"version: 3.0\n": wizard.ErrNewerSetup, "version: 2.5\n": wizard.ErrNewerSetup, "version: 0x3\n": wizard.ErrNewerSetup, "version: .inf\n": wizard.ErrNewerSetup,
	"version: 99999999999999999999\n": wizard.ErrNewerSetup, "version: !new 3\n": wizard.ErrNewerSetup,
	"version: 3\n---\nmore: true\n": wizard.ErrNewerSetup, "kind: head\n---\nversion: 3\n": wizard.ErrNewerSetup, "version: 3\n---\n[\n": wizard.ErrNewerSetup,
	"version: 3\nwritten_by: {a: b}\n": wizard.ErrNewerSetup, "version: 2\nversion: 3\n": wizard.ErrNewerSetup, "version: 1.5\nversion: 3\n": wizard.ErrNewerSetup,
	"port: &a 3\nversion: *a\n": wizard.ErrNewerSetup, "? &k version\n: 1\n*k : 3\n": wizard.ErrNewerSetup, "<<: {version: 3}\n": wizard.ErrNewerSetup,
	"<<: [{port: 1}, &a {version: 3, <<: *a}]\n": wizard.ErrNewerSetup, "{version: 3, more: [\n": wizard.ErrNewerSetup, "\ufeff\"version\" : 3 # new\nmore: [\n": wizard.ErrNewerSetup,
	"version: 3\nmore: \x00\n": wizard.ErrNewerSetup, "more: [\nversion: '3'\n": wizard.ErrNewerSetup,

	"version: 1.5\n": wizard.ErrSetupVersion, "version: 2.0\n": wizard.ErrSetupVersion, "version: \"2\"\n": wizard.ErrSetupVersion, "version: two\n": wizard.ErrSetupVersion,
	"version: v3\n": wizard.ErrSetupVersion, "version: 3-beta\n": wizard.ErrSetupVersion, "version: true\n": wizard.ErrSetupVersion, "version:\n": wizard.ErrSetupVersion,
	"version: {major: 3}\n": wizard.ErrSetupVersion, "version: [3]\n": wizard.ErrSetupVersion, "version: .nan\n": wizard.ErrSetupVersion, "version: 2026-11-22\n": wizard.ErrSetupVersion,
	"version: \"\\e[2J\"\n": wizard.ErrSetupVersion, "version: 2\nversion: 1.5\n": wizard.ErrSetupVersion, "version: 1.5\nmore: [\n": wizard.ErrSetupVersion,
}

// TestOtherVersionsAreLeft: a file of another version is not taken for a damaged one,
// which would let uninstall take everything back, whatever follows in it.
func TestOtherVersionsAreLeft(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	for in, want := range otherVersions {
		must(t, os.WriteFile(h.Paths.SetupFile(), []byte(in), 0o600))
		before := h.tree()
		_, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
		g, _ := hint.Of(err)
		if !errors.Is(err, want) || strings.ContainsAny(err.Error(), "\x1b\n") || g.ID != map[error]string{wizard.ErrNewerSetup: "newer-setup", wizard.ErrSetupVersion: "setup-version"}[want] {
			t.Errorf("uninstall, %q: %v, hint %v", in, err, g)
		}
		if _, err := h.NewInit(context.Background(), h.given(nil)); !errors.Is(err, want) {
			t.Errorf("init, %q: %v", in, err)
		}
		same(t, before, h.tree())
	}
	for _, in := range []string{"", "what: is this\n", "version: 0\n", "version: -3\n", "openclaw: {version: 2026.9.1}\n", "openclaw:\n  version: 2026.9.1\nmore: [\n", "- version: 3\n"} {
		if _, err := wizard.ParseSetup([]byte(in)); err == nil || errors.Is(err, wizard.ErrNewerSetup) || errors.Is(err, wizard.ErrSetupVersion) {
			t.Errorf("%q, which is damaged: %v", in, err)
		}
	}
}

// TestKeysOfALaterProgram: what a later release added to the file without another version
// is not damage either: the operator is told what to install. Of a file that this program
// or an earlier one wrote, it is.
func TestKeysOfALaterProgram(t *testing.T) {
	for _, c := range []struct {
		here, written, more string
		want                hint.Hint
	}{
		{"1.2.3", "v1.3.0", "future: true", hint.Hint{ID: "newer-setup-version", Args: []any{"v1.3.0"}}},
		{"v1.2.3-rc.1", "1.2.3", "future: true", hint.Hint{ID: "newer-setup-version", Args: []any{"1.2.3"}}},
		{"1.2.3", "1.10.0", "watch: {start: sometimes}", hint.Hint{ID: "newer-setup-version", Args: []any{"1.10.0"}}},
		{"1.2.3", "1.2.3", "future: true", hint.Hint{ID: "setup-broken"}},
		{"1.10.0", "1.2.3", "future: true", hint.Hint{ID: "setup-broken"}},
		{"(devel)", "1.2.3", "future: true", hint.Hint{ID: "setup-broken"}},
		{"1.2.3", "(devel)", "future: true", hint.Hint{ID: "setup-broken"}},
	} {
		h := newHost(t)
		h.Version = c.written
		h.mustInit(nil)
		h.Version = c.here
		h.write("config/clawsetup/setup.yaml", h.content("config/clawsetup/setup.yaml")+c.more+"\n")
		before := h.tree()
		if c.want.ID == "setup-broken" {
			c.want.Args = []any{h.Paths.SetupFile()}
		}
		_, err := h.LoadSetup(h.Paths.SetupFile())
		if got, _ := hint.Of(err); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v, hint %v", c, err, got)
		}
		if _, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{DryRun: true}); errors.Is(err, wizard.ErrNewerSetup) != (c.want.ID == "newer-setup-version") {
			t.Errorf("uninstall, %+v: %v", c, err)
		}
		same(t, before, h.tree())
	}
}

// TestWrittenBy: the file names the latest release that changed it. One that has nothing to
// change does not write it for that alone, and an earlier one leaves the name.
func TestWrittenBy(t *testing.T) {
	h := newHost(t)
	named := func(want string) {
		t.Helper()
		if got := h.content("config/clawsetup/setup.yaml"); !strings.Contains(got, "\nwritten_by: "+want+"\n") {
			t.Errorf("not %s in\n%.200s", want, got)
		}
	}
	h.Version = "1.9.0"
	h.mustInit(nil)
	named("1.9.0")
	h.Version = "1.10.0"
	if _, r := h.mustInit(nil); r.Changed {
		t.Error("an upgrade alone changes the set-up")
	}
	h.mustInit(map[string]string{"preset": "economy"})
	named("1.10.0")
	h.Version = "1.9.0"
	h.mustInit(map[string]string{"preset": "balanced"})
	named("1.10.0")
	// What an older version of the file says of its program is not true of this version.
	h.write("config/clawsetup/setup.yaml", strings.Replace(h.content("config/clawsetup/setup.yaml"), "version: 2\n", "version: 1\n", 1))
	h.mustInit(nil)
	named("1.9.0")
}

// FuzzNewerSetup: nothing that follows the version of a newer file makes it one to be read,
// or a damaged one.
func FuzzNewerSetup(f *testing.F) {
	for in := range otherVersions {
		f.Add([]byte(in))
	}
	for _, b := range oldSetups(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := wizard.ParseSetup(append([]byte("version: 3\n"), b...))
		if len(b) < 200<<10 && !errors.Is(err, wizard.ErrNewerSetup) && !errors.Is(err, wizard.ErrSetupVersion) || err == nil {
			t.Fatalf("taken for damage: %v", err)
		}
		if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Fatalf("the error is not safe to print: %q", err)
		}
	})
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
