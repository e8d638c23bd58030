package wizard

import (
	"context"
	"errors"
	"fmt"
	"iter"

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

	log   *journal.Log
	vault *vault
	snaps *journal.Snapshots
}

// History opens the journal and verifies it. It writes nothing.
func (w *Wizard) History(ctx context.Context) (*History, error) {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, hint.With(fmt.Errorf("%w in %s", journal.ErrNoJournal, w.Paths.State), "run-init")
	}
	h := &History{}
	var keys *journal.Keys
	var anchor journal.Anchor
	if h.vault, h.KeysErr = w.existingVault(ctx); h.KeysErr == nil {
		keys, anchor = &h.vault.keys, storeAnchor{h.vault.store}
		if h.snaps, err = journal.OpenSnapshots(w.Disk, w.Paths.State, *keys); err != nil {
			return nil, err
		}
	}
	if h.log, err = journal.OpenReadOnly(ctx, w.Disk, w.Paths.State, keys, anchor); err != nil {
		return nil, err
	}
	h.Report = h.log.Report()
	return h, nil
}

// Records yields the records in order, oldest first.
func (h *History) Records() iter.Seq2[journal.Record, error] { return h.log.Records(1) }

func (h *History) all() ([]journal.Record, error) {
	var out []journal.Record
	for r, err := range h.Records() {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
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

// Diffs compares the files of a record before and after, from the snapshots.
func (h *History) Diffs(r journal.Record) ([]FileDiff, error) {
	if h.KeysErr != nil {
		return nil, fmt.Errorf("snapshots are encrypted: %w", h.KeysErr)
	}
	var out []FileDiff
	for _, f := range r.Files {
		before, err := h.side(f.Before, f.SnapshotBefore, f.ModeBefore)
		if err != nil {
			return nil, fmt.Errorf("%s before record %d: %w", f.Path, r.Seq, err)
		}
		after, err := h.side(f.After, f.SnapshotAfter, f.ModeAfter)
		if err != nil {
			return nil, fmt.Errorf("%s after record %d: %w", f.Path, r.Seq, err)
		}
		out = append(out, Diff(Change{Path: f.Path, Before: before, After: after}))
	}
	return out, nil
}

func (h *History) side(digest, snapshot, mode string) (files.File, error) {
	if digest == "" {
		return files.File{}, nil
	}
	data, err := h.snaps.Get(snapshot)
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
