package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
)

// askBody is a question: title, findings, field, why an answer was refused, help.
// What does not fit gives way in the order: help, blank lines, findings (they
// scroll), options (they scroll).
func (m *screens) askBody() []string {
	f, w := m.field, m.inner()
	title := hangLines("", m.t.bold.Render(m.u.T("q."+f.q.ID+".title")), w)
	status := m.status(w)
	rows, chosen := f.rows(w)
	notes := m.u.notes(m.t, f.q.Notes, w)
	help := m.shortHelp(w)
	detail := f.detail(m.u, w)

	room := m.bodyHeight() - len(title) - len(status)
	least := min(len(rows), 4)
	if room < least+len(detail) {
		detail = nil
	}
	room -= len(detail)
	noted := min(len(notes), max(room-least, 0))
	shown := min(len(rows), max(room-noted, least))
	room -= noted + shown

	var out []string
	part := func(lines []string) {
		if len(lines) == 0 {
			return
		}
		if len(out) > 0 && room > 0 {
			out = append(out, "")
			room--
		}
		out = append(out, lines...)
	}
	part(title)
	part(m.noteWindow(notes, noted))
	part(append(m.fieldRows(rows, chosen, shown), detail...))
	part(status)
	if room > len(help) {
		part(help)
	}
	return out
}

// noteWindow is the part of the findings that fits into height lines.
func (m *screens) noteWindow(notes []string, height int) []string {
	if len(notes) <= height || height == 0 {
		return notes[:height]
	}
	s := scroller{lines: notes, top: m.field.noteTop}
	window := s.window(height - 1)
	m.field.noteTop = s.top
	return append(window[:len(window):len(window)], m.t.faint.Render(m.u.T("screen.more-notes", len(notes)-height+1)))
}

// fieldRows is the part of a list around the chosen option, or the text field with
// what an empty answer stands for.
func (m *screens) fieldRows(rows []string, chosen, height int) []string {
	f := m.field
	if f.input != nil {
		return m.inputRows(rows)
	}
	if len(rows) <= height {
		return m.cut(rows)
	}
	options := scroller{lines: rows[1:]}
	options.to(chosen-1-(height-1)/2, height-1)
	return m.cut(append(rows[:1:1], options.window(height-1)...))
}

func (m *screens) cut(rows []string) []string {
	if len(rows) > 0 && strings.TrimSpace(ansi.Strip(rows[0])) == "" {
		rows = rows[1:]
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = ansi.Truncate(r, m.inner(), "…")
	}
	return out
}

func (m *screens) inputRows(rows []string) []string {
	f := m.field
	if f.q.Kind == wizard.SecretText && !f.empty() {
		n := m.t.faint.Render(m.u.T("screen.characters", f.characters()))
		gap := m.inner() - ansi.StringWidth(rows[0]) - ansi.StringWidth(n)
		if gap > 0 {
			rows[0] += strings.Repeat(" ", gap) + n
		}
	}
	if f.q.Default == "" || !f.empty() {
		return rows
	}
	return append(rows, ansi.Truncate(m.t.faint.Render(m.u.T("screen.default", m.u.optionWords(f.q, f.q.Default))), m.inner(), "…"))
}

// status is the work under way, or why the last answer was refused.
func (m *screens) status(width int) []string {
	f := m.field
	switch {
	case m.op != nil:
		return m.busy()
	case f.message != "":
		out := hangLines(m.t.bad.Render(signBad)+" ", f.message, width)
		if f.advice != "" {
			out = append(out, hangLines("  ", f.advice, width)...)
		}
		return out[:min(len(out), max(m.bodyHeight()-3, 1))]
	case f.notice != "":
		return hangLines(m.t.warn.Render(signWarn)+" ", m.u.T(f.notice), width)
	}
	return nil
}

// shortHelp is the first paragraph of the question's help.
func (m *screens) shortHelp(width int) []string {
	first, _, _ := strings.Cut(m.u.T("q."+m.field.q.ID+".help"), "\n")
	lines := hangLines("", first, width)
	for i, l := range lines {
		lines[i] = m.t.faint.Render(l)
	}
	return lines
}

// hidden is true for a field whose content is never drawn.
func (f *field) hidden() bool { return f.q.Kind == wizard.SecretText }
