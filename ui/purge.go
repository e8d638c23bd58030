package ui

import (
	"fmt"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// mostSessions is how many sessions are listed; --json has them all.
const mostSessions = 20

// Purge shows what a purge would delete, and that it is final.
func (u *UI) Purge(p *wizard.Purge) {
	w := u.report
	w.lines(u.notes(w.theme, p.Notes, w.width))
	u.refusals(p.Left)
	if p.Empty() {
		w.printf("%s %s\n", w.theme.ok.Render(signOK), u.T("purge.nothing", u.path(p.Dir)))
		return
	}
	w.printf("%s\n", w.theme.bold.Render(u.T("purge.title", u.path(p.Dir), len(p.Sessions), p.Files(), u.length(p.Bytes()))))
	u.sessions(p.Sessions)
	if p.Rest.Files > 0 {
		w.printf("  %s\n", u.T("purge.rest", p.Rest.Files, u.length(p.Rest.Bytes)))
	}
	w.printf("%s\n", hang("  "+w.theme.warn.Render(signWarn)+" ", u.T("purge.final"), w.width))
}

// sessions lists the first of them, one a line.
func (u *UI) sessions(sessions []claude.Session) {
	var rows [][]string
	for _, s := range sessions[:min(len(sessions), mostSessions)] {
		rows = append(rows, []string{text.Clean(s.ID, 40), s.Newest.Local().Format("2006-01-02 15:04"), u.T("history.files", s.Files), u.length(s.Bytes)})
	}
	widths := columnWidths(rows)
	for _, row := range rows {
		u.report.printf("    %s\n", tableRow(row, widths))
	}
	if more := len(sessions) - mostSessions; more > 0 {
		u.report.printf("    %s\n", u.T("purge.more", more))
	}
}

// Purged says what a purge deleted, and what is still there.
func (u *UI) Purged(p *wizard.Purge, d wizard.Purged) {
	w := u.report
	if len(d.Records) > 0 {
		w.printf("%s %s\n", w.theme.ok.Render(signOK), w.theme.bold.Render(u.T("purge.done", d.Sessions, d.Files, u.length(d.Bytes))))
		w.printf("  %s\n", u.T("done.records", numbers(d.Records), len(d.Records)))
	}
	if n := len(d.InUse) - len(p.InUse); n > 0 {
		w.printf("%s\n", hang("  "+w.theme.warn.Render(signWarn)+" ", u.T("note.purge-in-use", n), w.width))
	}
	if n := len(d.Notes) - len(p.Notes); n > 0 {
		w.lines(u.notes(w.theme, d.Notes[len(p.Notes):], w.width))
	}
	if !p.Empty() {
		u.refusals(d.Left)
	}
}

// refusals name what is not deleted.
func (u *UI) refusals(left []claude.Refusal) {
	w := u.report
	for _, r := range left[:min(len(left), mostSessions)] {
		w.printf("%s\n", hang("  "+w.theme.bad.Render(signBad)+" ", u.T("purge.left", u.path(r.Path), r.Reason), w.width))
	}
	if more := len(left) - mostSessions; more > 0 {
		w.printf("    %s\n", u.T("purge.more", more))
	}
}

// length is a number of bytes for people.
func (u *UI) length(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < 3 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%s %ciB", decimal(u.lang, value), "KMGT"[unit])
}
