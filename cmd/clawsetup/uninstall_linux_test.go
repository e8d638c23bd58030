package main

import (
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// TestUninstallCanary: marked secrets go through a whole life with a real engine: set-up,
// stack, start at login, rotation. After uninstall neither the home nor the keyring nor the
// engine nor any process holds one of them, nor anything of ours; what is others' is there.
func TestUninstallCanary(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		t.Run(store, func(t *testing.T) {
			a := newArena(t)
			if store == "keyring" {
				a.needKeyring()
			}
			a.furnish()
			before, err := readTree(a.home)
			check(t, err)
			items := a.wholeKeyring()
			a.init("--store", store, "--openclaw-mode", "auto", "--claude", a.path("bin/claude"), "--retention-days", "1")
			a.up("--on-login")
			marks := map[string]string{"first key": arenaKey, "second key": arenaKey2, "first token": a.must(0, "token", "--show")}
			check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
			a.must(0, "rotate-key", "--yes", "--key-file", a.path("key2"))
			for _, name := range []string{"key", "key2"} {
				check(t, os.Remove(a.path(name))) // the test put the keys there
			}
			delete(before, "/key")
			marks["second token"] = a.must(0, "token", "--show")
			marks["gateway token"] = a.must(0, "token", "--gateway", "--show")
			maps.Copy(marks, a.journalKeys(store))
			others := a.neighbours()

			out := a.must(0, "uninstall", "--yes")
			for _, want := range []string{"nothing found", "searched", "container"} {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			for name, mark := range marks {
				mark = strings.TrimSpace(mark)
				if len(mark) < 20 {
					t.Fatalf("the %s is %q", name, mark)
				}
				if hit := find([]byte(out), mark); hit != "" {
					t.Errorf("the %s is in the output, %s", name, hit)
				}
				if n := a.haunts(mark); n > 0 {
					t.Errorf("the %s is still in %d places", name, n)
				}
				a.nowhere(name, mark)
			}
			a.nothingOfOurs(store, before)
			// Items of other tests may be in it, with the same keys.
			now := strings.Split(a.wholeKeyring(), "\n")
			for _, line := range strings.Split(items, "\n") {
				if !slices.Contains(now, line) {
					t.Errorf("an item of somebody else's is gone from the keyring")
				}
			}
			others()
			if out := a.must(1, "uninstall", "--yes"); !strings.Contains(out, "no set-up") {
				t.Errorf("again: %s", out)
			}
		})
	}
}

func (a *arena) needKeyring() {
	a.t.Helper()
	parttest.Need(a.t, "CLAWSETUP_TEST_SECRET_SERVICE")
	a.env = append(a.env, "DBUS_SESSION_BUS_ADDRESS="+os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
}

// furnish makes the home one that somebody lives in.
func (a *arena) furnish() {
	a.t.Helper()
	for _, dir := range []string{"config/systemd/user", "state", "run", ".openclaw", "bin"} {
		check(a.t, os.MkdirAll(a.path(dir), 0o700))
	}
	for name, content := range map[string]string{
		".openclaw/openclaw.json": "// mine\n{ \"channels\": {} }\n", ".openclaw/notes": "mine", "config/systemd/user/mine.service": "[Unit]\n", "config/mine": "mine",
	} {
		check(a.t, os.WriteFile(a.path(name), []byte(content), 0o600))
	}
	check(a.t, os.WriteFile(a.path("bin/claude"), []byte("#!/bin/sh\necho '2.1.330 (Claude Code)'\n"), 0o700))
}

// journalKeys are the keys of the journal in the store, as they are used.
func (a *arena) journalKeys(store string) map[string]string {
	a.t.Helper()
	out := map[string]string{}
	for _, name := range []string{secrets.JournalKey, secrets.SnapshotKey} {
		if store == "keyring" {
			s, err := a.keyring().Get(a.t.Context(), name)
			check(a.t, err)
			out[name] = string(s.Expose())
			continue
		}
		b, err := os.ReadFile(a.config("secrets/" + name))
		check(a.t, err)
		out[name] = string(b)
	}
	return out
}

func (a *arena) keyring() *secrets.Keyring {
	return secrets.NewKeyring(wizard.Paths{Config: a.path("config/clawsetup")}.Scope())
}

// neighbours puts an older image of the gateway, which is ours, and things of others into
// the engine; the function wants these as they were.
func (a *arena) neighbours() func() {
	t := a.t
	t.Helper()
	gateway := a.containers()[0]
	docker(t, "commit", gateway.ID, "clawsetup.local/gateway:older")
	name := "others-" + a.project()
	docker(t, "volume", "create", name)
	docker(t, "network", "create", name)
	docker(t, "tag", gateway.Image, name+":latest")
	docker(t, "run", "--detach", "--name", name, "--network", "none", "--volume", name+":/x", name+":latest", "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	t.Cleanup(func() {
		for _, args := range [][]string{{"rm", "--force", name}, {"volume", "rm", name}, {"network", "rm", name}, {"rmi", "--force", gateway.Image}} {
			_ = exec.Command("docker", append([]string{"--host", a.socket}, args...)...).Run()
		}
	})
	return func() {
		t.Helper()
		if docker(t, "inspect", "--format", "{{.State.Running}}", name) != "true" {
			t.Error("the container of somebody else is not as it was")
		}
		docker(t, "image", "inspect", name+":latest")
		docker(t, "volume", "inspect", name)
		docker(t, "network", "inspect", name)
	}
}

// nowhere searches the whole home and all that the engine shows.
func (a *arena) nowhere(name, mark string) {
	a.t.Helper()
	tree, err := readTree(a.home)
	check(a.t, err)
	for path, content := range tree {
		if hit := find([]byte(content), mark); hit != "" {
			a.t.Errorf("the %s is in %s, %s", name, path, hit)
		}
	}
	for _, kind := range []string{"container", "image", "volume", "network"} {
		ids := strings.Fields(docker(a.t, append([]string{kind, "ls", "--quiet"}, map[string][]string{"container": {"--all"}, "image": {"--all"}}[kind]...)...))
		if len(ids) == 0 {
			continue
		}
		if hit := find([]byte(docker(a.t, append([]string{kind, "inspect"}, ids...)...)), mark); hit != "" {
			a.t.Errorf("the engine shows the %s of a %s, %s", name, kind, hit)
		}
	}
}

// wholeKeyring is every item of clawsetup's, secrets included, line by line in an order of
// its own.
func (a *arena) wholeKeyring() string {
	a.t.Helper()
	if os.Getenv("CLAWSETUP_TEST_SECRET_SERVICE") == "" {
		return ""
	}
	// It ends with 1 when there is none.
	out, _ := exec.Command("secret-tool", "search", "--all", "--unlock", "service", "clawsetup").CombinedOutput()
	lines := strings.Split(string(out), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// nothingOfOurs wants the home as it was, and no item, container, network, volume or image.
func (a *arena) nothingOfOurs(store string, before map[string]string) {
	t := a.t
	t.Helper()
	after, err := readTree(a.home)
	check(t, err)
	if !maps.Equal(before, after) {
		t.Errorf("the home is not what it was: %s", differ(before, after))
	}
	if scope := (wizard.Paths{Config: a.path("config/clawsetup")}).Scope(); strings.Contains(a.wholeKeyring(), scope) {
		t.Errorf("the keyring holds items of %s", scope)
	}
	if store == "keyring" {
		for _, name := range []string{secrets.APIKey, secrets.JournalHead, secrets.JournalKey} {
			if _, err := a.keyring().Get(t.Context(), name); err == nil {
				t.Errorf("the keyring still holds %s", name)
			}
		}
	}
	for what, args := range map[string][]string{
		"containers": {"ps", "--all", "--filter", "label=com.docker.compose.project=" + a.project(), "--quiet"},
		"networks":   {"network", "ls", "--filter", "label=com.docker.compose.project=" + a.project(), "--quiet"},
		"volumes":    {"volume", "ls", "--filter", "label=com.docker.compose.project=" + a.project(), "--quiet"},
		"image":      {"images", "--no-trunc", "--filter", "reference=" + strings.Split(a.image.Reference, ":latest")[0], "--quiet"},
		"gateways":   {"images", "--filter", "reference=clawsetup.local/gateway:*", "--quiet"},
	} {
		if out := docker(t, args...); out != "" {
			t.Errorf("%s are left: %s", what, out)
		}
	}
	if left, _ := filepath.Glob(a.path("run/clawsetup*")); len(left) > 0 {
		t.Errorf("the runtime folder: %q", left)
	}
}

// TestUninstallStopsAtTheEngine: what the engine refuses to remove ends the uninstall with
// the journal in its place; the next one finishes.
func TestUninstallStopsAtTheEngine(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	// Somebody else's container on our network keeps that from being removed.
	id := docker(t, "run", "--detach", "--network", a.project()+"_inner", a.containers()[0].Image, "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	t.Cleanup(func() { _ = exec.Command("docker", "--host", a.socket, "rm", "--force", id).Run() })
	out := a.must(1, "uninstall", "--yes")
	if !strings.Contains(out, "clawsetup uninstall again") || !strings.Contains(out, "removing the network") {
		t.Errorf("%s", out)
	}
	a.must(0, "config-history", "verify")
	a.must(1, "status")
	docker(t, "rm", "--force", id)
	a.must(0, "uninstall", "--yes")
	for _, dir := range []string{"config/clawsetup", "state/clawsetup", "run/clawsetup"} {
		if _, err := os.Stat(a.path(dir)); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	if n := len(a.containers()); n > 0 {
		t.Errorf("%d containers are left", n)
	}
}

// idleEngine answers as an engine in which there is nothing, and is not the arena's.
func idleEngine(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(shortDir(t), "idle.sock"))
	check(t, err)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.47")
		w.Header().Set("Content-Type", "application/json")
		said := "[]"
		switch p := r.URL.Path; {
		case strings.HasSuffix(p, "/version"):
			said = `{"Version":"27.0.0","ApiVersion":"1.47","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}`
		case strings.HasSuffix(p, "/volumes"):
			said = `{"Volumes":[]}`
		case strings.Contains(p, "/images/") && !strings.HasSuffix(p, "/images/json"):
			w.WriteHeader(http.StatusNotFound)
			said = `{"message":"No such image"}`
		}
		_, _ = w.Write([]byte(said))
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return "unix://" + l.Addr().String()
}

// shortDir is one in which a socket may have a name: these are at most 108 bytes long.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cst")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// nothingRuns wants no container of the arena, and nobody with the key in his memory.
func (a *arena) nothingRuns() {
	a.t.Helper()
	if n := len(a.containers()); n > 0 {
		a.t.Errorf("%d containers are left", n)
	}
	if n := a.haunts(arenaKey); n > 0 {
		a.t.Errorf("the key is still in %d places", n)
	}
}

// TestUninstallAsksTheEngineOfUp: whichever engine the shell names, the one that up used
// is emptied; one that was never used need not be there.
func TestUninstallAsksTheEngineOfUp(t *testing.T) {
	for name, present := range map[string]string{"another": idleEngine(t), "none": "unix:///nonexistent.sock"} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			a.init()
			a.up()
			a.env = []string{"DOCKER_HOST=" + present}
			a.must(0, "uninstall", "--yes")
			a.nothingRuns()
		})
	}
	t.Run("of older programs", func(t *testing.T) {
		a := newArena(t)
		a.init()
		a.up("--on-login")
		// Before engines were recorded, setup.yaml alone named the one of a login.
		a.forgetEngines()
		a.env = []string{"DOCKER_HOST=" + idleEngine(t)}
		a.must(0, "uninstall", "--yes")
		a.nothingRuns()
	})
}

// forgetEngines makes the journal one that was begun anew and knows nothing of engines.
func (a *arena) forgetEngines() {
	a.t.Helper()
	for _, dir := range []string{"state/clawsetup", "config/clawsetup/secrets/journal_key", "config/clawsetup/secrets/snapshot_key", "config/clawsetup/secrets/journal_head"} {
		check(a.t, os.RemoveAll(a.path(dir)))
	}
	a.must(0, "rotate-key", "--token", "--yes")
}

// stopped is an address of the arena's engine that answers until the function is called,
// and again after the one that it returns.
func (a *arena) stopped() (stop func() (start func())) {
	a.t.Helper()
	link := filepath.Join(shortDir(a.t), "engine.sock")
	target := strings.TrimPrefix(a.socket, "unix://")
	check(a.t, os.Symlink(target, link))
	a.env = []string{"DOCKER_HOST=unix://" + link}
	return func() func() {
		check(a.t, os.Remove(link))
		return func() { check(a.t, os.Symlink(target, link)) }
	}
}

// TestUninstallWithoutTheEngine: what is in an engine that does not answer is a risk that
// is shown, and an uninstall that is not complete. A kept journal lets the next one finish;
// without one the commands that were shown do.
func TestUninstallWithoutTheEngine(t *testing.T) {
	t.Run("journal kept", func(t *testing.T) {
		a := newArena(t)
		stop := a.stopped()
		a.init()
		a.up()
		start := stop()
		if out := a.must(0, "uninstall", "--dry-run", "--json", "--keep-journal"); !strings.Contains(out, "uninstall-engine-later") {
			t.Error("no consent")
		}
		for range 2 { // also when there is nothing else to do
			if out := oneLine(a.must(1, "uninstall", "--yes", "--keep-journal")); !strings.Contains(out, "not everything is gone") || !strings.Contains(out, "engine.sock") {
				t.Errorf("%s", out)
			}
		}
		if len(a.containers()) == 0 {
			t.Fatal("no container is left")
		}
		a.must(0, "config-history", "verify")
		start()
		a.env = []string{"DOCKER_HOST=" + idleEngine(t)}
		a.must(0, "uninstall", "--yes", "--keep-journal")
		a.nothingRuns()
		// That one is emptied: whether it answers is nobody's concern any more.
		stop()
		a.must(0, "uninstall", "--yes")
	})
	t.Run("by hand", func(t *testing.T) {
		a := newArena(t)
		stop := a.stopped()
		a.init()
		a.up()
		start := stop()
		if out := a.must(0, "uninstall", "--dry-run", "--json"); !strings.Contains(out, "uninstall-engine-unasked") {
			t.Error("no consent")
		}
		_, commands, found := strings.Cut(a.must(1, "uninstall", "--yes"), "Next:\n")
		commands, _, ended := strings.Cut(commands, "error: not everything is gone")
		if !found || !ended {
			t.Fatal("not said what is to be done, or that it is")
		}
		start()
		if said, err := exec.Command("sh", "-ec", commands).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", commands, err, said)
		}
		a.nothingRuns()
		for _, of := range []string{"label=clawsetup.installation=" + a.project(), "reference=" + strings.Split(a.image.Reference, ":latest")[0]} {
			if left := docker(t, "images", "--quiet", "--filter", of); left != "" {
				t.Errorf("of %s is left: %s", of, left)
			}
		}
	})
	t.Run("never used", func(t *testing.T) {
		a := newArena(t)
		a.init()
		a.env = []string{"DOCKER_HOST=unix:///nonexistent.sock"}
		a.must(0, "uninstall", "--yes")
	})
}

// TestUninstallLeavesOthersTheirImages: an image of a gateway is of one installation, and
// what does not say whose it is stays as long as there is another.
func TestUninstallLeavesOthersTheirImages(t *testing.T) {
	a, b := newArena(t), newArena(t)
	b.image = a.image
	a.init()
	b.init()
	a.up()
	a.must(0, "down") // it has images alone
	empty := filepath.Join(t.TempDir(), "empty.tar")
	check(t, os.WriteFile(empty, make([]byte, 1024), 0o600))
	docker(t, "import", "--change", "LABEL clawsetup.managed=true", empty, "clawsetup.local/gateway:unsaid")
	t.Cleanup(func() {
		_ = exec.Command("docker", "--host", a.socket, "rmi", "clawsetup.local/gateway:unsaid").Run()
	})
	b.up()
	out := oneLine(b.must(0, "uninstall", "--yes"))
	if !strings.Contains(out, a.project()) || !strings.Contains(out, "stays") {
		t.Errorf("not said what stays, and for whom: %s", out)
	}
	docker(t, "image", "inspect", "clawsetup.local/gateway:unsaid")
	if left := docker(t, "images", "--quiet", "--filter", "label=clawsetup.installation="+b.project()); left != "" {
		t.Errorf("its own gateway is left: %s", left)
	}
	check(t, a.registry.Close())
	a.up() // from what the engine has
	if out := oneLine(a.must(0, "uninstall", "--dry-run", "--json")); !strings.Contains(out, "uninstall-images-shared") {
		t.Error("no consent to what others may lose")
	}
	a.must(0, "uninstall", "--yes")
	a.nothingRuns()
	if left := docker(t, "images", "--quiet", "--filter", "reference=clawsetup.local/gateway:*"); left != "" {
		t.Errorf("gateways are left: %s", left)
	}
}

// TestUninstallFindsTheCopies: the folder of the keyring's copies is the one of up, also
// for a session that has another.
func TestUninstallFindsTheCopies(t *testing.T) {
	a := newArena(t)
	a.needKeyring()
	a.init("--store", "keyring")
	a.up()
	check(t, os.Remove(a.config("docker-compose.cloudru-proxy.yml"))) // the journal has to know
	a.env = append(a.env, "XDG_RUNTIME_DIR="+a.path("run2"))
	a.must(0, "uninstall", "--yes")
	if left, _ := filepath.Glob(a.path("run/*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	a.nothingRuns()
}

// oneLine is a text without its line breaks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
