package wizard

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

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
	Text string
	// Reasons are those of the settings in a hunk, each once; on a Hunk line alone.
	Reasons []Reason
}

// FileDiff is the unified diff of one Change.
type FileDiff struct {
	Path  string
	Mode  string // "(new) 0600", "0600", "0644 → 0600", "removed"
	Lines []DiffLine
}

// String is the diff as plain text.
func (d FileDiff) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", d.Path, d.Mode)
	for _, l := range d.Lines {
		b.WriteByte(byte(l.Kind))
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

// widestLine bounds what one line of a foreign file may fill on a screen.
const widestLine = 400

// Diff compares the two sides of c. Values under a key whose name looks like a
// credential are not shown, whoever they belong to (A4).
func Diff(c Change) FileDiff {
	out := FileDiff{Path: c.Path, Mode: modeChange(c)}
	before, after := lines(c.Before.Data), lines(c.After.Data)
	hide := newRedactor(c.values, c.Before.Data, c.After.Data)
	edits := udiff.Strings(before, after)
	unified, err := udiff.ToUnifiedDiff("before", "after", before, edits, 3)
	if err != nil {
		out.Lines = []DiffLine{{Kind: Hunk, Text: "this file cannot be compared line by line"}}
		return out
	}
	at := places(c)
	for _, h := range unified.Hunks {
		out.Lines = append(out.Lines, DiffLine{Kind: Hunk, Text: fmt.Sprintf("@ line %d", max(h.FromLine, h.ToLine)), Reasons: reasonsOf(c.Reasons, at, h)})
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

func modeChange(c Change) string {
	switch {
	case !c.Before.Exists:
		return "new " + modeText(c.After.Mode)
	case !c.After.Exists:
		return "removed"
	case c.Before.Mode != c.After.Mode:
		return modeText(c.Before.Mode) + " → " + modeText(c.After.Mode)
	default:
		return modeText(c.After.Mode)
	}
}

func modeText(m fs.FileMode) string { return fmt.Sprintf("%04o", m.Perm()) }
