package wizard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// removeTime bounds what an engine may take to remove everything.
const removeTime = 3 * time.Minute

// Apply implements Session: the transaction, and after its commit what no journal brings
// back, in an order in which the next run can finish after a crash. The operator leaving
// does not stop the second part. At last every place that is known is searched.
func (s *UninstallSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	if p.Empty() {
		return Result{Notes: p.Notes}, nil
	}
	if report == nil {
		report = func(Progress) {}
	}
	lock, err := s.w.lock(ctx)
	if err != nil {
		return Result{}, err
	}
	held := &heldLock{lock: lock}
	defer held.release()
	res := Result{Notes: slices.Clone(p.Notes), Next: p.Next}
	if !p.settled() {
		if res, err = s.w.transact(ctx, p, report); err != nil {
			return Result{}, err
		}
	}
	res.Changed = true
	if !s.opts.KeepJournal {
		res.Records = nil // they go with the journal
	}
	notes, err := s.rest(context.WithoutCancel(ctx), p, held, report)
	res.Notes, res.Stayed = append(res.Notes, notes...), s.stayed
	if err != nil {
		s.searchAfter(context.WithoutCancel(ctx))
		return Result{}, hint.With(errors.Join(fmt.Errorf("the set-up is taken back, but not all of the rest is removed: %w", err), s.foundErr()), "uninstall-again")
	}
	return res, nil
}

// searchAfter searches what a run left that did not get to its end, unless it came as far as
// that: the values are known in this run alone.
func (s *UninstallSession) searchAfter(ctx context.Context) {
	if s.searched {
		return
	}
	stays, err := journal.Exists(s.w.Disk, s.w.Paths.State)
	s.search(ctx, s.left(), stays || err != nil)
}

// foundErr says where secrets still are; nil when none was found.
func (s *UninstallSession) foundErr() error {
	var errs []error
	for _, t := range s.found[:min(len(s.found), mostNamed)] {
		errs = append(errs, fmt.Errorf("%s is still in %s", t.Secret, text.Clean(t.Where, 200)))
	}
	if more := len(s.found) - mostNamed; more > 0 {
		errs = append(errs, fmt.Errorf("and secrets are in %d places more", more))
	}
	return errors.Join(errs...)
}

// heldLock is a lock that is given back once.
type heldLock struct{ lock *files.Lock }

func (h *heldLock) release() {
	if h.lock != nil {
		_ = h.lock.Release()
		h.lock = nil
	}
}

// rest is what follows the commit. Every part of it can be repeated.
func (s *UninstallSession) rest(ctx context.Context, p *Plan, held *heldLock, report func(Progress)) ([]Note, error) {
	notes, err := s.emptyEngines(ctx, report)
	if err != nil {
		return nil, err
	}
	notes = append(notes, s.noteLeft()...)
	p.tell(report, Begun, removeRuntime)
	if err := s.removeCopies(); err != nil {
		return nil, err
	}
	p.tell(report, Durable, removeRuntime)
	left := s.left()
	if s.opts.KeepJournal {
		more, err := s.keep(ctx, left)
		p.tell(report, Durable, removeFolder)
		return append(notes, more...), err
	}
	p.tell(report, Begun, removeJournal)
	if len(left.Stores) > 0 {
		if err := s.w.deleteJournal(ctx, left); err != nil {
			return nil, err
		}
	}
	held.release()
	if err := s.w.leaveState(); err != nil {
		return nil, err
	}
	p.tell(report, Durable, removeJournal, removeKeys, removeFolder)
	return append(notes, s.search(ctx, left, false)...), nil
}

// removeCopies deletes the copies of the secrets in the runtime folder, and the files of
// a trial.
func (s *UninstallSession) removeCopies() error {
	errs := []error{s.w.removeTrial()}
	for _, dir := range s.runtimes() {
		errs = append(errs, s.w.hideSecretsIn(dir), s.w.Disk.RemoveEmptyDir(filepath.Dir(dir)))
	}
	return errors.Join(errs...)
}

// runtimes are the folders that may hold copies of the keyring's secrets: the present one,
// those that the journal or the compose file names, and that of a run that is resumed.
func (s *UninstallSession) runtimes() []string {
	out := []string{s.w.runtimeDir()}
	more := s.known.used.runtimes
	if s.remains != nil {
		more = slices.DeleteFunc(slices.Clone(s.remains.Own), func(dir string) bool { return !s.w.isRuntime(dir) })
	}
	for _, dir := range more {
		if s.w.isRuntime(dir) && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}

// tell reports how far the removals of some kinds are.
func (p *Plan) tell(report func(Progress), state ProgressState, kinds ...string) {
	for _, r := range p.Removals {
		if slices.Contains(kinds, r.Kind) {
			report(Progress{ID: "remove-" + r.Kind, Args: []any{r.Name}, State: state})
		}
	}
}

// left is what is to be deleted without the journal.
func (s *UninstallSession) left() remains {
	if s.remains != nil {
		return *s.remains
	}
	k := s.known
	out := remains{Stores: k.stores, Held: k.held, Folders: slices.Clone(k.made), Own: append(s.runtimes(), s.w.Paths.Config, s.w.Paths.State), Engines: s.unasked()}
	for _, at := range k.stores {
		if at.Dir != "" {
			out.Own = append(out.Own, filepath.Join(at.Dir, "secrets"))
			out.Searched = append(out.Searched, at.Dir)
		}
	}
	_, beside := k.claudeDirs()
	out.Own = append(out.Own, beside...)
	for _, t := range k.touched {
		dir := filepath.Dir(t.first.Path)
		if out.Searched = append(out.Searched, dir); t.shared {
			out.Deep = append(out.Deep, dir) // OpenClaw's own: its logs and agents
		}
	}
	out.Folders = append(out.Folders, out.Own...)
	for _, list := range []*[]string{&out.Folders, &out.Own, &out.Searched, &out.Deep} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return out
}

// keep leaves the journal with its keys and writes down what was removed and found. The
// items beside those of the set-up go.
func (s *UninstallSession) keep(ctx context.Context, left remains) ([]Note, error) {
	for _, at := range left.Stores {
		if err := s.w.deleteItems(ctx, at, storedNames); err != nil {
			return nil, err
		}
	}
	if err := s.w.removeFolders(left.Folders); err != nil {
		return nil, err
	}
	searched := s.search(ctx, left, true)
	log, err := s.w.openJournal(ctx, s.known.vault)
	if err != nil {
		return nil, err
	}
	detail := map[string]string{
		detailUninstall: "journal kept",
		"images_in_use": strconv.Itoa(len(s.stayed)), "secrets_sought": strconv.Itoa(len(s.sought)), "secrets_found": strconv.Itoa(len(s.found)),
	}
	if err := s.engineDetail(detail); err != nil {
		return nil, err
	}
	if _, err := log.Append(ctx, journal.Entry{Event: journal.SetupRemoved, Phase: journal.PhaseEvent, Why: []string{"R-02"}, Detail: detail}); err != nil {
		return nil, fmt.Errorf("journaling what was removed: %w", err)
	}
	return searched, log.Seal(ctx)
}

// staying names our folders that hold something of somebody else's.
func (s *UninstallSession) staying(left remains) []Note {
	var out []Note
	for _, dir := range left.Own {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is gone
		}
		var names []string
		for _, e := range entries {
			if path := filepath.Join(dir, e.Name()); !slices.Contains(left.Own, path) && !s.kept(path) {
				names = append(names, text.Clean(e.Name(), 60))
			}
		}
		if len(names) > 0 {
			out = append(out, Note{ID: "uninstall-folder-stays", State: Attention, Args: []any{dir, names[:min(len(names), mostNamed)], len(names)}})
		}
	}
	return out
}

// mostNamed is how many entries of a folder are named.
const mostNamed = 5

// kept tells whether a path stays for the kept journal.
func (s *UninstallSession) kept(path string) bool {
	if !s.opts.KeepJournal {
		return false
	}
	dir, name := filepath.Split(path)
	switch at := s.known.vault.dir; filepath.Clean(dir) {
	case s.w.Paths.State:
		return true
	case at:
		return name == ignoreName
	case filepath.Join(at, "secrets"):
		return slices.Contains(secrets.WithKept(keyNames), name)
	}
	return false
}

// itemsLeft looks whether the stores really forgot these.
func (s *UninstallSession) itemsLeft(ctx context.Context, left remains, names []string) ([]Trace, []Note) {
	var found []Trace
	var notes []Note
	for _, at := range left.Stores {
		for _, name := range secrets.WithKept(names) {
			_, err := s.w.store(at.Kind, at.Dir).Get(ctx, name)
			if errors.Is(err, secrets.ErrNotFound) {
				continue
			}
			if err != nil {
				notes = append(notes, Note{ID: "uninstall-store-unchecked", State: NotChecked, Args: []any{string(at.Kind), reason(err)}})
				break
			}
			found = append(found, Trace{Secret: name, Where: cmp.Or(at.Dir, string(at.Kind)), Form: "item"})
		}
	}
	return found, notes
}
