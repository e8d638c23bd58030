package wizard

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// preflightTime bounds each check of the host.
const preflightTime = 3 * time.Second

// Preflight implements Session: what is on this host, every check at the same
// time and bounded.
func (s *InitSession) Preflight(ctx context.Context) []Note {
	ctx, cancel := context.WithTimeout(ctx, preflightTime)
	defer cancel()
	checks := []func(context.Context) []Note{
		s.setupNotes, s.driftNotes, s.engineNotes, s.keyringNotes, s.openClawNotes, s.claudeNotes,
		func(ctx context.Context) []Note { return []Note{s.w.portNote(ctx, s.likelyPort(), s.current)} },
	}
	found := make([][]Note, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { found[i] = check(ctx) })
	}
	wg.Wait()
	out := append([]Note{}, s.notes["start"]...)
	for _, notes := range found {
		out = append(out, notes...)
	}
	return out
}

// likelyPort is the one that the port question will start from.
func (s *InitSession) likelyPort() int {
	if port, err := strconv.Atoi(s.given.Values["port"]); err == nil {
		return port
	}
	return s.draft.Port
}

func (s *InitSession) setupNotes(context.Context) []Note {
	if s.current == nil {
		return []Note{{ID: "setup-none", State: Absent}}
	}
	return append([]Note{{ID: "setup-found", Args: []any{s.w.Paths.SetupFile()}}}, keyAgeNotes(s.current.Key, s.w)...)
}

// engineNotes tell which engine would run the stack. init needs none.
func (s *InitSession) engineNotes(ctx context.Context) []Note {
	e, err := s.w.Engine(ctx)
	if err != nil {
		return []Note{{ID: "engine-unusable", State: Attention, Args: []any{reason(err)}}}
	}
	defer func() { _ = e.Close() }()
	compose, err := engine.ComposeVersion(ctx)
	if err != nil {
		return []Note{{ID: "compose-unusable", State: Attention, Args: []any{reason(err)}}}
	}
	return []Note{{ID: "engine-found", Args: []any{e.Name + " " + e.Version, e.Endpoint.Address(), compose}}}
}

func (s *InitSession) keyringNotes(ctx context.Context) []Note {
	if err := s.w.reachable(ctx); err != nil {
		return []Note{{ID: "store-unavailable", State: Attention, Args: []any{reason(err)}}}
	}
	return []Note{{ID: "store-reachable", State: NotChecked}}
}

func (s *InitSession) openClawNotes(ctx context.Context) []Note {
	install, err := s.detect(ctx)
	switch {
	case err == nil && s.current != nil && s.current.OpenClaw.outgrown(install):
		return []Note{{ID: "openclaw-outgrown", State: Attention, Args: []any{install.Version, orElse(s.current.OpenClaw.Version, string(s.current.OpenClaw.Contract))}}}
	case err == nil:
		return []Note{{ID: "openclaw-found", Args: []any{install.Version, string(install.Contract), install.Path}}}
	case errors.Is(err, openclaw.ErrNotInstalled):
		return []Note{{ID: "openclaw-absent", State: Absent}}
	default:
		return []Note{{ID: "openclaw-unknown", State: Attention, Args: []any{reason(err)}}}
	}
}

func (s *InitSession) claudeNotes(ctx context.Context) []Note {
	cli, err := s.w.Programs.Claude(ctx, "")
	switch {
	case err == nil:
		return []Note{{ID: "claude-found", Args: []any{cli.Version, cli.Path}}}
	case errors.Is(err, claude.ErrNotInstalled):
		return []Note{{ID: "claude-absent", State: Absent}}
	default:
		return []Note{{ID: "claude-unknown", State: Attention, Args: []any{reason(err)}}}
	}
}
