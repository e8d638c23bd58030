package wizard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

const (
	watchUnit  = "clawsetup-doctor"
	watchWants = "timers.target.d"
	watchLabel = "io.github.clawsetup.doctor"
)

// NewWatch makes doctor run every day, or, without start, takes that back.
func (w *Wizard) NewWatch(ctx context.Context, start, dryRun bool) (Session, error) {
	s, err := w.doctorSession(ctx, dryRun)
	if err != nil {
		return nil, err
	}
	if _, err := w.watchPaths(); start && err != nil {
		return nil, err
	}
	s.plan = func(_ context.Context, p *planner) error {
		s.setup.Watch = WatchSetup{}
		if start {
			at, err := engine.FindEndpoint(w.Getenv)
			if err != nil {
				return err
			}
			s.setup.Watch = WatchSetup{Start: true, DockerHost: at.Named()}
			p.plan.Next = watchNext(w)
			p.plan.Notes = append(p.plan.Notes, Note{ID: "watch-session", State: Attention})
		}
		err := errors.Join(s.planSetup(p, "file-setup-watch"), p.watch(s.setup))
		if !start {
			p.plan.Next = w.stopNext(p.plan)
		}
		return err
	}
	return s, nil
}

// watchNext are the commands that make a service manager see the new unit before the
// next login.
func watchNext(w *Wizard) [][]string {
	paths, err := w.watchPaths()
	switch {
	case err != nil:
		return nil
	case runtime.GOOS == "darwin":
		return [][]string{{"launchctl", "bootstrap", "gui/" + strconv.Itoa(os.Getuid()), paths[0]}}
	default:
		return [][]string{{"systemctl", "--user", "daemon-reload"}, {"systemctl", "--user", "start", watchUnit + ".timer"}}
	}
}

// watchPaths are the files of the daily examination on this system.
func (w *Wizard) watchPaths() ([]string, error) {
	switch runtime.GOOS {
	case "linux":
		dir := filepath.Join(filepath.Dir(w.Paths.Config), "systemd", "user")
		return []string{filepath.Join(dir, watchUnit+".service"), filepath.Join(dir, watchUnit+".timer"), filepath.Join(dir, watchWants, "clawsetup.conf")}, nil
	case "darwin":
		return []string{filepath.Join(w.Paths.Home, "Library", "LaunchAgents", watchLabel+".plist")}, nil
	default:
		return nil, hint.With(fmt.Errorf("%w (%s)", ErrNoLogin, runtime.GOOS), "watch-platform")
	}
}

// watch plans the daily examination, or takes back what an earlier plan wrote for it.
func (p *planner) watch(s Setup) error {
	paths, err := p.w.watchPaths()
	if !s.Watch.Start {
		return p.withoutUnits(paths, err)
	}
	if err != nil {
		return err
	}
	login := templates.Login{Executable: p.w.Executable, DockerHost: s.Watch.DockerHost}
	if len(paths) == 1 {
		agent, err := templates.WatchAgent(login, watchLabel)
		if err != nil {
			return err
		}
		return p.units([]loginFile{{paths[0], agent}}, "file-watch")
	}
	unit, err := templates.SystemdWatch(login)
	if err != nil {
		return err
	}
	return p.units([]loginFile{{paths[0], unit}, {paths[1], templates.SystemdTimer()}, {paths[2], templates.SystemdTimerWants(watchUnit + ".timer")}}, "file-watch")
}

// Told is what an examination that nobody watches has to say.
type Told struct {
	// Lines are for the system's log, one for each finding; in English, without secrets.
	Lines []string
	// Failed says that a finding reaches the threshold.
	Failed bool
}

// mostTold bounds the lines for the system's log.
const mostTold = 50

// ReportFindings examines this host and journals what it found, unless the last report
// said the same.
func (w *Wizard) ReportFindings(ctx context.Context, s doctor.Selection, failOn doctor.Severity) (Told, error) {
	report, err := w.Examine(ctx, s)
	if err != nil {
		return Told{}, err
	}
	if s.TakesAudit() {
		w.JoinAudit(ctx, report)
	}
	out := Told{Failed: report.Reaches(failOn), Lines: told(report, failOn)}
	if err := w.journalFindings(ctx, report, out.Failed); err != nil {
		out.Lines = append(out.Lines, "the journal could not be told: "+reason(err))
	}
	return out, nil
}

// told are the findings from failOn on.
func told(r *doctor.Report, failOn doctor.Severity) []string {
	var out []string
	for _, c := range r.Results {
		for _, f := range c.Findings {
			if f.Waiver == nil && f.Severity >= failOn {
				out = append(out, fmt.Sprintf("%s %s (%s): %s: %s", f.Severity, c.Check.ID, c.Check.Controls[0], f.Where, f.Detail))
			}
		}
	}
	if r.Audit != nil {
		for _, f := range r.Audit.Findings {
			if f.Same == "" && f.Waiver == nil && f.Severity >= failOn {
				out = append(out, fmt.Sprintf("%s %s: %s", f.Severity, f.ID, f.Title))
			}
		}
	}
	if n := len(out) - mostTold; n > 0 {
		out = append(out[:mostTold], fmt.Sprintf("%d more findings", n))
	}
	return out
}

// journalFindings adds a record when the findings are not those of the last report.
func (w *Wizard) journalFindings(ctx context.Context, r *doctor.Report, failed bool) error {
	setup, _, err := w.present()
	if err != nil {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	pending, err := w.pending(ctx)
	if err != nil {
		return err
	}
	if pending {
		return errors.New("an earlier change is unfinished")
	}
	detail := findingsDetail(r, failed)
	if same, err := w.saidLast(ctx, detail["sha256"]); err != nil || same {
		return err
	}
	v, err := w.openVault(ctx, setup.Store, setup.StackDir(w.Paths))
	if err != nil {
		return err
	}
	log, err := w.openJournal(ctx, v)
	if err != nil {
		return err
	}
	tx := newTx()
	intent, err := intention{Made: []string{}, Events: []intendedEvent{}}.encode()
	if err != nil {
		return err
	}
	_, err = log.Append(ctx,
		journal.Entry{Event: journal.ChangeIntended, Tx: tx, Phase: journal.PhaseIntent, Detail: intent},
		journal.Entry{Event: journal.FindingsReported, Tx: tx, Phase: journal.PhaseEvent, Detail: detail, Why: []string{"R-02"}},
		journal.Entry{Event: journal.TransactionCommitted, Tx: tx, Phase: journal.PhaseCommit})
	if err != nil {
		return fmt.Errorf("journaling the findings: %w", err)
	}
	return log.Seal(ctx)
}

// findingsDetail is what the journal keeps of an examination: counts, the ids of what was
// found, and a digest by which the next one tells whether it is the same.
func findingsDetail(r *doctor.Report, failed bool) map[string]string {
	var ids []string
	for _, c := range r.Results {
		if c.Outcome == doctor.Found {
			ids = append(ids, c.Severity().String()+" "+c.Check.ID)
		}
	}
	if r.Audit != nil {
		for _, f := range r.Audit.Findings {
			if f.Same == "" && f.Waiver == nil && f.Severity > doctor.Info {
				ids = append(ids, f.Severity.String()+" "+f.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	return map[string]string{
		"checks": strings.Join(ids[:min(len(ids), mostTold)], ", "), "findings": strconv.Itoa(len(ids)), "failed": strconv.FormatBool(failed),
		"not_checked": strconv.Itoa(r.Count(doctor.NotChecked)), "sha256": hex.EncodeToString(sum[:]),
	}
}

// saidLast tells whether the last report had that digest.
func (w *Wizard) saidLast(ctx context.Context, digest string) (bool, error) {
	_, records, err := w.records(ctx)
	if err != nil {
		return false, err
	}
	for _, r := range slices.Backward(records) {
		if r.Event == journal.FindingsReported {
			return r.Detail["sha256"] == digest, nil
		}
	}
	return false, nil
}
