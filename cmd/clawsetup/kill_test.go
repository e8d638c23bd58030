//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

// scratch is a home with simulators, for tests that run the program as a process of
// its own.
type scratch struct {
	t     testing.TB
	home  string
	flags []string
	env   []string
}

func newScratch(t testing.TB, keys ...string) *scratch {
	t.Helper()
	s := &scratch{t: t, home: fastDir(t)}
	var opts []cloudrutest.Option
	for _, k := range keys {
		opts = append(opts, cloudrutest.WithKey(secrets.New([]byte(k))))
	}
	api, err := cloudrutest.NewHandler(opts...).Start()
	check(t, err)
	t.Cleanup(func() { _ = api.Close() })
	registry := imagetest.NewRegistry()
	check(t, registry.Start())
	t.Cleanup(func() { _ = registry.Close() })
	image, err := registry.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{})
	check(t, err)
	port, err := unusedPort()
	check(t, err)
	s.flags = []string{
		"init", "--yes", "--api-base", api.URL.String(), "--allow-private-api", "--image", image.Reference, "--trust-first-use",
		"--store", "docker", "--port", port, "--key-stdin",
	}
	s.program("claude", "echo '2.1.330 (Claude Code)'")
	s.env = []string{
		"HOME=" + s.home, "XDG_CONFIG_HOME=" + s.home + "/config", "XDG_STATE_HOME=" + s.home + "/state", "XDG_RUNTIME_DIR=" + s.home + "/run",
		"PATH=" + s.home + "/bin:" + os.Getenv("PATH"), "TERM=dumb", "LANG=C", "TMPDIR=" + t.TempDir(), noRaceSleep,
		"DOCKER_HOST=unix:///nonexistent/no-engine.sock", "CLAWSETUP_TEST_GATEWAY=" + s.home + "/bin/gateway",
	}
	check(t, os.WriteFile(filepath.Join(s.home, "bin", "gateway"), staticELF(), 0o700))
	return s
}

// fastDir is a folder in memory where the system has one: a killed process loses
// nothing that it wrote there, and thousands of fsyncs cost nothing.
func fastDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "clawsetup-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	return dir
}

// noRaceSleep: with -race, every process would sleep a second before it ends.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// program puts a shell script into the home's PATH.
func (s *scratch) program(name, body string) {
	s.t.Helper()
	check(s.t, os.MkdirAll(filepath.Join(s.home, "bin"), 0o700))
	check(s.t, os.WriteFile(filepath.Join(s.home, "bin", name), []byte("#!/bin/sh\n"+body+"\n"), 0o700))
}

// run executes clawsetup; killed tells that it died of SIGKILL.
func (s *scratch) run(stdin, kill string, args ...string) (out string, code int, killed bool) {
	s.t.Helper()
	cmd := exec.Command(programPath(s.t), args...)
	cmd.Env, cmd.Dir = append([]string{"KILL_AT=" + kill}, s.env...), s.home
	cmd.Stdin = strings.NewReader(stdin)
	var buf bytes.Buffer
	cmd.Stdout, cmd.Stderr = &buf, &buf
	_ = cmd.Run()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return buf.String(), cmd.ProcessState.ExitCode(), ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// programPath is this test binary under the name of the program, as testscript
// installs it.
func programPath(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("clawsetup")
	check(t, err)
	return path
}

// mustRun runs to the end and wants exit code 0.
func (s *scratch) mustRun(stdin string, args ...string) string {
	s.t.Helper()
	out, code, _ := s.run(stdin, "", args...)
	if code != 0 {
		s.t.Fatalf("clawsetup %s: exit %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// whole wants a set-up that verifies, holds exactly these secrets, and has nothing
// half-done beside it.
func (s *scratch) whole(at int, keys ...string) {
	s.t.Helper()
	s.mustRun("", "config-history", "verify")
	if out := s.mustRun("", "init", "--yes", "--dry-run"); !strings.Contains(out, "Nothing to change") {
		s.t.Fatalf("step %d: the set-up is not whole:\n%s", at, out)
	}
	key, err := os.ReadFile(filepath.Join(s.home, "config/clawsetup/secrets/cloudru_api_key"))
	if errors.Is(err, os.ErrNotExist) {
		key, err = os.ReadFile(filepath.Join(s.home, "other/secrets/cloudru_api_key"))
	}
	check(s.t, err)
	known := false
	for _, k := range keys {
		known = known || string(key) == k
	}
	if !known {
		s.t.Fatalf("step %d: the key is none of the two", at)
	}
	check(s.t, filepath.WalkDir(s.home, func(path string, _ os.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".clawsetup-tmp") || strings.HasSuffix(path, ".prev") || strings.HasSuffix(path, ".next")) {
			s.t.Errorf("step %d: %s is left behind", at, path)
		}
		return err
	}))
}

// TestKill: killed at every step on the disk, the next run ends in a whole set-up
// and a journal that verifies.
func TestKill(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool
		args   func(*scratch) []string
		stdin  string
	}{
		{"init", false, func(s *scratch) []string { return s.flags }, scriptKey},
		{"change", true, func(*scratch) []string { return []string{"init", "--yes", "--preset", "economy"} }, ""},
		{"move", true, func(s *scratch) []string { return []string{"init", "--yes", "--dir", s.home + "/other"} }, ""},
		{"rotate-key", true, func(*scratch) []string { return []string{"rotate-key", "--yes", "--key-stdin"} }, scriptKey2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScratch(t, scriptKey, scriptKey2)
			if c.before {
				s.mustRun(scriptKey, s.flags...)
			}
			restore := s.save()
			steps := 0
			for at := 1; ; at++ {
				restore()
				_, _, killed := s.run(c.stdin, fmt.Sprint(at), c.args(s)...)
				if !killed {
					break
				}
				steps++
				s.again(t, at, c.name)
				s.whole(at, scriptKey, scriptKey2)
			}
			if steps < 20 {
				t.Fatalf("only %d steps on the disk", steps)
			}
			t.Logf("%s: %d steps, each ended in a whole set-up", c.name, steps)
		})
	}
}

// again is what an operator does after a crash: the same command.
func (s *scratch) again(t *testing.T, at int, name string) {
	t.Helper()
	switch name {
	case "init":
		s.mustRun(scriptKey, s.flags...)
		return
	case "change":
		s.mustRun("", "init", "--yes", "--preset", "economy")
		return
	case "move":
		s.mustRun("", "init", "--yes", "--dir", s.home+"/other")
		return
	}
	out, code, _ := s.run(scriptKey2, "", "rotate-key", "--yes", "--key-stdin")
	// The rotation may have been finished before it was killed: then the key is in use.
	if code != 0 && !strings.Contains(out, "in use") {
		t.Fatalf("step %d: %s", at, out)
	}
}

// save keeps the home as it is; the function puts it back.
func (s *scratch) save() (restore func()) {
	s.t.Helper()
	kept := fastDir(s.t)
	check(s.t, exec.Command("cp", "-a", s.home+"/.", kept).Run())
	return func() {
		s.t.Helper()
		check(s.t, os.RemoveAll(s.home))
		check(s.t, os.Mkdir(s.home, 0o700))
		check(s.t, exec.Command("cp", "-a", kept+"/.", s.home).Run())
	}
}

// TestRecoveryIsSaid: what an earlier run left is settled before anything is asked, and
// then it is not said that nothing was changed.
func TestRecoveryIsSaid(t *testing.T) {
	s := newScratch(t, scriptKey)
	if _, _, killed := s.run(scriptKey, "100", s.flags...); !killed {
		t.Fatal("init was over before it was killed")
	}
	out, code, _ := s.run("", "", "init", "--yes")
	if code != 2 || !strings.Contains(out, "was undone") || strings.Contains(out, "Nothing was changed") {
		t.Errorf("exit %d\n%s", code, out)
	}
	out, code, _ = s.run("", "", "init", "--yes")
	if code != 2 || strings.Contains(out, "was undone") || !strings.Contains(out, "Nothing was changed") {
		t.Errorf("with nothing to settle: exit %d\n%s", code, out)
	}
}
