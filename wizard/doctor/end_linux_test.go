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

// orphan starts a program called claude whose parent is gone at once.
func orphan(t *testing.T, script string) proc.Process {
	t.Helper()
	dir := t.TempDir()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "claude"), b, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("setsid", "sh", "-c", script)
	c.Dir = dir
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
		list, _ := proc.Host().Processes(mostListed)
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
		p := orphan(t, script)
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
	list, _ := proc.Host().Processes(mostListed)
	for _, p := range list {
		if p.PID == c.Process.Pid {
			if err := End(t.Context(), Process{PID: p.PID, Start: p.Start}); err == nil {
				t.Error("a process that somebody waits for was ended")
			}
		}
	}
}
