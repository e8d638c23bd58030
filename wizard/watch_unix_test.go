//go:build unix

package wizard_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
)

// TestWatchLooksAtTheSameEngine: the daily examination has neither the shell's variables nor
// its Docker context, and has to find the engine that `up` uses.
func TestWatchLooksAtTheSameEngine(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	sum := sha256.Sum256([]byte("rootless"))
	meta := h.path(".docker/contexts/meta/" + hex.EncodeToString(sum[:]) + "/meta.json")
	must(t, os.MkdirAll(filepath.Dir(meta), 0o700))
	must(t, os.WriteFile(meta, []byte(`{"Name":"rootless","Endpoints":{"docker":{"Host":"unix:///run/user/1000/docker.sock"}}}`), 0o600))
	for name, c := range map[string]struct {
		vars map[string]string
		want string
	}{
		"nothing":   {nil, ""},
		"a host":    {map[string]string{"DOCKER_HOST": "unix:///x.sock"}, "unix:///x.sock"},
		"a context": {map[string]string{"DOCKER_CONTEXT": "rootless"}, "unix:///run/user/1000/docker.sock"},
	} {
		h.Getenv = func(name string) string {
			if name == "HOME" {
				return h.home
			}
			return c.vars[name]
		}
		s, err := h.NewWatch(context.Background(), true, true)
		must(t, err)
		p, err := s.Plan(context.Background())
		must(t, err)
		if got := recordedWatch(t, p); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		unit := ""
		for _, change := range p.Changes {
			if strings.HasSuffix(change.Path, ".service") || strings.HasSuffix(change.Path, ".plist") {
				unit = string(change.After.Data)
			}
		}
		if strings.Contains(unit, "DOCKER_HOST") != (c.want != "") || !strings.Contains(unit, c.want) {
			t.Errorf("%s: the unit is\n%s", name, unit)
		}
	}
	h.Getenv = func(name string) string { return map[string]string{"HOME": h.home, "DOCKER_CONTEXT": "gone"}[name] }
	s, err := h.NewWatch(context.Background(), true, true)
	if err == nil {
		_, err = s.Plan(context.Background())
	}
	if err == nil {
		t.Error("a context that is not there was taken for none")
	}
}

// recordedWatch is the engine that setup.yaml gets for the daily examination.
func recordedWatch(t *testing.T, p *wizard.Plan) string {
	t.Helper()
	for _, c := range p.Changes {
		if filepath.Base(c.Path) == "setup.yaml" {
			s, err := wizard.ParseSetup(c.After.Data)
			must(t, err)
			return s.Watch.DockerHost
		}
	}
	t.Fatal("setup.yaml does not change")
	return ""
}

// TestReportSaysWhyNot: what keeps the findings out of the journal is told as it is.
func TestReportSaysWhyNot(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	said := func() string {
		t.Helper()
		told, err := h.ReportFindings(context.Background(), doctor.Selection{Only: []string{"key-label"}}, doctor.Critical)
		must(t, err)
		return strings.Join(told.Lines, "\n")
	}
	if got := said(); got != "" {
		t.Errorf("%q", got)
	}
	must(t, os.WriteFile(h.path("state/clawsetup/uninstalling"), []byte("{}\n"), 0o600))
	if got := said(); !strings.Contains(got, wizard.ErrUninstalling.Error()) || strings.Contains(got, "unfinished") {
		t.Errorf("while an uninstall is: %q", got)
	}
	must(t, os.Remove(h.path("state/clawsetup/uninstalling")))
	h.transcript(1, time.Hour)
	if h.interrupt(7) {
		t.Fatal("it was not interrupted")
	}
	if got := said(); !strings.HasSuffix(got, "an earlier change is unfinished") {
		t.Errorf("after an interruption: %q", got)
	}
}
