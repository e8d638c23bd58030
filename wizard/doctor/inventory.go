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
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Bounds of the inventory, all skills and plugins together: files and folders that are
// looked at, and bytes that are hashed.
const (
	mostContentFiles = 50_000
	mostContentBytes = 256 << 20
	// mostText is how much of all files together is read for what it says.
	mostText = 16 << 20
)

// inventory is what was found of skills and plugins.
type inventory struct {
	entries []Entry
	gaps    []Gap
	// loose are places that others may write to, links those that lead elsewhere.
	loose, links []string

	budget, bytes, text int
	met                 map[string]bool
}

// place is where OpenClaw or Claude Code looks for what it loads: in folders that have one
// of the marks, which may be grouped in other folders, and in files of some endings.
type place struct {
	kind, dir string
	marks     []string
	files     []string
	// depth is how deep folders may be grouped; 1 is a folder right in the place.
	depth int
	// single says that the place itself may be the folder or file.
	single bool
	// engine says that Claude Code looks here, not OpenClaw.
	engine bool
}

// How deep OpenClaw looks for skills, and how Claude Code groups what it installs: by
// marketplace, name and version.
const (
	skillDepth  = 6
	claudeDepth = 4
)

// What makes a folder, or a file, a skill or a plugin.
var (
	skillMarks   = []string{"SKILL.md"}
	pluginMarks  = []string{"openclaw.plugin.json", "package.json", ".claude-plugin", ".codex-plugin", ".cursor-plugin", "index.ts", "index.js", "index.mjs", "index.cjs"}
	pluginFiles  = []string{".ts", ".js", ".mts", ".cts", ".mjs", ".cjs"}
	claudeMarks  = []string{".claude-plugin"}
	claudePrompt = []string{".md"}
)

// places are those of OpenClaw, then those of the Claude Code of the agent and of the
// operator.
func (h *Host) places() []place {
	c, _ := h.config()
	out := h.openClawPlaces(c)
	first := len(out)
	claude := []string{filepath.Join(h.Home, ".claude")}
	if h.Made != nil && h.Made.ClaudeDir != "" {
		claude = append(claude, h.Made.ClaudeDir)
	}
	for _, dir := range claude {
		out = append(out, skillsIn(filepath.Join(dir, "skills")), place{kind: kindPlugin, dir: filepath.Join(dir, "plugins"), marks: claudeMarks, depth: claudeDepth})
		for _, name := range []string{"commands", "agents"} {
			out = append(out, place{kind: kindSkill, dir: filepath.Join(dir, name), files: claudePrompt, depth: claudeDepth})
		}
	}
	for i := range out[first:] {
		out[first+i].engine = true
	}
	return out
}

func skillsIn(dir string) place {
	return place{kind: kindSkill, dir: dir, marks: skillMarks, depth: skillDepth}
}

func pluginsIn(dir string) place {
	return place{kind: kindPlugin, dir: dir, marks: pluginMarks, depth: 1}
}

// openClawPlaces are documented at https://docs.openclaw.ai/tools/skills and
// https://docs.openclaw.ai/plugins/manifest.
func (h *Host) openClawPlaces(c *config) []place {
	state := h.openClawDir()
	var out []place
	for _, w := range h.workspaces(c) {
		out = append(out, skillsIn(filepath.Join(w, "skills")), skillsIn(filepath.Join(w, ".agents", "skills")), pluginsIn(filepath.Join(w, ".openclaw", "extensions")))
	}
	out = append(out, skillsIn(filepath.Join(h.Home, ".agents", "skills")), skillsIn(filepath.Join(state, "skills")), pluginsIn(filepath.Join(state, "extensions")))
	made, _ := filepath.Glob(filepath.Join(globEscape(state), "agents", "*", "agent", "workshop-skills"))
	for _, dir := range made[:min(len(made), most)] {
		out = append(out, skillsIn(dir))
	}
	if c == nil {
		return out
	}
	for _, dir := range c.texts("skills.load.extraDirs") {
		out = append(out, skillsIn(h.expand(dir, state)))
	}
	for _, dir := range c.texts("plugins.load.paths") {
		out = append(out, place{kind: kindPlugin, dir: h.expand(dir, state), marks: pluginMarks, files: pluginFiles, depth: 1, single: true})
	}
	return out
}

// inventory looks through all places once.
func (h *Host) inventory(ctx context.Context) *inventory {
	inv, _ := remembered(h, "inventory", func() (*inventory, error) {
		inv := &inventory{budget: mostContentFiles, bytes: mostContentBytes, text: mostText, met: map[string]bool{}}
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
	st, err := os.Stat(p.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case p.single && st.Mode().IsRegular():
		return inv.add(ctx, h, p, p.dir)
	}
	if !h.ours(p.dir) {
		inv.open(h, p.dir, st)
	}
	list, err := inv.list(p.dir)
	if err != nil {
		return err
	}
	if p.single && marked(list, p.marks) {
		return inv.add(ctx, h, p, p.dir)
	}
	return inv.search(ctx, h, p, p.dir, list, p.depth)
}

// search looks through the entries of a folder, and through folders in it, each once
// however many links lead to it.
func (inv *inventory) search(ctx context.Context, h *Host, p place, dir string, list []fs.DirEntry, depth int) error {
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		// A link counts as what it leads to: that is what is loaded.
		st, err := os.Stat(path)
		switch {
		case err != nil:
		case !st.IsDir():
			if slices.Contains(p.files, filepath.Ext(path)) {
				err = inv.add(ctx, h, p, path)
			}
		case depth > 0 && inv.first(p, path):
			err = inv.folder(ctx, h, p, path, depth)
		}
		if errors.Is(err, errBudget) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return nil
}

// folder is a skill or plugin, or a group of them.
func (inv *inventory) folder(ctx context.Context, h *Host, p place, path string, depth int) error {
	list, err := inv.list(path)
	switch {
	case err != nil:
		inv.gap(path, err)
		return err
	case marked(list, p.marks):
		return inv.add(ctx, h, p, path)
	}
	return inv.search(ctx, h, p, path, list, depth-1)
}

// first tells whether a folder is met for the first time in places of its kind.
func (inv *inventory) first(p place, path string) bool {
	key := p.kind + strings.Join(p.marks, " ") + "\x00" + resolvedPath(path)
	if inv.met[key] {
		return false
	}
	inv.met[key] = true
	return true
}

// ours tells whether a path is the folder of our plugin, which needs no acceptance. The
// folder of the agent's Claude Code beside it does: it is not us who write there.
func (h *Host) ours(path string) bool {
	if h.Made == nil || h.Made.AgentDir == "" {
		return false
	}
	own := filepath.Join(h.Made.AgentDir, openclaw.BackendID)
	return path == own && inside(resolvedPath(path), h.Made.AgentDir)
}

// open notes what other users may write to.
func (inv *inventory) open(h *Host, path string, st fs.FileInfo) {
	if h.OS != "windows" && st.Mode()&fs.ModeSymlink == 0 && st.Mode().Perm()&0o022 != 0 && len(inv.loose) <= most {
		inv.loose = append(inv.loose, path)
	}
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

// link notes a link that leads out of what it is in.
func (inv *inventory) link(path string) {
	if len(inv.links) <= most {
		inv.links = append(inv.links, path)
	}
}

func marked(list []fs.DirEntry, marks []string) bool {
	return slices.ContainsFunc(list, func(e fs.DirEntry) bool { return slices.Contains(marks, e.Name()) })
}

// add hashes one skill or plugin. Our own is known.
func (inv *inventory) add(ctx context.Context, h *Host, p place, path string) error {
	if h.ours(path) {
		return nil
	}
	if slices.ContainsFunc(inv.entries, func(e Entry) bool { return e.Path == path }) {
		return nil
	}
	e := Entry{engine: p.engine, Kind: p.kind, Name: text.Clean(filepath.Base(path), 200), Path: path}
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
	hash, err := dirhash.Hash1(w.names, w.open)
	if err != nil {
		inv.gap(path, err)
		return nil
	}
	if e.Hash, e.Files = hash, len(w.names); e.Files == 0 {
		return nil
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
		w.inv.open(w.h, path, st)
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
			w.inv.link(path)
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
	allowsShell = text.Pattern(`(?mi)^\s*(?:allowed-tools|tools)\s*:.*\b(?:Bash|exec|shell|process)\b|^\s*execution\s*:\s*["']?shell|^\s*-\s*Bash\b`)
	inlineShell = text.Pattern("!`[^`\n]+`")
	lifecycle   = text.Pattern(`"(?:preinstall|install|postinstall|prepare)"\s*:\s*"`)
)

// says notes what a file can run, and what it says to the model.
func (w *contents) says(rel string, mode fs.FileMode, b []byte) {
	name := strings.ToLower(rel)
	switch {
	case strings.HasSuffix(name, ".md"):
		if len(b) > w.inv.text {
			w.inv.gap(filepath.Join(w.root, rel), errors.New("there is more text than is read for what it says"))
			break
		}
		w.inv.text -= len(b)
		shell, injection := speaks(b)
		if shell {
			w.entry.shell = append(w.entry.shell, rel)
		}
		if injection {
			w.entry.injections = append(w.entry.injections, rel)
		}
	case name == "package.json" && lifecycle().Match(b):
		w.entry.scripts = append(w.entry.scripts, rel)
	}
	if script := mode.Perm()&0o111 != 0 || bytes.HasPrefix(b, []byte("#!")); script && w.entry.Kind == kindSkill {
		w.entry.shell = append(w.entry.shell, rel)
	}
}

// speaks tells whether a text for the model lets it run a shell, and whether it speaks to
// it against the operator or hides characters.
func speaks(b []byte) (shell, injection bool) {
	names, invisible := matching(string(b), promptPhrases)
	return allowsShell().Match(b) || inlineShell().Match(b), invisible || len(names) > 0
}

// promptPhrases are all phrases that a text for the model should not have.
var promptPhrases = slices.Concat(refusals, hidden)

// hidden are phrases by which a text speaks to the model behind the operator's back.
var hidden = []phrase{
	{"it is told to hide something", []string{"do not ", "don't ", "never ", "не "}, text.Pattern(`\b(?:do not|don't|never) (?:tell|inform|mention|reveal|show) (?:this |it |that )?(?:to )?(?:the )?(?:user|operator|owner)\b|не (?:говори|сообщай|показывай|упоминай) (?:об этом )?(?:пользователю|оператору|владельцу)`)},
	{"it is told to send something", []string{"send", "post", "upload", "exfiltrate", "forward", "отправь", "перешли", "выгрузи"}, text.Pattern(`\b(?:send|post|upload|exfiltrate|forward)\b.{0,60}(?:\b(?:api keys?|tokens?|passwords?|credentials|secrets|private keys?)\b|\.env\b)|(?:отправь|перешли|выгрузи).{0,60}(?:ключ|токен|парол|секрет|учётн)`)},
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
	return ParseLock(r.data)
}
