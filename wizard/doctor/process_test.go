//go:build unix

package doctor

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/proc"
)

// turn is a Claude Code that OpenClaw started an hour ago.
func turn(pid, parent int, more ...string) func(*scene) {
	return func(s *scene) {
		s.write("proc/uptime", "100000.00 100000.00\n", 0o600)
		s.process(pid, parent, "/usr/bin/claude", append([]string{"-p", "--output-format", "stream-json"}, more...), "CLAUDE_CONFIG_DIR="+s.Made.ClaudeDir)
	}
}

// started is a turn with an environment.
func started(env ...string) func(*scene) {
	return func(s *scene) { s.process(72, 70, "/usr/bin/claude", []string{"-p"}, env...) }
}

// waited is a turn that somebody waits for.
func waited(s *scene) {
	s.process(70, 1, "/usr/bin/openclaw", nil)
	turn(71, 70)(s)
}

var processPairs = map[string]pair{
	"agent-permissions": {good: waited, bad: map[string]func(*scene){"skips": turn(72, 70, "--dangerously-skip-permissions"), "mode": turn(72, 70, "--permission-mode=bypassPermissions")}},
	"agent-orphans":     {good: waited, bad: map[string]func(*scene){"handed to init": turn(72, 1)}},
	"agent-address": {good: waited, bad: map[string]func(*scene){
		"elsewhere": started("ANTHROPIC_BASE_URL=https://evil.example"), "another provider": started("A=b", "CLAUDE_CODE_USE_VERTEX=1"),
		"by hand": func(s *scene) {
			s.process(72, 70, "/home/x/.local/share/claude/versions/2.1.330", []string{"--resume"}, "ANTHROPIC_BASE_URL=http://localhost:8082")
		},
	}},
	"agent-credentials": {good: waited, bad: map[string]func(*scene){
		"another's": started("PATH=/bin", "AWS_SECRET_ACCESS_KEY=q8w7e6r5t4y3u2i1"), "a channel's": started("TELEGRAM_BOT_TOKEN=1234567890:q8w7e6r5t4y3u2i1"),
		"an old key": started("ANTHROPIC_API_KEY=q8w7e6r5t4y3u2i1"),
	}},
	"agent-output-log": {good: waited, bad: map[string]func(*scene){
		"the agent": started("OPENCLAW_CLAUDE_CLI_LOG_OUTPUT=1"),
		"OpenClaw":  func(s *scene) { s.process(70, 1, "/usr/bin/openclaw", nil, "OPENCLAW_CLI_BACKEND_LOG_OUTPUT=true") },
	}},
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
		"somebody's own": {func(s *scene) {
			turn(72, 1)(s)
			s.process(72, 1, "/usr/bin/claude", []string{"-p", "--output-format", "stream-json"}, "CLAUDE_CONFIG_DIR=/home/x/.claude")
		}, false},
		"a service": {func(s *scene) {
			turn(72, 1)(s)
			s.write("proc/72/cgroup", "0::/system.slice/batch.service\n", 0o600)
		}, false},
		"of OpenClaw's service": {func(s *scene) {
			turn(72, 1)(s)
			s.write("proc/72/cgroup", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/openclaw-gateway.service\n", 0o600)
		}, true},
		"unknown groups": {func(s *scene) {
			turn(72, 1)(s)
			s.must(os.MkdirAll(s.path("proc/72/cgroup"), 0o700))
		}, false},
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

// An editor of a file called claude is no agent.
func TestIsClaude(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		args []string
		want bool
	}{
		"program": {"/usr/bin/claude", []string{"x"}, true}, "updated": {"/usr/bin/claude (deleted)", nil, true},
		"native":      {"/home/x/.local/share/claude/versions/2.1.330", []string{"/home/x/.local/bin/claude"}, true},
		"script":      {"/usr/bin/node", []string{"node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"}, true},
		"title":       {"/usr/bin/node", []string{"claude"}, true},
		"editor":      {"/usr/bin/vim", []string{"vim", "claude"}, false},
		"search":      {"/usr/bin/grep", []string{"grep", "/claude-code/"}, false},
		"not visible": {"", nil, false},
	} {
		if got := isClaude(proc.Process{Program: proc.Program{Path: c.path, Args: c.args}}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Many processes are looked at in time, and those beyond the bound are told.
func TestManyProcesses(t *testing.T) {
	for count, want := range map[int]Outcome{2000: OK, mostProcesses: NotChecked} {
		s := newScene(t)
		waited(s)
		for i := range count {
			dir := fmt.Sprintf("proc/%d", 1000+i)
			s.must(os.Mkdir(s.path(dir), 0o700))
			for _, name := range []string{"status", "stat", "cmdline", "environ"} {
				s.must(os.Link(s.path("proc/1/"+name), s.path(dir+"/"+name)))
			}
		}
		start := time.Now()
		for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"D-04", "agent-address", "key-in-processes", "key-in-arguments"}}).Results {
			if r.Outcome != want {
				t.Errorf("%d processes: %s is %s: %+v", count, r.Check.ID, r.Outcome, r.Gaps)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d processes take %s", count, took)
		}
	}
}
