package wizard_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// uninstall runs one to its end.
func (h *host) uninstall(o wizard.UninstallOptions) (*wizard.UninstallSession, wizard.Result) {
	h.t.Helper()
	s, err := h.NewUninstall(context.Background(), o)
	must(h.t, err)
	_, r, err := finish(h.t, s)
	must(h.t, err)
	return s, r
}

// TestUninstallEverything: whichever store, and after the secrets moved from one to the
// other and the folder changed: the home is what it was, and the keyring is empty.
func TestUninstallEverything(t *testing.T) {
	for name, values := range map[string][]map[string]string{
		"docker": {{}}, "keyring": {{"store": "keyring"}},
		"moved to the keyring": {{}, {"store": "keyring"}}, "moved to files": {{"store": "keyring"}, {"store": "docker"}},
		"moved elsewhere": {{}, {"dir": "other/stack"}}, "another contract": {{}, {"openclaw-mode": "builtin"}, {"openclaw-mode": "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			must(t, os.MkdirAll(h.path("openclaw"), 0o700))
			must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte("// mine\n{ \"channels\": {} }\n"), 0o600))
			before := h.tree()
			for _, v := range values {
				if v["dir"] != "" {
					v["dir"] = h.path(v["dir"])
				}
				h.mustInit(v)
			}
			s, r := h.uninstall(wizard.UninstallOptions{})
			if len(s.Found()) > 0 || !r.Changed || !strings.Contains(sprint(r.Notes), "uninstall-searched") {
				t.Errorf("found %v, %+v", s.Found(), r)
			}
			same(t, before, h.tree())
			if len(h.keyring.items) > 0 {
				t.Errorf("in the keyring: %v", maps.Keys(h.keyring.items))
			}
			for _, dir := range []string{"config", "state/clawsetup", "run", "other", "openclaw/clawsetup"} {
				if _, err := os.Lstat(h.path(dir)); err == nil {
					t.Errorf("the folder %s is left", dir)
				}
			}
			if _, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{}); !errors.Is(err, wizard.ErrNoSetup) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestUndoneFolders: a folder that a transaction made goes when it is undone, that of the
// secrets as well; where the journal has its keys by then, it goes at the end.
func TestUndoneFolders(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	if !h.initInto(h.given(map[string]string{"dir": h.path("stack")}), 3) {
		t.Fatal("it was not interrupted")
	}
	_, err := h.Recover(t.Context())
	must(t, err)
	if _, err := os.Lstat(h.path("stack")); err == nil {
		t.Error("the folder of an undone move is left")
	}

	h = newHost(t)
	if !h.initInto(h.given(map[string]string{"dir": h.path("deep/stack")}), 3) {
		t.Fatal("it was not interrupted")
	}
	h.mustInit(map[string]string{"dir": h.path("deep/stack")})
	h.uninstall(wizard.UninstallOptions{})
	if _, err := os.Lstat(h.path("deep")); err == nil {
		t.Error("the folder of an undone first run is left")
	}
}

// TestUninstallFindsSecrets: a secret that somebody put elsewhere is found, in every form,
// in a file that we know the place of, and in the snapshots of a kept journal.
func TestUninstallFindsSecrets(t *testing.T) {
	for form, text := range map[string]string{
		"clear": firstKey, "hex": strings.ToUpper(hex.EncodeToString([]byte("x" + firstKey))), "base64": base64.StdEncoding.EncodeToString([]byte("xy" + firstKey + "z")),
	} {
		h := newHost(t)
		h.mustInit(nil)
		left := map[string]bool{}
		for _, name := range []string{"config/clawsetup/mine.txt", "openclaw/openclaw.json.bak", "openclaw/clawsetup/claude/projects/a.jsonl", "config/clawsetup/secrets/copy"} {
			must(t, os.MkdirAll(filepath.Dir(h.path(name)), 0o700))
			must(t, os.WriteFile(h.path(name), []byte("before "+text+" after"), 0o600))
			left[h.path(name)] = true
		}
		s, r := h.uninstall(wizard.UninstallOptions{})
		for _, f := range s.Found() {
			if f.Secret != secrets.APIKey || f.Form != form || !left[f.Where] {
				t.Errorf("%s: %+v", form, f)
			}
			delete(left, f.Where)
		}
		if len(left) > 0 || strings.Contains(sprint(r.Notes), firstKey) || !strings.Contains(sprint(r.Notes), "uninstall-folder-stays") {
			t.Errorf("%s: not found in %v; %s", form, left, sprint(r.Notes))
		}
	}
	h := newHost(t)
	must(t, os.MkdirAll(h.path("openclaw"), 0o700))
	must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte(`{"notes": "`+firstKey+`"}`), 0o600))
	h.mustInit(nil)
	s, _ := h.uninstall(wizard.UninstallOptions{KeepJournal: true})
	snapshots := 0
	for _, f := range s.Found() {
		if strings.Contains(f.Where, "snapshots") {
			snapshots++
		}
	}
	if snapshots == 0 || len(s.Found()) == snapshots {
		t.Errorf("in openclaw.json and its snapshots: %+v", s.Found())
	}
	h.verify()
}

// TestUninstallLooksElsewhere: where people leave keys that are in no place of ours, and
// what OpenClaw writes below its folder.
func TestUninstallLooksElsewhere(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	left := map[string]bool{}
	for _, name := range []string{".bash_history", ".profile", "openclaw/.env", "openclaw/logs/gateway.log", "openclaw/agents/main/agent/models.json"} {
		must(t, os.MkdirAll(filepath.Dir(h.path(name)), 0o700))
		must(t, os.WriteFile(h.path(name), []byte("curl -H 'x: "+firstKey+"'\n"), 0o600))
		left[h.path(name)] = true
	}
	s, r := h.uninstall(wizard.UninstallOptions{})
	for _, f := range s.Found() {
		path, _, _ := strings.Cut(f.Where, ":1")
		if !left[path] || f.Secret != secrets.APIKey {
			t.Errorf("%+v", f)
		}
		delete(left, path)
	}
	if len(left) > 0 || strings.Contains(sprint(r.Notes), "uninstall-searched") {
		t.Errorf("not found in %v; %s", left, sprint(r.Notes))
	}
}

// TestUninstallSaysWhatItCannotSeek: a secret that the store lost, or that an earlier run
// took out of it before it ended, is nowhere searched for, and not said to be nowhere.
func TestUninstallSaysWhatItCannotSeek(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	stored := h.path("config/clawsetup/secrets/" + secrets.APIKey)
	must(t, os.Rename(stored, stored+".bak"))
	s, r := h.uninstall(wizard.UninstallOptions{})
	checkUnsought(t, s, r, secrets.APIKey)

	h = newHost(t)
	h.mustInit(nil)
	must(t, os.MkdirAll(h.path("elsewhere"), 0o700))
	must(t, os.WriteFile(h.path("config/clawsetup/mine.txt"), []byte(firstKey), 0o600))
	must(t, os.MkdirAll(h.Paths.Runtime, 0o700))
	runtime := filepath.Join(h.Paths.Runtime, h.Paths.Scope())
	must(t, os.Symlink(h.path("elsewhere"), runtime))
	s, err := h.NewUninstall(t.Context(), wizard.UninstallOptions{})
	must(t, err)
	_, _, err = finish(t, s)
	if err == nil || !strings.Contains(err.Error(), secrets.APIKey+" is still in "+h.path("config/clawsetup/mine.txt")) {
		t.Fatalf("the key that is left is not told: %v", err)
	}
	if strings.Contains(err.Error(), secrets.JournalKey+" is still") {
		t.Errorf("the keys of a journal that stays are told: %v", err)
	}
	_ = os.Remove(runtime)
	s, r = h.uninstall(wizard.UninstallOptions{})
	checkUnsought(t, s, r, secrets.APIKey)
}

func checkUnsought(t *testing.T, s *wizard.UninstallSession, r wizard.Result, name string) {
	t.Helper()
	if len(s.Found()) > 0 {
		t.Errorf("%+v", s.Found())
	}
	said := false
	for _, n := range r.Notes {
		switch n.ID {
		case "uninstall-unsought":
			said = n.State == wizard.NotChecked && strings.Contains(fmt.Sprint(n.Args...), name)
		case "uninstall-searched":
			if n.State == wizard.OK {
				t.Errorf("said to be searched for: %v", n)
			}
		}
	}
	if !said {
		t.Errorf("not said that %s was not searched for: %s", name, sprint(r.Notes))
	}
}

// TestUninstallTellsTheRemedy: of what ended it before anything was changed, and not that
// of another fault.
func TestUninstallTellsTheRemedy(t *testing.T) {
	snapshots := func(h *host, spoil func(path string) error) {
		list, err := os.ReadDir(filepath.Join(h.Paths.State, "snapshots"))
		must(t, err)
		for _, e := range list {
			must(t, spoil(filepath.Join(h.Paths.State, "snapshots", e.Name())))
		}
	}
	for want, spoil := range map[string]func(*host){
		"journal-key-unreachable": func(h *host) { h.keyring.down = errDown },
		"openclaw-config-broken": func(h *host) {
			must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte("{"), 0o600))
		},
		"path-too-large": func(h *host) {
			must(t, os.WriteFile(h.path("config/clawsetup/.env"), make([]byte, 9<<20), 0o600))
		},
		"path-not-regular": func(h *host) {
			must(t, os.Remove(h.path("config/clawsetup/.env")))
			must(t, os.Mkdir(h.path("config/clawsetup/.env"), 0o700))
		},
		"path-symlink": func(h *host) {
			must(t, os.Remove(h.path("config/clawsetup/.env")))
			must(t, os.Symlink(h.Paths.SetupFile(), h.path("config/clawsetup/.env")))
		},
		"uninstall-unknown": func(h *host) {
			must(t, os.WriteFile(filepath.Join(h.Paths.State, "journal.jsonl"), []byte("{}\n"), 0o600))
		},
		"uninstall-unknown, snapshots lost": func(h *host) { snapshots(h, os.Remove) },
		"uninstall-unknown, snapshots damaged": func(h *host) {
			snapshots(h, func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) })
		},
	} {
		h := newHost(t)
		h.write("openclaw/openclaw.json", "// mine\n{}\n")
		h.mustInit(map[string]string{"store": "keyring"})
		spoil(h)
		before := h.tree()
		s, err := h.NewUninstall(t.Context(), wizard.UninstallOptions{})
		if err == nil {
			_, err = s.Plan(t.Context())
		}
		if got, _ := hint.Of(err); got.ID != strings.Split(want, ",")[0] {
			t.Errorf("%s: the hint is %q of %v", want, got.ID, err)
		}
		same(t, before, h.tree())
	}
}

// TestUninstallOfLeftovers: older values that a killed run or a lost journal left in a store,
// and copies that up made of the secrets, go as well.
func TestUninstallOfLeftovers(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		h := newHost(t)
		h.mustInit(map[string]string{"store": store})
		var st secrets.Store = h.keyring
		if store == "docker" {
			st = secrets.NewDocker(h.path("config/clawsetup/secrets"), h.Disk)
		}
		for _, name := range []string{secrets.APIKey + ".prev", secrets.GatewayToken + ".prev", secrets.JournalKey + ".lost", secrets.SnapshotKey + ".lost"} {
			must(t, st.Set(context.Background(), name, secrets.New([]byte("left-behind-"+name))))
		}
		run := filepath.Join(h.Paths.Runtime, h.Paths.Scope())
		must(t, os.MkdirAll(run, 0o700))
		for _, name := range []string{secrets.APIKey, secrets.ProxyToken, "." + secrets.APIKey + ".clawsetup-tmp"} {
			must(t, os.WriteFile(filepath.Join(run, name), []byte(firstKey), 0o600))
		}
		s, _ := h.uninstall(wizard.UninstallOptions{})
		if len(s.Found()) > 0 || len(h.keyring.items) > 0 {
			t.Errorf("%s: found %v, in the keyring %v", store, s.Found(), h.keyring.items)
		}
		for _, dir := range []string{"config", "run/clawsetup", "state/clawsetup"} {
			if _, err := os.Lstat(h.path(dir)); err == nil {
				t.Errorf("%s: %s is left", store, dir)
			}
		}
	}
}

// TestUninstallOfCopiesElsewhere: copies are where the compose file says, whatever folder
// this session has for them; a folder that is not ours is left, whoever names it there.
func TestUninstallOfCopiesElsewhere(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	run := filepath.Join(h.Paths.Runtime, h.Paths.Scope())
	foreign := h.path("foreign")
	for _, dir := range []string{run, foreign} {
		must(t, os.MkdirAll(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, secrets.APIKey), []byte(firstKey), 0o600))
	}
	compose := h.path("config/clawsetup/docker-compose.cloudru-proxy.yml")
	b, err := os.ReadFile(compose)
	must(t, err)
	edited := strings.Replace(string(b), filepath.Join(run, secrets.ProxyToken), filepath.Join(foreign, secrets.APIKey), 1)
	if edited == string(b) {
		t.Fatalf("no copy in %s", b)
	}
	must(t, os.WriteFile(compose, []byte(edited), 0o600))
	h.Paths.Runtime = h.path("elsewhere/clawsetup")
	h.uninstall(wizard.UninstallOptions{})
	if _, err := os.Lstat(h.path("run/clawsetup")); err == nil {
		t.Error("the copies are left")
	}
	if _, err := os.Lstat(filepath.Join(foreign, secrets.APIKey)); err != nil {
		t.Errorf("somebody else's file is gone: %v", err)
	}
}

// TestUninstallAfterRecovery: an uninstall goes by the set-up that it recovered, not by the one
// that it found: the copies are where the compose file of that one says.
func TestUninstallAfterRecovery(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	run := filepath.Join(h.Paths.Runtime, h.Paths.Scope())
	must(t, os.MkdirAll(run, 0o700))
	must(t, os.WriteFile(filepath.Join(run, secrets.APIKey), []byte(firstKey), 0o600))
	if !h.initInto(h.given(map[string]string{"store": "keyring", "dir": h.path("stack")}), 6) {
		t.Fatal("it was not interrupted")
	}
	if setup, err := h.LoadSetup(h.Paths.SetupFile()); err != nil || setup.Dir == "" {
		t.Fatalf("the new set-up is not in place: %v", err)
	}
	h.Paths.Runtime = h.path("elsewhere/clawsetup")
	h.uninstall(wizard.UninstallOptions{})
	if _, err := os.Lstat(run); err == nil {
		t.Error("the copies are left")
	}
}

// TestUninstallNeedsTheStore: a store that holds secrets and cannot be asked ends it before
// anything is changed; one that the journal knows to be empty does not.
func TestUninstallNeedsTheStore(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	before := h.tree()
	h.keyring.down = errDown
	_, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
	if _, hinted := hint.Of(err); !errors.Is(err, errDown) || !hinted {
		t.Errorf("%v", err)
	}
	same(t, before, h.tree())

	h = newHost(t)
	h.mustInit(nil)
	h.mustInit(map[string]string{"store": "keyring"})
	h.mustInit(map[string]string{"store": "docker"})
	_, _, err = h.rotate("", true) // recovering looks after the last transaction's store
	must(t, err)
	h.keyring.down = errDown
	s, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
	must(t, err)
	if notes := sprint(s.Preflight(context.Background())); strings.Count(notes, "uninstall-store-unchecked") != 1 {
		t.Errorf("not said, or not once, that the keyring was not asked: %s", notes)
	}
	_, _, err = finish(t, s)
	must(t, err)
}

// TestUninstallIsStale: what changed since the diff was shown is not overwritten.
func TestUninstallIsStale(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	s, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
	must(t, err)
	p, err := s.Plan(context.Background())
	must(t, err)
	h.mustInit(map[string]string{"preset": "economy"})
	before := h.tree()
	if _, err := s.Apply(context.Background(), p, nil); !errors.Is(err, wizard.ErrStalePlan) {
		t.Errorf("%v", err)
	}
	same(t, before, h.tree())
}

// TestUninstallRemainsAreChecked: the list of what is still to go is ours, and is refused
// when it is not what we wrote.
func TestUninstallRemainsAreChecked(t *testing.T) {
	for _, bad := range []string{"{", `{"folders":["relative"]}`, `{"stores":3}`} {
		h := newHost(t)
		must(t, os.MkdirAll(h.Paths.State, 0o700))
		must(t, os.WriteFile(filepath.Join(h.Paths.State, "uninstalling"), []byte(bad), 0o600))
		before := h.tree()
		if _, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{}); err == nil {
			t.Errorf("%s was taken", bad)
		}
		if _, err := h.NewInit(context.Background(), h.given(nil)); err == nil {
			t.Errorf("init went on beside %s", bad)
		}
		same(t, before, h.tree())
	}
}

// stuck is a keyring that does not let go of one item, and counts how often it was looked for.
type stuck struct {
	*memory
	name  string
	looks int
}

func (s *stuck) Delete(ctx context.Context, name string) error {
	if name == s.name {
		return errDown
	}
	return s.memory.Delete(ctx, name)
}

func (s *stuck) Get(ctx context.Context, name string) (secrets.Secret, error) {
	if name == secrets.ProxyToken {
		s.looks++
	}
	return s.memory.Get(ctx, name)
}

// TestUninstallNamesTheKeysLeft: once the journal is gone its keys are to be gone as well, and
// one that a store keeps is named, although the run did not get to its end.
func TestUninstallNamesTheKeysLeft(t *testing.T) {
	h := newHost(t)
	h.Keyring = &stuck{memory: h.keyring, name: secrets.SnapshotKey}
	h.mustInit(map[string]string{"store": "keyring"})
	s, err := h.NewUninstall(t.Context(), wizard.UninstallOptions{})
	must(t, err)
	_, _, err = finish(t, s)
	want := wizard.Trace{Secret: secrets.SnapshotKey, Where: "keyring", Form: "item"}
	if !errors.Is(err, errDown) || !slices.Contains(s.Found(), want) || !strings.Contains(err.Error(), secrets.SnapshotKey+" is still in keyring") {
		t.Errorf("%v; found %v", err, s.Found())
	}
}

// TestUninstallSearchesOnce: a run that fails after its search does not search again.
func TestUninstallSearchesOnce(t *testing.T) {
	appends, looks := 0, 0
	for _, fails := range []bool{false, true} {
		h := newHost(t)
		ring := &stuck{memory: h.keyring}
		h.Keyring = ring
		h.mustInit(map[string]string{"store": "keyring"})
		s, err := h.NewUninstall(t.Context(), wizard.UninstallOptions{KeepJournal: true})
		must(t, err)
		ring.looks = 0
		n := 0
		h.Disk.Before = func(op files.Op) error {
			if op.Kind == "append" {
				n++
			}
			if fails && n == appends {
				return syscall.ENOSPC
			}
			return nil
		}
		if _, _, err = finish(t, s); (err != nil) != fails {
			t.Fatalf("%v", err)
		}
		if !fails {
			appends, looks = n, ring.looks
		} else if n != appends || ring.looks != looks {
			t.Errorf("%d appends of %d; looked %d times for a secret, not %d", n, appends, ring.looks, looks)
		}
	}
}

// TestUninstallLeavesTheHomeUnsearched: an openclaw.json in the home makes of it no folder of
// OpenClaw's: its files are searched and nothing below it, which is said.
func TestUninstallLeavesTheHomeUnsearched(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"openclaw-config": h.path("openclaw.json")})
	h.write("notes.txt", firstKey)
	h.write("work/deep/notes.txt", firstKey)
	s, r := h.uninstall(wizard.UninstallOptions{})
	want := []wizard.Trace{{Secret: secrets.APIKey, Where: h.path("notes.txt"), Form: "clear"}}
	if !slices.Equal(s.Found(), want) {
		t.Errorf("found %v", s.Found())
	}
	if notes := sprint(r.Notes); !strings.Contains(notes, "uninstall-skipped") || !strings.Contains(notes, h.home+" ") && !strings.Contains(notes, h.home+"]") {
		t.Errorf("not said: %s", notes)
	}
}
