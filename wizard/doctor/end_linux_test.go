package doctor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/proc"
)

// orphan starts a program under the name of claude whose parent is gone at once.
func orphan(t *testing.T, program, script string, env ...string) proc.Process {
	t.Helper()
	dir := t.TempDir()
	program, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "claude"), b, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("setsid", "sh", "-c", script)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	})
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		list, _ := proc.Host().Processes(mostProcesses)
		for _, p := range list {
			if p.PID == pid && parentless(p, list) {
				return p
			}
		}
	}
	t.Fatal("it is not handed on to the first process")
	return proc.Process{}
}

// TestEnd: a real orphan is ended, one that ignores the request as well; another process
// under the number, and one that somebody waits for, are left alone.
func TestEnd(t *testing.T) {
	for name, script := range map[string]string{
		"polite": "./claude 600 >/dev/null 2>&1 & echo $!",
		"deaf":   "trap '' TERM; ./claude 600 >/dev/null 2>&1 & echo $!",
	} {
		p := orphan(t, "sleep", script)
		other := Process{PID: p.PID, Start: p.Start + "1"}
		if err := End(t.Context(), other); err == nil {
			t.Errorf("%s: another process was meant and ended", name)
		}
		meant := Process{PID: p.PID, Start: p.Start}
		if err := End(t.Context(), meant); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if alive, _ := stillMeant(meant); alive {
			t.Errorf("%s: it lives", name)
		}
		if err := End(t.Context(), meant); err != nil {
			t.Errorf("%s: ending it again: %v", name, err)
		}
	}
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	list, _ := proc.Host().Processes(mostProcesses)
	for _, p := range list {
		if p.PID == c.Process.Pid {
			if err := End(t.Context(), Process{PID: p.PID, Start: p.Start}); err == nil {
				t.Error("a process that somebody waits for was ended")
			}
		}
	}
}

// TestRealAgent: the kernel's own word on an agent that nobody waits for, with a foreign
// address, a key and a foreign credential, is enough to find all of it and to end it.
func TestRealAgent(t *testing.T) {
	s := newScene(t)
	p := orphan(t, "tail", "./claude -f /dev/null -- -p >/dev/null 2>&1 & echo $!", "CLAUDE_CONFIG_DIR="+s.Made.ClaudeDir,
		"ANTHROPIC_BASE_URL=https://evil.example", "HARMLESS="+sceneKey, "AWS_SECRET_ACCESS_KEY=q8w7e6r5t4y3u2i1", "OPENCLAW_CLI_BACKEND_LOG_OUTPUT=1")
	s.Proc, s.Made.TurnSeconds = proc.Host(), 1
	time.Sleep(2200 * time.Millisecond)
	wanted := []string{"agent-orphans", "agent-address", "agent-credentials", "agent-output-log", "key-in-processes"}
	report := Examine(t.Context(), s.Host, Selection{Only: wanted})
	for _, r := range report.Results {
		found := false
		for _, f := range r.Findings {
			found = found || f.Where.PID == p.PID
			if f.Where.PID == p.PID && r.Check.ID == "agent-orphans" {
				if !f.Fixable || f.Repair.End.Start != p.Start {
					t.Errorf("it cannot be ended: %+v", f)
				} else if err := End(t.Context(), *f.Repair.End); err != nil {
					t.Error(err)
				}
			}
		}
		if !found {
			t.Errorf("%s does not find it: %+v %+v", r.Check.ID, r.Findings, r.Gaps)
		}
	}
	if alive, _ := stillMeant(Process{PID: p.PID, Start: p.Start}); alive {
		t.Error("it lives")
	}
}
