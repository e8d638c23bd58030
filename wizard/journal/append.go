package journal

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// MaxBatch is how many entries one Append takes.
const MaxBatch = 64

// batch is what one Append is about to write.
type batch struct {
	lines   []byte
	records []Record
	head    Head
	pending *Record
}

// Append writes entries as one batch: one write, one fsync, then the sidecar. When
// it returns nil, the records outlive a crash. When it returns an error, none of
// them is in the journal, unless the error is ErrUncertain. A sidecar
// that could not be written is tolerated once: the next Append or Seal must succeed
// with it first.
func (l *Log) Append(ctx context.Context, entries ...Entry) ([]Record, error) {
	switch {
	case l.readOnly:
		return nil, ErrReadOnly
	case l.broken != nil:
		return nil, l.broken
	case len(entries) > MaxBatch:
		return nil, fmt.Errorf("appending %d entries to the journal: at most %d go at once", len(entries), MaxBatch)
	case len(entries) == 0:
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("appending to the journal: %w", err)
	}
	b := batch{pending: l.pending, head: l.head}
	for _, e := range entries {
		if err := b.admit(e); err != nil {
			return nil, fmt.Errorf("appending %s to the journal: %w", e.Event, err)
		}
		if err := b.add(l, e); err != nil {
			return nil, fmt.Errorf("appending %s to the journal: %w", e.Event, err)
		}
		b.follow()
	}
	if err := l.write(b); err != nil {
		return nil, fmt.Errorf("appending to the journal: %w", err)
	}
	return b.records, nil
}

func (l *Log) write(b batch) error {
	if err := l.catchUp(); err != nil {
		return err
	}
	if err := l.unchanged(); err != nil {
		return err
	}
	if err := l.disk.Append(l.journal(), b.lines); err != nil {
		return l.takeBack(err)
	}
	l.head, l.size, l.pending = b.head, l.size+int64(len(b.lines)), b.pending
	// The records are safe. A sidecar that is one batch behind is what a crash
	// here would leave too; calling it a failure would have the caller undo a change
	// that is journaled as made.
	_ = l.catchUp()
	return nil
}

// unchanged refuses to write after somebody who did not hold the lock.
func (l *Log) unchanged() error {
	st, err := os.Lstat(l.journal())
	if err == nil && st.Size() != l.size {
		err = fmt.Errorf("%s has %d bytes instead of %d: %w", l.journal(), st.Size(), l.size, ErrChanged)
	}
	return hint.With(err, "journal-changed", l.journal())
}

// takeBack removes what a failed append may have written, none of which was
// acknowledged.
func (l *Log) takeBack(cause error) error {
	if err := l.disk.Truncate(l.journal(), l.size); err != nil {
		l.broken = fmt.Errorf("%w: %w; taking it back: %w", ErrUncertain, cause, err)
		return l.broken
	}
	return cause
}

// admit checks e, and that it fits the transactions so far.
func (b *batch) admit(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	switch {
	case e.Phase == PhaseIntent && b.pending != nil:
		return fmt.Errorf("%w: %s", ErrPending, b.pending.Tx)
	case (e.Phase == PhaseCommit || e.Phase == PhaseUndone) && (b.pending == nil || b.pending.Tx != e.Tx):
		return fmt.Errorf("there is no unfinished transaction %q", e.Tx)
	}
	return nil
}

// add seals e as the next record.
func (b *batch) add(l *Log, e Entry) error {
	if b.head.Log == "" {
		b.head = l.head
	}
	now := l.now().UTC().Truncate(time.Microsecond)
	if y := now.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("the clock says year %d", y)
	}
	rest, err := body{
		Detail: e.Detail, Event: e.Event, Files: e.Files, Keys: e.Keys, Phase: e.Phase, Secrets: e.Secrets,
		Time: now.Format(timeLayout), Tool: l.tool, Tx: e.Tx, Who: l.actor, Why: e.Why,
	}.canonical()
	if err != nil {
		return err
	}
	p := place{log: []byte(b.head.Log), prev: []byte(b.head.Hash), seq: b.head.Seq + 1, v: version}
	from := len(b.lines)
	b.lines, _ = appendLine(b.lines, p, rest, l.seal)
	line := b.lines[from : len(b.lines)-1]
	if len(line) >= maxLine {
		return fmt.Errorf("the record has %d bytes; at most %d are allowed", len(line), maxLine-1)
	}
	// Reading it back shows that it can be read, and yields the record as every
	// later reader will see it.
	f, err := parseLine(line)
	if err != nil {
		return err
	}
	r, err := f.decode()
	if err != nil {
		return err
	}
	b.records = append(b.records, r)
	b.head.Seq, b.head.Hash = r.Seq, r.Hash
	b.head.MAC = l.seal.headMAC(b.head)
	return nil
}

// follow keeps track of the transaction that the last record belongs to.
func (b *batch) follow() {
	r := b.records[len(b.records)-1]
	switch r.Phase {
	case PhaseIntent:
		b.pending = &r
	case PhaseCommit, PhaseUndone:
		b.pending = nil
	default:
	}
}
