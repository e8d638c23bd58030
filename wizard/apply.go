package wizard

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// ErrStalePlan says that the host changed between Plan and Apply.
var ErrStalePlan = errors.New("changed since the plan was made")

// Apply makes p true: all of it, or nothing. It holds the installation's lock,
// journals the intent before the first change and the commit after the last, and
// takes everything back when a step fails or ctx ends. A process killed on the way
// leaves the intent behind, which the next run finishes or undoes (Recover).
func (w *Wizard) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	if p.settled() {
		return Result{Notes: p.Notes, Next: p.Next}, nil
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = lock.Release() }()
	return w.transact(ctx, p, report)
}

// transact is Apply for a caller that holds the lock.
func (w *Wizard) transact(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	if err := w.stillAsPlanned(ctx, p); err != nil {
		return Result{}, err
	}
	t := &transaction{w: w, plan: p, vault: p.vault, report: report, tx: newTx()}
	records, notes, err := t.run(ctx)
	if err != nil {
		return Result{}, err
	}
	return Result{Changed: true, Records: records, Notes: append(slices.Clone(p.Notes), notes...), Next: p.Next}, nil
}

func (w *Wizard) lock(ctx context.Context) (*files.Lock, error) {
	me := files.Holder{PID: os.Getpid(), User: journal.CurrentActor().User, Command: filepath.Base(w.Executable), Since: w.Now().UTC()}
	return w.Disk.Acquire(ctx, w.Paths.LockFile(), me, w.LockWait, w.Waiting)
}

// stillAsPlanned refuses to overwrite what nobody has seen in the diff: files,
// secrets, and the set-up that the session started from.
func (w *Wizard) stillAsPlanned(ctx context.Context, p *Plan) error {
	setup, err := w.Disk.Read(w.Paths.SetupFile(), largestSetup)
	if err != nil {
		return err
	}
	if setup.Exists != p.basis.Exists || !bytes.Equal(setup.Data, p.basis.Data) {
		return hint.With(fmt.Errorf("%s %w", w.Paths.SetupFile(), ErrStalePlan), "run-again")
	}
	for _, c := range slices.Concat(p.Changes, p.left) {
		now, err := w.Disk.Read(c.Path, largestFile)
		if err != nil {
			return err
		}
		if now.Exists != c.Before.Exists || now.Mode != c.Before.Mode || !bytes.Equal(now.Data, c.Before.Data) {
			return hint.With(fmt.Errorf("%s %w", c.Path, ErrStalePlan), "run-again")
		}
	}
	for _, s := range p.Secrets {
		now, err := s.store.Get(ctx, s.Name)
		if err != nil && !errors.Is(err, secrets.ErrNotFound) {
			return Unread(s.Name, s.Store, err)
		}
		if p.vault.fingerprint(now) != s.Old {
			return hint.With(fmt.Errorf("%s in the %s store %w", s.Name, s.Store, ErrStalePlan), "run-again")
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

	log       *journal.Log
	snaps     *journal.Snapshots
	intention intention
	live      liveChange // nil when nothing runs, or was not reached
}

func (t *transaction) tell(state ProgressState, id string, args ...any) {
	if t.report != nil {
		t.report(Progress{ID: id, Args: args, State: state})
	}
}

// pass hands on what a part of the work reports by itself.
func (t *transaction) pass(p Progress) {
	if t.report != nil {
		t.report(p)
	}
}

func (t *transaction) run(ctx context.Context) ([]uint64, []Note, error) {
	// Keys that the first journal puts into files make folders, too.
	t.intention = intend(t.plan)
	log, err := t.w.openJournal(ctx, t.vault)
	if err != nil {
		return nil, nil, err
	}
	t.log = log
	if t.snaps, err = journal.OpenSnapshots(t.w.Disk, t.w.Paths.State, t.vault.keys); err != nil {
		return nil, nil, err
	}
	intent, err := t.intent()
	if err != nil {
		return nil, nil, err
	}
	if _, err := t.log.Append(ctx, intent); err != nil {
		return nil, nil, fmt.Errorf("journaling the intent: %w", err)
	}
	records, err := t.change(ctx, intent)
	if err != nil {
		return nil, nil, t.takeBack(ctx, intent, err)
	}
	return records, t.finish(ctx, intent), nil
}

// intent says beforehand what will change, with snapshots of both sides: the
// journal alone must be able to undo or finish it.
func (t *transaction) intent() (journal.Entry, error) {
	detail, err := t.intention.encode()
	if err != nil {
		return journal.Entry{}, err
	}
	e := journal.Entry{Event: journal.ChangeIntended, Tx: t.tx, Phase: journal.PhaseIntent, Detail: detail}
	for _, c := range slices.Concat(t.plan.Changes, t.plan.left) {
		f, err := t.fileChange(c)
		if err != nil {
			return e, err
		}
		e.Files = append(e.Files, f)
		for _, k := range c.Keys {
			k.File = c.Path
			e.Keys = append(e.Keys, k)
		}
	}
	for _, s := range t.plan.Secrets {
		e.Secrets = append(e.Secrets, s.record())
	}
	return e, nil
}

func (s SecretChange) record() journal.SecretChange {
	return journal.SecretChange{Store: string(s.Store), Dir: s.dir, Name: s.Name, Old: s.Old, New: s.New}
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
	if t.plan.live != nil {
		var err error
		if t.live, err = t.plan.live(ctx, t.pass); err != nil {
			return nil, err
		}
	}
	return t.commit(ctx, intent)
}

// put makes path hold f, and reads it back.
func (w *Wizard) put(path string, f files.File) error {
	if !f.Exists {
		return w.remove(path)
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

// remove deletes a file, and the folders of our own that it leaves empty.
func (w *Wizard) remove(path string) error {
	if err := w.Disk.Remove(path); err != nil {
		return err
	}
	for dir := filepath.Dir(path); slices.Contains([]string{"clawsetup", "claude", openclaw.BackendID, loginWants, watchWants}, filepath.Base(dir)); dir = filepath.Dir(dir) {
		if dir == w.Paths.Config || dir == w.Paths.State {
			break
		}
		if err := w.Disk.RemoveEmptyDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// apply puts the new value into the store, keeping the old one aside until the
// transaction is committed.
func (s SecretChange) apply(ctx context.Context) error {
	if s.Old != "" {
		old, err := s.store.Get(ctx, s.Name)
		if err != nil {
			return Unread(s.Name, s.Store, err)
		}
		if err := s.store.Set(ctx, s.Name+secrets.Previous, old); err != nil {
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

// commit writes one record for each domain event and then the commit, in one
// append.
func (t *transaction) commit(ctx context.Context, intent journal.Entry) ([]uint64, error) {
	entries, err := t.intention.entries(t.tx, intent.Files, intent.Secrets, intent.Keys)
	if err != nil {
		return nil, err
	}
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

// finish is what follows the commit: nothing in it can make the new set-up untrue,
// and the next run repeats what fails here.
func (t *transaction) finish(ctx context.Context, intent journal.Entry) []Note {
	var notes []Note
	if t.live != nil {
		if err := t.live.keep(ctx, t.pass); err != nil {
			notes = append(notes, Note{ID: "old-container-stays", State: Attention, Args: []any{reason(err)}})
		}
	}
	ctx = context.WithoutCancel(ctx)
	if err := t.w.forget(ctx, intent.Secrets); err != nil {
		notes = append(notes, Note{ID: "old-secret-stays", State: Attention, Args: []any{reason(err)}})
	}
	return append(notes, seal(ctx, t.log)...)
}

// seal anchors the journal's end, or says that this is left to the next command.
func seal(ctx context.Context, l *journal.Log) []Note {
	if err := l.Seal(ctx); err != nil {
		return []Note{{ID: "journal-not-anchored", State: Attention, Args: []any{reason(err)}}}
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
	u := undoing{w: t.w, vault: t.vault, snaps: t.snaps}
	err := u.all(ctx, intent.Files, intent.Secrets, intent.Keys, t.intention.Made)
	if err == nil && t.live != nil {
		err = t.live.back(ctx)
	}
	if err != nil {
		return hint.With(fmt.Errorf("%w; and undoing it failed: %w", cause, err), "undo-failed")
	}
	detail := map[string]string{"reason": reason(cause)}
	if _, err := t.log.Append(ctx, journal.Entry{Event: journal.TransactionUndone, Tx: t.tx, Phase: journal.PhaseUndone, Detail: detail}); err != nil {
		return hint.With(fmt.Errorf("%w; every change was undone, but the journal could not be told: %w", cause, err), "undo-failed")
	}
	t.tell(Undone, "undo")
	// An anchor that is behind by an undone transaction is no fault; the next run
	// saves it.
	_ = t.log.Seal(ctx)
	return &UndoneError{Err: cause, Left: u.left}
}

// UndoneError says that a transaction failed and that everything it had changed
// was put back, but for the files in Left, which somebody changed in the meantime.
type UndoneError struct {
	Err  error
	Left []string
}

func (e *UndoneError) Error() string {
	if len(e.Left) > 0 {
		return e.Err.Error() + "; changed by somebody else and left as they are: " + strings.Join(e.Left, ", ")
	}
	return e.Err.Error()
}
func (e *UndoneError) Unwrap() error { return e.Err }
