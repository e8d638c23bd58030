package wizard

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// ErrStalePlan says that the host changed between Plan and Apply.
var ErrStalePlan = errors.New("changed since the plan was made")

// Apply makes p true: all of it, or nothing. It holds the installation's lock,
// journals the intent before the first change and the commit after the last, and
// takes everything back when a step fails or ctx ends. A process killed on the way
// leaves the intent behind, which the next run finishes or undoes (Recover).
func (w *Wizard) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	if p.Empty() {
		return Result{Notes: p.Notes, Next: p.Next}, nil
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = lock.Release() }()
	if err := w.stillAsPlanned(p); err != nil {
		return Result{}, err
	}
	t := &transaction{w: w, plan: p, vault: p.vault, report: report, tx: newTx()}
	records, err := t.run(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{Changed: true, Records: records, Notes: p.Notes, Next: p.Next}, nil
}

func (w *Wizard) lock(ctx context.Context) (*files.Lock, error) {
	me := files.Holder{PID: os.Getpid(), User: journal.CurrentActor().User, Command: filepath.Base(w.Executable), Since: w.Now().UTC()}
	return w.Disk.Acquire(ctx, w.Paths.LockFile(), me, w.LockWait, w.Waiting)
}

// stillAsPlanned refuses to overwrite what nobody has seen in the diff.
func (w *Wizard) stillAsPlanned(p *Plan) error {
	for _, c := range p.Changes {
		now, err := w.Disk.Read(c.Path, largestFile)
		if err != nil {
			return err
		}
		if now.Exists != c.Before.Exists || now.Mode != c.Before.Mode || !bytes.Equal(now.Data, c.Before.Data) {
			return hint.With(fmt.Errorf("%s %w", c.Path, ErrStalePlan), "run-again")
		}
	}
	return nil
}

func newTx() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// transaction is one Apply under way.
type transaction struct {
	w      *Wizard
	plan   *Plan
	vault  *vault
	report func(Progress)
	tx     string

	log   *journal.Log
	snaps *journal.Snapshots
}

func (t *transaction) tell(state ProgressState, id string, args ...any) {
	if t.report != nil {
		t.report(Progress{ID: id, Args: args, State: state})
	}
}

func (t *transaction) run(ctx context.Context) ([]uint64, error) {
	log, err := t.w.openJournal(ctx, t.vault)
	if err != nil {
		return nil, err
	}
	t.log = log
	if t.snaps, err = journal.OpenSnapshots(t.w.Disk, t.w.Paths.State, t.vault.keys); err != nil {
		return nil, err
	}
	intent, err := t.intent()
	if err != nil {
		return nil, err
	}
	if _, err := t.log.Append(ctx, intent); err != nil {
		return nil, fmt.Errorf("journaling the intent: %w", err)
	}
	records, err := t.change(ctx, intent)
	if err != nil {
		return nil, t.takeBack(ctx, intent, err)
	}
	return records, t.finish(ctx, intent)
}

// intent says beforehand what will change, with snapshots of both sides: the
// journal alone must be able to undo or finish it.
func (t *transaction) intent() (journal.Entry, error) {
	e := journal.Entry{Event: journal.ChangeIntended, Tx: t.tx, Phase: journal.PhaseIntent, Detail: map[string]string{}}
	for _, c := range t.plan.Changes {
		f, err := t.fileChange(c)
		if err != nil {
			return e, err
		}
		e.Files = append(e.Files, f)
	}
	made, err := json.Marshal(t.missingFolders())
	if err != nil {
		return e, fmt.Errorf("encoding the intent: %w", err)
	}
	e.Detail[detailMade] = string(made)
	for _, s := range t.plan.Secrets {
		e.Secrets = append(e.Secrets, s.record())
		if s.Store == secrets.KindDocker {
			e.Detail[detailDir] = s.dir
		}
	}
	return e, nil
}

// What an intent's Detail holds beside the changes.
const (
	// detailDir is the stack's folder, where the docker store is.
	detailDir = "dir"
	// detailMade lists, as JSON, the folders that the transaction makes.
	detailMade = "made"
)

// missingFolders are the folders that the changes will make, parents first.
func (t *transaction) missingFolders() []string {
	out := []string{}
	for _, c := range t.plan.Changes {
		var missing []string
		for dir := filepath.Dir(c.Path); ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
				break
			}
			if !slices.Contains(out, dir) {
				missing = append(missing, dir)
			}
		}
		slices.Reverse(missing)
		out = append(out, missing...)
	}
	return out
}

func (s SecretChange) record() journal.SecretChange {
	return journal.SecretChange{Store: string(s.Store), Name: s.Name, Old: s.Old, New: s.New}
}

func (t *transaction) fileChange(c Change) (journal.FileChange, error) {
	f := journal.FileChange{Path: c.Path}
	var err error
	if c.Before.Exists {
		f.ModeBefore, f.Before = modeText(c.Before.Mode), t.vault.keys.Digest(c.Before.Data, c.Sensitive)
		if f.SnapshotBefore, err = t.snaps.Put(c.Before.Data); err != nil {
			return f, err
		}
	}
	if c.After.Exists {
		f.ModeAfter, f.After = modeText(c.After.Mode), t.vault.keys.Digest(c.After.Data, c.Sensitive)
		if f.SnapshotAfter, err = t.snaps.Put(c.After.Data); err != nil {
			return f, err
		}
	}
	return f, nil
}

// change makes the changes and commits them.
func (t *transaction) change(ctx context.Context, intent journal.Entry) ([]uint64, error) {
	for _, s := range t.plan.Secrets {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.tell(Begun, "secret", s.Name, string(s.Store))
		if err := s.apply(ctx); err != nil {
			return nil, err
		}
		t.tell(Durable, "secret", s.Name, string(s.Store))
	}
	for _, c := range t.plan.Changes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.tell(Begun, "file", c.Path)
		if err := t.w.put(c.Path, c.After); err != nil {
			return nil, err
		}
		t.tell(Durable, "file", c.Path)
	}
	return t.commit(ctx, intent)
}

// put makes path hold f, and reads it back.
func (w *Wizard) put(path string, f files.File) error {
	if !f.Exists {
		return w.Disk.Remove(path)
	}
	if err := w.Disk.WriteFile(path, f.Data, f.Mode); err != nil {
		return err
	}
	now, err := w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(now.Data, f.Data) {
		return fmt.Errorf("%s does not hold what was just written to it", path)
	}
	return nil
}

// apply puts the new value into the store, keeping the old one aside until the
// transaction is committed.
func (s SecretChange) apply(ctx context.Context) error {
	if s.Old != "" {
		old, err := s.store.Get(ctx, s.Name)
		if err != nil {
			return fmt.Errorf("reading %s from the %s store: %w", s.Name, s.Store, err)
		}
		if err := s.store.Set(ctx, s.Name+previous, old); err != nil {
			return fmt.Errorf("keeping the old %s in the %s store: %w", s.Name, s.Store, err)
		}
	}
	var err error
	if s.New == "" {
		err = s.store.Delete(ctx, s.Name)
	} else {
		err = s.store.Set(ctx, s.Name, s.value)
	}
	if err != nil {
		return fmt.Errorf("changing %s in the %s store: %w", s.Name, s.Store, err)
	}
	return nil
}

// previous marks the item that holds an old value during a transaction.
const previous = ".prev"

// commit writes one record for each domain event and then the commit, in one
// append.
func (t *transaction) commit(ctx context.Context, intent journal.Entry) ([]uint64, error) {
	entries := t.events(intent)
	t.tell(Begun, "journal")
	records, err := t.log.Append(ctx, append(entries, journal.Entry{Event: journal.TransactionCommitted, Tx: t.tx, Phase: journal.PhaseCommit})...)
	if err != nil {
		return nil, fmt.Errorf("journaling the changes: %w", err)
	}
	var seqs []uint64
	for _, r := range records {
		if r.Phase == journal.PhaseEvent {
			seqs = append(seqs, r.Seq)
		}
	}
	t.tell(Durable, "journal", len(seqs))
	return seqs, nil
}

// events groups the changes by the domain event that they make up, in the order
// of the Plan.
func (t *transaction) events(intent journal.Entry) []journal.Entry {
	var out []journal.Entry
	at := func(e journal.Event) *journal.Entry {
		i := slices.IndexFunc(out, func(x journal.Entry) bool { return x.Event == e })
		if i < 0 {
			out = append(out, journal.Entry{Event: e, Tx: t.tx, Phase: journal.PhaseEvent, Detail: t.plan.details[e]})
			i = len(out) - 1
		}
		return &out[i]
	}
	for i, s := range t.plan.Secrets {
		e := at(s.event)
		e.Secrets = append(e.Secrets, intent.Secrets[i])
	}
	for i, c := range t.plan.Changes {
		e := at(c.event)
		e.Files = append(e.Files, intent.Files[i])
		for _, k := range c.Keys {
			k.File = c.Path
			e.Keys = append(e.Keys, k)
		}
		for _, id := range c.Controls {
			if !slices.Contains(e.Why, id) {
				e.Why = append(e.Why, id)
			}
		}
	}
	for e := range t.plan.details {
		at(e)
	}
	return out
}

// finish is what follows the commit: nothing in it can make the new set-up
// untrue.
func (t *transaction) finish(ctx context.Context, intent journal.Entry) error {
	ctx = context.WithoutCancel(ctx)
	if err := t.w.forget(ctx, intent.Secrets, intent.Detail); err != nil {
		return fmt.Errorf("the changes are in place, but an old secret could not be deleted: %w", err)
	}
	if err := t.log.Seal(ctx); err != nil {
		return fmt.Errorf("the changes are in place, but the journal's head could not be anchored: %w", err)
	}
	return nil
}

// takeBack undoes a failed transaction and says so.
func (t *transaction) takeBack(ctx context.Context, intent journal.Entry, cause error) error {
	if errors.Is(cause, journal.ErrUncertain) {
		// The commit may be on the disk: the next run knows, and finishes or undoes.
		return hint.With(cause, "run-again")
	}
	ctx = context.WithoutCancel(ctx)
	t.tell(Begun, "undo")
	if err := t.w.undo(ctx, t.vault, t.snaps, intent.Files, intent.Secrets, intent.Detail); err != nil {
		return hint.With(fmt.Errorf("%w; and undoing it failed: %w", cause, err), "undo-failed")
	}
	detail := map[string]string{"reason": reason(cause)}
	if _, err := t.log.Append(ctx, journal.Entry{Event: journal.TransactionUndone, Tx: t.tx, Phase: journal.PhaseUndone, Detail: detail}); err != nil {
		return hint.With(fmt.Errorf("%w; every change was undone, but the journal could not be told: %w", cause, err), "undo-failed")
	}
	t.tell(Undone, "undo")
	return errors.Join(&UndoneError{Err: cause}, t.log.Seal(ctx))
}

// UndoneError says that a transaction failed and that everything it had changed
// was put back.
type UndoneError struct{ Err error }

func (e *UndoneError) Error() string { return e.Err.Error() }
func (e *UndoneError) Unwrap() error { return e.Err }
