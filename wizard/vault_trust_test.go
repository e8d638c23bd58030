package wizard_test

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// folderAnchor is the anchor of a docker store, as clawsetup keeps it.
type folderAnchor struct{ secrets.Store }

func (a folderAnchor) Load(ctx context.Context) (journal.Head, error) {
	s, err := a.Get(ctx, secrets.JournalHead)
	if err != nil {
		return journal.Head{}, nil //nolint:nilerr // there is none yet
	}
	return journal.ParseHead(string(s.Expose()))
}

func (a folderAnchor) Save(ctx context.Context, h journal.Head) error {
	return a.Set(ctx, secrets.JournalHead, secrets.New([]byte(h.String())))
}

// forged is a journal that somebody made who has the files and not the keys: sealed and
// anchored without a fault, with keys of his own in dir.
type forged struct {
	*journal.Log
	keys journal.Keys
}

func (h *host) forge(dir string) forged {
	h.t.Helper()
	ctx := context.Background()
	must(h.t, os.RemoveAll(h.Paths.State))
	keys, err := journal.NewKeys()
	must(h.t, err)
	st := secrets.NewDocker(filepath.Join(dir, "secrets"), &files.Disk{})
	for name, key := range map[string]secrets.Secret{secrets.JournalKey: keys.MAC, secrets.SnapshotKey: keys.Snapshot} {
		must(h.t, st.Set(ctx, name, secrets.New([]byte(hex.EncodeToString(key.Expose())))))
	}
	l, err := journal.Create(ctx, &files.Disk{}, h.Paths.State, keys, folderAnchor{st}, journal.Genesis{Store: "docker", Detail: map[string]string{"dir": dir}}, journal.WithRestart())
	must(h.t, err)
	return forged{l, keys}
}

// intend leaves an unfinished transaction whose undoing writes text to path.
func (f forged) intend(h *host, path, text string) {
	h.t.Helper()
	now, err := os.ReadFile(path)
	must(h.t, err)
	snaps, err := journal.OpenSnapshots(&files.Disk{}, h.Paths.State, f.keys)
	must(h.t, err)
	id, err := snaps.Put([]byte(text))
	must(h.t, err)
	_, err = f.Append(context.Background(), journal.Entry{
		Event: journal.ChangeIntended, Tx: "aa", Phase: journal.PhaseIntent, Detail: map[string]string{"intention": `{"made":[],"events":[],"live":true}`},
		Files: []journal.FileChange{{
			Path: path, ModeBefore: "0600", ModeAfter: "0600", Before: f.keys.Digest([]byte(text), false), After: f.keys.Digest(now, false), SnapshotBefore: id,
		}},
	})
	must(h.t, err)
	must(h.t, f.Seal(context.Background()))
}

// refusesForgery fails when the journal is taken for ours, or when a run of a changing
// command obeys it.
func (h *host) refusesForgery(victim string) {
	h.t.Helper()
	ctx := context.Background()
	hist, err := h.History(ctx)
	must(h.t, err)
	if !hist.Report.Failed() && hist.KeysErr == nil {
		h.t.Errorf("verified: %+v %+v", hist.Report, hist.Root)
	}
	before, err := os.ReadFile(victim)
	must(h.t, err)
	if notes, err := h.Recover(ctx); err == nil {
		h.t.Errorf("recovered: %v", notes)
	}
	if _, err := h.run(h.keep(map[string]string{"port": freePort(h.t)})); err == nil {
		h.t.Error("init went on with it")
	}
	if after, _ := os.ReadFile(victim); string(after) != string(before) {
		h.t.Errorf("%s was overwritten: %q", victim, after)
	}
	report, err := h.Examine(ctx, doctor.Selection{Only: []string{"journal-sealed"}})
	must(h.t, err)
	if r := report.Results[0]; r.Outcome == doctor.OK {
		h.t.Errorf("doctor: %v", r)
	}
}

// TestForgedJournal: a journal that names a store of its own for its keys is not
// believed: the keyring knows another, or nobody else names that folder.
func TestForgedJournal(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"keyring": {"store": "keyring"}, "docker": {"store": "docker"}, "docker elsewhere": {"store": "docker", "dir": "stack"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			if given["dir"] != "" {
				given["dir"] = h.path(given["dir"])
			}
			h.mustInit(given)
			victim := h.path("bashrc")
			must(t, os.WriteFile(victim, []byte("mine\n"), 0o600))
			h.forge(h.path("evil")).intend(h, victim, "evil\n")
			h.refusesForgery(victim)
			h.keyring.down = errDown
			h.refusesForgery(victim)
			must(t, os.Remove(h.Paths.SetupFile()))
			h.refusesForgery(victim)
		})
	}
}

// TestForgedIntoOurFolder: while the keyring knows the true journal, keys in the folder of
// the stack make no other one true.
func TestForgedIntoOurFolder(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	victim := h.path("bashrc")
	must(t, os.WriteFile(victim, []byte("mine\n"), 0o600))
	h.forge(h.Paths.Config).intend(h, victim, "evil\n")
	h.refusesForgery(victim)
	hist, err := h.History(context.Background())
	must(t, err)
	if hist.Root.VouchedBy != wizard.VouchedKeyring || hist.Report.MACs.State != journal.Failed || hist.Report.Anchor.Reason != journal.WrongLog {
		t.Fatalf("%+v %+v", hist.Root, hist.Report)
	}
	// It cannot be asked: setup.yaml says that it has to be.
	h.keyring.down = errDown
	if hist, err = h.History(context.Background()); err != nil || hist.KeysErr == nil || hist.Report.MACs.State != journal.NotChecked {
		t.Fatalf("%+v %v", hist, err)
	}
}

// TestStoreSwitched: the journal's keys stay where they began, and are found there however
// the secrets move.
func TestStoreSwitched(t *testing.T) {
	for _, moves := range [][]map[string]string{
		{{"store": "keyring"}, {"store": "docker"}, {"store": "keyring"}},
		{{"store": "docker"}, {"store": "keyring"}, {"store": "docker"}},
		{{"dir": "first"}, {"dir": "second"}, {"dir": "third"}},
		{{"dir": "first"}, {"store": "keyring"}, {"dir": "second", "store": "docker"}},
	} {
		h := newHost(t)
		for i, m := range moves {
			values := map[string]string{}
			for k, v := range m {
				if values[k] = v; k == "dir" {
					values[k] = h.path(v)
				}
			}
			g := h.keep(values)
			if i == 0 {
				g = h.given(values)
			}
			_, err := h.run(g)
			must(t, err)
			h.Wizard = h.wizard(&files.Disk{}) // the next process
			h.verify()
		}
		_, err := h.run(h.keep(map[string]string{"port": freePort(t)}))
		must(t, err)
		h.verify()
	}
}

// TestMovedIsProved: a forged journal cannot tell that our secrets moved away from its
// folder.
func TestMovedIsProved(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"dir": h.path("first")})
	_, err := h.run(h.keep(map[string]string{"dir": h.path("second")}))
	must(t, err)
	h.Wizard = h.wizard(&files.Disk{})
	if hist, err := h.History(context.Background()); err != nil || hist.Root.VouchedBy != wizard.VouchedMove {
		t.Fatalf("%+v %v", hist, err)
	}
	f := h.forge(h.path("evil"))
	var told []journal.SecretChange
	for _, name := range []string{secrets.APIKey, secrets.ProxyToken, secrets.GatewayToken} {
		told = append(told, journal.SecretChange{Store: "docker", Dir: h.path("second"), Name: name, New: f.keys.Fingerprint(secrets.New([]byte("a guess")))})
	}
	_, err = f.Append(context.Background(), journal.Entry{Event: journal.SecretStored, Phase: journal.PhaseEvent, Secrets: told})
	must(t, err)
	must(t, f.Seal(context.Background()))
	hist, err := h.History(context.Background())
	must(t, err)
	if hint, _ := hint.Of(hist.KeysErr); !errors.Is(hist.KeysErr, wizard.ErrUnvouched) || hint.ID != "journal-unvouched" || hist.Report.MACs.State != journal.NotChecked {
		t.Fatalf("%v, %+v", hist.KeysErr, hist.Report)
	}
}

// TestNobodyNamesTheFolder: without setup.yaml nothing but the journal names a folder of
// the operator's own, until he does.
func TestNobodyNamesTheFolder(t *testing.T) {
	for name, spoil := range map[string]func(*host){
		"missing": func(h *host) { must(h.t, os.Remove(h.Paths.SetupFile())) },
		"damaged": func(h *host) { must(h.t, os.WriteFile(h.Paths.SetupFile(), []byte("{"), 0o600)) },
		"kept": func(h *host) {
			s, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{KeepJournal: true})
			must(h.t, err)
			_, _, err = finish(h.t, s)
			must(h.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			usual := newHost(t)
			usual.mustInit(nil)
			spoil(usual)
			usual.Wizard = usual.wizard(&files.Disk{})
			usual.verify()

			h := newHost(t)
			h.mustInit(map[string]string{"dir": h.path("stack")})
			spoil(h)
			h.Wizard = h.wizard(&files.Disk{})
			if hist, err := h.History(context.Background()); err != nil || !errors.Is(hist.KeysErr, wizard.ErrUnvouched) {
				t.Fatalf("%+v %v", hist, err)
			}
			h.Getenv = func(name string) string {
				return map[string]string{wizard.KeysVariable: h.path("stack")}[name]
			}
			h.verify()
			h.Wizard = h.wizard(&files.Disk{})
			if name == "damaged" {
				must(t, os.Remove(h.Paths.SetupFile()))
			}
			_, err := h.run(h.given(map[string]string{"dir": h.path("stack")}))
			must(t, err)
			h.Wizard = h.wizard(&files.Disk{})
			h.verify()
		})
	}
}

// TestKeyringNotAsked: what a keyring might know that cannot be asked is not "ok".
func TestKeyringNotAsked(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	h.keyring.down = errDown
	hist, err := h.History(context.Background())
	must(t, err)
	if hist.KeysErr != nil || !hist.Report.OK() || hist.Root.Keyring.State != journal.NotChecked || !errors.Is(hist.Root.KeyringErr, errDown) {
		t.Fatalf("%+v %+v", hist.Report, hist.Root)
	}
	report, err := h.Examine(context.Background(), doctor.Selection{Only: []string{"journal-anchored"}})
	must(t, err)
	if r := report.Results[0]; r.Outcome != doctor.NotChecked || !strings.Contains(sprint(r.Gaps), "keyring") {
		t.Fatalf("doctor: %+v", r)
	}
	_, err = h.run(h.keep(map[string]string{"port": freePort(t)}))
	must(t, err)
}

// TestNewJournalElsewhere: a journal that the keyring knows is not forgotten because the
// new set-up keeps its secrets in files; with the operator's word it is, and its keys
// are kept.
func TestNewJournalElsewhere(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	key := h.keyring.items[secrets.JournalKey]
	must(t, os.RemoveAll(h.Paths.State))
	must(t, os.Remove(h.Paths.SetupFile()))
	if _, err := h.run(h.given(nil)); !errors.Is(err, journal.ErrJournalMissing) {
		t.Fatalf("%v", err)
	}
	g := h.given(nil)
	g.NewJournal = true
	_, err := h.run(g)
	must(t, err)
	h.verify()
	if h.keyring.items[secrets.JournalKey+".lost"] != key || h.keyring.items[secrets.JournalHead+".lost"] == "" {
		t.Fatalf("keyring: %v", len(h.keyring.items))
	}
}

// TestLossIsAskedAnew: a keyring that did not answer at first, and was unlocked while the
// questions were, tells of the lost journal before another begins.
func TestLossIsAskedAnew(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	must(t, os.RemoveAll(h.Paths.State))
	must(t, os.Remove(h.Paths.SetupFile()))
	h.keyring.down = errDown
	s, err := h.NewInit(t.Context(), h.given(nil))
	must(t, err)
	if got := sprint(s.Preflight(t.Context())); !strings.Contains(got, "store-unavailable") {
		t.Errorf("the keyring answers: %s", got)
	}
	for q, err := s.Next(t.Context()); q != nil || err != nil; q, err = s.Next(t.Context()) {
		must(t, err)
		must(t, s.Answer(t.Context(), q, wizard.Answer{Value: q.Default}))
	}
	p, err := s.Plan(t.Context())
	must(t, err)
	h.keyring.down = nil
	if _, err := s.Apply(t.Context(), p, nil); !errors.Is(err, journal.ErrJournalMissing) {
		t.Errorf("a journal is begun: %v", err)
	}
}

// TestRecoveryStaysHome: even a journal that is ours down to the seals is not obeyed where
// it names what clawsetup never changes.
func TestRecoveryStaysHome(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	victim, theirs := h.path("bashrc"), h.path("claude/settings.json")
	for _, path := range []string{victim, theirs} {
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte("mine\n"), 0o600))
		h.forge(h.Paths.Config).intend(h, path, "evil\n")
		_, err := h.Recover(context.Background())
		if hint, _ := hint.Of(err); !errors.Is(err, wizard.ErrForeignPath) || hint.ID != "recover-foreign" {
			t.Errorf("%s: %v", path, err)
		}
		if b, _ := os.ReadFile(path); string(b) != "mine\n" {
			t.Errorf("%s: %q", path, b)
		}
	}
	// What is ours is put back as before.
	env := h.path("config/clawsetup/.env")
	h.forge(h.Paths.Config).intend(h, env, "A=b\n")
	_, err := h.Recover(context.Background())
	must(t, err)
	if b, _ := os.ReadFile(env); string(b) != "A=b\n" {
		t.Errorf("%s: %q", env, b)
	}
}

// initInto runs init with g on a disk that is full n operations after setup.yaml is begun; it
// tells whether the run failed.
func (h *host) initInto(g wizard.Given, n int) bool {
	h.t.Helper()
	armed := false
	h.Wizard = h.wizard(&files.Disk{Before: func(op files.Op) error {
		armed = armed || strings.Contains(op.Path, "setup.yaml")
		if armed {
			n--
		}
		if n < 0 {
			return syscall.ENOSPC
		}
		return nil
	}})
	_, err := h.run(g)
	h.Wizard = h.wizard(&files.Disk{})
	return err != nil
}

// TestRecoveryOfAnyConfigName: a run that init took is one that a recovery settles, however
// the openclaw.json is called and whoever named it.
func TestRecoveryOfAnyConfigName(t *testing.T) {
	ways := map[string]func(h *host, config string) wizard.Given{
		"first": func(h *host, config string) wizard.Given {
			return h.given(map[string]string{"openclaw-config": config})
		},
		"moved": func(h *host, config string) wizard.Given {
			h.mustInit(nil)
			return h.given(map[string]string{"openclaw-config": config})
		},
		"--config": func(h *host, config string) wizard.Given {
			h.mustInit(nil)
			setup, err := h.ReadSetup(h.Paths.SetupFile())
			must(t, err)
			setup.OpenClaw.Config = config
			g := h.given(map[string]string{"openclaw-config": ""})
			g.Base = setup
			return g
		},
	}
	for way, given := range ways {
		for _, name := range []string{"openclaw/gateway.json", "openclaw/Agent.JSON5"} {
			for _, n := range []int{0, 3, 6} {
				h := newHost(t)
				config := h.path(name)
				if !h.initInto(given(h, config), n) {
					t.Fatalf("%s, %s, %d: it was not interrupted", way, name, n)
				}
				if notes, err := h.Recover(t.Context()); err != nil || !strings.Contains(sprint(notes), "journal-recovered") {
					t.Errorf("%s, %s, %d: %v %v", way, name, n, notes, err)
				}
			}
		}
	}
}

// TestConfigNames: init takes no openclaw.json that a recovery would not believe in, but the
// one that OpenClaw's own variable names.
func TestConfigNames(t *testing.T) {
	h := newHost(t)
	if _, _, err := h.init(map[string]string{"openclaw-config": h.path("openclaw/gateway.conf")}); !errors.Is(err, wizard.ErrBadValue) {
		t.Errorf("gateway.conf: %v", err)
	}
	if _, err := os.Lstat(h.Paths.State); err == nil {
		t.Error("the journal was begun")
	}
	h.Getenv = func(name string) string {
		return map[string]string{"OPENCLAW_CONFIG_PATH": h.path("openclaw/gateway.conf")}[name]
	}
	h.mustInit(map[string]string{"openclaw-config": h.path("openclaw/gateway.conf")})
	h.Getenv = func(string) string { return "" }
	h.mustInit(map[string]string{"openclaw-config": h.path("openclaw/gateway.conf"), "port": freePort(t)})
}

// TestConfigFileVouchesForNoKeys: a file of --config, which may be another host's, does not say
// where the journal's keys are.
func TestConfigFileVouchesForNoKeys(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	setup, err := h.ReadSetup(h.Paths.SetupFile())
	must(t, err)
	victim := h.path("config/clawsetup/.env")
	h.forge(h.path("evil")).intend(h, victim, "EVIL=1\n")
	setup.Dir = h.path("evil")
	g := h.keep(nil)
	g.Base = setup
	if _, err := h.run(g); !errors.Is(err, wizard.ErrUnvouched) || strings.Contains(h.content("config/clawsetup/.env"), "EVIL") {
		t.Errorf("%v; %q", err, h.content("config/clawsetup/.env"))
	}
}
