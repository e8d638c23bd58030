package ui

import (
	"io"

	"github.com/charmbracelet/huh"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/clawsetup/clawsetup/wizard"
)

// The colours, readable on light and on dark backgrounds (contrast of at least
// 3.9:1 with white and with black), so that the terminal need not be asked which
// it has. 16-colour terminals get the nearest of their palette.
const (
	colourAccent = lipgloss.Color("31")
	colourOK     = lipgloss.Color("28")
	colourWarn   = lipgloss.Color("130")
	colourBad    = lipgloss.Color("160")
)

// theme is every style of the program.
type theme struct {
	title, accent, ok, warn, bad, faint, bold lipgloss.Style
	plain                                     lipgloss.Style
	cursor                                    lipgloss.Style
}

// newTheme returns the styles for w. Without colours a full screen keeps bold,
// faint and reverse, since a cursor needs to be seen; plain text is bare.
func newTheme(w io.Writer, monochrome, screen bool) theme {
	r := lipgloss.NewRenderer(w)
	// The answer is never used: no colour of ours depends on it. Not asking keeps a
	// terminal that does not answer from holding us up.
	r.SetHasDarkBackground(true)
	if monochrome {
		r.SetColorProfile(termenv.Ascii)
	}
	if screen && r.ColorProfile() == termenv.Ascii {
		monochrome = true
		r.SetColorProfile(termenv.ANSI)
	}
	style := func(c lipgloss.Color) lipgloss.Style {
		s := r.NewStyle()
		if !monochrome {
			s = s.Foreground(c)
		}
		return s
	}
	return theme{
		title:  r.NewStyle().Bold(true),
		bold:   r.NewStyle().Bold(true),
		accent: style(colourAccent),
		ok:     style(colourOK),
		warn:   style(colourWarn),
		bad:    style(colourBad),
		faint:  r.NewStyle().Faint(true),
		plain:  r.NewStyle(),
		cursor: r.NewStyle().Reverse(true),
	}
}

// The signs: no state is told by colour alone.
const (
	signOK      = "✓"
	signWarn    = "!"
	signBad     = "✗"
	signOpen    = "○"
	signAbsent  = "–"
	signHere    = "●"
	signChosen  = "›"
	signRunning = "⠹"
)

// sign is the sign of a state, with its style.
func (t theme) sign(s wizard.State) string {
	switch s {
	case wizard.OK:
		return t.ok.Render(signOK)
	case wizard.Attention:
		return t.warn.Render(signWarn)
	case wizard.Failed:
		return t.bad.Render(signBad)
	case wizard.NotChecked:
		return t.faint.Render(signOpen)
	default:
		return t.faint.Render(signAbsent)
	}
}

// fields is the look of huh's fields.
func (t theme) fields() *huh.Theme {
	var h huh.Theme
	f := &h.Focused
	f.Base, f.Title, f.Description = t.plain, t.faint, t.faint
	f.ErrorIndicator, f.ErrorMessage = t.plain, t.plain
	f.SelectSelector = t.accent.SetString(signChosen + " ")
	f.Option, f.UnselectedOption = t.plain, t.plain
	f.SelectedOption = t.accent.Bold(true)
	f.TextInput = huh.TextInputStyles{Cursor: t.cursor, CursorText: t.plain, Placeholder: t.faint, Prompt: t.accent, Text: t.plain}
	h.Blurred = h.Focused
	return &h
}
