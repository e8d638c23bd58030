package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// servers counts what serves HTTP in this process.
func servers() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "http.(*Server).Serve(")
}

// TestStageFails: a demo that cannot begin leaves no simulator behind.
func TestStageFails(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	check(t, os.WriteFile(home, nil, 0o600))
	before := servers()
	if _, err := newStage(home); err == nil {
		t.Fatal("a file was taken for a home")
	}
	for end := time.Now().Add(5 * time.Second); servers() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d simulators still run", servers()-before)
		}
	}
}
