package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// OldKeyDays is the age from which a key is called old; cloud.ru recommends to
// replace keys after about 90 days.
const OldKeyDays = 90

// ErrNoSetup says that there is nothing to change yet.
var ErrNoSetup = errors.New("there is no set-up on this host")

// RotateOptions say what rotate-key replaces.
type RotateOptions struct {
	APIKey, Token bool
	// Key is the new API key, when it was given beforehand.
	Key   secrets.Secret
	Label string
}

// RotateSession replaces the API key, the proxy token or both.
type RotateSession struct {
	standing
	w     *Wizard
	opts  RotateOptions
	store secrets.Store
	key   secrets.Secret // proved
	notes []Note
}

// NewRotate starts rotate-key on the present set-up.
func (w *Wizard) NewRotate(ctx context.Context, opts RotateOptions) (*RotateSession, error) {
	p, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	return &RotateSession{standing: p, w: w, opts: opts, store: w.store(p.setup.Store, p.setup.StackDir(w.Paths))}, nil
}

// present is the Setup on this host and its file, ErrNoSetup when there is none.
func (w *Wizard) present() (*Setup, files.File, error) {
	s, f, err := w.loadSetup(w.Paths.SetupFile())
	if err != nil {
		return nil, f, err
	}
	if s == nil {
		return nil, f, w.noSetup()
	}
	return s, f, nil
}

// noSetup is ErrNoSetup with what can be done. An uninstall that was killed after its
// transaction leaves a journal without a set-up, and containers that run with the key.
func (w *Wizard) noSetup() error {
	err := hint.Say(fmt.Errorf("%w: %s is missing", ErrNoSetup, w.Paths.SetupFile()), "no-setup", w.Paths.SetupFile())
	_, missing := os.Lstat(w.remainsFile())
	if there, unread := journal.Exists(w.Disk, w.Paths.State); missing == nil || there && unread == nil {
		return hint.With(err, "setup-left", w.Paths.State)
	}
	return hint.With(err, "run-init")
}

// Preflight implements Session.
func (s *RotateSession) Preflight(context.Context) []Note {
	return append(s.start, keyAgeNotes(s.setup.Key, s.w)...)
}

// keyAgeNotes tells how old the key is, and warns from OldKeyDays on.
func keyAgeNotes(k KeySetup, w *Wizard) []Note {
	days, ok := k.Age(w.Now())
	switch {
	case !ok:
		return []Note{{ID: "key-age-unknown", State: NotChecked}}
	case days >= OldKeyDays:
		return []Note{{ID: "key-old", State: Attention, Args: []any{days, OldKeyDays, k.Label}}}
	default:
		return []Note{{ID: "key-age", Args: []any{days, k.Label}}}
	}
}

// Missing implements Session.
func (s *RotateSession) Missing(context.Context) [][]string {
	if s.opts.APIKey && s.opts.Key.IsZero() {
		return [][]string{{"--key-stdin", "--key-file"}}
	}
	return nil
}

// Next implements Session.
func (s *RotateSession) Next(ctx context.Context) (*Question, error) {
	if !s.opts.APIKey || !s.key.IsZero() {
		return nil, nil
	}
	q := &Question{ID: "new-key", Step: StepKey, Kind: SecretText, Flags: []string{"--key-stdin", "--key-file"}}
	if s.opts.Key.IsZero() {
		return q, nil
	}
	return nil, s.Answer(ctx, q, Answer{Secret: s.opts.Key})
}

// Steps is the path that a screen shows.
func (s *RotateSession) Steps() []Step { return []Step{StepKey} }

// Answer implements Session: the new key is proved before anything is written.
func (s *RotateSession) Answer(ctx context.Context, _ *Question, a Answer) error {
	key, err := secrets.ParseAPIKey(a.Secret.Expose())
	if err != nil {
		return err
	}
	old, err := s.store.Get(ctx, secrets.APIKey)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("reading the present key: %w", err)
	}
	if old.Equal(key) {
		return hint.With(ErrSameKey, "same-key")
	}
	c, err := newClient(s.setup.API)
	if err != nil {
		return err
	}
	proof, err := c.Prove(ctx, key, s.setup.Models.Small.ID)
	if err != nil {
		return err
	}
	s.key = key
	s.notes = []Note{{ID: "key-proved", Args: []any{proof.Model, proof.Latency.Milliseconds()}}}
	return nil
}

// ErrSameKey says that the new key is the present one.
var ErrSameKey = errors.New("this key is the one that is in use")

// Back implements Session.
func (s *RotateSession) Back() bool {
	if s.key.IsZero() || !s.opts.Key.IsZero() {
		return false
	}
	s.key = secrets.Secret{}
	return true
}

// Left implements Session: there is the key alone.
func (s *RotateSession) Left() int {
	if s.opts.APIKey && s.key.IsZero() {
		return 1
	}
	return 0
}

// Plan implements Session.
func (s *RotateSession) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.planner(ctx, s.w)
	if err != nil {
		return nil, err
	}
	p.plan.Notes = s.notes
	if s.opts.Token {
		token, err := secrets.NewToken()
		if err != nil {
			return nil, err
		}
		if err := p.secret(ctx, s.store, s.setup.StackDir(s.w.Paths), secrets.ProxyToken, token, journal.ProxyTokenRotated, journal.SecretStored); err != nil {
			return nil, err
		}
	}
	if s.opts.APIKey {
		if err := s.planKey(ctx, p); err != nil {
			return nil, err
		}
	}
	s.planLive(ctx, p)
	if s.opts.APIKey {
		old := Note{ID: "rotate-delete-old", State: Attention}
		if p.plan.live == nil {
			// What runs, if something does, may still have it.
			old.ID = "rotate-delete-old-later"
		}
		p.plan.Notes = append(p.plan.Notes, old)
	}
	return p.plan, nil
}

// planLive replaces the container of a running stack as a part of the transaction:
// the new values are proved in it before the old ones are forgotten.
func (s *RotateSession) planLive(ctx context.Context, p *planner) {
	e, err := s.w.Engine(ctx)
	if err == nil {
		defer func() { _ = e.Close() }()
		var r *running
		if r, err = s.w.look(ctx, s.setup, e); err == nil && r.up() {
			p.plan.Notes = append(p.plan.Notes, Note{ID: "rotate-live"})
			p.plan.live = s.roll
			return
		}
	}
	note := Note{ID: "rotate-not-running", State: Absent}
	if err != nil {
		note = Note{ID: "rotate-not-checked", State: NotChecked, Args: []any{reason(err)}}
	}
	p.plan.Notes = append(p.plan.Notes, note)
	p.plan.Next = s.w.nextSteps()
}

// rolled is what a rotation did to the running stack.
type rolled struct {
	s      *RotateSession
	engine *engine.Engine
	// change is nil when it failed, and took itself back.
	change *replacement
}

// back puts the old values back where the keyring's are shown to containers, before
// the old container serves again.
func (c rolled) back(ctx context.Context) error {
	err := c.s.w.exposeSecrets(ctx, c.s.setup)
	if c.change != nil {
		err = errors.Join(err, c.change.back(ctx))
	}
	return errors.Join(err, c.engine.Close())
}

func (c rolled) keep(ctx context.Context, report func(Progress)) error {
	return errors.Join(c.change.keep(ctx, report), c.engine.Close())
}

// roll lets the running stack take the new values.
func (s *RotateSession) roll(ctx context.Context, report func(Progress)) (liveChange, error) {
	e, err := s.w.Engine(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.w.look(ctx, s.setup, e)
	if err == nil && !r.up() { // nobody wants it started again, nor copies of the secrets
		err = hint.With(fmt.Errorf("the running stack %w", ErrStalePlan), "run-again")
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	out := rolled{s: s, engine: e}
	if err := s.w.exposeSecrets(ctx, s.setup); err != nil {
		return out, err
	}
	out.change, err = r.replace(ctx, replacement{patience: DefaultPatience, newKey: s.opts.APIKey}, report)
	return out, err
}

func (s *RotateSession) planKey(ctx context.Context, p *planner) error {
	if err := p.secret(ctx, s.store, s.setup.StackDir(s.w.Paths), secrets.APIKey, s.key, journal.ApiKeyRotated, journal.SecretStored); err != nil {
		return err
	}
	after := s.setup
	after.Key = describeKey(p.vault, s.setup.Key, s.key, s.opts.Label, s.w.Now())
	return p.setup(&after, Change{Why: "file-setup-key", Controls: []string{"R-04"}, event: journal.ApiKeyRotated})
}

// Apply implements Session.
func (s *RotateSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	if p.live != nil { // copies of the new secrets are made for the engine
		e, err := s.w.Engine(ctx)
		if err != nil {
			return Result{}, err
		}
		if err := errors.Join(s.w.recordUse(ctx, s.setup, e), e.Close()); err != nil {
			return Result{}, err
		}
	}
	return s.w.Apply(ctx, p, report)
}
