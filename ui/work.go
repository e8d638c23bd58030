package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Work does something long that asks nothing, and shows how far it is: on the full
// screen when it takes long, else line by line; with JSON as events. What ends it
// early is ErrStopped when the operator left.
func (u *UI) Work(ctx context.Context, title string, do func(context.Context, func(wizard.Progress)) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	w := &work{u: u, title: title}
	err := w.run(ctx, do)
	if errors.Is(interrupted(ctx.Err() != nil || w.left, err), ErrAborted) {
		return ErrStopped
	}
	return err
}

// CanAsk tells whether somebody is there to answer.
func (u *UI) CanAsk() bool { return u.mode != Unattended && isTerminal(u.o.In) }

// Event writes v to standard output, as one line of JSON.
func (u *UI) Event(v any) error {
	e := json.NewEncoder(u.o.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	return nil
}

// event is one step as JSON.
type event struct {
	Event   string `json:"event"`
	State   string `json:"state"`
	Args    []any  `json:"args,omitempty"`
	Current int64  `json:"current,omitempty"`
	Total   int64  `json:"total,omitempty"`
}

// work is one call of Work.
type work struct {
	u     *UI
	title string
	// left tells that the operator stopped it on the screen.
	left bool

	mu    sync.Mutex
	steps []workStep
	send  func(tea.Msg)
}

// workStep is a step and how far it is.
type workStep struct {
	step
	progress wizard.Progress
	// said tells that a long one was mentioned, line by line.
	said bool
}

func (w *work) run(ctx context.Context, do func(context.Context, func(wizard.Progress)) error) error {
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- hint.With(caught("working", r), "internal")
			}
		}()
		done <- do(ctx, w.report)
	}()
	var err error
	select {
	case err = <-done:
	case <-time.After(patience):
		if w.u.mode == FullScreen {
			err = w.draw(ctx, cancel, done)
			break
		}
		err = w.wait(done)
	}
	if w.u.mode == FullScreen {
		w.last()
	}
	return err
}

// wait mentions what takes long, once each.
func (w *work) wait(done chan error) error {
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			w.mention()
		}
	}
}

func (w *work) mention() {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.steps)
	if w.u.o.JSON || n == 0 {
		return
	}
	if s := &w.steps[n-1]; s.state == stepBegun && !s.said {
		s.said = true
		w.u.dialogue.printf("  %s %s\n", signRunning, s.text)
	}
}

// report keeps a step and, line by line, shows what is done.
func (w *work) report(p wizard.Progress) {
	states := map[wizard.ProgressState]stepState{wizard.Begun: stepBegun, wizard.Durable: stepDone, wizard.Undone: stepUndone, wizard.Refused: stepUndone}
	s := workStep{step: step{key: stepKey(p), text: w.u.progress(p), state: states[p.State]}, progress: p}
	if send := w.keep(s); send != nil {
		// Not under the lock: the screen takes it to draw.
		send(workMsg{})
	}
}

// keep remembers a step and says it line by line; on the full screen it returns how to
// have it drawn.
func (w *work) keep(s workStep) func(tea.Msg) {
	p := s.progress
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.steps, func(x workStep) bool { return x.key == s.key && x.state == stepBegun })
	if i >= 0 {
		s.said = w.steps[i].said
		w.steps[i] = s
	} else {
		w.steps = append(w.steps, s)
	}
	switch {
	case w.u.o.JSON:
		_ = w.u.Event(event{p.ID, p.State.String(), p.Args, p.Current, p.Total})
	case w.u.mode == FullScreen:
		return w.send
	case p.State != wizard.Begun:
		w.u.dialogue.printf("%s\n", w.u.progressLine(w.u.dialogue.theme, p))
	}
	return nil
}

// last leaves what was done behind when the screen is gone: without the layers.
func (w *work) last() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.steps {
		if s.progress.ID != "layer" {
			w.u.report.printf("%s\n", w.u.progressLine(w.u.report.theme, s.progress))
		}
	}
}

type workMsg struct{}

// draw shows the steps on the full screen until the work is done.
func (w *work) draw(ctx context.Context, cancel func(), done chan error) error {
	m := &workScreen{work: w, t: newTheme(w.u.o.Out, w.u.monochrome(), true), area: size(w.u.o.Out), cancel: cancel}
	p := tea.NewProgram(m, tea.WithAltScreen(), tea.WithInput(w.u.o.In), tea.WithOutput(w.u.o.Out), tea.WithoutSignalHandler(), tea.WithContext(context.WithoutCancel(ctx)))
	w.u.screen.Store(p)
	defer w.u.screen.Store(nil)
	w.mu.Lock()
	w.send = p.Send
	w.mu.Unlock()
	var result error
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		result = <-done
		p.Quit()
	}()
	stop := context.AfterFunc(ctx, func() { p.Send(signalMsg{}) })
	defer stop()
	_, err := p.Run()
	if err != nil {
		cancel()
	}
	<-finished
	if err != nil {
		err = fmt.Errorf("drawing on the terminal: %w", err)
	}
	return errors.Join(err, result)
}

// workScreen is the full screen of work, a tea.Model.
type workScreen struct {
	*work
	area
	t       theme
	frame   int
	leaving bool
	waiting string
	cancel  func()
}

// Init implements tea.Model.
func (m *workScreen) Init() tea.Cmd { return tick(nil) }

// Update implements tea.Model.
func (m *workScreen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.area = area{msg.Width, msg.Height}
	case tickMsg:
		m.frame++
		return m, tick(nil)
	case workMsg:
		m.waiting = "" // work that goes on waits for nobody
	case waitingMsg:
		m.waiting = string(msg)
	case signalMsg:
		m.leaving = true
	case tea.KeyMsg:
		if msg.String() == "ctrl+c" {
			m.leaving, m.left = true, true
			m.cancel()
		}
	}
	return m, nil
}

// View implements tea.Model.
func (m *workScreen) View() string {
	if m.width < 1 {
		return ""
	}
	keys, head := m.u.T("keys.work"), m.u.T("work."+m.title)
	if m.leaving {
		keys, head = m.u.T("keys.leaving"), m.u.T("work.leaving")
	}
	if m.waiting != "" {
		head = m.waiting
	}
	list := m.lines()
	body := append([]string{"  " + m.t.bold.Render(head), ""}, list[max(len(list)-max(m.bodyHeight()-2, 1), 0):]...)
	return m.t.frame(m.area, " "+m.t.title.Render("clawsetup "+m.title), keys, body)
}

func (m *workScreen) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, s := range m.steps {
		line := "    " + m.bar(s)
		if s.progress.ID != "layer" {
			line = m.u.progressLine(m.t, s.progress)
			if s.state == stepBegun {
				line = "  " + m.t.spinner(m.frame) + " " + s.text
			}
		}
		out = append(out, line)
	}
	return out
}

// barWidth is the length of a bar, in cells.
const barWidth = 24

// bar is one layer of a pull.
func (m *workScreen) bar(s workStep) string {
	filled := 0
	switch {
	case s.state == stepDone:
		filled = barWidth
	case s.progress.Total > 0:
		share := float64(s.progress.Current) / float64(s.progress.Total) // their product may be too large
		filled = int(barWidth * min(max(share, 0), 1))
	}
	return m.t.accent.Render(strings.Repeat("█", filled)) + m.t.faint.Render(strings.Repeat("░", barWidth-filled)) + " " + s.text
}
