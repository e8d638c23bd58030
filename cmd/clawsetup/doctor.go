package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
)

// doctorOptions are the flags of `clawsetup doctor`.
type doctorOptions struct {
	only, skip       []string
	severity, failOn string
	json, sarif, all bool
	report           bool

	fix, accept, watch, noWatch bool
	yes, dryRun                 bool
	// unchecked fails for checks that could not be made.
	unchecked bool
}

func (a *app) doctorCommand(u *ui.UI) *cobra.Command {
	o := &doctorOptions{}
	c := &cobra.Command{
		Use: "doctor", Short: u.T("cmd.doctor.short"), Long: u.T("cmd.doctor.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runDoctor(c.Context(), o) },
	}
	f := c.Flags()
	f.StringSliceVar(&o.only, "only", nil, u.T("flag.only"))
	f.StringSliceVar(&o.skip, "skip", nil, u.T("flag.skip"))
	f.StringVar(&o.severity, "severity", doctor.Info.String(), u.T("flag.severity"))
	f.StringVar(&o.failOn, "fail-on", doctor.Medium.String(), u.T("flag.fail-on"))
	f.BoolVar(&o.unchecked, "fail-on-unchecked", false, u.T("flag.fail-on-unchecked"))
	f.BoolVar(&o.all, "all", false, u.T("flag.all-checks"))
	f.BoolVar(&o.json, "json", false, u.T("flag.json"))
	f.BoolVar(&o.sarif, "sarif", false, u.T("flag.sarif"))
	f.BoolVar(&o.report, "report", false, u.T("flag.report"))
	f.BoolVar(&o.fix, "fix", false, u.T("flag.fix"))
	f.BoolVar(&o.accept, "accept", false, u.T("flag.accept"))
	f.BoolVar(&o.watch, "watch-unit", false, u.T("flag.watch-unit"))
	f.BoolVar(&o.noWatch, "no-watch-unit", false, u.T("flag.no-watch-unit"))
	f.BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	f.BoolVar(&o.dryRun, "dry-run", false, u.T("flag.dry-run"))
	completeValues(c, "severity", doctor.Severities())
	completeValues(c, "fail-on", doctor.Severities())
	completeList(c, "only", doctor.Selectable())
	completeList(c, "skip", doctor.Selectable())
	c.AddCommand(a.doctorExplain(u), a.doctorWaive(u))
	return c
}

// one refuses flags that ask for different things.
func (o *doctorOptions) one() error {
	for names, given := range map[string][]bool{
		"--json, --sarif":  {o.json, o.sarif},
		"--json, --report": {o.json, o.report},
		"--sarif, --fix, --accept, --watch-unit, --no-watch-unit, --report": {o.sarif, o.fix, o.accept, o.watch, o.noWatch, o.report},
	} {
		n := 0
		for _, is := range given {
			if is {
				n++
			}
		}
		if n > 1 {
			return wrongUsage("one-of", "give one of %s", names)
		}
	}
	return nil
}

// selection is what the flags choose.
func (o *doctorOptions) selection() (doctor.Selection, doctor.Severity, error) {
	s := doctor.Selection{Only: o.only, Skip: o.skip}
	err := o.one()
	if err != nil {
		return s, 0, err
	}
	if s.Least, err = doctor.ParseSeverity(o.severity); err != nil {
		return s, 0, noSeverity("--severity", o.severity)
	}
	failOn, err := doctor.ParseSeverity(o.failOn)
	if err != nil {
		return s, 0, noSeverity("--fail-on", o.failOn)
	}
	if err := s.Check(); err != nil {
		return s, 0, usageError{fmt.Errorf("--only, --skip: %w", err)}
	}
	return s, failOn, nil
}

func noSeverity(flag, given string) error {
	return wrongUsage("no-severity", "%s: %q is no severity: one of %s", flag, given, strings.Join(doctor.Severities(), ", "))
}

// fails tells whether the exit code is 3: a finding reaches --fail-on, or, when that was
// asked for, a check of such a severity could not be made.
func (o *doctorOptions) fails(r *doctor.Report, failOn doctor.Severity) bool {
	return r.Reaches(failOn) || o.unchecked && r.Unchecked(failOn)
}

// runDoctor exits with 3 when the report fails.
func (a *app) runDoctor(ctx context.Context, o *doctorOptions) error {
	s, failOn, err := o.selection()
	if err != nil {
		return err
	}
	u := a.ui(ui.Options{JSON: o.json, Yes: o.yes, DryRun: o.dryRun})
	w := a.wizard(u)
	switch {
	case o.watch, o.noWatch:
		session, err := w.NewWatch(ctx, o.watch, o.dryRun)
		return a.driveDoctor(ctx, u, session, err, o.json, o.dryRun)
	case o.accept:
		session, err := w.NewAccept(ctx, o.dryRun)
		return a.driveDoctor(ctx, u, session, err, o.json, o.dryRun)
	case o.fix:
		return a.runFix(ctx, u, w, o, s, failOn)
	case o.report:
		return a.runReport(ctx, w, s, failOn)
	}
	report, err := w.Examine(ctx, s)
	if err != nil {
		return err
	}
	if err := a.showReport(ctx, u, w, o, s, report); err != nil {
		return err
	}
	if o.fails(report, failOn) {
		return errFindings
	}
	return nil
}

// driveDoctor leads through a session of doctor's that began with err.
func (a *app) driveDoctor(ctx context.Context, u *ui.UI, s wizard.Session, err error, asJSON, dryRun bool) error {
	if err != nil {
		return err
	}
	return a.drive(ctx, u, s, "doctor", asJSON, dryRun)
}

// showReport prints ours at once; OpenClaw takes some seconds to start.
func (a *app) showReport(ctx context.Context, u *ui.UI, w *wizard.Wizard, o *doctorOptions, s doctor.Selection, r *doctor.Report) error {
	table := !o.json && !o.sarif
	if table {
		u.Doctor(r, o.all)
	}
	if s.TakesAudit() {
		w.JoinAudit(ctx, r)
	}
	switch {
	case o.sarif:
		return r.WriteSARIF(a.out, ui.CheckWords)
	case o.json:
		return a.printJSON(r)
	}
	u.DoctorAudit(r.Audit, o.all)
	return nil
}

// runFix puts right what can be, and looks again.
func (a *app) runFix(ctx context.Context, u *ui.UI, w *wizard.Wizard, o *doctorOptions, s doctor.Selection, failOn doctor.Severity) error {
	s.Skip = append(s.Skip, doctor.AuditWord)
	before, err := w.Examine(ctx, s)
	if err != nil {
		return err
	}
	session, err := w.NewFix(ctx, before, o.dryRun)
	if err != nil {
		if !o.json {
			u.Doctor(before, o.all)
		}
		return err
	}
	// What a real one did is told by looking again.
	if err := a.drive(ctx, u, session, "doctor", o.json && o.dryRun, o.dryRun); err != nil || o.dryRun {
		return err
	}
	after, err := w.Examine(ctx, s)
	if err != nil {
		return err
	}
	if o.json {
		err = u.Event(map[string]any{"event": "report", "report": after})
	} else {
		u.Doctor(after, o.all)
	}
	if err == nil && o.fails(after, failOn) {
		return errFindings
	}
	return err
}

// runReport is what the watch unit runs: it tells the journal and the system's log what
// was found, and asks nobody.
func (a *app) runReport(ctx context.Context, w *wizard.Wizard, s doctor.Selection, failOn doctor.Severity) error {
	told, err := w.ReportFindings(ctx, s, failOn)
	if err != nil {
		return err
	}
	if err := systemLog(a.out, told.Lines); err != nil {
		return err
	}
	if told.Failed {
		return errFindings
	}
	return nil
}

func (a *app) doctorExplain(u *ui.UI) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "explain ID", Short: u.T("cmd.doctor.explain.short"), Long: u.T("cmd.doctor.explain.long"), Args: usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: cobra.FixedCompletions(checkIDs(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			check, ok := doctor.Find(args[0])
			if !ok {
				return wrongUsage("no-check", "%q is no check; clawsetup doctor --all lists them", args[0])
			}
			if asJSON {
				return a.printJSON(explained(check))
			}
			a.ui(ui.Options{}).Explain(check)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	return c
}

func checkIDs() []string {
	var out []string
	for _, c := range doctor.Catalogue() {
		out = append(out, c.ID)
	}
	return out
}

// explanation is what explain --json prints.
type explanation struct {
	ID         string            `json:"id"`
	Area       doctor.Area       `json:"area"`
	Title      string            `json:"title"`
	Why        string            `json:"why"`
	Severity   doctor.Severity   `json:"severity"`
	Controls   []string          `json:"controls"`
	Categories []doctor.Category `json:"categories"`
	Fix        string            `json:"fix"`
	Sources    []string          `json:"sources"`
}

func explained(c doctor.Check) explanation {
	e := explanation{ID: c.ID, Area: c.Area, Severity: c.Severity, Controls: c.Controls, Categories: c.Categories, Fix: c.Fix}
	e.Title, e.Why = ui.CheckWords(c.ID)
	for _, id := range c.Controls {
		e.Sources = append(e.Sources, doctor.Source(id))
	}
	return e
}

// waiveOptions are the flags of `clawsetup doctor waive`.
type waiveOptions struct {
	where, reason, expires string
	remove, yes, dryRun    bool
	json                   bool
}

func (a *app) doctorWaive(u *ui.UI) *cobra.Command {
	o := &waiveOptions{}
	c := &cobra.Command{
		Use: "waive ID", Short: u.T("cmd.doctor.waive.short"), Long: u.T("cmd.doctor.waive.long"), Args: usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: cobra.FixedCompletions(append(checkIDs(), doctor.AuditWord), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			if missing := o.missing(); len(missing) > 0 {
				return &ui.MissingError{Flags: missing}
			}
			u := a.ui(ui.Options{JSON: o.json, Yes: o.yes, DryRun: o.dryRun})
			waiver := doctor.Waiver{Check: args[0], Where: o.where, Reason: o.reason, Expires: o.expires}
			s, err := a.wizard(u).NewWaiver(c.Context(), waiver, o.remove, o.dryRun)
			return a.driveDoctor(c.Context(), u, s, err, o.json, o.dryRun)
		},
	}
	f := c.Flags()
	f.StringVar(&o.where, "where", "", u.T("flag.where"))
	f.StringVar(&o.reason, "reason", "", u.T("flag.waiver-reason"))
	f.StringVar(&o.expires, "expires", "", u.T("flag.expires"))
	f.BoolVar(&o.remove, "remove", false, u.T("flag.waiver-remove"))
	f.BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	f.BoolVar(&o.dryRun, "dry-run", false, u.T("flag.dry-run"))
	f.BoolVar(&o.json, "json", false, u.T("flag.json"))
	return c
}

// missing are the flags without which nobody could look at a waiver again.
func (o *waiveOptions) missing() [][]string {
	var out [][]string
	for _, f := range []struct{ name, value string }{{"--reason", o.reason}, {"--expires", o.expires}} {
		if f.value == "" && !o.remove {
			out = append(out, []string{f.name})
		}
	}
	return out
}
