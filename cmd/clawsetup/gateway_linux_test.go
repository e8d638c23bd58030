package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// gateway starts OpenClaw's own gateway, which asks clawsetup for its token: who shows
// that is let in, and nobody else.
func (s *agentHome) gateway() {
	s.t.Helper()
	var port string
	for _, v := range s.env {
		if p, ok := strings.CutPrefix(v, "OPENCLAW_GATEWAY_PORT="); ok {
			port = p
		}
	}
	openclaw := filepath.Join(s.home, "bin", "openclaw")
	c := exec.Command(openclaw, "gateway", "run")
	c.Env, c.Dir, c.SysProcAttr = s.env, s.cwd, &syscall.SysProcAttr{Setpgid: true}
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	check(s.t, c.Start())
	defer func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
	}()
	for end := time.Now().Add(programLimit); ; time.Sleep(100 * time.Millisecond) {
		conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err == nil {
			check(s.t, conn.Close())
			break
		}
		if time.Now().After(end) {
			s.t.Fatalf("the gateway did not start:\n%s", out.String())
		}
	}
	ask := func(token string) int {
		return s.exec(openclaw, "gateway", "call", "health", "--url", "ws://127.0.0.1:"+port, "--token", token, "--json").Code
	}
	if code := ask(strings.TrimSpace(s.clawsetup("token", "--gateway"))); code != 0 {
		s.t.Errorf("the right token: exit %d", code)
	}
	if code := ask("wrong"); code == 0 {
		s.t.Error("a wrong token is let in")
	}
}
