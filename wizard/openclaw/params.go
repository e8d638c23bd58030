package openclaw

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/claude/command"
)

// Model is one model as OpenClaw sees it.
type Model struct {
	// Ref is opus, sonnet or haiku: Claude Code's own names, which our settings turn into
	// those that the proxy maps to its big, middle and small model. Any other name
	// would silently become the big one.
	Ref string
	// Name is what people see: the cloud.ru id.
	Name string
	// Context and MaxTokens are in tokens.
	Context, MaxTokens int
}

// Params is what the settings depend on.
type Params struct {
	Contract Contract
	// ProxyURL is http://127.0.0.1:PORT.
	ProxyURL string
	// Models begins with the primary; the second is its fallback.
	Models []Model
	// ClaudePath is the absolute path of Claude Code.
	ClaudePath string
	// ClaudeConfigDir is Claude Code's own folder for this use; ClaudeSettings the
	// settings file, which the built-in contract finds as settings.json in it.
	ClaudeConfigDir, ClaudeSettings string
	// PluginDir is the folder of the plugin backend; its base is BackendID.
	PluginDir string
	// TokenCommand is the argv of the exec secret provider: see NeedsLauncher.
	TokenCommand []string
	// TurnSeconds is the whole budget of a turn (control D-03).
	TurnSeconds int
	// Parts are those of the hardening that the operator takes.
	Parts []Part
	// Release is the OpenClaw that the settings are for, year and month, such as 202609;
	// 0 where none is installed.
	Release int
	// OneAnswer says that this OpenClaw does not know Claude Code's stream, and reads its
	// answer as one object: before about 2026.4.
	OneAnswer bool
	// GatewayToken says that SecretGatewayToken can be asked for.
	GatewayToken bool
	// Channels are the names of the channels that the operator's file has.
	Channels []string
	// Transcripts keeps Claude Code's session files, which a conversation of more
	// than one turn needs; their age is bounded by the Claude settings (I-03).
	Transcripts bool
}

// check refuses parameters that would make an unsafe file (T-03, E-04, S-02).
func (p Params) check() error {
	if err := claude.CheckProxyURL(p.ProxyURL); err != nil {
		return fmt.Errorf("the proxy address: %w", err)
	}
	switch p.Contract {
	case Plugin, Builtin, Legacy:
	default:
		return fmt.Errorf("%q is not a contract", p.Contract)
	}
	if err := claude.CheckPath(p.ClaudePath); err != nil {
		return fmt.Errorf("the path of claude: %w", err)
	}
	for name, path := range map[string]string{
		"folder": p.ClaudeConfigDir, "settings": p.ClaudeSettings, "plugin folder": p.PluginDir,
	} {
		if err := command.CheckPath(path); err != nil {
			return fmt.Errorf("the %s path: %w", name, err)
		}
	}
	if filepath.Base(p.PluginDir) != BackendID {
		return fmt.Errorf("the plugin folder is not named %s", BackendID)
	}
	if p.Contract == Builtin && filepath.Clean(p.ClaudeSettings) != filepath.Join(p.ClaudeConfigDir, "settings.json") {
		return errors.New("the built-in contract needs the Claude settings as settings.json in Claude's folder")
	}
	if len(p.TokenCommand) == 0 {
		return errors.New("the secret command is missing")
	}
	if err := command.CheckPath(p.TokenCommand[0]); err != nil {
		return fmt.Errorf("the secret command: %w", err)
	}
	for _, arg := range p.TokenCommand[1:] {
		if err := command.CheckWord(arg); err != nil {
			return fmt.Errorf("an argument of the secret command: %w", err)
		}
	}
	if p.TurnSeconds < claude.MinTurnSeconds || p.TurnSeconds > 86400 {
		return fmt.Errorf("a turn of %d seconds is not between %d and 86400", p.TurnSeconds, claude.MinTurnSeconds)
	}
	return p.checkModels()
}

func (p Params) checkModels() error {
	if len(p.Models) == 0 {
		return errors.New("no model")
	}
	seen := map[string]bool{}
	for _, m := range p.Models {
		switch m.Ref {
		case "opus", "sonnet", "haiku":
		default:
			return fmt.Errorf("%q is not a name that the proxy maps", m.Ref)
		}
		if err := command.CheckWord(m.Name); err != nil {
			return fmt.Errorf("the model id %q: %w", m.Name, err)
		}
		if seen[m.Ref] || m.Context < 1 || m.MaxTokens < 1 {
			return fmt.Errorf("the model %s is given twice or without its sizes", m.Ref)
		}
		seen[m.Ref] = true
	}
	return nil
}

func (p Params) provider() string {
	if p.Contract == Builtin {
		return "anthropic"
	}
	return BackendID
}

// builtinIDs are the ids for OpenClaw's own backend. It takes a short name for one of
// Anthropic's models and runs that past Claude Code, and its audit warns of every model
// of Anthropic's before 4.5: so these carry a version, which nothing behind them has.
var builtinIDs = map[string]string{"opus": "claude-opus-5", "sonnet": "claude-sonnet-5", "haiku": "claude-haiku-4-5"}

// id is what OpenClaw calls a model of the provider.
func (p Params) id(m Model) string {
	if p.Contract == Builtin {
		return builtinIDs[m.Ref]
	}
	return m.Ref
}

func (p Params) refs() []string {
	refs := make([]string, 0, len(p.Models))
	for _, m := range p.Models {
		refs = append(refs, p.provider()+"/"+p.id(m))
	}
	return refs
}
