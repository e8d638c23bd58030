package journal

import (
	"bufio"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// generate writes a journal of n records of about 1 KB each into dir without
// canonicalising each of them, and returns its end.
func generate(tb testing.TB, dir string, keys Keys, n int) Head {
	tb.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	what := body{
		Event: JournalCreated, Phase: PhaseGenesis, Time: "2026-01-02T03:04:05.000006Z", Tool: "clawsetup 1.0.0",
		Who: Actor{UID: "1000", User: "op", Host: "host", PID: 4242, PPID: 1, TTY: "/dev/pts/0"},
	}
	first := canonical(tb, what)
	what.Event, what.Phase, what.Tx = CloudruFmProviderConfigured, PhaseEvent, "0123456789abcdef"
	what.Files = []FileChange{{
		Path: "/home/op/.openclaw/openclaw.json", ModeBefore: "0600", ModeAfter: "0600",
		Before: strings.Repeat("a", 64), After: strings.Repeat("b", 64),
		SnapshotBefore: strings.Repeat("c", 64), SnapshotAfter: strings.Repeat("d", 64),
	}}
	what.Detail = map[string]string{"model": strings.Repeat("m", 150)}
	rest := canonical(tb, what)
	s := newSealer(&keys)
	p := place{log: []byte(strings.Repeat("0a", 16)), prev: genesisPrev, seq: 1, v: version}
	var line []byte
	for ; p.seq <= uint64(n); p.seq++ {
		var end sealed
		line, end = appendLine(line[:0], p, first, s)
		first = rest
		if _, err := out.Write(line); err != nil {
			tb.Fatal(err)
		}
		p.prev = append([]byte(nil), end.hash...)
	}
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	h := Head{Log: string(p.log), Seq: uint64(n), Hash: string(p.prev)}
	h.MAC = s.headMAC(h)
	if err := (paths{&files.Disk{}, dir}).writeSidecar(h); err != nil {
		tb.Fatal(err)
	}
	return h
}

func canonical(tb testing.TB, b body) []byte {
	tb.Helper()
	out, err := b.canonical()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

func BenchmarkVerify1e5(b *testing.B) { benchmarkVerify(b, 1e5) }
func BenchmarkVerify1e6(b *testing.B) { benchmarkVerify(b, 1e6) }

// benchmarkVerify reports, beside its time, how many times longer it takes than
// SHA-256 over the same file.
func benchmarkVerify(b *testing.B, n int) {
	dir, keys := b.TempDir(), testKeys(b)
	anchor := &memoryAnchor{head: generate(b, dir, keys, n)}
	path := filepath.Join(dir, "journal.jsonl")
	st, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	plainSHA256(b, path) // fills the page cache
	b.SetBytes(st.Size())
	var plain time.Duration
	for b.Loop() {
		b.StopTimer()
		plain += plainSHA256(b, path)
		b.StartTimer()
		r, err := verify(b.Context(), &files.Disk{}, dir, &keys, anchor)
		if err != nil || !r.OK() || !r.Complete() || r.Records != uint64(n) {
			b.Fatalf("%+v %v", r, err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/plain.Seconds(), "x-sha256")
	b.ReportMetric(plain.Seconds()/float64(b.N), "s-sha256/op")
}

func plainSHA256(b *testing.B, path string) time.Duration {
	b.Helper()
	start := time.Now()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, maxLine)); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkAppend is one record, its fsync and the sidecar's.
func BenchmarkAppend(b *testing.B) {
	dir, keys := b.TempDir(), testKeys(b)
	l, err := Create(b.Context(), &files.Disk{}, dir, keys, nil, Genesis{Store: "keyring"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Append(b.Context(), Entry{Event: ImagePinned, Phase: PhaseEvent}); err != nil {
			b.Fatal(err)
		}
	}
}
