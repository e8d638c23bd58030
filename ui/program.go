package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
)

// runScreens runs s on the full screen and leaves a plain summary behind.
func (u *UI) runScreens(ctx context.Context, s wizard.Session, title string) (*wizard.Plan, wizard.Result, error) {
	m := newScreens(ctx, u, s, title)
	plan, res, err := m.run(tea.WithAltScreen(), tea.WithInput(u.o.In), tea.WithOutput(u.o.Out))
	switch {
	case err != nil && m.begun:
		for _, st := range m.steps {
			u.errors.printf("%s\n", m.stepLine(st, u.errors.theme))
		}
	case err != nil:
	case u.o.DryRun && !plan.Empty():
		u.printPlan(u.report, plan)
	default:
		shown := res
		if plan.Empty() {
			shown = wizard.Result{Notes: plan.Notes, Next: plan.Next}
		}
		u.summary(u.report, plan, shown)
	}
	return plan, res, err
}

// run is the event loop, until its end.
func (m *screens) run(options ...tea.ProgramOption) (*wizard.Plan, wizard.Result, error) {
	return m.outcome(m.u.play(m.ctx, m, &m.send, options...))
}

// drawn is a full screen that can end itself after a defect of ours.
type drawn interface {
	tea.Model
	fail(r any)
}

// play is the event loop of m; send becomes the way to it from other goroutines.
// Signals reach it through ctx, so that the terminal is restored whichever it was,
// SIGHUP included (facts).
func (u *UI) play(ctx context.Context, m drawn, send *func(tea.Msg), options ...tea.ProgramOption) error {
	own, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	options = append(options, tea.WithContext(own), tea.WithoutSignalHandler())
	p := tea.NewProgram(safe{m, kill}, options...)
	*send = p.Send
	u.screen.Store(p)
	defer u.screen.Store(nil)
	stop := context.AfterFunc(ctx, func() { p.Send(signalMsg{}) })
	defer stop()
	_, err := p.Run()
	return err
}

// safe turns a panic while drawing into the end of the program, with the terminal
// restored and without bubbletea's own output on stdout.
type safe struct {
	drawn
	kill func()
}

// Update implements tea.Model.
func (s safe) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(r)
			model, cmd = s, tea.Quit
		}
	}()
	_, cmd = s.drawn.Update(msg)
	return s, cmd
}

// View implements tea.Model.
func (s safe) View() (view string) {
	defer func() {
		if r := recover(); r != nil {
			s.fail(r)
			s.kill()
			view = ""
		}
	}()
	return s.drawn.View()
}
