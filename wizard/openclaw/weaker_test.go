package openclaw

import (
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

func weaknesses(t *testing.T, p Params, config string) map[string]Weakness {
	t.Helper()
	doc, err := json5.Parse([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Weakness{}
	for _, w := range Weaker(doc, p) {
		out[strings.Join(w.Path, ".")] = w
	}
	return out
}

// What Merge wrote is not weaker, under every contract; what it would change is.
func TestWeakerAgreesWithMerge(t *testing.T) {
	for _, contract := range []Contract{Plugin, Builtin, Legacy} {
		p := params(contract)
		settings, err := Settings(p)
		if err != nil {
			t.Fatal(err)
		}
		merged, _, err := Merge(nil, settings)
		if err != nil {
			t.Fatal(err)
		}
		for path, w := range weaknesses(t, p, string(merged)) {
			t.Errorf("%s: %s is weaker than what was just written: %s", contract, path, w.Shown)
		}
		empty := weaknesses(t, p, "{}")
		for _, s := range settings {
			path := strings.Join(s.Path, ".")
			if w, ok := empty[path]; s.Part != "" && s.when == nil && (!ok || !w.Absent) {
				t.Errorf("%s: %s is missing and not told", contract, path)
			}
		}
	}
}

func TestWeaker(t *testing.T) {
	p := params(Plugin)
	found := weaknesses(t, p, `{
		gateway: {bind: 'lan', auth: {mode: 'password', token: 'nobody-may-see-this', rateLimit: {maxAttempts: 3}}},
		tools: {deny: ['browser'], exec: {mode: 'ask'}},
		agents: {entries: {a: {tools: {exec: {mode: 'full'}, profile: 'minimal'}, heartbeat: {every: '1m'}}},
			list: [{id: 'b', subagents: {maxSpawnDepth: 5}}]},
	}`)
	for path, shown := range map[string]string{
		"gateway.bind": `"lan"`, "tools.exec.mode": `"ask"`, "agents.entries.a.tools.exec.mode": `"full"`, "agents.list.0.subagents.maxSpawnDepth": "5",
		"tools.profile": "null",
	} {
		if w, ok := found[path]; !ok || w.Shown != shown {
			t.Errorf("%s: %+v", path, w)
		}
	}
	for _, path := range []string{"gateway.auth.mode", "gateway.auth.rateLimit.maxAttempts", "agents.entries.a.tools.profile", "gateway.auth.token"} {
		if w, ok := found[path]; ok {
			t.Errorf("%s is as strict: %+v", path, w)
		}
	}
	if list, _ := found["tools.deny"].Value.([]any); len(list) != len(deniedTools) || list[0] != "browser" {
		t.Errorf("the list is %v", list)
	}
	if !found["agents.list.0.subagents.maxSpawnDepth"].InList {
		t.Error("a list is no object")
	}
}

func TestPluginBackend(t *testing.T) {
	p := params(Plugin)
	files, err := PluginFiles(p)
	if err != nil {
		t.Fatal(err)
	}
	index := string(files["index.js"])
	config, ok := PluginBackend([]byte(index))
	if !ok || config["command"] != p.ClaudePath || CheckBackend(config) != nil {
		t.Errorf("%v, %v", config, ok)
	}
	for name, changed := range map[string]string{
		"more":      index + "import('x');\n",
		"before":    "import 'x';\n" + index,
		"statement": strings.Replace(index, "const config = {", "const config = {}; import('x'); ({", 1),
		"hook":      strings.Replace(index, "[...context.baseArgs]", "['--yolo']", 1),
		"empty":     "",
	} {
		if _, ok := PluginBackend([]byte(changed)); ok {
			t.Errorf("%s: a changed program counts as ours", name)
		}
	}
}
