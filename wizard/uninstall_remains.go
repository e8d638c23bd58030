package wizard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// ErrUninstalling says that an uninstall was interrupted after everything was taken
// back, while the journal and its keys were being deleted.
var ErrUninstalling = errors.New("an uninstall was interrupted while it deleted the journal")

// remains is what an uninstall has still to delete once the journal, which knew it,
// begins to go: the file lets the next run finish.
type remains struct {
	// Stores are those that may hold items of ours.
	Stores []storePlace `json:"stores"`
	// Folders go when nothing is in them, the deepest first.
	Folders []string `json:"folders"`
	// Own are the folders that bear our name: one that is not empty is told.
	Own []string `json:"own"`
	// Searched are folders whose own files are searched for secrets, Deep those that are
	// searched with all that is below them.
	Searched []string `json:"searched"`
	Deep     []string `json:"deep"`
	// Held are the secrets of the set-up that a store ever held.
	Held []string `json:"held"`
	// Engines could not be asked; what they hold stays, and is told again.
	Engines []leftEngine `json:"engines,omitempty"`
}

// storePlace is one secret store; Dir is the folder of a docker store.
type storePlace struct {
	Kind secrets.Kind `json:"kind"`
	Dir  string       `json:"dir,omitempty"`
}

func (w *Wizard) remainsFile() string { return filepath.Join(w.Paths.State, "uninstalling") }

// largestRemains bounds that file, in bytes.
const largestRemains = 1 << 20

// loadRemains is nil when no uninstall was interrupted in its last part.
func (w *Wizard) loadRemains() (*remains, error) {
	f, err := w.Disk.Read(w.remainsFile(), largestRemains)
	if err != nil || !f.Exists {
		return nil, err
	}
	out, err := decodeRemains(f.Data)
	if err != nil {
		err = fmt.Errorf("reading what an uninstall had still to delete, %s: %w", w.remainsFile(), err)
		return nil, hint.With(err, "uninstall-list", w.remainsFile())
	}
	return out, nil
}

func decodeRemains(b []byte) (*remains, error) {
	var out remains
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	for _, p := range slices.Concat(out.Folders, out.Own, out.Searched, out.Deep) {
		if !filepath.IsAbs(p) {
			return nil, fmt.Errorf("%q is not an absolute path", p)
		}
	}
	return &out, nil
}

// refuseUninstalling keeps every other change from a set-up that is half deleted.
func (w *Wizard) refuseUninstalling() error {
	r, err := w.loadRemains()
	if err != nil || r == nil {
		return err
	}
	return hint.With(ErrUninstalling, "uninstall-again")
}

func (w *Wizard) saveRemains(r remains) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding what is still to be deleted: %w", err)
	}
	return w.Disk.WriteFile(w.remainsFile(), append(b, '\n'), private)
}

// storedNames are the items that the set-up has in a store, keyNames those of the
// journal.
var (
	storedNames = secrets.SetupNames()
	keyNames    = secrets.JournalNames()
)

// deleteItems takes items out of a store, with what is kept beside them; one that is not
// there is no error.
func (w *Wizard) deleteItems(ctx context.Context, at storePlace, names []string) error {
	store := w.store(at.Kind, at.Dir)
	for _, name := range secrets.WithKept(names) {
		if err := store.Delete(ctx, name); err != nil {
			return fmt.Errorf("deleting %s from the %s store: %w", name, at.Kind, err)
		}
	}
	return nil
}

// deleteJournal deletes the journal for good, then its keys: whatever is left after a
// crash, r is still there and says what to go on with.
func (w *Wizard) deleteJournal(ctx context.Context, r remains) error {
	if err := w.saveRemains(r); err != nil {
		return err
	}
	if err := journal.Remove(w.Disk, w.Paths.State); err != nil {
		return err
	}
	for _, at := range r.Stores {
		if err := w.deleteItems(ctx, at, slices.Concat(storedNames, keyNames)); err != nil {
			return err
		}
	}
	if err := w.removeFolders(r.Folders); err != nil {
		return err
	}
	if err := w.sweepState(); err != nil {
		return err
	}
	return w.Disk.Remove(w.remainsFile())
}

func (w *Wizard) sweepState() error {
	return errors.Join(w.Disk.SweepTemp(w.Paths.State), w.Disk.RemoveTemp(w.Paths.LockFile()))
}

// deepest orders folders so that each comes before the one that it is in.
func deepest(folders []string) []string {
	out := slices.Clone(folders)
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	return slices.Compact(out)
}

// hollow are those of the folders in which there is nothing, or only such folders: what a
// run leaves that was killed between a file and its folder.
func hollow(folders []string) []string {
	var out []string
	for _, dir := range deepest(folders) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it is gone
		}
		held := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !slices.Contains(out, filepath.Join(dir, e.Name())) })
		if !held {
			out = append(out, dir)
		}
	}
	return out
}

// removeFolders deletes those of the folders that are empty, the deepest first.
func (w *Wizard) removeFolders(folders []string) error {
	for _, dir := range deepest(folders) {
		if dir == w.Paths.State {
			continue // the lock is in it until the end
		}
		if err := w.Disk.RemoveEmptyDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// deserted tells whether the state folder holds nothing but the lock: what a first run
// that came to nothing leaves, or an uninstall that was interrupted at its very end.
func (w *Wizard) deserted() bool {
	entries, err := os.ReadDir(w.Paths.State)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(w.Paths.LockFile()) {
			return false
		}
	}
	return true
}

// leaveState removes the lock, which nobody may hold any more, and the folder that it
// is in when nothing else is there.
func (w *Wizard) leaveState() error {
	return errors.Join(w.Disk.Remove(w.Paths.LockFile()), w.Disk.RemoveEmptyDir(w.Paths.State))
}
