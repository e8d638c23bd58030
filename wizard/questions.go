package wizard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/safedial"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// DefaultPort is where Claude Code expects the proxy.
const DefaultPort = 8082

// What stands for a choice outside the catalogue's presets.
const (
	presetKeep    = "keep"
	presetCustom  = "custom"
	presetDefault = "balanced"
)

// question is one line of init's table: when it is asked, what it offers and
// what an answer does to the draft.
type question struct {
	id     string
	step   Step
	kind   Kind
	flags  []string
	expert bool // answered by its flag or its default, never asked
	skip   func(*InitSession) bool
	build  func(context.Context, *InitSession, *Question) error
	accept func(context.Context, *InitSession, Answer) error
}

// blame names the flag whose value was refused. The key's errors speak for
// themselves, and what the network does is no fault of a flag.
func (d question) blame(err error) error {
	var api *cloudru.Error
	if d.kind == SecretText || errors.As(err, &api) && !errors.Is(err, safedial.ErrForbiddenAddress) {
		return err
	}
	return fmt.Errorf("%s: %w", d.flags[0], err)
}

func never(*InitSession) bool { return false }

// initQuestions are in the order of the wizard's path. The table is made once at
// start, since its functions refer back to it through reopen.
var initQuestions = []question{
	{id: "api-base", step: StepKey, flags: []string{"--api-base"}, expert: true, skip: never, build: buildAPIBase, accept: acceptAPIBase},
	{id: "dir", step: StepAgent, flags: []string{"--dir"}, expert: true, skip: never, build: buildDir, accept: acceptDir},
	{id: "key", step: StepKey, kind: SecretText, flags: []string{"--key-stdin", "--key-file"}, skip: (*InitSession).keyMayMiss, build: buildKey, accept: acceptKey},
	{id: "preset", step: StepModels, kind: Choice, flags: []string{"--preset"}, skip: (*InitSession).modelsGiven, build: buildPreset, accept: acceptPreset},
	{id: "big-model", step: StepModels, kind: Choice, flags: []string{"--big-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Big }, false)},
	{id: "middle-model", step: StepModels, kind: Choice, flags: []string{"--middle-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Middle }, false)},
	{id: "small-model", step: StepModels, kind: Choice, flags: []string{"--small-model"}, skip: (*InitSession).presetChosen, build: buildModel, accept: acceptModel(func(m *ModelsSetup) *ModelSetup { return &m.Small }, true)},
	{id: "store", step: StepSecrets, kind: Choice, flags: []string{"--store"}, skip: never, build: buildStore, accept: acceptStore},
	{id: "image", step: StepImage, flags: []string{"--image"}, skip: never, build: buildImage, accept: acceptImage},
	{id: "trust", step: StepImage, kind: Choice, flags: []string{"--trust-first-use", "--image-digest", "--cosign-key"}, skip: func(s *InitSession) bool { return s.trusted }, build: buildTrust, accept: acceptTrust},
	{id: "cosign-key", step: StepImage, flags: []string{"--cosign-key"}, skip: func(s *InitSession) bool { return s.trusted }, build: buildCosignKey, accept: acceptCosignKey},
	{id: "port", step: StepAgent, flags: []string{"--port"}, skip: never, build: buildPort, accept: acceptPort},
	{id: "openclaw-mode", step: StepAgent, kind: Choice, flags: []string{"--openclaw-mode"}, skip: never, build: buildOpenClawMode, accept: acceptOpenClawMode},
	{id: "openclaw-config", step: StepAgent, flags: []string{"--openclaw-config"}, skip: (*InitSession).withoutOpenClaw, build: buildOpenClawConfig, accept: acceptOpenClawConfig},
	{id: "claude", step: StepAgent, flags: []string{"--claude"}, skip: (*InitSession).withoutOpenClaw, build: buildClaude, accept: acceptClaude},
	{id: "retention-days", step: StepAgent, flags: []string{"--retention-days"}, expert: true, skip: (*InitSession).withoutOpenClaw, build: buildRetention, accept: acceptRetention},
}

func lookUp(id string) *question {
	for i := range initQuestions {
		if initQuestions[i].id == id {
			return &initQuestions[i]
		}
	}
	return nil
}

func buildAPIBase(_ context.Context, s *InitSession, q *Question) error {
	q.Default = orElse(s.draft.API.Base, cloudru.DefaultBase)
	return nil
}

func acceptAPIBase(_ context.Context, s *InitSession, a Answer) error {
	u, err := safedial.Policy{AllowPrivate: s.draft.API.AllowPrivate}.CheckURL(a.Value)
	if err != nil {
		return err
	}
	s.draft.API.Base = u.String()
	return nil
}

func buildDir(_ context.Context, s *InitSession, q *Question) error {
	q.Default = s.draft.StackDir(s.w.Paths)
	return nil
}

func acceptDir(_ context.Context, s *InitSession, a Answer) error {
	dir, err := s.w.absolute(a.Value)
	if err != nil {
		return err
	}
	if err := s.w.Disk.CheckTarget(filepath.Join(dir, composeName)); err != nil {
		return err
	}
	s.draft.Dir = dir
	if dir == s.w.Paths.Config {
		s.draft.Dir = ""
	}
	return nil
}

func (s *InitSession) keyMayMiss() bool {
	return s.given.DryRun && s.given.Key.IsZero()
}

func buildKey(ctx context.Context, s *InitSession, q *Question) error {
	stored, err := s.storedKey(ctx)
	if err != nil {
		return hint.With(fmt.Errorf("reading the stored key: %w", err), "key-by-flag")
	}
	if !stored.IsZero() {
		q.Default = "keep"
	}
	return nil
}

// acceptKey proves the key (A5, S-04). A refusal of the model alone leaves the key
// possible: it is proved again with the model that is chosen.
func acceptKey(ctx context.Context, s *InitSession, a Answer) error {
	key, stored, err := s.typedKey(ctx, a.Secret)
	if err != nil {
		return err
	}
	model, err := s.probeModel(ctx)
	if err != nil {
		return err
	}
	if !key.Equal(s.key) {
		s.forgetProofs()
	}
	s.key, s.stored = key, stored
	err = s.prove(ctx, "key", model)
	var refused *cloudru.Error
	if errors.As(err, &refused) && (refused.Kind == cloudru.NotConnected || refused.Kind == cloudru.UnknownModel) {
		return nil
	}
	return err
}

// typedKey is the new key, checked for what no key can hold, or the stored one
// when nothing was typed.
func (s *InitSession) typedKey(ctx context.Context, typed secrets.Secret) (key secrets.Secret, stored bool, err error) {
	if typed.IsZero() {
		key, err = s.storedKey(ctx)
		if err == nil && key.IsZero() {
			err = secrets.ErrEmpty
		}
		return key, true, err
	}
	key, err = secrets.ParseAPIKey(typed.Expose())
	return key, false, err
}

// probeModel is the small model as far as it is known before models are
// chosen.
func (s *InitSession) probeModel(ctx context.Context) (string, error) {
	if id := orElse(s.given.Values["small-model"], s.draft.Models.Small.ID); id != "" {
		return id, nil
	}
	preset := s.given.Values["preset"]
	if preset == "" || preset == presetKeep || preset == presetCustom {
		preset = presetDefault
	}
	m, err := s.choosePreset(ctx, preset)
	return m.Small.ID, err
}

func (s *InitSession) prove(ctx context.Context, question, model string) error {
	if s.key.IsZero() {
		return nil
	}
	if p, ok := s.proved[model]; ok {
		s.noteProof(question, p)
		return nil
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	p, err := c.Prove(ctx, s.key, model)
	if err != nil {
		return err
	}
	s.proved[model] = p
	s.noteProof(question, p)
	return nil
}

// forgetProofs: what was proved, was proved of another key.
func (s *InitSession) forgetProofs() {
	clear(s.proved)
	for id, notes := range s.notes {
		s.notes[id] = slices.DeleteFunc(notes, func(n Note) bool { return n.ID == "key-proved" })
	}
}

func (s *InitSession) noteProof(question string, p cloudru.Proof) {
	note := Note{ID: "key-proved", Args: []any{p.Model, p.Latency.Milliseconds()}}
	for _, notes := range s.notes {
		if slices.ContainsFunc(notes, func(n Note) bool { return n.ID == note.ID && n.Args[0] == p.Model }) {
			return
		}
	}
	s.notes[question] = []Note{note}
}

// withoutOpenClaw is true when no agent configuration is to be written.
func (s *InitSession) withoutOpenClaw() bool { return s.draft.OpenClaw.Mode == "none" }

func (s *InitSession) wantsClaude() bool {
	return orElse(s.given.Values["openclaw-mode"], s.draft.OpenClaw.Mode) != "none"
}

func buildStore(ctx context.Context, s *InitSession, q *Question) error {
	keyring := Option{Value: string(secrets.KindKeyring)}
	if err := s.keyringUsable(ctx); err != nil {
		keyring.Disabled = true
		q.Notes = append(q.Notes, Note{ID: "store-unavailable", State: Failed, Args: []any{text.Clean(err.Error(), 120)}})
	} else {
		q.Default = keyring.Value
		q.Notes = append(q.Notes, s.notes["store"]...)
	}
	q.Options = []Option{keyring, {Value: string(secrets.KindDocker)}}
	if keyring.Disabled {
		slices.Reverse(q.Options)
	}
	// What is in use stays the default, as long as it works; falling back to files
	// is the operator's own choice, never ours.
	if s.draft.Store == secrets.KindDocker {
		q.Default = string(secrets.KindDocker)
	}
	return nil
}

// keyringUsable proves the keyring by a round trip; a dry run only asks whether it
// answers, and says so.
func (s *InitSession) keyringUsable(ctx context.Context) error {
	check, note := s.w.Keyring.Probe, Note{ID: "store-proved"}
	if s.given.DryRun {
		check, note = s.w.Keyring.Reachable, Note{ID: "store-reachable", State: NotChecked}
	}
	err := check(ctx)
	if err == nil {
		s.notes["store"] = []Note{note}
	}
	return err
}

func acceptStore(ctx context.Context, s *InitSession, a Answer) error {
	switch secrets.Kind(a.Value) {
	case secrets.KindKeyring:
		if err := s.keyringUsable(ctx); err != nil {
			return hint.With(err, "store-docker")
		}
	case secrets.KindDocker:
		s.notes["store"] = []Note{{ID: "store-docker", Args: []any{filepath.Join(s.draft.StackDir(s.w.Paths), "secrets")}}}
	default:
		return fmt.Errorf("%w: %q is neither keyring nor docker", ErrNoSuchOption, a.Value)
	}
	s.draft.Store = secrets.Kind(a.Value)
	return nil
}

func buildPort(_ context.Context, s *InitSession, q *Question) error {
	q.Default = strconv.Itoa(s.draft.Port)
	return nil
}

// acceptPort refuses a port that someone else answers on: Claude Code would send
// its token there (S-01).
func acceptPort(ctx context.Context, s *InitSession, a Answer) error {
	port, err := strconv.Atoi(a.Value)
	if err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("port %q %w: a number from 1 to 65535", text.Clean(a.Value, 20), ErrBadValue)
	}
	n := portNote(ctx, port, s.current)
	if n.State == Failed {
		return hint.With(fmt.Errorf("port %d on 127.0.0.1 is taken by another program", port), "port-taken", port)
	}
	s.notes["port"] = []Note{n}
	s.draft.Port = port
	return nil
}

// portNote tells whether 127.0.0.1:port is free. What listens there may be our own
// proxy when the present set-up uses the port; that is not proved here.
func portNote(ctx context.Context, port int, current *Setup) Note {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case err == nil:
		_ = l.Close()
		return Note{ID: "port-free", Args: []any{port}}
	case errors.Is(err, os.ErrPermission):
		return Note{ID: "port-privileged", State: NotChecked, Args: []any{port}}
	case current != nil && current.Port == port:
		return Note{ID: "port-ours-unchecked", State: NotChecked, Args: []any{port}}
	default:
		return Note{ID: "port-taken", State: Failed, Args: []any{port}}
	}
}

func buildOpenClawMode(ctx context.Context, s *InitSession, q *Question) error {
	q.Default = orElse(s.draft.OpenClaw.Mode, "auto")
	for _, m := range []string{"auto", "plugin", "builtin", "legacy", "none"} {
		q.Options = append(q.Options, Option{Value: m})
	}
	q.Notes = s.openClawNotes(ctx)
	return nil
}

func acceptOpenClawMode(ctx context.Context, s *InitSession, a Answer) error {
	if !slices.Contains([]string{"auto", "plugin", "builtin", "legacy", "none"}, a.Value) {
		return fmt.Errorf("%w: %q is none of auto, plugin, builtin, legacy, none", ErrNoSuchOption, a.Value)
	}
	s.notes["openclaw-mode"] = s.openClawNotes(ctx)
	s.draft.OpenClaw.Mode = a.Value
	return nil
}

func buildOpenClawConfig(_ context.Context, s *InitSession, q *Question) error {
	q.Default = s.draft.OpenClaw.Config
	if q.Default != "" {
		return nil
	}
	var err error
	q.Default, err = openclaw.ConfigPath(s.w.Getenv)
	return err
}

func acceptOpenClawConfig(_ context.Context, s *InitSession, a Answer) error {
	path, err := s.w.absolute(a.Value)
	if err != nil {
		return err
	}
	if s.managed(path) {
		return fmt.Errorf("%s is a file of clawsetup's own", path)
	}
	if _, err := s.w.readOpenClaw(path); err != nil {
		return err
	}
	s.draft.OpenClaw.Config = path
	return nil
}

// managed tells whether path is one of the files that clawsetup writes whole.
func (s *InitSession) managed(path string) bool {
	dir := s.draft.StackDir(s.w.Paths)
	own := []string{s.w.Paths.SetupFile()}
	for _, name := range []string{composeName, seccompName, envName, ignoreName} {
		own = append(own, filepath.Join(dir, name))
	}
	for _, folder := range []string{s.w.Paths.State, filepath.Join(dir, "secrets")} {
		if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return slices.Contains(own, path)
}

func buildClaude(ctx context.Context, s *InitSession, q *Question) error {
	q.Default = s.draft.Claude.Path
	if q.Default != "" {
		return nil
	}
	cli, err := s.w.Programs.Claude(ctx, "")
	if err != nil {
		q.Notes = append(q.Notes, Note{ID: "claude-absent", State: Failed, Args: []any{text.Clean(err.Error(), 120)}})
		return nil
	}
	q.Default = cli.Path
	return nil
}

func acceptClaude(ctx context.Context, s *InitSession, a Answer) error {
	cli, err := s.w.Programs.Claude(ctx, a.Value)
	if err != nil {
		return err
	}
	sum, err := cli.SHA256(ctx)
	if err != nil {
		return err
	}
	s.draft.Claude.Path, s.draft.Claude.Version, s.draft.Claude.SHA256 = cli.Path, cli.Version, sum
	s.notes["claude"] = []Note{{ID: "claude-found", Args: []any{cli.Version, cli.Path}}}
	return nil
}

func buildRetention(_ context.Context, s *InitSession, q *Question) error {
	q.Default = strconv.Itoa(s.draft.Claude.RetentionDays)
	return nil
}

// acceptRetention bounds the age of transcripts (I-03).
func acceptRetention(_ context.Context, s *InitSession, a Answer) error {
	days, err := strconv.Atoi(a.Value)
	if err != nil || days < 0 || days > longestRetention {
		return fmt.Errorf("%q %w: a number of days from 0 to %d", text.Clean(a.Value, 20), ErrBadValue, longestRetention)
	}
	s.draft.Claude.RetentionDays = days
	s.notes["retention-days"] = []Note{{ID: "transcripts-kept", Args: []any{days}}}
	if days == 0 {
		s.notes["retention-days"] = []Note{{ID: "transcripts-off", State: Attention}}
	}
	return nil
}

// absolute makes a path that the operator typed absolute; "~" is the home folder.
func (w *Wizard) absolute(path string) (string, error) {
	if path == "~" || (len(path) > 1 && path[0] == '~' && os.IsPathSeparator(path[1])) {
		path = filepath.Join(w.Paths.Home, path[1:])
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", path, err)
	}
	return abs, nil
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
