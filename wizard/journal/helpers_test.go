package journal

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// testKeys are the same in every test, so that failures repeat.
func testKeys(tb testing.TB) Keys {
	tb.Helper()
	return Keys{
		MAC:      secrets.New([]byte("journal key of the tests, 32 byt")),
		Snapshot: secrets.New([]byte("snapshot key of the tests, 32 by")),
	}
}

// memoryAnchor is a second place that survives the journal.
type memoryAnchor struct {
	mu   sync.Mutex
	head Head
	err  error
}

func (a *memoryAnchor) Load(context.Context) (Head, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.head, a.err
}

func (a *memoryAnchor) Save(_ context.Context, h Head) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil {
		a.head = h
	}
	return a.err
}

// fixture is a journal in a folder of its own.
type fixture struct {
	*testing.T
	disk   *files.Disk
	dir    string
	keys   Keys
	anchor *memoryAnchor
	log    *Log
}

var testActor = Actor{UID: "1000", User: "op", SudoUser: "admin", Host: "host", PID: 42, PPID: 1, TTY: "/dev/pts/3"}

func testOptions() []Option {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC)
	return []Option{WithTool("clawsetup 1.2.3"), WithActor(testActor), WithClock(func() time.Time {
		now = now.Add(time.Millisecond)
		return now
	})}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, disk: &files.Disk{}, dir: filepath.Join(t.TempDir(), "state"), keys: testKeys(t), anchor: &memoryAnchor{}}
	l, err := Create(t.Context(), f.disk, f.dir, f.keys, f.anchor, Genesis{Store: "keyring"}, testOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	f.log = l
	return f
}

func (f *fixture) path() string    { return filepath.Join(f.dir, "journal.jsonl") }
func (f *fixture) sidecar() string { return filepath.Join(f.dir, "head") }

// transaction appends intent, event and commit, without sealing.
func (f *fixture) transaction(tx string) {
	f.Helper()
	f.append(Entry{Event: ChangeIntended, Phase: PhaseIntent, Tx: tx})
	f.append(exampleEvent(tx), Entry{Event: TransactionCommitted, Phase: PhaseCommit, Tx: tx})
}

func exampleEvent(tx string) Entry {
	return Entry{
		Event: CloudruFmProviderConfigured, Phase: PhaseEvent, Tx: tx,
		Files: []FileChange{{
			Path: "/home/op/.openclaw/openclaw.json", ModeBefore: "0644", ModeAfter: "0600",
			Before: strings.Repeat("a", 64), After: strings.Repeat("b", 64),
		}},
		Keys: []KeyChange{
			{Path: "models.providers.cloudru.baseUrl", New: new(`"https://api.example/v1"`)},
			{Path: "agents.defaults.timeout", Old: new(`12345678901234567890`), New: new(`"<тест>\n"`)},
		},
		Secrets: []SecretChange{{Store: "keyring", Name: "cloudru_api_key", New: "fp:hmac-sha256:0011223344556677"}},
		Detail:  map[string]string{"model": "zai-org/GLM-5.1"},
		Why:     []string{"R-02", "I-01"},
	}
}

func (f *fixture) append(entries ...Entry) {
	f.Helper()
	if _, err := f.log.Append(f.Context(), entries...); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) seal() {
	f.Helper()
	if err := f.log.Seal(f.Context()); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) verify() Report {
	f.Helper()
	r, err := verify(f.Context(), f.disk, f.dir, &f.keys, f.anchor)
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// verify checks a journal as `config-history verify` does.
func verify(ctx context.Context, disk *files.Disk, dir string, keys *Keys, anchor Anchor) (Report, error) {
	l, err := OpenReadOnly(ctx, disk, dir, keys, anchor)
	if err != nil {
		return Report{}, err
	}
	return l.Report(), nil
}

func (f *fixture) open() (*Log, error) {
	return Open(f.Context(), f.disk, f.dir, f.keys, f.anchor, testOptions()...)
}

func (f *fixture) read(path string) []byte {
	f.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

func (f *fixture) write(path string, b []byte) {
	f.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		f.Fatal(err)
	}
}

// wantReason fails unless some problem has that part and reason.
func wantReason(t *testing.T, r Report, part Part, reason Reason) {
	t.Helper()
	for _, p := range r.Problems {
		if p.Part == part && p.Reason == reason {
			return
		}
	}
	t.Errorf("no problem %s/%s in %+v", part, reason, r.Problems)
}

func sections(b []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b)))
}
