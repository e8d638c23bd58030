package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
)

// client sends requests at a steady pace, as a program does that keeps its
// connections, and repeats what Claude Code repeats: after a refused token it asks for
// the token anew, up to ten times and longer and longer apart.
type client struct {
	a    *arena
	stop chan struct{}
	wg   sync.WaitGroup

	// upstream lets the requests go to the API.
	upstream bool

	sent, repeated atomic.Int64
	mu             sync.Mutex
	failures       []string
}

func (a *arena) load(perSecond int, upstream bool) *client {
	c := &client{a: a, upstream: upstream, stop: make(chan struct{})}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	c.wg.Go(func() {
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-c.stop:
				return
			case <-tick.C:
				c.wg.Go(func() { c.one(i) })
			}
		}
	})
	return c
}

func (c *client) one(i int) {
	c.sent.Add(1)
	// Some answers take long, as those of models do.
	body := fmt.Sprintf(`{"messages":["hi"],"local":%v,"sleep_ms":%d}`, !c.upstream, (i%10)*50)
	wait := 250 * time.Millisecond
	for try := range 11 {
		token, err := os.ReadFile(c.a.config("secrets/proxy_token"))
		if err != nil {
			c.fail(err.Error())
			return
		}
		status, answer, err := c.a.ask(string(token), body)
		switch {
		case err != nil:
			c.fail(err.Error())
			return
		case status == http.StatusUnauthorized && try < 10:
			c.repeated.Add(1)
			time.Sleep(wait)
			wait = min(2*wait, 8*time.Second)
		case status != http.StatusOK:
			c.fail(fmt.Sprintf("%d %s", status, answer))
			return
		default:
			return
		}
	}
}

func (c *client) fail(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, why)
}

// end stops the load and fails the test for each request that was lost.
func (c *client) end() {
	close(c.stop)
	c.wg.Wait()
	c.a.t.Logf("%d requests, %d repeated after a refused token, %d failed", c.sent.Load(), c.repeated.Load(), len(c.failures))
	for _, f := range c.failures[:min(len(c.failures), 10)] {
		c.a.t.Errorf("lost: %s", f)
	}
}

// rotations is how often the load test rotates.
const rotations = 20

// TestRotationLosesNothing: 20 rotations of the API key under 50 requests a second.
func TestRotationLosesNothing(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	load := a.load(50, false)
	keys := []string{a.path("key2"), a.path("key")}
	for i := range rotations {
		out := a.must(0, "rotate-key", "--yes", "--api-key", "--key-file", keys[i%2])
		if !strings.Contains(out, "new requests go to the new container") {
			t.Errorf("the running stack was not changed:\n%s", out)
		}
	}
	load.end()
	if load.repeated.Load() > 0 {
		t.Errorf("%d requests were refused although the token stayed", load.repeated.Load())
	}
	if s := a.status(); !s.OK() || len(s.Containers) != 2 {
		t.Errorf("%d containers, broken %q", len(s.Containers), broken(s.Results))
	}
	// The key in use is the last one.
	if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != http.StatusOK {
		t.Errorf("%d %s (%v)", status, body, err)
	}
}

// TestTokenRotation: clients that ask for the token anew when it is refused see no
// failure; a request that began before is answered by the container that it began in.
func TestTokenRotation(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	slow := make(chan string, 1)
	old := a.token()
	go func() {
		status, body, err := a.ask(old, `{"messages":["hi"],"local":true,"sleep_ms":6000}`)
		slow <- fmt.Sprintf("%d %s %v", status, body, err)
	}()
	time.Sleep(300 * time.Millisecond)
	load := a.load(20, false)
	for range 3 {
		a.must(0, "rotate-key", "--yes", "--token")
	}
	load.end()
	if got := <-slow; !strings.HasPrefix(got, "200 ") {
		t.Errorf("a request under way: %s", got)
	}
	if status, _, err := a.ask(old, `{}`); err != nil || status != http.StatusUnauthorized {
		t.Errorf("the old token: %d %v", status, err)
	}
}

// TestOldKeyIsGone: after a rotation the old values are in no container, no file and
// no process.
func TestOldKeyIsGone(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	old := map[string]string{"key": arenaKey, "token": a.token()}
	if n := a.haunts(arenaKey); n == 0 {
		t.Fatal("the key is nowhere while it is in use: the search finds nothing")
	}
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	a.must(0, "rotate-key", "--yes", "--key-file", a.path("key2"))
	check(t, os.Remove(a.path("key"))) // the operator's own copy
	for name, value := range old {
		if n := a.haunts(value); n > 0 {
			t.Errorf("the old %s is still in %d places", name, n)
		}
	}
}

// haunts counts the places of this host where a value is: processes, files of the
// home, the engine's own files and what docker inspect shows.
func (a *arena) haunts(value string) int {
	a.t.Helper()
	n := 0
	found := func(where string, b []byte) {
		if find(b, value) != "" {
			a.t.Logf("found in %s", where)
			n++
		}
	}
	for _, pattern := range []string{"/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline"} {
		paths, err := filepath.Glob(pattern)
		check(a.t, err)
		for _, p := range paths {
			if strings.HasPrefix(p, fmt.Sprintf("/proc/%d/", os.Getpid())) {
				continue
			}
			if b, err := os.ReadFile(p); err == nil {
				found(p, b)
			}
		}
	}
	engineData := filepath.Join(filepath.Dir(strings.TrimPrefix(engineOf(a.t), "unix://")), "data")
	for _, root := range []string{a.path("config"), a.path("state"), a.path("run"), filepath.Join(engineData, "containers")} {
		_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return nil //nolint:nilerr // what is gone holds nothing
			}
			if b, err := os.ReadFile(path); err == nil {
				found(path, b)
			}
			return nil
		})
	}
	for _, c := range a.containers() {
		found("docker inspect "+c.Name, c.Raw)
	}
	return n
}

// TestFailedRotation: a new container that does not start leaves the old key, the
// old container and the old token at work.
func TestFailedRotation(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	old := a.token()
	before := a.containers()
	// The engine cannot make a second container.
	check(t, os.WriteFile(a.config("seccomp.json"), []byte("{"), 0o600))
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	out := a.must(1, "rotate-key", "--yes", "--key-file", a.path("key2"))
	if !strings.Contains(out, "is undone") {
		t.Errorf("nothing is said of the undo:\n%s", out)
	}
	if a.token() != old || !bytes.Equal([]byte(a.read("secrets/cloudru_api_key")), []byte(arenaKey)) {
		t.Error("the old values are not back")
	}
	after := a.containers()
	if len(after) != len(before) || after[1].ID != before[1].ID {
		t.Errorf("the old container was replaced: %d containers", len(after))
	}
	if status, body, err := a.ask(old, `{"messages":["hi"]}`); err != nil || status != http.StatusOK {
		t.Errorf("%d %s (%v)", status, body, err)
	}
	a.must(0, "config-history", "verify")
}

// TestKeyThatFailsInTheContainer: a key that was proved from the host, but that no
// model answers to through the stack, is taken back.
func TestKeyThatFailsInTheContainer(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	// Through the API too: the key that fails must answer nobody.
	load := a.load(20, true)
	check(t, os.WriteFile(a.path("once"), []byte(arenaKeyOnce), 0o600))
	out := a.must(1, "rotate-key", "--yes", "--api-key", "--key-file", a.path("once"))
	if !strings.Contains(out, "asking a model through the proxy: it answers 400") || !strings.Contains(out, "is undone") {
		t.Errorf("rotate-key says:\n%s", out)
	}
	load.end()
	if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != http.StatusOK {
		t.Errorf("%d %s (%v)", status, body, err)
	}
	if s := a.status(); !s.OK() || len(s.Containers) != 2 || a.read("secrets/cloudru_api_key") != arenaKey {
		t.Errorf("%d containers, broken %q", len(s.Containers), broken(s.Results))
	}
}

// TestCrashAfterRotation: a proxy that was replaced and then ends is found again where
// the engine starts it, at whatever address.
func TestCrashAfterRotation(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	a.must(0, "rotate-key", "--yes", "--token")
	name := strings.TrimPrefix(a.containers()[1].Name, "/")
	docker(t, "stop", name)
	// Somebody takes its address meanwhile.
	squatter := docker(t, "run", "--detach", "--network", a.project()+"_inner", a.containers()[0].Image, "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	t.Cleanup(func() { docker(t, "rm", "--force", squatter) })
	docker(t, "start", name)
	if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != http.StatusOK {
		t.Errorf("%d %s (%v)", status, body, err)
	}
}

// TestRotationOfAStackThatWentDown: what the operator stopped after the plan was made is
// not started again, and nothing is rotated.
func TestRotationOfAStackThatWentDown(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	old := a.token()
	term, err := ptytest.Start(a.command("rotate-key", "--plain", "--token"), 100, 40)
	check(t, err)
	if err := term.ExpectRaw("Apply"); err != nil {
		t.Fatalf("%v\n%s", err, term.Screen())
	}
	a.must(0, "down")
	check(t, term.Type("y\r"))
	if code, err := term.Wait(); err != nil || code != 1 || !strings.Contains(term.Raw(), "the running stack changed since the plan was made") {
		t.Errorf("exit %d (%v)\n%s", code, err, term.Raw())
	}
	if n := len(a.containers()); n != 0 || a.token() != old {
		t.Errorf("%d containers run, the token is the old one: %v", n, a.token() == old)
	}
	a.must(0, "config-history", "verify")
}

// TestStoppedRotation: ctrl+c at any moment leaves the old container, the old key and
// no other container.
func TestStoppedRotation(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	for _, after := range []time.Duration{150 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond, time.Second} {
		old := a.containers()[1].ID
		c := a.command("rotate-key", "--yes", "--api-key", "--key-file", a.path("key2"))
		check(t, c.Start())
		time.Sleep(after)
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
		s := a.status()
		if !s.OK() || len(s.Containers) != 2 {
			t.Fatalf("stopped after %s: %d containers, broken %q", after, len(s.Containers), broken(s.Results))
		}
		key := a.read("secrets/cloudru_api_key")
		if kept := a.containers()[1].ID == old; kept != (key == arenaKey) {
			t.Errorf("stopped after %s: the old container is kept %v, the key is the old one %v", after, kept, key == arenaKey)
		}
		if key != arenaKey {
			a.must(0, "rotate-key", "--yes", "--api-key", "--key-file", a.path("key"))
		}
		a.must(0, "config-history", "verify")
	}
}

// TestKilledRotation: a rotation that is killed on its way is settled by the next
// run, and the stack serves with the values that are in the store.
func TestKilledRotation(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	for _, after := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 1200 * time.Millisecond} {
		c := a.command("rotate-key", "--yes", "--key-file", a.path("key2"))
		check(t, c.Start())
		time.Sleep(after)
		_ = c.Process.Kill()
		_ = c.Wait()
		a.up()
		if s := a.status(); !s.OK() || len(s.Containers) != 2 {
			t.Fatalf("killed after %s: %d containers, broken %q", after, len(s.Containers), broken(s.Results))
		}
		if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != http.StatusOK {
			t.Errorf("killed after %s: %d %s (%v)", after, status, body, err)
		}
		a.must(0, "config-history", "verify")
		if a.read("secrets/cloudru_api_key") == arenaKey2 {
			a.must(0, "rotate-key", "--yes", "--key-file", a.path("key"))
		}
	}
}
