package wizard

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// hiding says which side of a change may hold values of the operator's: they are
// recorded as fingerprints.
type hiding struct {
	old, now bool
	with     *vault
}

// changes compares two versions of a file, setting by setting.
func (h hiding) changes(path string, before, after []byte) []journal.KeyChange {
	out := settingsDiff(path, before, after)
	for i := range out {
		out[i].Old, out[i].New = h.side(out[i].Old, h.old), h.side(out[i].New, h.now)
	}
	return out
}

func (h hiding) side(value *string, foreign bool) *string {
	if value == nil {
		return nil
	}
	return h.with.shown(json.RawMessage(*value), foreign)
}

// settingsDiff compares two versions of a file of our own, setting by setting.
// Files without settings have none.
func settingsDiff(path string, before, after []byte) []journal.KeyChange {
	read := settingsReader(path)
	if read == nil {
		return nil
	}
	old, now := read(before), read(after)
	names := make([]string, 0, len(old)+len(now))
	for n := range old {
		names = append(names, n)
	}
	for n := range now {
		if _, both := old[n]; !both {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var out []journal.KeyChange
	for _, n := range names {
		if old[n] != now[n] {
			out = append(out, journal.KeyChange{Path: n, Old: present(old, n), New: present(now, n)})
		}
	}
	return out
}

func present(m map[string]string, name string) *string {
	if v, ok := m[name]; ok {
		return &v
	}
	return nil
}

func settingsReader(path string) func([]byte) map[string]string {
	switch name := filepath.Base(path); {
	case name == envName:
		return envSettings
	case name == seccompName, name == ignoreName:
		return nil
	case slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(name)):
		return treeSettings
	}
	return nil
}

// treeSettings flattens a YAML or JSON document. What cannot be read has no
// settings: the digest of the whole file is in the record anyway.
func treeSettings(b []byte) map[string]string {
	out := map[string]string{}
	var v any
	if yaml.Unmarshal(b, &v) == nil {
		flatten(out, nil, v)
	}
	return out
}

func flatten(out map[string]string, path []string, v any) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		if len(path) > 0 {
			j, err := json.Marshal(v)
			if err == nil {
				out[joinPath(path)] = string(j)
			}
		}
		return
	}
	for k, x := range m {
		flatten(out, append(slices.Clone(path), k), x)
	}
}

func envSettings(b []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		j, err := json.Marshal(value)
		if err == nil {
			out[name] = string(j)
		}
	}
	return out
}

// joinPath writes a path of keys as text that splitPath can take apart again:
// a key with other than plain characters is quoted.
func joinPath(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		if p == "" || strings.ContainsAny(p, `."\`) {
			quoted, err := json.Marshal(p)
			if err == nil {
				p = string(quoted)
			}
		}
		parts[i] = p
	}
	return strings.Join(parts, ".")
}

func splitPath(s string) []string {
	var out []string
	for s != "" {
		if s[0] == '"' {
			var key string
			d := json.NewDecoder(strings.NewReader(s))
			if d.Decode(&key) == nil {
				out = append(out, key)
				s = strings.TrimPrefix(s[d.InputOffset():], ".")
				continue
			}
		}
		key, rest, _ := strings.Cut(s, ".")
		out, s = append(out, key), rest
	}
	return out
}

// shown is a value as the journal may hold it: a sensitive one, and one that has the form
// of a credential, only as a fingerprint.
func (v *vault) shown(raw json.RawMessage, sensitive bool) *string {
	if raw == nil {
		return nil
	}
	s := string(raw)
	if sensitive || secrets.CredentialValue(s) {
		s = v.fingerprint(secrets.New(raw))
	}
	return &s
}
