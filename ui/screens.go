package ui

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
)

// stage is the screen that is shown.
type stage int

const (
	stageCheck stage = iota
	stageAsk
	stageReview
	stageApply
)

// screens is the full-screen wizard, a tea.Model. Its Update does no work of its
// own: everything that may take time runs as an operation.
type screens struct {
	u     *UI
	t     theme
	s     wizard.Session
	title string
	ctx   context.Context
	// send delivers a message to the event loop, from any goroutine.
	send func(tea.Msg)

	area
	stage stage
	found scroller
	// left is about how many questions there are, 0 where nobody knows.
	left   int
	field  *field
	review review
	view   scroller
	help   *scroller
	steps  []step
	path   path

	// op is the work under way; keys typed meanwhile are held.
	op *operation
	// waiting says whose lock the work waits for.
	waiting string
	held    []tea.KeyMsg
	frame   int
	// deafUntil is when keys count again after something unexpected was shown.
	deafUntil time.Time

	plan *wizard.Plan
	res  wizard.Result
	err  error
	over bool
	// begun is true from the start of Apply on, leaving from the wish to stop it.
	begun, leaving bool
}

func newScreens(ctx context.Context, u *UI, s wizard.Session, title string) *screens {
	return &screens{
		u: u, s: s, title: title, ctx: ctx, area: size(u.o.Out),
		t: newTheme(u.o.Out, u.monochrome(), true), path: newPath(s),
		send: func(tea.Msg) {},
	}
}

// Init implements tea.Model.
func (m *screens) Init() tea.Cmd {
	return m.start("preflight", func(ctx context.Context) tea.Msg { return foundMsg{m.s.Preflight(ctx), m.s.Left()} })
}

// Update implements tea.Model.
func (m *screens) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.area = area{msg.Width, msg.Height}
		m.relayout()
	case tea.KeyMsg:
		return m, m.key(msg)
	case tickMsg:
		if m.op != nil && msg.op == m.op {
			m.frame++
			return m, tick(m.op)
		}
	case hearingMsg:
		if m.deaf() {
			return m, m.listenLater()
		}
	case endedMsg:
		if m.op == msg.op {
			m.op, m.waiting = nil, ""
			msg.op.cancel()
			return m, m.ended(msg.op.result)
		}
	case progressMsg:
		m.progress(wizard.Progress(msg))
	case waitingMsg:
		m.waiting = string(msg)
	case signalMsg:
		return m, m.leave()
	}
	return m, nil
}

// ended goes on with the result of an operation.
func (m *screens) ended(result tea.Msg) tea.Cmd {
	switch r := result.(type) {
	case foundMsg:
		m.left = r.left
		m.found.lines = m.u.notes(m.t, r.notes, m.inner())
		m.found.source = func(width int) []string { return m.u.notes(m.t, r.notes, width) }
		if len(r.notes) == 0 {
			return m.advance()
		}
	case failedMsg:
		return m.finish(r.err)
	case firstMsg:
		m.stage, m.field, m.held = stageCheck, nil, nil
		m.path.begin()
	case answeredMsg:
		return m.answered(r.err)
	case nextMsg:
		return m.next(r.q)
	case plannedMsg:
		return m.planned(r.plan)
	case appliedMsg:
		m.res = r.res
		return m.finish(r.err)
	}
	return nil
}

// advance asks the Session for its next question.
func (m *screens) advance() tea.Cmd {
	return m.start("next", m.nextQuestion)
}

func (m *screens) nextQuestion(ctx context.Context) tea.Msg {
	q, err := m.s.Next(ctx)
	if err != nil {
		return failedMsg{err}
	}
	return nextMsg{q}
}

// back reopens the question before; before the first are the findings.
func (m *screens) back() tea.Cmd {
	m.field.drop()
	return m.start("back", func(ctx context.Context) tea.Msg {
		if !m.s.Back() {
			return firstMsg{}
		}
		return m.nextQuestion(ctx)
	})
}

// next shows q and gives it the keys that were typed ahead; without a question
// the plan is due, which no key typed blindly may approve.
func (m *screens) next(q *wizard.Question) tea.Cmd {
	if q == nil {
		m.held = nil
		return m.start("plan", func(ctx context.Context) tea.Msg {
			plan, err := m.s.Plan(ctx)
			if err != nil {
				return failedMsg{err}
			}
			return plannedMsg{plan}
		})
	}
	m.stage, m.field = stageAsk, newField(m.u, m.t, q, m.inner())
	m.path.at(q.Step)
	return m.replay()
}

// replay types the held keys into the question that is now shown.
func (m *screens) replay() tea.Cmd {
	held := m.held
	m.held = nil
	for i, k := range held {
		if cmd := m.key(k); m.op != nil || m.over {
			m.held = append(m.held, held[i+1:]...)
			return cmd
		}
	}
	return nil
}

// submit gives the field's answer to the Session.
func (m *screens) submit() tea.Cmd {
	a, ok := m.field.take(m.u)
	if !ok {
		return nil
	}
	q := m.field.q
	return m.start("answer", func(ctx context.Context) tea.Msg {
		return answeredMsg{m.s.Answer(ctx, q, a)}
	})
}

// answered goes on, or shows why not. What was typed ahead of a refused answer was
// meant for another question and is dropped.
func (m *screens) answered(err error) tea.Cmd {
	if err == nil {
		m.field.drop()
		return m.advance()
	}
	m.held = nil
	m.field.message, m.field.advice = m.u.explain(err)
	if errors.Is(err, context.Canceled) {
		m.field.message, m.field.advice = m.u.T("screen.stopped"), ""
	}
	return m.pause()
}

// planned shows the review of a plan that has something to apply.
func (m *screens) planned(plan *wizard.Plan) tea.Cmd {
	m.plan, m.held = plan, nil
	if plan.Empty() {
		return m.finish(nil)
	}
	m.stage = stageReview
	m.path.end()
	m.view.top = 0
	m.relayout()
	return m.pause()
}

// apply makes the plan true. Stopping it waits for its own answer: it undoes what
// it did.
func (m *screens) apply() tea.Cmd {
	m.stage, m.begun = stageApply, true
	m.steps = m.expected()
	plan := m.plan
	return m.start("apply", func(ctx context.Context) tea.Msg {
		res, err := m.s.Apply(ctx, plan, func(p wizard.Progress) { m.send(progressMsg(p)) })
		return appliedMsg{res, err}
	})
}

// leave ends the run; under Apply it asks Apply to undo.
func (m *screens) leave() tea.Cmd {
	if m.op != nil {
		m.op.cancel()
	}
	if m.begun {
		m.leaving = true
		return nil
	}
	return m.finish(ErrAborted)
}

// finish ends the program with err. Nothing typed stays behind.
func (m *screens) finish(err error) tea.Cmd {
	m.err, m.over, m.held = err, true, nil
	m.field.drop()
	return tea.Quit
}

// drop forgets what was typed; there may be no field.
func (f *field) drop() {
	if f != nil {
		f.forget()
	}
}

// fail ends the program after a defect of ours.
func (m *screens) fail(r any) {
	m.err, m.over = caught("drawing the screen", r), true
}
