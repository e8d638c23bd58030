package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// Names of the environment that turns the test binary into a writer.
const (
	envDir = "CLAWSETUP_JOURNAL_TEST_DIR"
	envDie = "CLAWSETUP_JOURNAL_TEST_DIE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envDir); dir != "" {
		if err := writer(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// fileAnchor is a second place that two processes share.
type fileAnchor struct {
	disk *files.Disk
	path string
}

func (a fileAnchor) Load(context.Context) (Head, error) {
	f, err := a.disk.Read(a.path, maxHead)
	if err != nil {
		return Head{}, err
	}
	return ParseHead(string(f.Data))
}

func (a fileAnchor) Save(_ context.Context, h Head) error {
	return a.disk.WriteFile(a.path, []byte(h.String()), 0o600)
}

// writer makes transactions until it kills itself, ahead of a given step on the
// disk. It prints every record that was acknowledged.
func writer(dir string) error {
	die, err := strconv.Atoi(os.Getenv(envDie))
	if err != nil {
		return err
	}
	disk := &files.Disk{Before: func(files.Op) error {
		if die--; die != 0 {
			return nil
		}
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			return err
		}
		select {} // the signal is on its way
	}}
	keys := Keys{MAC: secrets.New([]byte("journal key of the tests, 32 byt")), Snapshot: secrets.New([]byte("snapshot key of the tests, 32 by"))}
	for n := 0; ; n++ {
		if err := lockedTransaction(disk, dir, keys, fmt.Sprintf("%d-%d", os.Getpid(), n)); err != nil {
			return err
		}
	}
}

func lockedTransaction(disk *files.Disk, dir string, keys Keys, tx string) error {
	ctx := context.Background()
	lock, err := disk.Acquire(ctx, filepath.Join(dir, "lock"), files.Holder{PID: os.Getpid()}, time.Minute, nil)
	if err != nil {
		return err
	}
	anchor := fileAnchor{disk, filepath.Join(dir, "anchor")}
	l, err := Open(ctx, disk, filepath.Join(dir, "state"), keys, anchor)
	if errors.Is(err, ErrNoJournal) {
		l, err = Create(ctx, disk, filepath.Join(dir, "state"), keys, anchor, Genesis{Store: "keyring"})
	}
	if err != nil {
		return err
	}
	if intent, ok := l.Pending(); ok {
		if _, err := l.Append(ctx, Entry{Event: Recovered, Phase: PhaseEvent, Tx: intent.Tx}, Entry{Event: TransactionUndone, Phase: PhaseUndone, Tx: intent.Tx}); err != nil {
			return err
		}
	}
	s, err := OpenSnapshots(disk, filepath.Join(dir, "state"), keys)
	if err != nil {
		return err
	}
	for _, batch := range [][]Entry{
		{{Event: ChangeIntended, Phase: PhaseIntent, Tx: tx}},
		{{Event: ImagePinned, Phase: PhaseEvent, Tx: tx}, {Event: TransactionCommitted, Phase: PhaseCommit, Tx: tx}},
	} {
		records, err := l.Append(ctx, batch...)
		if err != nil {
			return err
		}
		for _, r := range records {
			fmt.Println(r.Seq, r.Hash)
		}
		if _, err := s.Put([]byte(tx)); err != nil {
			return err
		}
	}
	if err := l.Seal(ctx); err != nil {
		return err
	}
	return lock.Release()
}

// Two writers at once, each killed ahead of some step on the disk; every other round
// the second is killed wherever it is when the first is dead. After every round the
// journal verifies and has all that was acknowledged.
func TestTwoWritersKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked := map[uint64]string{}
	rounds := 30
	for n := 1; n <= rounds; n++ {
		killRound(t, dir, n, acked)
	}
	if len(acked) < rounds {
		t.Fatalf("only %d records were acknowledged", len(acked))
	}
}

func killRound(t *testing.T, dir string, n int, acked map[uint64]string) {
	t.Helper()
	first, firstOut := startWriter(t, dir, n)
	second, secondOut := startWriter(t, dir, n*7%61+1)
	read := func(out *bufio.Scanner) {
		for out.Scan() {
			var seq uint64
			var hash string
			if _, err := fmt.Sscan(out.Text(), &seq, &hash); err != nil {
				t.Fatalf("%q: %v", out.Text(), err)
			}
			if old, ok := acked[seq]; ok && old != hash {
				t.Fatalf("round %d: record %d was acknowledged twice", n, seq)
			}
			acked[seq] = hash
		}
	}
	read(firstOut) // until it is dead
	if err := first.Wait(); err == nil {
		t.Fatal("the first writer ended by itself")
	}
	if n%2 == 0 {
		if err := second.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
	}
	read(secondOut)
	if err := second.Wait(); err == nil {
		t.Fatal("the second writer ended by itself")
	}

	keys, disk := testKeys(t), &files.Disk{}
	anchor := fileAnchor{disk, filepath.Join(dir, "anchor")}
	l, err := Open(t.Context(), disk, filepath.Join(dir, "state"), keys, anchor)
	if errors.Is(err, ErrNoJournal) && len(acked) == 0 {
		return
	}
	if err != nil {
		t.Fatalf("round %d: %v", n, err)
	}
	hashes := map[uint64]string{}
	for r, err := range l.Records(1) {
		if err != nil {
			t.Fatalf("round %d: %v", n, err)
		}
		hashes[r.Seq] = r.Hash
	}
	for seq, hash := range acked {
		if hashes[seq] != hash {
			t.Fatalf("round %d: acknowledged record %d is not in the journal", n, seq)
		}
	}
	if r, err := verify(t.Context(), disk, filepath.Join(dir, "state"), &keys, anchor); err != nil || !r.OK() || !r.Complete() {
		t.Fatalf("round %d: %+v %v", n, r, err)
	}
}

func startWriter(t *testing.T, dir string, die int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), envDir+"="+dir, envDie+"="+strconv.Itoa(die))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}
