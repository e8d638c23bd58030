package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// level is whom a settings file of Claude Code speaks for.
type level string

// The levels, the strongest first. Ours is the file that the agent is given by --settings
// or finds in its own folder; a check of its own looks at it as a whole.
const (
	levelManaged level = "managed"
	levelOurs    level = "agent"
	levelProject level = "project"
	levelUser    level = "user"
)

// settingsFile is one file that Claude Code takes settings from.
type settingsFile struct {
	level level
	path  string
	// values is nil, and err says why, for a file that could not be read or is no object.
	values map[string]any
	err    error
	// broken says that err is about what the file holds.
	broken bool
}

// claudeSettings are the files that there are, and the folders that could not be listed.
type claudeSettings struct {
	files []settingsFile
	gaps  []Gap
}

// mostManaged bounds how many files of managed-settings.d are looked at.
const mostManaged = 100

func (h *Host) claudeSettings() *claudeSettings {
	out, _ := remembered(h, "claude settings", func() (*claudeSettings, error) {
		s := &claudeSettings{}
		s.managed(h)
		if h.Made != nil && !h.Made.NoAgent {
			s.add(h, levelOurs, h.Made.ClaudeSettings)
		}
		s.add(h, levelUser, filepath.Join(h.Home, ".claude", "settings.json"))
		if dir := h.Getenv("CLAUDE_CONFIG_DIR"); filepath.IsAbs(dir) {
			s.add(h, levelUser, filepath.Join(dir, "settings.json"))
		}
		// In the home folder these are the user's own, which are there already.
		for _, dir := range slices.Concat([]string{h.Work}, h.unlocked()) {
			for _, name := range []string{"settings.json", "settings.local.json"} {
				s.add(h, levelProject, filepath.Join(dir, ".claude", name))
			}
		}
		return s, nil
	})
	return out
}

// unlocked are the workspaces of agents whose Claude Code takes settings from the folder
// that it works in: ours is told not to, except where its arguments are OpenClaw's.
func (h *Host) unlocked() []string {
	if h.Made != nil && !h.Made.NoAgent && h.Made.Contract != openclaw.Builtin {
		return nil
	}
	c, _ := h.config()
	return h.workspaces(c)
}

// managed adds the files of the host's administrator, in the order in which they are read.
func (s *claudeSettings) managed(h *Host) {
	if h.ManagedFile == "" {
		return
	}
	dir := filepath.Dir(h.ManagedFile)
	s.add(h, levelManaged, filepath.Join(filepath.Dir(dir), "managed-settings.json"))
	names, err := listNames(dir, mostManaged)
	if err != nil {
		s.gaps = append(s.gaps, Gap{Where: dir, Why: reason(err)})
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, ".") {
			s.add(h, levelManaged, filepath.Join(dir, name))
		}
	}
}

// add reads a file, once, if it is there.
func (s *claudeSettings) add(h *Host, l level, path string) {
	if slices.ContainsFunc(s.files, func(f settingsFile) bool { return f.path == path }) {
		return
	}
	r := h.read(path)
	if r.err == nil && !r.exists {
		return
	}
	f := settingsFile{level: l, path: path, err: r.err}
	if r.err == nil {
		if f.values, f.err = parseObject(r.data); f.err != nil {
			f.broken = true
		}
	}
	s.files = append(s.files, f)
}

// parseObject reads one JSON object and nothing behind it.
func parseObject(b []byte) (map[string]any, error) {
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil || out == nil {
		return nil, errors.New("it is no JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its JSON object")
	}
	return out, nil
}

// listNames are at most limit names in a folder; a missing one has none.
func listNames(dir string, limit int) ([]string, error) {
	st, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return nil, errors.New("it is no folder")
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	names, err := f.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.Sort(names)
	if len(names) > limit {
		return names[:limit], errTooMany
	}
	return names, nil
}

var errTooMany = errors.New("it holds more than is looked at")

// eachSettings asks about every file that is not ours.
func eachSettings(h *Host, a *answer, ask func(settingsFile)) {
	s := h.claudeSettings()
	for _, g := range s.gaps {
		a.cannot(g.Where, errors.New(g.Why))
	}
	for _, f := range s.files {
		switch {
		case f.level == levelOurs:
		case f.err != nil:
			a.cannot(f.path, f.err)
		default:
			a.saw(f.path)
			ask(f)
		}
	}
}

// ours is our own settings file, if it can be read.
func (s *claudeSettings) ours() (settingsFile, bool) {
	for _, f := range s.files {
		if f.level == levelOurs && f.err == nil {
			return f, true
		}
	}
	return settingsFile{}, false
}

// ruling is what the administrator's files come to, as Claude Code 2.1.330 reads them: one
// after the other, managed-settings.json first and the rest by name. A later value goes
// before an earlier one; lists are joined.
func (s *claudeSettings) ruling() settingsFile {
	out := settingsFile{level: levelManaged, values: map[string]any{}}
	for _, f := range s.files {
		if f.level == levelManaged && f.err == nil {
			out.values = joined(out.values, f.values)
		}
	}
	return out
}

// joined is under with over laid on it; neither is changed.
func joined(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	for key, v := range over {
		switch v := v.(type) {
		case map[string]any:
			m, _ := out[key].(map[string]any)
			if m == nil {
				m = map[string]any{}
			}
			out[key] = joined(m, v)
		case []any:
			list, _ := out[key].([]any)
			out[key] = slices.Concat([]any{}, list, v)
		default:
			out[key] = v
		}
	}
	return out
}

// commands tells whether the administrator's settings, all together, switch something on
// for everybody.
func (s *claudeSettings) commands(key ...string) bool {
	v := s.ruling().get(key...)
	return v == true || v == "disable"
}

// last is the administrator's file, ours aside, that says something about a key last.
func (s *claudeSettings) last(own string, key ...string) (settingsFile, bool) {
	for _, f := range slices.Backward(s.files) {
		if f.level == levelManaged && f.err == nil && f.path != own && f.get(key...) != nil {
			return f, true
		}
	}
	return settingsFile{}, false
}

// get is the value of a key, nil when it is not set.
func (f settingsFile) get(key ...string) any {
	var v any = f.values
	for _, k := range key {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

// texts are the strings of a list.
func (f settingsFile) texts(key ...string) []string {
	list, _ := f.get(key...).([]any)
	var out []string
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// env is a variable that the file gives to Claude Code, as JavaScript makes it text.
func (f settingsFile) env(name string) string {
	switch v := f.get("env", name).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
	}
	return ""
}

func (f settingsFile) at(key ...string) Location {
	return Location{Path: f.path, Key: strings.Join(key, ".")}
}

// on tells whether Claude Code takes a variable's value for yes.
func on(value string) bool {
	return slices.Contains([]string{"1", "true", "yes", "on"}, strings.ToLower(strings.TrimSpace(value)))
}
