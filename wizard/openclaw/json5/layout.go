package json5

import (
	"bytes"
	"strings"
)

func (d *Document) eol() string {
	if i := bytes.IndexByte(d.src, '\n'); i > 0 && d.src[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lineIndent is the white space that begins the line of offset at.
func (d *Document) lineIndent(at int) string {
	start := bytes.LastIndexAny(d.src[:at], "\r\n") + 1
	end := start
	for end < at && (d.src[end] == ' ' || d.src[end] == '\t') {
		end++
	}
	return string(d.src[start:end])
}

func (d *Document) startsLine(at int) bool {
	start := bytes.LastIndexAny(d.src[:at], "\r\n") + 1
	return start > 0 && len(bytes.Trim(d.src[start:at], " \t")) == 0
}

// unit is one step of the file's indentation, from its first indented key.
func (d *Document) unit() string {
	for _, m := range d.root.members {
		if d.startsLine(m.keyStart) {
			if s := d.lineIndent(m.keyStart); s != "" {
				return s
			}
		}
	}
	return "  "
}

// isExpanded says whether the members of n are on lines of their own. The root
// always counts as such: a file on one line grows downwards.
func (d *Document) isExpanded(n *node) bool {
	if n == d.root {
		return true
	}
	return n.first() < 0 || d.startsLine(n.first())
}

// first is the offset of the first child, -1 when there is none.
func (n *node) first() int {
	switch {
	case len(n.members) > 0:
		return n.members[0].keyStart
	case len(n.elems) > 0:
		return n.elems[0].value.start
	}
	return -1
}

// childIndent is where the children of n begin.
func (d *Document) childIndent(n *node) string {
	if at := n.first(); at >= 0 && d.startsLine(at) {
		return d.lineIndent(at)
	}
	if n == d.root {
		return d.unit()
	}
	return d.lineIndent(n.start) + d.unit()
}

// insert adds the key rest[0] to n; what follows in rest become objects around
// the value.
func (d *Document) insert(n *node, rest []string, src source) []edit {
	expanded := d.isExpanded(n)
	indent := d.childIndent(n)
	if !expanded {
		indent = d.lineIndent(n.start)
	}
	var b strings.Builder
	inner := indent
	for i, key := range rest {
		b.WriteString(d.key(n, key) + ": ")
		if i == len(rest)-1 {
			break
		}
		if expanded {
			inner += d.unit()
			b.WriteString("{" + d.eol() + inner)
		} else {
			b.WriteString("{ ")
		}
	}
	b.WriteString(d.render(src, inner, expanded, n))
	for range len(rest) - 1 {
		if expanded {
			inner = strings.TrimSuffix(inner, d.unit())
			b.WriteString(d.eol() + inner + "}")
		} else {
			b.WriteString(" }")
		}
	}
	last, comma := -1, -1
	if len(n.members) > 0 {
		m := n.members[len(n.members)-1]
		last, comma = m.value.end, m.comma
	}
	return d.place(n, last, comma, b.String(), indent)
}

func (d *Document) insertElement(n *node, src source) []edit {
	expanded := d.isExpanded(n)
	indent := d.childIndent(n)
	if !expanded {
		indent = d.lineIndent(n.start)
	}
	last, comma := -1, -1
	if len(n.elems) > 0 {
		e := n.elems[len(n.elems)-1]
		last, comma = e.value.end, e.comma
	}
	return d.place(n, last, comma, d.render(src, indent, expanded, n), indent)
}

// place puts text as the last child of n, behind the child that ends at last (-1:
// none), its comma and the comments after it.
func (d *Document) place(n *node, last, comma int, text, indent string) []edit {
	closing := n.end - 1
	from := n.start + 1
	if last >= 0 {
		from = max(last, comma+1)
	}
	tail, lineComment := d.trivia(from, closing)
	if comma >= 0 {
		text += ","
	}
	newline := d.isExpanded(n) || lineComment
	if newline {
		text = d.eol() + indent + text
		if !bytes.ContainsAny(d.src[tail:closing], "\r\n") {
			text += d.eol() + d.lineIndent(n.start)
			// The blanks before the bracket would follow the new line end.
			return d.withComma(last, comma, edit{tail, closing, text})
		}
		return d.withComma(last, comma, edit{tail, tail, text})
	}
	return d.withComma(last, comma, edit{tail, tail, " " + text})
}

func (d *Document) withComma(last, comma int, e edit) []edit {
	if last < 0 || comma >= 0 {
		return []edit{e}
	}
	return []edit{{last, last, ","}, e}
}

// trivia gives the end of the last comment in src[from:to], from when there is
// none, and whether that comment runs to the end of its line.
func (d *Document) trivia(from, to int) (end int, lineComment bool) {
	p := &parser{src: d.src[:to], pos: from}
	end = from
	for {
		r, size := p.peek()
		switch {
		case size == 0:
			return end, lineComment
		case r == '/':
			lineComment = d.src[p.pos+1] == '/'
			if p.skipComment() != nil {
				return end, lineComment
			}
			end = p.pos
		default:
			p.pos += size
		}
	}
}

// slot is a child with the offset of its comma, -1 for none.
type slot struct{ start, end, comma int }

// cut removes child i. A last child without a comma takes the comma before it
// along, so that plain JSON stays plain JSON.
func (d *Document) cut(slots []slot, i int) []edit {
	s := slots[i]
	var edits []edit
	if i > 0 && s.comma < 0 {
		c := slots[i-1].comma
		edits = append(edits, edit{c, c + 1, ""})
	}
	parts := []edit{{s.start, s.end, ""}}
	if s.comma >= 0 {
		parts = append(parts, edit{s.comma, s.comma + 1, ""})
		// Between value and comma only comments deserve to stay.
		if len(bytes.TrimSpace(d.src[s.end:s.comma])) == 0 {
			parts = []edit{{s.start, s.comma + 1, ""}}
		}
	}
	head, tail := &parts[0], &parts[len(parts)-1]
	lineEnd := d.blankUntil(tail.end)
	switch {
	case d.startsLine(head.start) && len(parts) == 1 && d.atLineEnd(lineEnd):
		head.start -= len(d.lineIndent(head.start))
		tail.end = lineEnd + d.lineEndLen(lineEnd)
	case s.comma < 0 && i > 0:
		// Inline last child: drop the blanks behind the comma that goes.
		for head.start > slots[i-1].comma+1 && isBlank(d.src[head.start-1]) {
			head.start--
		}
	default:
		tail.end = lineEnd
	}
	return append(edits, parts...)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (d *Document) blankUntil(at int) int {
	for at < len(d.src) && isBlank(d.src[at]) {
		at++
	}
	return at
}

func (d *Document) atLineEnd(at int) bool { return d.lineEndLen(at) > 0 }

func (d *Document) lineEndLen(at int) int {
	switch {
	case bytes.HasPrefix(d.src[at:], []byte("\r\n")):
		return 2
	case at < len(d.src) && (d.src[at] == '\n' || d.src[at] == '\r'):
		return 1
	}
	return 0
}
