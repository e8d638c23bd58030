package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// says writes a script of that name that says its version and nothing else.
func (a *arena) says(name, words string) {
	a.t.Helper()
	check(a.t, os.MkdirAll(a.path("bin"), 0o700))
	check(a.t, os.WriteFile(a.path("bin/"+name), []byte("#!/bin/sh\necho '"+words+"'\n"), 0o700))
}

// TestStatusNoticesAnUpgrade: an OpenClaw that outgrew the contract is found by status,
// said by init, and mended by one command.
func TestStatusNoticesAnUpgrade(t *testing.T) {
	a := newArena(t)
	a.says("claude", "2.1.330 (Claude Code)")
	a.says("openclaw", "2026.2.26")
	a.env = append(a.env, "PATH="+a.path("bin")+":"+os.Getenv("PATH"))
	a.init("--openclaw-mode", "auto")
	a.up()
	if s := a.status(); !s.OK() {
		t.Fatalf("broken %q", broken(s.Results))
	}
	if got := a.read("setup.yaml"); !strings.Contains(got, "contract: legacy") || !strings.Contains(got, "version: 2026.2.26") {
		t.Errorf("recorded:\n%s", got)
	}
	a.says("openclaw", "OpenClaw 2026.9.6 (x)")
	if got := broken(a.status().Results); !slices.Equal(got, []string{"T-03 openclaw-contract"}) {
		t.Errorf("broken %q", got)
	}
	if out, _ := a.run("status"); !strings.Contains(strings.Join(strings.Fields(out), " "), "run clawsetup init before openclaw doctor --fix") {
		t.Errorf("status: %s", out)
	}
	// Without one nothing is known, which is not held against the stack.
	check(t, os.Remove(a.path("bin/openclaw")))
	if s := a.status(); !s.OK() || s.Results[len(s.Results)-1].Detail == "" {
		t.Errorf("without OpenClaw: %+v", s.Results[len(s.Results)-1])
	}
}
