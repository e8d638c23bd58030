package json5

// Value is one value of a document together with the text that it is written as.
type Value struct {
	// Raw is that text: a string with its quotes and escapes, an object with its comments.
	// It is the document's own until the next change, and not to be written to.
	Raw []byte
	// Scalar is what Get gives for a value without parts, nil for an object or array.
	Scalar any
	// Members are those of an object in the order of the text.
	Members []Member
	// Elements are those of an array.
	Elements []Value
}

// Member is one key of an object with its value.
type Member struct {
	Key   string
	Value Value
}

// Tree gives the whole document.
func (d *Document) Tree() Value { return d.tree(d.root) }

func (d *Document) tree(n *node) Value {
	out := Value{Raw: d.src[n.start:n.end:n.end], Scalar: n.value}
	for _, m := range n.members {
		out.Members = append(out.Members, Member{Key: m.key, Value: d.tree(m.value)})
	}
	for _, e := range n.elems {
		out.Elements = append(out.Elements, d.tree(e.value))
	}
	return out
}
