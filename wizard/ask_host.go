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

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

func buildPort(_ context.Context, s *InitSession, q *Question) error {
	q.Default = strconv.Itoa(s.draft.Port)
	return nil
}

// acceptPort refuses a port that someone else answers on: Claude Code would send
// its token there (S-01).
func acceptPort(ctx context.Context, s *InitSession, a Answer) error {
	port, err := parsePort(a.Value)
	if err != nil {
		return err
	}
	n := s.w.portNote(ctx, port, s.current)
	if n.State == Failed {
		err := fmt.Errorf("port %d on 127.0.0.1 is taken by another program", port)
		return hint.With(hint.Say(err, "port-taken", port), "port-taken", port)
	}
	s.notes["port"] = []Note{n}
	s.draft.Port = port
	return nil
}

// portNote tells whether 127.0.0.1:port is free. What listens there may be our own
// stack when the present set-up uses the port: the engine and the kernel tell.
func (w *Wizard) portNote(ctx context.Context, port int, current *Setup) Note {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case err == nil:
		_ = l.Close()
		return Note{ID: "port-free", Args: []any{port}}
	case errors.Is(err, os.ErrPermission):
		return Note{ID: "port-privileged", State: NotChecked, Args: []any{port}}
	case current != nil && current.Port == port:
		return w.portOwner(ctx, *current)
	default:
		return Note{ID: "port-taken", State: Failed, Args: []any{port}}
	}
}

// OpenClawModes are the values of --openclaw-mode: a contract, the one that fits, or
// none.
func OpenClawModes() []string {
	return []string{"auto", string(openclaw.Plugin), string(openclaw.Builtin), string(openclaw.Legacy), "none"}
}

func buildOpenClawMode(ctx context.Context, s *InitSession, q *Question) error {
	q.Default = orElse(s.draft.OpenClaw.Mode, "auto")
	for _, m := range OpenClawModes() {
		q.Options = append(q.Options, Option{Value: m})
	}
	q.Notes = s.openClawNotes(ctx)
	return nil
}

func acceptOpenClawMode(ctx context.Context, s *InitSession, a Answer) error {
	if err := oneOf(OpenClawModes)(s, a.Value); err != nil {
		return err
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
	if err := formOpenClawConfig(s, path); err != nil {
		return err
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
		q.Notes = append(q.Notes, Note{ID: "claude-absent", State: Failed, Args: []any{reason(err)}})
		return nil
	}
	q.Default = cli.Path
	return nil
}

func acceptClaude(ctx context.Context, s *InitSession, a Answer) error {
	if a.Value != "" { // else it is looked for, and was not found when this was asked
		if err := formClaude(s, a.Value); err != nil {
			return err
		}
	}
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
	days, err := parseRetention(a.Value)
	if err != nil {
		return err
	}
	s.draft.Claude.RetentionDays = days
	s.notes["retention-days"] = []Note{{ID: "transcripts-kept", Args: []any{days}}}
	if days == 0 {
		s.notes["retention-days"] = []Note{{ID: "transcripts-off", State: Attention}}
	}
	return nil
}

// withoutOpenClaw is true when no agent configuration is to be written.
func (s *InitSession) withoutOpenClaw() bool { return s.draft.OpenClaw.Mode == "none" }

func (s *InitSession) wantsClaude() bool {
	return orElse(s.given.Values["openclaw-mode"], s.draft.OpenClaw.Mode) != "none"
}
