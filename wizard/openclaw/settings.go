package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// Setting is one key that we own.
type Setting struct {
	Path  []string
	Value any
	// Why is the message id of the reason, without its prefix.
	Why string
	// Controls are ids of the controls the key answers.
	Controls []string
	// Part is the part of the hardening that the key belongs to; empty for what the
	// engine needs.
	Part Part
	// Append adds the elements of Value, a []string, to the operator's list.
	Append bool
	// Optional may be left out where OpenClaw does not know the key: it is no
	// control, or OpenClaw of that version is as strict without it.
	Optional bool

	// keep leaves any value that is there.
	keep bool
	// order are the values that the key can have, the strictest first: one that is there
	// and stricter stays.
	order []string
	// since and until are the releases that know the key, year and month; 0 is any.
	since, until int
	// atMost leaves a number that is there and stricter: above zero and smaller; atLeast
	// one that is as large.
	atMost, atLeast bool
	// when says whether the setting applies to the file at hand; nil is always.
	when func(*json5.Document) bool
}

// Settings lists the keys that we own under the contract of p, in the order they
// are written into an empty file.
func Settings(p Params) ([]Setting, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("openclaw settings: %w", err)
	}
	s := []Setting{
		// A login shell's profile would bring the operator's credentials along.
		{Path: path("env.shellEnv.enabled"), Value: false, Why: "openclaw.shell-env", Controls: []string{"S-02", "gap 19"}},
		{Path: path("secrets.providers." + SecretProvider), Value: p.secretProvider(), Why: "openclaw.secret-provider", Controls: []string{"I-02"}, since: release2603},
	}
	s = append(s, p.providerSettings()...)
	s = append(s, p.agentSettings()...)
	s = append(s, p.backendSettings()...)
	s = slices.DeleteFunc(s, func(s Setting) bool { return s.since > p.release() })
	known, _ := hardening(p)
	return append(s, known...), nil
}

// Unknown are the keys of the chosen parts of the hardening that the release does not
// know.
func Unknown(p Params) []Setting {
	_, unknown := hardening(p)
	return unknown
}

// Ours tells whether a key is below a name of our own: what stands there is ours to
// put right, whoever changed it.
func Ours(path []string) bool {
	return slices.Contains(path, BackendID) || slices.Contains(path, SecretProvider)
}

func path(dotted string) []string { return strings.Split(dotted, ".") }

// execProvider is an exec entry of secrets.providers, in the order it is written.
type execProvider struct {
	Source            string   `json:"source"`
	Command           string   `json:"command"`
	Args              []string `json:"args"`
	PassEnv           []string `json:"passEnv"`
	JSONOnly          bool     `json:"jsonOnly"`
	TimeoutMs         int      `json:"timeoutMs"`
	NoOutputTimeoutMs int      `json:"noOutputTimeoutMs"`
	MaxOutputBytes    int      `json:"maxOutputBytes"`
}

type secretRef struct {
	Source   string `json:"source"`
	Provider string `json:"provider"`
	ID       string `json:"id"`
}

type catalogModel struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	ContextWindow int    `json:"contextWindow"`
	MaxTokens     int    `json:"maxTokens"`
}

type agentModel struct {
	Primary   string   `json:"primary"`
	Fallbacks []string `json:"fallbacks"`
}

// SecretProviderFor is the entry of secrets.providers that runs an argv of ours, decoded as
// from a file.
func SecretProviderFor(argv []string) (map[string]any, error) {
	return decoded(Params{TokenCommand: argv}.secretProvider())
}

// decoded is a value as a file with it is read.
func decoded(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("openclaw settings: %w", err)
	}
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("openclaw settings: %w", err)
	}
	return out, nil
}

func (p Params) secretProvider() execProvider {
	return execProvider{
		Source: "exec", Command: p.TokenCommand[0], Args: append([]string{}, p.TokenCommand[1:]...), JSONOnly: true,
		// A locked keyring asks a human first.
		TimeoutMs: 30000, NoOutputTimeoutMs: 30000, MaxOutputBytes: 65536,
		PassEnv: slices.Clone(passEnv),
	}
}

// passEnv are the variables by which the keyring and the folders of clawsetup are found;
// no more.
var passEnv = []string{
	"HOME", "USER", "LOGNAME", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME",
	"USERPROFILE", "APPDATA", "LOCALAPPDATA", "SYSTEMROOT",
}

// providerSettings send also what does not go through Claude Code, like
// `openclaw infer model run`, to the proxy.
func (p Params) providerSettings() []Setting {
	names := []string{p.provider()}
	if p.Contract == Builtin {
		names = append(names, "claude-cli")
	}
	var out []Setting
	for i, name := range names {
		models := []catalogModel{}
		for _, m := range p.Models {
			if i == 0 {
				models = append(models, catalogModel{p.id(m), m.Name, m.Context, m.MaxTokens})
			}
		}
		at := func(key string) []string { return []string{"models", "providers", name, key} }
		out = append(out,
			Setting{Path: at("baseUrl"), Value: p.ProxyURL, Why: "openclaw.base-url", Controls: []string{"S-02"}},
			Setting{Path: at("api"), Value: "anthropic-messages", Why: "openclaw.provider"},
			Setting{Path: at("apiKey"), Value: secretRef{"exec", SecretProvider, SecretProxyToken},
				Why: "openclaw.secret-ref", Controls: []string{"I-02", "S-01"}, since: release2603},
			Setting{Path: at("models"), Value: models, Why: "openclaw.provider"},
		)
	}
	return out
}

func (p Params) agentSettings() []Setting {
	refs := p.refs()
	model := agentModel{Primary: refs[0], Fallbacks: []string{}}
	if len(refs) > 1 {
		// One fallback: each costs a share of the turn's budget (D-03).
		model.Fallbacks = refs[1:2]
	}
	defaults := path("agents.defaults")
	at := func(keys ...string) []string { return append(append([]string{}, defaults...), keys...) }
	out := []Setting{{Path: at("model"), Value: model, Why: "openclaw.model", Controls: []string{"D-03"}}}
	for _, ref := range refs {
		s := Setting{Path: at("models", ref), Value: map[string]any{}, Why: "openclaw.model", keep: true}
		if p.Contract == Builtin {
			s = Setting{Path: at("models", ref, "agentRuntime"), Value: map[string]any{"id": "claude-cli"}, Why: "openclaw.model"}
		}
		out = append(out, s)
	}
	if p.Contract != Legacy {
		// Before 2026.8 agents.defaults.models is the list of allowed models.
		out = append(out, Setting{Path: at("modelPolicy", "allow"), Value: refs, Append: true, Why: "openclaw.model-policy", Controls: []string{"S-02", "T-02"}})
	}
	return append(out,
		// Titles and summaries would otherwise go to the provider's small model.
		Setting{Path: at("utilityModel"), Value: "", Why: "openclaw.utility-model", Controls: []string{"S-02"}, Optional: p.Contract == Legacy, since: release2607},
		Setting{Path: at("timeoutSeconds"), Value: p.TurnSeconds, Why: "openclaw.timeout", Controls: []string{"D-03"}, atMost: true},
	)
}

func (p Params) backendSettings() []Setting {
	switch p.Contract {
	case Plugin:
		return []Setting{
			{Path: path("plugins.load.paths"), Value: []string{p.PluginDir}, Append: true, Why: "openclaw.plugin", Controls: []string{"E-04"}},
			{Path: path("plugins.entries." + BackendID + ".enabled"), Value: true, Why: "openclaw.plugin"},
			allowPlugin(BackendID),
			// Claude Code without our arguments and the public API.
			{Path: path("plugins.deny"), Value: []string{"anthropic"}, Append: true, Why: "openclaw.deny-anthropic",
				Controls: []string{"S-02", "E-02"}, when: func(d *json5.Document) bool { return !usesAnthropic(d) }},
		}
	case Builtin:
		return []Setting{
			{Path: path("env.vars.CLAUDE_CONFIG_DIR"), Value: p.ClaudeConfigDir, Why: "openclaw.claude-config", Controls: []string{"S-02"}},
			{Path: path("plugins.entries.anthropic.enabled"), Value: true, Why: "openclaw.plugin"},
			allowPlugin("anthropic"),
		}
	case Legacy:
	}
	return []Setting{{Path: path("agents.defaults.cliBackends." + BackendID), Value: p.backend(), Why: "openclaw.backend",
		Controls: []string{"E-02", "E-04", "S-02", "T-03"}}}
}

// Prune splits settings by whether schema knows their keys. An unknown key that is
// not optional is an error: OpenClaw of this version cannot hold a control.
func Prune(schema *Schema, settings []Setting) (kept, dropped []Setting, err error) {
	for _, s := range settings {
		switch {
		case schema.Has(s.Path):
			kept = append(kept, s)
		case s.Optional:
			dropped = append(dropped, s)
		default:
			return nil, nil, fmt.Errorf("this version of openclaw does not know %s", strings.Join(s.Path, "."))
		}
	}
	return kept, dropped, nil
}
