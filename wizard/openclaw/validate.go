package openclaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrCannotValidate says that this OpenClaw has no `config validate`, or that it reads
// included files beside the configuration alone, where a copy has none; ValidateOwn is
// what remains.
var ErrCannotValidate = errors.New("this version of openclaw cannot validate a configuration")

// Issue is one remark of OpenClaw about a configuration, cleaned for display.
type Issue struct{ Path, Message string }

// RefusedError carries what OpenClaw says against a configuration.
type RefusedError struct{ Issues []Issue }

func (e *RefusedError) Error() string {
	parts := make([]string, 0, len(e.Issues))
	for _, i := range e.Issues {
		parts = append(parts, i.Path+": "+i.Message)
	}
	return "openclaw refuses the configuration: " + strings.Join(parts, "; ")
}

// Validate lets the installed OpenClaw judge candidate, which is to become the
// file at configPath, without touching that file: a copy in a private folder is
// given through OPENCLAW_CONFIG_PATH. extra are files that do not exist yet, by
// absolute path: the plugin and the secret launcher. It returns OpenClaw's warnings,
// and a *RefusedError when the candidate is invalid.
func Validate(ctx context.Context, in Install, configPath string, candidate []byte, extra map[string][]byte) ([]Issue, error) {
	if !in.CanValidate {
		return nil, ErrCannotValidate
	}
	doc, err := parseConfig(candidate)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "clawsetup-validate-")
	if err != nil {
		return nil, fmt.Errorf("validate openclaw.json: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // What is left is 0600 in 0700.
	tree, _ := doc.Get(nil)
	if in.Release < release2605 && includes(tree) {
		return nil, ErrCannotValidate
	}
	c := copier{dir: dir, config: filepath.Dir(configPath), files: extra, vars: map[string]bool{}}
	copied, env, err := c.write(tree)
	if err != nil {
		return nil, fmt.Errorf("validate openclaw.json: prepare a copy: %w", err)
	}
	result, err := in.run(ctx, validateTimeout, 1<<20, append(env, "OPENCLAW_CONFIG_PATH="+copied), "config", "validate", "--json")
	if err != nil {
		return nil, hint.With(fmt.Errorf("validate openclaw.json: %w", err), "openclaw-validate")
	}
	var answer struct {
		Valid            *bool
		Issues, Warnings []Issue
		Error            struct{ Message string }
	}
	if err := json.Unmarshal(result.Stdout, &answer); err != nil || answer.Valid == nil {
		err := fmt.Errorf("validate openclaw.json: exit code %d: %s", result.Code, c.clean(string(result.Stderr)))
		return nil, hint.With(err, "openclaw-validate")
	}
	if *answer.Valid && result.Code == 0 {
		return c.cleanAll(answer.Warnings), nil
	}
	if len(answer.Issues) == 0 {
		answer.Issues = []Issue{{Path: "openclaw.json", Message: answer.Error.Message}}
	}
	return nil, hint.With(&RefusedError{c.cleanAll(answer.Issues)}, "openclaw-refused")
}

// includes tells whether a configuration is in several files.
func includes(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if key == "$include" || includes(e) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, includes)
	}
	return false
}

// copier writes a configuration that means the same from another folder.
type copier struct {
	dir, config string
	files       map[string][]byte
	vars        map[string]bool
	secrets     []string
}

func (c *copier) write(tree any) (copied string, env []string, err error) {
	for _, name := range sortedKeys(c.files) {
		if !filepath.IsAbs(name) {
			return "", nil, fmt.Errorf("%s is not absolute", name)
		}
		at := c.moved(name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return "", nil, err
		}
		mode := fs.FileMode(0o600)
		if strings.HasPrefix(string(c.files[name]), "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(at, c.files[name], mode); err != nil {
			return "", nil, err
		}
	}
	c.remap(tree, nil)
	b, err := json.Marshal(tree)
	if err != nil {
		return "", nil, errors.New("it holds Infinity or NaN, which no key of openclaw accepts")
	}
	copied = filepath.Join(c.dir, "openclaw.json")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		return "", nil, err
	}
	roots := []string{c.config}
	if more := os.Getenv("OPENCLAW_INCLUDE_ROOTS"); more != "" {
		roots = append(roots, more)
	}
	env = append(env, "OPENCLAW_INCLUDE_ROOTS="+strings.Join(roots, string(filepath.ListSeparator)))
	for _, name := range sortedKeys(c.vars) {
		// Versions before 2026.8 refuse an unset variable; its value, often a
		// credential, does not matter to the schema.
		env = append(env, name+"=clawsetup-placeholder")
	}
	return copied, env, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// moved is where the copy of an absolute path lies.
func (c *copier) moved(path string) string {
	return filepath.Join(c.dir, "files", strings.TrimPrefix(filepath.Clean(path), filepath.VolumeName(path)))
}

// pending says whether path is one of the files to come or a folder of them.
func (c *copier) pending(path string) bool {
	clean := filepath.Clean(path)
	for name := range c.files {
		if name == clean || strings.HasPrefix(name, clean+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

var substitution = text.Pattern(`\$\{([A-Z_][A-Z0-9_]*)\}`)

// remap walks the decoded configuration and points what is relative, or not yet
// written, to where OpenClaw finds it. at is the path of v.
func (c *copier) remap(v any, at []string) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = c.remap(v[key], append(at[:len(at):len(at)], key))
		}
	case []any:
		for i := range v {
			v[i] = c.remap(v[i], at)
		}
	case string:
		return c.remapString(v, at)
	}
	return v
}

func (c *copier) remapString(s string, at []string) string {
	for _, m := range substitution().FindAllStringSubmatch(s, -1) {
		c.vars[m[1]] = true
	}
	dotted := strings.Join(at, ".")
	if sensitivePath(at) && len(s) >= 6 {
		c.secrets = append(c.secrets, s)
	}
	switch {
	case at[len(at)-1] == "$include" && !filepath.IsAbs(s):
		return filepath.Join(c.config, s)
	case dotted == "plugins.load.paths" && c.pending(s),
		strings.HasPrefix(dotted, "secrets.providers.") && at[len(at)-1] == "command" && c.pending(s):
		return c.moved(s)
	}
	return s
}

func (c *copier) cleanAll(issues []Issue) []Issue {
	const most = 20
	out := make([]Issue, 0, min(len(issues), most))
	for _, i := range issues[:min(len(issues), most)] {
		out = append(out, Issue{Path: c.clean(i.Path), Message: c.clean(i.Message)})
	}
	return out
}

var longWord = text.Pattern(`[A-Za-z0-9_+=-]{40,}`)

// clean makes OpenClaw's words fit for display: real paths instead of the copy's,
// no credential of the operator, no control characters.
func (c *copier) clean(s string) string {
	if len(s) > math.MaxInt16 {
		s = s[:math.MaxInt16]
	}
	s = strings.ReplaceAll(s, filepath.Join(c.dir, "files"), "")
	s = strings.ReplaceAll(s, c.dir, c.config)
	for _, secret := range c.secrets {
		s = strings.ReplaceAll(s, secret, "[hidden]")
	}
	return text.Clean(longWord().ReplaceAllString(s, "[hidden]"), 400)
}
