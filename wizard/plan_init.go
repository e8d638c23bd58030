package wizard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// The names of the stack's files.
const (
	composeName = "docker-compose.cloudru-proxy.yml"
	seccompName = "seccomp.json"
	envName     = ".env"
	ignoreName  = ".gitignore"
)

const (
	private     fs.FileMode = 0o600
	largestFile             = 8 << 20 // of a file that clawsetup merges into, in bytes
)

// Plan implements Session.
func (s *InitSession) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.planner(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.planAgentFirst(ctx, p); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *planner) error{
		s.planSecrets, s.planGatewayToken, s.planSetup, s.planStack, s.planLogin, s.planAgent, s.planManaged, s.planObsolete, s.planNotes,
	} {
		if err := part(ctx, p); err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

// planner begins a Plan on the journal that is there, or will be.
func (s *InitSession) planner(ctx context.Context) (*planner, error) {
	v, err := s.w.openVault(ctx, s.draft.Store, s.draft.StackDir(s.w.Paths))
	if err != nil {
		return nil, err
	}
	v.restart = s.given.NewJournal
	return s.w.newPlanner(ctx, v, s.basis)
}

// planSecrets keeps the key and a proxy token of 256 random bits (S-01, I-02) in
// the chosen store, and takes them out of the one used before.
func (s *InitSession) planSecrets(ctx context.Context, p *planner) error {
	dir := s.draft.StackDir(s.w.Paths)
	store := s.w.store(s.draft.Store, dir)
	var from secrets.Store
	var fromDir string
	if s.current != nil && s.current.Store != "" && (s.current.Store != s.draft.Store || s.movesDocker()) {
		fromDir = s.current.StackDir(s.w.Paths)
		from = s.w.store(s.current.Store, fromDir)
	}
	token, err := s.token(ctx)
	if err != nil {
		return err
	}
	if !s.key.IsZero() {
		if err := p.secret(ctx, store, dir, secrets.APIKey, s.key, journal.ApiKeyRotated, journal.SecretStored); err != nil {
			return err
		}
		s.describeKey(p)
	} else if s.given.KeyLabel != "" {
		s.draft.Key.Label = cutLabel(s.given.KeyLabel) // it needs no key to be read
	}
	if err := p.secret(ctx, store, dir, secrets.ProxyToken, token, journal.ProxyTokenRotated, journal.SecretStored); err != nil {
		return err
	}
	s.noteLoose(p, dir)
	if from == nil {
		return nil
	}
	s.noteKeysStay(p)
	for _, name := range []string{secrets.APIKey, secrets.ProxyToken} {
		if name == secrets.APIKey && s.key.IsZero() {
			continue // it was not put anywhere else
		}
		if err := p.secret(ctx, from, fromDir, name, secrets.Secret{}, "", journal.SecretForgotten); err != nil {
			return err
		}
	}
	return nil
}

// noteLoose says when other users can get at the files of the docker store.
func (s *InitSession) noteLoose(p *planner, dir string) {
	folder := filepath.Join(dir, "secrets")
	st, err := os.Stat(folder)
	if s.draft.Store == secrets.KindDocker && err == nil && st.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "secrets-folder-open", State: Failed, Args: []any{folder, modeText(st.Mode())}})
	}
}

// noteKeysStay says that the journal's keys do not move with the secrets.
func (s *InitSession) noteKeysStay(p *planner) {
	if p.vault.fresh {
		return
	}
	where := string(p.vault.store.Kind())
	if p.vault.dir != "" {
		where = filepath.Join(p.vault.dir, "secrets")
	}
	p.plan.Notes = append(p.plan.Notes, Note{ID: "journal-keys-stay", State: Attention, Args: []any{where}})
}

func (s *InitSession) movesDocker() bool {
	return s.draft.Store == secrets.KindDocker && s.current.StackDir(s.w.Paths) != s.draft.StackDir(s.w.Paths)
}

// token is the one in use, or a new one: a value that the present set-up does not
// know, or that is not 256 bits of ours, is not taken over (S-01).
func (s *InitSession) token(ctx context.Context) (secrets.Secret, error) {
	if s.current == nil || s.current.Store == "" {
		return secrets.NewToken()
	}
	t, err := s.w.store(s.current.Store, s.current.StackDir(s.w.Paths)).Get(ctx, secrets.ProxyToken)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return secrets.Secret{}, fmt.Errorf("reading the proxy token from the %s store: %w", s.current.Store, err)
	}
	if err == nil && secrets.IsToken(t) {
		return t, nil
	}
	return secrets.NewToken()
}

// describeKey records the key's age and label when it is a new one.
func (s *InitSession) describeKey(p *planner) {
	known := s.draft.Key
	if s.stored {
		// The same key under another fingerprint is as old as it was.
		known.Fingerprint = p.vault.fingerprint(s.key)
	}
	s.draft.Key = describeKey(p.vault, known, s.key, s.given.KeyLabel, s.w.Now())
}

func describeKey(v *vault, old KeySetup, key secrets.Secret, label string, now time.Time) KeySetup {
	out := old
	if fp := v.fingerprint(key); fp != old.Fingerprint {
		out = KeySetup{Label: old.Label, Fingerprint: fp, Added: now.UTC().Format(time.DateOnly)}
	}
	if label != "" {
		out.Label = cutLabel(label)
	}
	return out
}

func (s *InitSession) planSetup(_ context.Context, p *planner) error {
	return p.setup(&s.draft, Change{Why: "file-setup", Controls: []string{"R-02", "R-04", "S-03"}, event: journal.SetupRecorded})
}

// planStack renders the hardened compose project of the image that was resolved.
func (s *InitSession) planStack(ctx context.Context, p *planner) error {
	c, err := s.w.composeData(s.draft, imageConfig{s.image.Entrypoint, s.image.Cmd, s.image.WorkingDir, s.image.User})
	if err != nil {
		return err
	}
	return p.stack(ctx, s.draft, c)
}

// planLogin keeps the start at login that an earlier up installed, and the daily
// examination.
func (s *InitSession) planLogin(_ context.Context, p *planner) error {
	return errors.Join(p.login(s.draft), p.watch(s.draft))
}

// planAgentFirst works out what the other parts need to know of the agent's.
func (s *InitSession) planAgentFirst(ctx context.Context, p *planner) error {
	s.agent = nil
	if s.withoutOpenClaw() {
		s.draft.OpenClaw = OpenClawSetup{Mode: s.draft.OpenClaw.Mode}
		return nil
	}
	var err error
	if s.agent, err = s.draftAgent(ctx, p); err != nil {
		return err
	}
	s.draft.OpenClaw.Version, s.draft.OpenClaw.Contract = s.agent.install.Version, s.agent.params.Contract
	s.draft.OpenClaw.Kept = s.agent.kept
	return nil
}

// planAgent merges our keys into openclaw.json, and writes the Claude Code
// settings and the plugin backend that go with them.
func (s *InitSession) planAgent(ctx context.Context, p *planner) error {
	if s.agent == nil {
		return nil
	}
	return s.agentPlan(ctx, s.agent, p)
}

// planGatewayToken keeps the token of OpenClaw's gateway beside the proxy's, where
// OpenClaw asks for it.
func (s *InitSession) planGatewayToken(ctx context.Context, p *planner) error {
	dir := s.draft.StackDir(s.w.Paths)
	store := s.w.store(s.draft.Store, dir)
	from, fromDir := store, dir
	if s.current != nil && s.current.Store != "" {
		fromDir = s.current.StackDir(s.w.Paths)
		from = s.w.store(s.current.Store, fromDir)
	}
	token, err := from.Get(ctx, secrets.GatewayToken)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("reading the gateway's token from the %s store: %w", from.Kind(), err)
	}
	wanted := s.agent != nil && s.agent.gatewayToken
	switch {
	case !wanted:
		token = secrets.Secret{}
	case token.IsZero():
		if token, err = secrets.NewToken(); err != nil {
			return err
		}
	}
	moved := from.Kind() != store.Kind() || fromDir != dir && store.Kind() == secrets.KindDocker
	if wanted || !moved {
		if err := p.secret(ctx, store, dir, secrets.GatewayToken, token, journal.SecretStored, stored(token)); err != nil {
			return err
		}
	}
	if !moved {
		return nil
	}
	return p.secret(ctx, from, fromDir, secrets.GatewayToken, secrets.Secret{}, "", journal.SecretForgotten)
}

// stored is the event of a secret that is kept, or not any more.
func stored(s secrets.Secret) journal.Event {
	if s.IsZero() {
		return journal.SecretForgotten
	}
	return journal.SecretStored
}

// planNotes says what the operator consents to, and what was found.
func (s *InitSession) planNotes(_ context.Context, p *planner) error {
	if s.key.IsZero() {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "key-not-checked", State: NotChecked})
	}
	for _, q := range initQuestions {
		p.plan.Notes = append(p.plan.Notes, s.notes[q.id]...)
	}
	var before Setup
	if s.current != nil {
		before = *s.current
	}
	p.plan.Consents = append(p.plan.Consents, s.draft.consents(before)...)
	if d := s.draft.Image; d.Digest != before.Image.Digest {
		p.detail(journal.ImagePinned, map[string]string{"reference": d.Reference, "digest": d.Digest, "trust": d.Trust})
	}
	if !p.plan.Empty() {
		if s.current == nil || s.touchesStack(p.plan) {
			p.plan.Next = s.w.nextSteps()
		}
		if s.agent != nil && before.OpenClaw.outgrown(s.agent.install) {
			// OpenClaw wants its own database migrated before it does anything.
			p.plan.Next = append([][]string{{"openclaw", "doctor", "--fix"}}, p.plan.Next...)
		}
	}
	return nil
}

// touchesStack tells whether what runs has to be started anew: its secrets or its files are
// others.
func (s *InitSession) touchesStack(p *Plan) bool {
	dir := s.draft.StackDir(s.w.Paths)
	return len(p.Secrets) > 0 || slices.ContainsFunc(p.Changes, func(c Change) bool {
		return filepath.Dir(c.Path) == dir && c.Path != s.w.Paths.SetupFile()
	})
}

// Apply implements Session.
func (s *InitSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}

// readOpenClaw reads the operator's configuration; what cannot be merged into
// is an error before anything else happens.
func (w *Wizard) readOpenClaw(path string) (files.File, error) {
	f, err := w.Disk.Read(path, largestFile)
	if err != nil {
		return f, err
	}
	if err := w.Disk.CheckTarget(path); err != nil {
		return f, err
	}
	if _, _, err := openclaw.Merge(content(f), nil); err != nil {
		return f, hint.With(fmt.Errorf("%s: %w", path, err), "openclaw-broken", path)
	}
	return f, nil
}
