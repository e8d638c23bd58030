package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// mostShown is how many findings of one check are listed; --json has them all.
const mostShown = 5

// Doctor prints what an examination came to: the counts, then by area what was found, was
// waived or was not checked, and with all what is in order too.
func (u *UI) Doctor(r *doctor.Report, all bool) {
	w, t := u.report, u.report.theme
	found := r.Count(doctor.Found)
	sign := t.ok.Render(signOK)
	switch {
	case r.Reaches(doctor.High):
		sign = t.bad.Render(signBad)
	case found > 0 || r.Count(doctor.NotChecked) > 0:
		sign = t.warn.Render(signWarn)
	}
	w.lines(hangLines(sign+" ", t.bold.Render(u.T("doctor.counts", found, r.Count(doctor.NotChecked), r.Count(doctor.Waived), r.Count(doctor.OK), r.Count(doctor.Absent))), w.width))
	for _, area := range doctor.Areas() {
		u.area(r, area, all)
	}
}

// area prints one group of checks; nothing when there is nothing to say of it.
func (u *UI) area(r *doctor.Report, area doctor.Area, all bool) {
	w, t := u.report, u.report.theme
	counts := map[doctor.Outcome]int{}
	var shown []doctor.Result
	for _, c := range r.Results {
		if c.Check.Area != area {
			continue
		}
		counts[c.Outcome]++
		if all || c.Outcome == doctor.Found || c.Outcome == doctor.Waived || c.Outcome == doctor.NotChecked {
			shown = append(shown, c)
		}
	}
	if len(counts) == 0 {
		return
	}
	w.printf("\n%s  %s\n", t.title.Render(u.T("area."+string(area))), t.faint.Render(u.T("doctor.area", counts[doctor.OK], counts[doctor.Found], counts[doctor.NotChecked])))
	slices.SortStableFunc(shown, func(a, b doctor.Result) int { return rank(b) - rank(a) })
	for _, c := range shown {
		if c.Outcome != doctor.NotChecked {
			u.result(c)
		}
	}
	u.notChecked(shown)
}

// notChecked lists what could not be looked at: checks with the same reason together.
func (u *UI) notChecked(results []doctor.Result) {
	w := u.report
	var reasons []string
	ids := map[string][]string{}
	for _, c := range results {
		if c.Outcome != doctor.NotChecked {
			continue
		}
		var parts []string
		for _, g := range c.Gaps[:min(len(c.Gaps), mostShown)] {
			parts = append(parts, u.path(g.Where)+": "+g.Why)
		}
		reason := text.Clean(strings.Join(parts, "; "), widestArg)
		if ids[reason] == nil {
			reasons = append(reasons, reason)
		}
		ids[reason] = append(ids[reason], c.Check.ID)
	}
	for _, reason := range reasons {
		w.lines(hangLines("  "+w.theme.faint.Render(signOpen)+" ", u.T("doctor.not-checked")+" "+strings.Join(ids[reason], ", "), w.width))
		w.lines(hangLines("      ", reason, w.width))
	}
}

// rank orders what is shown of an area: the worst first.
func rank(r doctor.Result) int {
	switch r.Outcome {
	case doctor.Found:
		return 10 + int(r.Severity())
	case doctor.Waived:
		return 1
	default:
		return 0
	}
}

// result prints one check: its sign, id and title, and under it what was found.
func (u *UI) result(r doctor.Result) {
	w, t := u.report, u.report.theme
	// The title says what ought to be.
	word, title := u.T("outcome."+r.Outcome.String()), t.bold.Render(u.T("check."+r.Check.ID))
	if r.Outcome == doctor.Found {
		word = u.T("severity." + r.Severity().String())
	}
	if len(r.Findings) > 0 {
		title = u.T("doctor.not-so") + " " + title
	}
	w.lines(hangLines("  "+u.graded(r)+" ", fmt.Sprintf("%s  %s  %s", word, r.Check.ID, title), w.width))
	for _, f := range r.Findings[:min(len(r.Findings), mostShown)] {
		line := f.Detail
		if where := u.where(f.Where); where != "" {
			line = where + ": " + f.Detail
		}
		w.lines(hangLines("      ", text.Clean(line, widestArg), w.width))
		if f.Waiver != nil {
			w.lines(hangLines("      ", t.faint.Render(u.T("doctor.waived", f.Waiver.Reason, f.Waiver.Expires)), w.width))
		}
	}
	if more := len(r.Findings) - mostShown; more > 0 {
		w.printf("      %s\n", u.T("doctor.more", more))
	}
	for _, g := range r.Gaps[:min(len(r.Gaps), mostShown)] {
		w.lines(hangLines("      ", text.Clean(u.T("doctor.gap", u.path(g.Where), g.Why), widestArg), w.width))
	}
	if r.Outcome == doctor.Found {
		u.remedy(r)
	}
}

// graded is the sign of a result.
func (u *UI) graded(r doctor.Result) string {
	t := u.report.theme
	switch {
	case r.Outcome == doctor.Found && r.Severity() >= doctor.High:
		return t.bad.Render(signBad)
	case r.Outcome == doctor.Found && r.Severity() > doctor.Info:
		return t.warn.Render(signWarn)
	case r.Outcome == doctor.OK:
		return t.ok.Render(signOK)
	default:
		return t.faint.Render(signAbsent)
	}
}

// remedy says what puts a finding right: every command once.
func (u *UI) remedy(r doctor.Result) {
	var fixes []string
	for _, f := range r.Findings {
		fix := f.Fix
		if f.Fixable {
			fix = "clawsetup doctor --fix --only " + r.Check.ID
		}
		if f.Waiver == nil && fix != "" && !slices.Contains(fixes, fix) && len(fixes) < mostShown {
			fixes = append(fixes, fix)
		}
	}
	for _, fix := range fixes {
		u.report.lines(hangLines("      "+u.report.theme.accent.Render(signChosen)+" ", fix, u.report.width))
	}
}

// where is a place with the home folder as ~.
func (u *UI) where(l doctor.Location) string {
	if l.Path != "" {
		l.Path = u.path(l.Path)
	}
	return l.String()
}

// DoctorAudit prints what OpenClaw's own audit says beside ours.
func (u *UI) DoctorAudit(a *doctor.Audit, all bool) {
	if a == nil {
		return
	}
	w, t := u.report, u.report.theme
	if a.Outcome == doctor.NotChecked {
		w.printf("\n%s\n", t.title.Render(u.T("doctor.audit", a.Version)))
		w.lines(hangLines("  "+t.faint.Render(signOpen)+" ", u.T("doctor.gap", doctor.AuditWord, a.Why), w.width))
		return
	}
	same := 0
	for _, f := range a.Findings {
		if f.Same != "" {
			same++
		}
	}
	w.printf("\n%s  %s\n", t.title.Render(u.T("doctor.audit", a.Version)), t.faint.Render(u.T("doctor.audit-counts", a.Count(), same)))
	for _, f := range a.Findings {
		if f.Same == "" || all {
			u.auditFinding(f)
		}
	}
}

func (u *UI) auditFinding(f doctor.AuditFinding) {
	w, t := u.report, u.report.theme
	sign := map[bool]string{true: t.bad.Render(signBad), false: t.warn.Render(signWarn)}[f.Severity >= doctor.High]
	if f.Severity == doctor.Info || f.Same != "" || f.Waiver != nil {
		sign = t.faint.Render(signAbsent)
	}
	w.lines(hangLines("  "+sign+" ", fmt.Sprintf("%s  %s  %s", u.T("severity."+f.Severity.String()), f.ID, f.Title), w.width))
	switch {
	case f.Same != "":
		w.lines(hangLines("      ", u.T("doctor.audit-same", f.Same), w.width))
	case f.Waiver != nil:
		w.lines(hangLines("      ", t.faint.Render(u.T("doctor.waived", f.Waiver.Reason, f.Waiver.Expires)), w.width))
	case f.Severity > doctor.Info:
		w.lines(hangLines("      ", f.Detail, w.width))
		if f.Fix != "" {
			w.lines(hangLines("      "+t.accent.Render(signChosen)+" ", f.Fix, w.width))
		}
	}
}

// Explain prints the threat that a check stands for, the control that answers it, and
// where both come from.
func (u *UI) Explain(c doctor.Check) {
	w, t := u.report, u.report.theme
	w.printf("%s  %s\n\n", t.title.Render(c.ID), u.T("check."+c.ID))
	w.lines(hangLines("", u.T("check."+c.ID+".why"), w.width))
	var kinds []string
	for _, k := range c.Categories {
		kinds = append(kinds, string(k))
	}
	w.printf("\n")
	u.pair("doctor.severity", u.T("severity."+c.Severity.String()))
	u.pair("doctor.area-of", u.T("area."+string(c.Area)))
	u.pair("doctor.categories", strings.Join(kinds, ", "))
	u.pair("doctor.fix", c.Fix)
	for _, id := range c.Controls {
		w.printf("\n%s\n", t.title.Render(id))
		u.pair("doctor.threat", u.T("control."+id))
		u.pair("doctor.control", u.T("control."+id+".answer"))
		u.pair("doctor.source", doctor.Source(id))
	}
}

// CheckWords are the English texts of a check, for machines.
func CheckWords(id string) (title, why string) {
	title, _ = message(english, "check."+id)
	why, _ = message(english, "check."+id+".why")
	return title, why
}

// Coverage is the table of controls and the checks that answer them, in Markdown.
func Coverage() string {
	var b strings.Builder
	b.WriteString("| control | threat | checks of `clawsetup doctor` |\n| --- | --- | --- |\n")
	for _, id := range doctor.Controls() {
		var checks []string
		for _, c := range doctor.Catalogue() {
			if slices.Contains(c.Controls, id) {
				checks = append(checks, "`"+c.ID+"`")
			}
		}
		threat, _ := message(english, "control."+id)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", id, threat, strings.Join(checks, ", "))
	}
	return b.String()
}
