package ui

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// What a plain prompt understands beside answers.
const (
	wordHelp = "?"
	wordBack = "<"
)

// ask prints the question, what is known about it and its choices.
func (r *lineRun) ask(q *wizard.Question) {
	u, t := r.u, r.w.theme
	r.say("")
	r.say(t.bold.Render(u.T("q." + q.ID + ".title")))
	r.w.lines(u.notes(t, q.Notes, r.w.width))
	r.choices(q)
}

// choices are numbered, so that a short answer is enough.
func (r *lineRun) choices(q *wizard.Question) {
	heading, rows := r.u.table(q, 0)
	digits := len(strconv.Itoa(len(rows)))
	room := r.w.width - digits - 4
	if slices.ContainsFunc(rows, func(row string) bool { return ansi.StringWidth(row) > room }) {
		r.listed(q, digits)
		return
	}
	if heading != "" {
		r.say(strings.Repeat(" ", digits+4) + heading)
	}
	for i, o := range q.Options {
		line := fmt.Sprintf("  %*d) %s", digits, i+1, rows[i])
		if o.Disabled {
			line += "  (" + r.u.T("plain.disabled") + ")"
		}
		r.say(strings.TrimRight(line, " "))
	}
}

// listed are choices whose columns do not stand under each other, for want of room: each
// has them, by name, on the lines below it.
func (r *lineRun) listed(q *wizard.Question, digits int) {
	names := r.u.headings(q)
	for i, o := range q.Options {
		cells := r.u.cells(q, o)
		line := cells[0]
		if o.Attention {
			line = signWarn + " " + line
		}
		if o.Disabled {
			line += "  (" + r.u.T("plain.disabled") + ")"
		}
		r.say(hang(fmt.Sprintf("  %*d) ", digits, i+1), line, r.w.width))
		if parts := named(names, cells); len(parts) > 0 {
			r.say(hang(strings.Repeat(" ", digits+6), strings.Join(parts, ", "), r.w.width))
		}
	}
}

// named are the cells behind the first, each with the name of its column.
func named(names, cells []string) []string {
	var parts []string
	for j, c := range cells[1:] {
		if j+1 < len(names) {
			c = names[j+1] + " " + c
		}
		parts = append(parts, c)
	}
	return parts
}

// prompt is the line that waits for the answer to q.
func (r *lineRun) prompt(q *wizard.Question) string {
	u := r.u
	what := u.T("plain.answer")
	switch {
	case q.Kind == wizard.Choice:
		what = u.T("plain.choice", len(q.Options))
	case q.Kind == wizard.SecretText && isTerminal(u.o.In):
		what = u.T("plain.hidden")
	}
	switch {
	case q.Default == "":
		return what + ": "
	case q.Kind == wizard.Text:
		return fmt.Sprintf("%s [%s]: ", what, text.Clean(q.Default, widestArg))
	default:
		return fmt.Sprintf("%s [%s]: ", what, u.defaultWords(q))
	}
}

// defaultWords names what an empty answer to a choice stands for, in the operator's
// language: both the value and its words can be typed.
func (u *UI) defaultWords(q *wizard.Question) string {
	i := slices.IndexFunc(q.Options, func(o wizard.Option) bool { return o.Value == q.Default })
	if u.lang == english || i < 0 {
		return u.optionWords(q, q.Default)
	}
	return u.label(q, q.Options[i])
}

// optionWords names a value as the operator may type it: choices by their value,
// a kept secret by words.
func (u *UI) optionWords(q *wizard.Question, value string) string {
	if q.Kind == wizard.SecretText {
		return u.T("option." + q.ID + "." + value)
	}
	return text.Clean(value, widestArg)
}

// reply reads one answer to q. Help is given on the spot; errBack is the wish to
// go back.
func (r *lineRun) reply(ctx context.Context, q *wizard.Question) (wizard.Answer, error) {
	for {
		b, err := r.typed(ctx, q)
		if err != nil {
			return wizard.Answer{}, err
		}
		switch string(bytes.TrimSpace(b)) {
		case wordHelp:
			r.help(q)
			continue
		case wordBack:
			return wizard.Answer{}, errBack
		}
		return r.answer(q, b)
	}
}

// typed prompts and reads one line. The echo goes before the prompt is there: who
// waits for it may type at once.
func (r *lineRun) typed(ctx context.Context, q *wizard.Question) ([]byte, error) {
	if q.Kind != wizard.SecretText {
		r.w.printf("%s", r.prompt(q))
		return r.u.lines.read(ctx)
	}
	restore, err := r.u.lines.hide()
	if err != nil {
		return nil, err
	}
	defer restore()
	r.w.printf("%s", r.prompt(q))
	b, err := r.u.lines.read(ctx)
	if isTerminal(r.u.o.In) {
		r.say("") // the operator's own line end was not shown
	}
	return b, err
}

func (r *lineRun) help(q *wizard.Question) {
	for paragraph := range strings.SplitSeq(r.u.T("q."+q.ID+".help"), "\n") {
		r.say(hang("  ", paragraph, r.w.width))
	}
	r.say(hang("  ", r.u.T("plain.keys"), r.w.width))
	r.choices(q)
}

// answer understands what was typed. The bytes of a secret are wiped.
func (r *lineRun) answer(q *wizard.Question, b []byte) (wizard.Answer, error) {
	if q.Kind == wizard.SecretText {
		s := takeSecret(b)
		if s.IsZero() && q.Default == "" {
			return wizard.Answer{}, problem(r.u.T("plain.empty"))
		}
		return wizard.Answer{Secret: s}, nil
	}
	typed := trimmed(b)
	if typed == "" {
		typed = q.Default
	}
	if typed == "" {
		return wizard.Answer{}, problem(r.u.T("plain.empty"))
	}
	if q.Kind == wizard.Text {
		return wizard.Answer{Value: typed}, nil
	}
	o, err := r.u.choose(q, typed)
	return wizard.Answer{Value: o.Value}, err
}

// problem is an error whose text is already for people.
type problem string

func (p problem) Error() string { return string(p) }

// takeSecret makes a Secret of what was typed, without the blanks around it, and
// wipes b.
func takeSecret(b []byte) secrets.Secret {
	defer clear(b)
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return secrets.Secret{}
	}
	return secrets.New(trimmed)
}

// choose finds the option that was typed as its value, its number or its words.
// What was typed is not repeated: it may be a secret that went astray.
func (u *UI) choose(q *wizard.Question, typed string) (wizard.Option, error) {
	i := slices.IndexFunc(q.Options, func(o wizard.Option) bool { return strings.EqualFold(o.Value, typed) })
	if n, err := strconv.Atoi(typed); i < 0 && err == nil && n >= 1 && n <= len(q.Options) {
		i = n - 1
	}
	if i < 0 {
		i = slices.IndexFunc(q.Options, func(o wizard.Option) bool { return strings.EqualFold(u.label(q, o), typed) })
	}
	switch {
	case i < 0 && q.ID == "consent" && slices.Contains(strings.Split(u.T("plain.yes"), "|"), strings.ToLower(typed)):
		return q.Options[0], nil
	case i < 0:
		return wizard.Option{}, problem(u.T("plain.no-such-choice", len(q.Options)))
	case q.Options[i].Disabled:
		return wizard.Option{}, problem(u.T("error.disabled", u.label(q, q.Options[i])))
	default:
		return q.Options[i], nil
	}
}

// label is what an option is called: foreign text, or words of ours.
func (u *UI) label(q *wizard.Question, o wizard.Option) string {
	if o.Label != "" {
		return text.Clean(o.Label, widestArg)
	}
	return u.T("option." + q.ID + "." + o.Value)
}

// table is the options of q as rows whose columns stand under each other, each
// row beginning with the sign of attention or two blanks where any option has it.
// heading names the columns; it is empty where they need no name. Where a row is wider than
// width, which 0 does not bound, the first column gives way.
func (u *UI) table(q *wizard.Question, width int) (heading string, rows []string) {
	cells := [][]string{u.headings(q)}
	attention := false
	for _, o := range q.Options {
		cells = append(cells, u.cells(q, o))
		attention = attention || o.Attention
	}
	widths := columnWidths(cells)
	if attention {
		width -= 2
	}
	narrow(cells, widths, width)
	for i, row := range cells {
		line := tableRow(row, widths)
		switch {
		case attention && i > 0 && q.Options[i-1].Attention:
			line = signWarn + " " + line
		case attention && line != "":
			line = "  " + line
		}
		rows = append(rows, line)
	}
	return rows[0], rows[1:]
}

// leastLabel is what a table leaves of the first column, in cells.
const leastLabel = 16

// narrow cuts the first column so far that rows fit into width, where that leaves
// something of it.
func narrow(cells [][]string, widths []int, width int) {
	all := 2 * (len(widths) - 1)
	for _, w := range widths {
		all += w
	}
	if width <= 0 || len(widths) < 2 || all <= width || widths[0]-(all-width) < leastLabel {
		return
	}
	widths[0] -= all - width
	for _, row := range cells {
		if len(row) > 0 {
			row[0] = ansi.Truncate(row[0], widths[0], "…")
		}
	}
}

// headings are the names of the columns of q's options.
func (u *UI) headings(q *wizard.Question) []string {
	id := "heading." + q.ID
	if !u.has(id) || !slices.ContainsFunc(q.Options, func(o wizard.Option) bool { return len(o.Columns) > 0 }) {
		return nil
	}
	return strings.Split(u.T(id), "|")
}

func (u *UI) cells(q *wizard.Question, o wizard.Option) []string {
	out := []string{u.label(q, o)}
	for _, c := range o.Columns {
		out = append(out, u.cell(c))
	}
	return out
}

func columnWidths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for j, c := range row {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], ansi.StringWidth(c))
		}
	}
	return widths
}

// cell is one column of an option: words of ours where there are some.
func (u *UI) cell(s string) string {
	if u.has("column." + s) {
		return u.T("column." + s)
	}
	return text.Clean(s, widestArg)
}

func tableRow(cells []string, widths []int) string {
	var b strings.Builder
	for j, c := range cells {
		if j > 0 {
			b.WriteString("  ")
		}
		b.WriteString(c)
		b.WriteString(strings.Repeat(" ", widths[j]-ansi.StringWidth(c)))
	}
	return strings.TrimRight(b.String(), " ")
}
