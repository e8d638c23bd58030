package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Bounds of the inventory, all skills and plugins together: files and folders that are
// looked at, and bytes that are hashed.
const (
	mostContentFiles = 50_000
	mostContentBytes = 256 << 20
	// largestText is how much of one file is read for what it says.
	largestText = 256 << 10
)

// inventory is what was found of skills and plugins.
type inventory struct {
	entries []Entry
	gaps    []Gap
	// loose are places that others may write to, links those that lead elsewhere.
	loose, links []string

	budget, bytes int
}

// place is a folder of skills or plugins: each folder in it that has one of the marks is
// one; with files, each file that ends so is one by itself.
type place struct {
	kind, dir string
	marks     []string
	files     string
	// single says that the folder itself may be the plugin.
	single bool
}

// places are where OpenClaw and Claude Code look for what they load.
func (h *Host) places() []place {
	skill, plugin := []string{"SKILL.md"}, []string{"openclaw.plugin.json", "package.json", ".claude-plugin"}
	c, _ := h.config()
	var out []place
	state := h.openClawDir()
	for _, w := range h.workspaces(c) {
		out = append(out, place{kind: kindSkill, dir: filepath.Join(w, "skills"), marks: skill}, place{kind: kindPlugin, dir: filepath.Join(w, ".openclaw", "extensions"), marks: plugin})
	}
	out = append(out, place{kind: kindSkill, dir: filepath.Join(state, "skills"), marks: skill}, place{kind: kindPlugin, dir: filepath.Join(state, "extensions"), marks: plugin})
	if c != nil {
		for _, dir := range c.texts("skills.load.extraDirs") {
			out = append(out, place{kind: kindSkill, dir: h.expand(dir, state), marks: skill})
		}
		for _, dir := range c.texts("plugins.load.paths") {
			out = append(out, place{kind: kindPlugin, dir: h.expand(dir, state), marks: plugin, single: true})
		}
	}
	claude := []string{filepath.Join(h.Home, ".claude")}
	if h.Made != nil && h.Made.ClaudeDir != "" {
		claude = append(claude, h.Made.ClaudeDir)
	}
	for _, dir := range claude {
		out = append(out, place{kind: kindSkill, dir: filepath.Join(dir, "skills"), marks: skill}, place{kind: kindPlugin, dir: filepath.Join(dir, "plugins"), marks: plugin})
		for _, name := range []string{"commands", "agents"} {
			out = append(out, place{kind: kindSkill, dir: filepath.Join(dir, name), files: ".md"})
		}
	}
	return out
}

// inventory looks through all places once.
func (h *Host) inventory(ctx context.Context) *inventory {
	inv, _ := remembered(h, "inventory", func() (*inventory, error) {
		inv := &inventory{budget: mostContentFiles, bytes: mostContentBytes}
		for _, p := range h.places() {
			if err := inv.place(ctx, h, p); err != nil {
				inv.gap(p.dir, err)
			}
		}
		return inv, nil
	})
	return inv
}

func (inv *inventory) gap(where string, err error) {
	if len(inv.gaps) < most {
		inv.gaps = append(inv.gaps, Gap{Where: where, Why: reason(err)})
	}
}

func (inv *inventory) place(ctx context.Context, h *Host, p place) error {
	list, err := inv.list(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.single && marked(list, p.marks) {
		return inv.add(ctx, h, p.kind, p.dir)
	}
	for _, e := range list {
		path := filepath.Join(p.dir, e.Name())
		if p.files != "" && strings.HasSuffix(e.Name(), p.files) {
			if err := inv.add(ctx, h, p.kind, path); err != nil {
				return err
			}
			continue
		}
		// A link counts as what it leads to: that is what is loaded.
		if st, err := os.Stat(path); err != nil || !st.IsDir() {
			continue
		}
		inner, err := inv.list(path)
		if err != nil {
			inv.gap(path, err)
			continue
		}
		if marked(inner, p.marks) {
			if err := inv.add(ctx, h, p.kind, path); err != nil {
				return err
			}
		}
	}
	return nil
}

var errBudget = errors.New("there is more than is looked at")

// list is what a folder holds, within the budget.
func (inv *inventory) list(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	list, err := f.ReadDir(inv.budget + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if inv.budget -= len(list); inv.budget < 0 {
		inv.budget = 0
		return nil, errBudget
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

func marked(list []fs.DirEntry, marks []string) bool {
	return slices.ContainsFunc(list, func(e fs.DirEntry) bool { return slices.Contains(marks, e.Name()) })
}

// add hashes one skill or plugin. Our own is known.
func (inv *inventory) add(ctx context.Context, h *Host, kind, path string) error {
	if h.Made != nil && h.Made.AgentDir != "" && inside(path, h.Made.AgentDir) {
		return nil
	}
	if slices.ContainsFunc(inv.entries, func(e Entry) bool { return e.Path == path }) {
		return nil
	}
	e := Entry{Kind: kind, Name: text.Clean(filepath.Base(path), 200), Path: path}
	w := &contents{inv: inv, h: h, entry: &e, root: path, links: map[string]string{}, paths: map[string]string{}}
	if err := w.walk(ctx); err != nil {
		if errors.Is(err, errBudget) || ctx.Err() != nil {
			return err
		}
		inv.gap(path, err)
		return nil
	}
	if path != text.Clean(path, 4096) {
		inv.gap(path, errors.New("its path holds control or invisible characters"))
		return nil
	}
	e.Files = len(w.names)
	var err error
	e.Hash, err = dirhash.Hash1(w.names, w.open)
	if err != nil || e.Files == 0 {
		return err
	}
	inv.entries = append(inv.entries, e)
	return nil
}

// contents are the files of one skill or plugin.
type contents struct {
	inv   *inventory
	h     *Host
	entry *Entry
	root  string
	names []string
	// links are what links lead to, paths where the other names are.
	links, paths map[string]string
}

// walk lists the files, and what they can do. Links are not followed below the root.
func (w *contents) walk(ctx context.Context) error {
	root, err := filepath.EvalSymlinks(w.root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if w.inv.budget--; w.inv.budget < 0 {
			return errBudget
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if w.h.OS != "windows" && st.Mode()&fs.ModeSymlink == 0 && st.Mode().Perm()&0o022 != 0 {
			w.inv.loose = append(w.inv.loose, path)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() {
			return err
		}
		return w.file(path, filepath.ToSlash(rel), st)
	})
}

func (w *contents) file(path, rel string, st fs.FileInfo) error {
	if strings.ContainsRune(rel, '\n') {
		return errors.New("the name of a file holds a line end")
	}
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || !inside(real, resolvedPath(w.root)) {
			w.inv.links = append(w.inv.links, path)
		}
		w.names = append(w.names, rel+" (link)")
		w.links[rel+" (link)"] = to
		return nil
	case !st.Mode().IsRegular():
		return fmt.Errorf("%s is no file", text.Clean(rel, 200))
	}
	if int64(w.inv.bytes) < st.Size() {
		return errBudget
	}
	w.inv.bytes -= int(st.Size())
	b, err := w.h.Disk.ReadForeign(path, st.Size()+1)
	if err != nil {
		return err
	}
	w.says(rel, st.Mode(), b)
	if st.Mode().Perm()&0o111 != 0 {
		rel += " (executable)"
	}
	w.names = append(w.names, rel)
	w.paths[rel] = path
	return nil
}

// open is how the hash reads a name.
func (w *contents) open(name string) (io.ReadCloser, error) {
	if to, ok := w.links[name]; ok {
		return io.NopCloser(strings.NewReader(to)), nil
	}
	b, err := w.h.Disk.ReadForeign(w.paths[name], mostContentBytes)
	return io.NopCloser(bytes.NewReader(b)), err
}

// What of a text runs a shell, and what an installer runs.
var (
	allowsShell = regexp.MustCompile(`(?mi)^\s*(?:allowed-tools|tools)\s*:.*\b(?:Bash|exec|shell|process)\b|^\s*execution\s*:\s*["']?shell|^\s*-\s*Bash\b`)
	inlineShell = regexp.MustCompile("!`[^`\n]+`")
	lifecycle   = regexp.MustCompile(`"(?:preinstall|install|postinstall|prepare)"\s*:\s*"`)
)

// says notes what a file can run, and what it says to the model.
func (w *contents) says(rel string, mode fs.FileMode, b []byte) {
	b = b[:min(len(b), largestText)]
	script := mode.Perm()&0o111 != 0 || bytes.HasPrefix(b, []byte("#!"))
	lower := strings.ToLower(rel)
	switch {
	case strings.HasSuffix(lower, ".md"):
		if allowsShell.Match(b) || inlineShell.Match(b) {
			w.entry.shell = append(w.entry.shell, rel)
		}
		_, invisible := plainWords(string(b))
		if invisible || len(matching(string(b), slices.Concat(refusals, hidden))) > 0 {
			w.entry.injections = append(w.entry.injections, rel)
		}
	case lower == "package.json" && lifecycle.Match(b):
		w.entry.scripts = append(w.entry.scripts, rel)
	}
	if script && w.entry.Kind == kindSkill {
		w.entry.shell = append(w.entry.shell, rel)
	}
}

// hidden are phrases by which a text speaks to the model behind the operator's back.
var hidden = []phrase{
	{"it is told to hide something", regexp.MustCompile(`\b(?:do not|don't|never) (?:tell|inform|mention|reveal|show) (?:this |it |that )?(?:to )?(?:the )?(?:user|operator|owner)\b|не (?:говори|сообщай|показывай|упоминай) (?:об этом )?(?:пользователю|оператору|владельцу)`)},
	{"it is told to send something", regexp.MustCompile(`\b(?:send|post|upload|exfiltrate|forward)\b.{0,60}(?:\b(?:api keys?|tokens?|passwords?|credentials|secrets|private keys?)\b|\.env\b)|(?:отправь|перешли|выгрузи).{0,60}(?:ключ|токен|парол|секрет|учётн)`)},
}

// Accept is the lock file for all skills and plugins as they are now, and what it has
// otherwise than old, the content of the present one. Gaps are what could not be hashed,
// and is not accepted.
func Accept(ctx context.Context, h *Host, old []byte) ([]byte, []AcceptChange, []Gap, error) {
	before, err := ParseLock(old)
	if err != nil {
		return nil, nil, nil, err
	}
	inv := h.inventory(ctx)
	now := Lock{Version: lockVersion, Entries: inv.entries}
	if len(now.Entries) == 0 && len(before.Entries) == 0 {
		return old, nil, inv.gaps, nil
	}
	if err := now.check(); err != nil {
		return nil, nil, nil, err
	}
	b, err := now.Marshal()
	return b, before.changes(now), inv.gaps, err
}

// accepted is the lock file; an error is one that cannot be read.
func (h *Host) accepted() (Lock, error) {
	if h.Made == nil {
		return Lock{}, nil
	}
	r := h.read(h.Made.LockFile)
	if r.err != nil {
		return Lock{}, r.err
	}
	if len(r.data) > largestLock {
		return Lock{}, files.ErrTooLarge
	}
	return ParseLock(r.data)
}
