package wizard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// pending tells, without writing, whether an earlier run was interrupted.
func (w *Wizard) pending(ctx context.Context) (bool, error) {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil || !exists {
		return false, err
	}
	h, err := w.History(ctx)
	if err != nil {
		return false, err
	}
	_, pending := h.log.Pending()
	return pending, nil
}

// recoverOrTell recovers, or in a dry run only says that there is something to
// recover.
func (w *Wizard) recoverOrTell(ctx context.Context, dryRun bool) ([]Note, error) {
	if !dryRun {
		return w.Recover(ctx)
	}
	pending, err := w.pending(ctx)
	if err != nil || !pending {
		return nil, err
	}
	return []Note{{ID: "journal-pending", State: Attention}}, nil
}

// Recover finishes or undoes the transaction that an interrupted run left behind,
// and says which. Without one it changes nothing but a torn last line of the
// journal, which it puts aside.
func (w *Wizard) Recover(ctx context.Context) ([]Note, error) {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil || !exists {
		return nil, err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Release() }()
	v, err := w.existingVault(ctx)
	if err != nil {
		return nil, err
	}
	l, err := w.openJournal(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := w.sweep(v); err != nil {
		return nil, err
	}
	intent, pending := l.Pending()
	if !pending {
		return nil, w.forgetLast(ctx, l)
	}
	snaps, err := journal.OpenSnapshots(w.Disk, w.Paths.State, v.keys)
	if err != nil {
		return nil, err
	}
	return w.settle(ctx, l, v, snaps, intent)
}

// sweep clears what a killed process left half-written beside the journal and in
// the folder of the docker store.
func (w *Wizard) sweep(v *vault) error {
	dirs := []string{w.Paths.State, filepath.Join(w.Paths.State, "snapshots"), w.Paths.Config}
	if v.dir != "" {
		dirs = append(dirs, filepath.Join(v.dir, "secrets"))
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, w.Disk.SweepTemp(dir))
	}
	return errors.Join(errs...)
}

// settle ends the transaction of intent one way or the other.
func (w *Wizard) settle(ctx context.Context, l *journal.Log, v *vault, snaps *journal.Snapshots, intent journal.Record) ([]Note, error) {
	done, err := w.inPlace(ctx, v, intent)
	if err != nil {
		return nil, err
	}
	outcome, phase, event := "undone", journal.PhaseUndone, journal.TransactionUndone
	if done {
		outcome, phase, event = "finished", journal.PhaseCommit, journal.TransactionCommitted
	} else if err := w.undo(ctx, v, snaps, intent.Files, intent.Secrets, intent.Detail); err != nil {
		return nil, hint.With(fmt.Errorf("undoing the transaction that was interrupted on %s: %w", intent.Time.Format("2006-01-02 15:04:05"), err), "undo-failed")
	}
	detail := map[string]string{"outcome": outcome}
	recovered := journal.Entry{Event: journal.Recovered, Tx: intent.Tx, Phase: journal.PhaseEvent, Detail: detail, Files: intent.Files, Secrets: intent.Secrets}
	if _, err := l.Append(ctx, recovered, journal.Entry{Event: event, Tx: intent.Tx, Phase: phase}); err != nil {
		return nil, fmt.Errorf("journaling the recovery: %w", err)
	}
	if err := w.forget(ctx, intent.Secrets, intent.Detail); err != nil {
		return nil, err
	}
	if err := l.Seal(ctx); err != nil {
		return nil, err
	}
	return []Note{{ID: "journal-recovered-" + outcome, State: Attention, Args: []any{intent.Time.Format("2006-01-02 15:04:05")}}}, nil
}

// inPlace tells whether every change of the intent reached the disk and the
// store.
func (w *Wizard) inPlace(ctx context.Context, v *vault, intent journal.Record) (bool, error) {
	for _, f := range intent.Files {
		now, err := w.Disk.Read(f.Path, largestFile)
		if err != nil {
			return false, err
		}
		if w.digest(v, now, f.After) != f.After {
			return false, nil
		}
	}
	for _, s := range intent.Secrets {
		value, err := w.store(secrets.Kind(s.Store), intent.Detail[detailDir]).Get(ctx, s.Name)
		if err != nil && !errors.Is(err, secrets.ErrNotFound) {
			return false, err
		}
		if v.fingerprint(value) != s.New {
			return false, nil
		}
	}
	return true, nil
}

// digest is the content of now in the same form as like.
func (w *Wizard) digest(v *vault, now files.File, like string) string {
	if !now.Exists {
		return ""
	}
	return v.keys.Digest(now.Data, isKeyed(like))
}

// isKeyed tells a keyed digest from a plain one (journal.Keys.Digest).
func isKeyed(digest string) bool { return strings.HasPrefix(digest, "hmac:") }

// undo puts back what a transaction may have changed. It is safe to repeat, and
// leaves alone what the operator changed in the meantime.
func (w *Wizard) undo(ctx context.Context, v *vault, snaps *journal.Snapshots, changes []journal.FileChange, values []journal.SecretChange, detail map[string]string) error {
	var errs []error
	for _, c := range slices.Backward(changes) {
		errs = append(errs, w.undoFile(c, v, snaps))
	}
	for _, c := range slices.Backward(values) {
		errs = append(errs, w.undoSecret(ctx, c, detail[detailDir]))
	}
	var made []string
	if s := detail[detailMade]; s != "" {
		errs = append(errs, json.Unmarshal([]byte(s), &made))
	}
	for _, dir := range slices.Backward(made) {
		errs = append(errs, w.Disk.RemoveEmptyDir(dir))
	}
	return errors.Join(errs...)
}

func (w *Wizard) undoFile(c journal.FileChange, v *vault, snaps *journal.Snapshots) error {
	if err := w.Disk.RemoveTemp(c.Path); err != nil {
		return err
	}
	now, err := w.Disk.Read(c.Path, largestFile)
	if err != nil {
		return err
	}
	if w.digest(v, now, c.After) != c.After || (c.After == "" && !now.Exists && c.Before == "") {
		return nil // not reached yet, or changed by someone else since
	}
	if c.Before == "" {
		return w.Disk.Remove(c.Path)
	}
	data, err := snaps.Get(c.SnapshotBefore)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", c.Path, err)
	}
	mode, err := parseMode(c.ModeBefore)
	if err != nil {
		return err
	}
	return w.Disk.WriteFile(c.Path, data, mode)
}

func (w *Wizard) undoSecret(ctx context.Context, c journal.SecretChange, dir string) error {
	store := w.store(secrets.Kind(c.Store), dir)
	if c.Old == "" {
		return store.Delete(ctx, c.Name)
	}
	old, err := store.Get(ctx, c.Name+previous)
	if errors.Is(err, secrets.ErrNotFound) {
		// The change was not reached. Deleting clears a half-written copy.
		return store.Delete(ctx, c.Name+previous)
	}
	if err != nil {
		return fmt.Errorf("reading the old %s: %w", c.Name, err)
	}
	if err := store.Set(ctx, c.Name, old); err != nil {
		return fmt.Errorf("restoring %s: %w", c.Name, err)
	}
	return store.Delete(ctx, c.Name+previous)
}

// forget deletes the old values that a transaction kept aside.
func (w *Wizard) forget(ctx context.Context, changes []journal.SecretChange, detail map[string]string) error {
	for _, c := range changes {
		if c.Old == "" {
			continue
		}
		if err := w.store(secrets.Kind(c.Store), detail[detailDir]).Delete(ctx, c.Name+previous); err != nil {
			return fmt.Errorf("deleting the old %s: %w", c.Name, err)
		}
	}
	return nil
}

// forgetLast repeats forget for the last transaction, in case that the process
// ended between its commit and that.
func (w *Wizard) forgetLast(ctx context.Context, l *journal.Log) error {
	for seq := l.Head().Seq; seq > 0; seq-- {
		r, err := l.Record(seq)
		if err != nil {
			return err
		}
		if r.Phase == journal.PhaseIntent {
			return w.forget(ctx, r.Secrets, r.Detail)
		}
	}
	return nil
}

func parseMode(s string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("reading the mode %q: %w", text.Clean(s, 10), err)
	}
	return fs.FileMode(n) & os.ModePerm, nil
}

// reason is an error as the journal may hold it.
func reason(err error) string { return text.Clean(err.Error(), 300) }
