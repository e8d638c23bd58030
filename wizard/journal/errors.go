package journal

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Why a journal could not be used; errors.Is tells them apart.
var (
	// ErrNoJournal says that there is no journal and no sign of an earlier one.
	ErrNoJournal = errors.New("there is no journal")
	// ErrJournalMissing says that the journal is gone although an anchor knows it.
	ErrJournalMissing = errors.New("the journal is missing")
	// ErrJournalExists says that Create found a journal.
	ErrJournalExists = errors.New("there is a journal already")
	// ErrTampered says that the journal failed verification; the error is a
	// *VerifyError.
	ErrTampered = errors.New("the journal does not verify")
	// ErrReadOnly says that the log was opened for reading.
	ErrReadOnly = errors.New("the journal is open for reading only")
	// ErrPending says that a transaction has neither been committed nor undone.
	ErrPending = errors.New("a transaction is unfinished")
	// ErrChanged says that somebody else wrote to the journal since it was opened.
	ErrChanged = errors.New("the journal was changed by another process")
	// ErrUncertain says that writing failed in a way that leaves open whether the
	// records are in the journal. Nothing must be concluded from it, in
	// particular no change undone: the next Open knows.
	ErrUncertain = errors.New("it is not known whether the records were written")
	// ErrNoRecord says that the journal has no record of that number.
	ErrNoRecord = errors.New("there is no such record")
	// ErrSnapshotMissing says that there is no snapshot of this id.
	ErrSnapshotMissing = errors.New("the snapshot is missing")
	// ErrSnapshotCorrupt says that a snapshot is not what was put there.
	ErrSnapshotCorrupt = errors.New("the snapshot is corrupt")
)

// VerifyError is a Report with a failure.
type VerifyError struct {
	Path   string
	Report Report
}

func (e *VerifyError) Error() string {
	out := fmt.Sprintf("%s: %v", e.Path, ErrTampered)
	for _, p := range e.Report.Problems {
		out += "; " + p.Error()
	}
	return out
}

// released matches a program that can be installed, and its version.
var released = regexp.MustCompile(`^clawsetup (v?\d{1,5}\.\d{1,5}\.\d{1,5}(?:-[0-9A-Za-z.-]{1,40})?)$`)

// newer adds what to do about a journal that a newer clawsetup, tool, wrote.
func newer(err error, path, tool string) error {
	if m := released.FindStringSubmatch(tool); m != nil {
		return hint.With(err, "journal-newer-version", path, m[1])
	}
	return hint.With(err, "journal-newer", path)
}

// hinted adds what can be done about it.
func (e *VerifyError) hinted() error {
	for _, p := range e.Report.Problems {
		switch {
		case p.Reason == NewerVersion:
			return newer(e, e.Path, p.Tool)
		case p.Reason == WrongMAC && p.Part == PartMACs && p.Line == 1 && e.Report.Chain.State == OK:
			return hint.With(e, "journal-key", e.Path)
		}
	}
	return hint.With(e, "journal-tampered", e.Path)
}

// Is makes a VerifyError an ErrTampered.
func (e *VerifyError) Is(target error) bool { return target == ErrTampered }
