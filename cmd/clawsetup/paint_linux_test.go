package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
)

// paintLimit is how long the first screen may take, checkLimit all the checks on it.
const (
	paintLimit = 200 * time.Millisecond
	checkLimit = 5 * time.Second
)

// TestFirstPaint: the first screen is there at once, whatever the programs do that it
// asks, and leaving does not wait for them.
func TestFirstPaint(t *testing.T) {
	var took []time.Duration
	for range 5 {
		home := t.TempDir()
		for _, name := range []string{"openclaw", "claude", "docker"} {
			check(t, os.WriteFile(filepath.Join(home, name), []byte("#!/bin/sh\nexec sleep 60\n"), 0o700))
		}
		c := exec.Command(staticProgram(t), "init")
		c.Env = []string{"PATH=" + home + ":" + os.Getenv("PATH"), "HOME=" + home, "TERM=xterm-256color", "DOCKER_HOST=unix://" + home + "/none.sock"}
		start := time.Now()
		term, err := ptytest.Start(c, 80, 24)
		check(t, err)
		check(t, term.Expect("What is here"))
		took = append(took, time.Since(start))
		if len(took) == 1 {
			check(t, term.Expect("enter continue"))
			if all := time.Since(start); all > checkLimit {
				t.Errorf("the checks took %s", all)
			}
		}
		start = time.Now()
		check(t, term.Type("\x03"))
		if code, err := term.Wait(); err != nil || code != 130 || time.Since(start) > time.Second {
			t.Errorf("leaving: exit %d after %s, %v", code, time.Since(start), err)
		}
		term.Close()
	}
	slices.Sort(took)
	t.Logf("first screen: median %s, from %s to %s", took[2], took[0], took[4])
	if took[0] > paintLimit {
		t.Errorf("the first screen takes %s", took[0])
	}
}
