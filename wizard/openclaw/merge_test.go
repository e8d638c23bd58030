package openclaw

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// at makes a path absolute on every platform.
func at(p string) string {
	if runtime.GOOS == "windows" {
		return `C:` + filepath.FromSlash(p)
	}
	return p
}

func params(c Contract) Params {
	return Params{
		Contract: c, ProxyURL: "http://127.0.0.1:8082", TurnSeconds: 600, Transcripts: true, Parts: Parts(), GatewayToken: true, Channels: []string{"telegram"},
		Models: []Model{
			{Ref: "opus", Name: "deepseek-ai/DeepSeek-V4-Pro", Context: 1048576, MaxTokens: 32000},
			{Ref: "sonnet", Name: "zai-org/GLM-5.1", Context: 202752, MaxTokens: 32000},
			{Ref: "haiku", Name: "Qwen/Qwen3.6-35B-A3B", Context: 262144, MaxTokens: 16000},
		},
		ClaudePath: at("/usr/local/bin/claude"), ClaudeConfigDir: at("/home/op/.openclaw/clawsetup/claude"),
		ClaudeSettings: at("/home/op/.openclaw/clawsetup/claude/settings.json"),
		PluginDir:      at("/home/op/.openclaw/clawsetup/" + BackendID),
		TokenCommand:   []string{at("/home/op/.openclaw/clawsetup/secrets"), "secrets"},
	}
}

func settings(t *testing.T, c Contract) []Setting {
	t.Helper()
	s, err := Settings(params(c))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rich is an operator's file with everything that a careless merge would lose.
const rich = `// my OpenClaw
{
  // talk to me
  channels: {
    telegram: { enabled: true, botToken: '${TELEGRAM_BOT_TOKEN}' /* from @BotFather */, },
  },
  'agents': {
    defaults: {
      model: 'anthropic/claude-opus-4-6', // the old one
      models: {
        "anthropic/claude-opus-4-6": { alias: "Opus" },
      },
      timeoutSeconds: 0x78, // two minutes
      subagents: { maxConcurrent: 4, },
    },
  },
  tools: { exec: { security: "full", ask: 'off' } },
  plugins: {
    allow: [
      'telegram', // chat
    ],
  },
  logging: {level: 'error'},
}
`

func TestMergeKeepsTheOperatorsText(t *testing.T) {
	for _, c := range []Contract{Plugin, Builtin, Legacy} {
		set := settings(t, c)
		after, edits, err := Merge([]byte(rich), set)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"// my OpenClaw\n", "// talk to me", "'${TELEGRAM_BOT_TOKEN}' /* from @BotFather */, },",
			"// the old one", `{ alias: "Opus" }`, "0x78, // two minutes", "'telegram', // chat", "logging: {level: 'error'", "'agents': {"} {
			if !strings.Contains(string(after), want) {
				t.Errorf("%s: %q is gone:\n%s", c, want, after)
			}
		}
		if len(edits) == 0 {
			t.Errorf("%s: no edits", c)
		}
		if err := ValidateOwn(after, set); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		again, more, err := Merge(after, settings(t, c))
		if err != nil || string(again) != string(after) || len(more) > 0 {
			t.Errorf("%s: a second merge changed %v, %v", c, more, err)
		}
	}
}

func TestMergeValues(t *testing.T) {
	tests := []struct {
		name     string
		contract Contract
		current  string
		path     string
		want     any // nil: absent
	}{
		{"primary", Plugin, ``, "agents.defaults.model", map[string]any{"primary": "cloudru-claude/opus", "fallbacks": []any{"cloudru-claude/sonnet"}}},
		{"builtin primary", Builtin, ``, "agents.defaults.model.primary", "anthropic/claude-opus-5"},
		{"builtin runtime", Builtin, ``, "agents.defaults.models.anthropic/claude-haiku-4-5.agentRuntime.id", "claude-cli"},
		{"builtin second provider", Builtin, ``, "models.providers.claude-cli.baseUrl", "http://127.0.0.1:8082"},
		{"legacy has no plugin", Legacy, ``, "plugins.load", nil},
		{"legacy has no policy", Legacy, ``, "agents.defaults.modelPolicy", nil},
		{"legacy command", Legacy, ``, "agents.defaults.cliBackends.cloudru-claude.command", at("/usr/local/bin/claude")},
		{"stricter timeout stays", Plugin, `{agents:{defaults:{timeoutSeconds:120}}}`, "agents.defaults.timeoutSeconds", json.Number("120")},
		{"longer window stays", Plugin, `{gateway:{auth:{rateLimit:{windowMs:90000}}}}`, "gateway.auth.rateLimit.windowMs", json.Number("90000")},
		{"no window is not stricter", Plugin, `{gateway:{auth:{rateLimit:{windowMs:1}}}}`, "gateway.auth.rateLimit.windowMs", json.Number("60000")},
		{"no lock is not stricter", Plugin, `{gateway:{auth:{rateLimit:{lockoutMs:0}}}}`, "gateway.auth.rateLimit.lockoutMs", json.Number("300000")},
		{"no timeout is not stricter", Plugin, `{agents:{defaults:{timeoutSeconds:0}}}`, "agents.defaults.timeoutSeconds", json.Number("600")},
		{"longer timeout", Plugin, `{agents:{defaults:{timeoutSeconds:172800}}}`, "agents.defaults.timeoutSeconds", json.Number("600")},
		{"exec mode", Plugin, `{}`, "tools.exec.mode", "deny"},
		{"exec without pair", Plugin, `{}`, "tools.exec.security", nil},
		{"exec pair", Plugin, `{tools:{exec:{ask:"off"}}}`, "tools.exec.mode", nil},
		{"exec pair denied", Plugin, `{tools:{exec:{ask:"off"}}}`, "tools.exec.security", "deny"},
		{"legacy exec pair", Legacy, `{}`, "tools.exec.ask", "always"},
		{"legacy exec mode", Legacy, `{tools:{exec:{mode:"full"}}}`, "tools.exec.mode", "deny"},
		{"no allow list is made", Plugin, `{}`, "plugins.allow", nil},
		{"an empty allow list stays", Plugin, `{plugins:{allow:[]}}`, "plugins.allow", []any{}},
		{"an allow list grows", Plugin, `{plugins:{allow:["telegram"]}}`, "plugins.allow", []any{"telegram", "cloudru-claude"}},
		{"anthropic denied", Plugin, `{}`, "plugins.deny", []any{"anthropic"}},
		{"anthropic in use by an agent", Plugin, `{agents:{entries:{x:{model:{primary:"anthropic/claude-opus-5"}}}}}`, "plugins.deny", nil},
		{"anthropic in use by a legacy agent", Plugin, `{agents:{list:[{id:"x",model:"claude-cli/opus"}]}}`, "plugins.deny", nil},
		{"anthropic enabled", Plugin, `{plugins:{entries:{anthropic:{enabled:true}}}}`, "plugins.deny", nil},
		{"anthropic allowed", Plugin, `{plugins:{allow:["anthropic"]}}`, "plugins.deny", nil},
		{"own alias stays", Plugin, `{agents:{defaults:{models:{"cloudru-claude/opus":{alias:"big"}}}}}`,
			"agents.defaults.models.cloudru-claude/opus", map[string]any{"alias": "big"}},
		{"model policy grows", Plugin, `{agents:{defaults:{modelPolicy:{allow:["openai/*"]}}}}`, "agents.defaults.modelPolicy.allow",
			[]any{"openai/*", "cloudru-claude/opus", "cloudru-claude/sonnet", "cloudru-claude/haiku"}},
		{"browser", Plugin, `{browser:{enabled:true,ssrfPolicy:{dangerouslyAllowPrivateNetwork:true}}}`, "browser.ssrfPolicy.dangerouslyAllowPrivateNetwork", false},
		{"utility model", Plugin, `{}`, "agents.defaults.utilityModel", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			current := []byte(tt.current)
			if tt.current == "" {
				current = nil
			}
			after, _, err := Merge(current, settings(t, tt.contract))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := json5.Parse(after)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := doc.Get(path(tt.path))
			if !reflect.DeepEqual(got, tt.want) || (!ok && tt.want != nil) {
				t.Errorf("%s = %#v, want %#v", tt.path, got, tt.want)
			}
		})
	}
}

func TestMergeEdits(t *testing.T) {
	current := `{models:{providers:{"cloudru-claude":{apiKey:"sk-mark"}}},tools:{profile:"minimal"}}`
	_, edits, err := Merge([]byte(current), settings(t, Plugin))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range edits {
		switch strings.Join(e.Path, ".") {
		case "tools.profile":
			t.Error("an unchanged key is listed")
		case "models.providers.cloudru-claude.apiKey":
			found = e.Sensitive && string(e.Old) == `"sk-mark"` && strings.Contains(string(e.New), SecretProxyToken) && e.Why != "" && len(e.Controls) > 0
		case "tools.elevated.enabled":
			if e.Old != nil || string(e.New) != "false" || e.Sensitive {
				t.Errorf("got %+v", e)
			}
		}
	}
	if !found {
		t.Errorf("the credential's edit is wrong: %+v", edits)
	}
}

func TestMergeRefuses(t *testing.T) {
	tests := map[string]struct{ current, want, hint string }{
		"empty":         {" \n", "the text is empty", "openclaw-config-broken"},
		"broken":        {"{\n a: }", "line 2, column 5", "openclaw-config-broken"},
		"duplicate":     {"{a:1,\na:2}", "already on line 1", "openclaw-config-broken"},
		"huge":          {"{a:'" + strings.Repeat("x", MaxConfig) + "'}", "are more than", "openclaw-config-size"},
		"shape":         {"{agents:\n[]}", "agents on line 2: not an object", "openclaw-config-shape"},
		"list shape":    {"{plugins:{load:{paths:1}}}", "is not a list", "openclaw-config-shape"},
		"plugins off":   {"{plugins:{enabled:false}}", "plugins.enabled is false", "openclaw-plugins-off"},
		"plugin denied": {"{plugins:{deny:['cloudru-claude']}}", "plugins.deny holds cloudru-claude", "openclaw-plugin-denied"},
	}
	for name, tt := range tests {
		after, edits, err := Merge([]byte(tt.current), settings(t, Plugin))
		if err == nil || !strings.Contains(err.Error(), tt.want) || after != nil || edits != nil {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
			continue
		}
		if h, ok := hint.Of(err); !ok || h.ID != tt.hint {
			t.Errorf("%s: hint %+v, want %s", name, h, tt.hint)
		}
	}
	if _, _, err := Merge([]byte("{plugins:{deny:['anthropic']}}"), settings(t, Builtin)); err == nil {
		t.Error("the built-in backend was merged although its plugin is denied")
	}
}

func paths(s []Setting) (out [][]string) {
	for _, s := range s {
		out = append(out, s.Path)
	}
	return out
}

func TestRevertIsExact(t *testing.T) {
	for _, c := range []Contract{Plugin, Builtin, Legacy} {
		for name, target := range map[string][]byte{"rich": []byte(rich), "none": nil, "empty": []byte("{}\n"),
			"empty parents": []byte("{tools: {}, browser: {ssrfPolicy: {}}, plugins: {load: {/* none */}}}")} {
			after, edits, err := Merge(target, settings(t, c))
			if err != nil {
				t.Fatal(err)
			}
			back, undone, err := Revert(after, after, target, paths(settings(t, c)))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := json5.Parse([]byte("{}"))
			if target != nil {
				want, _ = json5.Parse(target)
			}
			got, err := json5.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := got.Get(nil)
			b, _ := want.Get(nil)
			if !reflect.DeepEqual(a, b) || len(undone) != len(edits) {
				t.Errorf("%s %s: %d of %d edits undone, left\n%s", c, name, len(undone), len(edits), back)
			}
			if name == "rich" && !strings.Contains(string(back), "// the old one") {
				t.Errorf("%s: a comment is gone", c)
			}
		}
	}
}

func TestRevertKeepsLaterEdits(t *testing.T) {
	before := []byte("{plugins:{allow:['telegram']}}")
	applied, _, err := Merge(before, settings(t, Plugin))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := json5.Parse(applied)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []error{doc.Append(path("plugins.allow"), "later"), doc.Set(path("gateway.port"), 1), doc.Set(path("tools.deny"), []string{"x"})} {
		if step != nil {
			t.Fatal(step)
		}
	}
	back, _, err := Revert(doc.Bytes(), applied, before, paths(settings(t, Plugin)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json5.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	tree, _ := got.Get(nil)
	want := map[string]any{
		"plugins": map[string]any{"allow": []any{"telegram", "later"}},
		"gateway": map[string]any{"port": json.Number("1")},
		"tools":   map[string]any{"deny": []any{"x"}},
	}
	if !reflect.DeepEqual(tree, want) {
		t.Errorf("got\n%s", back)
	}
	if _, _, err := Revert(back, nil, nil, [][]string{nil}); err == nil {
		t.Error("an empty path was reverted")
	}
}

func TestSettingsRefuses(t *testing.T) {
	tests := map[string]func(*Params){
		"contract":        func(p *Params) { p.Contract = "x" },
		"proxy":           func(p *Params) { p.ProxyURL = "http://192.0.2.1:8082" },
		"claude":          func(p *Params) { p.ClaudePath = at("/bin/bash") },
		"claude relative": func(p *Params) { p.ClaudePath = "claude" },
		"substitution":    func(p *Params) { p.PluginDir = at("/home/${HOME}/" + BackendID) },
		"plugin folder":   func(p *Params) { p.PluginDir = at("/home/op/other") },
		"no models":       func(p *Params) { p.Models = nil },
		"foreign model":   func(p *Params) { p.Models[0].Ref = "gpt" },
		"model twice":     func(p *Params) { p.Models[1].Ref = p.Models[0].Ref },
		"escape in name":  func(p *Params) { p.Models[0].Name = "x\x1b[2J" },
		"no context":      func(p *Params) { p.Models[0].Context = 0 },
		"no command":      func(p *Params) { p.TokenCommand = nil },
		"shell":           func(p *Params) { p.TokenCommand = []string{at("/bin/x"), "a;b"} },
		"turn":            func(p *Params) { p.TurnSeconds = 1 },
		"settings place":  func(p *Params) { p.Contract, p.ClaudeSettings = Builtin, at("/elsewhere.json") },
	}
	for name, change := range tests {
		p := params(Plugin)
		change(&p)
		if _, err := Settings(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := PluginFiles(p); err == nil {
			t.Errorf("%s: a plugin was made", name)
		}
	}
}

func TestValidateOwn(t *testing.T) {
	tests := map[string]struct{ candidate, want string }{
		"type":            {"{\n tools:{elevated:{enabled:'no'}}}", "line 2: tools.elevated.enabled: it has to be true or false"},
		"remote provider": {`{models:{providers:{"cloudru-claude":{baseUrl:"https://evil.example"}}}}`, "127.0.0.1"},
		"token elsewhere": {`{models:{providers:{x:{baseUrl:"https://evil.example",apiKey:{source:"exec",provider:"clawsetup",id:"proxy_token"}}}}}`, "models.providers.x.baseUrl"},
		"secret command":  {`{secrets:{providers:{clawsetup:{source:"exec",command:"sh"}}}}`, "not an absolute path"},
		"secret args":     {`{secrets:{providers:{clawsetup:{source:"exec",command:"/bin/x",args:["$(id)"]}}}}`, "is not allowed"},
		"secret source":   {`{secrets:{providers:{clawsetup:{source:"file",path:"/x"}}}}`, "exec provider"},
		"backend command": {`{agents:{defaults:{cliBackends:{"cloudru-claude":{command:"/bin/bash"}}}}}`, "neither claude nor codex"},
		"backend skip":    {`{agents:{defaults:{cliBackends:{"cloudru-claude":{command:"/b/claude",args:["--dangerously-skip-permissions"]}}}}}`, "skips permissions"},
		"backend mode":    {`{agents:{defaults:{cliBackends:{"cloudru-claude":{command:"/b/claude",resumeArgs:["--permission-mode=bypassPermissions"]}}}}}`, "skips permissions"},
		"backend shell":   {`{agents:{defaults:{cliBackends:{"cloudru-claude":{command:"/b/claude",args:["a|b"]}}}}}`, "is not allowed"},
		"backend address": {`{agents:{defaults:{cliBackends:{"cloudru-claude":{command:"/b/claude",env:{ANTHROPIC_BASE_URL:"http://x"}}}}}}`, "127.0.0.1"},
		"timeout":         {`{agents:{defaults:{timeoutSeconds:1.5}}}`, "whole number"},
		"list":            {`{plugins:{deny:[1]}}`, "list of strings"},
		"model":           {`{agents:{defaults:{model:7}}}`, "agents.defaults.model"},
		"profile":         {`{tools:{profile:"all"}}`, "one of minimal"},
	}
	for name, tt := range tests {
		if runtime.GOOS == "windows" {
			tt.candidate = strings.NewReplacer(`"/b/`, `"C:/b/`, `"/bin/`, `"C:/bin/`).Replace(tt.candidate)
		}
		if err := ValidateOwn([]byte(tt.candidate), settings(t, Plugin)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
	if err := ValidateOwn([]byte(`{channels:{x:1},agents:{defaults:{cliBackends:{gemini:{command:"gemini"}}}}}`), settings(t, Plugin)); err != nil {
		t.Errorf("the operator's own keys were judged: %v", err)
	}
}

func TestConfigPath(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		env  map[string]string
		want string
	}{
		{nil, filepath.Join(home, ".openclaw", "openclaw.json")},
		{map[string]string{"OPENCLAW_STATE_DIR": "~/state"}, filepath.Join(home, "state", "openclaw.json")},
		{map[string]string{"OPENCLAW_STATE_DIR": at("/s"), "OPENCLAW_CONFIG_PATH": " " + at("/c/x.json") + " "}, at("/c/x.json")},
		{map[string]string{"OPENCLAW_HOME": at("/h")}, at("/h/.openclaw/openclaw.json")},
		{map[string]string{"OPENCLAW_HOME": at("/h"), "OPENCLAW_CONFIG_PATH": "~/o.json"}, at("/h/o.json")},
	}
	for _, tt := range tests {
		got, err := ConfigPath(func(name string) string { return tt.env[name] })
		if err != nil || got != tt.want {
			t.Errorf("%v: got %s, %v; want %s", tt.env, got, err, tt.want)
		}
	}
}

func TestPrune(t *testing.T) {
	schema, err := ParseSchema([]byte(`{"properties":{"tools":{"properties":{"profile":{"type":"string"}}},
		"secrets":{"additionalProperties":{"anyOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}]}},"closed":{"additionalProperties":false}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{"tools": true, "tools.profile": true, "tools.exec": false, "secrets.any.b": true, "secrets.any.c": false, "closed.x": false, "other": false} {
		if schema.Has(path(p)) != want {
			t.Errorf("Has(%s) = %v", p, !want)
		}
	}
	s := []Setting{{Path: path("tools.profile")}, {Path: path("other"), Optional: true}}
	kept, dropped, err := Prune(schema, s)
	if err != nil || len(kept) != 1 || len(dropped) != 1 {
		t.Errorf("kept %v, dropped %v, %v", kept, dropped, err)
	}
	if _, _, err := Prune(schema, []Setting{{Path: path("other")}}); err == nil {
		t.Error("a control was dropped silently")
	}
}

func FuzzMerge(f *testing.F) {
	for _, s := range []string{rich, "{}", "{plugins:{allow:['a']}}", "{tools:{exec:{ask:'off'}}}", "{agents:{defaults:{models:{}}}}"} {
		f.Add([]byte(s))
	}
	s, err := Settings(params(Plugin))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		after, _, err := Merge(b, s)
		if err != nil {
			return
		}
		if err := ValidateOwn(after, s); err != nil {
			// Only a key of the operator's that our rules judge may fail.
			if ValidateOwn(b, s) == nil {
				t.Fatalf("our own keys are refused: %v\n%s", err, after)
			}
		}
		again, edits, err := Merge(after, s)
		if err != nil || string(again) != string(after) || len(edits) > 0 {
			t.Fatalf("merging again changed %v, %v", edits, err)
		}
		back, _, err := Revert(after, after, b, paths(s))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json5.Parse(back); err != nil {
			t.Fatalf("reverted to %s: %v", back, err)
		}
	})
}

// TestDropStamps: what an older OpenClaw wrote about itself goes where the new one
// refuses it, and nothing else does.
func TestDropStamps(t *testing.T) {
	schema, err := ParseSchema([]byte(`{"properties":{"meta":{"properties":{"lastTouchedVersion":{}},"additionalProperties":false}},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	for before, want := range map[string]string{
		"{ meta: { lastTouchedVersion: 'x', lastTouchedAt: 'y' }, /* mine */ a: 1 }\n": "{ meta: { lastTouchedVersion: 'x' }, /* mine */ a: 1 }\n",
		"{ meta: { lastTouchedAt: 'y' } }\n":                                           "{ meta: { } }\n",
		"{ a: 1 }\n":                                                                   "{ a: 1 }\n",
	} {
		after, edits, err := DropStamps([]byte(before), schema)
		if err != nil || string(after) != want || (len(edits) > 0) != (before != want) {
			t.Errorf("%s becomes %s, %v, %v", before, after, edits, err)
		}
		for _, e := range edits {
			if !IsStamp(e.Path) || e.New != nil {
				t.Errorf("edit %+v", e)
			}
		}
	}
	empty, err := ParseSchema([]byte(`{"properties":{},"additionalProperties":false}`))
	if err != nil {
		t.Fatal(err)
	}
	if after, _, err := DropStamps([]byte("{ meta: { lastTouchedAt: 'y' } }"), empty); err != nil || strings.Contains(string(after), "meta") {
		t.Errorf("%s, %v", after, err)
	}
}
