package ui

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/secrets"
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
	u.report.lines(u.recordLines(u.report.theme, r, u.report.width))
}

// recordLines are all of one record.
func (u *UI) recordLines(t theme, r journal.Record, width int) []string {
	out := []string{t.bold.Render(fmt.Sprintf("%d  %s", r.Seq, text.Clean(string(r.Event), 40)))}
	if id := "event." + string(r.Event); u.has(id) {
		out = append(out, "  "+u.T(id))
	}
	pair := func(id, value string) { out = append(out, u.pairLines(u.T(id), value, width)...) }
	a := r.Actor
	pair("history.time", when(r)+r.Time.Local().Format(" -07:00"))
	pair("history.actor", fmt.Sprintf("%s, uid %s, %s, pid %d, %s", who(a), a.UID, a.Host, a.PID, orDash(a.TTY)))
	pair("history.tool", r.Tool)
	pair("history.why", strings.Join(r.Why, ", "))
	for _, name := range slices.Sorted(maps.Keys(r.Detail)) {
		label := text.Clean(name, 40)
		if u.has("detail." + name) {
			label = u.T("detail." + name)
		}
		out = append(out, u.pairLines(label, r.Detail[name], width)...)
	}
	for _, f := range r.Files {
		pair("history.file", u.path(f.Path)+"  "+change(f.ModeBefore, f.ModeAfter))
	}
	for _, k := range r.Keys {
		pair("history.key", k.Path+"  "+change(setting(k.Old), setting(k.New)))
	}
	for _, s := range r.Secrets {
		pair("history.secret", s.Name+", "+s.Store+"  "+change(s.Old, s.New))
	}
	pair("history.hash", r.Hash)
	return out
}

// labelWidth is the width of the labels of a record.
const labelWidth = 10

// pair prints a label and a value, nothing without a value.
func (u *UI) pair(id, value string) {
	u.report.lines(u.pairLines(u.T(id), value, u.report.width))
}

func (u *UI) pairLines(label, value string, width int) []string {
	if value = text.Clean(value, widestArg); value == "" {
		return nil
	}
	return hangLines("  "+pad(label, labelWidth)+"  ", value, width)
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
	return secrets.HideCredentials(*s)
}

// Diffs prints the diffs of files.
func (u *UI) Diffs(diffs []wizard.FileDiff) {
	u.report.lines(u.diffsLines(u.report.theme, diffs, u.report.width))
}

// diffsLines are the diffs of files.
func (u *UI) diffsLines(t theme, diffs []wizard.FileDiff, width int) []string {
	if len(diffs) == 0 {
		return []string{u.T("history.no-files")}
	}
	var out []string
	for i, d := range diffs {
		if i > 0 {
			out = append(out, "")
		}
		out = append(out, t.bold.Render(u.path(d.Path))+"  "+u.fate(d))
		out = append(out, u.incomparable(t, d, width)...)
		for _, l := range d.Lines {
			out = append(out, u.diffLine(t, l, width)...)
		}
	}
	return out
}

// fate is what became of a file, with its modes.
func (u *UI) fate(d wizard.FileDiff) string {
	switch {
	case d.Before == "":
		return u.T("action.create") + " " + d.After
	case d.After == "":
		return u.T("action.remove")
	default:
		return change(d.Before, d.After)
	}
}

// Verification prints what a check of the journal found. keysErr is why its seals
// could not be checked, nil when they could.
func (u *UI) Verification(h *wizard.History) {
	u.report.lines(u.verificationLines(u.report.theme, h, u.report.width))
}

// Head prints the head of a journal on one line, whole: it is to be kept off this host. A
// head without a seal proves nothing and is not printed.
func (u *UI) Head(h journal.Head) {
	if h.MAC != "" {
		u.report.printf("  %s %s\n", u.T("history.head"), text.Clean(h.String(), widestArg))
	}
}

// verificationLines are what a check of the journal found.
func (u *UI) verificationLines(t theme, h *wizard.History, width int) []string {
	r := h.Report
	out := []string{t.sign(soundness(h)) + " " + u.T("history.records", r.Records)}
	add := func(s wizard.State, what string) {
		out = append(out, hangLines("  "+t.sign(s)+" ", what, width)...)
	}
	for _, c := range []struct {
		id    string
		check journal.Check
	}{{"chain", r.Chain}, {"macs", r.MACs}, {"sidecar", r.Sidecar}, {"anchor", r.Anchor}} {
		add(checkState(c.check.State), u.checked(c.id, c.check))
	}
	for _, p := range r.Problems {
		if p.Line == 0 {
			continue // about a head: the check above says it already
		}
		add(wizard.Failed, u.T("history.problem", u.T("reason."+string(p.Reason)), p.Seq, p.Line))
	}
	if r.Torn > 0 {
		add(wizard.Attention, u.T("history.torn", r.Torn))
	}
	out = append(out, u.because(r.AnchorErr, width)...)
	if h.Root.Store != "" {
		add(rootState(h), u.T("history.root."+cmp.Or(string(h.Root.VouchedBy), "none"), text.Clean(filepath.Join(h.Root.Dir, "secrets"), longestError)))
	}
	out = append(out, u.because(h.KeysErr, width)...)
	if h.Root.Keyring.State == journal.NotChecked {
		add(wizard.NotChecked, u.checked("keyring", h.Root.Keyring))
		if h.KeysErr == nil {
			out = append(out, u.because(h.Root.KeyringErr, width)...)
		}
	}
	return out
}

// rootState is what is to be said of the place of the keys.
func rootState(h *wizard.History) wizard.State {
	switch {
	case h.Root.VouchedBy == "":
		return wizard.Failed
	case h.KeysErr != nil:
		return wizard.NotChecked
	default:
		return wizard.OK
	}
}

// soundness is what a check of the journal comes to.
func soundness(h *wizard.History) wizard.State {
	r := h.Report
	switch {
	case r.Failed(), errors.Is(h.KeysErr, wizard.ErrUnvouched):
		return wizard.Failed
	case r.Torn > 0:
		return wizard.Attention
	case !r.Complete(), h.Root.Keyring.State == journal.NotChecked:
		return wizard.NotChecked
	default:
		return wizard.OK
	}
}

// because says why something could not be checked.
func (u *UI) because(err error, width int) []string {
	if err == nil {
		return nil
	}
	message, advice := u.explain(err)
	if _, hinted := hint.Of(err); hinted {
		message += ". " + advice
	}
	return hangLines("    ", message, width)
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
