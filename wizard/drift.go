package wizard

import (
	"context"
	"errors"
	"fmt"

	"github.com/clawsetup/clawsetup/wizard/journal"
)

// standingFile is a file that clawsetup wrote last, and whether it still is what was
// written.
type standingFile struct {
	path string
	// shared is true where only some settings are ours.
	shared bool
	// edited is true when somebody else changed it, or took it away.
	edited bool
}

// standing compares the files with what the journal says was written to them last
// (T-02). Files that were taken back since are none of them.
func (w *Wizard) standing(ctx context.Context) ([]standingFile, error) {
	h, records, err := w.records(ctx)
	if err != nil {
		return nil, err
	}
	var out []standingFile
	for _, t := range touchedSince(records, journal.Record{}) {
		if t.last.After == "" {
			continue
		}
		now, err := w.Disk.Read(t.first.Path, largestFile)
		if err != nil {
			return nil, err
		}
		out = append(out, standingFile{t.first.Path, t.shared, w.digest(h.vault, now, t.last.After) != t.last.After})
	}
	return out, nil
}

// driftNotes tell which files somebody else edited; init takes the edits back. In a
// file that is shared they are the operator's own right.
func (s *InitSession) driftNotes(ctx context.Context) []Note {
	if s.current == nil {
		return nil
	}
	files, err := s.w.standing(ctx)
	if err != nil {
		return []Note{{ID: "drift-not-checked", State: NotChecked}}
	}
	var out []Note
	for _, f := range files {
		if f.edited && !f.shared && f.path != s.w.Paths.SetupFile() {
			out = append(out, Note{ID: "setup-drift", State: Attention, Args: []any{f.path}})
		}
	}
	return out
}

// errNoRecords says that the journal cannot be read with its keys.
var errNoRecords = errors.New("the journal cannot be read")

// records are those of the journal, with its keys.
func (w *Wizard) records(ctx context.Context) (*History, []journal.Record, error) {
	h, err := w.History(ctx)
	if err == nil {
		err = h.KeysErr
	}
	var records []journal.Record
	if err == nil {
		records, err = h.all()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNoRecords, err)
	}
	return h, records, nil
}
