package journal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Records yields the records from number from (1 is the first) to the end the
// journal had when it was opened or last appended to, each verified again as it is
// read. After an error nothing follows.
func (l *Log) Records(from uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for line, err := range l.lines(from) {
			var r Record
			if err == nil {
				r, err = line.decode()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := l.failure(); err != nil {
			yield(Record{}, err)
		}
	}
}

// Record returns the record of that number, ErrNoRecord when there is none.
func (l *Log) Record(seq uint64) (Record, error) {
	if seq == 0 || seq > l.head.Seq {
		return Record{}, hint.Say(fmt.Errorf("record %d: %w, the journal has %d", seq, ErrNoRecord, l.head.Seq), "no-record", seq, l.head.Seq)
	}
	for r, err := range l.Records(seq) {
		return r, err
	}
	return Record{}, fmt.Errorf("record %d: %w", seq, ErrNoRecord)
}

// Pending returns the intent of the transaction that has neither been committed nor
// undone.
func (l *Log) Pending() (Record, bool) {
	if l.pending == nil {
		return Record{}, false
	}
	return *l.pending, true
}

// findPending looks back, in growing steps, to the last record that begins or
// ends a transaction.
func (l *Log) findPending() error {
	step := uint64(4)
	for end := l.head.Seq; end > 0; step *= 4 {
		from := end - min(end, step) + 1
		found, err := l.lastPhase(from, end)
		if found || err != nil {
			return err
		}
		end = from - 1
	}
	return nil
}

// lastPhase looks for such a record from number from to number end.
func (l *Log) lastPhase(from, end uint64) (found bool, err error) {
	for r, err := range l.Records(from) {
		if err != nil {
			return false, err
		}
		switch r.Phase {
		case PhaseIntent:
			l.pending, found = &r, true
		case PhaseCommit, PhaseUndone:
			l.pending, found = nil, true
		default:
		}
		if r.Seq == end {
			break
		}
	}
	return found, nil
}

// lines yields the verified lines from number from on; a frame is good until the
// next is asked for.
func (l *Log) lines(from uint64) iter.Seq2[frame, error] {
	return func(yield func(frame, error) bool) {
		if from = max(from, 1); from > l.head.Seq {
			return
		}
		f, err := l.open()
		if err != nil {
			yield(frame{}, fmt.Errorf("opening the journal: %w", err))
			return
		}
		defer func() { _ = f.Close() }()
		at, err := l.seek(f, from)
		if err != nil {
			yield(frame{}, err)
			return
		}
		c := newChain(l.keys)
		if l.report.MACs.State == Failed {
			c.seal.mac = nil
		}
		c.next.log, c.next.seq = []byte(l.head.Log), from
		in := lineReader(io.NewSectionReader(f, at, l.size-at))
		for c.next.seq <= l.head.Seq {
			line, err := in.ReadSlice('\n')
			if err != nil {
				yield(frame{}, fmt.Errorf("reading record %d: %w", c.next.seq, ErrChanged))
				return
			}
			line = line[:len(line)-1]
			if first, err := parseLine(line); err == nil && c.next.seq == from && from > 1 {
				c.next.prev = bytes.Clone(first.prev)
			}
			problem := Problem{Part: PartChain, Seq: c.next.seq, Line: c.next.seq, Offset: at}
			var got frame
			if got, problem.Reason = c.accept(line); problem.Reason != "" {
				yield(frame{}, fmt.Errorf("%w since it was opened: %w", ErrTampered, problem))
				return
			}
			if !yield(got, nil) {
				return
			}
		}
	}
}

// near is the distance in bytes from which on seek reads line by line.
const near = 64 << 10

// seek finds where the line of record seq starts, by bisection: the sequence
// numbers of the verified part have no gaps.
func (l *Log) seek(f *os.File, seq uint64) (int64, error) {
	lo, hi := int64(0), l.size
	for hi-lo > near {
		mid := lo + (hi-lo)/2
		in := bufio.NewReader(io.NewSectionReader(f, mid, hi-mid))
		skipped, err := in.ReadBytes('\n')
		if err != nil {
			break // mid is within the last line before hi
		}
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		got, err := parseLine(line[:len(line)-1])
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %w", l.journal(), ErrTampered, err)
		}
		start := mid + int64(len(skipped))
		if got.seq <= seq {
			lo = start
		} else {
			hi = start
		}
	}
	return l.walk(f, lo, seq)
}

// walk finds the line of record seq, which is not before the line at lo.
func (l *Log) walk(f *os.File, lo int64, seq uint64) (int64, error) {
	in := lineReader(io.NewSectionReader(f, lo, l.size-lo))
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("looking for record %d: %w", seq, ErrChanged)
		}
		got, err := parseLine(line[:len(line)-1])
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %w", l.journal(), ErrTampered, err)
		}
		if got.seq == seq {
			return lo, nil
		}
		lo += int64(len(line))
	}
}
