package json5

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func path(s string) []string { return strings.Split(s, ".") }

func mustParse(t *testing.T, s string) *Document {
	t.Helper()
	d, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return d
}

func TestParseValues(t *testing.T) {
	tests := []struct {
		in   string
		want any
	}{
		{`{v: null}`, nil},
		{`{v: true}`, true},
		{`{v: 'it"s'}`, `it"s`},
		{`{v: "a\
b"}`, "ab"},
		{"{v: \"a\\\r\nb\"}", "ab"},
		{`{v: "\x41\u0042\0\v\'\q"}`, "AB\x00\v'q"},
		{`{v: "\ud83d\ude00"}`, "😀"},
		{`{v: "\ud83d!"}`, "\uFFFD!"},
		{`{v: 0x1F}`, json.Number("31")},
		{`{v: -0xffffffffffffffffff}`, json.Number("-4722366482869645213695")},
		{`{v: .5}`, json.Number("0.5")},
		{`{v: 5.}`, json.Number("5")},
		{`{v: +1e3}`, json.Number("1e3")},
		{`{v: -5.e-3}`, json.Number("-5e-3")},
		{`{v: Infinity}`, math.Inf(1)},
		{`{v: -Infinity}`, math.Inf(-1)},
		{"{v: 1\u00a0}", json.Number("1")},
		{`{v: [1,'a',{b: []},]}`, []any{json.Number("1"), "a", map[string]any{"b": []any{}}}},
		{"\ufeff// c\n{/*x*/\"v\"/*y*/:/*z*/ 1 /*w*/,}//end", json.Number("1")},
		{`{\u0076: 1}`, json.Number("1")},
		{`{$_ключ9: 0, v: 1}`, json.Number("1")},
	}
	for _, tt := range tests {
		d, err := Parse([]byte(tt.in))
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if got, ok := d.Get([]string{"v"}); !ok || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %#v, %v; want %#v", tt.in, got, ok, tt.want)
		}
		if string(d.Bytes()) != tt.in {
			t.Errorf("%q came back as %q", tt.in, d.Bytes())
		}
	}
	d := mustParse(t, `{v: NaN}`)
	if got, _ := d.Get([]string{"v"}); !math.IsNaN(got.(float64)) {
		t.Errorf("NaN: got %v", got)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{``, "line 1, column 1: the text is empty"},
		{"// only\n", "line 2, column 1: the text is empty"},
		{`[]`, "line 1, column 1: the top level is not an object"},
		{`{a: 1} x`, `line 1, column 8: unexpected 'x', expected the end`},
		{`{a: 1 b: 2}`, `line 1, column 7: unexpected 'b', expected ',' or '}'`},
		{`{,}`, `expected a key`},
		{`{a: 1,,}`, `expected a key`},
		{`{a 1}`, `expected ':'`},
		{`{a: }`, `expected a value`},
		{`{a: 01}`, `"01" is not a value`},
		{`{a: 1__2}`, `is not a value`},
		{`{a: --1}`, `is not a value`},
		{`{a: 1e}`, `is not a value`},
		{`{a: 1e+-1}`, `is not a value`},
		{`{a: .}`, `is not a value`},
		{`{a: 0x}`, `is not a value`},
		{`{a: secret}`, `a string needs quotes`},
		{"{a: 'x\n'}", "line 1, column 5: this string is never closed"},
		{`{a: '\01'}`, "octal"},
		{`{a: '\7'}`, "octal"},
		{`{a: '\xZZ'}`, "hexadecimal"},
		{`{a: '\u12'}`, "hexadecimal"},
		{`{a: 1 /* }`, "never closed"},
		{`{a: 1 / 2}`, "unexpected '/'"},
		{`{1a: 1}`, "expected a key"},
		{`{\u0031a: 1}`, "not a letter of a key"},
		{`{\n: 1}`, "unexpected 'n'"},
		{"{\n  a: 1,\n  'a': 2\n}", `line 3, column 3: the key "a" is already on line 2`},
		{"{\r\r\n\n  б: @}", "line 4, column 6"},
		{"{a: '\xff'}", "line 1, column 6: not valid UTF-8"},
		{`{a: ` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`, "nested deeper than 128"},
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.in))
		if err == nil {
			t.Errorf("Parse(%q) accepted", tt.in)
			continue
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q): %v; want %q", tt.in, err, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	long := strings.Repeat("x", 90)
	tests := []struct {
		name, in, path string
		value          any
		want           string
	}{
		{"empty root", `{}`, "a", 1, "{\n  \"a\": 1\n}"},
		{"same value", `{a: 0x10 /*sixteen*/}`, "a", 16, `{a: 0x10 /*sixteen*/}`},
		{"replace", "{a: 'x', // why\n b: 2}", "a", "y", "{a: \"y\", // why\n b: 2}"},
		{"append plain", "{\n  \"a\": 1\n}\n", "b", true, "{\n  \"a\": 1,\n  \"b\": true\n}\n"},
		{"append trailing comma", "{\n\ta: 1, // about a\n}\n", "b", []string{}, "{\n\ta: 1, // about a\n\tb: [],\n}\n"},
		{"after comments", "{\n  a: 1 // about a\n  // old: 2\n}", "b", 2, "{\n  a: 1, // about a\n  // old: 2\n  b: 2\n}"},
		{"single quotes", "{\n  'a': 1\n}", "b-c", 2, "{\n  'a': 1,\n  'b-c': 2\n}"},
		{"bare where possible", "{\n  a: 1\n}", "b-c", 2, "{\n  a: 1,\n  \"b-c\": 2\n}"},
		{"crlf", "{\r\n  a: 1\r\n}\r\n", "b.c", 2, "{\r\n  a: 1,\r\n  b: {\r\n    c: 2\r\n  }\r\n}\r\n"},
		{"parents", "{\n    a: {\n        b: 1,\n    },\n}", "a.c.d", []int{1, 2},
			"{\n    a: {\n        b: 1,\n        c: {\n            d: [\n                1,\n                2\n            ]\n        },\n    },\n}"},
		{"inline", "{\n  a: { b: 1 },\n}", "a.c.d", map[string]any{"e": 1}, "{\n  a: { b: 1, c: { d: { e: 1 } } },\n}"},
		{"inline trailing comma", "{\n  a: {b: 1,},\n}", "a.c", 2, "{\n  a: {b: 1, c: 2,},\n}"},
		{"inline too long", "{\n  a: {b: 1},\n}", "a.c", []string{long}, "{\n  a: {b: 1, c: [\n    \"" + long + "\"\n  ]},\n}"},
		{"root on one line", `{a: 1}`, "b", 2, "{a: 1,\n  b: 2\n}"},
		{"empty with comment", "{\n  // nothing yet\n}", "a", 1, "{\n  // nothing yet\n  \"a\": 1\n}"},
		{"empty with comment inline", "{ /* nothing */ }", "a", 1, "{ /* nothing */\n  \"a\": 1\n}"},
		{"line comment inside an inline object", "{\n  a: {b: 1 // one\n  }\n}", "a.c", 2, "{\n  a: {b: 1, // one\n  c: 2\n  }\n}"},
		{"no html escapes", `{}`, "a", "<&>", "{\n  \"a\": \"<&>\"\n}"},
		{"bom", "\ufeff{}", "a", 1, "\ufeff{\n  \"a\": 1\n}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, tt.in)
			if err := d.Set(path(tt.path), tt.value); err != nil {
				t.Fatal(err)
			}
			if got := string(d.Bytes()); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestSetErrors(t *testing.T) {
	d := mustParse(t, "{\n a: {\n  b: null, c: [1]}}")
	for _, p := range []string{"a.b.x", "a.c.x", "a.c.x.y"} {
		err := d.Set(path(p), 1)
		if !errors.Is(err, ErrNotObject) || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("Set(%s): %v", p, err)
		}
	}
	if err := d.Set(nil, 1); err == nil {
		t.Error("the top level was replaced")
	}
	if err := d.Set([]string{"a"}, math.NaN()); err == nil {
		t.Error("NaN was set")
	}
	if err := d.SetRaw([]string{"a"}, []byte("{b: }")); err == nil {
		t.Error("broken raw text was set")
	}
	if err := d.Append(path("a.b"), 1); err == nil {
		t.Error("appended to null")
	}
}

func TestRemove(t *testing.T) {
	tests := []struct{ name, in, path, want string }{
		{"missing", `{a: 1}`, "b.c", `{a: 1}`},
		{"only", `{a: 1}`, "a", `{}`},
		{"line", "{\n  a: 1,\n  b: 2,\n  c: 3\n}", "b", "{\n  a: 1,\n  c: 3\n}"},
		{"last line takes the comma before", "{\n  \"a\": 1,\n  \"b\": 2\n}", "b", "{\n  \"a\": 1\n}"},
		{"trailing comma stays", "{\n  a: 1,\n  b: 2,\n}", "b", "{\n  a: 1,\n}"},
		{"comment stays", "{\n  a: 1, // one\n  b: 2\n}", "a", "{\n  // one\n  b: 2\n}"},
		{"inline first", `{a: 1, b: 2}`, "a", `{b: 2}`},
		{"inline last", `{a: 1, b: 2}`, "b", `{a: 1}`},
		{"inline middle", `{a: 1, b: 2, c: 3}`, "b", `{a: 1, c: 3}`},
		{"comment before comma", `{a: 1 /*x*/, b: 2}`, "a", `{ /*x*/b: 2}`},
		{"crlf", "{\r\n  a: 1,\r\n  b: 2\r\n}", "a", "{\r\n  b: 2\r\n}"},
		{"nested", "{\n  a: {\n    b: 1,\n  },\n}", "a.b", "{\n  a: {\n  },\n}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, tt.in)
			if err := d.Remove(path(tt.path)); err != nil {
				t.Fatal(err)
			}
			if got := string(d.Bytes()); got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestAppendAndRemoveElements(t *testing.T) {
	in := "{\n  l: [\n    'a', // first\n    'b'\n  ]\n}"
	d := mustParse(t, in)
	if err := d.Append([]string{"l"}, "c"); err != nil {
		t.Fatal(err)
	}
	want := "{\n  l: [\n    'a', // first\n    'b',\n    \"c\"\n  ]\n}"
	if got := string(d.Bytes()); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	drop := func(v any) bool { return v == "c" }
	if err := d.RemoveElements([]string{"l"}, drop); err != nil {
		t.Fatal(err)
	}
	if got := string(d.Bytes()); got != in {
		t.Errorf("got\n%s\nwant\n%s", got, in)
	}
	if err := d.Append([]string{"n"}, 1); err != nil {
		t.Fatal(err)
	}
	if v, _ := d.Get([]string{"n"}); !reflect.DeepEqual(v, []any{json.Number("1")}) {
		t.Errorf("got %v", v)
	}
}

func TestRawCarriesComments(t *testing.T) {
	from := mustParse(t, "{\n  a: {\n    b: 1, // one\n  },\n}")
	raw, ok := from.Raw([]string{"a"})
	if !ok {
		t.Fatal("no a")
	}
	to := mustParse(t, "{\n  a: 7,\n}")
	if err := to.SetRaw([]string{"a"}, append(raw, " // dangling"...)); err != nil {
		t.Fatal(err)
	}
	if string(to.Bytes()) != string(from.Bytes()) {
		t.Errorf("got\n%s", to.Bytes())
	}
}

// comments counts the comments of a text that parses, by cutting values away.
func comments(t *testing.T, b []byte) (n int) {
	t.Helper()
	for i := 0; i < len(b); {
		p := &parser{src: b, pos: i}
		switch b[i] {
		case '"', '\'':
			if _, err := p.parseString(); err != nil {
				t.Fatal(err)
			}
			i = p.pos
		case '/':
			if err := p.skipComment(); err != nil {
				t.Fatal(err)
			}
			n++
			i = p.pos
		default:
			i++
		}
	}
	return n
}

var seeds = []string{
	`{}`, `{a: 1}`, "{\n  // c\n  a: {b: [1, 2,], 'c': \"x\\u0041\"}, /* d */\n}\n",
	"\ufeff{\r\n\t\"a\": null,\r\n}", `{a: +Infinity, b: -.5e3, c: 0xFF, d: NaN}`,
	"{a: 1 // x\n}", "{a:1,b:{}/*t*/,}", `{"a":"b\
c"}`, "{\u2028a:1//x\u2029}", `[1]`, `{a:{a:{a:{}}}}`, "{a:\n1}", `{ /**/ }`,
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		var plain map[string]any
		dec := json.NewDecoder(strings.NewReader(string(b)))
		dec.UseNumber()
		jsonErr := dec.Decode(&plain)
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Column < 1 {
				t.Fatalf("not a positioned error: %v", err)
			}
			// What JSON accepts JSON5 accepts, but for what we refuse on purpose.
			if jsonErr == nil && !dec.More() && plain != nil && json.Valid(b) && !strings.Contains(err.Error(), "already") &&
				!strings.Contains(err.Error(), "deeper") && !strings.Contains(err.Error(), "UTF-8") {
				t.Fatalf("JSON accepts what Parse refuses: %v", err)
			}
			return
		}
		if string(d.Bytes()) != string(b) {
			t.Fatal("an untouched document changed")
		}
		got, _ := d.Get(nil)
		if json.Valid(b) && !reflect.DeepEqual(got, plain) {
			t.Fatalf("JSON reads %#v, Parse reads %#v", plain, got)
		}
	})
}

func FuzzSet(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "a.b", `{"x":[1,"y"]}`, "c")
		f.Add([]byte(s), "new.deep.key", `"v"`, "a")
		f.Add([]byte(s), "a", `[]`, "a.b")
	}
	f.Fuzz(func(t *testing.T, b []byte, set, value, remove string) {
		var v any
		dec := json.NewDecoder(strings.NewReader(value))
		dec.UseNumber()
		d, err := Parse(b)
		if err != nil || dec.Decode(&v) != nil || !validKeys(set) || !validKeys(remove) {
			return
		}
		n := comments(t, b)
		had := d.find(path(set))
		before, _ := d.Get(nil)
		if err := d.Set(path(set), v); err != nil {
			if string(d.Bytes()) != string(b) {
				t.Fatal("a refused Set changed the text")
			}
			return
		}
		checkSet(t, d, before.(map[string]any), path(set), v)
		inside := 0
		if had != nil {
			inside = comments(t, b[had.start:had.end])
		}
		if left := comments(t, d.Bytes()); left != n && left != n-inside {
			t.Fatalf("%d comments became %d in\n%s\n->\n%s", n, left, b, d.Bytes())
		}
		checkRemove(t, d, path(remove))
	})
}

func validKeys(s string) bool { return strings.ToValidUTF8(s, "") == s }

func checkSet(t *testing.T, d *Document, before map[string]any, p []string, v any) {
	t.Helper()
	got, ok := d.Get(p)
	if !ok || !reflect.DeepEqual(normal(got), normal(v)) {
		t.Fatalf("after Set, Get gives %#v, %v; want %#v in\n%s", got, ok, v, d.Bytes())
	}
	want := before
	for _, key := range p[:len(p)-1] {
		next, ok := want[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			want[key] = next
		}
		want = next
	}
	want[p[len(p)-1]] = v
	after, _ := d.Get(nil)
	if !reflect.DeepEqual(normal(after), normal(before)) {
		t.Fatalf("other paths changed: %#v; want %#v", after, before)
	}
}

func checkRemove(t *testing.T, d *Document, p []string) {
	t.Helper()
	value, _ := d.Get(nil)
	want := value.(map[string]any)
	if err := d.Remove(p); err != nil {
		t.Fatalf("Remove(%q) of\n%s: %v", p, d.Bytes(), err)
	}
	for m, i := want, 0; m != nil; i++ {
		if i == len(p)-1 {
			delete(m, p[i])
			break
		}
		m, _ = m[p[i]].(map[string]any)
	}
	after, _ := d.Get(nil)
	if !reflect.DeepEqual(normal(after), normal(want)) {
		t.Fatalf("Remove(%q) left %#v; want %#v", p, after, want)
	}
}

// normal makes NaN comparable.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = normal(v[k])
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case float64:
		if math.IsNaN(v) {
			return "NaN"
		}
	}
	return v
}
