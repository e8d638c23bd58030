package wizard

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// History is the journal, opened for reading. It can be read without the keys;
// then its seals are not checked and contents of files cannot be shown.
type History struct {
	// Report is what verification found.
	Report journal.Report
	// KeysErr is why the seals were not checked; nil when they were.
	KeysErr error
	// Root is where the keys came from, or would have.
	Root Root

	log   *journal.Log
	vault *vault
	snaps *journal.Snapshots
	// secrets reads what no diff shows; nil for a journal without a set-up.
	secrets func(context.Context) []secrets.Secret
	// values are what it read; nil before the first diff.
	values  *[]secrets.Secret
	reading sync.Mutex
}

// errKeysNotAsked is KeysErr of a journal whose keys nobody wanted.
var errKeysNotAsked = errors.New("the journal's keys were not asked for")

// History opens the journal and verifies it. It writes nothing.
func (w *Wizard) History(ctx context.Context) (*History, error) {
	if err := w.journalThere(ctx); err != nil {
		return nil, err
	}
	v, keysErr := w.existingVault(ctx)
	return w.history(ctx, v, keysErr)
}

// HistoryWithoutKeys opens the journal without asking any store, and so without a prompt:
// for who only wants to name records.
func (w *Wizard) HistoryWithoutKeys(ctx context.Context) (*History, error) {
	return w.history(ctx, &vault{}, errKeysNotAsked)
}

// journalThere fails when there is no journal (journal.ErrNoJournal), or none any more
// (journal.ErrJournalMissing).
func (w *Wizard) journalThere(ctx context.Context) error {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil || exists {
		return err
	}
	if err := w.journalGone(ctx); err != nil {
		return err
	}
	return hint.With(hint.Say(fmt.Errorf("%w in %s", journal.ErrNoJournal, w.Paths.State), "no-journal", w.Paths.State), "run-init")
}

// history opens the journal with the keys of v; without them where keysErr says why there
// are none.
func (w *Wizard) history(ctx context.Context, v *vault, keysErr error) (*History, error) {
	var keys *journal.Keys
	var anchor journal.Anchor
	var snaps *journal.Snapshots
	var err error
	if keysErr == nil {
		keys, anchor = &v.keys, storeAnchor{v.store}
		if snaps, err = journal.OpenSnapshots(w.Disk, w.Paths.State, *keys); err != nil {
			return nil, err
		}
	}
	log, err := journal.OpenReadOnly(ctx, w.Disk, w.Paths.State, keys, anchor)
	if err != nil {
		return nil, err
	}
	h := NewHistory(log, snaps, keys, keysErr)
	h.vault, h.Root = v, v.root
	h.secrets = func(ctx context.Context) []secrets.Secret { return w.storedValues(ctx, v) }
	return h, nil
}

// NewHistory is an open journal, its snapshots and its keys; keysErr is why there are neither.
func NewHistory(log *journal.Log, snaps *journal.Snapshots, keys *journal.Keys, keysErr error) *History {
	h := &History{Report: log.Report(), KeysErr: keysErr, log: log, vault: &vault{}, snaps: snaps}
	if keys != nil {
		h.vault.keys = *keys
	}
	return h
}

// journalGone tells whether the store of the present set-up knows a journal that is
// not there any more (journal.ErrJournalMissing).
func (w *Wizard) journalGone(ctx context.Context) error {
	s, _, err := w.loadSetup(w.Paths.SetupFile())
	if err != nil || s == nil || s.Store == "" {
		return err
	}
	return w.lost(ctx, w.store(s.Store, s.StackDir(w.Paths)))
}

// MissingSnapshots counts the contents of files that records refer to and that are
// not there; without the keys it cannot tell, and says so.
func (h *History) MissingSnapshots(ctx context.Context) (int, error) {
	if h.KeysErr != nil {
		return 0, h.KeysErr
	}
	missing := 0
	for r, err := range h.Records() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return missing, err
		}
		for _, f := range r.Files {
			for _, id := range []string{f.SnapshotBefore, f.SnapshotAfter} {
				if r.Phase != journal.PhaseEvent || id == "" {
					continue
				}
				if _, err := h.snaps.Get(id); err != nil {
					missing++
				}
			}
		}
	}
	return missing, nil
}

// Records yields the records in order, oldest first.
func (h *History) Records() iter.Seq2[journal.Record, error] { return h.log.Records(1) }

// Between yields the records from number from to number to, oldest first. What is
// wrong with the journal follows on its last record.
func (h *History) Between(from, to uint64) iter.Seq2[journal.Record, error] {
	return func(yield func(journal.Record, error) bool) {
		for r, err := range h.log.Records(from) {
			if !yield(r, err) || err != nil || r.Seq == to && to < h.Report.Records {
				return
			}
		}
	}
}

func (h *History) all() ([]journal.Record, error) { return recordsOf(h.log) }

// recordsOf are all records of a journal, in the form that this clawsetup writes.
func recordsOf(l *journal.Log) ([]journal.Record, error) {
	var out []journal.Record
	for r, err := range l.Records(1) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return older(out), nil
}

// Record returns one record.
func (h *History) Record(seq uint64) (journal.Record, error) {
	r, err := h.log.Record(seq)
	if errors.Is(err, journal.ErrNoRecord) {
		return r, hint.With(err, "history-list")
	}
	return r, err
}

// Log gives the exports their source.
func (h *History) Log() *journal.Log { return h.log }

// hidden are the values that no diff shows. They are read once, and not before the first
// diff: every other use of the journal gets along without them.
func (h *History) hidden(ctx context.Context) (*[]secrets.Secret, error) {
	h.reading.Lock()
	defer h.reading.Unlock()
	if h.values == nil && h.secrets != nil {
		values := h.secrets(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err // what was cut short would hide nothing
		}
		h.values = &values
	}
	return h.values, nil
}

// Diffs compares the files of a record before and after, from the snapshots.
func (h *History) Diffs(ctx context.Context, r journal.Record) ([]FileDiff, error) {
	if h.KeysErr != nil {
		return nil, fmt.Errorf("snapshots are encrypted: %w", h.KeysErr)
	}
	values, err := h.hidden(ctx)
	if err != nil {
		return nil, err
	}
	var out []FileDiff
	for _, f := range r.Files {
		if f.Before == "" && f.After == "" {
			continue // the operator had removed it (Plan.left)
		}
		before, err := h.side(f.Before, f.SnapshotBefore, f.ModeBefore)
		if err != nil {
			return nil, fmt.Errorf("%s before record %d: %w", f.Path, r.Seq, err)
		}
		after, err := h.side(f.After, f.SnapshotAfter, f.ModeAfter)
		if err != nil {
			return nil, fmt.Errorf("%s after record %d: %w", f.Path, r.Seq, err)
		}
		out = append(out, Diff(Change{Path: f.Path, Before: before, After: after, values: values}))
	}
	return out, nil
}

func (h *History) side(digest, snapshot, mode string) (files.File, error) {
	if digest == "" {
		return files.File{}, nil
	}
	data, err := h.vault.content(h.snaps, snapshot, digest)
	if err != nil {
		return files.File{}, err
	}
	m, err := parseMode(mode)
	return files.File{Exists: true, Mode: m, Data: data}, err
}

// IsDomainEvent tells a change from the bookkeeping of its transaction.
func IsDomainEvent(r journal.Record) bool {
	return r.Phase == journal.PhaseEvent || r.Phase == journal.PhaseGenesis
}
