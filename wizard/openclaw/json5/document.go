package json5

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrNotObject is wrapped by Set when a parent in the path holds something else
// than an object.
var ErrNotObject = errors.New("not an object")

// Bytes gives the text. It equals what Parse was given until the first change.
func (d *Document) Bytes() []byte { return bytes.Clone(d.src) }

// Get gives the value at path: map[string]any, []any, string, bool, nil or a
// json.Number that encoding/json accepts; Infinity and NaN come as float64. The
// empty path is the whole document.
func (d *Document) Get(path []string) (any, bool) {
	n := d.find(path)
	if n == nil {
		return nil, false
	}
	return decode(n), true
}

// Has says whether path exists, whatever its value.
func (d *Document) Has(path []string) bool { return d.find(path) != nil }

// Raw gives the text of the value at path, comments inside it included.
func (d *Document) Raw(path []string) ([]byte, bool) {
	n := d.find(path)
	if n == nil {
		return nil, false
	}
	return bytes.Clone(d.src[n.start:n.end]), true
}

// Position gives line and column, from 1, of the value at path.
func (d *Document) Position(path []string) (line, column int, ok bool) {
	n := d.find(path)
	if n == nil {
		return 0, 0, false
	}
	line, column = position(d.src, n.start)
	return line, column, true
}

func (d *Document) find(path []string) *node {
	n := d.root
	for _, key := range path {
		i := n.index(key)
		if i < 0 {
			return nil
		}
		n = n.members[i].value
	}
	return n
}

func (n *node) index(key string) int {
	for i := range n.members {
		if n.members[i].key == key {
			return i
		}
	}
	return -1
}

func decode(n *node) any {
	switch n.kind {
	case object:
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			out[m.key] = decode(m.value)
		}
		return out
	case array:
		out := make([]any, 0, len(n.elems))
		for _, e := range n.elems {
			out = append(out, decode(e.value))
		}
		return out
	case scalar:
	}
	return n.value
}

// splice replaces src[start:end] and reads the result again, so that a Document
// never holds text that does not parse.
func (d *Document) splice(edits ...edit) error {
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(d.src[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(d.src[at:])
	next, err := Parse(out.Bytes())
	if err != nil {
		return fmt.Errorf("the edited text would not parse: %w", err)
	}
	*d = *next
	return nil
}

// edit replaces src[start:end] by text; a list of edits is in order and does not
// overlap.
type edit struct {
	start, end int
	text       string
}

// Set makes path hold value, anything encoding/json can marshal. Missing parents
// are created in the indentation of the file. An equal value leaves the text
// untouched. The error wraps ErrNotObject when a parent is no object.
func (d *Document) Set(path []string, value any) error {
	encoded, err := marshal(value)
	if err != nil {
		return fmt.Errorf("encode the value of %s: %w", strings.Join(path, "."), err)
	}
	if n := d.find(path); n != nil && equal(n, encoded) {
		return nil
	}
	return d.set(path, encoded, false)
}

// SetRaw makes path hold the JSON5 text raw as it stands, comments included.
func (d *Document) SetRaw(path []string, raw []byte) error {
	text := bytes.TrimSpace(raw)
	if n := d.find(path); n != nil && bytes.Equal(d.src[n.start:n.end], text) {
		return nil
	}
	return d.set(path, text, true)
}

func (d *Document) set(path []string, text []byte, verbatim bool) error {
	if len(path) == 0 {
		return errors.New("the top level cannot be replaced")
	}
	value, err := parse(text)
	if err != nil {
		return fmt.Errorf("the value of %s: %w", strings.Join(path, "."), err)
	}
	src := source{text: text, node: value, verbatim: verbatim}
	if verbatim {
		// Without what surrounds the value: a comment would swallow its comma.
		src.text = text[value.start:value.end]
	}
	parent, level, err := d.descend(path)
	if err != nil {
		return err
	}
	rest := path[level:]
	if i := parent.index(rest[0]); i >= 0 {
		old := parent.members[i].value
		indent := d.lineIndent(parent.members[i].keyStart)
		return d.splice(edit{old.start, old.end, d.render(src, indent, d.isExpanded(parent), parent)})
	}
	return d.splice(d.insert(parent, rest, src)...)
}

// descend follows path to the deepest object that exists, leaving at least one
// key, and says how many keys it passed.
func (d *Document) descend(path []string) (*node, int, error) {
	n := d.root
	for level, key := range path {
		if n.kind != object {
			line, _ := position(d.src, n.start)
			return nil, 0, fmt.Errorf("%s on line %d: %w", strings.Join(path[:level], "."), line, ErrNotObject)
		}
		i := n.index(key)
		if i < 0 || level == len(path)-1 {
			return n, level, nil
		}
		n = n.members[i].value
	}
	return n, len(path), nil
}

// Append adds value at the end of the array at path, keeping what is in it. A
// missing array is created.
func (d *Document) Append(path []string, value any) error {
	n := d.find(path)
	if n == nil {
		return d.Set(path, []any{value})
	}
	if n.kind != array {
		return fmt.Errorf("%s is not a list", strings.Join(path, "."))
	}
	encoded, err := marshal(value)
	if err != nil {
		return fmt.Errorf("encode an element of %s: %w", strings.Join(path, "."), err)
	}
	parsed, err := parse(encoded)
	if err != nil {
		return fmt.Errorf("an element of %s: %w", strings.Join(path, "."), err)
	}
	return d.splice(d.insertElement(n, source{text: encoded, node: parsed})...)
}

// Remove takes the key at path away, with its comma, and its line when nothing
// else is on it. Comments stay. A missing path is no error.
func (d *Document) Remove(path []string) error {
	if len(path) == 0 {
		return errors.New("the top level cannot be removed")
	}
	parent := d.find(path[:len(path)-1])
	if parent == nil {
		return nil
	}
	i := parent.index(path[len(path)-1])
	if i < 0 {
		return nil
	}
	slots := make([]slot, 0, len(parent.members))
	for _, m := range parent.members {
		slots = append(slots, slot{m.keyStart, m.value.end, m.comma})
	}
	return d.splice(d.cut(slots, i)...)
}

// RemoveElements takes away the elements of the array at path for which drop
// says true. A missing array is no error.
func (d *Document) RemoveElements(path []string, drop func(value any) bool) error {
	for i := 0; ; {
		n := d.find(path)
		if n == nil || n.kind != array || i >= len(n.elems) {
			return nil
		}
		if !drop(decode(n.elems[i].value)) {
			i++
			continue
		}
		slots := make([]slot, 0, len(n.elems))
		for _, e := range n.elems {
			slots = append(slots, slot{e.value.start, e.value.end, e.comma})
		}
		if err := d.splice(d.cut(slots, i)...); err != nil {
			return err
		}
	}
}
