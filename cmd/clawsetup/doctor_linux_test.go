package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// examination is what doctor --json prints, as far as tests look at it.
type examination struct {
	Made   bool `json:"made_by_clawsetup"`
	Checks []struct {
		ID       string
		Outcome  string
		Severity string
		Findings []struct {
			Severity string
			Detail   string
			Fixable  bool
		}
		NotChecked []struct{ Where, Why string } `json:"not_checked"`
	}
	Audit *struct {
		Outcome  string
		Why      string
		Findings []struct {
			CheckID  string `json:"check_id"`
			Severity string
			SameAs   string `json:"same_as"`
		}
	} `json:"openclaw_audit"`
}

// red are the checks with a finding above info.
func (e examination) red() []string {
	var out []string
	for _, c := range e.Checks {
		for _, f := range c.Findings {
			if c.Outcome == "finding" && f.Severity != "info" {
				out = append(out, c.ID+": "+f.Detail)
			}
		}
	}
	return out
}

// open are the checks that were not made.
func (e examination) open() []string {
	var out []string
	for _, c := range e.Checks {
		if c.Outcome == "not checked" {
			for _, g := range c.NotChecked {
				if strings.Contains(g.Why, "of other users cannot be read") {
					continue // not even root may look into every process of every host
				}
				if c.ID == "journal-anchored" && strings.HasPrefix(g.Where, "keyring") {
					continue // the session of an arena has none
				}
				out = append(out, c.ID+": "+g.Where+": "+g.Why)
			}
		}
	}
	return out
}

func (a *arena) doctor(code int, args ...string) examination {
	a.t.Helper()
	out := a.must(code, append([]string{"doctor", "--json", "--skip", "openclaw-audit"}, args...)...)
	var e examination
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		a.t.Fatalf("%v in %s", err, out)
	}
	return e
}

// TestDoctorOnOurs: an installation that clawsetup made has no finding above info, every
// check is made, nothing is written, and it takes less than two seconds.
func TestDoctorOnOurs(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	before := a.tree()
	start := time.Now()
	// The agents of this host are those of the tests that run beside this one.
	e := a.doctor(0, "--fail-on", "low", "--skip", "agent-permissions,agent-orphans,agent-address,agent-credentials,agent-count")
	took := time.Since(start)
	t.Logf("%d checks in %s", len(e.Checks), took.Round(time.Millisecond))
	if red := e.red(); len(red) > 0 || !e.Made {
		t.Errorf("red are\n%s", strings.Join(red, "\n"))
	}
	if open := e.open(); len(open) > 0 {
		t.Errorf("not checked are\n%s", strings.Join(open, "\n"))
	}
	if took > 2*time.Second && os.Getenv("CLAWSETUP_SLOW") == "" {
		t.Errorf("it took %s", took)
	}
	if after := a.tree(); !slices.Equal(before, after) {
		t.Error("doctor changed a file")
	}
}

// TestDoctorFixes: what was spoilt is put right by a plan, and journaled.
func TestDoctorFixes(t *testing.T) {
	a := newArena(t)
	a.init()
	file := filepath.Join(a.home, "config", "clawsetup", "docker-compose.cloudru-proxy.yml")
	b, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.Replace(string(b), "read_only: true", "read_only: false", 1)), 0o600))
	if out := a.must(3, "doctor", "--skip", "openclaw-audit,upstream"); !strings.Contains(out, "container-writable") || !strings.Contains(out, "doctor --fix --only files-drift") {
		t.Error(out)
	}
	a.must(0, "doctor", "--fix", "--yes", "--skip", "upstream", "--fail-on", "low")
	now, err := os.ReadFile(file)
	check(t, err)
	if string(now) != string(b) {
		t.Error("the file is not as it was")
	}
	if out := a.must(0, "config-history", "list"); !strings.Contains(out, "DriftRepaired") {
		t.Error(out)
	}
	a.must(0, "config-history", "verify")
	a.must(1, "doctor", "--fix", "--yes", "--skip", "upstream")
}
