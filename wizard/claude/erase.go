package claude

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// Erased is what was deleted.
type Erased struct {
	Files int
	Bytes int64
	// Left is what is still there, and why.
	Left []Refusal
}

// Eraser deletes sessions from one folder of Claude Code's.
type Eraser struct {
	root *files.Tree
	// touched are the folders that something was deleted from.
	touched map[string]bool
}

// NewEraser opens dir, as FindTranscripts does.
func NewEraser(disk *files.Disk, dir string) (*Eraser, error) {
	root, err := disk.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	return &Eraser{root: root, touched: map[string]bool{}}, nil
}

// Close lets the folder go.
func (e *Eraser) Close() error { return e.root.Close() }

// open is the folder dir; the caller closes it.
func (e *Eraser) open(dir string) (*files.Tree, error) {
	t, err := e.root.Sub(".")
	for name := range strings.SplitSeq(dir, "/") {
		if err != nil || name == "." {
			break
		}
		var next *files.Tree
		next, err = t.Sub(name)
		_ = t.Close()
		t = next
	}
	return t, err
}

// Session deletes what FindTranscripts found of s. It goes on after a failure, and ends
// early with ctx: what is left still carries the id and is found the next time.
func (e *Eraser) Session(ctx context.Context, s Session) Erased {
	out := Erased{Left: append([]Refusal(nil), s.Refused...)}
	for i := len(s.parts) - 1; i >= 0 && ctx.Err() == nil; i-- {
		p := s.parts[i]
		if e.part(ctx, p, &out) || ctx.Err() != nil || len(out.Left) > 0 {
			continue
		}
		// Something that is refused came there since it was looked at.
		where := e.root.Path(path.Join(p.dir, p.st.Name()))
		out.Left = append(out.Left, refusal(where, files.ErrReplaced))
	}
	return out
}

// part deletes one entry of a session; false when something of it is left.
func (e *Eraser) part(ctx context.Context, p part, out *Erased) bool {
	t, err := e.open(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		out.Left = append(out.Left, refusal(e.root.Path(path.Join(p.dir, p.st.Name())), err))
		return false
	}
	defer func() { _ = t.Close() }()
	e.touched[p.dir] = true
	return e.remove(ctx, t, p.st, out, 0)
}

// remove deletes st and what it holds; false when something of it is left. What was
// told to be refused before keeps its folder, without another word.
func (e *Eraser) remove(ctx context.Context, t *files.Tree, st fs.FileInfo, out *Erased, depth int) bool {
	if ctx.Err() != nil || st.IsDir() && !e.empty(ctx, t, st, out, depth) {
		return false
	}
	if err := t.Remove(st); err != nil {
		out.Left = append(out.Left, refusal(t.Path(st.Name()), err))
		return false
	}
	if !st.IsDir() {
		out.Files++
		out.Bytes += st.Size()
	}
	return true
}

// empty clears the folder st; false when something has to stay in it.
func (e *Eraser) empty(ctx context.Context, t *files.Tree, st fs.FileInfo, out *Erased, depth int) bool {
	if depth >= deepest {
		return false
	}
	sub, err := t.Sub(st.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		out.Left = append(out.Left, refusal(t.Path(st.Name()), err))
		return false
	}
	defer func() { _ = sub.Close() }()
	budget := mostEntries
	entries, err := sub.List(&budget)
	if err != nil {
		out.Left = append(out.Left, refusal(t.Path(st.Name()), err))
		return false
	}
	cleared := true
	for _, x := range entries {
		if sub.Refuses(x) != nil || !e.remove(ctx, sub, x, out, depth+1) {
			cleared = false
		}
	}
	return cleared
}

// Folder deletes the folder of a project when nothing is left in it but an empty
// memory. gone is false when it is still in use.
func (e *Eraser) Folder(name string) (gone bool, err error) {
	projects, err := e.open(projectsDir)
	if err != nil {
		return false, ignoreMissing(err)
	}
	defer func() { _ = projects.Close() }()
	st, err := projects.Lstat(name)
	if err != nil {
		return false, ignoreMissing(err)
	}
	t, err := projects.Sub(name)
	if err != nil {
		return false, err
	}
	defer func() { _ = t.Close() }()
	budget := 1
	entries, err := t.List(&budget)
	if errors.Is(err, files.ErrTooMany) || len(entries) == 1 && entries[0].Name() != memoryDir {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, m := range entries {
		if vacant, err := e.vacant(t, m); err != nil || !vacant {
			return false, err
		}
		if err := t.Remove(m); err != nil {
			return false, err
		}
	}
	if err := projects.Remove(st); err != nil {
		return false, err
	}
	e.touched[projectsDir] = true
	return true, nil
}

func (e *Eraser) vacant(t *files.Tree, m fs.FileInfo) (bool, error) {
	sub, err := t.Sub(m.Name())
	if err != nil {
		return false, ignoreMissing(err)
	}
	defer func() { _ = sub.Close() }()
	budget := 0
	entries, err := sub.List(&budget)
	if errors.Is(err, files.ErrTooMany) {
		return false, nil
	}
	return len(entries) == 0, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sync waits until what was deleted is gone from the disk.
func (e *Eraser) Sync() error {
	var errs []error
	for dir := range e.touched {
		t, err := e.open(dir)
		if err == nil {
			err = errors.Join(t.Sync(), t.Close())
		}
		errs = append(errs, ignoreMissing(err))
	}
	clear(e.touched)
	return errors.Join(errs...)
}

// Projects are the folders of projects that s has parts in.
func (s Session) Projects() []string {
	var out []string
	for _, p := range s.parts {
		if dir, name := path.Split(p.dir); dir == projectsDir+"/" {
			out = append(out, name)
		}
	}
	return out
}
