package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// config is an openclaw.json with the files that it includes.
type config struct {
	path string
	// main is the file alone, in which places are; all has what it includes as well.
	main, all *json5.Document
	tree      map[string]any
	// includes are the files that it names, in order.
	includes []include
	// gaps are parts of it that could not be read: what is not found may be there.
	gaps []Gap
	// strings are all its texts, in order.
	strings []leaf
}

// include is a file that a configuration names in $include.
type include struct {
	path string
	file *reading
}

// leaf is a text in a configuration.
type leaf struct {
	path  []string
	value string
}

// key is the leaf's place with dots.
func (l leaf) key() string { return strings.Join(l.path, ".") }

// last is the nearest key above the leaf that is no number in a list.
func (l leaf) last() string {
	for _, part := range slices.Backward(l.path) {
		if _, err := strconv.Atoi(part); err != nil {
			return part
		}
	}
	return ""
}

// below tells whether the leaf is below keys; "*" stands for any one.
func (l leaf) below(keys ...string) bool {
	if len(l.path) < len(keys) {
		return false
	}
	for i, k := range keys {
		if k != "*" && l.path[i] != k {
			return false
		}
	}
	return true
}

const (
	// mostIncludes bounds how many files a configuration may include, deepestInclude how
	// deep; OpenClaw's own depth is 10.
	mostIncludes   = 50
	deepestInclude = 10
	// mostStrings bounds the texts that are looked at.
	mostStrings = 200_000
)

// config reads openclaw.json once; nil where there is none.
func (h *Host) config() (*config, error) {
	return remembered(h, "openclaw.json", func() (*config, error) {
		r := h.read(h.OpenClawConfig)
		if !r.exists && r.err == nil {
			return nil, nil //nolint:nilnil // none is no error, and no configuration
		}
		if r.err != nil {
			return nil, r.err
		}
		main, err := json5.Parse(r.data)
		if err != nil {
			return nil, err
		}
		c := &config{path: h.OpenClawConfig, main: main, all: main}
		tree, _ := main.Get(nil)
		if err := c.include(h, tree); err != nil {
			return nil, err
		}
		if !collect(c.tree, nil, &c.strings) {
			c.gaps = append(c.gaps, Gap{c.path, fmt.Sprintf("it holds more than %d texts", mostStrings)})
		}
		return c, nil
	})
}

// include puts the included files in their places.
func (c *config) include(h *Host, tree any) error {
	whole := c.resolved(h, tree, filepath.Dir(c.path), 0)
	c.tree, _ = whole.(map[string]any)
	if len(c.includes) == 0 {
		return nil
	}
	b, err := marshalled(c.tree)
	if err != nil {
		return err
	}
	c.all, err = json5.Parse(b)
	return err
}

// resolved is a value in which every $include is what the files hold, and keys beside it
// go before what they hold.
func (c *config) resolved(h *Host, v any, dir string, depth int) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = c.resolved(h, v[i], dir, depth)
		}
	case map[string]any:
		names, has := v["$include"]
		delete(v, "$include")
		for k := range v {
			v[k] = c.resolved(h, v[k], dir, depth)
		}
		if !has {
			return v
		}
		var under any = map[string]any{}
		for _, name := range included(names) {
			under = overlaid(under, c.load(h, name, dir, depth))
		}
		return overlaid(under, v)
	}
	return v
}

// included are the names in an $include.
func included(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func (c *config) load(h *Host, name, dir string, depth int) any {
	path := h.expand(name, dir)
	gap := func(why string) any {
		if len(c.gaps) < most {
			c.gaps = append(c.gaps, Gap{path, why})
		}
		return map[string]any{}
	}
	if len(c.includes) == mostIncludes || depth == deepestInclude {
		return gap("there are too many included files, or they include each other")
	}
	f := include{path: path, file: h.read(path)}
	c.includes = append(c.includes, f)
	switch {
	case f.file.err != nil:
		return gap(reason(f.file.err))
	case !f.file.exists:
		return gap("the included file does not exist")
	}
	doc, err := json5.Parse(f.file.data)
	if err != nil {
		return gap(reason(err))
	}
	tree, _ := doc.Get(nil)
	return c.resolved(h, tree, filepath.Dir(path), depth+1)
}

// overlaid merges two values as OpenClaw does: objects key by key, lists one after the
// other, anything else is replaced.
func overlaid(under, over any) any {
	if a, ok := under.(map[string]any); ok {
		if b, ok := over.(map[string]any); ok {
			for k, v := range b {
				if old, has := a[k]; has {
					v = overlaid(old, v)
				}
				a[k] = v
			}
			return a
		}
	}
	if a, ok := under.([]any); ok {
		if b, ok := over.([]any); ok {
			return append(a, b...)
		}
	}
	return over
}

// collect lists the texts below v; false when there are too many.
func collect(v any, at []string, out *[]leaf) bool {
	switch v := v.(type) {
	case string:
		if len(*out) == mostStrings {
			return false
		}
		*out = append(*out, leaf{slices.Clone(at), v})
	case []any:
		for i, e := range v {
			if !collect(e, append(at, strconv.Itoa(i)), out) {
				return false
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !collect(v[k], append(at, k), out) {
				return false
			}
		}
	}
	return true
}

// at is the place of a key, or of the nearest one above it that the file has.
func (c *config) at(path ...string) Location {
	l := Location{Path: c.path, Key: strings.Join(path, ".")}
	for n := len(path); n > 0; n-- {
		if line, _, ok := c.main.Position(path[:n]); ok {
			l.Line = line
			break
		}
	}
	return l
}

// get is the value of a key with dots between its parts; no part may hold one.
func (c *config) get(dotted string) any {
	v, _ := c.all.Get(strings.Split(dotted, "."))
	return v
}

func (c *config) object(dotted string) map[string]any {
	m, _ := c.get(dotted).(map[string]any)
	return m
}

func (c *config) text(dotted string) string {
	s, _ := c.get(dotted).(string)
	return s
}

func (c *config) texts(dotted string) []string {
	list, _ := c.get(dotted).([]any)
	return words(list)
}

func words(list []any) []string {
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number is a whole number, false for anything else.
func number(v any) (int64, bool) {
	n, ok := v.(interface{ Float64() (float64, error) })
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1e15 {
		return 0, false
	}
	return int64(f), true
}

// aboutConfig asks of an openclaw.json that could be read.
func aboutConfig(h *Host, a *answer, ask func(*config)) {
	c, err := h.config()
	switch {
	case err != nil:
		a.cannot(h.OpenClawConfig, err)
		return
	case c == nil:
		return
	}
	for _, g := range c.gaps {
		a.cannot(g.Where, errors.New(g.Why))
	}
	ask(c)
}

// inConfig is the look of a check that needs nothing but the configuration.
func inConfig(ask func(*Host, *answer, *config)) func(context.Context, *Host, *answer) {
	return func(_ context.Context, h *Host, a *answer) {
		aboutConfig(h, a, func(c *config) { ask(h, a, c) })
	}
}

// set is the Repair that gives a key of the configuration a value.
func (c *config) set(value any, path ...string) Repair {
	return Repair{In: c.path, Key: path, Value: value}
}

// kept tells whether the operator chose to keep what is at a key.
func (h *Host) kept(path []string) bool {
	return h.Made != nil && slices.Contains(h.Made.Kept, strings.Join(path, "."))
}

// left tells whether the operator left a part of the hardening.
func (h *Host) left(part openclaw.Part) bool {
	return h.Made != nil && part != "" && !slices.Contains(h.Made.Parts, part)
}

// chosen makes a finding mild where the operator chose it.
func (h *Host) chosen(f *Finding, part openclaw.Part, path ...string) *Finding {
	if h.kept(path) || h.left(part) {
		f.milder(Info)
	}
	return f
}

// expand is the path that OpenClaw reads for a name in its configuration.
func (h *Host) expand(name, dir string) string {
	switch {
	case name == "~" || strings.HasPrefix(name, "~/") || strings.HasPrefix(name, `~\`):
		return filepath.Join(h.Home, name[1:])
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// workspaces are the folders of the agents, the default one first.
func (h *Host) workspaces(c *config) []string {
	out := []string{filepath.Join(h.openClawDir(), "workspace")}
	add := func(v any) {
		s, _ := v.(string)
		if s == "" {
			return
		}
		if p := h.expand(s, h.openClawDir()); !slices.Contains(out, p) && len(out) < mostWorkspaces {
			out = append(out, p)
		}
	}
	if c == nil {
		return out
	}
	add(c.get("agents.defaults.workspace"))
	for _, a := range c.agents() {
		add(a["workspace"])
	}
	return out
}

const mostWorkspaces = 50

// agents are the configurations of single agents, by name and, before 2026.8, in a list.
func (c *config) agents() []map[string]any {
	var out []map[string]any
	entries := c.object("agents.entries")
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if m, ok := entries[name].(map[string]any); ok {
			out = append(out, m)
		}
	}
	list, _ := c.get("agents.list").([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// installed is the OpenClaw of the host, and an error when there is none or it does not
// answer.
func (h *Host) installed(ctx context.Context) (openclaw.Install, error) {
	return remembered(h, "openclaw", func() (openclaw.Install, error) { return h.OpenClaw(ctx) })
}

// contract is the form of the configuration: the one that it was made for, or what it
// looks like.
func (h *Host) contract(ctx context.Context, c *config) openclaw.Contract {
	if h.Made != nil && h.Made.Contract != "" {
		return h.Made.Contract
	}
	if in, err := h.installed(ctx); err == nil {
		return in.Contract
	}
	if c.object("agents.defaults.cliBackends") != nil {
		return openclaw.Legacy
	}
	return openclaw.Plugin
}

// othersWrite tells whether other users may put something at path: into it, or in its
// place. It is about permission bits, which Windows does not have.
func (h *Host) othersWrite(path string) (string, error) {
	if h.OS == "windows" {
		return "", nil
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		st, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		sticky := st.IsDir() && st.Mode()&os.ModeSticky != 0 && p != path
		if st.Mode().Perm()&0o022 != 0 && !sticky {
			return fmt.Sprintf("other users may write to %s (mode %04o)", text.Clean(p, 200), st.Mode().Perm()), nil
		}
	}
	return "", nil
}

// othersReach tells whether other users may put something in the place of a path: in any
// folder on the way to it.
func (h *Host) othersReach(path string) (string, error) {
	if h.OS == "windows" {
		return "", nil
	}
	for dir := filepath.Dir(resolvedPath(path)); ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", err
		case st.Mode().Perm()&0o022 != 0 && st.Mode()&os.ModeSticky == 0:
			return fmt.Sprintf("other users may write to %s (mode %04o)", text.Clean(dir, 200), st.Mode().Perm()), nil
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

// marshalled is a value as JSON. Infinity and NaN, which JSON does not have and OpenClaw
// refuses everywhere, become null.
func marshalled(v any) ([]byte, error) { return json.Marshal(finite(v)) }

// finite is v without them; v itself, which other checks read at the same time, stays as it
// is.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = finite(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = finite(v[k])
		}
		return out
	}
	return v
}
