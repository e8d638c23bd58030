package wizard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// standingFile is a file that clawsetup wrote last, and whether it still is what was
// written.
type standingFile struct {
	path string
	// shared is true where only some settings are ours.
	shared bool
	// removed is true when clawsetup took it away, which is what was written then.
	removed bool
	// edited is true when somebody else changed it, took it away, or put it back; gone
	// when there is no file.
	edited, gone bool
	// err is why it could not be looked at.
	err error
}

// standing compares the files with what the journal says was written to them last
// (T-02). What was given back to the operator is not among them.
func (w *Wizard) standing(ctx context.Context) ([]standingFile, error) {
	return w.standingBy(w.History(ctx))
}

// standingBy asks a journal that was opened, or could not be.
func (w *Wizard) standingBy(h *History, err error) ([]standingFile, error) {
	records, err := keyed(h, err)
	if err != nil {
		return nil, err
	}
	var out []standingFile
	for _, t := range touchedSince(records, lastUninstall(records)) {
		if t.givenBack() && (t.last.After != "" || t.last.Before == "") {
			continue
		}
		f := standingFile{path: t.first.Path, shared: t.shared, removed: t.last.After == ""}
		now, err := w.Disk.Read(f.path, largestFile)
		if f.err = err; err == nil {
			f.gone = !now.Exists
			f.edited = w.digest(h.vault, now, t.last.After) != t.last.After
			if f.edited && filepath.Base(f.path) == ignoreName && now.Exists && !f.removed {
				f.edited = !bytes.Equal(ignoring(now.Data), now.Data)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// ignoring is a .gitignore with our lines, of which alone an edit is one of ours: the others
// are the operator's.
func ignoring(data []byte) []byte { return templates.GitIgnore(data, []string{envName, "secrets/"}) }

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
		switch {
		case f.shared || f.removed || f.path == s.w.Paths.SetupFile():
		case f.err != nil:
			out = append(out, Note{ID: "drift-unreadable", State: NotChecked, Args: []any{f.path}})
		case f.edited && f.gone:
			out = append(out, Note{ID: "setup-gone", State: Attention, Args: []any{f.path}})
		case f.edited:
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
	records, err := keyed(h, err)
	return h, records, err
}

// keyed are the records of a journal that was opened, or could not be: err says so, and so
// does a journal without its keys (errNoRecords).
func keyed(h *History, err error) ([]journal.Record, error) {
	if err == nil {
		err = h.KeysErr
	}
	var records []journal.Record
	if err == nil {
		records, err = h.all()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRecords, err)
	}
	return records, nil
}
