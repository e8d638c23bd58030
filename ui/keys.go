package ui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// mostHeld bounds what is kept of keys typed ahead, in characters.
const mostHeld = longestTyped

// key is one key press, on whatever screen.
func (m *screens) key(k tea.KeyMsg) tea.Cmd {
	name := k.String()
	if k.Paste {
		name = "" // pasted text is never a command
	}
	if name == "ctrl+c" {
		return m.leave()
	}
	if name == "ctrl+z" && m.op == nil {
		return suspend() // Apply, which holds a lock, is not left lying
	}
	if m.op != nil {
		m.hold(k, name)
		return nil
	}
	if m.deaf() {
		m.deafUntil = time.Now().Add(reaction)
		return nil
	}
	if len(k.Runes) > 1 && !k.Paste && !m.typing() {
		return m.each(k)
	}
	if m.help != nil {
		m.keyHelp(name)
		return nil
	}
	switch m.stage {
	case stageCheck:
		return m.keyCheck(name)
	case stageAsk:
		return m.keyAsk(k, name)
	case stageReview:
		return m.keyReview(name)
	default: // Apply takes no keys but ctrl+c
		return nil
	}
}

// reaction is less than anybody needs to react to what is shown. A key that comes
// sooner was typed before, and meant for something else.
const reaction = 150 * time.Millisecond

// pause drops keys until nobody types ahead any more. The key line is empty
// meanwhile.
func (m *screens) pause() tea.Cmd {
	m.deafUntil = time.Now().Add(reaction)
	return m.listenLater()
}

func (m *screens) deaf() bool { return time.Now().Before(m.deafUntil) }

func (m *screens) listenLater() tea.Cmd {
	return tea.Tick(time.Until(m.deafUntil)+time.Millisecond, func(time.Time) tea.Msg { return hearingMsg{} })
}

// typing is true while keys go to a text field.
func (m *screens) typing() bool {
	return m.help == nil && m.stage == stageAsk && m.field.input != nil
}

// each presses keys one by one that the terminal delivered together.
func (m *screens) each(k tea.KeyMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, r := range k.Runes {
		one := k
		one.Runes = []rune{r}
		cmds = append(cmds, m.key(one))
	}
	return tea.Batch(cmds...)
}

// hold keeps a key for the question that comes next: it must not land in the one
// whose answer is being checked. Escape stops the check.
func (m *screens) hold(k tea.KeyMsg, name string) {
	switch m.op.what {
	case "answer":
		if name == "esc" {
			m.op.cancel()
			return
		}
	case "next", "back":
	default:
		return // nobody has seen yet what the key would answer
	}
	n := len(k.Runes)
	for _, h := range m.held {
		n += len(h.Runes) + 1
	}
	if n < mostHeld {
		m.held = append(m.held, k)
	}
}

func (m *screens) keyHelp(name string) {
	if !m.help.key(name, m.bodyHeight()) {
		m.help = nil
	}
}

func (m *screens) keyCheck(name string) tea.Cmd {
	switch name {
	case "enter", "ctrl+j":
		return m.advance()
	case "r":
		return m.Init()
	case "?", "f1":
		m.explain("check")
	default:
		m.found.key(name, m.checkHeight())
	}
	return nil
}

func (m *screens) keyAsk(k tea.KeyMsg, name string) tea.Cmd {
	f := m.field
	switch {
	case name == "enter", name == "ctrl+j":
		return m.submit()
	case name == "esc" && (f.filtering() || f.narrowed()):
		f.widen(k)
	case name == "esc":
		return m.back()
	case name == "f1", name == "?" && !f.filtering() && (f.sel != nil || f.empty()):
		m.explain(f.q.ID)
	case name == "tab" && f.input != nil:
		m.edit()
	case name == "pgup":
		f.noteTop -= 3
	case name == "pgdown":
		f.noteTop += 3
	default:
		f.update(k)
	}
	return nil
}

// edit puts the default into an empty field.
func (m *screens) edit() {
	if f := m.field; f.empty() && f.q.Default != "" && !f.hidden() {
		f.typed = f.q.Default
		f.input.Value(&f.typed)
		f.update(tea.KeyMsg{Type: tea.KeyEnd})
	}
}

func (m *screens) keyReview(name string) tea.Cmd {
	switch name {
	case "a":
		if m.u.o.DryRun {
			return nil
		}
		return m.apply()
	case "enter", "q":
		if m.u.o.DryRun {
			return m.finish(nil)
		}
	case "esc":
		return m.back()
	case "n":
		m.file(1)
	case "p":
		m.file(-1)
	case "?", "f1":
		m.explain("review")
	default:
		m.view.key(name, m.reviewHeight())
	}
	return nil
}

// file scrolls to the next file, or the one before; before the first is the
// summary.
func (m *screens) file(step int) {
	to := 0
	for i, line := range m.review.files {
		switch {
		case step > 0 && line > m.view.top:
			m.view.to(m.review.files[i], m.reviewHeight())
			return
		case step < 0 && line < m.view.top:
			to = line
		}
	}
	if step < 0 {
		m.view.to(to, m.reviewHeight())
	}
}

// explain opens the help of a question or screen.
func (m *screens) explain(id string) {
	m.help = &scroller{source: func(width int) []string { return m.u.helpLines(m.t, id, width) }}
	m.help.layout(m.inner())
}
