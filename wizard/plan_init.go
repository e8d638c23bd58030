package wizard

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
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

// planner collects the changes of one Plan.
type planner struct {
	w     *Wizard
	vault *vault
	// snaps and past are of the journal; empty before the first transaction.
	snaps *journal.Snapshots
	past  []touched
	plan  *Plan
	// wanted are the paths that the Plan covers, those that are right already
	// included.
	wanted map[string]bool
}

// newPlanner reads what earlier transactions did.
func (w *Wizard) newPlanner(ctx context.Context, v *vault) (*planner, error) {
	p := &planner{w: w, vault: v, plan: &Plan{vault: v}, wanted: map[string]bool{}}
	if v.fresh {
		return p, nil
	}
	h, err := w.History(ctx)
	if err != nil {
		return nil, err
	}
	records, err := h.all()
	if err != nil {
		return nil, err
	}
	p.snaps, p.past = h.snaps, touchedSince(records, journal.Record{})
	return p, nil
}

// file adds the change that makes path hold after, if it does not already.
func (p *planner) file(path string, after []byte, c Change) error {
	p.wanted[path] = true
	before, err := p.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	if err := p.w.Disk.CheckTarget(path); err != nil {
		return err
	}
	c.Path, c.Before = path, before
	c.After = files.File{}
	if after != nil {
		c.After = files.File{Exists: true, Mode: cmp.Or(c.mode, private), Data: after}
	}
	if c.Before.Exists == c.After.Exists && c.Before.Mode == c.After.Mode && bytes.Equal(before.Data, after) {
		return nil
	}
	if c.Keys == nil {
		c.Keys = settingsDiff(path, before.Data, after)
	}
	p.plan.Changes = append(p.plan.Changes, c)
	return nil
}

// secret adds the change that makes the store hold value under name; a zero
// value means that the item is forgotten.
func (p *planner) secret(ctx context.Context, store secrets.Store, dir string, name string, value secrets.Secret, rotated, stored journal.Event) error {
	old, err := store.Get(ctx, name)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return fmt.Errorf("reading %s from the %s store: %w", name, store.Kind(), err)
	}
	if old.Equal(value) {
		return nil
	}
	event := stored
	if !old.IsZero() && !value.IsZero() {
		event = rotated
	}
	p.plan.Secrets = append(p.plan.Secrets, SecretChange{
		Store: store.Kind(), Name: name, Old: p.vault.fingerprint(old), New: p.vault.fingerprint(value),
		store: store, dir: dir, value: value, event: event,
	})
	return nil
}

// Plan implements Session.
func (s *InitSession) Plan(ctx context.Context) (*Plan, error) {
	dir := s.draft.StackDir(s.w.Paths)
	v, err := s.w.openVault(ctx, s.draft.Store, dir)
	if err != nil {
		return nil, err
	}
	v.restart = s.given.NewJournal
	p, err := s.w.newPlanner(ctx, v)
	if err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *planner) error{
		s.planSecrets, s.planSetup, s.planStack, s.planAgent, s.planObsolete, s.planNotes,
	} {
		if err := part(ctx, p); err != nil {
			return nil, err
		}
	}
	return p.plan, nil
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
	token, err := s.token(ctx, store, from)
	if err != nil {
		return err
	}
	if !s.key.IsZero() {
		if err := p.secret(ctx, store, dir, secrets.APIKey, s.key, journal.ApiKeyRotated, journal.SecretStored); err != nil {
			return err
		}
		s.describeKey(p)
	}
	if err := p.secret(ctx, store, dir, secrets.ProxyToken, token, journal.ProxyTokenRotated, journal.SecretStored); err != nil {
		return err
	}
	if from == nil {
		return nil
	}
	for _, name := range []string{secrets.APIKey, secrets.ProxyToken} {
		if err := p.secret(ctx, from, fromDir, name, secrets.Secret{}, "", journal.SecretForgotten); err != nil {
			return err
		}
	}
	return nil
}

func (s *InitSession) movesDocker() bool {
	return s.draft.Store == secrets.KindDocker && s.current.StackDir(s.w.Paths) != s.draft.StackDir(s.w.Paths)
}

// token is the one in use, wherever it is, or a new one.
func (s *InitSession) token(ctx context.Context, stores ...secrets.Store) (secrets.Secret, error) {
	for _, store := range stores {
		if store == nil {
			continue
		}
		t, err := store.Get(ctx, secrets.ProxyToken)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, secrets.ErrNotFound) {
			return secrets.Secret{}, fmt.Errorf("reading the proxy token from the %s store: %w", store.Kind(), err)
		}
	}
	return secrets.NewToken()
}

// describeKey records the key's age and label when it is a new one.
func (s *InitSession) describeKey(p *planner) {
	s.draft.Key = describeKey(p.vault, s.draft.Key, s.key, s.given.KeyLabel, s.w.Now())
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
	b, err := s.draft.Marshal()
	if err != nil {
		return err
	}
	return p.file(s.w.Paths.SetupFile(), b, Change{Why: "file-setup", Controls: []string{"R-02", "R-04", "S-03"}, event: journal.SetupRecorded})
}

// planStack renders the hardened compose project and validates it before
// anything is written.
func (s *InitSession) planStack(ctx context.Context, p *planner) error {
	dir, m := s.draft.StackDir(p.w.Paths), s.draft.Models
	env, err := templates.EnvFile(templates.Env{Big: m.Big.ID, Middle: m.Middle.ID, Small: m.Small.ID})
	if err != nil {
		return err
	}
	compose, err := templates.ComposeFile(s.composeData())
	if err != nil {
		return err
	}
	if err := engine.ValidateCompose(ctx, dir, compose, env); err != nil {
		return fmt.Errorf("checking the rendered %s: %w", composeName, err)
	}
	ignore, err := p.w.Disk.Read(filepath.Join(dir, ignoreName), largestFile)
	if err != nil {
		return err
	}
	stack := journal.ProxyStackConfigured
	return errors.Join(
		p.file(filepath.Join(dir, seccompName), templates.Seccomp(), Change{Why: "file-seccomp", Controls: []string{"E-01"}, event: stack}),
		p.file(filepath.Join(dir, envName), env, Change{Why: "file-env", Controls: []string{"I-01", "T-02"}, event: stack}),
		p.file(filepath.Join(dir, composeName), compose, Change{Why: "file-compose", Controls: []string{"D-02", "E-01", "I-01", "S-01", "S-03", "T-02"}, event: stack}),
		p.file(filepath.Join(dir, ignoreName), templates.GitIgnore(ignore.Data, []string{envName, "secrets/"}), Change{Why: "file-gitignore", Controls: []string{"I-01"}, event: stack}),
	)
}

// planAgent merges our keys into openclaw.json, and writes the Claude Code
// settings and the plugin backend that go with them.
func (s *InitSession) planAgent(ctx context.Context, p *planner) error {
	if s.withoutOpenClaw() {
		return nil
	}
	return s.agentPlan(ctx, p)
}

// planNotes says what the operator consents to, and what was found.
func (s *InitSession) planNotes(ctx context.Context, p *planner) error {
	if s.key.IsZero() {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "key-not-checked", State: NotChecked})
	}
	for _, q := range initQuestions {
		for _, n := range s.notes[q.id] {
			if q.id == "trust" {
				continue
			}
			p.plan.Notes = append(p.plan.Notes, n)
		}
	}
	if s.draft.API.AllowPrivate {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "allow-private-api", State: Attention, Args: []any{s.draft.API.Base}})
	}
	if s.draft.Image.Trust == trustFirstUse && s.verdict.By != "pin" {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "trust-first-use", State: Attention, Args: []any{s.draft.Image.Digest}})
	}
	abroad, err := s.abroad(ctx)
	if err != nil {
		return err
	}
	for _, id := range slices.Compact(abroad) {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "model-leaves-russia", State: Attention, Args: []any{id}})
	}
	if !p.plan.Empty() {
		p.plan.Next = s.w.nextSteps()
	}
	return nil
}

// Apply implements Session.
func (s *InitSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}

func (s *InitSession) composeData() templates.Compose {
	return templates.Compose{
		Project: "clawsetup-" + s.w.Paths.Scope()[:8], Image: s.image.Pinned(),
		Entrypoint: s.image.Entrypoint, Cmd: s.image.Cmd, WorkingDir: s.image.WorkingDir, User: s.image.User,
		RunAs: s.draft.Image.RunAs, Port: s.draft.Port, APIBase: s.draft.API.Base,
		SecretsDir: s.w.secretsDir(s.draft), SeccompFile: "./" + seccompName,
	}
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
