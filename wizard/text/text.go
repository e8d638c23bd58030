// Package text makes foreign text safe to show on a terminal.
package text

import (
	"unicode"
	"unicode/utf8"
)

// Clean returns s on one line, without anything that could steer a terminal or
// mislead a reader: control characters, escapes, invalid UTF-8, line
// separators and bidirectional or other invisible formatting become "·", runs
// of white space one blank. The result has at most limit runes; a longer text ends
// in "…".
func Clean(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	// A rune has at most four bytes; what lies beyond cannot be shown.
	if len(s) > 4*limit+4 {
		s = s[:4*limit+4]
	}
	out := make([]rune, 0, min(len(s), limit)+2)
	blank := false
	for i := 0; i < len(s) && len(out) <= limit; {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if r == ' ' || r == '\t' || r == '\n' || r == '\r' {
			blank = len(out) > 0
			continue
		}
		if blank {
			out, blank = append(out, ' '), false
		}
		if hidden(r, size) {
			r = '·'
		}
		out = append(out, r)
	}
	if len(out) > limit {
		out = append(out[:limit-1], '…')
	}
	return string(out)
}

// brailleBlank is a symbol without a dot.
const brailleBlank = '\u2800'

// hidden tells a rune that nobody sees, of Unicode's Default_Ignorable_Code_Point among
// others: some of those are letters and marks.
func hidden(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return true
	}
	return !unicode.IsPrint(r) && r != ' ' || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == brailleBlank
}
