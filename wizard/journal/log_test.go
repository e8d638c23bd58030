package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

func TestCreateAppendRead(t *testing.T) {
	f := newFixture(t)
	f.transaction("t1")
	f.seal()
	l, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	var got []Record
	for r, err := range l.Records(1) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if len(got) != 4 || got[0].Event != JournalCreated || got[0].Detail["store"] != "keyring" || got[3].Phase != PhaseCommit {
		t.Fatalf("%+v", got)
	}
	r, want := got[2], exampleEvent("t1")
	if r.Seq != 3 || r.Prev != got[1].Hash || r.Log != l.Head().Log || r.Tool != "clawsetup 1.2.3" || r.Actor != testActor {
		t.Errorf("%+v", r)
	}
	if want := time.Date(2026, 1, 2, 3, 4, 5, 3006000, time.UTC); !r.Time.Equal(want) {
		t.Errorf("time %v instead of %v", r.Time, want)
	}
	if !reflect.DeepEqual(Entry{r.Event, r.Tx, r.Phase, r.Files, r.Keys, r.Secrets, r.Detail, r.Why}, want) {
		t.Errorf("%+v", r)
	}
	if f.anchor.head != l.Head() || l.Head().Hash != got[3].Hash || l.Head().Seq != 4 {
		t.Errorf("anchored %+v, head %+v", f.anchor.head, l.Head())
	}
	if rep := l.Report(); rep.Records != 4 || !rep.First.Equal(got[0].Time) || !rep.Last.Equal(got[3].Time) || !rep.OK() || !rep.Complete() {
		t.Errorf("%+v", rep)
	}
	for _, path := range []string{f.path(), f.sidecar()} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != shown(0o600) {
			t.Errorf("%s: %v %v", path, st.Mode(), err)
		}
	}
}

// shown is what this system says of a file with that mode: Windows keeps no such bits.
func shown(mode os.FileMode) os.FileMode {
	if runtime.GOOS == "windows" && mode.IsDir() {
		return mode | 0o777
	}
	if runtime.GOOS == "windows" {
		return mode | 0o666
	}
	return mode
}

func TestAppendReturnsWhatIsRead(t *testing.T) {
	f := newFixture(t)
	e := exampleEvent("")
	e.Detail["bad"] = "bytes \xff, \u202e and \x1b[2J and </script>"
	wrote, err := f.log.Append(t.Context(), e, exampleEvent(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrote {
		if r, err := f.log.Record(w.Seq); err != nil || !reflect.DeepEqual(r, w) {
			t.Errorf("wrote %+v, read %+v %v", w, r, err)
		}
	}
}

func TestRecordByNumber(t *testing.T) {
	dir, keys := t.TempDir(), testKeys(t)
	anchor := &memoryAnchor{head: generate(t, dir, keys, 3000)} // 3 MB: bisection has work to do
	l, err := Open(t.Context(), &files.Disk{}, dir, keys, anchor)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 3000; seq += 37 {
		if r, err := l.Record(seq); err != nil || r.Seq != seq {
			t.Fatalf("record %d: %d %v", seq, r.Seq, err)
		}
	}
	for _, seq := range []uint64{1, 2, 2999, 3000} {
		if r, err := l.Record(seq); err != nil || r.Seq != seq {
			t.Fatalf("record %d: %d %v", seq, r.Seq, err)
		}
	}
	for _, seq := range []uint64{0, 3001} {
		if _, err := l.Record(seq); !errors.Is(err, ErrNoRecord) {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	n := 0
	for r, err := range l.Records(2990) {
		if err != nil || r.Seq != 2990+uint64(n) {
			t.Fatalf("%d %v", r.Seq, err)
		}
		n++
	}
	if n != 11 {
		t.Errorf("%d records from 2990 on", n)
	}
	for range l.Records(1) {
		break // leaving early must be possible
	}
}

func TestReadingNoticesLaterChanges(t *testing.T) {
	f := sealedFixture(t)
	l, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	bad := f.read(f.path())
	bad[len(bad)/2] ^= 1
	f.write(f.path(), bad)
	var last error
	for _, err := range l.Records(1) {
		last = err
	}
	if !errors.Is(last, ErrTampered) {
		t.Errorf("read to the end with %v", last)
	}
}

func TestReadOnlyOfADamagedJournal(t *testing.T) {
	f := sealedFixture(t)
	bad := f.read(f.path())
	// A digit of the last record's seal becomes another digit.
	digit := &bad[len(bad)-10]
	if *digit = '0'; bytes.Equal(bad, f.read(f.path())) {
		*digit = '1'
	}
	f.write(f.path(), bad)
	l, err := OpenReadOnly(t.Context(), f.disk, f.dir, &f.keys, f.anchor)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	var last error
	for _, err := range l.Records(1) {
		if last = err; err == nil {
			n++
		}
	}
	if n != 7 || !errors.Is(last, ErrTampered) || !l.Report().Failed() {
		// A wrong MAC leaves the chain whole: all records are shown, then the error.
		t.Errorf("%d records, then %v", n, last)
	}
	for _, err := range []error{func() error { _, err := l.Append(t.Context(), exampleEvent("")); return err }(), l.Seal(t.Context())} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("writing: %v", err)
		}
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	f := sealedFixture(t)
	f.write(f.path(), append(f.read(f.path()), "torn"...))
	disk := &files.Disk{Before: func(op files.Op) error { t.Errorf("%+v", op); return nil }}
	l, err := OpenReadOnly(t.Context(), disk, f.dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record(7); err != nil || l.Report().Torn != 4 || l.Report().OK() {
		t.Errorf("%v %+v", err, l.Report())
	}
	if _, err := Peek(disk, f.dir); err != nil {
		t.Error(err)
	}
}

func TestTransactions(t *testing.T) {
	f := newFixture(t)
	intent := func(tx string) Entry { return Entry{Event: ChangeIntended, Phase: PhaseIntent, Tx: tx} }
	end := func(p Phase, tx string) Entry { return Entry{Event: TransactionCommitted, Phase: p, Tx: tx} }
	refuse := func(want error, e ...Entry) {
		t.Helper()
		before := f.log.Head()
		if _, err := f.log.Append(t.Context(), e...); err == nil || (want != nil && !errors.Is(err, want)) {
			t.Errorf("%+v: %v", e, err)
		}
		if f.log.Head() != before {
			t.Errorf("%+v left a trace", e)
		}
	}
	refuse(nil, end(PhaseCommit, "a"))
	f.append(intent("a"))
	refuse(ErrPending, intent("b"))
	refuse(nil, end(PhaseUndone, "b"))
	refuse(nil, exampleEvent("a"), end(PhaseCommit, "b"))

	reopened, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := reopened.Pending(); !ok || p.Tx != "a" || p.Phase != PhaseIntent {
		t.Errorf("pending %+v %v", p, ok)
	}
	f.log = reopened
	refuse(ErrPending, intent("b"))
	f.append(exampleEvent("a"))
	if _, ok := f.log.Pending(); !ok {
		t.Error("an event ended the transaction")
	}
	f.append(Entry{Event: Recovered, Phase: PhaseEvent, Tx: "a"}, end(PhaseUndone, "a"))
	f.append(intent("c"), end(PhaseCommit, "c"))
	if p, ok := f.log.Pending(); ok {
		t.Errorf("pending %+v", p)
	}
	if l, err := f.open(); err != nil || l.pending != nil {
		t.Errorf("%v %+v", err, l)
	}
}

func TestAppendRefuses(t *testing.T) {
	f := newFixture(t)
	secret := exampleEvent("")
	secret.Secrets[0].New = "sk-very-secret"
	huge := exampleEvent("")
	huge.Detail["x"] = strings.Repeat("x", maxLine)
	for name, entries := range map[string][]Entry{
		"no event":          {{Phase: PhaseEvent}},
		"no phase":          {{Event: ImagePinned}},
		"an unknown phase":  {{Event: ImagePinned, Phase: "x"}},
		"a second genesis":  {{Event: JournalCreated, Phase: PhaseGenesis}},
		"an intent of none": {{Event: ChangeIntended, Phase: PhaseIntent}},
		"a secret":          {secret},
		"a huge record":     {exampleEvent(""), huge},
		"too many at once":  make([]Entry, MaxBatch+1),
	} {
		before := f.read(f.path())
		_, err := f.log.Append(t.Context(), entries...)
		if err == nil {
			t.Errorf("%s was taken", name)
		} else if strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s: the error tells the secret", name)
		}
		if string(before) != string(f.read(f.path())) {
			t.Errorf("%s was written", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.log.Append(ctx, exampleEvent("")); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if got, err := f.log.Append(t.Context()); got != nil || err != nil {
		t.Errorf("nothing: %v %v", got, err)
	}
}

func TestAppendAfterAnotherWriter(t *testing.T) {
	f := newFixture(t)
	second, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	f.append(exampleEvent(""))
	_, err = second.Append(t.Context(), exampleEvent(""))
	if h, _ := hint.Of(err); !errors.Is(err, ErrChanged) || h.ID != "journal-changed" {
		t.Errorf("%v, hint %v", err, h)
	}
	if r := f.verify(); !r.OK() {
		t.Errorf("%+v", r)
	}
}

func TestCreateRefusesWhatExists(t *testing.T) {
	f := newFixture(t)
	if _, err := Create(t.Context(), f.disk, f.dir, f.keys, f.anchor, Genesis{}, WithRestart()); !errors.Is(err, ErrJournalExists) {
		t.Errorf("%v", err)
	}
	silent := &memoryAnchor{err: errors.New("locked")}
	if _, err := Create(t.Context(), f.disk, t.TempDir(), f.keys, silent, Genesis{}); !errors.Is(err, silent.err) {
		t.Errorf("a silent anchor: %v", err)
	}
	if _, err := Create(t.Context(), f.disk, t.TempDir(), Keys{}, nil, Genesis{}); err == nil {
		t.Error("no keys")
	}
}

func TestRestartNamesWhatWasLost(t *testing.T) {
	f := sealedFixture(t)
	lost := f.anchor.head
	if err := os.Remove(f.path()); err != nil {
		t.Fatal(err)
	}
	l, err := Create(t.Context(), f.disk, f.dir, f.keys, f.anchor, Genesis{Store: "docker", Detail: map[string]string{"a": "b"}}, WithRestart())
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Record(1)
	if err != nil || r.Detail["replaces"] != lost.String() || r.Detail["store"] != "docker" || r.Detail["a"] != "b" {
		t.Errorf("%+v %v", r, err)
	}
	if l.Head().Log == lost.Log || f.anchor.head != l.Head() {
		t.Errorf("%+v", f.anchor.head)
	}
}

func TestNoJournal(t *testing.T) {
	dir, keys := filepath.Join(t.TempDir(), "none"), testKeys(t)
	disk := &files.Disk{Before: func(op files.Op) error { t.Errorf("%+v", op); return nil }}
	if there, err := Exists(disk, dir); there || err != nil {
		t.Errorf("%v %v", there, err)
	}
	_, errOpen := Open(t.Context(), disk, dir, keys, nil)
	_, errRead := OpenReadOnly(t.Context(), disk, dir, nil, &memoryAnchor{})
	_, errPeek := Peek(disk, dir)
	for _, err := range []error{errOpen, errRead, errPeek} {
		if !errors.Is(err, ErrNoJournal) {
			t.Errorf("%v", err)
		}
	}
	silent := &memoryAnchor{err: errors.New("locked")}
	if _, err := verify(t.Context(), disk, dir, &keys, silent); !errors.Is(err, silent.err) || errors.Is(err, ErrNoJournal) {
		t.Errorf("with a silent anchor nobody knows: %v", err)
	}
}

func TestPeek(t *testing.T) {
	f := newFixture(t)
	if g, err := Peek(f.disk, f.dir); err != nil || g.Store != "keyring" {
		t.Errorf("%+v %v", g, err)
	}
	for _, bad := range []string{"", "no line end", "garbage\n", "{}\n", strings.Repeat("x", maxLine+5)} {
		f.write(f.path(), []byte(bad))
		if g, err := Peek(f.disk, f.dir); err == nil {
			t.Errorf("%.20q: %+v", bad, g)
		}
	}
}

func TestCanceled(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify(ctx, f.disk, f.dir, &f.keys, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDigestAndFingerprint(t *testing.T) {
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	// SHA-256("abc") is FIPS 180-2's own example.
	if got := keys.Digest([]byte("abc"), false); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(got)
	}
	keyed := keys.Digest([]byte("abc"), true)
	if !strings.HasPrefix(keyed, "hmac:") || keyed == other.Digest([]byte("abc"), true) || keyed != keys.Digest([]byte("abc"), true) {
		t.Error(keyed)
	}
	s := secrets.New([]byte("a secret"))
	if fp := keys.Fingerprint(s); !strings.HasPrefix(fp, "fp:hmac-sha256:") || fp == other.Fingerprint(s) {
		t.Error(fp)
	}
	if keys.Fingerprint(secrets.Secret{}) != "" {
		t.Error("a fingerprint of nothing")
	}
}

func TestEntryHoldsNoCredential(t *testing.T) {
	clear, keyed := `"http://user:password@host"`, "fp:hmac-sha256:0123456789abcdef"
	entry := func(c SecretChange, k KeyChange) Entry {
		return Entry{Event: SetupRemoved, Phase: PhaseEvent, Secrets: []SecretChange{c}, Keys: []KeyChange{k}}
	}
	if err := entry(SecretChange{Name: "n", New: keyed}, KeyChange{Path: "p", Old: &keyed}).check(); err != nil {
		t.Error(err)
	}
	for _, e := range []Entry{
		entry(SecretChange{Name: "n", Old: "hunter2"}, KeyChange{}), entry(SecretChange{Name: "n", New: "hunter2"}, KeyChange{}),
		entry(SecretChange{}, KeyChange{Path: "p", Old: &clear}), entry(SecretChange{}, KeyChange{Path: "p", New: &clear}),
	} {
		if err := e.check(); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "password@") {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestCurrentActor(t *testing.T) {
	t.Setenv("SUDO_USER", "ad\x1bmin")
	a := CurrentActor()
	if a.PID != os.Getpid() || a.PPID != os.Getppid() || a.UID == "" || a.Host == "" || a.SudoUser != "ad·min" {
		t.Errorf("%+v", a)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if tty := terminal(null); tty != "" {
		t.Errorf("%s is no terminal", tty)
	}
}
