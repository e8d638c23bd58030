// Package json5 edits JSON5 text without rewriting it.
//
// A Document remembers where every value lies in the text. Set and Remove touch
// only the bytes of the value that is named; comments, order, quoting, trailing
// commas, indentation, line ends and a byte order mark of everything else stay
// as the author wrote them. The grammar is https://spec.json5.org, narrowed in
// three ways: the top level is an object, a key appears once in its object, and
// the text is valid UTF-8.
package json5

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep objects and arrays may nest. It bounds the recursion;
// OpenClaw's own schema nests about ten deep.
const MaxDepth = 128

// SyntaxError says where text stops being an acceptable document.
type SyntaxError struct {
	// Line and Column count from 1; a column is a code point.
	Line, Column int
	// Msg is what is wrong, without the position.
	Msg string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Msg)
}

type kind int

const (
	scalar kind = iota
	object
	array
)

// node is a value and where it lies: src[start:end].
type node struct {
	kind       kind
	start, end int
	value      any // scalar: string, json.Number, float64 (Infinity, NaN), bool, nil
	members    []member
	elems      []element
}

// member is one key and its value; comma is the offset of the comma after it,
// -1 when there is none.
type member struct {
	key      string
	keyStart int
	value    *node
	comma    int
}

type element struct {
	value *node
	comma int
}

// Document is a parsed JSON5 text. It is not safe for concurrent use.
type Document struct {
	src  []byte
	root *node
}

// Parse reads b. It fails with a *SyntaxError that gives line and column. The
// caller bounds the size of b.
func Parse(b []byte) (*Document, error) {
	src := bytes.Clone(b)
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		p := &parser{src: src}
		return nil, p.errorAt(root.start, "the top level is not an object")
	}
	return &Document{src: src, root: root}, nil
}

func parse(src []byte) (*node, error) {
	p := &parser{src: src}
	if at := invalidUTF8(src); at >= 0 {
		return nil, p.errorAt(at, "not valid UTF-8")
	}
	if err := p.skip(); err != nil {
		return nil, err
	}
	if p.pos == len(src) {
		return nil, p.errorAt(p.pos, "the text is empty, expected an object")
	}
	root, err := p.parseValue(0)
	if err != nil {
		return nil, err
	}
	if err := p.skip(); err != nil {
		return nil, err
	}
	if p.pos != len(src) {
		return nil, p.unexpected("the end of the text")
	}
	return root, nil
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func (p *parser) parseValue(depth int) (*node, error) {
	if depth >= MaxDepth {
		return nil, p.errorAt(p.pos, "nested deeper than %d", MaxDepth)
	}
	start := p.pos
	r, _ := p.peek()
	switch r {
	case '{':
		return p.parseObject(depth)
	case '[':
		return p.parseArray(depth)
	case '"', '\'':
		s, err := p.parseString()
		if err != nil {
			return nil, err
		}
		return &node{start: start, end: p.pos, value: s}, nil
	}
	v, err := p.parseLiteral()
	if err != nil {
		return nil, err
	}
	return &node{start: start, end: p.pos, value: v}, nil
}

func (p *parser) parseObject(depth int) (*node, error) {
	n := &node{kind: object, start: p.pos}
	seen := map[string]int{}
	p.pos++
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if r, _ := p.peek(); r == '}' {
			p.pos++
			n.end = p.pos
			return n, nil
		}
		if len(n.members) > 0 && n.members[len(n.members)-1].comma < 0 {
			return nil, p.unexpected("',' or '}'")
		}
		m, err := p.parseMember(depth)
		if err != nil {
			return nil, err
		}
		if first, dup := seen[m.key]; dup {
			line, _ := position(p.src, first)
			return nil, p.errorAt(m.keyStart, "the key %s is already on line %d", short(m.key), line)
		}
		seen[m.key] = m.keyStart
		n.members = append(n.members, m)
	}
}

func (p *parser) parseMember(depth int) (member, error) {
	m := member{keyStart: p.pos}
	var err error
	if m.key, err = p.parseKey(); err != nil {
		return m, err
	}
	if err = p.skip(); err != nil {
		return m, err
	}
	if r, _ := p.peek(); r != ':' {
		return m, p.unexpected("':'")
	}
	p.pos++
	if err = p.skip(); err != nil {
		return m, err
	}
	if m.value, err = p.parseValue(depth + 1); err != nil {
		return m, err
	}
	m.comma, err = p.parseComma()
	return m, err
}

func (p *parser) parseArray(depth int) (*node, error) {
	n := &node{kind: array, start: p.pos}
	p.pos++
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if r, _ := p.peek(); r == ']' {
			p.pos++
			n.end = p.pos
			return n, nil
		}
		if len(n.elems) > 0 && n.elems[len(n.elems)-1].comma < 0 {
			return nil, p.unexpected("',' or ']'")
		}
		v, err := p.parseValue(depth + 1)
		if err != nil {
			return nil, err
		}
		comma, err := p.parseComma()
		if err != nil {
			return nil, err
		}
		n.elems = append(n.elems, element{value: v, comma: comma})
	}
}

// parseComma passes an optional comma and gives its offset, or -1.
func (p *parser) parseComma() (int, error) {
	if err := p.skip(); err != nil {
		return -1, err
	}
	if r, _ := p.peek(); r != ',' {
		return -1, nil
	}
	p.pos++
	return p.pos - 1, nil
}

// short quotes foreign text for an error message.
func short(s string) string {
	const limit = 64
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strconv.QuoteToASCII(s)
}
