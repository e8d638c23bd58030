package ui

import (
	"strings"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
)

// key is one key press, on whatever the browser shows.
func (b *browser) key(k tea.KeyMsg) tea.Cmd {
	name := k.String()
	if k.Paste {
		name = "" // pasted text is never a command
	}
	switch {
	case name == "ctrl+c":
		return b.finish(ErrAborted)
	case name == "ctrl+z" && b.op == nil:
		return suspend()
	case b.op != nil:
		return b.keyBusy(name)
	case b.typing:
		return b.keyFilter(k, name)
	case len(k.Runes) > 1 && !k.Paste:
		return b.each(k)
	}
	b.notice = notice{}
	switch {
	case b.help != nil:
		if !b.help.key(name, b.bodyHeight()) {
			b.help = nil
		}
		return nil
	case name == "q":
		return b.finish(b.broken)
	case name == "?" || name == "f1":
		b.help = &scroller{source: func(width int) []string { return b.u.helpLines(b.t, "history", width) }}
		b.relayout()
		return nil
	case name == "v":
		return b.verify()
	case b.page != nil:
		return b.keyPage(name)
	default:
		return b.keyList(name)
	}
}

// each presses keys one by one that the terminal delivered together.
func (b *browser) each(k tea.KeyMsg) tea.Cmd {
	var cmds []tea.Cmd
	for _, r := range k.Runes {
		one := k
		one.Runes = []rune{r}
		cmds = append(cmds, b.key(one))
	}
	return tea.Batch(cmds...)
}

// keyBusy stops the work under way. One that only reads is not waited for.
func (b *browser) keyBusy(name string) tea.Cmd {
	switch {
	case name == "esc" && b.op.what == "record":
		b.giveUp(&b.op)
	case name == "esc":
		b.op.cancel()
	case name == "q" && b.op.what == "journal":
		return b.finish(nil)
	}
	return nil
}

// keyPage is a key on a page; b is a rollback where the page is a record's.
func (b *browser) keyPage(name string) tea.Cmd {
	p := b.page
	about := p.kind != pageVerify
	switch {
	case name == "esc", name == "backspace", name == "left":
		b.page = nil
	case name == "d" && p.kind == pageRecord:
		return b.open(pageDiff, p.seq)
	case (name == "enter" || name == "ctrl+j") && p.kind == pageDiff:
		return b.open(pageRecord, p.seq)
	case name == "b" && about:
		return b.rollBack(p.seq)
	default:
		p.key(name, b.pageHeight())
	}
	return nil
}

func (b *browser) keyList(name string) tea.Cmd {
	if b.history == nil {
		return nil
	}
	seq := b.chosen()
	switch {
	case name == "/":
		b.typing = true
	case name == "esc":
		return b.filter("", b.list.all)
	case name == "a":
		return b.filter(b.query, !b.list.all)
	case seq == 0:
	case name == "enter", name == "ctrl+j", name == "right":
		return b.open(pageRecord, seq)
	case name == "d":
		return b.open(pageDiff, seq)
	case name == "b":
		return b.rollBack(seq)
	default:
		return b.move(name)
	}
	return nil
}

// move chooses another record.
func (b *browser) move(name string) tea.Cmd {
	page := max(b.listHeight()-1, 1)
	to := b.cursor
	switch name {
	case "up", "k":
		to--
	case "down", "j":
		to++
	case "pgup", "ctrl+u":
		to -= page
	case "pgdown", "ctrl+d", " ":
		to += page
	case "home", "g":
		to = 0
	case "end", "G":
		to = len(b.list.shown)
	default:
		return nil
	}
	b.aim = 0
	if to == len(b.list.shown) && b.listing != nil {
		b.aim = 1 // the oldest may not be listed yet
	}
	b.cursor = max(min(to, len(b.list.shown)-1), 0)
	return b.look()
}

// filter shows what matches query; the chosen record stays chosen where it can.
func (b *browser) filter(query string, all bool) tea.Cmd {
	if seq := b.chosen(); seq != 0 {
		b.last = seq
	}
	b.query = query
	b.list.narrow(query, all)
	b.cursor = b.list.find(b.last)
	return b.look()
}

// keyFilter is a key while the filter is typed. What shows follows every key.
func (b *browser) keyFilter(k tea.KeyMsg, name string) tea.Cmd {
	switch name {
	case "enter", "ctrl+j":
		b.typing = false
	case "esc":
		b.typing = false
		return b.filter("", b.list.all)
	case "backspace":
		if b.query == "" {
			b.typing = false
			return nil
		}
		_, n := utf8.DecodeLastRuneInString(b.query)
		return b.filter(b.query[:len(b.query)-n], b.list.all)
	case "ctrl+u":
		return b.filter("", b.list.all)
	case "up", "down", "pgup", "pgdown", "home", "end":
		return b.move(name)
	default:
		if k.Type != tea.KeyRunes && k.Type != tea.KeySpace || k.Alt {
			return nil
		}
		typed, _, _ := strings.Cut(string(k.Runes), "\n")
		if len(b.query)+len(typed) <= longestFilter {
			return b.filter(b.query+typed, b.list.all)
		}
	}
	return nil
}

// longestFilter bounds the filter, in bytes.
const longestFilter = 200
