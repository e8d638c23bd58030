package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRogueListeners: somebody was there first, came on [::1], or relays.
func TestRogueListeners(t *testing.T) {
	a := newArena(t)
	a.init()

	t.Run("there first", func(t *testing.T) {
		l, err := net.Listen("tcp4", "127.0.0.1:"+a.port)
		check(t, err)
		asked := false
		go func() {
			_ = http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = asked || r.Header.Get("x-api-key") != "" }))
		}()
		out := a.must(1, "up", "--yes", "--wait", "5s")
		for _, want := range []string{"S-01", "listens on 127.0.0.1:" + a.port, "process "} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in:\n%s", want, out)
			}
		}
		check(t, l.Close())
		if asked {
			t.Error("the rogue was shown a token")
		}
		if left := a.containers(); len(left) > 0 {
			t.Errorf("%d containers are left", len(left))
		}
	})
	a.up()
	if s := a.status(); !s.OK() {
		t.Fatalf("broken %q", broken(s.Results))
	}

	t.Run("on ::1", func(t *testing.T) {
		l, err := net.Listen("tcp6", "[::1]:"+a.port)
		check(t, err)
		defer func() { _ = l.Close() }()
		s := a.status()
		if got := broken(s.Results); !slices.Equal(got, []string{"S-01 port-others"}) {
			t.Errorf("broken %q", got)
		}
	})

	t.Run("instead", func(t *testing.T) {
		// The gateway is gone and somebody took its port: no token for him.
		docker(t, "stop", a.project()+"-gateway-1")
		l, err := net.Listen("tcp4", "127.0.0.1:"+a.port)
		check(t, err)
		defer func() { _ = l.Close() }()
		tokens := make(chan string, 10)
		go func() {
			_ = http.Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if v := r.Header.Get("x-api-key"); v != "" {
					tokens <- v
				}
			}))
		}()
		s := a.status()
		if got := broken(s.Results); !slices.Contains(got, "S-01 port-owner") || s.OK() {
			t.Errorf("broken %q", got)
		}
		select {
		case got := <-tokens:
			if got == a.token() {
				t.Error("the rogue was shown the token")
			}
		default:
		}
	})
	a.up()

	t.Run("a relay", func(t *testing.T) {
		// A process of another user takes the place of the engine's relay, and leads to
		// the real container: the port answers as it should.
		gateway := docker(t, "inspect", "--format", "{{(index .NetworkSettings.Networks \""+a.project()+"_edge\").IPAddress}}", a.project()+"-gateway-1")
		out, err := exec.Command("sh", "-c", "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in *docker-proxy*-host-port\\ "+a.port+"\\ *) kill ${p#/proc/};; esac; done").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var l net.Listener
		for range 50 {
			if l, err = net.Listen("tcp4", "127.0.0.1:"+a.port); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		check(t, err)
		defer func() { _ = l.Close() }()
		go relay(l, "tcp", gateway+":8082")
		if status, _, err := a.ask(a.token(), `{}`); err != nil || status != http.StatusUnprocessableEntity {
			t.Fatalf("the relay does not lead to the proxy: %d %v", status, err)
		}
		s := a.status()
		if got := broken(s.Results); !slices.Equal(got, []string{"S-01 port-owner"}) {
			t.Errorf("broken %q", got)
		}
		for _, r := range s.Results {
			if r.Rule == "port-owner" && !strings.Contains(r.Detail, "it is no relay of the engine") {
				t.Errorf("detail %q", r.Detail)
			}
		}
	})
}

// relay leads every connection of l to address.
func relay(l net.Listener, network, address string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			up, err := net.Dial(network, address)
			if err != nil {
				return
			}
			defer func() { _ = up.Close() }()
			go func() { _, _ = io.Copy(up, c) }()
			_, _ = io.Copy(c, up)
		}()
	}
}

// TestUnprivileged: an operator who is not root proves what can be seen, and is told
// what cannot.
func TestUnprivileged(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	socket := strings.TrimPrefix(engineOf(t), "unix://")
	check(t, os.Chmod(socket, 0o666))
	for _, path := range []string{socket, a.program, a.home} {
		for dir := filepath.Dir(path); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			check(t, os.Chmod(dir, 0o755))
		}
	}
	owner := func(user string) {
		if out, err := exec.Command("chown", "-R", user, a.home).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	owner("65534:65534")
	defer owner("0:0")
	c := exec.Command("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", a.program}, "status", "--all")...)
	c.Env = a.command().Env
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"not visible without root's rights", "1 not checked, 0 broken"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}
