package claude

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// Session is what Claude Code keeps of one conversation: the transcript, and all
// that carries its id (control I-03).
type Session struct {
	// ID is the session's, a UUID but in old transcripts; foreign text.
	ID    string `json:"id,omitempty"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	// Newest is when the newest of its files was written.
	Newest time.Time `json:"newest,omitzero"`
	// Running says that a Claude Code process that lives is at work on it.
	Running bool `json:"running,omitempty"`
	// Refused is what carries its id and is not deleted.
	Refused []Refusal `json:"refused,omitempty"`

	parts []part
}

// Deletable tells whether anything of the session can be deleted.
func (s Session) Deletable() bool { return len(s.parts) > 0 }

// part is one entry of a folder of Claude Code's.
type part struct {
	// dir is where, from the folder of Claude Code on, with slashes.
	dir string
	st  fs.FileInfo
}

// Refusal is an entry that is neither looked into nor deleted, and why.
type Refusal struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func refusal(path string, err error) Refusal {
	return Refusal{Path: path, Reason: strings.TrimPrefix(err.Error(), path+": ")}
}

// Folder is the folder of a project in which nothing is left.
type Folder struct {
	Name     string
	Modified time.Time
}

// Transcripts is what is at rest in a folder of Claude Code's.
type Transcripts struct {
	// Sessions are ordered by their newest file, the oldest first.
	Sessions []Session
	// Rest is what the transcript folders hold beside sessions: the memory of projects,
	// and the prompts that were typed by hand. It has no id.
	Rest Session
	// Empty are the folders of projects without any session.
	Empty []Folder
	// Typed says that there is a history of prompts that were typed by hand, which does
	// not go with a session.
	Typed bool
	// Refused is what was not looked into.
	Refused []Refusal
}

// The names that Claude Code gives. Measured with 2.1.330: -p writes
// projects/SLUG/ID.jsonl, projects/SLUG/ID/{subagents,tool-results}, an empty
// projects/SLUG/memory and, while it runs, sessions/PID.json; with tools session-env/ID;
// with --debug debug/ID.txt. The other folders are those that its own "claude purge" and
// its clean-up know by session.
const (
	projectsDir = "projects"
	memoryDir   = "memory"
	sessionsDir = "sessions"
	typedFile   = "history.jsonl"
	transcript  = ".jsonl"
)

// besides are the folders, other than those of projects, whose entries carry the id
// of a session in their name.
var besides = []string{
	"debug", "dump-prompts", "file-history", "image-cache", "session-env", "tasks", "telemetry", "todos", "uploads",
	"usage-data/facets", "usage-data/session-meta",
}

// uuid is the form of Claude Code's session ids.
var uuid = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

// sessionOf is the id of the session that an entry belongs to: the first that its
// name holds, or else the name of a transcript. It is empty for an entry of no session.
func sessionOf(name string) string {
	if id := uuid.FindString(name); id != "" {
		return id
	}
	id, ok := strings.CutSuffix(name, transcript)
	if !ok {
		return ""
	}
	return id
}

// The bounds of a search.
const (
	mostEntries = 1 << 20
	deepest     = 32
)

// FindTranscripts looks through dir, a folder of Claude Code's, without following any
// link. Without dir, or without anything in it, there are no sessions. What cannot be
// looked into is Refused; the error says that dir itself cannot, or that it holds more
// than can be looked at (files.ErrTooMany).
func FindTranscripts(ctx context.Context, disk *files.Disk, dir string) (*Transcripts, error) {
	f := &finder{ctx: ctx, budget: mostEntries, sessions: map[string]*Session{}, out: &Transcripts{}}
	root, err := disk.OpenTree(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return f.out, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	f.root = root
	for _, look := range []func() error{f.projects, f.besides, f.running, f.typed} {
		if err := look(); err != nil {
			return nil, fmt.Errorf("looking for transcripts: %w", err)
		}
	}
	return f.found(), nil
}

// finder is one search.
type finder struct {
	ctx      context.Context
	root     *files.Tree
	budget   int
	sessions map[string]*Session
	out      *Transcripts
}

// found puts what was found into order.
func (f *finder) found() *Transcripts {
	for _, s := range f.sessions {
		f.out.Sessions = append(f.out.Sessions, *s)
	}
	slices.SortFunc(f.out.Sessions, func(a, b Session) int {
		return cmp.Or(a.Newest.Compare(b.Newest), strings.Compare(a.ID, b.ID))
	})
	return f.out
}

// session is the session id, or what belongs to none.
func (f *finder) session(id string) *Session {
	if id == "" {
		return &f.out.Rest
	}
	s := f.sessions[id]
	if s == nil {
		s = &Session{ID: id}
		f.sessions[id] = s
	}
	return s
}

// descend opens the folder dir, in which every name is looked at by itself; ok is
// false when there is none, or when it was refused.
func (f *finder) descend(from *files.Tree, dir string) (t *files.Tree, ok bool) {
	t = from
	for name := range strings.SplitSeq(dir, "/") {
		next, err := t.Sub(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.out.Refused = append(f.out.Refused, refusal(t.Path(name), err))
		}
		if t != from {
			_ = t.Close()
		}
		if err != nil {
			return nil, false
		}
		t = next
	}
	return t, true
}

// projects looks through the folder of every project.
func (f *finder) projects() error {
	t, ok := f.descend(f.root, projectsDir)
	if !ok {
		return nil
	}
	defer func() { _ = t.Close() }()
	entries, err := t.List(&f.budget)
	if err != nil {
		return err
	}
	for _, st := range entries {
		if !st.IsDir() && t.Refuses(st) == nil {
			err = f.part(t, projectsDir, st, "")
		} else {
			err = f.project(t, st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// project looks through the folder of one project.
func (f *finder) project(projects *files.Tree, slug fs.FileInfo) error {
	t, ok := f.descend(projects, slug.Name())
	if !ok {
		return nil
	}
	defer func() { _ = t.Close() }()
	entries, err := t.List(&f.budget)
	if err != nil {
		return err
	}
	empty := true
	for _, st := range entries {
		if vacant, err := f.vacant(t, st); err != nil {
			return err
		} else if vacant {
			continue
		}
		empty = false
		if err := f.part(t, path.Join(projectsDir, slug.Name()), st, sessionOf(st.Name())); err != nil {
			return err
		}
	}
	if empty {
		f.out.Empty = append(f.out.Empty, Folder{Name: slug.Name(), Modified: slug.ModTime()})
	}
	return nil
}

// vacant tells whether an entry is the folder that Claude Code makes for the memory of a
// project and that nothing was ever put into.
func (f *finder) vacant(t *files.Tree, st fs.FileInfo) (bool, error) {
	if st.Name() != memoryDir || !st.IsDir() || t.Refuses(st) != nil {
		return false, nil
	}
	m, ok := f.descend(t, memoryDir)
	if !ok {
		return false, nil
	}
	defer func() { _ = m.Close() }()
	entries, err := m.List(&f.budget)
	return err == nil && len(entries) == 0, err
}

// besides looks through the folders that are ordered by session.
func (f *finder) besides() error {
	for _, dir := range besides {
		t, ok := f.descend(f.root, dir)
		if !ok {
			continue
		}
		entries, err := t.List(&f.budget)
		for _, st := range entries {
			if id := uuid.FindString(st.Name()); id != "" && err == nil {
				err = f.part(t, dir, st, id)
			}
		}
		if err = errors.Join(err, t.Close()); err != nil {
			return err
		}
	}
	return nil
}

// running looks who is at work. What a process that is no more left behind goes with
// its session.
func (f *finder) running() error {
	t, ok := f.descend(f.root, sessionsDir)
	if !ok {
		return nil
	}
	defer func() { _ = t.Close() }()
	entries, err := t.List(&f.budget)
	if err != nil {
		return err
	}
	for _, st := range entries {
		b, err := t.Read(st, largestProcess)
		if err != nil {
			continue // no file that Claude Code writes
		}
		p, ok := parseProcess(b)
		switch {
		case !ok:
		case p.alive():
			if s := f.sessions[p.Session]; s != nil {
				s.Running = true
			}
		default:
			if err := f.part(t, sessionsDir, st, p.Session); err != nil {
				return err
			}
		}
	}
	return nil
}

// typed looks for the history of prompts.
func (f *finder) typed() error {
	st, err := f.root.Lstat(typedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	f.out.Typed = true
	return f.part(f.root, ".", st, "")
}

// part adds an entry to the session id.
func (f *finder) part(t *files.Tree, dir string, st fs.FileInfo, id string) error {
	s := f.session(id)
	if st.IsDir() && strings.HasSuffix(st.Name(), transcript) {
		s.refuse(t.Path(st.Name()), st, files.ErrNotRegular)
		return nil
	}
	if err := f.count(t, st, s, 0); err != nil {
		return err
	}
	if t.Refuses(st) == nil {
		s.parts = append(s.parts, part{dir: dir, st: st})
	}
	if s.Newest.IsZero() {
		s.Newest = st.ModTime() // empty folders alone
	}
	return nil
}

func (s *Session) refuse(path string, st fs.FileInfo, err error) {
	s.Refused = append(s.Refused, refusal(path, err))
	s.written(st.ModTime())
}

func (s *Session) written(at time.Time) {
	if at.After(s.Newest) {
		s.Newest = at
	}
}

// count adds what st is, and what it holds, to s.
func (f *finder) count(t *files.Tree, st fs.FileInfo, s *Session, depth int) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if err := t.Refuses(st); err != nil {
		s.refuse(t.Path(st.Name()), st, err)
		return nil
	}
	if !st.IsDir() {
		s.Files++
		s.Bytes += st.Size()
		s.written(st.ModTime())
		return nil
	}
	if depth >= deepest {
		s.refuse(t.Path(st.Name()), st, fmt.Errorf("%w: folders in folders", files.ErrTooMany))
		return nil
	}
	sub, err := t.Sub(st.Name())
	if err != nil {
		s.refuse(t.Path(st.Name()), st, err)
		return nil
	}
	defer func() { _ = sub.Close() }()
	entries, err := sub.List(&f.budget)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := f.count(sub, e, s, depth+1); err != nil {
			return err
		}
	}
	return nil
}
