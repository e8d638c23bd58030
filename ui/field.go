package ui

import (
	"slices"
	"strings"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/huh"
	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
)

// field is one question on the screen: a huh field that gets its keys one by one
// and whose commands are dropped, so that nothing of it happens later, in another
// field (facts: huh moves its focus by message).
type field struct {
	q     *wizard.Question
	input *huh.Input
	sel   *huh.Select[string]
	// typed is what a text field holds. It is emptied when a secret was taken.
	typed string
	// notice says what was done to a paste.
	notice string
	// message and advice say why the last answer was refused.
	message, advice string
	// widest is the width of the longest option.
	widest int
	// cut is true where an option is not shown whole.
	cut bool
	// noteTop is the first note in view.
	noteTop int
}

// longestTyped bounds a text field, in characters: more than any path, reference
// or key has.
const longestTyped = 8192

func newField(u *UI, t theme, q *wizard.Question, width int) *field {
	f := &field{q: q}
	if q.Kind != wizard.Choice {
		f.input = huh.NewInput().Prompt(signChosen + " ").CharLimit(longestTyped).Value(&f.typed)
		if q.Kind == wizard.SecretText {
			f.input.EchoMode(huh.EchoModePassword)
		}
		f.input.WithTheme(t.fields())
		f.input.Focus() // its command only blinks
		return f
	}
	chosen := q.Default
	if i := slices.IndexFunc(q.Options, func(o wizard.Option) bool { return !o.Disabled }); chosen == "" && i >= 0 {
		chosen = q.Options[i].Value
	}
	var options []huh.Option[string]
	sign := ansi.StringWidth(signChosen) + 1
	heading, rows := u.table(q, max(width-sign, 1))
	for i, row := range rows {
		if q.Options[i].Disabled {
			row += "  (" + u.T("plain.disabled") + ")"
		}
		f.widest = max(f.widest, ansi.StringWidth(row))
		f.cut = f.cut || strings.Contains(row, "…")
		options = append(options, huh.NewOption(row, q.Options[i].Value))
	}
	f.sel = huh.NewSelect[string]().Options(options...).Value(&chosen).Title(u.listTitle(q, heading))
	f.sel.WithTheme(t.fields()).WithKeyMap(huh.NewDefaultKeyMap())
	f.sel.Focus()
	return f
}

// listTitle is the line above a list: the names of its columns. A filter takes its
// place while one is typed. It is never empty, since huh would not show the filter.
func (u *UI) listTitle(q *wizard.Question, heading string) string {
	switch {
	case heading != "":
		return strings.Repeat(" ", ansi.StringWidth(signChosen)+1) + heading
	case len(q.Options) > filterFrom:
		return u.T("screen.filter")
	default:
		return " "
	}
}

// detail is the chosen option in full, for lists that do not fit.
func (f *field) detail(u *UI, width int) []string {
	if f.sel == nil || !f.cut && f.widest+ansi.StringWidth(signChosen)+1 <= width {
		return nil
	}
	value, ok := f.sel.Hovered()
	i := slices.IndexFunc(f.q.Options, func(o wizard.Option) bool { return o.Value == value })
	if !ok || i < 0 || len(f.q.Options[i].Columns) == 0 {
		return nil
	}
	names, cells := u.headings(f.q), u.cells(f.q, f.q.Options[i])
	parts := named(names, cells)
	if f.cut {
		parts = append(cells[:1:1], parts...)
	}
	return hangLines("", strings.Join(parts, ", "), width)
}

// filterFrom is the number of options beyond which filtering is worth a mention.
const filterFrom = 8

// update gives the field one key.
func (f *field) update(k tea.KeyMsg) {
	f.notice = ""
	if f.input == nil {
		f.sel.Update(k)
		return
	}
	before := f.typed
	if f.input.Update(f.oneLine(k)); f.typed != before {
		f.message, f.advice = "", "" // it was about another answer
	}
}

// oneLine keeps the first line of a paste into a visible field: what follows the
// line end may be the answer to another question, even a secret.
func (f *field) oneLine(k tea.KeyMsg) tea.KeyMsg {
	if !k.Paste {
		return k
	}
	s := strings.TrimSpace(string(k.Runes))
	if first, _, more := strings.Cut(strings.ReplaceAll(s, "\r", "\n"), "\n"); more && f.q.Kind == wizard.Text {
		s, f.notice = first, "screen.first-line"
	}
	k.Runes = []rune(s)
	return k
}

// filtering is true while keys go to the filter of a list.
func (f *field) filtering() bool { return f.sel != nil && f.sel.GetFiltering() }

// narrowed is true when a filter hides options.
func (f *field) narrowed() bool {
	const clearFilter = 6 // its place in huh's Select.KeyBinds
	return f.sel != nil && f.sel.KeyBinds()[clearFilter].Enabled()
}

// widen ends the filter; what was chosen under it stays chosen.
func (f *field) widen(escape tea.KeyMsg) {
	chosen, ok := f.sel.Hovered()
	if f.filtering() {
		f.sel.Update(escape) // ends the typing only
	}
	f.sel.Update(escape)
	if ok {
		f.sel.Value(&chosen)
	}
}

// empty is true when nothing was typed.
func (f *field) empty() bool { return f.typed == "" }

// take returns what the operator answers. A secret leaves the field with it; ok is
// false when there is nothing to answer.
func (f *field) take(u *UI) (a wizard.Answer, ok bool) {
	f.message, f.advice = "", ""
	switch f.q.Kind {
	case wizard.SecretText:
		a.Secret = f.secret()
		return a, f.allow(u, !a.Secret.IsZero() || f.q.Default != "")
	case wizard.Text:
		a.Value = strings.TrimSpace(f.typed)
		if a.Value == "" {
			a.Value = f.q.Default
		}
		return a, f.allow(u, a.Value != "")
	default:
		return f.takeChoice(u)
	}
}

func (f *field) takeChoice(u *UI) (a wizard.Answer, ok bool) {
	v, found := f.sel.Hovered()
	if !found {
		return a, false
	}
	o, err := u.choose(&wizard.Question{ID: f.q.ID, Options: f.q.Options}, v)
	if err != nil {
		f.message = err.Error()
		return a, false
	}
	return wizard.Answer{Value: o.Value}, true
}

func (f *field) allow(u *UI, ok bool) bool {
	if !ok {
		f.message = u.T("plain.empty")
	}
	return ok
}

// secret moves the typed secret out of the field, which forgets it (A5).
func (f *field) secret() secrets.Secret {
	s := takeSecret([]byte(f.typed))
	f.forget()
	return s
}

// forget empties the field.
func (f *field) forget() {
	f.typed = ""
	if f.input != nil {
		f.input.Value(&f.typed)
	}
}

// characters is the number of characters typed.
func (f *field) characters() int { return utf8.RuneCountInString(f.typed) }

// rows are the field's lines for width cells; for a list with its heading first,
// and the index of the chosen one among them.
func (f *field) rows(width int) (rows []string, chosen int) {
	if f.input != nil {
		f.input.WithWidth(width)
		return []string{strings.TrimRight(f.input.View(), " \n")}, 0
	}
	// Wide enough for the longest row: what does not fit is cut, not wrapped.
	f.sel.WithWidth(max(width, f.widest+ansi.StringWidth(signChosen)+1))
	lines := strings.Split(strings.TrimRight(f.sel.View(), " \n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
		if strings.HasPrefix(ansi.Strip(l), signChosen) {
			chosen = i
		}
	}
	return lines, chosen
}
