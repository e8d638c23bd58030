package wizard

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/engine"
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
	// deepTime bounds the search below the folders that are not ours.
	deepTime = time.Minute
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
// left in them, the folders that our files were in, OpenClaw's with all that is below it,
// the snapshots of a kept journal, what the engine shows of its containers, and where
// doctor looks for keys. It says what was not looked into, and which values are not known. While
// the journal stays, its keys are where they belong.
func (s *UninstallSession) search(ctx context.Context, left remains, journalStays bool) []Note {
	names, seek := slices.Concat(storedNames, keyNames), s.sought
	if journalStays {
		names = storedNames
		seek = slices.DeleteFunc(slices.Clone(seek), func(o sought) bool { return !slices.Contains(secrets.WithKept(storedNames), o.name) })
	}
	s.searched = true
	found, notes := s.itemsLeft(ctx, left, names)
	q := &searching{w: s.w, sought: seek, found: found, seen: map[string]bool{}}
	if journalStays && s.known.vault != nil {
		if snaps, err := journal.OpenSnapshots(s.w.Disk, s.w.Paths.State, s.known.vault.keys); err == nil {
			q.snaps = snaps
		}
	}
	for _, dir := range left.Own {
		q.tree(ctx, dir)
	}
	for _, dir := range left.Searched {
		q.folder(dir)
	}
	q.deep(ctx, left.Deep)
	containers := s.containers(ctx, q)
	s.elsewhere(ctx, q)
	s.found = q.found
	for _, t := range q.found {
		notes = append(notes, Note{ID: "uninstall-found", State: Failed, Args: []any{t.Secret, t.Where, t.Form}})
	}
	unknown := s.unsought(left.Held)
	if len(unknown) > 0 {
		notes = append(notes, Note{ID: "uninstall-unsought", State: NotChecked, Args: []any{unknown}})
	}
	switch {
	case len(q.sought) == 0 && len(unknown) == 0:
		notes = append(notes, Note{ID: "uninstall-not-searched", State: NotChecked})
	case len(q.sought) > 0 && len(q.found) == 0:
		n := Note{ID: "uninstall-searched", Args: []any{len(q.sought), q.files}}
		if len(unknown) > 0 {
			n.State = NotChecked // the whole was not
		}
		notes = append(notes, n)
	}
	if len(q.skipped) > 0 {
		notes = append(notes, Note{ID: "uninstall-skipped", State: NotChecked, Args: []any{q.skipped[:min(len(q.skipped), mostNamed)], len(q.skipped)}})
	}
	if len(q.sought) > 0 {
		notes = append(notes, containers...)
	}
	return append(notes, s.staying(left)...)
}

// unsought are those of the secrets that a store once held and whose values nobody knows
// any more.
func (s *UninstallSession) unsought(held []string) []string {
	return slices.DeleteFunc(slices.Clone(held), func(name string) bool {
		return slices.ContainsFunc(s.sought, func(o sought) bool { return o.name == name })
	})
}

// searchedHost is where doctor would look for keys by the set-up, nil for one that cannot be
// read; nil when that is not known. No concession counts.
func (w *Wizard) searchedHost(setup *Setup) *doctor.Host {
	h, err := w.hostOf(setup, w.History)
	if err != nil {
		return nil
	}
	if h.Made == nil {
		h.Made = &doctor.Made{ConfigDir: w.Paths.Config, StateDir: w.Paths.State, StackDir: w.Paths.Config}
	}
	h.Made.Waivers = nil
	return h
}

// elsewhere searches where people and programs leave keys: processes, histories of shells,
// profiles, files of variables, settings of Claude Code, what git tracks.
func (s *UninstallSession) elsewhere(ctx context.Context, q *searching) {
	if s.host == nil {
		q.skipped = append(q.skipped, "processes", q.w.Paths.Home)
		return
	}
	values := map[string]secrets.Secret{}
	for _, o := range q.sought {
		values[o.name] = o.value
	}
	s.host.Made.Secrets = func(context.Context) (map[string]secrets.Secret, error) { return values, nil }
	found, gaps := doctor.Holding(ctx, s.host)
	for _, f := range found {
		known := func(t Trace) bool { return t.Secret == f.Holds && t.Where == f.Where.Path }
		if !slices.ContainsFunc(q.found, known) {
			q.found = append(q.found, Trace{Secret: f.Holds, Where: f.Where.String(), Form: string(secrets.InClear)})
		}
	}
	for _, g := range gaps {
		q.skipped = append(q.skipped, g.Where)
	}
}

// deep searches folders of OpenClaw's with what is below them, as far as the time goes. Of the
// home, or what it is in, only the files are: the rest is not OpenClaw's.
func (q *searching) deep(ctx context.Context, dirs []string) {
	ctx, cancel := context.WithTimeout(ctx, deepTime)
	defer cancel()
	for _, dir := range dirs {
		if dir == q.w.Paths.Home || within(dir, q.w.Paths.Home) {
			q.folder(dir)
			q.skipped = append(q.skipped, dir)
			continue
		}
		q.tree(ctx, dir)
	}
}

// tree searches a folder and everything below it until ctx ends; links are not followed.
func (q *searching) tree(ctx context.Context, dir string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			q.skipped = append(q.skipped, path)
			return nil //nolint:nilerr // the rest is searched all the same
		case q.files >= mostSearched || ctx.Err() != nil:
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

// containers searches what docker inspect shows of every container that is left, in each
// engine that was asked; a run that is resumed asks the present one.
func (s *UninstallSession) containers(ctx context.Context, q *searching) []Note {
	connects := []func(context.Context) (*engine.Engine, error){s.w.Engine}
	if len(s.asked) > 0 {
		connects = nil
	}
	for _, a := range s.asked {
		connects = append(connects, func(ctx context.Context) (*engine.Engine, error) {
			if a.err != nil {
				return nil, a.err
			}
			return s.w.EngineAt(ctx, a.at)
		})
	}
	var notes []Note
	searched, count := false, 0
	for _, connect := range connects {
		n, err := q.inspected(ctx, connect)
		if err != nil {
			notes = append(notes, Note{ID: "uninstall-containers-unchecked", State: NotChecked, Args: []any{reason(err)}})
			continue
		}
		searched, count = true, count+n
	}
	if searched {
		notes = append(notes, Note{ID: "uninstall-containers-searched", Args: []any{count}})
	}
	return notes
}

// inspected searches the containers of one engine, and counts them.
func (q *searching) inspected(ctx context.Context, connect func(context.Context) (*engine.Engine, error)) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	e, err := connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = e.Close() }()
	shown, err := e.Descriptions(ctx)
	for name, b := range shown {
		q.bytes("docker inspect "+name, b)
	}
	return len(shown), err
}
