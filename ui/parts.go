package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// hang wraps s into lines of at most width cells: the first starts with indent, the
// others with as many blanks.
func hang(indent, s string, width int) string {
	return strings.Join(hangLines(indent, s, width), "\n")
}

func hangLines(indent, s string, width int) []string {
	w := ansi.StringWidth(indent)
	// A line is not broken at a hyphen: it may be part of a command.
	const noBreak = "\u2011"
	wrapped := ansi.Wrap(strings.ReplaceAll(s, "-", noBreak), max(width-w, 10), "")
	var out []string
	for l := range strings.SplitSeq(strings.ReplaceAll(wrapped, noBreak, "-"), "\n") {
		out = append(out, indent+l)
		indent = strings.Repeat(" ", w)
	}
	return out
}

// pad fills s with blanks to width cells, or cuts it.
func pad(s string, width int) string {
	s = ansi.Truncate(s, width, "…")
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}

// notes are findings as lines, each with the sign of its state.
func (u *UI) notes(t theme, notes []wizard.Note, width int) []string {
	var out []string
	for _, n := range notes {
		s := u.T("note."+n.ID, u.inWords(n)...)
		if u.words {
			s = u.T("state."+stateWord(n.State)) + ": " + s
		}
		out = append(out, hangLines("  "+t.sign(n.State)+" ", s, width)...)
	}
	return out
}

// inWords are the arguments of a note for people: the form in which a secret was found is
// the name of a word (wizard.Trace).
func (u *UI) inWords(n wizard.Note) []any {
	if n.ID != "uninstall-found" || len(n.Args) == 0 {
		return n.Args
	}
	out := slices.Clone(n.Args)
	last := &out[len(out)-1]
	if form, ok := (*last).(string); ok {
		if _, known := message(u.lang, "form."+form); known {
			*last = u.T("form." + form)
		}
	}
	return out
}

func stateWord(s wizard.State) string {
	switch s {
	case wizard.OK:
		return "ok"
	case wizard.Attention:
		return "attention"
	case wizard.Failed:
		return "failed"
	case wizard.NotChecked:
		return "not-checked"
	default:
		return "absent"
	}
}

// review is a Plan as lines, and where each file begins among them.
type review struct {
	lines []string
	files []int
}

func (r *review) add(lines ...string) { r.lines = append(r.lines, lines...) }

// review shows all of plan: what it writes, the risks taken, the findings and the
// diff of every file.
func (u *UI) review(t theme, plan *wizard.Plan, width int) review {
	var r review
	r.add(t.bold.Render(u.counts(plan)), "")
	for _, c := range plan.Changes {
		r.add(u.changeLines("  ", c, width)...)
	}
	for _, s := range plan.Secrets {
		r.add(u.secretLines("  ", s, width)...)
	}
	for _, x := range plan.Removals {
		r.add(u.removalLines("  ", x, width)...)
	}
	if len(plan.Consents) > 0 {
		r.add("", t.bold.Render(u.T("consent.title")))
		r.add(u.notes(t, plan.Consents, width)...)
	}
	if len(plan.Notes) > 0 {
		r.add("", t.bold.Render(u.T("review.notes")))
		r.add(u.notes(t, plan.Notes, width)...)
	}
	for _, c := range plan.Changes {
		r.add("")
		r.files = append(r.files, len(r.lines))
		r.add(u.diff(t, c, width)...)
	}
	return r
}

func (u *UI) counts(plan *wizard.Plan) string {
	if n := len(plan.Removals); n > 0 {
		return u.T("review.counts-removals", len(plan.Changes), len(plan.Secrets), n)
	}
	return u.T("review.counts", len(plan.Changes), len(plan.Secrets))
}

// changeLines are what happens to a file: action, mode, path.
func (u *UI) changeLines(indent string, c wizard.Change, width int) []string {
	mode := "    "
	if c.After.Exists {
		mode = fmt.Sprintf("%04o", c.Mode().Perm())
	}
	return hangLines(indent+pad(u.T("action."+c.Action()), actionWidth)+" "+mode+"  ", u.path(c.Path), width)
}

// actionWidth fits the longest action.
const actionWidth = 8

// secretLines show a secret by its fingerprints alone.
func (u *UI) secretLines(indent string, s wizard.SecretChange, width int) []string {
	action, print := "replace", text.Clean(s.Old, 40)+" → "+text.Clean(s.New, 40)
	switch {
	case s.Old == "":
		action, print = "create", text.Clean(s.New, 40)
	case s.New == "":
		action, print = "remove", text.Clean(s.Old, 40)
	}
	what := u.T("review.secret", s.Name, u.T("option.store."+string(s.Store)), print)
	return hangLines(indent+pad(u.T("action."+action), actionWidth)+" ", what, width)
}

// removalLines name something that goes for good.
func (u *UI) removalLines(indent string, r wizard.Removal, width int) []string {
	name := u.path(r.Name)
	if u.has("option.store." + r.Name) {
		name = u.T("option.store." + r.Name)
	}
	return hangLines(indent+pad(u.T("action.remove"), actionWidth)+" ", u.T("removal."+r.Kind, name), width)
}

// diff is one file's part of a review.
func (u *UI) diff(t theme, c wizard.Change, width int) []string {
	d := wizard.Diff(c)
	what := u.T("action." + c.Action())
	switch {
	case d.Before == "":
		what += ", " + d.After
	case d.After != "":
		what += ", " + change(d.Before, d.After)
	}
	out := []string{t.bold.Render(u.path(c.Path)) + "  " + t.faint.Render(what)}
	if why := "why." + c.Why; c.Why != "" && u.has(why) {
		out = append(out, hangLines("  ", t.faint.Render(u.reason(c.Why, c.Controls)), width)...)
	}
	out = append(out, u.incomparable(t, d, width)...)
	for _, l := range d.Lines {
		out = append(out, u.diffLine(t, l, width)...)
		for _, r := range l.Reasons {
			out = append(out, hangLines("    ", t.faint.Render(u.T("review.why", u.reason(r.Why, r.Controls))), width)...)
		}
	}
	return out
}

// reason is why something is as it is, with the ids of the controls.
func (u *UI) reason(why string, controls []string) string {
	s := u.T("why." + why)
	if len(controls) > 0 {
		s += " (" + text.Clean(strings.Join(controls, ", "), widestArg) + ")"
	}
	return s
}

// incomparable stands in place of the lines of a file that has none to compare.
func (u *UI) incomparable(t theme, d wizard.FileDiff, width int) []string {
	if !d.Incomparable {
		return nil
	}
	return hangLines("  ", t.accent.Render(u.T("diff.incomparable")), width)
}

func (u *UI) diffLine(t theme, l wizard.DiffLine, width int) []string {
	style := t.plain
	switch l.Kind {
	case wizard.Added:
		style = t.ok
	case wizard.Removed:
		style = t.bad
	case wizard.Hunk:
		return []string{"  " + t.accent.Render("@ "+u.T("diff.hunk", l.Line))}
	default: // an unchanged line has no style
	}
	var out []string
	sign := string(rune(l.Kind))
	for _, part := range strings.Split(ansi.Hardwrap(l.Text, max(width-4, 10), true), "\n") {
		out = append(out, "  "+style.Render(sign+" "+part))
	}
	return out
}

// path shows a path of the operator's home folder the short way.
func (u *UI) path(p string) string {
	p = text.Clean(p, widestArg)
	home := u.getenv("HOME")
	if rest, ok := strings.CutPrefix(p, home); ok && len(home) > 1 && (strings.HasPrefix(rest, "/") || rest == "") {
		return "~" + rest
	}
	return p
}

// summary says what Apply did and what remains to be done.
func (u *UI) summary(w writer, plan *wizard.Plan, res wizard.Result) {
	t := w.theme
	if !res.Changed {
		w.printf("%s %s\n", t.ok.Render(signOK), u.T("done.nothing"))
	} else {
		w.printf("%s %s\n", t.ok.Render(signOK), t.bold.Render(u.T("done.title", u.counts(plan))))
		for _, c := range plan.Changes {
			w.lines(u.changeLines("    ", c, w.width))
		}
		for _, s := range plan.Secrets {
			w.lines(u.secretLines("    ", s, w.width))
		}
		for _, r := range plan.Removals {
			if slices.Contains(res.Stayed, r.Name) {
				continue
			}
			w.lines(u.removalLines("    ", r, w.width))
		}
	}
	if len(res.Records) > 0 {
		w.printf("  %s\n", u.T("done.records", numbers(res.Records), len(res.Records)))
	}
	w.lines(u.notes(t, res.Notes, w.width))
	if len(res.Next) > 0 {
		w.printf("\n%s\n", u.T("done.next"))
		for _, args := range res.Next {
			w.printf("  %s\n", Quote(args))
		}
	}
}

// progress is one step of Apply in words.
func (u *UI) progress(p wizard.Progress) string {
	switch {
	case p.ID == "undo" && p.State == wizard.Undone:
		return u.T("progress.undone")
	case p.State == wizard.Refused:
		p.State = wizard.Durable
		return u.T("apply.refused", u.progress(p))
	case p.State == wizard.Undone:
		p.State = wizard.Durable
		return u.T("apply.undone", u.progress(p))
	}
	args := slices.Clone(p.Args)
	for i, a := range args {
		switch s, ok := a.(string); {
		case !ok:
		case u.has("option.store." + s):
			args[i] = u.T("option.store." + s)
		default:
			args[i] = u.path(s)
		}
	}
	return u.T("progress."+p.ID, args...)
}

func numbers(ns []uint64) string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, ", ")
}

// Quote joins args into a command line that a POSIX shell splits back into them.
func Quote(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		a = text.Clean(a, widestArg)
		if a == "" || strings.ContainsFunc(a, needsQuote) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}

func needsQuote(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("@%+=:,./-_", r)
	}
}
