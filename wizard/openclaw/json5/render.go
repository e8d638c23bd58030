package json5

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"
)

// inlineLimit is how long a value may be to stay on one line inside an object
// that is itself on one line.
const inlineLimit = 80

// source is a value to write: its text, parsed. A verbatim one keeps its layout.
type source struct {
	text     []byte
	node     *node
	verbatim bool
}

func marshal(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// equal says whether n means the same as the JSON in encoded.
func equal(n *node, encoded []byte) bool {
	other, err := parse(encoded)
	return err == nil && reflect.DeepEqual(decode(n), decode(other))
}

// render writes a value that begins on a line indented by indent.
func (d *Document) render(src source, indent string, expanded bool, in *node) string {
	if src.verbatim {
		return string(src.text)
	}
	if !expanded {
		var b strings.Builder
		d.write(&b, src, src.node, in, "", false)
		if utf8.RuneCountInString(b.String()) <= inlineLimit {
			return b.String()
		}
	}
	var b strings.Builder
	d.write(&b, src, src.node, in, indent, true)
	return b.String()
}

func (d *Document) write(b *strings.Builder, src source, n, in *node, indent string, expanded bool) {
	if n.kind == scalar || n.first() < 0 {
		b.Write(src.text[n.start:n.end])
		return
	}
	open, shut := "{", "}"
	if n.kind == array {
		open, shut = "[", "]"
	}
	inner, pad, end := indent+d.unit(), "", ""
	if expanded {
		pad, end = d.eol()+inner, d.eol()+indent
	} else if n.kind == object {
		pad, end = " ", " "
	}
	b.WriteString(open)
	for i, m := range n.members {
		b.WriteString(separator(i, pad, expanded) + d.key(in, m.key) + ": ")
		d.write(b, src, m.value, in, inner, expanded)
	}
	for i, e := range n.elems {
		b.WriteString(separator(i, pad, expanded))
		d.write(b, src, e.value, in, inner, expanded)
	}
	b.WriteString(end + shut)
}

func separator(i int, pad string, expanded bool) string {
	switch {
	case i == 0:
		return pad
	case expanded:
		return "," + pad
	}
	return ", "
}

// key writes a key the way the first key of in is written, or the first of the
// file: bare where that is possible, else quoted.
func (d *Document) key(in *node, key string) string {
	style := byte('"')
	for _, n := range []*node{in, d.root} {
		if len(n.members) > 0 {
			style = d.src[n.members[0].keyStart]
			break
		}
	}
	if style != '"' && style != '\'' && isBareKey(key) {
		return key
	}
	quoted, err := marshal(key)
	if err != nil {
		return `""`
	}
	if style == '\'' && !strings.ContainsAny(key, `'"\`) {
		return "'" + string(quoted[1:len(quoted)-1]) + "'"
	}
	return string(quoted)
}

func isBareKey(key string) bool {
	for i, r := range key {
		if r >= utf8.RuneSelf || !isIdentifier(r, i == 0) {
			return false
		}
	}
	return key != ""
}
