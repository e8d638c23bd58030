package wizard

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// LineKind is the role of a line in a diff.
type LineKind byte

// The roles, as a unified diff writes them.
const (
	Context LineKind = ' '
	Added   LineKind = '+'
	Removed LineKind = '-'
	Hunk    LineKind = '@'
)

// DiffLine is one line of a diff, safe for a terminal and without secrets.
type DiffLine struct {
	Kind LineKind
	// Text is empty on a Hunk line.
	Text string
	// Line is where a hunk begins, and Reasons are those of the settings in it, each once;
	// on a Hunk line alone.
	Line    int
	Reasons []Reason
}

// FileDiff is the unified diff of one Change.
type FileDiff struct {
	Path string
	// Before and After are the modes, such as 0600; empty where there is no file.
	Before, After string
	// Incomparable says that the contents cannot be compared line by line.
	Incomparable bool
	Lines        []DiffLine
}

// String is the diff as plain text, in English whatever the screen speaks: it is for
// JSON, where words do not change.
func (d FileDiff) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", d.Path, d.mode())
	if d.Incomparable {
		b.WriteString("@this file cannot be compared line by line\n")
	}
	for _, l := range d.Lines {
		if l.Kind == Hunk {
			fmt.Fprintf(&b, "@@ line %d\n", l.Line)
			continue
		}
		b.WriteByte(byte(l.Kind))
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

func (d FileDiff) mode() string {
	switch {
	case d.Before == "":
		return "new " + d.After
	case d.After == "":
		return "removed"
	case d.Before != d.After:
		return d.Before + " → " + d.After
	default:
		return d.After
	}
}

// widestLine bounds, in characters, what one line of a foreign file may fill on a screen.
// The longest of our own, the launcher's command, is within it.
const widestLine = 4000

// Diff compares the two sides of c. Values under a key whose name looks like a
// credential are not shown, whoever they belong to (A4).
func Diff(c Change) FileDiff {
	out := FileDiff{Path: c.Path, Before: modeOf(c.Before), After: modeOf(c.After)}
	before, after := lines(c.Before.Data), lines(c.After.Data)
	hide := newRedactor(c.values, c.Before.Data, c.After.Data)
	edits := udiff.Lines(before, after)
	unified, err := udiff.ToUnifiedDiff("before", "after", before, edits, 3)
	if err != nil {
		out.Incomparable = true
		return out
	}
	at := places(c)
	for _, h := range unified.Hunks {
		out.Lines = append(out.Lines, DiffLine{Kind: Hunk, Line: max(h.FromLine, h.ToLine), Reasons: reasonsOf(c.Reasons, at, h)})
		for _, l := range h.Lines {
			kind := map[udiff.OpKind]LineKind{udiff.Insert: Added, udiff.Delete: Removed, udiff.Equal: Context}[l.Kind]
			out.Lines = append(out.Lines, DiffLine{Kind: kind, Text: hide.line(l.Content)})
		}
	}
	return out
}

// places are the lines of the new file at which settings with a reason stand; 0 is
// nowhere.
func places(c Change) []int {
	out := make([]int, len(c.Reasons))
	if len(out) == 0 {
		return nil
	}
	doc, err := json5.Parse(c.After.Data)
	if err != nil {
		return out
	}
	for i, r := range c.Reasons {
		out[i], _, _ = doc.Position(splitPath(r.Key))
	}
	return out
}

// reasonsOf are the reasons of the lines that a hunk adds.
func reasonsOf(reasons []Reason, at []int, h *udiff.Hunk) []Reason {
	added := map[int]bool{}
	line := h.ToLine
	for _, l := range h.Lines {
		if l.Kind == udiff.Delete {
			continue
		}
		added[line] = l.Kind == udiff.Insert
		line++
	}
	var out []Reason
	for i, r := range reasons {
		same := func(o Reason) bool { return o.Why == r.Why }
		if added[at[i]] && !slices.ContainsFunc(out, same) {
			out = append(out, r)
		}
	}
	return out
}

// lines gives the comparison a last line end, so that its absence is no
// difference worth a hunk of its own.
func lines(b []byte) string {
	s := string(b)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

func modeOf(f files.File) string {
	if !f.Exists {
		return ""
	}
	return modeText(f.Mode)
}

func modeText(m fs.FileMode) string { return fmt.Sprintf("%04o", m.Perm()) }
