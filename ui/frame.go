package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// margin is the blank cells at each side of the body.
const margin = 2

// area is the size of the terminal.
type area struct{ width, height int }

// inner is the width of the body.
func (a area) inner() int { return max(a.width-2*margin, 16) }

// bodyHeight is what the title line, the key line and their rules leave.
func (a area) bodyHeight() int { return max(a.height-4, 1) }

// frame is a whole screen: title, rule, body, rule, keys. It has the size of the
// terminal whatever is in it.
func (t theme) frame(a area, title, keys string, body []string) string {
	rule := t.faint.Render(strings.Repeat("─", a.width))
	out := []string{ansi.Truncate(title, a.width, "…"), rule}
	for i := range a.bodyHeight() {
		l := ""
		if i < len(body) {
			l = ansi.Truncate(body[i], a.width, "…")
		}
		out = append(out, l)
	}
	return strings.Join(append(out, rule, t.faint.Render(ansi.Truncate(" "+fitKeys(keys, a.width-1), a.width, "…"))), "\n")
}

// betweenKeys separates the keys of a key line.
const betweenKeys = "   "

// fitKeys leaves keys out until the line fits: the first and the last, which goes on and
// leaves, stay longest.
func fitKeys(keys string, width int) string {
	parts := strings.Split(keys, betweenKeys)
	for len(parts) > 2 && ansi.StringWidth(strings.Join(parts, betweenKeys)) > width {
		parts = append(parts[:len(parts)-2], parts[len(parts)-1])
	}
	return strings.Join(parts, betweenKeys)
}

// indent sets lines off by the margin.
func indent(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		if l != "" {
			out[i] = strings.Repeat(" ", margin) + l
		}
	}
	return out
}

var spinnerFrames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// spinner is the sign of work under way, in its n-th shape.
func (t theme) spinner(n int) string {
	return t.accent.Render(string(spinnerFrames[n%len(spinnerFrames)]))
}
