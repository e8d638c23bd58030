package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keyInHistory: a command with a key in it stays in the history for years.
func keyInHistory(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	paths := []string{
		filepath.Join(h.Home, ".bash_history"), filepath.Join(h.Home, ".zsh_history"), filepath.Join(h.Home, ".histfile"),
		filepath.Join(h.Home, ".local", "share", "fish", "fish_history"),
	}
	if path := h.Getenv("HISTFILE"); filepath.IsAbs(path) && !slices.Contains(paths, path) {
		paths = append(paths, path)
	}
	for _, path := range paths {
		data, whole, err := h.Disk.ReadEnd(path, mostHistory)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			a.cannot(path, err)
			continue
		}
		a.saw(path)
		if !whole {
			a.cannot(path, fmt.Errorf("only its last %d bytes were looked at", mostHistory))
		}
		n.lines(a, path, data, whole)
		clear(data)
	}
}

// mostSnippets bounds how many files of a folder of environment settings are looked at.
const mostSnippets = 100

// keyInProfile: what a profile exports, every program of the operator inherits.
func keyInProfile(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	for _, name := range []string{".bashrc", ".bash_profile", ".bash_login", ".profile", ".zshrc", ".zshenv", ".zprofile", ".config/fish/config.fish"} {
		n.files(h, a, filepath.Join(h.Home, filepath.FromSlash(name)))
	}
	dir := filepath.Join(h.Home, ".config", "environment.d")
	names, err := listNames(dir, mostSnippets)
	if err != nil {
		a.cannot(dir, err)
	}
	for _, name := range names {
		n.files(h, a, filepath.Join(dir, name))
	}
}

// keyInDotenv: OpenClaw and many tools read such a file where they are started. That of
// the stack has a check of its own.
func keyInDotenv(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	found := Containers{}
	if h.Made == nil {
		found, _ = h.containers(ctx) // that it failed is told by the checks of the stack
	}
	stacks := h.composeFiles(found)
	for _, dir := range []string{h.Work, h.openClawDir()} {
		for _, name := range []string{".env", ".env.local"} {
			path := filepath.Join(dir, name)
			if !slices.ContainsFunc(stacks, func(f composeFile) bool { return f.env == path }) {
				n.files(h, a, path)
			}
		}
	}
}

// mountKind is the kind of the file system that a folder is on, as the kernel's table
// tells: the deepest mount point counts, and of several the last.
// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
func mountKind(table []byte, dir string) string {
	kind, deepest := "", -1
	for line := range bytes.Lines(table) {
		before, after, ok := strings.Cut(string(line), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) == 0 {
			continue
		}
		if point := unescape(fields[4]); within(dir, point) && len(point) >= deepest {
			kind, deepest = rest[0], len(point)
		}
	}
	return kind
}

// unescape reads the octal numbers that the kernel writes for blanks in a path.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// keyInGit: what is tracked is pushed sooner or later, and stays in the history.
func keyInGit(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	starts := []string{h.openClawDir(), h.Work}
	if h.Made != nil {
		starts = append(starts, h.Made.ConfigDir, h.Made.StackDir)
	}
	var roots []string
	for _, dir := range starts {
		if root := gitRoot(dir); root != "" && !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	for _, root := range roots {
		h.tracked(ctx, a, n, root)
	}
}

// gitRoot is the nearest folder above dir, or dir, that holds a .git.
func gitRoot(dir string) string {
	for range 64 {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			break
		}
		dir = above
	}
	return ""
}

// tracked looks at the names that one repository tracks, and into its files .env.
func (h *Host) tracked(ctx context.Context, a *answer, n *needles, root string) {
	index, err := gitIndex(h, root)
	if err != nil {
		a.cannot(root, err)
		return
	}
	data, err := h.Disk.ReadForeign(index, mostIndex)
	if errors.Is(err, fs.ErrNotExist) {
		a.saw(root) // nothing is tracked yet
		return
	}
	var names []string
	if err == nil {
		names, err = parseIndex(data)
	}
	if err != nil {
		a.cannot(index, err)
		return
	}
	a.saw(root)
	for _, name := range names {
		if ctx.Err() != nil {
			a.cannot(root, ctx.Err())
			return
		}
		h.trackedFile(a, n, filepath.Join(root, filepath.FromSlash(name)))
	}
}

func (h *Host) trackedFile(a *answer, n *needles, path string) {
	base := filepath.Base(path)
	switch {
	case slices.Contains(storeNames, base) || h.Made != nil && within(path, h.storeDir()):
		a.found(Location{Path: path}, "a file of a secret is tracked by git")
	case strings.HasSuffix(base, ".key") || slices.Contains([]string{"id_rsa", "id_ecdsa", "id_ed25519"}, base):
		a.found(Location{Path: path}, "a file of a private key is tracked by git")
	case base == ".env" || strings.HasPrefix(base, ".env."):
		r := h.read(path)
		if r.err != nil {
			a.cannot(path, r.err)
		}
		before := len(a.findings)
		n.lines(a, path, r.data, true)
		for i := range a.findings[before:] {
			a.findings[before+i].Detail += ", and git tracks it"
		}
	}
}

// gitIndex is the index of a repository, which may have its .git elsewhere.
func gitIndex(h *Host, root string) (string, error) {
	path := filepath.Join(root, ".git")
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if st.IsDir() {
		return filepath.Join(path, "index"), nil
	}
	r := h.read(path)
	if r.err != nil {
		return "", r.err
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(r.data)), "gitdir: ")
	if !ok {
		return "", errors.New("its .git is neither a folder nor says where one is")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, dir)
	}
	return filepath.Join(dir, "index"), nil
}
