package wizard

import (
	"context"
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
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// mayTouch refuses what this program must leave as it is: a set-up of another one, and
// one that is being deleted.
func (w *Wizard) mayTouch() error {
	if err := w.refuseUninstalling(); err != nil {
		return err
	}
	_, _, err := w.loadSetup(w.Paths.SetupFile())
	if otherProgram(err) {
		return err
	}
	return nil // another fault of the file is for the session to tell
}

// pending tells, without writing, whether an earlier run was interrupted.
func (w *Wizard) pending(ctx context.Context) (bool, error) {
	if err := w.mayTouch(); err != nil {
		return false, err
	}
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
// journal, which it puts aside, and an anchor that is behind the journal.
func (w *Wizard) Recover(ctx context.Context) ([]Note, error) {
	if err := w.mayTouch(); err != nil {
		return nil, err
	}
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
		return anchored(ctx, l), w.forgetLast(ctx, l)
	}
	snaps, err := journal.OpenSnapshots(w.Disk, w.Paths.State, v.keys)
	if err != nil {
		return nil, err
	}
	notes, err := w.settle(ctx, l, v, snaps, intent)
	w.begins(notes)
	return notes, err
}

// begins tells Began, if there is one.
func (w *Wizard) begins(notes []Note) {
	if w.Began != nil {
		w.Began(notes)
	}
}

// anchored repeats what an earlier run could not do, or a crash kept from it.
func anchored(ctx context.Context, l *journal.Log) []Note {
	if r := l.Report(); r.Anchor.Ahead == 0 && r.Head == l.Head() {
		return nil
	}
	return seal(ctx, l)
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

// settle ends the transaction of intent one way or the other, with the same events
// in the journal as if it had not been interrupted.
func (w *Wizard) settle(ctx context.Context, l *journal.Log, v *vault, snaps *journal.Snapshots, intent journal.Record) ([]Note, error) {
	intent = older([]journal.Record{intent})[0]
	in, err := decodeIntention(intent.Detail)
	if err != nil {
		return nil, err
	}
	if in.Purge != nil {
		return w.settlePurge(ctx, l, intent, *in.Purge)
	}
	if err := w.onlyManaged(l, v, snaps, intent, in); err != nil {
		return nil, err
	}
	done, err := w.inPlace(ctx, v, intent)
	if err != nil {
		return nil, err
	}
	done = done && !in.Live && !in.first
	when := intent.Time.Format("2006-01-02 15:04:05")
	u := undoing{w: w, vault: v, snaps: snaps}
	outcome, end := "undone", journal.Entry{Event: journal.TransactionUndone, Tx: intent.Tx, Phase: journal.PhaseUndone}
	var events []journal.Entry
	if done {
		outcome, end.Event, end.Phase = "finished", journal.TransactionCommitted, journal.PhaseCommit
		events, err = in.entries(intent.Tx, intent.Files, intent.Secrets, intent.Keys)
	} else if err = u.all(ctx, intent.Files, intent.Secrets, intent.Keys, in.Made); err != nil {
		err = hint.With(fmt.Errorf("undoing the transaction that was interrupted on %s: %w", when, err), "undo-failed")
	}
	if err != nil {
		return nil, err
	}
	recovered := journal.Entry{Event: journal.Recovered, Tx: intent.Tx, Phase: journal.PhaseEvent, Detail: map[string]string{"outcome": outcome}}
	if _, err := l.Append(ctx, append(append([]journal.Entry{recovered}, events...), end)...); err != nil {
		return nil, fmt.Errorf("journaling the recovery: %w", err)
	}
	if err := w.forget(ctx, intent.Secrets); err != nil {
		return nil, err
	}
	if err := l.Seal(ctx); err != nil {
		return nil, err
	}
	notes := []Note{{ID: "journal-recovered-" + outcome, State: Attention, Args: []any{when}}}
	if in.Live {
		notes = append(notes, Note{ID: "journal-recovered-live", State: Attention})
	}
	for _, path := range u.left {
		notes = append(notes, Note{ID: "undo-left", State: Attention, Args: []any{path}})
	}
	return notes, nil
}

// inPlace tells whether every change of the intent reached the disk and the
// store.
func (w *Wizard) inPlace(ctx context.Context, v *vault, intent journal.Record) (bool, error) {
	for _, f := range intent.Files {
		now, err := w.Disk.Read(f.Path, largestFile)
		if err != nil {
			return false, err
		}
		if w.digest(v, now, f.After) != f.After || now.Exists && modeText(now.Mode) != f.ModeAfter {
			return false, nil
		}
	}
	for _, s := range intent.Secrets {
		value, err := w.store(secrets.Kind(s.Store), s.Dir).Get(ctx, s.Name)
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

// undoing puts back what a transaction may have changed. It is safe to repeat. What
// the operator changed in the meantime is left as it is, but for our own settings in
// a file that we share.
type undoing struct {
	w     *Wizard
	vault *vault
	snaps *journal.Snapshots
	// left are files that hold neither what was before nor what was written.
	left []string
}

func (u *undoing) all(ctx context.Context, changes []journal.FileChange, values []journal.SecretChange, keys []journal.KeyChange, made []string) error {
	var errs []error
	for _, c := range slices.Backward(changes) {
		errs = append(errs, u.file(c, keys))
	}
	for _, c := range slices.Backward(values) {
		errs = append(errs, u.secret(ctx, c))
	}
	for _, dir := range slices.Backward(made) {
		errs = append(errs, u.w.Disk.RemoveEmptyDir(dir))
	}
	return errors.Join(errs...)
}

func (u *undoing) file(c journal.FileChange, keys []journal.KeyChange) error {
	if err := u.w.Disk.RemoveTemp(c.Path); err != nil {
		return err
	}
	now, err := u.w.Disk.Read(c.Path, largestFile)
	if err != nil {
		return err
	}
	switch {
	case u.w.digest(u.vault, now, c.Before) == c.Before && (!now.Exists || modeText(now.Mode) == c.ModeBefore):
		return nil // not reached yet
	case u.w.digest(u.vault, now, c.After) != c.After:
		return u.edited(c, now, keys)
	case c.Before == "":
		return u.w.Disk.Remove(c.Path)
	}
	data, err := u.before(c)
	if err != nil {
		return err
	}
	mode, err := parseMode(c.ModeBefore)
	if err != nil {
		return err
	}
	return u.w.Disk.WriteFile(c.Path, data, mode)
}

// before is the content of a file before the transaction: the one that the record has the
// digest of.
func (u *undoing) before(c journal.FileChange) ([]byte, error) {
	data, err := u.vault.content(u.snaps, c.SnapshotBefore, c.Before)
	if err != nil {
		return nil, fmt.Errorf("restoring %s: %w", c.Path, err)
	}
	return data, nil
}

// edited takes only our settings out of a file that somebody changed after us; a
// file of another kind is left.
func (u *undoing) edited(c journal.FileChange, now files.File, keys []journal.KeyChange) error {
	own := slices.DeleteFunc(slices.Clone(keys), func(k journal.KeyChange) bool { return k.File != c.Path })
	if !now.Exists || !isKeyed(c.After) || len(own) == 0 {
		u.left = append(u.left, c.Path)
		return nil
	}
	var before []byte
	if c.Before != "" {
		b, err := u.before(c)
		if err != nil {
			return err
		}
		before = b
	}
	applied, err := u.vault.content(u.snaps, c.SnapshotAfter, c.After)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", c.Path, err)
	}
	data, _, err := openclaw.Revert(now.Data, applied, before, keyPaths(own))
	if err != nil {
		u.left = append(u.left, c.Path)
		return nil //nolint:nilerr // it cannot be read any more: it is the operator's, and is reported
	}
	return u.w.Disk.WriteFile(c.Path, data, now.Mode)
}

func (u *undoing) secret(ctx context.Context, c journal.SecretChange) error {
	store := u.w.store(secrets.Kind(c.Store), c.Dir)
	if c.Old == "" {
		return u.newSecret(ctx, store, c)
	}
	old, err := store.Get(ctx, c.Name+secrets.Previous)
	if errors.Is(err, secrets.ErrNotFound) {
		// The change was not reached. Deleting clears a half-written copy.
		return store.Delete(ctx, c.Name+secrets.Previous)
	}
	if err != nil {
		return fmt.Errorf("reading the old %s: %w", c.Name, err)
	}
	if err := store.Set(ctx, c.Name, old); err != nil {
		return fmt.Errorf("restoring %s: %w", c.Name, err)
	}
	return store.Delete(ctx, c.Name+secrets.Previous)
}

// newSecret deletes an item that the transaction added, and no other value.
func (u *undoing) newSecret(ctx context.Context, store secrets.Store, c journal.SecretChange) error {
	now, err := store.Get(ctx, c.Name)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("reading the new %s: %w", c.Name, err)
	}
	if !now.IsZero() && u.vault.fingerprint(now) != c.New {
		return nil
	}
	// Deleting what is not there clears a half-written copy.
	return store.Delete(ctx, c.Name)
}

// forget deletes the old values that a transaction kept aside.
func (w *Wizard) forget(ctx context.Context, changes []journal.SecretChange) error {
	for _, c := range changes {
		if c.Old == "" {
			continue
		}
		if err := w.store(secrets.Kind(c.Store), c.Dir).Delete(ctx, c.Name+secrets.Previous); err != nil {
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
			return w.forget(ctx, older([]journal.Record{r})[0].Secrets)
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
