package wizard

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

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
