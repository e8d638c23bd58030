package ui

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
)

// operation is one call of the Session. It has its own goroutine, so that it is
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

// start runs work beside the event loop; its message comes when it is done.
func (m *screens) start(what string, work func(context.Context) tea.Msg) tea.Cmd {
	ctx, cancel := context.WithCancel(m.ctx)
	op := &operation{what: what, cancel: cancel, done: make(chan struct{})}
	m.op = op
	go func() {
		defer close(op.done)
		op.result = work(ctx)
	}()
	return tea.Batch(tick(op), func() tea.Msg {
		<-op.done
		return endedMsg{op}
	})
}

const frameTime = 120 * time.Millisecond

func tick(op *operation) tea.Cmd {
	return tea.Tick(frameTime, func(time.Time) tea.Msg { return tickMsg{op} })
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
		select {
		case <-m.op.done:
		case <-time.After(time.Second):
		}
		return
	}
	m.leaving = true
	<-m.op.done
	if r, ok := m.op.result.(appliedMsg); ok && m.err == nil {
		m.res, m.over = r.res, true
		m.err = r.err
	}
}
