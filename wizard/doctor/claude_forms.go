package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// settingsForms are the keys that a check here rests on, with the form in which Claude
// Code takes them: a file of a user with another form is thrown away as a whole, without
// a word (measured on 2.1.330).
var settingsForms = map[string]func(any) bool{
	"env":                        isTexts,
	"permissions":                isPermissions,
	"apiKeyHelper":               isText,
	"hooks":                      isObject,
	"cleanupPeriodDays":          isNumber,
	"disableAllHooks":            isBool,
	"enableAllProjectMcpServers": isBool,
	"allowManagedHooksOnly":      isBool,
	"allowedMcpServers":          isList,
	"enabledMcpjsonServers":      isList,
	"model":                      isText,
}

func isText(v any) bool { _, ok := v.(string); return ok }

func isBool(v any) bool { _, ok := v.(bool); return ok }

func isObject(v any) bool { _, ok := v.(map[string]any); return ok }

func isList(v any) bool { _, ok := v.([]any); return ok }

func isNumber(v any) bool { _, ok := v.(json.Number); return ok }

func isTexts(v any) bool {
	m, ok := v.(map[string]any)
	for _, x := range m {
		ok = ok && !isObject(x) && !isList(x)
	}
	return ok
}

func isPermissions(v any) bool {
	m, ok := v.(map[string]any)
	for _, name := range []string{"allow", "ask", "deny", "additionalDirectories"} {
		if list, there := m[name]; there {
			items, isList := list.([]any)
			ok = ok && isList && !slices.ContainsFunc(items, func(x any) bool { return !isText(x) })
		}
	}
	for _, name := range []string{"defaultMode", "disableBypassPermissionsMode"} {
		if x, there := m[name]; there {
			ok = ok && isText(x)
		}
	}
	return ok
}

// settingsValid: what is not valid holds nothing back, or stops Claude Code.
func settingsValid(_ context.Context, h *Host, a *answer) {
	s := h.claudeSettings()
	files := s.files
	if h.ManagedFile != "" {
		servers := &claudeSettings{}
		servers.add(h, levelManaged, filepath.Join(filepath.Dir(filepath.Dir(h.ManagedFile)), "managed-mcp.json"))
		files = slices.Concat(files, servers.files)
	}
	for _, g := range s.gaps {
		a.cannot(g.Where, errors.New(g.Why))
	}
	for _, f := range files {
		switch {
		case f.level == levelOurs:
		case f.broken && f.level == levelManaged:
			a.found(f.at(), "%s: Claude Code refuses to run with it", f.err.Error())
		case f.broken:
			a.found(f.at(), "%s: nothing of it holds", f.err.Error()).milder(Medium)
		case f.err != nil:
			a.cannot(f.path, f.err)
		default:
			a.saw(f.path)
			f.forms(a)
		}
	}
}

func (f settingsFile) forms(a *answer) {
	for _, key := range slices.Sorted(maps.Keys(settingsForms)) {
		if v, there := f.values[key]; there && !settingsForms[key](v) {
			a.found(f.at(key), "it is not of the form that Claude Code takes: the whole file may be ignored").milder(Medium)
		}
	}
}

// settingsOurs: the file that the agent's Claude Code is given holds what was agreed to.
// Its address has a check of its own.
func settingsOurs(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.NoAgent {
		return
	}
	path := h.Made.ClaudeSettings
	r := h.read(path)
	switch {
	case r.err != nil:
		a.cannot(path, r.err)
		return
	case !r.exists:
		a.found(Location{Path: path}, "the settings of the agent's Claude Code are gone").milder(High)
		return
	}
	a.saw(path)
	f, ok := h.claudeSettings().ours()
	if !ok {
		a.found(Location{Path: path}, "it is no JSON object: nothing of it holds")
		return
	}
	data := r.data
	if env, ok := f.values["env"].(map[string]any); ok && f.env("ANTHROPIC_BASE_URL") != "" {
		copied := maps.Clone(f.values)
		copied["env"] = maps.Clone(env)
		copied["env"].(map[string]any)["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1"
		if b, err := json.Marshal(copied); err == nil {
			data = b
		}
	}
	if err := claude.ValidateSettings(data); err != nil {
		a.found(Location{Path: path}, text.Clean(err.Error(), 200))
		return
	}
	h.settingsAsWritten(a, f)
}

// settingsAsWritten compares our file as a whole with what clawsetup writes: any other
// helper, limit or model name in it was agreed to by nobody.
func (h *Host) settingsAsWritten(a *answer, f settingsFile) {
	m := h.Made
	b, err := claude.Settings(claude.SettingsParams{
		ProxyURL: h.proxyURL(), TokenHelper: h.tokenHelper(f), RetentionDays: max(m.RetentionDays, 1), TurnSeconds: h.turnSeconds(),
	})
	if err != nil {
		a.cannot(f.path, err)
		return
	}
	want, err := parseObject(b)
	if err != nil {
		a.cannot(f.path, err)
		return
	}
	env, _ := f.values["env"].(map[string]any)
	wantedEnv, _ := want["env"].(map[string]any)
	var keys []string
	for _, name := range differing(env, wantedEnv) {
		keys = append(keys, "env."+name)
	}
	for _, key := range differing(f.values, want) {
		if key != "env" {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		// Checks of their own tell of these.
		if name := strings.TrimPrefix(key, "env."); name == "ANTHROPIC_BASE_URL" || name == "DISABLE_AUTOUPDATER" || slices.Contains(quiet, name) {
			continue
		}
		a.found(Location{Path: f.path, Key: key}, "it is not what clawsetup writes")
	}
}

// tokenHelper is the helper that our file has to name, as argv, by that name of our program
// which stands in it.
func (h *Host) tokenHelper(f settingsFile) []string {
	argv := claude.OwnCommand(h.Made.Program, "token", h.Made.SetupFile)
	whole, err := claude.Quote(argv)
	if err != nil {
		return argv // claude.Settings tells
	}
	program, _ := claude.Quote(argv[:1])
	has, _ := f.get("apiKeyHelper").(string)
	if first, ok := strings.CutSuffix(has, strings.TrimPrefix(whole, program)); ok {
		if path := strings.Trim(first, `'"`); h.leadsToProgram(path) {
			argv[0] = path
		}
	}
	return argv
}

// settingsPrivate: who may write to a settings file decides what Claude Code runs.
func settingsPrivate(_ context.Context, h *Host, a *answer) {
	if h.OS == "windows" {
		return
	}
	for _, f := range h.claudeSettings().files {
		if f.level == levelOurs {
			continue
		}
		st, err := os.Lstat(f.path)
		if err != nil {
			a.cannot(f.path, err)
			continue
		}
		a.saw(f.path)
		h.settingsMode(a, f, st)
		dir := filepath.Dir(f.path)
		if st, err := os.Stat(dir); err == nil && st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0 {
			a.found(Location{Path: dir}, "other users may replace the settings in this folder (mode %04o)", st.Mode().Perm()).Fix = fixCommand("chmod go-w {path}", dir)
		}
	}
}

func (h *Host) settingsMode(a *answer, f settingsFile, st fs.FileInfo) {
	mode := st.Mode().Perm()
	owner, known := ownerOf(st)
	switch {
	case known && owner != 0 && owner != h.UID:
		a.found(f.at(), "it belongs to the user with id %d", owner).Fix = "ls -l " + quoteWord(f.path)
	case !st.Mode().IsRegular():
		// A link has no mode of its own; what it leads to may be anybody's to write.
		if to, err := os.Stat(f.path); err == nil && to.Mode().Perm()&0o022 != 0 {
			a.found(f.at(), "other users may write to what this link leads to (mode %04o)", to.Mode().Perm())
		}
	case mode&0o022 != 0 && f.level == levelUser:
		a.found(f.at(), "other users may write to it (mode %04o)", mode).repairedBy(Repair{Private: f.path, Mode: mode &^ 0o077})
	case mode&0o022 != 0:
		got := a.found(f.at(), "other users may write to it (mode %04o)", mode)
		got.Fix = fixCommand("chmod go-w {path}", f.path)
	case mode&0o044 != 0 && f.level == levelUser:
		a.found(f.at(), "other users may read it (mode %04o)", mode).milder(Low).repairedBy(Repair{Private: f.path, Mode: mode &^ 0o077})
	}
}

// managedSettings: the file of ours that takes tools from every Claude Code of the host.
func managedSettings(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || !h.Made.Managed || h.ManagedFile == "" {
		return
	}
	r := h.read(h.ManagedFile)
	if r.err != nil {
		a.cannot(h.ManagedFile, r.err)
		return
	}
	if !r.exists {
		a.found(Location{Path: h.ManagedFile}, "the settings that take tools from every Claude Code of this host are gone")
		return
	}
	a.saw(h.ManagedFile)
	want, err := claude.ManagedSettings()
	if err != nil {
		a.cannot(h.ManagedFile, err)
		return
	}
	has, err := parseObject(r.data)
	if err != nil {
		return // claude-settings-valid tells
	}
	all, _ := parseObject(want)
	own := lacking(has, all, "")
	for _, key := range own {
		a.found(Location{Path: h.ManagedFile, Key: key}, "it does not hold any more what takes the tools away")
	}
	h.overruled(a, all, own)
}

// overruled finds what another of the administrator's files takes back.
func (h *Host) overruled(a *answer, want map[string]any, own []string) {
	s := h.claudeSettings()
	for _, f := range s.files {
		if f.level == levelManaged && f.err != nil && !f.broken {
			a.cannot(f.path, f.err)
		}
	}
	for _, key := range lacking(s.ruling().values, want, "") {
		if f, ok := s.last(h.ManagedFile, strings.Split(key, ".")...); ok && !slices.Contains(own, key) {
			a.found(Location{Path: f.path, Key: key}, "it overrules the settings that take tools from every Claude Code of this host").Fix = fixCommand(fixEdit, f.path)
		}
	}
}

// lacking are the keys of want that has does not hold: a list may be longer, unless it is
// one that has to be empty.
func lacking(has, want map[string]any, prefix string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		ok := true
		switch w := want[key].(type) {
		case map[string]any:
			m, _ := has[key].(map[string]any)
			out = append(out, lacking(m, w, prefix+key+".")...)
		case []any:
			list, isList := has[key].([]any)
			ok = isList && (len(w) > 0 || len(list) == 0)
			for _, x := range w {
				ok = ok && slices.Contains(list, x)
			}
		default:
			ok = has[key] == w
		}
		if !ok {
			out = append(out, prefix+key)
		}
	}
	return out
}
