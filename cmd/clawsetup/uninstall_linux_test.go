package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
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
	if os.Getenv("CLAWSETUP_TEST_SECRET_SERVICE") == "" {
		if os.Getenv("CI") == "true" {
			a.t.Fatal("CLAWSETUP_TEST_SECRET_SERVICE is not set: this part may not be skipped in CI")
		}
		a.t.Skip("no Secret Service")
	}
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
