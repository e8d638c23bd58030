package openclaw

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Weakness is a key of the hardening that a file leaves weaker than clawsetup does.
type Weakness struct {
	// Key is the setting's own key with dots; Path is where it is weaker: the same, or a key
	// of one agent that takes its place there.
	Key  string
	Path []string
	Part Part
	// Absent says that the file leaves the key to OpenClaw's default.
	Absent bool
	// InList says that Path leads through a list, in which no key can be set.
	InList bool
	// Shown is what is there, Want what clawsetup writes; both fit to be shown.
	Shown, Want string
	// Value is what makes the key as strict: in a list what is there and what is missing.
	Value any
}

// Weaker compares a configuration with the hardening of p, all of p.Parts: by the same
// table, and the same orders of values, by which Merge leaves what is stricter alone.
func Weaker(doc *json5.Document, p Params) []Weakness {
	known, _ := hardening(p)
	var out []Weakness
	for _, s := range known {
		if s.when != nil && !s.when(doc) {
			continue
		}
		old, exists := doc.Get(s.Path)
		if w, ok := s.weakness(old, exists); ok {
			w.Path = s.Path
			out = append(out, w)
		}
	}
	for _, a := range agents(doc) {
		out = append(out, a.weaker(known)...)
	}
	return out
}

func (s Setting) weakness(old any, exists bool) (Weakness, bool) {
	w := Weakness{
		Key: strings.Join(s.Path, "."), Part: s.Part, Absent: !exists,
		Shown: shown(s.Path, old), Want: shown(s.Path, plain(s.Value)), Value: s.Value,
	}
	switch {
	case s.Append:
		missing := s.missing(old)
		if len(missing) == 0 {
			return Weakness{}, false
		}
		list, _ := old.([]any)
		all := slices.Clone(list)
		for _, m := range missing {
			all = append(all, m)
		}
		w.Value, w.Shown, w.Want = all, "a list without "+strings.Join(missing, ", "), "a list with them"
		return w, true
	case !exists:
		return w, true
	case s.keep,
		s.withinLimit(old),
		s.order != nil && s.asStrict(old),
		s.order == nil && old == s.Value:
		return Weakness{}, false
	}
	return w, true
}

// missing are the elements of ours that a list does not have.
func (s Setting) missing(old any) []string {
	values, _ := s.Value.([]string)
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return contains(old, v) })
}

// plain is a value as a document gives it.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return json.Number(fmt.Sprint(v))
	case []string:
		return strings.Join(v, ", ")
	}
	return v
}

// shown is a value of a configuration fit for a person; a list or object is only named.
func shown(p []string, v any) string {
	switch v := v.(type) {
	case string:
		if sensitivePath(p) || secrets.CredentialValue(v) {
			return "[hidden]"
		}
		return text.Clean(fmt.Sprintf("%q", v), 60)
	case bool, json.Number:
		return fmt.Sprint(v)
	case []any:
		return "a list"
	case nil:
		return "null"
	}
	return "an object"
}

// agent is the configuration of one agent.
type agent struct {
	path   []string
	inList bool
	config map[string]any
}

// mostAgents bounds how many agents are looked at.
const mostAgents = 1000

// agents are those of agents.entries, and of agents.list before 2026.8.
func agents(doc *json5.Document) []agent {
	var out []agent
	entries, _ := doc.Get(path("agents.entries"))
	m, _ := entries.(map[string]any)
	for _, name := range sortedKeys(m) {
		if config, ok := m[name].(map[string]any); ok && len(out) < mostAgents {
			out = append(out, agent{path: []string{"agents", "entries", name}, config: config})
		}
	}
	listed, _ := doc.Get(path("agents.list"))
	list, _ := listed.([]any)
	for i, e := range list {
		if config, ok := e.(map[string]any); ok && len(out) < mostAgents {
			out = append(out, agent{path: []string{"agents", "list", fmt.Sprint(i)}, inList: true, config: config})
		}
	}
	return out
}

// weaker are the settings that the agent takes back for itself. A list of its own adds to
// the one of all agents.
func (a agent) weaker(known []Setting) []Weakness {
	var out []Weakness
	for _, s := range known {
		own := s.Path
		switch {
		case len(own) > 2 && own[0] == "agents" && own[1] == "defaults":
			own = own[2:]
		case own[0] != "tools":
			continue
		}
		old, exists := lookup(a.config, own)
		if s.Append || s.keep || !exists {
			continue
		}
		if w, ok := s.weakness(old, true); ok {
			w.Path, w.InList = slices.Concat(a.path, own), a.inList
			out = append(out, w)
		}
	}
	return out
}

func lookup(v any, at []string) (any, bool) {
	for _, key := range at {
		m, _ := v.(map[string]any)
		next, ok := m[key]
		if !ok {
			return nil, false
		}
		v = next
	}
	return v, true
}

// PluginBackend is the command line in the program of our plugin. A program of another
// form is not ours, or was changed: nobody can say what it runs.
func PluginBackend(index []byte) (map[string]any, bool) {
	before, after, _ := strings.Cut(fmt.Sprintf(pluginIndex, "\x00", BackendID), "\x00")
	datum, ok := strings.CutPrefix(string(index), before)
	if !ok {
		return nil, false
	}
	if datum, ok = strings.CutSuffix(datum, after); !ok {
		return nil, false
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(datum), &out); err != nil || out == nil {
		return nil, false
	}
	return out, true
}
