package wizard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// planKeys changes settings in openclaw.json, which is the operator's too: every key is
// named, and the installed OpenClaw has to take the result.
func (s *doctorSession) planKeys(ctx context.Context, p *planner, path string, list []repairing, dryRun bool) error {
	now, err := s.present(path)
	if err != nil {
		return err
	}
	after, edits, err := repairKeys(now.Data, list)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := s.acceptable(ctx, p, path, after, dryRun); err != nil {
		return err
	}
	for _, e := range edits {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "doctor-key", State: Attention, Args: []any{path, joinPath(e.Path), strings.Join(e.Controls, ", ")}})
	}
	return p.file(path, after, Change{
		Why: "file-doctor-keys", Controls: controlsOf(list), Keys: keyChanges(p.vault, edits), Sensitive: true, event: journal.DriftRepaired, restored: true,
	})
}

// repairKeys sets and removes the keys that findings name.
func repairKeys(current []byte, list []repairing) ([]byte, []openclaw.Edit, error) {
	var settings []openclaw.Setting
	var gone [][]string
	for _, f := range list {
		if f.Repair.Remove {
			gone = append(gone, f.Repair.Key)
			continue
		}
		settings = append(settings, openclaw.Setting{Path: f.Repair.Key, Value: f.Repair.Value, Controls: f.controls})
	}
	after, edits, err := openclaw.Merge(current, settings)
	if err != nil || len(gone) == 0 {
		return after, edits, err
	}
	after, removed, err := openclaw.Revert(after, nil, nil, gone)
	return after, slices.Concat(edits, removed), err
}

func controlsOf(list []repairing) []string {
	var out []string
	for _, f := range list {
		for _, c := range f.controls {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// acceptable asks the installed OpenClaw whether it takes the file.
func (s *doctorSession) acceptable(ctx context.Context, p *planner, path string, after []byte, dryRun bool) error {
	if dryRun {
		// OpenClaw reads a copy in a temporary folder, which a dry run does not make.
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated-dry-run", State: NotChecked})
		return nil
	}
	install, err := s.w.Programs.OpenClaw(ctx)
	if errors.Is(err, openclaw.ErrNotInstalled) {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated", State: NotChecked})
		return nil
	}
	if err != nil {
		return err
	}
	_, err = openclaw.Validate(ctx, install, path, after, nil)
	switch {
	case errors.Is(err, openclaw.ErrCannotValidate):
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-cannot-validate", State: NotChecked, Args: []any{install.Version}})
	case err != nil:
		return fmt.Errorf("OpenClaw %s refuses the new %s: %w", install.Version, path, err)
	default:
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-validated", Args: []any{install.Version}})
	}
	return nil
}

// planEnds ends the processes that nobody waits for, after the files (D-04). That cannot
// be taken back: what is killed halfway is journaled as undone.
func (s *doctorSession) planEnds(p *planner) error {
	if len(p.plan.Ends) == 0 {
		return nil
	}
	var pids []string
	for _, e := range p.plan.Ends {
		pids = append(pids, strconv.Itoa(e.PID))
		p.plan.Consents = append(p.plan.Consents, Note{ID: "doctor-ends", State: Attention, Args: []any{e.PID, text.Clean(e.Program, 100)}})
	}
	p.detail(journal.ProcessesEnded, map[string]string{"pids": strings.Join(pids, " ")})
	p.plan.live = func(ctx context.Context, report func(Progress)) (liveChange, error) {
		for _, e := range p.plan.Ends {
			report(Progress{ID: "end", Args: []any{e.PID}})
			if err := doctor.End(ctx, e); err != nil {
				return nil, fmt.Errorf("ending process %d: %w", e.PID, err)
			}
			report(Progress{ID: "end", Args: []any{e.PID}, State: Durable})
		}
		return ended{}, nil
	}
	return nil
}

// ended is a change of what runs that is over when it is made.
type ended struct{}

func (ended) keep(context.Context, func(Progress)) error { return nil }
func (ended) back(context.Context) error                 { return nil }
