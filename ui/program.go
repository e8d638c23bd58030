package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
)

// runScreens runs s on the full screen and leaves a plain summary behind.
func (u *UI) runScreens(ctx context.Context, s wizard.Session, title string) (*wizard.Plan, wizard.Result, error) {
	m := newScreens(ctx, u, s, title)
	plan, res, err := m.run(tea.WithAltScreen(), tea.WithInput(u.o.In), tea.WithOutput(u.o.Out)) //nolint:contextcheck // the screen outlives ctx: it shows how Apply undoes
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

// run is the event loop. Signals end it through ctx, so that the terminal is
// restored whichever it was, SIGHUP included (facts).
func (m *screens) run(options ...tea.ProgramOption) (*wizard.Plan, wizard.Result, error) {
	ctx, kill := context.WithCancel(context.Background())
	defer kill()
	options = append(options, tea.WithContext(ctx), tea.WithoutSignalHandler())
	p := tea.NewProgram(safe{m, kill}, options...)
	m.send = p.Send
	m.u.screen.Store(p)
	defer m.u.screen.Store(nil)
	stop := context.AfterFunc(m.ctx, func() { p.Send(signalMsg{}) })
	defer stop()
	_, err := p.Run()
	return m.outcome(err)
}

// safe turns a panic while drawing into the end of the program, with the terminal
// restored and without bubbletea's own output on stdout.
type safe struct {
	*screens
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
	_, cmd = s.screens.Update(msg)
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
	return s.screens.View()
}
