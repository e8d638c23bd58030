package wizard

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/clawsetup/clawsetup/wizard/text"
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
	edits := udiff.Strings(before, after)
	unified, err := udiff.ToUnifiedDiff("before", "after", before, edits, 3)
	if err != nil {
		out.Lines = []DiffLine{{Hunk, "this file cannot be compared line by line"}}
		return out
	}
	for _, h := range unified.Hunks {
		out.Lines = append(out.Lines, DiffLine{Hunk, fmt.Sprintf("@ line %d", max(h.FromLine, h.ToLine))})
		for _, l := range h.Lines {
			kind := Context
			switch l.Kind {
			case udiff.Insert:
				kind = Added
			case udiff.Delete:
				kind = Removed
			}
			out.Lines = append(out.Lines, DiffLine{kind, cleanLine(l.Content)})
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

func cleanLine(s string) string {
	s = strings.TrimRight(s, "\r\n")
	trimmed := strings.TrimLeft(s, " \t")
	indent := strings.Repeat(" ", len(s)-len(trimmed))
	return indent + text.Clean(Redact(trimmed), widestLine)
}

// credential matches a setting whose name says that its value is a secret, in
// JSON, JSON5 and YAML; quoted values and bare ones.
var credential = regexp.MustCompile(`(?i)(["']?[\w.-]*(?:token|secret|passw|passphrase|api_?key|apikey|credential|bearer|auth_?key|private_?key)[\w.-]*["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,{}\[\]]+)`)

// Redact hides the values of credential-like settings in one line of text. Values
// that cannot be secrets (true, false, null, numbers) stay readable.
func Redact(line string) string {
	return credential.ReplaceAllStringFunc(line, func(m string) string {
		g := credential.FindStringSubmatch(m)
		if harmless.MatchString(g[2]) {
			return m
		}
		return g[1] + `"[hidden]"`
	})
}

var harmless = regexp.MustCompile(`^(?:true|false|null|\d{1,9}|""|''|\|)$`)

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
