package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// fixVerify tells more of what is wrong with the journal.
const fixVerify = "clawsetup config-history verify"

// driftCheck is the check that tells of files of ours that somebody else changed.
const driftCheck = "files-drift"

// recordChecks ask whether what clawsetup wrote is as it was written, and whether the
// record of it can be believed.
func recordChecks() []Check {
	r02 := []string{"R-02"}
	t02 := []string{"T-02"}
	return []Check{
		{ID: "setup-made", Area: AreaRecord, Controls: r02, Categories: []Category{Repudiation}, Severity: Medium, Fix: "clawsetup init", look: setupMade},
		{ID: "journal-sealed", Area: AreaRecord, Controls: r02, Categories: []Category{Repudiation, Tampering}, Severity: Critical, Fix: fixVerify, look: journalSealed},
		{ID: "journal-anchored", Area: AreaRecord, Controls: r02, Categories: []Category{Repudiation, Tampering}, Severity: High, Fix: fixVerify, look: journalAnchored},
		{ID: "journal-snapshots", Area: AreaRecord, Controls: r02, Categories: []Category{Repudiation}, Severity: Medium, Fix: fixVerify, look: journalSnapshots},
		{ID: "journal-pending", Area: AreaRecord, Controls: r02, Categories: []Category{Repudiation, Denial}, Severity: Medium, Fix: fixRepair, look: journalPending},
		{ID: driftCheck, Area: AreaRecord, Controls: t02, Categories: []Category{Tampering}, Severity: High, Fix: fixRepair, look: filesDrift},
		{ID: "shared-files-drift", Area: AreaRecord, Controls: t02, Categories: []Category{Tampering}, Severity: Info, Fix: fixRepair + " --dry-run", look: sharedDrift},
		{ID: "files-private", Area: AreaRecord, Controls: t02, Categories: []Category{Tampering, Disclosure}, Severity: High, Fix: "chmod go-rwx {path}", look: filesPrivate},
		{ID: "folders-private", Area: AreaRecord, Controls: []string{"T-02", "I-03"}, Categories: []Category{Tampering, Disclosure}, Severity: High, Fix: "chmod 0700 {path}", look: foldersPrivate},
	}
}

// setupMade: nobody keeps a record of an installation that was made by hand.
func setupMade(_ context.Context, h *Host, a *answer) {
	a.saw(h.SetupFile)
	switch {
	case h.SetupErr != nil:
		a.found(Location{Path: h.SetupFile}, "it cannot be read as a set-up: %s", text.Clean(h.SetupErr.Error(), 200))
	case h.Made == nil:
		a.found(Location{}, "this installation was not made by clawsetup: nobody records who changes it")
	}
}

func (h *Host) journal(ctx context.Context) (Journal, error) {
	return remembered(h, "journal", func() (Journal, error) { return h.Made.Journal(ctx) })
}

// aboutJournal asks ask of a journal that could be opened.
func aboutJournal(ctx context.Context, h *Host, a *answer, ask func(Journal, Location)) {
	if h.Made == nil {
		return
	}
	j, err := h.journal(ctx)
	where := Location{Path: h.Made.StateDir}
	if err != nil {
		a.cannot(where.Path, err)
		return
	}
	ask(j, where)
}

// journalSealed: a journal that is gone, cut or changed.
func journalSealed(ctx context.Context, h *Host, a *answer) {
	if h.Made == nil {
		return
	}
	j, err := h.journal(ctx)
	where := Location{Path: h.Made.StateDir}
	switch {
	case err != nil:
		a.found(where, "the journal cannot be read: %s", text.Clean(err.Error(), 200))
		return
	case errors.Is(j.KeysErr, secrets.ErrNotFound):
		a.found(where, "the key of the seals is gone: nobody can tell whether the journal was changed")
		return
	case j.Unvouched:
		a.found(where, "%s: somebody may have put another journal in its place", text.Clean(j.KeysErr.Error(), 300))
		return
	case j.KeysErr != nil:
		a.cannot(where.Path, fmt.Errorf("its seals: %w", j.KeysErr))
		return
	}
	a.saw(where.Path)
	for _, p := range j.Report.Problems {
		a.found(where, "the journal was changed: %s", p.Error())
	}
	if n := j.Report.Torn; n > 0 {
		// A crash leaves that, and a clumsy edit.
		a.found(where, "its last line is incomplete (%d bytes): the next command that changes something sets it aside", n).milder(Medium)
	}
}

// journalAnchored: without an anchor a journal that was cut back as a whole verifies.
func journalAnchored(ctx context.Context, h *Host, a *answer) {
	aboutJournal(ctx, h, a, func(j Journal, where Location) {
		switch {
		case j.KeysErr != nil:
			a.cannot(where.Path, j.KeysErr)
		case j.Report.Anchor.State == journal.NotChecked && j.Report.Anchor.Reason == journal.Unreachable:
			a.cannot(where.Path, errors.New("the anchor of the journal cannot be asked"))
		case j.Report.Anchor.State == journal.NotChecked && j.Report.Anchor.Reason == journal.NotReached:
			a.cannot(where.Path, errors.New("the journal itself does not verify"))
		case j.Report.Anchor.State == journal.NotChecked:
			a.found(where, "the end of the journal is not anchored outside of it: a journal that was cut back would not show")
		default:
			a.saw(where.Path)
		}
		if j.KeysErr == nil && j.KeyringErr != nil {
			a.cannot("keyring", fmt.Errorf("whether it knows another journal: %w", j.KeyringErr))
		}
	})
}

func journalSnapshots(ctx context.Context, h *Host, a *answer) {
	aboutJournal(ctx, h, a, func(j Journal, where Location) {
		if j.KeysErr != nil {
			a.cannot(where.Path, j.KeysErr)
			return
		}
		a.saw(where.Path)
		if j.Missing > 0 {
			a.found(where, "%d contents that records name are gone: those changes cannot be shown or taken back", j.Missing)
		}
	})
}

func journalPending(ctx context.Context, h *Host, a *answer) {
	aboutJournal(ctx, h, a, func(j Journal, where Location) {
		a.saw(where.Path)
		if j.Pending {
			a.found(where, "a change was begun and neither finished nor taken back; the next run of a command that changes something settles it")
		}
	})
}

func (h *Host) drift(ctx context.Context) ([]Drift, error) {
	return remembered(h, "drift", func() ([]Drift, error) { return h.Made.Drift(ctx) })
}

// filesDrift: a file of ours that somebody else changed.
func filesDrift(ctx context.Context, h *Host, a *answer) {
	eachDrift(ctx, h, a, false, func(d Drift) {
		f := a.found(Location{Path: d.Path}, "it is not what clawsetup wrote last").repairedBy(Repair{Restore: d.Path})
		if d.Path == h.Made.SetupFile {
			// The operator may edit it: what it says then was not agreed to yet.
			f.milder(Info).Repair, f.Fixable = nil, false
		}
	})
	refused(h, a)
}

// refused tells of what somebody wrote into setup.yaml that makes doctor milder, without the
// operator's consent on record. None of it counts.
func refused(h *Host, a *answer) {
	if h.Made == nil || len(h.Made.Refused) == 0 {
		return
	}
	list := strings.Join(h.Made.Refused, "; ")
	if err := h.Made.RefusedErr; err != nil {
		a.cannot(h.Made.SetupFile, fmt.Errorf("whether these were agreed to, and so they do not count: %s: %w", list, err))
		return
	}
	f := a.found(Location{Path: h.Made.SetupFile, Key: "concessions"}, "written into it without a record of your consent, or not to be accepted at all, and so not counted: %s", list)
	f.milder(Medium).Fix = "clawsetup init"
}

// sharedDrift: a file that is the operator's, too. What matters in it has checks of its
// own.
func sharedDrift(ctx context.Context, h *Host, a *answer) {
	eachDrift(ctx, h, a, true, func(d Drift) {
		a.found(Location{Path: d.Path}, "it was changed since clawsetup wrote to it")
	})
}

func eachDrift(ctx context.Context, h *Host, a *answer, shared bool, edited func(Drift)) {
	if h.Made == nil {
		return
	}
	drift, err := h.drift(ctx)
	if err != nil {
		a.cannot("files", err)
		return
	}
	for _, d := range drift {
		switch {
		case d.Shared != shared:
		case d.Err != nil:
			a.cannot(d.Path, d.Err)
		case d.Edited:
			edited(d)
		default:
			a.saw(d.Path)
		}
	}
}

// filesPrivate: a file of ours that others may read or write.
func filesPrivate(ctx context.Context, h *Host, a *answer) {
	if h.Made == nil || h.OS == "windows" {
		return
	}
	drift, err := h.drift(ctx)
	if err != nil {
		a.cannot("files", err)
		return
	}
	for _, d := range drift {
		st, err := os.Lstat(d.Path)
		switch {
		case d.Shared || d.Path == h.ManagedFile || errors.Is(err, fs.ErrNotExist):
		case err != nil:
			a.cannot(d.Path, err)
		case !h.private(st.Mode()):
			a.found(Location{Path: d.Path}, "other users may open it (mode %04o)", st.Mode().Perm()).
				repairedBy(Repair{Private: d.Path, Mode: st.Mode().Perm() &^ 0o077})
		default:
			a.saw(d.Path)
		}
	}
}

// foldersPrivate: whoever may write to a folder replaces what is in it.
func foldersPrivate(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.OS == "windows" {
		return
	}
	for _, dir := range []string{h.Made.ConfigDir, h.Made.StateDir, h.Made.StackDir, h.Made.RuntimeDir, h.Made.AgentDir} {
		if dir == "" {
			continue
		}
		st, err := os.Lstat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			a.cannot(dir, err)
		case !st.IsDir():
			a.found(Location{Path: dir}, "it is no folder of its own, but a link or a file")
		case !h.private(st.Mode()):
			a.found(Location{Path: dir}, "other users may look into it (mode %04o)", st.Mode().Perm())
		default:
			a.saw(dir)
		}
	}
}
