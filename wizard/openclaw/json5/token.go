package json5

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// parseKey reads a quoted key or an ECMAScript 5.1 IdentifierName.
func (p *parser) parseKey() (string, error) {
	if r, _ := p.peek(); r == '"' || r == '\'' {
		return p.parseString()
	}
	var b strings.Builder
	for {
		at := p.pos
		r, size := p.peek()
		escaped := r == '\\'
		if escaped {
			p.pos++
			if c, n := p.peek(); c != 'u' || n == 0 {
				return "", p.unexpected("'u' of an escape in a key")
			}
			p.pos++
			v, err := p.parseHex(4)
			if err != nil {
				return "", err
			}
			r = v
		}
		if size == 0 || !isIdentifier(r, b.Len() == 0) {
			if escaped {
				return "", p.errorAt(at, "this escape is not a letter of a key")
			}
			break
		}
		if !escaped {
			p.pos += size
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "", p.unexpected("a key")
	}
	return b.String(), nil
}

func isIdentifier(r rune, first bool) bool {
	switch {
	case r == '$' || r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r):
		return true
	case first:
		return false
	}
	return r == '\u200c' || r == '\u200d' || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)
}

func (p *parser) parseString() (string, error) {
	start := p.pos
	quote, _ := p.peek()
	p.pos++
	var b strings.Builder
	for {
		r, size := p.peek()
		switch {
		case size == 0 || r == '\n' || r == '\r':
			return "", p.errorAt(start, "this string is never closed on its line")
		case r == quote:
			p.pos++
			return b.String(), nil
		case r == '\\':
			if err := p.parseEscape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteRune(r)
			p.pos += size
		}
	}
}

var simpleEscapes = map[rune]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// parseEscape reads what follows a backslash, which it passes too.
func (p *parser) parseEscape(b *strings.Builder) error {
	at := p.pos
	p.pos++
	r, size := p.peek()
	if size == 0 {
		return p.unexpected("an escaped character")
	}
	p.pos += size
	switch {
	case simpleEscapes[r] != 0:
		b.WriteRune(simpleEscapes[r])
	case r == '\r':
		// A line continuation; CR LF is one line end.
		if c, _ := p.peek(); c == '\n' {
			p.pos++
		}
	case isLineEnd(r):
	case r == '0':
		if c, _ := p.peek(); c >= '0' && c <= '9' {
			return p.errorAt(at, "octal escapes do not exist in JSON5")
		}
		b.WriteByte(0)
	case r >= '1' && r <= '9':
		return p.errorAt(at, "octal escapes do not exist in JSON5")
	case r == 'x':
		v, err := p.parseHex(2)
		if err != nil {
			return err
		}
		b.WriteRune(v)
	case r == 'u':
		v, err := p.parseUnicode()
		if err != nil {
			return err
		}
		b.WriteRune(v)
	default:
		b.WriteRune(r)
	}
	return nil
}

// parseUnicode reads the digits after \u, joining a surrogate pair. A lone
// surrogate, which UTF-8 cannot hold, becomes U+FFFD as in encoding/json.
func (p *parser) parseUnicode() (rune, error) {
	v, err := p.parseHex(4)
	if err != nil || !utf16.IsSurrogate(v) {
		return v, err
	}
	rest := p.src[p.pos:]
	if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		low := &parser{src: p.src, pos: p.pos + 2}
		if w, err := low.parseHex(4); err == nil {
			if pair := utf16.DecodeRune(v, w); pair != unicode.ReplacementChar {
				p.pos = low.pos
				return pair, nil
			}
		}
	}
	return utf8.RuneError, nil
}

func (p *parser) parseHex(digits int) (rune, error) {
	var v rune
	for range digits {
		r, size := p.peek()
		d := hexValue(r)
		if size == 0 || d < 0 {
			return 0, p.unexpected("a hexadecimal digit")
		}
		v = v<<4 | d
		p.pos++
	}
	return v, nil
}

func hexValue(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r - '0'
	case r >= 'a' && r <= 'f':
		return r - 'a' + 10
	case r >= 'A' && r <= 'F':
		return r - 'A' + 10
	}
	return -1
}

// parseLiteral reads null, a boolean or a number.
func (p *parser) parseLiteral() (any, error) {
	start := p.pos
	for r, size := p.peek(); size > 0 && isLiteral(r); r, size = p.peek() {
		p.pos += size
	}
	word := string(p.src[start:p.pos])
	switch word {
	case "":
		return nil, p.unexpected("a value")
	case "null":
		return nil, nil
	case "true", "false":
		return word == "true", nil
	}
	v, ok := number(word)
	if !ok {
		return nil, p.errorAt(start, "%s is not a value; a string needs quotes", short(word))
	}
	return v, nil
}

// isLiteral says what an unquoted word may hold; more than JSON5 allows, so that
// an error names the whole word.
func isLiteral(r rune) bool {
	return r == '+' || r == '-' || r == '.' || (!isSpace(r) && isIdentifier(r, false))
}

// number gives a JSON5 number as a json.Number that encoding/json accepts, or as
// a float64 for the three values that JSON cannot write.
func number(word string) (any, bool) {
	sign, digits := "", word
	if strings.HasPrefix(word, "-") {
		sign, digits = "-", word[1:]
	} else if strings.HasPrefix(word, "+") {
		digits = word[1:]
	}
	switch digits {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		if sign == "-" {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	}
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		return hexNumber(sign, digits[2:])
	}
	text, ok := decimal(digits)
	return json.Number(sign + text), ok
}

func hexNumber(sign, digits string) (any, bool) {
	for _, r := range digits {
		if hexValue(r) < 0 {
			return nil, false
		}
	}
	v, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		return nil, false
	}
	return json.Number(sign + v.String()), true
}

// decimal rewrites .5 as 0.5 and 5. as 5, and refuses leading zeros.
func decimal(s string) (string, bool) {
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
		digits := strings.TrimLeft(exponent[1:], "+-")
		if len(exponent)-1-len(digits) > 1 || !allDigits(digits) {
			return "", false
		}
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	switch {
	case whole == "" && fraction == "", whole != "" && !allDigits(whole), fraction != "" && !allDigits(fraction):
		return "", false
	case len(whole) > 1 && whole[0] == '0':
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	if dot && fraction != "" {
		whole += "." + fraction
	}
	return whole + exponent, true
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
