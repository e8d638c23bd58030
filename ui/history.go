package ui

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Line prints the message id, filled with args, as a line of the result.
func (u *UI) Line(id string, args ...any) { u.report.printf("%s\n", u.T(id, args...)) }

// Records prints records as a table, one line each.
func (u *UI) Records(records []journal.Record) {
	if len(records) == 0 {
		u.Line("history.none")
		return
	}
	var rows [][]string
	for _, r := range records {
		row := []string{fmt.Sprint(r.Seq), when(r), text.Clean(string(r.Event), 40), who(r.Actor), u.size(r)}
		rows = append(rows, row)
	}
	widths := columnWidths(rows)
	for _, row := range rows {
		row[0] = strings.Repeat(" ", widths[0]-ansi.StringWidth(row[0])) + row[0]
		u.report.printf("  %s\n", tableRow(row, widths))
	}
}

func when(r journal.Record) string { return r.Time.Local().Format("2006-01-02 15:04:05") }

// who is the user of a record, and who became it by sudo.
func who(a journal.Actor) string {
	name := text.Clean(a.User, 40)
	if name == "" {
		name = text.Clean(a.UID, 40)
	}
	if a.SudoUser != "" {
		name = text.Clean(a.SudoUser, 40) + " (sudo " + name + ")"
	}
	return name
}

// size is how much a record is about.
func (u *UI) size(r journal.Record) string {
	var out []string
	for _, c := range []struct {
		id string
		n  int
	}{{"history.files", len(r.Files)}, {"history.keys", len(r.Keys)}, {"history.secrets", len(r.Secrets)}} {
		if c.n > 0 {
			out = append(out, u.T(c.id, c.n))
		}
	}
	if n := r.Detail["sessions"]; r.Event == journal.TranscriptsPurged && n != "" {
		out = append(out, u.T("history.sessions", n))
	}
	return strings.Join(out, ", ")
}

// Record prints all of one record.
func (u *UI) Record(r journal.Record) {
	t := u.report.theme
	u.report.printf("%s\n", t.bold.Render(fmt.Sprintf("%d  %s", r.Seq, text.Clean(string(r.Event), 40))))
	if id := "event." + string(r.Event); u.has(id) {
		u.report.printf("  %s\n", u.T(id))
	}
	a := r.Actor
	u.pair("history.time", when(r))
	u.pair("history.actor", fmt.Sprintf("%s, uid %s, %s, pid %d, %s", who(a), a.UID, a.Host, a.PID, orDash(a.TTY)))
	u.pair("history.tool", r.Tool)
	u.pair("history.why", strings.Join(r.Why, ", "))
	for _, name := range slices.Sorted(maps.Keys(r.Detail)) {
		u.report.printf("  %s  %s\n", pad(text.Clean(name, 40), labelWidth), text.Clean(r.Detail[name], widestArg))
	}
	for _, f := range r.Files {
		u.pair("history.file", u.path(f.Path)+"  "+change(f.ModeBefore, f.ModeAfter))
	}
	for _, k := range r.Keys {
		u.pair("history.key", k.Path+"  "+change(setting(k.Old), setting(k.New)))
	}
	for _, s := range r.Secrets {
		u.pair("history.secret", s.Name+", "+s.Store+"  "+change(s.Old, s.New))
	}
	u.pair("history.hash", r.Hash)
}

// labelWidth is the width of the labels of a record.
const labelWidth = 10

// pair prints a label and a value, nothing without a value.
func (u *UI) pair(id, value string) {
	if value = text.Clean(value, widestArg); value == "" {
		return
	}
	u.report.printf("%s\n", hang("  "+pad(u.T(id), labelWidth)+"  ", value, u.report.width))
}

// change is a value before and after; nothing is "–".
func change(before, after string) string {
	if before == after {
		return orDash(after)
	}
	return orDash(before) + " → " + orDash(after)
}

func orDash(s string) string {
	if s == "" {
		return signAbsent
	}
	return s
}

func setting(s *string) string {
	if s == nil {
		return ""
	}
	return wizard.Redact(*s)
}

// Diffs prints the diffs of files.
func (u *UI) Diffs(diffs []wizard.FileDiff) {
	w := u.report
	if len(diffs) == 0 {
		u.Line("history.no-files")
	}
	for i, d := range diffs {
		if i > 0 {
			w.printf("\n")
		}
		w.printf("%s  %s\n", w.theme.bold.Render(u.path(d.Path)), text.Clean(d.Mode, 40))
		for _, l := range d.Lines {
			for _, part := range diffLine(w.theme, l, w.width) {
				w.printf("%s\n", part)
			}
		}
	}
}

// Verification prints what a check of the journal found. keysErr is why its seals
// could not be checked, nil when they could.
func (u *UI) Verification(r journal.Report, keysErr error) {
	t := u.report.theme
	summary := wizard.OK
	switch {
	case r.Failed():
		summary = wizard.Failed
	case r.Torn > 0:
		summary = wizard.Attention
	case !r.Complete():
		summary = wizard.NotChecked
	}
	u.report.printf("%s %s\n", t.sign(summary), u.T("history.records", r.Records))
	for _, c := range []struct {
		id    string
		check journal.Check
	}{{"chain", r.Chain}, {"macs", r.MACs}, {"sidecar", r.Sidecar}, {"anchor", r.Anchor}} {
		u.report.printf("%s\n", hang("  "+t.sign(checkState(c.check.State))+" ", u.checked(c.id, c.check), u.report.width))
	}
	for _, p := range r.Problems {
		if p.Line == 0 {
			continue // about a head: the check above says it already
		}
		u.report.printf("%s\n", hang("  "+t.sign(wizard.Failed)+" ", u.T("history.problem", u.T("reason."+string(p.Reason)), p.Seq, p.Line), u.report.width))
	}
	if r.Torn > 0 {
		u.report.printf("%s\n", hang("  "+t.sign(wizard.Attention)+" ", u.T("history.torn", r.Torn), u.report.width))
	}
	u.because(r.AnchorErr)
	u.because(keysErr)
}

// because says why something could not be checked.
func (u *UI) because(err error) {
	if err == nil {
		return
	}
	message, advice := u.explain(err)
	if _, hinted := hint.Of(err); hinted {
		message += ". " + advice
	}
	u.report.printf("%s\n", hang("    ", message, u.report.width))
}

func (u *UI) checked(id string, c journal.Check) string {
	s := u.T("history." + id)
	if c.Reason != "" {
		s += ": " + u.T("reason."+string(c.Reason))
	}
	if c.State == journal.OK && c.Ahead > 0 {
		s += " " + u.T("history.ahead", c.Ahead)
	}
	return s
}

func checkState(s journal.State) wizard.State {
	switch s {
	case journal.OK:
		return wizard.OK
	case journal.Failed:
		return wizard.Failed
	default:
		return wizard.NotChecked
	}
}
