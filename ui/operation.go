package ui

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// operation is one call of a Session, or one look into the journal. It has its own goroutine, so that it is
// known to have ended even when the screen is gone.
type operation struct {
	what   string
	cancel context.CancelFunc
	done   chan struct{}
	result tea.Msg
}

// The messages of operations and of the clock.
type (
	endedMsg struct{ op *operation }
	foundMsg struct {
		notes []wizard.Note
		left  int
	}
	nextMsg     struct{ q *wizard.Question }
	failedMsg   struct{ err error }
	answeredMsg struct{ err error }
	firstMsg    struct{}
	plannedMsg  struct{ plan *wizard.Plan }
	progressMsg wizard.Progress
	appliedMsg  struct {
		res wizard.Result
		err error
	}
	signalMsg  struct{}
	waitingMsg string
	tickMsg    struct{ op *operation }
	hearingMsg struct{}
)

// begin runs work beside the event loop; the command waits for its end. A panic of
// work is a failure of it.
func begin(ctx context.Context, what string, work func(context.Context) tea.Msg) (*operation, tea.Cmd) {
	ctx, cancel := context.WithCancel(ctx)
	op := &operation{what: what, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(op.done)
		defer func() {
			if r := recover(); r != nil {
				op.result = failedMsg{hint.With(caught("working", r), "internal")}
			}
		}()
		op.result = work(ctx)
	}()
	return op, func() tea.Msg {
		<-op.done
		return endedMsg{op}
	}
}

// start runs work that keys wait for.
func (m *screens) start(what string, work func(context.Context) tea.Msg) tea.Cmd {
	op, ended := begin(m.ctx, what, work)
	m.op = op
	return tea.Batch(tick(op), ended)
}

const frameTime = 120 * time.Millisecond

func tick(op *operation) tea.Cmd {
	return tea.Tick(frameTime, func(time.Time) tea.Msg { return tickMsg{op} })
}

// wait gives a cancelled operation so long that it can end in order.
func (op *operation) wait() {
	select {
	case <-op.done:
	case <-time.After(time.Second):
	}
}

// outcome is what the run came to, once the event loop has ended with err. An
// Apply under way is waited for.
func (m *screens) outcome(err error) (*wizard.Plan, wizard.Result, error) {
	if m.op != nil {
		m.op.cancel()
		m.await()
	}
	switch {
	case m.err != nil:
		return m.plan, m.res, interrupted(m.leaving || m.ctx.Err() != nil, m.err)
	case m.over:
		return m.plan, m.res, nil
	case m.ctx.Err() != nil:
		return nil, wizard.Result{}, ErrAborted
	default:
		return nil, wizard.Result{}, fmt.Errorf("drawing on the terminal: %w", err)
	}
}

// await waits for the operation under way; for a cancelled check only so long that
// it can end in order.
func (m *screens) await() {
	if !m.begun {
		m.op.wait()
		return
	}
	m.leaving = true
	<-m.op.done
	if r, ok := m.op.result.(appliedMsg); ok && m.err == nil {
		m.res, m.over = r.res, true
		m.err = r.err
	}
}
