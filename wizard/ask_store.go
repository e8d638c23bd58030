package wizard

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

func buildStore(ctx context.Context, s *InitSession, q *Question) error {
	keyring := Option{Value: string(secrets.KindKeyring)}
	if err := s.keyringUsable(ctx); err != nil {
		keyring.Disabled = true
		q.Notes = append(q.Notes, Note{ID: "store-unavailable", State: Failed, Args: []any{reason(err)}})
	} else {
		q.Default = keyring.Value
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
		return noSuchOption(a.Value, secrets.Kinds())
	}
	s.draft.Store = secrets.Kind(a.Value)
	return nil
}
