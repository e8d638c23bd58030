package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
)

// path is the visible way through the wizard: the check, the steps of the
// Session, the review.
type path struct {
	steps []string
	now   int
	// skipped are the steps that were passed without being done.
	skipped map[string]bool
}

// skipper is a Session that passes over steps: they are not marked as done.
type skipper interface{ Skipped() []wizard.Step }

// stepper is a Session that goes through other steps than init.
type stepper interface{ Steps() []wizard.Step }

func newPath(s wizard.Session) path {
	steps := []wizard.Step{wizard.StepKey, wizard.StepModels, wizard.StepSecrets, wizard.StepImage, wizard.StepAgent}
	if st, ok := bare(s).(stepper); ok {
		steps = st.Steps()
	}
	p := path{steps: []string{"check"}, skipped: map[string]bool{}}
	if sk, ok := bare(s).(skipper); ok {
		for _, st := range sk.Skipped() {
			p.skipped[string(st)] = true
		}
	}
	for _, st := range steps {
		p.steps = append(p.steps, string(st))
	}
	p.steps = append(p.steps, "review")
	return p
}

// at moves to step, which may lie behind.
func (p *path) at(step wizard.Step) {
	if i := slices.Index(p.steps, string(step)); i >= 0 {
		p.now = i
	}
}

// begin moves to the check.
func (p *path) begin() { p.now = 0 }

// end moves to the review.
func (p *path) end() { p.now = len(p.steps) - 1 }

// header is the title line: the whole path where it fits, else the step alone.
func (m *screens) header() string {
	all := make([]string, len(m.path.steps))
	for i, st := range m.path.steps {
		sign, style := m.t.faint.Render(signOpen), m.t.faint
		switch {
		case i < m.path.now && m.path.skipped[st]:
			sign = m.t.faint.Render(signAbsent)
		case i < m.path.now:
			sign, style = m.t.ok.Render(signOK), m.t.plain
		case i == m.path.now:
			sign, style = m.t.accent.Render(signHere), m.t.accent.Bold(true)
		}
		all[i] = sign + " " + style.Render(m.u.T("step."+st))
	}
	long, short := m.t.title.Render("clawsetup "+m.title), m.t.title.Render("clawsetup")
	steps := strings.Join(all, "  ")
	for _, s := range []string{" " + long + "   " + steps, " " + short + "  " + steps, " " + steps} {
		if ansi.StringWidth(s) <= m.width {
			return s
		}
	}
	here := all[m.path.now] + m.t.faint.Render("  "+m.u.T("screen.step", m.path.now+1, len(all)))
	return ansi.Truncate(" "+long+"  "+here, m.width, "…")
}
