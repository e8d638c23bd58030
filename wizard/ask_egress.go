package wizard

import (
	"context"
	"errors"

	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// The answers to the question of where the proxy's container can get to.
const (
	egressRestricted = "restricted"
	egressOpen       = "open"
)

// EgressNames are the values of --egress.
func EgressNames() []string { return []string{egressRestricted, egressOpen} }

// buildEgress takes the gateway wherever there is a program to make it of (E-01).
// Where there is none, and the operator has not said yet that the container may reach
// everything, that is asked: it has no default.
func buildEgress(_ context.Context, s *InitSession, q *Question) error {
	q.Default = egressRestricted
	if s.draft.Egress.Open {
		q.Default = egressOpen
	}
	q.Options = []Option{{Value: egressRestricted}, {Value: egressOpen, Attention: true}}
	_, err := s.w.Gateway()
	switch {
	case errors.Is(err, engine.ErrNoProgram):
		if !s.draft.Egress.Open {
			q.Default = ""
		}
		q.Options[0].Disabled = true
		q.Notes = append(q.Notes, Note{ID: "egress-no-gateway", State: Attention, Args: []any{text.Clean(err.Error(), 200)}})
	case err != nil:
		return err
	}
	return nil
}

func acceptEgress(_ context.Context, s *InitSession, a Answer) error {
	switch a.Value {
	case egressOpen:
		s.draft.Egress = EgressSetup{Open: true}
		return nil
	case egressRestricted:
	default:
		return noSuchOption(a.Value, EgressNames())
	}
	g, err := s.w.Gateway()
	if err != nil {
		return err
	}
	s.draft.Egress.Open = false
	if !g.Names(s.draft.Egress.Gateway) {
		s.draft.Egress.Gateway = g.ID()
	}
	return nil
}
