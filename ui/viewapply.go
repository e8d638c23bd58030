package ui

import (
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/wizard"
)

// step is one line of Apply: what is to come, under way, done or undone.
type step struct {
	// key tells steps apart whatever is said of them.
	key, text string
	state     stepState
}

type stepState int

const (
	stepToCome stepState = iota
	stepBegun
	stepDone
	stepUndone
)

// expected is what Apply will report, as far as the plan tells.
func (m *screens) expected() []step {
	var out []step
	add := func(p wizard.Progress) { out = append(out, step{key: stepKey(p), text: m.u.progress(p)}) }
	for _, s := range m.plan.Secrets {
		add(wizard.Progress{ID: "secret", Args: []any{s.Name, string(s.Store)}})
	}
	for _, c := range m.plan.Changes {
		add(wizard.Progress{ID: "file", Args: []any{c.Path}})
	}
	for _, r := range m.plan.Removals {
		add(wizard.Progress{ID: "remove-" + r.Kind, Args: []any{r.Name}})
	}
	return out
}

func stepKey(p wizard.Progress) string {
	if len(p.Args) == 0 || p.ID == "journal" {
		return p.ID
	}
	return p.ID + " " + fmt.Sprint(p.Args[0])
}

// progress keeps what Apply reports.
func (m *screens) progress(p wizard.Progress) {
	states := map[wizard.ProgressState]stepState{wizard.Begun: stepBegun, wizard.Durable: stepDone, wizard.Undone: stepUndone}
	st := step{key: stepKey(p), text: m.u.progress(p), state: states[p.State]}
	i := slices.IndexFunc(m.steps, func(s step) bool { return s.key == st.key })
	if i >= 0 {
		m.steps[i] = st
		return
	}
	m.steps = append(m.steps, st)
}

func (m *screens) stepLine(s step, t theme) string {
	switch s.state {
	case stepBegun:
		return "  " + t.spinner(m.frame) + " " + s.text
	case stepDone:
		return "  " + t.ok.Render(signOK) + " " + s.text
	case stepUndone:
		return "  " + t.warn.Render(signAbsent) + " " + s.text
	default:
		return "  " + t.faint.Render(signOpen) + " " + s.text
	}
}

func (m *screens) applyBody() []string {
	head := m.u.T("apply.title")
	if m.leaving {
		head = m.u.T("apply.leaving")
	}
	if m.waiting != "" {
		head = m.waiting
	}
	list := scroller{}
	active := 0
	for i, s := range m.steps {
		list.lines = append(list.lines, m.stepLine(s, m.t))
		if s.state != stepToCome {
			active = i
		}
	}
	h := max(m.bodyHeight()-2, 1)
	list.to(active-h+2, h)
	return append([]string{m.t.bold.Render(head), ""}, list.window(h)...)
}
