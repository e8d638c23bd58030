package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// paths are the files of a journal.
type paths struct {
	disk *files.Disk
	dir  string
}

func (p paths) journal() string { return filepath.Join(p.dir, "journal.jsonl") }
func (p paths) head() string    { return filepath.Join(p.dir, "head") }

// open opens the journal for reading, refusing what Disk.CheckTarget refuses. A
// missing journal is fs.ErrNotExist.
func (p paths) open() (*os.File, error) {
	if err := p.disk.CheckTarget(p.journal()); err != nil {
		return nil, err
	}
	before, err := os.Lstat(p.journal())
	if err != nil {
		return nil, err
	}
	f, err := os.Open(p.journal())
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("opening %s: %w", p.journal(), ErrChanged)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (p paths) verify(ctx context.Context, keys *Keys, anchor Anchor) (Report, anchors, error) {
	// The heads are read first, so that a writer at work can only be ahead of them.
	a := p.loadAnchors(ctx, anchor)
	f, err := p.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, a, p.absent(a)
	}
	if err != nil {
		return Report{}, a, fmt.Errorf("opening the journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return Report{}, a, fmt.Errorf("reading %s: %w", p.journal(), err)
	}
	c := newChain(keys)
	c.watch = [2]uint64{a.sidecar.Seq, a.anchor.Seq}
	r, err := c.scan(ctx, io.NewSectionReader(f, 0, st.Size()))
	if err != nil {
		return Report{}, a, fmt.Errorf("reading %s: %w", p.journal(), err)
	}
	a.check(&r, c)
	return r, a, nil
}

// absent says what it means that there is no journal.
func (p paths) absent(a anchors) error {
	if a.sidecar.IsZero() && a.sidecarErr == nil && a.anchor.IsZero() {
		if a.anchorErr != nil {
			return fmt.Errorf("asking the anchor whether there was a journal: %w", a.anchorErr)
		}
		return fmt.Errorf("%s: %w", p.journal(), ErrNoJournal)
	}
	return hint.With(fmt.Errorf("%s: %w, although record %d was anchored", p.journal(), ErrJournalMissing,
		max(a.sidecar.Seq, a.anchor.Seq)), "journal-missing", p.journal())
}

// chain follows a journal from record to record.
type chain struct {
	seal *sealer
	// next is the place where the following record belongs; its log is empty
	// before the first.
	next place
	// watch are sequence numbers whose hashes are kept in seen.
	watch [2]uint64
	seen  [2]string
	// replaces is the head of the journal that this one took the place of.
	replaces string
}

func newChain(keys *Keys) *chain {
	return &chain{seal: newSealer(keys), next: place{prev: bytes.Clone(genesisPrev), seq: 1, v: version}}
}

// accept checks that line, without its line end, is the next record. The empty
// Reason stands for success. After WrongMAC the record has been accepted
// all the same, so that the rest of the chain can still be judged.
func (c *chain) accept(line []byte) (frame, Reason) {
	f, err := parseLine(line)
	switch {
	case errors.Is(err, errVersion):
		return f, NewerVersion
	case err != nil:
		return f, BadLine
	}
	want := c.seal.seal(f.body)
	switch {
	case !bytes.Equal(want.hash, f.hash):
		return f, WrongHash
	case len(c.next.log) > 0 && !bytes.Equal(f.log, c.next.log):
		return f, WrongLog
	case f.seq != c.next.seq:
		return f, WrongSeq
	case !bytes.Equal(f.prev, c.next.prev):
		return f, WrongPrev
	}
	c.next.log = append(c.next.log[:0], f.log...)
	c.next.prev = append(c.next.prev[:0], f.hash...)
	c.next.seq++
	for i, seq := range c.watch {
		if seq == f.seq {
			c.seen[i] = string(f.hash)
		}
	}
	if c.seal.mac != nil && !hmac.Equal(want.mac, f.mac) {
		return f, WrongMAC
	}
	return f, ""
}

// scan verifies all of in's complete lines and reports on Chain and MACs. Its
// errors are those of reading.
func (c *chain) scan(ctx context.Context, in *io.SectionReader) (Report, error) {
	out := Report{Chain: Check{State: OK}, MACs: Check{State: OK}}
	if c.seal.mac == nil {
		out.MACs = Check{State: NotChecked, Reason: NotGiven}
	}
	lines := lineReader(in)
	var last []byte
	for out.Chain.State == OK {
		if out.Records%1024 == 0 && ctx.Err() != nil {
			return out, ctx.Err()
		}
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			out.Torn = int64(len(line))
			break
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			out.fail(&out.Chain, c.problem(&out, BadLine))
			break
		}
		if err != nil {
			return out, err
		}
		line = line[:len(line)-1]
		if c.step(&out, line) {
			last = append(last[:0], line...)
		}
	}
	if out.Records == 0 && out.Chain.State == OK {
		out.fail(&out.Chain, c.problem(&out, NoGenesis))
	}
	c.finish(&out, last)
	if out.Chain.State == Failed && out.MACs.State == OK {
		out.MACs = Check{State: NotChecked, Reason: NotReached}
	}
	return out, nil
}

// lineReader reads lines of up to maxLine bytes without copying them. Most journals
// are small, and so is the buffer then.
func lineReader(in *io.SectionReader) *bufio.Reader {
	return bufio.NewReaderSize(in, int(min(maxLine, in.Size()+1)))
}

func (c *chain) problem(out *Report, reason Reason) Problem {
	return Problem{Part: PartChain, Reason: reason, Seq: c.next.seq, Line: out.Records + 1, Offset: out.Bytes}
}

// step takes one line into the report; false means that the chain ends before it.
func (c *chain) step(out *Report, line []byte) bool {
	at := c.problem(out, "")
	f, reason := c.accept(line)
	if out.Records == 0 && (reason == "" || reason == WrongMAC) {
		if r := c.genesis(f, out); r != "" {
			reason = r
		}
	}
	at.Reason = reason
	if reason == NewerVersion {
		at.Tool = c.writer(f)
	}
	switch reason {
	case "":
	case WrongMAC:
		at.Part = PartMACs
		out.fail(&out.MACs, at)
		// One is enough: with another key, none of the rest would fit.
		c.seal.mac = nil
	default:
		out.fail(&out.Chain, at)
		return false
	}
	out.Records++
	out.Bytes += int64(len(line)) + 1
	return true
}

// writer is the program that wrote a record of a newer version; empty when the record
// was edited, or does not say.
func (c *chain) writer(f frame) string {
	var body struct {
		Tool string `json:"tool"`
	}
	if !bytes.Equal(c.seal.seal(f.body).hash, f.hash) || json.Unmarshal(f.body, &body) != nil {
		return ""
	}
	return text.Clean(body.Tool, 80)
}

// genesis reads the first record.
func (c *chain) genesis(f frame, out *Report) Reason {
	r, err := f.decode()
	switch {
	case err != nil:
		return BadBody
	case r.Phase != PhaseGenesis || r.Event != JournalCreated:
		return NoGenesis
	}
	out.Log, out.First = r.Log, r.Time
	c.replaces = r.Detail[detailReplaces]
	return ""
}

// finish describes the end of the verified part.
func (c *chain) finish(out *Report, last []byte) {
	if out.Records == 0 {
		return
	}
	f, err := parseLine(last)
	if err == nil {
		var r Record
		r, err = f.decode()
		out.Last = r.Time
	}
	if err != nil && out.Chain.State == OK {
		out.fail(&out.Chain, Problem{Part: PartChain, Reason: BadBody, Seq: out.Records, Line: out.Records})
	}
	out.Head = c.head()
}

// head is the end of what was accepted.
func (c *chain) head() Head {
	h := Head{Log: string(c.next.log), Seq: c.next.seq - 1, Hash: string(c.next.prev)}
	if c.seal.mac != nil {
		h.MAC = c.seal.headMAC(h)
	}
	return h
}
