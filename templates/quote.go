package templates

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteYAML returns s as a YAML 1.2 double-quoted scalar on one line: a string in
// every position, whatever s looks like (5.7 Escaped Characters, 7.3.1). Text that
// a YAML stream cannot carry, or that no argument or environment value can hold,
// is an error.
func quoteYAML(s string) (string, error) { return quoteLines(s, "") }

// quoteLines is quoteYAML that goes on in a new line, indented by indent, after
// each line break of s (7.3.1: an escaped line break and the white space after it
// are not content). An empty indent keeps one line.
func quoteLines(s, indent string) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: not valid UTF-8", ErrValue)
	}
	var b strings.Builder
	b.WriteByte('"')
	lineStart := false
	for i, r := range s {
		if lineStart && r == ' ' {
			b.WriteByte('\\') // else it would count as indentation
		}
		lineStart = false
		switch {
		case r == 0:
			return "", fmt.Errorf("%w: contains a NUL", ErrValue)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
			if lineStart = indent != "" && i < len(s)-1; lineStart {
				b.WriteString("\\\n" + indent)
			}
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}

// quoteCompose is quoteYAML for a value that compose must take literally: compose
// replaces "$NAME" after the YAML was read and writes "$" for "$$".
func quoteCompose(s string) (string, error) {
	return quoteYAML(strings.ReplaceAll(s, "$", "$$"))
}

// quoteScript is quoteCompose over several lines, at the depth of an item of a
// service's list.
func quoteScript(s string) (string, error) {
	return quoteLines(strings.ReplaceAll(s, "$", "$$"), "        ")
}

// quoteList is a YAML flow sequence of literal strings.
func quoteList(list []string) (string, error) {
	quoted := make([]string, len(list))
	for i, s := range list {
		q, err := quoteCompose(s)
		if err != nil {
			return "", fmt.Errorf("item %d: %w", i+1, err)
		}
		quoted[i] = q
	}
	return "[" + strings.Join(quoted, ", ") + "]", nil
}

// quoteShell returns s as one word of a POSIX shell.
func quoteShell(s string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-./:,+@%", r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// decimal writes f without an exponent, as compose's schema wants it.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
