package wizard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// ErrNoRollback says that a record is no state of the set-up to go back to.
var ErrNoRollback = errors.New("is no state to go back to")

// RollbackSession puts the files back to what they were after a record. Secrets
// stay as they are: the old ones were forgotten on purpose.
type RollbackSession struct {
	noQuestions
	standing
	w       *Wizard
	seq     uint64
	vault   *vault
	targets []touched
	// purged tells that transcripts were deleted since.
	purged bool
	// consents are the risks that the older set-up brings back.
	consents []Note
}

// NewRollback starts the rollback to the state after record seq. A dry run leaves
// an interrupted transaction as it is.
func (w *Wizard) NewRollback(ctx context.Context, seq uint64, dryRun bool) (*RollbackSession, error) {
	start, err := w.recoverOrTell(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	setup, basis, err := w.present()
	if err != nil {
		return nil, err
	}
	h, err := w.History(ctx)
	if err != nil {
		return nil, err
	}
	if h.KeysErr != nil {
		return nil, fmt.Errorf("rolling back needs the journal's keys: %w", h.KeysErr)
	}
	records, err := h.all()
	if err != nil {
		return nil, err
	}
	at, err := stateAt(records, seq)
	if err != nil {
		return nil, hint.With(err, "history-list")
	}
	targets := touchedSince(records, at)
	purged := slices.ContainsFunc(records, func(r journal.Record) bool { return r.Seq > seq && r.Event == journal.TranscriptsPurged })
	return &RollbackSession{standing: standing{*setup, basis, start}, w: w, seq: seq, vault: h.vault, targets: targets, purged: purged}, nil
}

// stateAt is record seq, if it belongs to a transaction that was committed.
func stateAt(records []journal.Record, seq uint64) (journal.Record, error) {
	for _, r := range records {
		if r.Seq != seq {
			continue
		}
		if r.Phase != journal.PhaseEvent || !committed(records)[r.Tx] {
			return r, fmt.Errorf("record %d (%s) %w", seq, r.Event, ErrNoRollback)
		}
		return r, nil
	}
	return journal.Record{}, fmt.Errorf("record %d %w: there is no such record", seq, ErrNoRollback)
}

// Preflight implements Session.
func (s *RollbackSession) Preflight(context.Context) []Note { return s.start }

// Missing implements Session.
func (s *RollbackSession) Missing(context.Context) [][]string { return nil }

// Plan implements Session.
func (s *RollbackSession) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.w.newPlanner(ctx, s.vault, s.basis)
	if err != nil {
		return nil, err
	}
	for _, t := range s.targets {
		c := Change{Why: "file-rolled-back", Controls: []string{"R-02"}, event: journal.ConfigRolledBack, adapt: s.adapt}
		if err := p.restore(t, c); err != nil {
			return nil, err
		}
	}
	if p.plan.Empty() {
		return p.plan, nil
	}
	if err := s.gatewayToken(ctx, p); err != nil {
		return nil, err
	}
	p.plan.details = map[journal.Event]map[string]string{
		journal.ConfigRolledBack: {"to": strconv.FormatUint(s.seq, 10)},
	}
	p.plan.Consents = append(p.plan.Consents, s.consents...)
	p.plan.Notes = append(p.plan.Notes, Note{ID: "rollback-secrets-stay", State: Attention}, Note{ID: "rotate-restart", State: Attention})
	if s.purged {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "rollback-purge-stays", State: Attention})
	}
	p.plan.Next = s.w.nextSteps()
	return p.plan, nil
}

// gatewayToken makes a new token where the older openclaw.json asks for one that was
// forgotten since: OpenClaw's gateway would not start without.
func (s *RollbackSession) gatewayToken(ctx context.Context, p *planner) error {
	for _, c := range p.plan.Changes {
		if !c.After.Exists {
			continue
		}
		if asks, err := openclaw.AsksForGatewayToken(c.After.Data); err != nil || !asks {
			continue
		}
		dir := s.setup.StackDir(s.w.Paths)
		store := s.w.store(s.setup.Store, dir)
		if _, err := store.Get(ctx, secrets.GatewayToken); !errors.Is(err, secrets.ErrNotFound) {
			return err
		}
		token, err := secrets.NewToken()
		if err != nil {
			return err
		}
		return p.secret(ctx, store, dir, secrets.GatewayToken, token, journal.SecretStored, journal.SecretStored)
	}
	return nil
}

// adapt keeps an older setup.yaml true.
func (s *RollbackSession) adapt(path string, data []byte) ([]byte, error) {
	if path != s.w.Paths.SetupFile() {
		return data, nil
	}
	return s.keepKey(data)
}

// keepKey carries what is true of the present secrets into an older setup.yaml.
func (s *RollbackSession) keepKey(data []byte) ([]byte, error) {
	old, err := s.w.parseSetup(data)
	if err != nil {
		return nil, err
	}
	if old.Store != s.setup.Store || (old.Dir != s.setup.Dir) {
		return nil, hint.With(fmt.Errorf("the secrets have moved since record %d (from the %s store)", s.seq, old.Store), "rollback-store", old.Store)
	}
	old.Key = s.setup.Key
	s.consents = old.consents(s.setup)
	return old.Marshal()
}

// Apply implements Session.
func (s *RollbackSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}
