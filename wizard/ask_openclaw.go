package wizard

import (
	"context"
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

func buildHardening(_ context.Context, s *InitSession, q *Question) error {
	q.Default = orElse(s.draft.OpenClaw.Hardening, hardeningDefault)
	return nil
}

func acceptHardening(_ context.Context, s *InitSession, a Answer) error {
	parts, err := openclaw.ParseParts(a.Value)
	if err != nil {
		return err
	}
	s.draft.OpenClaw.Hardening = openclaw.FormatParts(parts)
	return nil
}

// What to do with values in openclaw.json that the operator chose.
const (
	conflictsKeep    = "keep"
	conflictsReplace = "replace"
)

// ConflictNames are the values of --conflicts.
func ConflictNames() []string { return []string{conflictsKeep, conflictsReplace} }

// buildConflicts shows each value that would change and is not ours. Where there is
// none, there is nothing to decide.
func buildConflicts(ctx context.Context, s *InitSession, q *Question) error {
	s.conflicts = nil
	s.draft.OpenClaw.Kept = s.base.OpenClaw.Kept
	if s.withoutOpenClaw() {
		return nil
	}
	if s.given.Values["conflicts"] != "" {
		s.draft.OpenClaw.Kept = nil
	}
	p, err := s.planner(ctx)
	if err != nil {
		return err
	}
	d, err := s.draftAgent(ctx, p)
	if err != nil {
		return err
	}
	if s.conflicts = d.conflicts; len(s.conflicts) == 0 {
		return nil
	}
	keepable := false
	for _, c := range s.conflicts {
		id := "openclaw-conflict-needed"
		if c.part != "" {
			id, keepable = "openclaw-conflict", true
		}
		q.Notes = append(q.Notes, c.note(id))
	}
	if keepable {
		q.Options = append(q.Options, Option{Value: conflictsKeep})
	}
	q.Options = append(q.Options, Option{Value: conflictsReplace})
	return nil
}

func acceptConflicts(_ context.Context, s *InitSession, a Answer) error {
	if err := oneOf(ConflictNames)(s, a.Value); err != nil {
		return err
	}
	if a.Value == conflictsReplace {
		return nil
	}
	for _, c := range s.conflicts {
		if c.part != "" && !slices.Contains(s.draft.OpenClaw.Kept, c.path) {
			s.draft.OpenClaw.Kept = append(slices.Clone(s.draft.OpenClaw.Kept), c.path)
		}
	}
	return nil
}

// HardeningNames are what --hardening completes: all, none and each part.
func HardeningNames() []string {
	out := []string{hardeningDefault, "none"}
	for _, p := range openclaw.Parts() {
		out = append(out, string(p))
	}
	return out
}

// The answers to whether the whole host is to be without tools.
const (
	managedNo  = "no"
	managedYes = "yes"
)

// ManagedNames are the values of --managed-settings.
func ManagedNames() []string { return []string{managedNo, managedYes} }

// buildManaged offers it to whoever may write there.
func buildManaged(_ context.Context, s *InitSession, q *Question) error {
	if s.w.ManagedFile == "" {
		return nil
	}
	q.Default = managedNo
	if s.draft.Claude.Managed {
		q.Default = managedYes
	}
	may := s.w.Disk.MayWrite(s.w.ManagedFile)
	q.Options = []Option{{Value: managedNo}, {Value: managedYes, Disabled: !may}}
	if !may {
		q.Notes = append(q.Notes, Note{ID: "managed-needs-root", State: Attention, Args: []any{s.w.ManagedFile}})
	}
	return nil
}

func acceptManaged(_ context.Context, s *InitSession, a Answer) error {
	if err := oneOf(ManagedNames)(s, a.Value); err != nil {
		return err
	}
	s.draft.Claude.Managed = a.Value == managedYes
	if s.draft.Claude.Managed && !s.w.Disk.MayWrite(s.w.ManagedFile) {
		return hint.With(fmt.Errorf("%s cannot be written by this user", s.w.ManagedFile), "managed-root")
	}
	return nil
}
