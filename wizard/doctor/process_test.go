//go:build unix

package doctor

import (
	"fmt"
	"testing"
)

// turn is a Claude Code that OpenClaw started an hour ago.
func turn(pid, parent int, more ...string) func(*scene) {
	return func(s *scene) {
		s.write("proc/uptime", "100000.00 100000.00\n", 0o600)
		s.process(pid, parent, "/usr/bin/claude", append([]string{"-p", "--output-format", "stream-json"}, more...))
	}
}

// waited is a turn that somebody waits for.
func waited(s *scene) {
	s.process(70, 1, "/usr/bin/openclaw", nil)
	turn(71, 70)(s)
}

var processPairs = map[string]pair{
	"agent-permissions": {good: waited, bad: map[string]func(*scene){"skips": turn(72, 70, "--dangerously-skip-permissions"), "mode": turn(72, 70, "--permission-mode=bypassPermissions")}},
	"agent-orphans":     {good: waited, bad: map[string]func(*scene){"handed to init": turn(72, 1)}},
	"agent-count": {good: waited, bad: map[string]func(*scene){"too many": func(s *scene) {
		for i := range mostAgents + 1 {
			turn(100+i, 70)(s)
		}
	}}},
}

// Only a proven orphan may be ended: not one with a terminal or a parent.
func TestOrphanIsProven(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*scene)
		ends  bool
	}{
		"orphan":      {turn(72, 1), true},
		"with parent": {waited, false},
		"by hand": {func(s *scene) {
			s.write("proc/uptime", "100000.00 1\n", 0o600)
			s.process(72, 1, "/usr/bin/claude", nil)
		}, false},
		"young": {func(s *scene) { turn(72, 1)(s); s.write("proc/uptime", "11.00 11.00\n", 0o600) }, false},
	} {
		r := examined(t, c.spoil)["agent-orphans"]
		if got := len(r.Findings) == 1 && r.Findings[0].Fixable; got != c.ends {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Many processes are looked at in time.
func TestManyProcesses(t *testing.T) {
	s := newScene(t)
	for i := range 2000 {
		s.process(1000+i, 1, fmt.Sprintf("/usr/bin/p%d", i), nil)
	}
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"D-04"}}).Results {
		if r.Outcome != OK {
			t.Errorf("%s is %s: %+v", r.Check.ID, r.Outcome, r.Gaps)
		}
	}
}
