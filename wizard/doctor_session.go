package wizard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// acceptedName is the file with the hashes of the skills and plugins that were reviewed.
const acceptedName = "accepted.json"

func (w *Wizard) acceptedFile() string { return filepath.Join(w.Paths.Config, acceptedName) }

// ErrNothingToFix says that no finding can be put right by itself.
var ErrNothingToFix = errors.New("none of the findings can be put right by itself")

// doctorSession is a change that doctor makes: the sessions differ in the Plan alone.
type doctorSession struct {
	noQuestions
	standing
	w    *Wizard
	plan func(context.Context, *planner) error
}

// Preflight implements Session.
func (s *doctorSession) Preflight(context.Context) []Note { return s.start }

// Missing implements Session.
func (s *doctorSession) Missing(context.Context) [][]string { return nil }

// Plan implements Session.
func (s *doctorSession) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.planner(ctx, s.w)
	if err != nil {
		return nil, err
	}
	return p.plan, s.plan(ctx, p)
}

// Apply implements Session.
func (s *doctorSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}

// doctorSession begins one; a dry run leaves an interrupted transaction as it is.
func (w *Wizard) doctorSession(ctx context.Context, dryRun bool) (*doctorSession, error) {
	notes, err := w.recoverOrTell(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	setup, basis, err := w.present()
	if err != nil {
		return nil, err
	}
	return &doctorSession{standing: standing{*setup, basis, notes}, w: w}, nil
}

// NewAccept records the content of all skills and plugins as it is now: the operator has
// looked at it. Later changes are findings.
func (w *Wizard) NewAccept(ctx context.Context, dryRun bool) (Session, error) {
	s, err := w.doctorSession(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	s.plan = s.planAccept
	return s, nil
}

func (s *doctorSession) planAccept(ctx context.Context, p *planner) error {
	h, err := s.w.hostOf(&s.setup, s.w.History)
	if err != nil {
		return err
	}
	path := s.w.acceptedFile()
	now, err := s.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	lock, changes, gaps, err := doctor.Accept(ctx, h, now.Data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, c := range changes {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "accept-" + c.What, State: Attention, Args: []any{c.Kind, c.Name, c.Path}})
	}
	for _, g := range gaps {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "accept-gap", State: NotChecked, Args: []any{g.Where, g.Why}})
	}
	return p.file(path, lock, Change{Why: "file-accepted", Controls: []string{"gap 8", "gap 24"}, event: journal.ContentAccepted})
}

// NewWaiver accepts a finding for a while, or, with remove, takes that back.
func (w *Wizard) NewWaiver(ctx context.Context, waiver doctor.Waiver, remove, dryRun bool) (Session, error) {
	s, err := w.doctorSession(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	same := func(o doctor.Waiver) bool { return o.Check == waiver.Check && o.Where == waiver.Where }
	list := s.setup.Waivers
	if remove && !slices.ContainsFunc(list, same) {
		return nil, hint.With(fmt.Errorf("%w: there is no such waiver of %s", ErrBadValue, waiver.Check), "waiver-none")
	}
	list = slices.DeleteFunc(slices.Clone(list), same)
	if !remove {
		if err := waiver.Acceptable(w.Now()); err != nil {
			if waiver.Barred() != nil {
				return nil, hint.With(fmt.Errorf("%w: %w", ErrBadValue, err), "waiver-barred", w.Paths.SetupFile())
			}
			return nil, fmt.Errorf("%w: %w", ErrBadValue, err)
		}
		list = append(list, waiver)
	}
	s.plan = func(_ context.Context, p *planner) error {
		s.setup.Waivers = list
		if !remove {
			p.plan.Consents = append(p.plan.Consents, Note{ID: "waiver", State: Attention, Args: []any{waiver.Check, waiver.Reason, waiver.Expires}})
		}
		return s.planSetup(p, "file-setup-waiver")
	}
	return s, nil
}

func (s *doctorSession) planSetup(p *planner, why string) error {
	return p.setup(&s.setup, Change{Why: why, Controls: []string{"R-02"}, event: journal.SetupRecorded})
}

// NewFix puts the findings of a report right that can be, and that nobody waived.
func (w *Wizard) NewFix(ctx context.Context, r *doctor.Report, dryRun bool) (Session, error) {
	fix := repairs(r)
	if len(fix) == 0 {
		return nil, hint.With(ErrNothingToFix, "doctor-fix-none")
	}
	s, err := w.doctorSession(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	s.plan = func(ctx context.Context, p *planner) error { return s.planFix(ctx, p, fix, dryRun) }
	return s, nil
}

// repairing is a finding and its check.
type repairing struct {
	doctor.Finding
	controls []string
}

func repairs(r *doctor.Report) []repairing {
	var out []repairing
	for _, c := range r.Results {
		for _, f := range c.Findings {
			if f.Repair != nil && f.Waiver == nil {
				out = append(out, repairing{f, c.Check.Controls})
			}
		}
	}
	return out
}

// planFix makes one change of each file, however many findings it has.
func (s *doctorSession) planFix(ctx context.Context, p *planner, list []repairing, dryRun bool) error {
	keyed := map[string][]repairing{}
	var order []string
	for _, f := range list {
		r := f.Repair
		switch {
		case r.End != nil:
			p.plan.Ends = append(p.plan.Ends, *r.End)
		case r.In != "":
			if keyed[r.In] == nil {
				order = append(order, r.In)
			}
			keyed[r.In] = append(keyed[r.In], f)
		case r.Restore != "":
			if err := s.planRestore(p, f); err != nil {
				return err
			}
		case r.Private != "" && !slices.ContainsFunc(list, func(o repairing) bool { return o.Repair.Restore == r.Private || o.Repair.In == r.Private }):
			if err := s.planPrivate(p, f); err != nil {
				return err
			}
		}
	}
	for _, path := range order {
		if err := s.planKeys(ctx, p, path, keyed[path], dryRun); err != nil {
			return err
		}
	}
	return s.planEnds(p)
}

// planRestore writes a file of ours as it was written last.
func (s *doctorSession) planRestore(p *planner, f repairing) error {
	path := f.Repair.Restore
	i := slices.IndexFunc(p.past, func(t touched) bool { return t.first.Path == path })
	if i < 0 {
		return fmt.Errorf("%s: the journal does not say what was written to it", path)
	}
	last := p.past[i].last
	if last.After == "" {
		return p.file(path, nil, Change{Why: "file-drift", Controls: f.controls, event: journal.DriftRepaired})
	}
	data, err := p.snapshot(last.SnapshotAfter, last.After)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", path, err)
	}
	mode, err := parseMode(last.ModeAfter)
	if err != nil {
		return err
	}
	if filepath.Base(path) == ignoreName {
		now, err := s.w.Disk.Read(path, largestFile)
		if err != nil {
			return err
		}
		if now.Exists {
			data = ignoring(now.Data)
		}
	}
	return p.file(path, notNil(data), Change{Why: "file-drift", Controls: f.controls, event: journal.DriftRepaired, mode: mode})
}

// planPrivate takes the rights of others from a file. One that is not ours is named.
func (s *doctorSession) planPrivate(p *planner, f repairing) error {
	path := f.Repair.Private
	now, err := s.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	if !now.Exists {
		return fmt.Errorf("%s %w", path, ErrStalePlan)
	}
	if !p.known(path) {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "doctor-mode", State: Attention, Args: []any{path, modeText(now.Mode), modeText(f.Repair.Mode)}})
	}
	return p.file(path, notNil(now.Data), Change{Why: "file-private", Controls: f.controls, event: journal.DriftRepaired, mode: f.Repair.Mode, restored: true})
}

// content of a file that is read for a change.
func (s *doctorSession) present(path string) (files.File, error) {
	now, err := s.w.readOpenClaw(path)
	if err == nil && !now.Exists {
		err = fmt.Errorf("%s %w", path, ErrStalePlan)
	}
	return now, err
}
