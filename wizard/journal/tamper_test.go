package journal

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// sealedFixture is a small journal with both anchors at its end.
func sealedFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.transaction("t1")
	f.transaction("t2")
	f.seal()
	if r := f.verify(); !r.OK() || !r.Complete() || r.Records != 7 {
		t.Fatalf("the journal to tamper with: %+v", r)
	}
	return f
}

// smallFixture is as little as shows every kind of byte.
func smallFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.append(exampleEvent(""))
	f.seal()
	if r := f.verify(); !r.OK() || !r.Complete() || r.Records != 2 {
		t.Fatalf("the journal to tamper with: %+v", r)
	}
	return f
}

func TestEveryFlippedByteIsDetected(t *testing.T) {
	t.Parallel()
	f := smallFixture(t)
	for _, path := range []string{f.path(), f.sidecar()} {
		good := f.read(path)
		for i := range good {
			for _, mask := range []byte{0x01, 0x02, 0x20, 0x80} {
				bad := bytes.Clone(good)
				bad[i] ^= mask
				f.write(path, bad)
				if r := f.verify(); r.OK() {
					t.Fatalf("%s: byte %d xor %#x was missed", path, i, mask)
				}
			}
		}
		f.write(path, good)
	}
}

// Without the key, everything but the MACs themselves is still covered.
func TestEveryFlippedByteOutsideOfMACsIsDetectedWithoutKeys(t *testing.T) {
	t.Parallel()
	f := smallFixture(t)
	good := f.read(f.path())
	missed := 0
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x01
		f.write(f.path(), bad)
		r, err := verify(t.Context(), f.disk, f.dir, nil, f.anchor)
		if err != nil {
			t.Fatal(err)
		}
		if r.MACs.State == OK {
			t.Fatal("MACs cannot be ok without a key")
		}
		if r.OK() {
			missed++
		}
	}
	// Flipping the lowest bit turns a digit into a digit, "a" into "`".
	if most := bytes.Count(good, []byte("\n")) * hashLen; missed > most {
		t.Fatalf("%d flips missed, at most the %d digits of MACs may be", missed, most)
	}
}

func TestEveryTruncationIsDetected(t *testing.T) {
	t.Parallel()
	f := sealedFixture(t)
	good := f.read(f.path())
	for n := range good {
		f.write(f.path(), good[:n])
		if r := f.verify(); !r.Failed() {
			t.Fatalf("cut to %d bytes: %+v", n, r)
		}
		if _, err := f.open(); !errors.Is(err, ErrTampered) {
			t.Fatalf("cut to %d bytes: opened with %v", n, err)
		}
		if left := f.read(f.path()); !bytes.Equal(left, good[:n]) {
			t.Fatalf("cut to %d bytes: the evidence was changed", n)
		}
	}
}

func TestRearrangedRecords(t *testing.T) {
	f := sealedFixture(t)
	lines := bytes.SplitAfter(f.read(f.path()), []byte("\n"))
	lines = lines[:len(lines)-1]
	other := sealedFixture(t)
	foreign := bytes.SplitAfter(other.read(other.path()), []byte("\n"))

	join := func(edit func(l [][]byte) [][]byte) []byte {
		return bytes.Join(edit(append([][]byte(nil), lines...)), nil)
	}
	for name, c := range map[string]struct {
		content []byte
		part    Part
		reason  Reason
	}{
		"removed":       {join(func(l [][]byte) [][]byte { return append(l[:2], l[3:]...) }), PartChain, WrongSeq},
		"first removed": {join(func(l [][]byte) [][]byte { return l[1:] }), PartChain, WrongSeq},
		"last removed":  {join(func(l [][]byte) [][]byte { return l[:6] }), PartAnchor, Behind},
		"swapped":       {join(func(l [][]byte) [][]byte { l[3], l[4] = l[4], l[3]; return l }), PartChain, WrongSeq},
		"doubled":       {join(func(l [][]byte) [][]byte { return append(l, l[6]) }), PartChain, WrongSeq},
		"foreign":       {join(func(l [][]byte) [][]byte { l[4] = foreign[4]; return l }), PartChain, WrongLog},
		"foreign added": {join(func(l [][]byte) [][]byte { return append(l, foreign[6]) }), PartChain, WrongLog},
		"all foreign":   {other.read(other.path()), PartAnchor, WrongLog},
		"empty":         {nil, PartChain, NoGenesis},
		"garbage":       {[]byte("garbage\n"), PartChain, BadLine},
		"endless line":  {bytes.Repeat([]byte("x"), 2*maxLine), PartChain, BadLine},
		"blank line":    {join(func(l [][]byte) [][]byte { l[2] = append([]byte("\n"), l[2]...); return l }), PartChain, BadLine},
		"CRLF":          {bytes.ReplaceAll(f.read(f.path()), []byte("\n"), []byte("\r\n")), PartChain, BadLine},
	} {
		t.Run(name, func(t *testing.T) {
			f.write(f.path(), c.content)
			r := f.verify()
			if !r.Failed() {
				t.Fatalf("%+v", r)
			}
			wantReason(t, r, c.part, c.reason)
		})
	}
}

// Two records of the same journal can both be authentic and have the same number,
// when files were rolled back between them. They do not fit each other's successors.
func TestForkedRecord(t *testing.T) {
	f := newFixture(t)
	before := f.read(f.path())
	sidecar := f.read(f.sidecar())
	f.append(exampleEvent(""))
	fork := f.read(f.path())

	f.write(f.path(), before)
	f.write(f.sidecar(), sidecar)
	l, err := f.open()
	if err != nil {
		t.Fatal(err)
	}
	f.log = l
	f.append(Entry{Event: ImagePinned, Phase: PhaseEvent})
	middle := len(f.read(f.path()))
	f.append(Entry{Event: ImagePinned, Phase: PhaseEvent})
	f.write(f.path(), append(fork, f.read(f.path())[middle:]...))
	wantReason(t, f.verify(), PartChain, WrongPrev)
}

// What somebody without the key can build: a chain whose hashes are all right.
func TestRehashedEdit(t *testing.T) {
	f := sealedFixture(t)
	edited := rewrite(t, f.read(f.path()), nil, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"user":"op"`), []byte(`"user":"xx"`))
	})
	f.write(f.path(), edited)
	r := f.verify()
	wantReason(t, r, PartMACs, WrongMAC)
	wantReason(t, r, PartAnchor, Rewritten)
	wantReason(t, r, PartSidecar, Rewritten)
	if r.Chain.State != OK {
		t.Errorf("the chain itself is whole: %+v", r.Chain)
	}
}

// A first record that is no genesis, though sealed with the key.
func TestFirstRecordMustBeTheGenesis(t *testing.T) {
	f := sealedFixture(t)
	f.write(f.path(), rewrite(t, f.read(f.path()), &f.keys, func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"phase":"genesis"`), []byte(`"phase":"event"`), 1)
	}))
	wantReason(t, f.verify(), PartChain, NoGenesis)
}

// The package comment admits it: with the key and both anchors all can be
// forged. The test keeps the admission honest.
func TestForgeryWithEverythingVerifies(t *testing.T) {
	f := sealedFixture(t)
	f.write(f.path(), rewrite(t, f.read(f.path()), &f.keys, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"user":"op"`), []byte(`"user":"xx"`))
	}))
	c := newChain(&f.keys)
	if _, err := c.scan(t.Context(), sections(f.read(f.path()))); err != nil {
		t.Fatal(err)
	}
	f.anchor.head = c.head()
	f.write(f.sidecar(), []byte(c.head().String()+"\n"))
	if r := f.verify(); !r.OK() {
		t.Fatalf("%+v", r)
	}
}

// rewrite edits every body and seals the chain anew.
func rewrite(t *testing.T, journal []byte, keys *Keys, edit func([]byte) []byte) []byte {
	t.Helper()
	s := newSealer(keys)
	p := place{prev: genesisPrev, v: version}
	var out []byte
	for line := range bytes.Lines(journal) {
		f, err := parseLine(line[:len(line)-1])
		if err != nil {
			t.Fatal(err)
		}
		rest := append([]byte("{"), f.body[len(appendPlace(nil, f.place))-1:]...)
		p.log, p.seq = f.log, f.seq
		from := len(out)
		var end sealed
		out, end = appendLine(out, p, edit(rest), s)
		if keys == nil {
			out = append(out[:from], resealWithout(out[from:], f.mac)...)
		}
		p.prev = bytes.Clone(end.hash)
	}
	return out
}

// resealWithout puts the old MAC where appendLine had none to write.
func resealWithout(line, mac []byte) []byte {
	cut := bytes.LastIndex(line, []byte(frameMAC)) + len(frameMAC)
	return append(append(bytes.Clone(line[:cut]), mac...), frameEnd+"\n"...)
}

func TestRollbackOfBothFilesIsCaughtByTheAnchor(t *testing.T) {
	f := newFixture(t)
	f.transaction("t1")
	f.seal()
	journal, head := f.read(f.path()), f.read(f.sidecar())
	f.transaction("t2")
	f.seal()
	f.write(f.path(), journal)
	f.write(f.sidecar(), head)
	r := f.verify()
	if r.Sidecar.State != OK || r.Chain.State != OK || r.MACs.State != OK {
		t.Fatalf("only the anchor can know: %+v", r)
	}
	wantReason(t, r, PartAnchor, Behind)
	if _, err := f.open(); !errors.Is(err, ErrTampered) {
		t.Fatalf("opened with %v", err)
	}
}

func TestRolledBackAnchorIsTolerated(t *testing.T) {
	f := newFixture(t)
	f.transaction("t1")
	f.seal()
	f.transaction("t2") // not sealed: a crash, or a keyring that did not answer
	if r := f.verify(); !r.OK() || r.Anchor.Ahead != 3 || r.Sidecar.Ahead != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestHeads(t *testing.T) {
	base := sealedFixture(t)
	journal, sidecar, anchored := base.read(base.path()), base.read(base.sidecar()), base.anchor.head
	forged := anchored
	forged.MAC = anchored.Hash
	early := Head{Log: anchored.Log, Seq: 2, Hash: anchored.Hash}
	early.MAC = newSealer(&base.keys).headMAC(early)

	for name, c := range map[string]struct {
		sidecar []byte
		anchor  Head
		err     error
		part    Part
		reason  Reason
	}{
		"no sidecar":         {nil, anchored, nil, PartSidecar, NoHead},
		"empty sidecar":      {[]byte{}, anchored, nil, PartSidecar, BadHead},
		"blank sidecar":      {[]byte("\n"), anchored, nil, PartSidecar, BadHead},
		"damaged sidecar":    {[]byte("x\n"), anchored, nil, PartSidecar, BadHead},
		"forged sidecar":     {[]byte(forged.String() + "\n"), anchored, nil, PartSidecar, WrongMAC},
		"other sidecar":      {[]byte(early.String() + "\n"), anchored, nil, PartSidecar, Rewritten},
		"no anchored head":   {sidecar, Head{}, nil, PartAnchor, NoHead},
		"forged anchor":      {sidecar, forged, nil, PartAnchor, WrongMAC},
		"other anchor":       {sidecar, early, nil, PartAnchor, Rewritten},
		"damaged anchor":     {sidecar, Head{}, ErrHead, PartAnchor, BadHead},
		"unreachable anchor": {sidecar, Head{}, errors.New("locked"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := *base
			f.T = t
			f.anchor = &memoryAnchor{head: c.anchor, err: c.err}
			f.write(f.path(), journal)
			if c.sidecar == nil {
				if err := os.Remove(f.sidecar()); err != nil {
					t.Fatal(err)
				}
			} else {
				f.write(f.sidecar(), c.sidecar)
			}
			r := f.verify()
			_, err := f.open()
			if c.part == "" {
				if r.Failed() || r.Complete() || r.Anchor.Reason != Unreachable || !errors.Is(r.AnchorErr, c.err) {
					t.Errorf("%+v", r)
				}
				if !errors.Is(err, c.err) || errors.Is(err, ErrTampered) {
					t.Errorf("a journal whose anchor is silent was opened: %v", err)
				}
				return
			}
			wantReason(t, r, c.part, c.reason)
			if !errors.Is(err, ErrTampered) {
				t.Errorf("opened with %v", err)
			}
		})
	}
}

func TestSidecarMayBeOneBatchBehindAndNoMore(t *testing.T) {
	f := newFixture(t)
	old := f.read(f.sidecar())
	entries := make([]Entry, MaxBatch)
	for i := range entries {
		entries[i] = Entry{Event: ImagePinned, Phase: PhaseEvent}
	}
	f.append(entries...)
	f.write(f.sidecar(), old)
	if r := f.verify(); !r.OK() || r.Sidecar.Ahead != MaxBatch {
		t.Fatalf("%+v", r)
	}
	f.append(Entry{Event: ImagePinned, Phase: PhaseEvent})
	f.write(f.sidecar(), old)
	wantReason(t, f.verify(), PartSidecar, TooFarAhead)
}

func TestDeletedJournal(t *testing.T) {
	for name, remove := range map[string]func(f *fixture){
		"journal": func(f *fixture) { _ = os.Remove(f.path()) },
		"journal and sidecar": func(f *fixture) {
			_ = os.Remove(f.path())
			_ = os.Remove(f.sidecar())
		},
		"journal and anchor": func(f *fixture) {
			_ = os.Remove(f.path())
			f.anchor.head = Head{}
		},
		"the whole folder": func(f *fixture) { _ = os.RemoveAll(f.dir) },
	} {
		t.Run(name, func(t *testing.T) {
			f := sealedFixture(t)
			remove(f)
			_, errVerify := verify(t.Context(), f.disk, f.dir, &f.keys, f.anchor)
			_, errOpen := f.open()
			_, errCreate := Create(t.Context(), f.disk, f.dir, f.keys, f.anchor, Genesis{})
			for _, err := range []error{errVerify, errOpen, errCreate} {
				if h, ok := hint.Of(err); !errors.Is(err, ErrJournalMissing) || !ok || h.ID != "journal-missing" {
					t.Errorf("%v, hint %v", err, h)
				}
			}
		})
	}
}

func TestWrongKey(t *testing.T) {
	f := sealedFixture(t)
	f.keys.MAC = secrets.New([]byte("another key, also of 32 bytes or"))
	r := f.verify()
	if r.Chain.State != OK {
		t.Errorf("the chain needs no key: %+v", r.Chain)
	}
	wantReason(t, r, PartMACs, WrongMAC)
	_, err := f.open()
	if h, _ := hint.Of(err); !errors.Is(err, ErrTampered) || h.ID != "journal-key" {
		t.Errorf("%v, hint %v", err, h)
	}
}

func TestNoKey(t *testing.T) {
	f := sealedFixture(t)
	r, err := verify(t.Context(), f.disk, f.dir, nil, nil)
	if err != nil || !r.OK() || r.Complete() {
		t.Fatalf("%+v %v", r, err)
	}
	if r.MACs.State != NotChecked || r.Anchor.State != NotChecked || r.Sidecar.State != NotChecked {
		t.Fatalf("%+v", r)
	}
	if _, err := Open(t.Context(), f.disk, f.dir, Keys{}, nil); err == nil {
		t.Fatal("opened for writing without keys")
	}
	short := Keys{MAC: secrets.New([]byte("short")), Snapshot: f.keys.Snapshot}
	if _, err := verify(t.Context(), f.disk, f.dir, &short, nil); err == nil {
		t.Fatal("verified with a short key")
	}
}

// TestMadeUpHeadIsNotChecked: whoever cuts the journal can write a head that fits, but
// for its MAC, which nobody can judge without the keys.
func TestMadeUpHeadIsNotChecked(t *testing.T) {
	f := sealedFixture(t)
	f.write(f.path(), bytes.Join(bytes.SplitAfter(f.read(f.path()), []byte("\n"))[:4], nil))
	r, err := verify(t.Context(), f.disk, f.dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, r, PartSidecar, Behind)
	r.Head.MAC = strings.Repeat("a", hashLen)
	f.write(f.sidecar(), []byte(r.Head.String()+"\n"))
	if r, err = verify(t.Context(), f.disk, f.dir, nil, nil); err != nil || r.Sidecar.State != NotChecked || r.Sidecar.Reason != NotGiven {
		t.Fatalf("without keys: %+v %v", r, err)
	}
	wantReason(t, f.verify(), PartSidecar, WrongMAC)
}

// TestNewerVersionIsRefusedByName: with the version to install, when the record that names
// it is whole.
func TestNewerVersionIsRefusedByName(t *testing.T) {
	for tool, want := range map[string]hint.Hint{
		"clawsetup 3.4.5": {ID: "journal-newer-version"}, "clawsetup v3.4.5-rc.1": {ID: "journal-newer-version"},
		"clawsetup (devel)": {ID: "journal-newer"}, "other 3.4.5": {ID: "journal-newer"}, "edited": {ID: "journal-newer"},
	} {
		f := newFixture(t)
		line := bytes.Replace(f.read(f.path()), []byte(`,"v":1}`), []byte(`,"v":2}`), 1)
		if tool != "edited" {
			line = regexp.MustCompile(`"tool":"[^"]*"`).ReplaceAll(line, []byte(`"tool":"`+tool+`"`))
			line = rehashed(line)
		}
		f.write(f.path(), line)
		wantReason(t, f.verify(), PartChain, NewerVersion)
		_, err := f.open()
		_, peekErr := Peek(f.disk, f.dir)
		for name, err := range map[string]error{"open": err, "peek": peekErr} {
			h, _ := hint.Of(err)
			if h.ID != want.ID || h.Args[0] != f.path() {
				t.Errorf("%s, %s: %v, hint %v", name, tool, err, h)
			}
			if version, found := strings.CutPrefix(tool, "clawsetup "); found && len(h.Args) > 1 && h.Args[1] != version {
				t.Errorf("%s, %s: install %v", name, tool, h.Args[1])
			}
		}
	}
}

// rehashed is a line with the hash that its body has.
func rehashed(line []byte) []byte {
	body := line[len(frameBody):bytes.LastIndex(line, []byte(frameHash))]
	out := append([]byte(frameBody), body...)
	s := newSealer(nil).seal(body)
	out = append(append(append(out, frameHash...), s.hash...), frameMAC...)
	return append(append(out, genesisPrev...), frameEnd+"\n"...)
}

func TestForeignPlacesAreRefused(t *testing.T) {
	f := sealedFixture(t)
	elsewhere := f.path() + ".real"
	if err := os.Rename(f.path(), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, f.path()); err != nil && runtime.GOOS == "windows" {
		parttest.Missing(t, "this account may make no links: "+err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	if _, err := f.open(); !errors.Is(err, files.ErrSymlink) {
		t.Errorf("through a symbolic link: %v", err)
	}
	if _, err := Exists(f.disk, f.dir); !errors.Is(err, files.ErrSymlink) {
		t.Errorf("through a symbolic link: %v", err)
	}
}
