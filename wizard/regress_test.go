package wizard_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// keep is a run of init that keeps the stored key.
func (h *host) keep(values map[string]string) wizard.Given {
	g := h.given(values)
	g.Key = secrets.Secret{}
	return g
}

func (h *host) run(g wizard.Given) (*wizard.Plan, error) {
	h.t.Helper()
	s, err := h.NewInit(context.Background(), g)
	if err != nil {
		return nil, err
	}
	p, _, err := finish(h.t, s)
	return p, err
}

// TestFailedMoveKeepsTheSecrets: a move of the docker store that fails at any step
// leaves key and token in the folder that setup.yaml names.
func TestFailedMoveKeepsTheSecrets(t *testing.T) {
	failed := 0
	for step := 1; step < 140; step += 3 {
		h := newHost(t)
		h.mustInit(nil)
		n := 0
		h.Wizard = h.wizard(&files.Disk{Before: func(op files.Op) error {
			if n++; n == step && op.Kind != "remove" {
				return syscall.ENOSPC
			}
			return nil
		}})
		_, err := h.run(h.keep(map[string]string{"dir": h.path("other")}))
		if err != nil {
			failed++
		}
		h.Wizard = h.wizard(&files.Disk{})
		_, err = h.Recover(context.Background())
		must(t, err)
		setup, err := h.LoadSetup(h.Paths.SetupFile())
		must(t, err)
		for _, name := range []string{"cloudru_api_key", "proxy_token"} {
			if _, err := os.Stat(filepath.Join(setup.StackDir(h.Paths), "secrets", name)); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		h.verify()
	}
	if failed < 10 {
		t.Fatalf("only %d moves failed", failed)
	}
}

// TestLostJournalKeepsItsKeys: while the journal is away, nothing replaces its keys;
// back in place it verifies.
func TestLostJournalKeepsItsKeys(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		h := newHost(t)
		h.mustInit(map[string]string{"store": store})
		must(t, os.Rename(h.Paths.State, h.path("backup")))
		_, err := h.run(h.keep(map[string]string{"store": store, "port": freePort(t)}))
		if !errors.Is(err, journal.ErrJournalMissing) {
			t.Fatalf("%v", err)
		}
		if _, err := h.History(context.Background()); !errors.Is(err, journal.ErrJournalMissing) {
			t.Fatalf("history: %v", err)
		}
		must(t, os.RemoveAll(h.Paths.State))
		must(t, os.Rename(h.path("backup"), h.Paths.State))
		h.verify()
	}
}

// TestModeNoneTwice: what the operator wrote into openclaw.json survives leaving it,
// and leaving it again.
func TestModeNoneTwice(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	path := h.path("openclaw/openclaw.json")
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(strings.Replace(string(b), "{", "{ myLater: 'precious',", 1)), 0o600))
	// A merge of ours after the edit must not make the edit look like ours.
	_, err = h.run(h.keep(map[string]string{"port": freePort(t)}))
	must(t, err)
	for range 2 {
		_, err = h.run(h.keep(map[string]string{"openclaw-mode": "none"}))
		must(t, err)
		got := h.tree()["openclaw/openclaw.json"]
		if !strings.Contains(got, "precious") || strings.Contains(got, "cloudru-claude") {
			t.Fatalf("openclaw.json:\n%s", got)
		}
	}
}

// TestForeignSecretsStayOut: what stood in a file that is replaced is in no record
// and no plan, and replacing it is a consent.
func TestForeignSecretsStayOut(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.path("proj"), 0o700))
	must(t, os.WriteFile(h.path("proj/.env"), []byte("DB_URL=postgres-hunter2\nBIG_MODEL=x\n"), 0o600))
	p, err := h.run(h.given(map[string]string{"dir": h.path("proj")}))
	must(t, err)
	if c := sprint(p.Consents); !strings.Contains(c, "foreign-file") {
		t.Errorf("consents: %s", c)
	}
	must(t, os.WriteFile(h.path("proj/.env"), []byte("BIG_MODEL=x\nADDED=later-hunter3\n"), 0o600))
	p, err = h.run(h.keep(map[string]string{"dir": h.path("proj")}))
	must(t, err)
	if p.Empty() {
		t.Fatal("the edit of .env was not seen")
	}
	if j := h.tree()["state/clawsetup/journal.jsonl"]; strings.Contains(j, "hunter") {
		t.Error("the journal holds the operator's values")
	}
}

// TestFinishedRecoveryIsInTheHistory: killed between the last file and the commit, a
// transaction is finished with its own events, and can be taken back like any other.
func TestFinishedRecoveryIsInTheHistory(t *testing.T) {
	h := newHost(t)
	appends := 0
	h.Wizard = h.wizard(&files.Disk{Before: func(op files.Op) error {
		if op.Kind == "append" {
			if appends++; appends == 2 {
				panic("killed")
			}
		}
		return nil
	}})
	func() {
		defer func() { _ = recover() }()
		_, _, _ = h.init(nil)
	}()
	h.Wizard = h.wizard(&files.Disk{})
	notes, err := h.Recover(context.Background())
	must(t, err)
	if !strings.Contains(sprint(notes), "journal-recovered-finished") {
		t.Fatalf("%v", notes)
	}
	hist, err := h.History(context.Background())
	must(t, err)
	events := map[journal.Event]int{}
	for r, err := range hist.Records() {
		must(t, err)
		events[r.Event] += len(r.Files) + len(r.Keys)
	}
	if events[journal.CloudruFmProviderConfigured] < 5 || events[journal.ClaudeCliBackendConfigured] == 0 {
		t.Fatalf("events: %v", events)
	}
	_, err = h.run(h.keep(map[string]string{"openclaw-mode": "none"}))
	must(t, err)
	if got := h.tree()["openclaw/openclaw.json"]; strings.Contains(got, "cloudru-claude") {
		t.Fatalf("our keys stay:\n%s", got)
	}
}

// TestRecoverAnchors: what an earlier run could not anchor, or a crash kept from it, the
// next one does.
func TestRecoverAnchors(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	before := h.keyring.items[secrets.JournalHead]
	_, _, err := h.rotate("", true)
	must(t, err)
	h.keyring.items[secrets.JournalHead] = before
	if h.unanchored() == 0 {
		t.Fatal("the anchor is not behind")
	}
	notes, err := h.Recover(context.Background())
	if err != nil || len(notes) > 0 {
		t.Errorf("%+v, %v", notes, err)
	}
	if n := h.unanchored(); n > 0 {
		t.Errorf("%d records are not anchored", n)
	}
	h.verify()

	// A torn line is journaled when it is put aside.
	f, err := os.OpenFile(h.path("state/clawsetup/journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("{")
	must(t, errors.Join(err, f.Close()))
	_, err = h.Recover(context.Background())
	must(t, err)
	if n := h.unanchored(); n > 0 {
		t.Errorf("after a torn line: %d records are not anchored", n)
	}
}

// TestKeyringAwayLosesNoKey: a store that cannot be asked just now is not an empty one.
func TestKeyringAwayLosesNoKey(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	h.keyring.down = errDown
	if _, err := h.run(h.keep(map[string]string{"store": "docker"})); err == nil {
		t.Fatal("moving a key that cannot be read")
	}
	h.keyring.down = nil
	if h.keyring.items[secrets.APIKey] != firstKey {
		t.Fatal("the key is gone")
	}
	_, err := h.run(h.keep(map[string]string{"store": "docker"}))
	must(t, err)
	if key := h.tree()["config/clawsetup/secrets/cloudru_api_key"]; !strings.HasSuffix(key, firstKey) {
		t.Fatal("the key did not move")
	}
	if _, there := h.keyring.items[secrets.APIKey]; there {
		t.Fatal("the key is still in the keyring")
	}
}

// TestBackToTheKey: another key is another proof.
func TestBackToTheKey(t *testing.T) {
	h := newHost(t)
	g := h.given(nil)
	g.Key = secrets.Secret{}
	s, err := h.NewInit(context.Background(), g)
	must(t, err)
	ctx := context.Background()
	q, err := s.Next(ctx)
	must(t, err)
	must(t, s.Answer(ctx, q, wizard.Answer{Secret: secrets.New([]byte(firstKey))}))
	if _, err = s.Next(ctx); err != nil || !s.Back() {
		t.Fatalf("back: %v", err)
	}
	if q, err = s.Next(ctx); err != nil || q.ID != "key" {
		t.Fatalf("%v %v", q, err)
	}
	var refused *cloudru.Error
	if err := s.Answer(ctx, q, wizard.Answer{Secret: secrets.New([]byte("wrong-key-wrong-key"))}); !errors.As(err, &refused) {
		t.Fatalf("a wrong key after a good one: %v", err)
	}
}

// TestBackWithdrawsTrust: an answer that was taken back is asked again.
func TestBackWithdrawsTrust(t *testing.T) {
	h := newHost(t)
	g := h.given(nil)
	g.TrustFirstUse = false
	delete(g.Values, "port")
	s, err := h.NewInit(context.Background(), g)
	must(t, err)
	ctx := context.Background()
	next := func(id string) *wizard.Question {
		t.Helper()
		for {
			q, err := s.Next(ctx)
			must(t, err)
			if q.ID == id {
				return q
			}
			must(t, s.Answer(ctx, q, wizard.Answer{Value: q.Default}))
		}
	}
	must(t, s.Answer(ctx, next("trust"), wizard.Answer{Value: "first-use"}))
	next("port")
	if !s.Back() {
		t.Fatal("no way back")
	}
	if q, err := s.Next(ctx); err != nil || q.ID != "trust" || q.Default != "" {
		t.Fatalf("%+v %v", q, err)
	}
	must(t, s.Answer(ctx, next("trust"), wizard.Answer{Value: "other"}))
	if q, err := s.Next(ctx); err != nil || q.ID != "image" || q.Default == h.image.Reference {
		t.Fatalf("another image: %+v %v", q, err)
	}
}

// TestStalePlan: a plan made before somebody else's change is refused.
func TestStalePlan(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	open := func() (wizard.Session, *wizard.Plan) {
		s, err := h.NewRotate(context.Background(), wizard.RotateOptions{Token: true})
		must(t, err)
		p, err := s.Plan(context.Background())
		must(t, err)
		return s, p
	}
	s, p := open()
	_, _, err := h.rotate("", true)
	must(t, err)
	if _, err := s.Apply(context.Background(), p, nil); !errors.Is(err, wizard.ErrStalePlan) {
		t.Fatalf("a rotated token: %v", err)
	}
	s, p = open()
	_, err = h.run(h.keep(map[string]string{"port": freePort(t)}))
	must(t, err)
	if _, err := s.Apply(context.Background(), p, nil); !errors.Is(err, wizard.ErrStalePlan) {
		t.Fatalf("a changed set-up: %v", err)
	}
	h.verify()
}

// TestPlantedToken: a value that was there before us is no token of ours.
func TestPlantedToken(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.path("proj/secrets"), 0o700))
	must(t, os.WriteFile(h.path("proj/secrets/proxy_token"), []byte("static-token"), 0o600))
	_, err := h.run(h.given(map[string]string{"dir": h.path("proj")}))
	must(t, err)
	if got := h.tree()["proj/secrets/proxy_token"]; strings.Contains(got, "static") || !strings.HasPrefix(got, shown("-r--r--r--")+" cst_") {
		t.Fatalf("%q", got)
	}
}

// TestConfigFileGivesNoConsent: a file from elsewhere cannot consent to a private
// address, nor name this host's paths.
func TestConfigFileGivesNoConsent(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	setup, err := h.ReadSetup(h.Paths.SetupFile())
	must(t, err)
	other := newHost(t)
	g := other.given(nil)
	g.Base, g.AllowPrivate, g.Values = setup, false, map[string]string{"port": other.port}
	if _, err := other.run(g); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Fatalf("%v", err)
	}
	if n := len(other.cloud.Requests()); n != 0 {
		t.Fatalf("%d requests were sent", n)
	}
}

// TestFixJournalsNoCredential: what the operator had in the places that doctor puts right
// may be a credential, whatever the place is called.
func TestFixJournalsNoCredential(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "docker"})
	path := h.path("openclaw/openclaw.json")
	b, err := os.ReadFile(path)
	must(t, err)
	doc, err := json5.Parse(b)
	must(t, err)
	must(t, doc.Set([]string{"env", "vars", "HTTPS_PROXY"}, "http://corp:pass-of-the-proxy@proxy.corp:3128"))
	must(t, doc.Set([]string{"env", "vars", "ANTHROPIC_CUSTOM_HEADERS"}, "x-corp: value-of-a-header"))
	must(t, doc.Set([]string{"models", "providers", openclaw.BackendID, "baseUrl"}, "http://token-of-a-user@127.0.0.1:9"))
	must(t, os.WriteFile(path, doc.Bytes(), 0o600))
	w := h.wizard(&files.Disk{})
	report, err := w.Examine(t.Context(), doctor.Selection{Only: []string{"foreign-environment", "provider-base-url"}})
	must(t, err)
	plan, _ := h.fix(report)
	if len(plan.Changes) == 0 {
		t.Fatal("nothing was put right")
	}
	sealed, err := os.ReadFile(h.path("state/clawsetup/journal.jsonl"))
	must(t, err)
	shown, err := json.Marshal(plan)
	must(t, err)
	for _, credential := range []string{"pass-of-the-proxy", "value-of-a-header", "token-of-a-user"} {
		if strings.Contains(string(sealed), credential) {
			t.Errorf("the journal holds %s", credential)
		}
		if strings.Contains(string(shown), credential) {
			t.Errorf("the plan shows %s", credential)
		}
	}
}

// TestDiffsHideTheStoredKey: somebody wrote the key itself into a file of ours, under no
// name at all.
func TestDiffsHideTheStoredKey(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "docker"})
	stored, err := os.ReadFile(h.path("config/clawsetup/secrets/" + secrets.APIKey))
	must(t, err)
	key := string(stored)
	env := h.path("config/clawsetup/.env")
	b, err := os.ReadFile(env)
	must(t, err)
	must(t, os.WriteFile(env, append(b, "# mine: "+key+"\n"...), 0o600))
	plan, err := h.run(h.keep(map[string]string{"section": "repair"}))
	must(t, err)
	shown, err := json.Marshal(plan)
	must(t, err)
	if !strings.Contains(string(shown), "# mine: [hidden]") || strings.Contains(string(shown), key) {
		t.Errorf("the plan shows the key: %v", strings.Contains(string(shown), key))
	}
	hist, err := h.History(t.Context())
	must(t, err)
	found := false
	for r, err := range hist.Records() {
		must(t, err)
		diffs, err := hist.Diffs(t.Context(), r)
		must(t, err)
		for _, d := range diffs {
			found = found || strings.Contains(d.String(), "# mine: [hidden]")
			if strings.Contains(d.String(), key) {
				t.Errorf("the diff of record %d shows the key", r.Seq)
			}
		}
	}
	if !found {
		t.Error("no diff of the history has the line")
	}
}

// TestDiffsHideAMovedKey: the journal's keys stay in the store in which it began, the
// set-up's secrets do not.
func TestDiffsHideAMovedKey(t *testing.T) {
	for _, from := range []string{"keyring", "docker"} {
		to := map[string]string{"keyring": "docker", "docker": "keyring"}[from]
		h := newHost(t)
		h.mustInit(map[string]string{"store": from})
		_, moved := h.mustInit(map[string]string{"store": to})
		h.mustInit(map[string]string{"store": to, "port": freePort(t)})
		compose := h.path("config/clawsetup/docker-compose.cloudru-proxy.yml")
		b, err := os.ReadFile(compose)
		must(t, err)
		must(t, os.WriteFile(compose, append([]byte("# mine: "+firstKey+"\n"), b...), 0o600))
		s, err := h.NewRollback(t.Context(), moved.Records[0], false)
		must(t, err)
		plan, _, err := finish(t, s)
		must(t, err)
		shown, err := json.Marshal(plan)
		must(t, err)
		if !strings.Contains(string(shown), "# mine: [hidden]") || strings.Contains(string(shown), firstKey) {
			t.Errorf("from %s to %s: the plan shows the key: %v", from, to, strings.Contains(string(shown), firstKey))
		}
		hist, err := h.History(t.Context())
		must(t, err)
		diffs, err := hist.Diffs(t.Context(), lastWith(t, hist, compose))
		must(t, err)
		all := sprint(diffs)
		if !strings.Contains(all, "# mine: [hidden]") || strings.Contains(all, firstKey) {
			t.Errorf("from %s to %s: the history shows the key: %v", from, to, strings.Contains(all, firstKey))
		}
	}
}

// lastWith is the latest record of a change of that file.
func lastWith(t *testing.T, hist *wizard.History, path string) journal.Record {
	t.Helper()
	var out journal.Record
	for r, err := range hist.Records() {
		must(t, err)
		if r.Phase == journal.PhaseEvent && slices.ContainsFunc(r.Files, func(f journal.FileChange) bool { return f.Path == path }) {
			out = r
		}
	}
	return out
}

// TestRollbackBringsNoDriftBack: what somebody else had made of our files after the chosen
// record, and init had put right, is no state of ours; nor is the mode.
func TestRollbackBringsNoDriftBack(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.path("openclaw"), 0o700))
	must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte("{ channels: {} }\n"), 0o600))
	h.mustInit(nil)
	hist, err := h.History(t.Context())
	must(t, err)
	var record uint64
	for r, err := range hist.Records() {
		must(t, err)
		if r.Phase == journal.PhaseEvent {
			record = max(record, r.Seq)
		}
	}
	compose, config := h.path("config/clawsetup/docker-compose.cloudru-proxy.yml"), h.path("openclaw/openclaw.json")
	replaceIn(t, compose, `cap_drop: ["ALL"]`, `cap_drop: []`)
	replaceIn(t, config, `"deny"`, `"allow"`)
	must(t, os.Chmod(compose, 0o644))
	_, err = h.run(h.keep(map[string]string{"section": "repair", "conflicts": "replace"}))
	must(t, err)
	want := h.tree()
	_, err = h.run(h.keep(map[string]string{"preset": "economy"}))
	must(t, err)
	s, err := h.NewRollback(t.Context(), record, false)
	must(t, err)
	_, _, err = finish(t, s)
	must(t, err)
	got := h.tree()
	for _, name := range []string{"config/clawsetup/docker-compose.cloudru-proxy.yml", "openclaw/openclaw.json", "config/clawsetup/.env"} {
		if got[name] != want[name] {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got[name], want[name])
		}
	}
}

func replaceIn(t *testing.T, path, old, now string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %s", path, old)
	}
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(b), old, now)), 0o600))
}
