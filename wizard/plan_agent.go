package wizard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// turnSeconds is the whole budget of a turn, every retry included (D-03).
const turnSeconds = 600

// leastDays is the shortest age that Claude Code's own clean-up knows; it bounds
// what is kept in spite of the switch that tells it to keep nothing (I-03).
const leastDays = 1

// command is the command line by which another program runs one of ours: it names
// the set-up, since that program's environment may not.
func (w *Wizard) command(name string) []string {
	return []string{w.Executable, name, "--setup", w.Paths.SetupFile()}
}

// largestAnswer is how many tokens OpenClaw may ask a model for at once.
const largestAnswer = 32000

// agentPaths are the files beside openclaw.json that belong to clawsetup.
type agentPaths struct {
	claudeDir, settings, plugin, launcher string
}

func agentFiles(openclawConfig string) agentPaths {
	own := filepath.Join(filepath.Dir(openclawConfig), "clawsetup")
	dir := filepath.Join(own, "claude")
	return agentPaths{
		claudeDir: dir, settings: filepath.Join(dir, "settings.json"),
		plugin: filepath.Join(own, openclaw.BackendID), launcher: filepath.Join(own, "secrets"),
	}
}

// detect finds OpenClaw once a session.
func (s *InitSession) detect(ctx context.Context) (openclaw.Install, error) {
	// The answer outlives the check that asked first, and so does the question.
	s.detectOnce.Do(func() { s.install, s.installErr = s.w.Programs.OpenClaw(context.WithoutCancel(ctx)) })
	return s.install, s.installErr
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
	at := agentFiles(s.draft.OpenClaw.Config)
	m := s.draft.Models
	return openclaw.Params{
		Contract: contract, ProxyURL: s.draft.ProxyURL(),
		Models: []openclaw.Model{
			{Ref: "claude-opus", Name: m.Big.ID, Context: m.Big.Context, MaxTokens: largestAnswer},
			{Ref: "claude-sonnet", Name: m.Middle.ID, Context: m.Middle.Context, MaxTokens: largestAnswer},
			{Ref: "claude-haiku", Name: m.Small.ID, Context: m.Small.Context, MaxTokens: largestAnswer},
		},
		ClaudePath: s.draft.Claude.Path, ClaudeConfigDir: at.claudeDir, ClaudeSettings: at.settings, PluginDir: at.plugin,
		TokenCommand: s.w.command("secrets"), TurnSeconds: turnSeconds, Transcripts: s.draft.Claude.RetentionDays > 0,
	}, nil
}

// agentPlan merges our keys into openclaw.json and adds the files that go with
// them.
func (s *InitSession) agentPlan(ctx context.Context, p *planner) error {
	params, err := s.agentParams(ctx)
	if err != nil {
		return err
	}
	own := map[string][]byte{}
	if err := s.planClaude(params, own); err != nil {
		return err
	}
	if err := s.planLauncher(&params, own); err != nil {
		return err
	}
	if err := s.planPlugin(params, own); err != nil {
		return err
	}
	after, c, err := s.mergeOpenClaw(ctx, params, own, p)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(own))
	for _, path := range names {
		if err := p.file(path, own[path], s.ownChange(path)); err != nil {
			return err
		}
	}
	return p.file(s.draft.OpenClaw.Config, after, c)
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

// mergeOpenClaw is openclaw.json with our keys, validated together with our own
// files.
func (s *InitSession) mergeOpenClaw(ctx context.Context, params openclaw.Params, own map[string][]byte, p *planner) ([]byte, Change, error) {
	path := s.draft.OpenClaw.Config
	current, err := s.w.readOpenClaw(path)
	if err != nil {
		return nil, Change{}, err
	}
	settings, err := s.ownSettings(ctx, params)
	if err != nil {
		return nil, Change{}, err
	}
	base, dropped, err := withoutObsolete(path, content(current), settings, p)
	if err != nil {
		return nil, Change{}, err
	}
	after, edits, err := openclaw.Merge(base, settings)
	if err != nil {
		return nil, Change{}, fmt.Errorf("merging into %s: %w", path, err)
	}
	edits = append(dropped, edits...)
	if err := s.validateOpenClaw(ctx, path, after, own, p); err != nil {
		return nil, Change{}, err
	}
	return after, Change{
		Why: "file-openclaw", Controls: []string{"S-02", "T-03", "E-04", "E-02"}, Keys: keyChanges(p.vault, edits),
		Sensitive: true, event: journal.CloudruFmProviderConfigured,
	}, nil
}

// ownSettings are the keys that the installed OpenClaw can hold: one that it does
// not know is left out when it is no control, and an error otherwise.
func (s *InitSession) ownSettings(ctx context.Context, params openclaw.Params) ([]openclaw.Setting, error) {
	settings, err := openclaw.Settings(params)
	if err != nil {
		return nil, err
	}
	install, err := s.detect(ctx)
	switch {
	case errors.Is(err, openclaw.ErrNotInstalled):
		return settings, nil
	case err != nil:
		return nil, err
	case !install.CanValidate:
		return settings, nil
	}
	schema, err := install.Schema(ctx)
	if err != nil {
		return nil, err
	}
	kept, _, err := openclaw.Prune(schema, settings)
	return kept, err
}

// content is what Merge starts from: nil only when there is no file.
func content(f files.File) []byte {
	if !f.Exists {
		return nil
	}
	return notNil(f.Data)
}

// validateOpenClaw asks the installed OpenClaw, and our own rules in any case. What
// OpenClaw did not see is said to be not checked.
func (s *InitSession) validateOpenClaw(ctx context.Context, path string, after []byte, own map[string][]byte, p *planner) error {
	if err := openclaw.ValidateOwn(after); err != nil {
		return fmt.Errorf("checking %s: %w", path, err)
	}
	if s.given.DryRun {
		// OpenClaw reads a copy in a temporary folder, which a dry run does not make.
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated-dry-run", State: NotChecked})
		return nil
	}
	install, err := s.detect(ctx)
	if errors.Is(err, openclaw.ErrNotInstalled) {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated", State: NotChecked})
		return nil
	}
	if err != nil {
		return err
	}
	if !install.CanValidate {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-cannot-validate", State: NotChecked, Args: []any{install.Version}})
		return nil
	}
	warnings, err := openclaw.Validate(ctx, install, path, after, own)
	if err != nil {
		return fmt.Errorf("OpenClaw %s refuses the new %s: %w", install.Version, path, err)
	}
	for _, w := range warnings {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-warning", State: Attention, Args: []any{text.Clean(w.Path+": "+w.Message, 200)}})
	}
	p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-validated", Args: []any{install.Version}})
	return nil
}

// keyChanges turns edits into what the journal may hold: a sensitive value only
// as a fingerprint.
func keyChanges(v *vault, edits []openclaw.Edit) []journal.KeyChange {
	out := make([]journal.KeyChange, 0, len(edits))
	for _, e := range edits {
		out = append(out, journal.KeyChange{Path: joinPath(e.Path), Old: v.shown(e.Old, e.Sensitive), New: v.shown(e.New, e.Sensitive)})
	}
	return out
}
