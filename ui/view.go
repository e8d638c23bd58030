package ui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
)

// View implements tea.Model. The frame has the size of the terminal whatever is in
// it.
func (m *screens) View() string {
	if m.over || m.width < 1 {
		return ""
	}
	return m.t.frame(m.area, m.header(), m.keyLine(), m.body())
}

func (m *screens) body() []string {
	if m.help != nil {
		return indent(m.help.window(m.bodyHeight()))
	}
	switch m.stage {
	case stageAsk:
		return indent(m.askBody())
	case stageReview:
		return m.reviewBody()
	case stageApply:
		return indent(m.applyBody())
	default:
		return m.checkBody()
	}
}

// keyLine names the keys that do something now.
func (m *screens) keyLine() string {
	id := "keys.busy"
	switch {
	case m.op == nil && m.deaf():
		return ""
	case m.leaving:
		id = "keys.leaving"
	case m.stage == stageApply:
		id = "keys.apply"
	case m.op != nil && m.op.what == "answer":
		id = "keys.answer"
	case m.op != nil:
	case m.help != nil:
		id = "keys.help"
	case m.stage == stageCheck:
		id = "keys.check"
	case m.stage == stageReview && m.u.o.DryRun:
		id = "keys.review-dry"
	case m.stage == stageReview:
		id = "keys.review"
	case m.field.filtering():
		id = "keys.filter"
	case m.field.sel != nil && len(m.field.q.Options) > filterFrom:
		id = "keys.list"
	case m.field.sel != nil:
		id = "keys.choice"
	case m.field.q.Kind == wizard.Text && m.field.q.Default != "":
		id = "keys.default"
	default:
		id = "keys.text"
	}
	return m.u.T(id)
}

// relayout fits every text to the size of the terminal.
func (m *screens) relayout() {
	m.found.layout(m.inner())
	if m.help != nil {
		m.help.layout(m.inner())
	}
	if m.plan != nil {
		m.review = m.u.review(m.t, m.plan, m.inner())
		m.view.lines = m.review.lines
	}
}

// busy is the line of the work under way, or none.
func (m *screens) busy() []string {
	if m.op == nil {
		return nil
	}
	what := m.u.T("busy." + m.op.what)
	if m.waiting != "" {
		what = m.waiting
	}
	return []string{m.t.spinner(m.frame) + " " + what}
}

// checkHeight is the place for findings on the first screen.
func (m *screens) checkHeight() int { return max(m.bodyHeight()-3-len(m.ahead()), 1) }

func (m *screens) checkBody() []string {
	out := []string{"  " + m.t.bold.Render(m.u.T("q.check.title")), ""}
	if m.bodyHeight() < 8 {
		out = out[:1]
	}
	out = append(out, m.found.window(m.checkHeight())...)
	if b := m.busy(); b != nil {
		return append(append(out, ""), indent(b)...)
	}
	if n := m.found.below(m.checkHeight()); n > 0 {
		return append(out, m.t.faint.Render("  "+m.u.T("screen.more", n)))
	}
	return append(append(out, ""), m.ahead()...)
}

// ahead says what comes: how much is left, and that nothing is written before the end.
func (m *screens) ahead() []string {
	s := m.u.T("screen.nothing-yet")
	if m.left > 0 {
		s = m.u.T("screen.left", m.left, minutes(m.left))
	}
	lines := hangLines("  ", s, m.width)
	for i, l := range lines {
		lines[i] = m.t.faint.Render(l)
	}
	return lines
}

// minutes is about how long questions take: a third of one each, and one for the checks.
func minutes(questions int) int { return questions/3 + 1 }

// helpLines is the help of a question: its words, paragraph by paragraph.
func (u *UI) helpLines(t theme, id string, width int) []string {
	out := append(hangLines("", t.bold.Render(u.T("q."+id+".title")), width), "")
	for paragraph := range strings.SplitSeq(u.T("q."+id+".help"), "\n") {
		out = append(append(out, hangLines("", paragraph, width)...), "")
	}
	return out
}

// reviewHeight is the place for the plan on the review screen.
func (m *screens) reviewHeight() int { return max(m.bodyHeight()-1, 1) }

func (m *screens) reviewBody() []string {
	h := m.reviewHeight()
	m.view.to(m.view.top, h)
	file := 0
	for _, line := range m.review.files {
		if line <= m.view.top+h/2 {
			file++
		}
	}
	where := fmt.Sprintf("%d%%", percent(m.view.top, len(m.view.lines)-h))
	if file > 0 {
		where = m.u.T("review.where", file, len(m.review.files)) + "   " + where
	}
	if m.op != nil {
		where = m.busy()[0]
	}
	head := m.u.T("q.review.title")
	if m.u.o.DryRun {
		head = m.u.T("review.dry")
	}
	gap := max(m.inner()-ansi.StringWidth(head)-ansi.StringWidth(where), 2)
	out := []string{"  " + m.t.bold.Render(head) + strings.Repeat(" ", gap) + m.t.faint.Render(where)}
	return append(out, indent(m.view.window(h))...)
}

func percent(n, of int) int {
	if of <= 0 {
		return 100
	}
	return min(100*n/of, 100)
}
