package wizard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// turnSeconds is the whole budget of a turn, every retry included (D-03).
const turnSeconds = 600

// leastDays is the shortest age that Claude Code's own clean-up knows; it bounds
// what is kept in spite of the switch that tells it to keep nothing (I-03).
const leastDays = 1

// command is the command line by which another program runs one of ours.
func (w *Wizard) command(name string) []string {
	return claude.OwnCommand(w.Executable, name, w.Paths.SetupFile())
}

// largestAnswer is how many tokens OpenClaw may ask a model for at once.
const largestAnswer = 32000

// agentPaths are the files beside openclaw.json that belong to clawsetup.
type agentPaths struct {
	claudeDir, settings, plugin, launcher, claude string
}

func agentFiles(openclawConfig string) agentPaths {
	own := filepath.Join(filepath.Dir(openclawConfig), "clawsetup")
	dir := filepath.Join(own, "claude")
	return agentPaths{
		claudeDir: dir, settings: filepath.Join(dir, "settings.json"),
		plugin: filepath.Join(own, openclaw.BackendID), launcher: filepath.Join(own, "secrets"), claude: filepath.Join(own, "bin", "claude"),
	}
}

// detect finds OpenClaw once a session.
func (s *InitSession) detect(ctx context.Context) (openclaw.Install, error) {
	return s.install.get(ctx, s.w.Programs.OpenClaw)
}

// contract is the form of openclaw.json: what the operator chose, or what the
// installed OpenClaw understands, or, where there is none, what the current one does.
func (s *InitSession) contract(ctx context.Context) (openclaw.Contract, error) {
	install, err := s.detect(ctx)
	chosen := openclaw.Contract(s.draft.OpenClaw.Mode)
	if s.draft.OpenClaw.Mode == "auto" {
		if errors.Is(err, openclaw.ErrNotInstalled) {
			return openclaw.Plugin, nil
		}
		if err != nil {
			return "", err
		}
		return install.Contract, nil
	}
	if err == nil && (chosen == openclaw.Legacy) != (install.Contract == openclaw.Legacy) {
		return "", hint.With(fmt.Errorf("OpenClaw %s does not understand the %s contract", install.Version, chosen), "openclaw-mode-auto")
	}
	return chosen, nil
}

func (s *InitSession) agentParams(ctx context.Context) (openclaw.Params, error) {
	contract, err := s.contract(ctx)
	if err != nil {
		return openclaw.Params{}, err
	}
	parts, err := openclaw.ParseParts(orElse(s.draft.OpenClaw.Hardening, hardeningDefault))
	if err != nil {
		return openclaw.Params{}, err
	}
	at := agentFiles(s.draft.OpenClaw.Config)
	m := s.draft.Models
	return openclaw.Params{
		Contract: contract, ProxyURL: s.draft.ProxyURL(),
		Models: []openclaw.Model{
			{Ref: "opus", Name: m.Big.ID, Context: m.Big.Context, MaxTokens: largestAnswer},
			{Ref: "sonnet", Name: m.Middle.ID, Context: m.Middle.Context, MaxTokens: largestAnswer},
			{Ref: "haiku", Name: m.Small.ID, Context: m.Small.Context, MaxTokens: largestAnswer},
		},
		ClaudePath: s.draft.Claude.Path, ClaudeConfigDir: at.claudeDir, ClaudeSettings: at.settings, PluginDir: at.plugin,
		TokenCommand: s.w.command("secrets"), TurnSeconds: turnSeconds, Transcripts: s.draft.Claude.RetentionDays > 0,
		Parts: parts, GatewayToken: true,
	}, nil
}

// agentDraft is what planAgent writes, and what its Plan has to say of it.
type agentDraft struct {
	install openclaw.Install // zero when none is installed
	params  openclaw.Params
	// schema is the installed OpenClaw's; nil when there is none to ask.
	schema *openclaw.Schema
	// own are our files beside openclaw.json, by path.
	own map[string][]byte
	// settings are our keys, after what openclaw.json becomes with them.
	settings []openclaw.Setting
	after    []byte
	edits    []openclaw.Edit
	// conflicts are edits of values that somebody else chose.
	conflicts []conflict
	// unknown are keys of the hardening that this OpenClaw does not have, kept those in
	// which the operator's value stays.
	unknown []openclaw.Setting
	kept    []string
	// gatewayToken says that OpenClaw asks us for the token of its gateway.
	gatewayToken bool
}

// draftAgent works out the files of the agent without looking at whether OpenClaw takes
// them.
func (s *InitSession) draftAgent(ctx context.Context, p *planner) (*agentDraft, error) {
	params, err := s.agentParams(ctx)
	if err != nil {
		return nil, err
	}
	d := &agentDraft{params: params, own: map[string][]byte{}}
	if d.install, err = s.installed(ctx); err != nil {
		return nil, err
	}
	if err := errors.Join(s.planLauncher(&d.params, d.own), s.planClaudeLauncher(&d.params, d.own)); err != nil {
		return nil, err
	}
	if err := s.mergeOpenClaw(ctx, d, p); err != nil {
		return nil, err
	}
	if err := s.planClaude(d.params, d.own); err != nil {
		return nil, err
	}
	return d, s.planPlugin(d.params, d.own)
}

// installed is the zero Install where there is none.
func (s *InitSession) installed(ctx context.Context) (openclaw.Install, error) {
	install, err := s.detect(ctx)
	if errors.Is(err, openclaw.ErrNotInstalled) {
		return openclaw.Install{}, nil
	}
	return install, err
}

// agentPlan merges our keys into openclaw.json and adds the files that go with
// them.
func (s *InitSession) agentPlan(ctx context.Context, d *agentDraft, p *planner) error {
	if err := s.validateOpenClaw(ctx, d, p); err != nil {
		return err
	}
	d.note(p)
	for _, path := range slices.Sorted(maps.Keys(d.own)) {
		if err := p.file(path, d.own[path], s.ownChange(path)); err != nil {
			return err
		}
	}
	return p.file(s.draft.OpenClaw.Config, d.after, Change{
		Why: "file-openclaw", Controls: []string{"S-02", "T-03", "E-04", "E-02"}, Keys: keyChanges(p.vault, d.edits), Reasons: reasons(d.edits),
		Sensitive: true, event: journal.CloudruFmProviderConfigured,
	})
}

// ownChange explains a file beside openclaw.json.
func (s *InitSession) ownChange(path string) Change {
	at := agentFiles(s.draft.OpenClaw.Config)
	c := Change{Why: "file-plugin", Controls: []string{"E-02", "E-04", "T-03"}, event: journal.ClaudeCliBackendConfigured}
	switch path {
	case at.settings:
		c.Why, c.Controls = "file-claude-settings", []string{"S-02", "E-02", "I-02", "I-03", "D-03"}
	case at.launcher:
		c.Why, c.Controls, c.mode = "file-launcher", []string{"I-02"}, 0o700
	case at.claude:
		c.Why, c.Controls, c.mode = "file-claude-launcher", []string{"S-02", "I-02", "gap 19"}, 0o700
	}
	return c
}

func (s *InitSession) planClaude(params openclaw.Params, own map[string][]byte) error {
	settings, err := claude.Settings(claude.SettingsParams{
		ProxyURL: params.ProxyURL, TokenHelper: s.w.command("token"), RetentionDays: max(s.draft.Claude.RetentionDays, leastDays), TurnSeconds: params.TurnSeconds,
	})
	if err != nil {
		return err
	}
	if err := claude.ValidateSettings(settings); err != nil {
		return fmt.Errorf("checking the Claude Code settings: %w", err)
	}
	own[params.ClaudeSettings] = settings
	return nil
}

// planLauncher puts a script of the operator's own before clawsetup where OpenClaw
// would refuse the program itself as a provider of secrets.
func (s *InitSession) planLauncher(params *openclaw.Params, own map[string][]byte) error {
	needed, err := openclaw.NeedsLauncher(s.w.Executable)
	if err != nil || !needed {
		return err
	}
	script, err := openclaw.Launcher(params.TokenCommand)
	if err != nil {
		return err
	}
	path := agentFiles(s.draft.OpenClaw.Config).launcher
	own[path] = script
	params.TokenCommand = []string{path}
	return nil
}

// planClaudeLauncher puts a script before Claude Code that lets no foreign variable
// through. The built-in backend takes what is in PATH.
func (s *InitSession) planClaudeLauncher(params *openclaw.Params, own map[string][]byte) error {
	if params.Contract == openclaw.Builtin || runtime.GOOS == "windows" {
		return nil
	}
	script, err := claude.Launcher(params.ClaudePath, params.ClaudeConfigDir)
	if err != nil {
		return err
	}
	params.ClaudePath = agentFiles(s.draft.OpenClaw.Config).claude
	own[params.ClaudePath] = script
	return nil
}

func (s *InitSession) planPlugin(params openclaw.Params, own map[string][]byte) error {
	if params.Contract != openclaw.Plugin {
		return nil
	}
	plugin, err := openclaw.PluginFiles(params)
	if err != nil {
		return err
	}
	for name, content := range plugin {
		own[filepath.Join(params.PluginDir, name)] = content
	}
	return nil
}

// planManaged takes the tools from every Claude Code of the host (E-02).
func (s *InitSession) planManaged(_ context.Context, p *planner) error {
	if !s.draft.Claude.Managed || s.withoutOpenClaw() {
		return nil
	}
	b, err := claude.ManagedSettings()
	if err != nil {
		return err
	}
	return p.file(s.w.ManagedFile, b, Change{
		Why: "file-managed-settings", Controls: []string{"E-02"}, mode: files.Public, event: journal.ClaudeCliBackendConfigured,
	})
}
