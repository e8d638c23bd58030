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

	"github.com/clawsetup/clawsetup/wizard/text"
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

// profiles are the files of a home that give variables to every program of the operator.
var profiles = []string{
	".bashrc", ".bash_profile", ".bash_login", ".bash_aliases", ".profile", ".xprofile", ".xsessionrc", ".zshrc", ".zshenv", ".zprofile", ".pam_environment",
	".config/fish/config.fish", ".config/fish/fish_variables",
}

// snippets are the folders of such files, by how the names in them end: services of the
// operator's are told their variables in their own files.
var snippets = []struct{ dir, suffix string }{
	{".config/environment.d", ".conf"}, {".config/fish/conf.d", ".fish"}, {".config/systemd/user", ".service"}, {"Library/LaunchAgents", ".plist"},
}

// keyInProfile: what a profile exports, every program of the operator inherits.
func keyInProfile(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	for _, name := range profiles {
		n.files(h, a, filepath.Join(h.Home, filepath.FromSlash(name)))
	}
	for _, s := range snippets {
		n.folder(h, a, filepath.Join(h.Home, filepath.FromSlash(s.dir)), s.suffix)
	}
}

// folder looks through the files of a folder whose names end so, and through what is
// dropped in beside a service.
func (n *needles) folder(h *Host, a *answer, dir, suffix string) {
	names, err := listNames(dir, mostSnippets)
	if err != nil {
		a.cannot(dir, err)
	}
	for _, name := range names {
		switch path := filepath.Join(dir, name); {
		case strings.HasSuffix(name, ".service.d"):
			n.folder(h, a, path, ".conf")
		case strings.HasSuffix(name, suffix):
			n.files(h, a, path)
		}
	}
}

// dotenvNames are how files of variables are called, with the copies that editors leave.
var dotenvNames = []string{
	".env", ".env.local", ".env.development", ".env.production", ".env.test", ".envrc", ".env.bak", ".env.old", ".env.orig", ".env.save", ".env~",
}

// keyInDotenv: OpenClaw and many tools read such a file where they are started. That of
// the stack has a check of its own.
func keyInDotenv(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	found := Containers{}
	dirs := []string{h.Work, h.openClawDir()}
	if h.Made == nil {
		found, _ = h.containers(ctx) // that it failed is told by the checks of the stack
	} else {
		dirs = append(dirs, h.Made.ConfigDir, h.Made.StackDir)
	}
	stacks := h.composeFiles(found)
	for _, f := range stacks {
		dirs = append(dirs, filepath.Dir(f.env))
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		for _, name := range dotenvNames {
			path := filepath.Join(dir, name)
			if !slices.ContainsFunc(stacks, func(f composeFile) bool { return f.env == path }) {
				n.files(h, a, path)
			}
		}
	}
}

// keyInSettings: Claude Code's settings are copied, shared and committed with a project,
// and it writes whole commands into them when a rule is agreed to.
func keyInSettings(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	for _, f := range h.claudeSettings().files {
		if f.err != nil {
			a.cannot(f.path, f.err)
			continue
		}
		a.saw(f.path)
		var leaves []leaf
		if !collect(f.values, nil, &leaves) {
			a.cannot(f.path, fmt.Errorf("it holds more than %d texts", mostStrings))
		}
		for _, l := range leaves {
			where := f.at(text.Clean(l.key(), 100))
			switch kind, name := n.find([]byte(l.value)); {
			case kind != "":
				a.found(where, kind).Holds = name
			case l.credential() && sentinel(l.value):
				a.found(where, "it is a word that guides give, and no secret").milder(Medium)
			case l.credential() && !fromEnvironment(l.value) && l.last() != "apiKeyHelper":
				a.found(where, "it is in the file in the clear")
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

// tracked looks at the names that one repository tracks, and into files that may hold keys.
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
	left := mostTracked
	real, store := resolvedPath(root), h.resolvedStore()
	for _, name := range names {
		if ctx.Err() != nil {
			a.cannot(root, ctx.Err())
			return
		}
		path := filepath.Join(root, filepath.FromSlash(name))
		if why := secretByName(filepath.Join(real, filepath.FromSlash(name)), store); why != "" {
			a.found(Location{Path: path}, why)
			continue
		}
		if !mayHoldKeys(path) {
			continue
		}
		if left--; left < 0 {
			a.cannot(root, fmt.Errorf("more than %d of its files may hold keys", mostTracked))
			return
		}
		h.trackedFile(a, n, path)
	}
}

// mostTracked bounds how many files of a repository are read.
const mostTracked = 200

// resolvedStore is the folder of the docker store without links; empty without a set-up.
func (h *Host) resolvedStore() string {
	if h.Made == nil {
		return ""
	}
	return resolvedPath(h.storeDir())
}

// secretByName says what a file is that holds nothing but a secret; neither its path nor
// that of the store has links in it.
func secretByName(path, store string) string {
	base := filepath.Base(path)
	switch {
	case slices.Contains(storeNames, base) || store != "" && within(path, store):
		return "a file of a secret is tracked by git"
	case strings.HasSuffix(base, ".key") || slices.Contains([]string{"id_rsa", "id_ecdsa", "id_ed25519"}, base):
		return "a file of a private key is tracked by git"
	}
	return ""
}

// mayHoldKeys tells the files that people write keys into: of variables, of compose, of
// OpenClaw and of Claude Code.
func mayHoldKeys(path string) bool {
	base := strings.ToLower(filepath.Base(path))
	compose := strings.Contains(base, "compose") && (strings.HasSuffix(base, ".yml") || strings.HasSuffix(base, ".yaml"))
	settings := filepath.Base(filepath.Dir(path)) == ".claude" && strings.HasSuffix(base, ".json")
	return strings.HasPrefix(base, ".env") || strings.HasSuffix(base, ".env") || compose || settings ||
		strings.HasPrefix(base, "openclaw.json") || base == ".mcp.json"
}

// trackedFile looks into one file, as it is by now: what earlier versions of it held is
// in the history, which is not searched.
func (h *Host) trackedFile(a *answer, n *needles, path string) {
	data, err := h.Disk.ReadForeign(path, mostConfig)
	defer clear(data)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		a.cannot(path, err)
	}
	before := len(a.findings)
	n.lines(a, path, data, true)
	for i := range a.findings[before:] {
		a.findings[before+i].Detail += ", and git tracks it"
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
