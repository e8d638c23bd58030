package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// archive is a journal on the disk with whatever may be wrong with it, as the
// browser is given it. It is the same in every run.
type archive struct {
	disk   *files.Disk
	dir    string
	keys   journal.Keys
	anchor journal.Head
	log    *journal.Log
	snaps  *journal.Snapshots
	actor  journal.Actor
	at     time.Time

	// keysErr is why the keys cannot be had, openErr why nothing can be read.
	keysErr, openErr error
	// slow is how long opening takes.
	slow time.Duration
	// rollback takes the place of the wizard's.
	rollback func(ctx context.Context, seq uint64) (wizard.Session, error)
	// asked are the records that a rollback to was asked for.
	asked []uint64
}

// Load and Save make an archive the second place of its journal's head.
func (a *archive) Load(context.Context) (journal.Head, error)   { return a.anchor, nil }
func (a *archive) Save(_ context.Context, h journal.Head) error { a.anchor = h; return nil }

// Open implements Past.
func (a *archive) Open(ctx context.Context) (*wizard.History, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(a.slow):
	}
	if a.openErr != nil {
		return nil, a.openErr
	}
	keys, anchor, snaps := &a.keys, journal.Anchor(a), a.snaps
	if a.keysErr != nil {
		keys, anchor, snaps = nil, nil, nil
	}
	log, err := journal.OpenReadOnly(ctx, a.disk, a.dir, keys, anchor)
	if err != nil {
		return nil, err
	}
	return wizard.NewHistory(log, snaps, keys, a.keysErr), nil
}

// Rollback implements Past.
func (a *archive) Rollback(ctx context.Context, seq uint64) (wizard.Session, error) {
	a.asked = append(a.asked, seq)
	if a.rollback != nil {
		return a.rollback(ctx, seq)
	}
	f := newFake()
	f.found, f.questions, f.steps = nil, nil, []wizard.Step{}
	f.onApply = func(context.Context, func(wizard.Progress)) error {
		a.reopen()                                                                                                      //nolint:contextcheck // tests end by themselves
		a.transaction(journal.Entry{Event: journal.ConfigRolledBack, Detail: map[string]string{"to": fmt.Sprint(seq)}}) //nolint:contextcheck // as above
		return nil
	}
	return f, nil
}

var (
	anna = journal.Actor{UID: "1000", User: "anna", Host: "desk", PID: 4242, PPID: 1, TTY: "/dev/pts/0"}
	root = journal.Actor{UID: "0", User: "root", SudoUser: "anna", Host: "desk", PID: 4343, PPID: 1}
)

// afternoon is when the browser is looked at.
var afternoon = time.Date(2026, 11, 22, 15, 30, 0, 0, time.Local)

// newArchive is a set-up, a rotation and a change of yesterday and today, in a
// folder without a name of its own.
func newArchive(t *testing.T) *archive {
	t.Helper()
	a := emptyArchive(t)
	before, after := "{\n  // mine\n  \"a\": 1\n}\n", "{\n  // mine\n  \"a\": 2,\n  \"token\": \""+canary+"\"\n}\n"
	config := journal.FileChange{
		Path: "/home/anna/.openclaw/openclaw.json", ModeBefore: "0644", ModeAfter: "0600",
		Before: a.keys.Digest([]byte(before), true), After: a.keys.Digest([]byte(after), true),
		SnapshotBefore: a.keep(before), SnapshotAfter: a.keep(after),
	}
	setup := journal.FileChange{
		Path: "/home/anna/.config/clawsetup/setup.yaml", ModeAfter: "0600",
		After: a.keys.Digest([]byte("port: 8082\n"), false), SnapshotAfter: a.keep("port: 8082\n"),
	}
	model, other, deny, leak := `"cloudru-claude/zai-org/GLM-5.1"`, `"anthropic/claude"`, `["anthropic"]`, `{"token":"`+canary+`"}`
	a.transaction(
		journal.Entry{Event: journal.SetupRecorded, Files: []journal.FileChange{setup}, Keys: []journal.KeyChange{{Path: "port", New: new("8082")}}, Why: []string{"R-02"}},
		journal.Entry{Event: journal.CloudruFmProviderConfigured, Files: []journal.FileChange{config, setup}, Why: []string{"S-02", "T-03"}, Keys: []journal.KeyChange{
			{Path: "agents.defaults.model.primary", Old: &other, New: &model}, {Path: "plugins.deny", New: &deny}, {Path: "gateway.auth", New: &leak},
		}},
	)
	a.at, a.actor = afternoon.Add(-30*time.Hour), root
	a.reopen()
	a.transaction(journal.Entry{Event: journal.ApiKeyRotated, Secrets: []journal.SecretChange{
		{Store: "keyring", Name: "cloudru_api_key", Old: "fp:hmac-sha256:0011223344556677", New: "fp:hmac-sha256:8899aabbccddeeff"},
	}})
	a.at, a.actor = afternoon.Add(-time.Hour), anna
	a.reopen()
	a.transaction(journal.Entry{Event: journal.ClaudeCliBackendConfigured, Files: []journal.FileChange{config}, Keys: []journal.KeyChange{{Path: "agents.defaults.cliBackends", New: new("{}")}}})
	return a
}

// openArchive is what is kept in dir already.
func openArchive(dir string, head journal.Head) *archive {
	a := &archive{disk: &files.Disk{}, dir: dir, anchor: head, actor: anna, at: afternoon.AddDate(0, 0, -3)}
	a.keys = journal.Keys{MAC: secrets.New([]byte("journal key of the tests, 32 byt")), Snapshot: secrets.New([]byte("snapshot key of the tests, 32 by"))}
	a.snaps, _ = journal.OpenSnapshots(a.disk, a.dir, a.keys) // these keys are long enough
	return a
}

// stateDir is a folder of the test's own; where the test has moved to one, it has a
// name that stays the same.
func stateDir(tb testing.TB) string {
	tb.Helper()
	if _, err := os.Stat("testdata"); err != nil {
		return "state"
	}
	return filepath.Join(tb.TempDir(), "state")
}

// emptyArchive has the first record alone.
func emptyArchive(tb testing.TB) *archive {
	tb.Helper()
	if t, ok := tb.(*testing.T); ok {
		cryptotest.SetGlobalRandom(t, 7)
	}
	a := openArchive(stateDir(tb), journal.Head{})
	var err error
	a.log, err = journal.Create(context.Background(), a.disk, a.dir, a.keys, a, journal.Genesis{Store: "keyring"}, a.options()...)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func (a *archive) options() []journal.Option {
	return []journal.Option{journal.WithTool("clawsetup 1.0.0"), journal.WithActor(a.actor), journal.WithClock(func() time.Time { return a.at })}
}

// reopen is another run of clawsetup.
func (a *archive) reopen() {
	log, err := journal.Open(context.Background(), a.disk, a.dir, a.keys, a, a.options()...)
	if err != nil {
		panic(err)
	}
	a.log = log
}

func (a *archive) keep(content string) string {
	id, err := a.snaps.Put([]byte(content))
	if err != nil {
		panic(err)
	}
	return id
}

// transaction writes events as Apply does.
func (a *archive) transaction(events ...journal.Entry) {
	tx := fmt.Sprintf("%016d", a.log.Head().Seq)
	batch := []journal.Entry{{Event: journal.ChangeIntended, Phase: journal.PhaseIntent, Tx: tx}}
	for _, e := range events {
		e.Tx, e.Phase = tx, journal.PhaseEvent
		batch = append(batch, e)
	}
	batch = append(batch, journal.Entry{Event: journal.TransactionCommitted, Phase: journal.PhaseCommit, Tx: tx})
	_, err := a.log.Append(context.Background(), batch...)
	if err := errors.Join(err, a.log.Seal(context.Background())); err != nil {
		panic(err)
	}
}

// edit changes the journal behind clawsetup's back.
func (a *archive) edit(change func([]byte) []byte) {
	path := filepath.Join(a.dir, "journal.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		panic(err)
	}
}
