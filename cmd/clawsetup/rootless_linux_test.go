package main

import (
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/parttest"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// newRootlessArena is an installation of an ordinary user on that user's own engine.
func newRootlessArena(t *testing.T) *arena {
	t.Helper()
	engineOf(t)
	socket := parttest.Need(t, "CLAWSETUP_TEST_ROOTLESS")
	uid, err := strconv.ParseUint(os.Getenv("CLAWSETUP_TEST_ROOTLESS_UID"), 10, 32)
	check(t, err)
	a := newArenaOn(t, socket)
	a.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	// The engine's loopback address is another one than the registry's.
	port := strings.TrimPrefix(a.registry.Host(), "127.0.0.1:")
	l, err := listenIn("/proc/"+os.Getenv("CLAWSETUP_TEST_ROOTLESS_PID")+"/ns/net", "127.0.0.1:"+port)
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() { _ = http.Serve(l, a.registry) }()
	for _, dir := range []string{filepath.Dir(a.program), filepath.Dir(a.home)} {
		check(t, os.Chmod(dir, 0o755))
	}
	check(t, filepath.WalkDir(a.home, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(uid), int(uid))
	}))
	return a
}

// listenIn listens inside another network namespace.
func listenIn(namespace, address string) (net.Listener, error) {
	type result struct {
		l   net.Listener
		err error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the thread ends with this goroutine, and nobody else gets it.
		runtime.LockOSThread()
		f, err := os.Open(namespace)
		if err != nil {
			done <- result{err: err}
			return
		}
		defer func() { _ = f.Close() }()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{err: fmt.Errorf("entering %s: %w", namespace, err)}
			return
		}
		l, err := net.Listen("tcp", address)
		done <- result{l, err}
	}()
	r := <-done
	return r.l, r.err
}

// TestRootlessEngine: an ordinary user's own engine. What it does not show is not
// checked, and limits that nothing keeps are a consent.
func TestRootlessEngine(t *testing.T) {
	a := newRootlessArena(t)
	a.init()
	out, err := exec.Command("docker", "--host", a.socket, "info", "--format", "{{.CgroupDriver}}").Output()
	check(t, err)
	limits := strings.TrimSpace(string(out)) != "none"
	if !limits {
		before := a.read("setup.yaml")
		if out := a.must(2, "up", "--yes"); !strings.Contains(out, "--allow-relaxed") || a.read("setup.yaml") != before || len(a.containers()) > 0 {
			t.Errorf("without consent: %s", out)
		}
	}
	a.up("--allow-relaxed")
	s := a.status()
	if !s.OK() {
		t.Fatalf("broken %q", broken(s.Results))
	}
	unknown := map[string]string{}
	for _, r := range s.Results {
		if r.Outcome == proof.Unknown {
			unknown[r.Control+" "+r.Rule] = r.Detail
		}
	}
	want := map[string]string{"S-01 port-owner": "rootlesskit, is a relay of the engine; to which container it leads is not shown"}
	if !limits {
		for _, name := range []string{"memory", "swap", "cpus", "pids"} {
			want["D-02 "+name] = "the engine runs without control groups: it is not limited"
		}
		if len(s.Relaxed) != 1 || s.Relaxed[0].What != wizard.RelaxLimits {
			t.Errorf("relaxed: %+v", s.Relaxed)
		}
	}
	for name, detail := range want {
		if !strings.HasSuffix(unknown[name], detail) {
			t.Errorf("%s: %q", name, unknown[name])
		}
		delete(unknown, name)
	}
	if len(unknown) > 0 {
		t.Errorf("not checked: %v", unknown)
	}
	// The way out is the same as on any engine.
	for _, address := range []string{otherAddress + ":443", metadata + ":80", hostSide + ":80"} {
		if got := a.inside("dial " + address); !strings.Contains(got, "error") {
			t.Errorf("from inside, %s: %s", address, got)
		}
	}
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	check(t, os.Lchown(a.path("key2"), int(a.user.Uid), int(a.user.Gid)))
	a.must(0, "rotate-key", "--yes", "--key-file", a.path("key2"))
	if s := a.status(); !s.OK() || s.Containers[len(s.Containers)-1].Health == "unhealthy" {
		t.Errorf("after the rotation: broken %q", broken(s.Results))
	}
	if code, body, err := a.ask(a.token(), `{"model":"claude-haiku","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}`); err != nil || code != http.StatusOK {
		t.Errorf("a model: %d, %s, %v", code, body, err)
	}
	// An operator whose consent is gone is not told that all is well.
	if !limits {
		setup := a.read("setup.yaml")
		i := strings.Index(setup, "      - what: limits")
		if i < 0 {
			t.Fatalf("no relaxation in:\n%s", setup)
		}
		end := i + strings.Index(setup[i:], "why:")
		end += strings.IndexByte(setup[end:], '\n') + 1
		rest := strings.Replace(setup[:i], "    relaxed:\n", "", 1) + setup[end:]
		check(t, os.WriteFile(a.config("setup.yaml"), []byte(rest), 0o600))
		if got := broken(a.status().Results); !slices.Contains(got, "D-02 memory (proxy)") {
			t.Errorf("without the consent: broken %q", got)
		}
	}
}
