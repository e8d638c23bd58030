package json5

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// parser reads src from pos on.
type parser struct {
	src []byte
	pos int
}

func (p *parser) peek() (rune, int) {
	if p.pos >= len(p.src) {
		return -1, 0
	}
	return utf8.DecodeRune(p.src[p.pos:])
}

func (p *parser) errorAt(at int, format string, args ...any) error {
	line, column := position(p.src, at)
	return &SyntaxError{Line: line, Column: column, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) unexpected(want string) error {
	r, size := p.peek()
	if size == 0 {
		return p.errorAt(p.pos, "the text ends here, expected %s", want)
	}
	return p.errorAt(p.pos, "unexpected %s, expected %s", strconv.QuoteRuneToASCII(r), want)
}

// position turns an offset into line and column, both from 1.
func position(src []byte, at int) (line, column int) {
	line, start := 1, 0
	for i := 0; i < at && i < len(src); i++ {
		if src[i] == '\n' || (src[i] == '\r' && (i+1 >= len(src) || src[i+1] != '\n')) {
			line, start = line+1, i+1
		}
	}
	return line, utf8.RuneCount(src[start:min(at, len(src))]) + 1
}

func isLineEnd(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029'
}

func isSpace(r rune) bool {
	switch r {
	case '\t', '\v', '\f', ' ', '\u00a0', '\ufeff':
		return true
	}
	return isLineEnd(r) || unicode.Is(unicode.Zs, r)
}

// skip passes white space and comments.
func (p *parser) skip() error {
	for {
		r, size := p.peek()
		switch {
		case size == 0:
			return nil
		case isSpace(r):
			p.pos += size
		case r == '/':
			if err := p.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (p *parser) skipComment() error {
	start := p.pos
	rest := p.src[p.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		for {
			r, size := p.peek()
			if size == 0 || isLineEnd(r) {
				return nil
			}
			p.pos += size
		}
	case bytes.HasPrefix(rest, []byte("/*")):
		end := bytes.Index(rest[2:], []byte("*/"))
		if end < 0 {
			return p.errorAt(start, "this comment is never closed")
		}
		p.pos += 2 + end + 2
		return nil
	}
	return p.unexpected("a value or a comment")
}
