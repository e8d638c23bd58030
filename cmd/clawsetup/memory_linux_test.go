package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMemoryIsClosed: while a key is in memory, no core is dumped, and the operator's other
// programs cannot look into the process.
func TestMemoryIsClosed(t *testing.T) {
	dir, err := os.MkdirTemp("", "clawsetup-memory-")
	check(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	check(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "clawsetup")
	b, err := os.ReadFile(programPath(t))
	check(t, err)
	check(t, os.WriteFile(program, b, 0o755))
	cmd := exec.Command(program, "init", "--yes", "--key-stdin")
	cmd.Env, cmd.Dir = []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}, dir
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	_, err = io.WriteString(stdin, "a-key-that-is-not-whole")
	check(t, err)
	process := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		limits, err := os.ReadFile(process + "limits")
		check(t, err)
		st, err := os.Stat(process + "environ")
		check(t, err)
		owner := st.Sys().(*syscall.Stat_t).Uid
		if owner == 0 && strings.Contains(string(bytes.Join(bytes.Fields(limits), []byte(" "))), "Max core file size 0 0 bytes") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("environ belongs to %d; limits:\n%s", owner, limits)
		}
	}
}
