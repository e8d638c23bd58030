package wizard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Why transcripts could not be purged; errors.Is tells them apart.
var (
	// ErrNoClaudeDir says that the set-up configures no Claude Code.
	ErrNoClaudeDir = errors.New("this set-up configures no Claude Code")
	// ErrNoSession says that there is nothing of a session at rest.
	ErrNoSession = errors.New("there is no such session")
	// ErrPurgeIncomplete says that something was to be deleted and is still there.
	ErrPurgeIncomplete = errors.New("not everything was deleted")
)

// PurgeOptions say which conversations of Claude Code to delete: exactly one of the
// first three.
type PurgeOptions struct {
	// OlderThan is the age of a session's newest file from which on it goes.
	OlderThan time.Duration
	// Session is one session's id.
	Session string
	// All takes every session, and what the transcript folders hold beside them.
	All bool

	DryRun bool
	// InUse takes sessions, too, that a Claude Code is at work on, where Session or All
	// names them. OlderThan never does.
	InUse bool
}

// by is how the sessions were chosen, as the journal may hold it: not by their ids.
func (o PurgeOptions) by() string {
	switch {
	case o.All:
		return "all"
	case o.Session != "":
		return "session"
	default:
		return "older than " + ageText(o.OlderThan)
	}
}

// longestAge bounds an age: a century, in days.
const longestAge = 36500

// ParseAge reads an age in whole days or hours, such as 30d or 720h.
func ParseAge(s string) (time.Duration, error) {
	if s != "" {
		unit, most := 24*time.Hour, uint64(longestAge)
		if s[len(s)-1] == 'h' {
			unit, most = time.Hour, 24*longestAge
		}
		n, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
		if last := s[len(s)-1]; err == nil && (last == 'd' || last == 'h') && n > 0 && n <= most {
			return time.Duration(n) * unit, nil
		}
	}
	s = text.Clean(s, 40)
	return 0, hint.Say(fmt.Errorf("%q is no age in days or hours (30d, 720h)", s), "no-age", s)
}

// Purge is what a PurgeSession would delete: nobody has yet.
type Purge struct {
	// Dir is the folder of Claude Code that the set-up configures.
	Dir string `json:"claude_dir"`
	// Sessions will be deleted, the oldest first.
	Sessions []claude.Session `json:"sessions"`
	// Rest is what goes with all sessions: the memory of projects, typed prompts.
	Rest claude.Session `json:"rest"`
	// InUse are sessions that were chosen and stay, since a Claude Code is at work on them.
	InUse []claude.Session `json:"in_use"`
	// Left is what was chosen, or might have been, and is not deleted.
	Left  []claude.Refusal `json:"left"`
	Notes []Note           `json:"notes"`

	// folders are those of projects that are empty already.
	folders []string
	// refused is how much was not looked into.
	refused int
}

// Empty is true when there is nothing to delete.
func (p *Purge) Empty() bool {
	return len(p.Sessions) == 0 && p.Rest.Files == 0 && len(p.folders) == 0
}

// Files and Bytes are how much would be deleted.
func (p *Purge) Files() int {
	n := p.Rest.Files
	for _, s := range p.Sessions {
		n += s.Files
	}
	return n
}

// Bytes is the length of what would be deleted.
func (p *Purge) Bytes() int64 {
	n := p.Rest.Bytes
	for _, s := range p.Sessions {
		n += s.Bytes
	}
	return n
}

// PurgeSession deletes conversations of Claude Code, finally: no copy is kept of them
// (I-03).
type PurgeSession struct {
	standing
	w    *Wizard
	opts PurgeOptions
	dir  string
}

// NewPurge starts a purge in the folder of Claude Code that the present set-up
// configures. A dry run leaves an interrupted transaction as it is.
func (w *Wizard) NewPurge(ctx context.Context, o PurgeOptions) (*PurgeSession, error) {
	start, err := w.recoverOrTell(ctx, o.DryRun)
	if err != nil {
		return nil, err
	}
	setup, basis, err := w.present()
	if err != nil {
		return nil, err
	}
	if setup.OpenClaw.Mode == "none" || setup.OpenClaw.Config == "" {
		return nil, hint.With(hint.Say(ErrNoClaudeDir, "no-claude"), "purge-no-claude")
	}
	dir := agentFiles(setup.OpenClaw.Config).claudeDir
	return &PurgeSession{standing: standing{*setup, basis, start}, w: w, opts: o, dir: dir}, nil
}

// justNow is how long after its last line a session counts as being written to.
const justNow = time.Minute

// inUse tells whether a Claude Code is at work on a session, as far as that can be
// seen.
func (s *PurgeSession) inUse(c claude.Session) bool {
	return c.Running || s.fresh(c.Newest)
}

// force tells whether sessions in use are taken.
func (s *PurgeSession) force() bool { return s.opts.InUse && (s.opts.All || s.opts.Session != "") }

func (s *PurgeSession) fresh(at time.Time) bool {
	return s.w.Now().Sub(at).Abs() < justNow
}

// old tells whether something was last written before the age of the options.
func (s *PurgeSession) old(at time.Time) bool { return s.w.Now().Sub(at) >= s.opts.OlderThan }

func (s *PurgeSession) chosen(c claude.Session) bool {
	switch {
	case s.opts.All:
		return true
	case s.opts.Session != "":
		return c.ID == s.opts.Session
	default:
		return s.old(c.Newest)
	}
}

// Plan looks what there is to delete. It writes nothing.
func (s *PurgeSession) Plan(ctx context.Context) (*Purge, error) {
	found, err := claude.FindTranscripts(ctx, s.w.Disk, s.dir)
	if err != nil {
		return nil, err
	}
	p := s.choose(found)
	p.Notes = s.notes(found, p)
	if s.opts.Session != "" && len(p.Sessions)+len(p.InUse)+len(p.Left) == 0 {
		return nil, hint.With(fmt.Errorf("%s in %s: %w", text.Clean(s.opts.Session, 80), s.dir, ErrNoSession), "purge-list")
	}
	return p, nil
}

// choose is the part of found that the options name.
func (s *PurgeSession) choose(found *claude.Transcripts) *Purge {
	p := &Purge{Dir: s.dir, Sessions: []claude.Session{}, InUse: []claude.Session{}, Left: slices.Clone(found.Refused), refused: len(found.Refused)}
	for _, c := range found.Sessions {
		switch {
		case !s.chosen(c):
		case s.inUse(c) && !s.force():
			p.InUse = append(p.InUse, c)
		default:
			if c.Deletable() {
				p.Sessions = append(p.Sessions, c)
			}
			p.Left = append(p.Left, c.Refused...)
		}
	}
	for _, f := range found.Empty {
		if (s.force() || !s.fresh(f.Modified)) && s.opts.Session == "" && (s.opts.All || s.old(f.Modified)) {
			p.folders = append(p.folders, f.Name)
		}
	}
	if s.opts.All {
		p.Rest = found.Rest
		p.Left = append(p.Left, found.Rest.Refused...)
	}
	if p.Left == nil {
		p.Left = []claude.Refusal{}
	}
	return p
}

func (s *PurgeSession) notes(found *claude.Transcripts, p *Purge) []Note {
	notes := append([]Note{}, s.start...)
	if len(p.InUse) > 0 {
		id := "purge-in-use"
		if s.opts.OlderThan > 0 {
			id = "purge-in-use-age"
		}
		notes = append(notes, Note{ID: id, State: Attention, Args: []any{len(p.InUse)}})
	}
	if found.Typed && !s.opts.All {
		notes = append(notes, Note{ID: "purge-typed", State: Attention, Args: []any{filepath.Join(s.dir, "history.jsonl")}})
	}
	return notes
}

// again finds anew what p names. A session that was written to since then, or that a
// Claude Code has begun to work on, is in use, unless the options take it nevertheless.
func (s *PurgeSession) again(ctx context.Context, p *Purge) (*Purge, error) {
	setup, err := s.w.Disk.Read(s.w.Paths.SetupFile(), largestSetup)
	if err != nil {
		return nil, err
	}
	if !setup.Exists || !bytes.Equal(setup.Data, s.basis.Data) {
		return nil, hint.With(fmt.Errorf("%s %w", s.w.Paths.SetupFile(), ErrStalePlan), "run-again")
	}
	found, err := claude.FindTranscripts(ctx, s.w.Disk, s.dir)
	if err != nil {
		return nil, err
	}
	planned := map[string]time.Time{}
	for _, c := range p.Sessions {
		planned[c.ID] = c.Newest
	}
	now, touched := s.choose(found), []claude.Session{}
	now.Notes = p.Notes
	now.Sessions = slices.DeleteFunc(now.Sessions, func(c claude.Session) bool {
		at, known := planned[c.ID]
		if known && c.Newest.After(at) && !s.force() {
			touched = append(touched, c)
			return true
		}
		return !known
	})
	now.InUse = append(now.InUse, touched...)
	return now, nil
}

// ageText is an age as it was given: in days where they are whole, or else in hours.
func ageText(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
