package ui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// View implements tea.Model.
func (b *browser) View() string {
	if b.over || b.width < 1 {
		return ""
	}
	return b.t.frame(b.area, b.header(), b.keyLine(), b.body())
}

// header is the title line: where we are, and whether the journal can be believed.
// The latter is cut last.
func (b *browser) header() string {
	here := b.u.T("browse.title")
	if b.page != nil {
		here = b.u.T("browse.at-"+string(b.page.kind), b.page.seq)
	}
	verdict := b.verdict()
	for _, left := range []string{" " + b.t.title.Render("clawsetup") + "  " + here, " " + here, ""} {
		if gap := b.width - 1 - ansi.StringWidth(left) - ansi.StringWidth(verdict); gap >= 2 {
			return left + strings.Repeat(" ", gap) + verdict
		}
	}
	return " " + verdict
}

// verdict is what verification found, in short; or the work that takes long.
func (b *browser) verdict() string {
	h := b.history
	switch {
	case b.op != nil && b.frame > 0:
		return b.t.spinner(b.frame) + " " + b.u.T("busy.browse-"+b.op.what)
	case h == nil && b.broken != nil:
		return b.t.sign(wizard.Failed) + " " + b.u.T("browse.unreadable")
	case h == nil:
		return b.t.sign(wizard.NotChecked) + " " + b.u.T("state.not-checked")
	}
	state, id, args := soundness(h), "browse.sound", []any{h.Report.Records}
	switch {
	case state == wizard.Failed:
		id, args = "browse.failed", append(args, b.failure())
	case b.missing > 0:
		state, id, args = wizard.Attention, "browse.missing", append(args, b.missing)
	case state == wizard.Attention:
		id = "browse.torn"
	case h.KeysErr != nil:
		state, id = wizard.NotChecked, "browse.keyless"
	case state == wizard.NotChecked:
		id = "browse.partly"
	}
	return b.t.sign(state) + " " + b.u.T(id, args...)
}

// failure is the first thing that is wrong with the journal.
func (b *browser) failure() string {
	problems := b.history.Report.Problems
	if len(problems) == 0 {
		return b.u.T("reason.unvouched")
	}
	return b.u.T("reason." + string(problems[0].Reason))
}

// keyLine names the keys that do something now.
func (b *browser) keyLine() string {
	id := "keys.browse"
	switch {
	case b.op != nil && b.op.what == "journal":
		id = "keys.busy"
	case b.op != nil && b.frame > 0:
		id = "keys.browse-busy"
	case b.help != nil:
		id = "keys.help"
	case b.typing:
		id = "keys.browse-filter"
	case b.page != nil:
		return b.u.T("keys.browse-" + string(b.page.kind))
	case b.history == nil:
		id = "keys.browse-unreadable"
	}
	line := b.u.T(id)
	if more := line + "   " + b.u.T("browse.more-keys"); id == "keys.browse" && ansi.StringWidth(more) < b.width {
		return more
	}
	return line
}

func (b *browser) body() []string {
	if b.help != nil {
		return indent(b.help.window(b.bodyHeight()))
	}
	if b.page != nil {
		return b.pageBody()
	}
	return b.listBody()
}

// pageBody is a page, how much of it is below, and what came of the last key.
func (b *browser) pageBody() []string {
	h := b.pageHeight()
	out := b.page.window(h)
	out = append(out[:len(out):len(out)], make([]string, h-len(out))...)
	more := ""
	if n := b.page.below(h); n > 0 {
		more = b.t.faint.Render(b.u.T("screen.more", n))
	}
	return indent(append(append(out, more), b.noticeLines(b.footHeight())...))
}

// pageHeight is what a notice and the line about what is below leave of a page.
func (b *browser) pageHeight() int {
	return max(b.bodyHeight()-1-len(b.noticeLines(b.footHeight())), 1)
}

// footHeight is the place under the list, for a preview or a notice.
func (b *browser) footHeight() int { return min(b.bodyHeight()/3, 14) }

// listHeight is the place for records: what the alarm, the rule and the foot leave.
func (b *browser) listHeight() int {
	return max(b.bodyHeight()-len(b.alarm())-1-b.footHeight(), 1)
}

// listBody is the alarm, the records around the chosen one, a rule and the preview.
func (b *browser) listBody() []string {
	var out []string
	height := b.listHeight()
	b.top = max(min(b.top, b.cursor, len(b.list.shown)-height), b.cursor-height+1, 0)
	columns := b.columns()
	for i := range height {
		line := ""
		switch n := b.top + i; {
		case n < len(b.list.shown):
			line = b.rowLine(b.list.at(n), n == b.cursor, columns)
		case i == 0 && b.history != nil && b.listing == nil:
			line = " " + b.u.T("history.none")
		}
		out = append(out, line)
	}
	out = append(b.alarm(), indent(append(out, b.middle()))...)
	foot := b.footHeight()
	lines := b.noticeLines(foot)
	if r, known := b.record(); len(lines) == 0 && known {
		lines = b.preview(r, foot)
	}
	return append(out, indent(lines)...)
}

// alarm is what the operator has to know of this journal before he believes what is
// listed.
func (b *browser) alarm() []string {
	state := wizard.Failed
	var what, advice string
	switch h := b.history; {
	case h == nil && b.broken == nil:
		return nil
	case h == nil:
		what, advice = b.u.explain(b.broken)
	case h.Report.Failed():
		what = b.problem()
		if b.broken != nil {
			_, advice = b.u.explain(b.broken)
		}
	case b.broken != nil:
		what, advice = b.u.explain(b.broken)
	case h.KeysErr != nil:
		state, what = wizard.NotChecked, b.u.T("browse.no-keys")
		_, advice = b.u.explain(h.KeysErr)
	default:
		return nil
	}
	return indent(b.said(state, what, advice, max(b.bodyHeight()/4, 1)))
}

// problem is the first thing that is wrong, and where.
func (b *browser) problem() string {
	problems := b.history.Report.Problems
	if len(problems) == 0 {
		return ""
	}
	p := problems[0]
	what := b.u.T("reason." + string(p.Reason))
	if p.Line == 0 {
		return b.u.T("history."+string(p.Part)) + ": " + what
	}
	what = b.u.T("history.problem", what, p.Seq, p.Line)
	if p.Part == journal.PartChain {
		what += "; " + b.u.T("browse.until-there")
	}
	return what
}

// said is a finding and what can be done about it, in at most height lines.
func (b *browser) said(state wizard.State, what, advice string, height int) []string {
	out := hangLines(b.t.sign(state)+" ", what, b.inner())
	if advice != "" {
		out = append(out, hangLines("  ", advice, b.inner())...)
	}
	return out[:min(len(out), height)]
}

func (b *browser) noticeLines(height int) []string {
	switch {
	case b.waiting != "":
		return b.said(wizard.Attention, b.waiting, "", height)
	case b.notice.text == "":
		return nil
	default:
		return b.said(b.notice.state, b.notice.text, b.notice.advice, height)
	}
}

// middle is the rule between the list and the preview, with the filter and where the
// chosen record is.
func (b *browser) middle() string {
	left, right := "", ""
	if b.typing || b.query != "" {
		left = b.t.accent.Render("/") + " " + ansi.TruncateLeft(text.Clean(b.query, longestFilter), max(ansi.StringWidth(b.query)-b.inner()/2, 0), "…")
		if b.typing {
			left += b.t.cursor.Render(" ")
		}
		left += " "
	}
	if n := len(b.list.shown); n > 0 {
		right = " " + b.u.T("screen.step", b.cursor+1, n)
	}
	if b.listing != nil {
		right += " …"
	}
	fill := max(b.inner()-ansi.StringWidth(left)-ansi.StringWidth(right), 0)
	return left + b.t.faint.Render(strings.Repeat("─", fill)) + b.t.faint.Render(right)
}

// columns are the widths of the list's columns; zero for one that does not fit.
type columns struct{ number, event, who, size int }

// The widths of a moment, of the longest event, and of what other columns need at least.
const (
	momentWidth = len("2026-11-22 14:02")
	eventWidth  = len(journal.CloudruFmProviderConfigured)
	leastWho    = 9
	leastSize   = 8
)

func (b *browser) columns() columns {
	c := columns{number: 2}
	if b.history != nil {
		c.number = max(len(strconv.FormatUint(b.history.Report.Records, 10)), c.number)
	}
	rest := b.inner() - 1 - c.number - 2 - momentWidth - 2
	c.event = max(min(eventWidth, rest), 1)
	rest -= c.event + 2
	switch {
	case rest >= leastWho+2+leastSize:
		c.who = min(max((rest-2)/2, leastWho), 24)
		c.size = rest - c.who - 2
	case rest >= leastWho:
		c.who = rest
	}
	return c
}

// rowLine is one record of the list.
func (b *browser) rowLine(r row, chosen bool, c columns) string {
	sign, style := " ", b.t.plain
	switch {
	case chosen:
		sign, style = b.t.accent.Render(signChosen), b.t.bold
	case !r.domain:
		style = b.t.faint
	}
	cells := []string{fmt.Sprintf("%*d", c.number, r.seq), pad(b.moment(r.at), momentWidth), pad(r.event, c.event)}
	if c.who > 0 {
		cells = append(cells, pad(r.who, c.who))
	}
	if c.size > 0 {
		cells = append(cells, sizeCell(r, c.size))
	}
	return sign + style.Render(strings.TrimRight(strings.Join(cells, "  "), " "))
}

// moment is the time of a record as short as it can be told.
func (b *browser) moment(at time.Time) string {
	at = at.Local()
	now := b.now().Local()
	clock := at.Format("15:04")
	switch at.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return b.u.T("browse.today", clock)
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return b.u.T("browse.yesterday", clock)
	default:
		return at.Format("2006-01-02 15:04")
	}
}

// sizeCell is how much a record is about; the first of it where not all fits.
func sizeCell(r row, width int) string {
	if ansi.StringWidth(r.size) <= width {
		return r.size
	}
	first, _, _ := strings.Cut(r.size, ", ")
	return pad(first, width)
}

// preview is the chosen record in short: what it is, and what changed.
func (b *browser) preview(r journal.Record, height int) []string {
	lines := b.changes(r)
	if id := "event." + string(r.Event); (height > 3 || len(lines) == 0) && b.u.has(id) {
		lines = slices.Insert(lines, 0, b.t.faint.Render(b.u.T(id)+", "+when(r)+", "+who(r.Actor)))
	}
	if len(lines) > height && height > 0 {
		lines = append(lines[:height-1:height-1], b.t.faint.Render(b.u.T("browse.more", len(lines)-height+1)))
	}
	return lines
}

// changes are the settings, secrets, files and details of a record, a line each;
// fingerprints are of no use when they are cut.
func (b *browser) changes(r journal.Record) []string {
	var rows [][2]string
	for _, k := range r.Keys {
		rows = append(rows, [2]string{k.Path, change(setting(k.Old), setting(k.New))})
	}
	for _, f := range r.Files {
		rows = append(rows, [2]string{b.u.path(f.Path), change(f.ModeBefore, f.ModeAfter)})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Detail)) {
		rows = append(rows, [2]string{name, r.Detail[name]})
	}
	width := 0
	for i, row := range rows {
		rows[i] = [2]string{text.Clean(row[0], widestArg), text.Clean(row[1], widestArg)}
		width = max(width, ansi.StringWidth(rows[i][0]))
	}
	width = min(width, b.inner()/2)
	var out []string
	for _, s := range r.Secrets {
		what := text.Clean(s.Name+", "+s.Store, 60)
		out = append(out, hangLines(what+"  ", text.Clean(change(s.Old, s.New), widestArg), b.inner())...)
	}
	for _, row := range rows {
		out = append(out, ansi.Truncate(pad(row[0], width)+"  "+row[1], b.inner(), "…"))
	}
	return out
}
