package doctor

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
)

// secretsIgnored: in a folder that git looks after, one "git add" tracks the secrets of
// the docker store. Those that are tracked already are key-in-git's to tell.
func secretsIgnored(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.Store != secrets.KindDocker {
		return
	}
	dir := h.storeDir()
	root := gitRoot(dir)
	if root == "" {
		return
	}
	a.saw(dir)
	ignored, err := h.ignores(root, dir)
	if err != nil {
		a.cannot(root, err)
		return
	}
	if !ignored {
		f := a.found(Location{Path: dir}, "the repository at %s does not ignore this folder of secrets", root)
		if rel, err := filepath.Rel(root, dir); err == nil {
			f.Fix = "echo " + quoteWord("/"+filepath.ToSlash(rel)+"/") + " >> " + quoteWord(filepath.Join(root, ".gitignore"))
		}
	}
}

// ignoreRule is one line of a file of git's that says what is not to be tracked.
// https://git-scm.com/docs/gitignore
type ignoreRule struct {
	// base is the folder that the line speaks of.
	base    string
	pattern *regexp.Regexp
	// keep says that the line takes what it fits out again, folder that it fits folders
	// alone.
	keep, folder bool
}

// ignores tells whether a folder in a repository, or one above it, is ignored.
func (h *Host) ignores(root, dir string) (bool, error) {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return false, err
	}
	rules, err := h.commonRules(root)
	if err != nil {
		return false, err
	}
	at := root
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		more, err := h.ignoreRules(at, filepath.Join(at, ".gitignore"))
		if err != nil {
			return false, err
		}
		rules = append(rules, more...)
		at = filepath.Join(at, part)
		// What is in a folder that is ignored cannot be taken out again.
		if fits(rules, at, true) {
			return true, nil
		}
	}
	// A folder in which everything is ignored is as good.
	inside, err := h.ignoreRules(dir, filepath.Join(dir, ".gitignore"))
	return fits(append(rules, inside...), filepath.Join(dir, secrets.APIKey), false), err
}

// commonRules are those of the user, in the place where git looks unless it is told
// another one, and those of one repository that are not tracked with it, the weakest first.
func (h *Host) commonRules(root string) ([]ignoreRule, error) {
	index, err := gitIndex(h, root)
	if err != nil {
		return nil, err
	}
	user, err := h.ignoreRules(root, filepath.Join(h.Home, ".config", "git", "ignore"))
	if err != nil {
		return nil, err
	}
	own, err := h.ignoreRules(root, filepath.Join(filepath.Dir(index), "info", "exclude"))
	return append(user, own...), err
}

// fits tells whether the last rule that fits a folder, or a file, ignores it.
func fits(rules []ignoreRule, path string, folder bool) bool {
	for _, r := range slices.Backward(rules) {
		rel, err := filepath.Rel(r.base, path)
		if err == nil && (folder || !r.folder) && r.pattern.MatchString(filepath.ToSlash(rel)) {
			return !r.keep
		}
	}
	return false
}

// mostRules bounds how many lines of one file are taken.
const mostRules = 2000

var errManyRules = errors.New("it has more rules than are looked at")

func (h *Host) ignoreRules(base, path string) ([]ignoreRule, error) {
	r := h.read(path)
	if r.err != nil {
		return nil, r.err
	}
	var out []ignoreRule
	for line := range strings.Lines(string(r.data)) {
		rule, ok := parseIgnore(strings.TrimRight(line, "\r\n"))
		if !ok {
			continue
		}
		if len(out) == mostRules {
			return nil, errManyRules
		}
		rule.base = base
		out = append(out, rule)
	}
	return out, nil
}

// longestRule is the longest line that is taken for a rule, in bytes.
const longestRule = 1000

// parseIgnore reads one line; ok is false for one that says nothing.
func parseIgnore(line string) (rule ignoreRule, ok bool) {
	for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
		line = line[:len(line)-1]
	}
	if line == "" || line[0] == '#' || len(line) > longestRule {
		return rule, false
	}
	if line, rule.keep = strings.CutPrefix(line, "!"); rule.keep && line == "" {
		return rule, false
	}
	if line, rule.folder = strings.CutSuffix(line, "/"); line == "" {
		return rule, false
	}
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	expression := glob(line)
	if !anchored {
		expression = "(?:.*/)?" + expression
	}
	pattern, err := regexp.Compile("^" + expression + "$")
	rule.pattern = pattern
	return rule, err == nil && line != ""
}

// glob makes a pattern of git's a regular expression; "**" is for any folders where it
// stands alone between slashes.
func glob(pattern string) string {
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		begins := i == 0 || pattern[i-1] == '/'
		switch {
		case begins && strings.HasPrefix(rest, "**/"):
			out.WriteString("(?:.*/)?")
			i += 2
		case begins && rest == "**":
			out.WriteString(".+")
			i++
		case rest[0] == '*':
			out.WriteString("[^/]*")
		case rest[0] == '?':
			out.WriteString("[^/]")
		case rest[0] == '[' && strings.IndexByte(rest[1:], ']') > 0:
			end := 1 + strings.IndexByte(rest[1:], ']')
			set := strings.ReplaceAll(rest[1:end], `[`, `\[`)
			if set[0] == '!' {
				set = "^" + set[1:]
			}
			out.WriteString("[" + set + "]")
			i += end
		case rest[0] == '\\' && len(rest) > 1:
			out.WriteString(regexp.QuoteMeta(rest[1:2]))
			i++
		default:
			out.WriteString(regexp.QuoteMeta(rest[:1]))
		}
	}
	return out.String()
}
