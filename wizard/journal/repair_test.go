package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// A crash during a write leaves any part of it. Up to the line end, the part is
// quarantined; what was anchored is never lost.
func TestTornTail(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.transaction("t1")
	f.seal()
	kept, sidecar, anchored := f.read(f.path()), f.read(f.sidecar()), f.anchor.head
	f.append(exampleEvent(""))
	whole := f.read(f.path())
	for n := len(kept) + 1; n < len(whole); n += 7 {
		tail := whole[len(kept):n]
		f.write(f.path(), whole[:n])
		f.write(f.sidecar(), sidecar)
		f.anchor.head = anchored
		if r := f.verify(); r.Failed() || r.OK() || r.Torn != int64(len(tail)) {
			t.Fatalf("%d bytes of a record: %+v", len(tail), r)
		}
		l, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Record(5)
		if err != nil || r.Event != TornTailQuarantined || r.Detail["bytes"] != strconv.Itoa(len(tail)) {
			t.Fatalf("%+v %v", r, err)
		}
		if got := f.read(r.Detail["file"]); !bytes.Equal(got, tail) || filepath.Dir(r.Detail["file"]) != f.dir {
			t.Fatalf("quarantined %q instead of %q", got, tail)
		}
		if r := f.verify(); !r.OK() || r.Records != 5 {
			t.Fatalf("%+v", r)
		}
	}
}

// When the torn part was anchored, it was no crash.
func TestTornTailOfAnAnchoredRecordIsNotRepaired(t *testing.T) {
	f := sealedFixture(t)
	bad := f.read(f.path())
	bad[len(bad)-1] = 'x'
	f.write(f.path(), bad)
	if _, err := f.open(); !errors.Is(err, ErrTampered) {
		t.Fatal(err)
	}
	if !bytes.Equal(bad, f.read(f.path())) {
		t.Fatal("the evidence was changed")
	}
}

var errDead = errors.New("the process is dead")

// dying is a disk on which nothing happens from step n on, as if the process had
// been killed ahead of it.
func dying(n int) *files.Disk {
	return &files.Disk{Before: func(files.Op) error {
		if n--; n < 0 {
			return errDead
		}
		return nil
	}}
}

// Every step of a life of the journal is once the last one.
func TestDeathAtEveryStep(t *testing.T) {
	for name, opts := range map[string][]Option{"new": nil, "restarted": {WithRestart()}} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				if survived := dieAt(t, n, opts); survived {
					if n < 30 {
						t.Fatalf("only %d steps", n)
					}
					return
				}
			}
		})
	}
}

func dieAt(t *testing.T, n int, opts []Option) (survived bool) {
	t.Helper()
	f := &fixture{T: t, dir: filepath.Join(t.TempDir(), "state"), keys: testKeys(t), anchor: &memoryAnchor{}}
	if opts != nil {
		f.anchor.head = Head{Log: strings.Repeat("e", 32), Seq: 9, Hash: strings.Repeat("f", 64)}
		f.anchor.head.MAC = newSealer(&f.keys).headMAC(f.anchor.head)
		if err := (paths{&files.Disk{}, f.dir}).writeSidecar(f.anchor.head); err != nil {
			t.Fatal(err)
		}
	}
	acked, err := life(t, f, dying(n), append(testOptions(), opts...))
	survived = err == nil

	// The next run, on a healthy disk.
	f.disk = &files.Disk{}
	there, errExists := Exists(f.disk, f.dir)
	if errExists != nil {
		t.Fatal(errExists)
	}
	if !there {
		if acked != 0 {
			t.Fatalf("step %d: %d acknowledged records are gone", n, acked)
		}
		if _, err := Create(t.Context(), f.disk, f.dir, f.keys, f.anchor, Genesis{}, append(testOptions(), opts...)...); err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
	}
	l, err := f.open()
	if err != nil {
		t.Fatalf("step %d: %v", n, err)
	}
	if l.Head().Seq < acked {
		t.Fatalf("step %d: %d records, %d were acknowledged", n, l.Head().Seq, acked)
	}
	if _, err := l.Append(t.Context(), exampleEvent("")); err != nil {
		t.Fatalf("step %d: %v", n, err)
	}
	if err := l.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := f.verify(); !r.OK() || !r.Complete() {
		t.Fatalf("step %d: %+v", n, r)
	}
	return survived
}

// life creates a journal, fills it, finds a torn tail and fills it again. It
// returns the number of records that were acknowledged.
func life(t *testing.T, f *fixture, disk *files.Disk, opts []Option) (acked uint64, err error) {
	t.Helper()
	l, err := Create(t.Context(), disk, f.dir, f.keys, f.anchor, Genesis{}, opts...)
	if err != nil {
		return 0, err
	}
	for _, tx := range []string{"a", "b"} {
		if acked, err = transact(t, l, tx); err != nil {
			return acked, err
		}
	}
	f.write(f.path(), append(f.read(f.path()), `{"body":{"chain":`...))
	if l, err = Open(t.Context(), disk, f.dir, f.keys, f.anchor, opts...); err != nil {
		return acked, err
	}
	return transact(t, l, "c")
}

func transact(t *testing.T, l *Log, tx string) (acked uint64, err error) {
	t.Helper()
	if _, err := l.Append(t.Context(), Entry{Event: ChangeIntended, Phase: PhaseIntent, Tx: tx}); err != nil {
		return 0, err
	}
	got, err := l.Append(t.Context(), exampleEvent(tx), Entry{Event: TransactionCommitted, Phase: PhaseCommit, Tx: tx})
	if err != nil {
		return 0, err
	}
	return got[1].Seq, l.Seal(t.Context())
}

// A disk that fails once, at any step, and then works again.
func TestFailedAppendLeavesNothing(t *testing.T) {
	for _, kind := range []string{"append", "sync"} {
		f := newFixture(t)
		f.transaction("t1")
		before := f.read(f.path())
		failed := false
		f.disk.Before = func(op files.Op) error {
			if op.Kind == kind && !failed {
				failed = true
				return syscall.ENOSPC
			}
			return nil
		}
		if _, err := f.log.Append(t.Context(), exampleEvent("")); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrUncertain) {
			t.Fatalf("%s: %v", kind, err)
		}
		if !bytes.Equal(before, f.read(f.path())) {
			t.Fatalf("%s: something was left", kind)
		}
		f.transaction("t2")
		f.seal()
		if r := f.verify(); !r.OK() || r.Records != 7 {
			t.Fatalf("%+v", r)
		}
	}
}

func TestUncertainAppendEndsTheLog(t *testing.T) {
	f := newFixture(t)
	f.disk.Before = func(op files.Op) error {
		if op.Kind == "sync" || op.Kind == "truncate" {
			return syscall.EIO
		}
		return nil
	}
	for range 2 {
		if _, err := f.log.Append(t.Context(), exampleEvent("")); !errors.Is(err, ErrUncertain) {
			t.Fatal(err)
		}
	}
	f.disk.Before = nil
	l, err := f.open()
	if err != nil || l.Head().Seq != 2 {
		t.Fatalf("%v: the write had come through, unacknowledged", err)
	}
}

// The sidecar may fail once without an acknowledged record being called lost.
func TestFailingSidecar(t *testing.T) {
	f := newFixture(t)
	f.disk.Before = func(op files.Op) error {
		if op.Kind == "rename" && filepath.Base(op.Path) == "head" {
			return syscall.ENOSPC
		}
		return nil
	}
	f.append(exampleEvent(""))
	if _, err := f.log.Append(t.Context(), exampleEvent("")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the second batch: %v", err)
	}
	if err := f.log.Seal(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("sealing: %v", err)
	}
	if r := f.verify(); !r.OK() || r.Records != 2 || r.Sidecar.Ahead != 1 {
		t.Fatalf("%+v", r)
	}
	f.disk.Before = nil
	f.seal()
	if r := f.verify(); !r.OK() || r.Sidecar.Ahead != 0 || r.Anchor.Ahead != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestOpenRemovesTemporaryFiles(t *testing.T) {
	f := sealedFixture(t)
	tmp := files.TempName(f.sidecar())
	f.write(tmp, []byte("half"))
	if _, err := f.open(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(tmp); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
