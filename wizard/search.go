package wizard

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// sought is a secret that must not be anywhere any more.
type sought struct {
	name  string
	value secrets.Secret
}

// Trace is a place where a secret was found that was to be gone.
type Trace struct {
	// Secret is its name, never its value.
	Secret string `json:"secret"`
	// Where is a path, a store or a container.
	Where string `json:"where"`
	// Form is how it stands there: clear, hex or base64, or item for one of a store.
	Form string `json:"form"`
}

const (
	// largestSearched bounds a file that is searched, in bytes.
	largestSearched = 64 << 20
	// mostSearched bounds how many files are.
	mostSearched = 50_000
)

// searching is one search for secrets.
type searching struct {
	w      *Wizard
	sought []sought
	snaps  *journal.Snapshots

	found []Trace
	seen  map[string]bool
	files int
	// skipped are places that could not be looked into.
	skipped []string
}

// search looks for the secrets in every place that is known: our own folders and what is
// left in them, the folders that our files were in, the snapshots of a kept journal, and
// what the engine shows of its containers. It says what was not looked into.
func (s *UninstallSession) search(ctx context.Context, left remains) []Note {
	found, notes := s.itemsLeft(ctx, left)
	q := &searching{w: s.w, sought: s.sought, found: found, seen: map[string]bool{}}
	if s.opts.KeepJournal {
		if snaps, err := journal.OpenSnapshots(s.w.Disk, s.w.Paths.State, s.known.vault.keys); err == nil {
			q.snaps = snaps
		}
	}
	for _, dir := range left.Own {
		q.tree(dir)
	}
	for _, dir := range left.Searched {
		q.folder(dir)
	}
	containers := q.containers(ctx)
	s.found = q.found
	for _, t := range q.found {
		notes = append(notes, Note{ID: "uninstall-found", State: Failed, Args: []any{t.Secret, t.Where, t.Form}})
	}
	switch {
	case len(s.sought) == 0:
		notes = append(notes, Note{ID: "uninstall-not-searched", State: NotChecked})
	case len(q.found) == 0:
		notes = append(notes, Note{ID: "uninstall-searched", Args: []any{len(s.sought), q.files}})
	}
	if len(q.skipped) > 0 {
		notes = append(notes, Note{ID: "uninstall-skipped", State: NotChecked, Args: []any{q.skipped[:min(len(q.skipped), mostNamed)], len(q.skipped)}})
	}
	if len(s.sought) > 0 {
		notes = append(notes, containers)
	}
	return append(notes, s.staying(left)...)
}

// tree searches a folder and everything below it; links are not followed.
func (q *searching) tree(dir string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			q.skipped = append(q.skipped, path)
			return nil //nolint:nilerr // the rest is searched all the same
		case q.files >= mostSearched:
			q.skipped = append(q.skipped, path)
			return fs.SkipAll
		}
		q.file(path, e)
		return nil
	})
	if err != nil {
		q.skipped = append(q.skipped, dir)
	}
}

// folder searches the files of a folder that is not ours, and no folder in it.
func (q *searching) folder(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			q.skipped = append(q.skipped, dir)
		}
		return
	}
	for _, e := range entries {
		q.file(filepath.Join(dir, e.Name()), e)
	}
}

// file searches one regular file, once.
func (q *searching) file(path string, e fs.DirEntry) {
	if !e.Type().IsRegular() || q.seen[path] || path == q.w.Paths.LockFile() {
		return
	}
	q.seen[path] = true
	b, err := q.w.Disk.ReadFile(path, largestSearched)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		q.skipped = append(q.skipped, path)
		return
	}
	q.files++
	q.bytes(path, b)
	if q.snaps != nil && filepath.Dir(path) == filepath.Join(q.w.Paths.State, "snapshots") {
		if content, err := q.snaps.Get(filepath.Base(path)); err == nil {
			q.bytes(path, content)
		}
	}
}

func (q *searching) bytes(where string, b []byte) {
	for _, s := range q.sought {
		t := Trace{Secret: s.name, Where: where, Form: string(s.value.In(b))}
		if t.Form != "" && !slices.Contains(q.found, t) {
			q.found = append(q.found, t)
		}
	}
}

// containers searches what docker inspect shows of every container that is left.
func (q *searching) containers(ctx context.Context) Note {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	e, err := q.w.Engine(ctx)
	if err == nil {
		defer func() { _ = e.Close() }()
		var shown map[string][]byte
		if shown, err = e.Descriptions(ctx); err == nil {
			for name, b := range shown {
				q.bytes("docker inspect "+name, b)
			}
			return Note{ID: "uninstall-containers-searched", Args: []any{len(shown)}}
		}
	}
	return Note{ID: "uninstall-containers-unchecked", State: NotChecked, Args: []any{reason(err)}}
}
