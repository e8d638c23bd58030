package ui

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard/doctor"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		lang, msg string
		args      []any
		want      string
	}{
		{english, "plain", nil, "plain"},
		{english, "{1} before {0}", []any{"a", 2}, "2 before a"},
		{english, "{0} {0:file|files}", []any{1}, "1 file"},
		{english, "{0} {0:file|files}", []any{0}, "0 files"},
		{russian, "{0} {0:файл|файла|файлов}", []any{1}, "1 файл"},
		{russian, "{0} {0:файл|файла|файлов}", []any{22}, "22 файла"},
		{russian, "{0} {0:файл|файла|файлов}", []any{11}, "11 файлов"},
		{russian, "{0} {0:файл|файла|файлов}", []any{112}, "112 файлов"},
		{russian, "{0} {0:файл|файла|файлов}", []any{uint64(5)}, "5 файлов"},
		{russian, "{0} {0:файл|файла|файлов}", []any{"many"}, "many файлов"},
		{english, "a {{brace}", nil, "a {brace}"},
		{english, "{0} and {1}", []any{"only"}, "only and …"},
		{english, "{0}", []any{"\x1b[31mred\u202e"}, "·[31mred·"},
		{english, "{0}", []any{[]string{"a", "b"}}, "a, b"},
		{english, "{0} MB", []any{213.96}, "214.0 MB"},
		{russian, "{0} МБ", []any{1.5}, "1,5 МБ"},
	} {
		if got := expand(c.lang, c.msg, c.args); got != c.want {
			t.Errorf("expand(%q, %v) = %q, want %q", c.msg, c.args, got, c.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		choice string
		env    map[string]string
		want   string
	}{
		{"", nil, english},
		{"", map[string]string{"LANG": "ru_RU.UTF-8"}, russian},
		{"", map[string]string{"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, english},
		{"", map[string]string{"LANG": "de_DE", "LC_MESSAGES": "ru"}, russian},
		{"en", map[string]string{"LANG": "ru_RU.UTF-8"}, english},
		{"ru", nil, russian},
	} {
		if got := language(c.choice, func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%q %v: %s, want %s", c.choice, c.env, got, c.want)
		}
	}
}

var placeholder = regexp.MustCompile(`\{(\d+)`)

// all is every message of a language; a double one fails the test.
func all(t *testing.T, lang string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, c := range catalogues[lang] {
		for id, msg := range c {
			if _, twice := out[id]; twice {
				t.Errorf("%s: %s is there twice", lang, id)
			}
			out[id] = msg
		}
	}
	return out
}

func TestCatalogues(t *testing.T) {
	en, ru := all(t, english), all(t, russian)
	for _, id := range slices.Sorted(maps.Keys(en)) {
		other, ok := ru[id]
		if !ok {
			t.Errorf("%s has no Russian words", id)
			continue
		}
		if a, b := arguments(en[id]), arguments(other); !slices.Equal(a, b) {
			t.Errorf("%s: placeholders %v in English, %v in Russian", id, a, b)
		}
		if strings.Count(en[id], "\n") != strings.Count(other, "\n") {
			t.Errorf("%s: not the same paragraphs", id)
		}
		checkForms(t, id, en[id], 2)
		checkForms(t, id, other, 3)
		if en[id] == "" || other == "" {
			t.Errorf("%s is empty", id)
		}
	}
	for id := range ru {
		if _, ok := en[id]; !ok {
			t.Errorf("%s has no English words", id)
		}
	}
}

func arguments(msg string) []string {
	seen := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(msg, -1) {
		seen[m[1]] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

var plural = regexp.MustCompile(`\{\d+:([^}]*)\}`)

func checkForms(t *testing.T, id, msg string, want int) {
	t.Helper()
	for _, m := range plural.FindAllStringSubmatch(msg, -1) {
		if n := strings.Count(m[1], "|") + 1; n != want {
			t.Errorf("%s: %d plural forms in %q, want %d", id, n, msg, want)
		}
	}
}

// The key line must fit a usual terminal, in both languages.
func TestKeyLinesFit(t *testing.T) {
	for _, lang := range []string{english, russian} {
		for id, msg := range all(t, lang) {
			if w := ansi.StringWidth(msg); strings.HasPrefix(id, "keys.") && w > 79 {
				t.Errorf("%s %s: %d cells", lang, id, w)
			}
		}
	}
}

// uses is what the program's sources say of messages.
type uses struct {
	// ids are messages that are certainly asked for, with the place.
	ids map[string]string
	// prefixes of ids that are put together at run time.
	prefixes map[string]bool
	// literals are all strings of the sources: a message whose last part is among
	// them is taken to be in use.
	literals map[string]bool
	// onlyLiterals is true in a package whose values name no messages.
	onlyLiterals bool
}

// families are the messages whose id is put together from a prefix and a value
// that stands in the sources as a string of its own.
var families = []string{
	"note.", "hint.", "event.", "option.", "progress.", "busy.", "state.", "step.", "action.", "why.", "column.",
	"keys.", "flag.", "cmd.", "q.", "done.", "reason.", "heading.", "form.",
}

func TestMessagesUsed(t *testing.T) {
	u := scan(t)
	en := all(t, english)
	for _, id := range slices.Sorted(maps.Keys(u.ids)) {
		if _, ok := en[id]; !ok {
			t.Errorf("%s: there is no message %q", u.ids[id], id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(en)) {
		if !u.used(id) {
			t.Errorf("message %q is not used", id)
		}
	}
}

// Every check of doctor has its words: what it asks, and why.
func TestChecksHaveWords(t *testing.T) {
	for _, c := range doctor.Catalogue() {
		for _, lang := range []string{english, russian} {
			for _, id := range []string{"check." + c.ID, "check." + c.ID + ".why"} {
				if _, ok := message(lang, id); !ok {
					t.Errorf("%s: there is no message %q", lang, id)
				}
			}
			if w := ansi.StringWidth(expandID(lang, "check."+c.ID)); w > 76 {
				t.Errorf("%s: the title of %s is %d cells wide", lang, c.ID, w)
			}
		}
	}
}

func expandID(lang, id string) string {
	msg, _ := message(lang, id)
	return msg
}

func (u *uses) used(id string) bool {
	if _, ok := u.ids[id]; ok || u.literals[id] {
		return true
	}
	for p := range u.prefixes {
		if tail, ok := strings.CutPrefix(id, p); ok && u.said(tail) {
			return true
		}
	}
	if tail, ok := strings.CutPrefix(id, "check."); ok {
		_, known := doctor.Find(strings.TrimSuffix(tail, ".why"))
		return known
	}
	for _, prefix := range []string{"control.", "area.", "severity.", "outcome."} {
		if strings.HasPrefix(id, prefix) {
			return u.prefixes[prefix]
		}
	}
	for _, f := range families {
		if tail, ok := strings.CutPrefix(id, f); ok && u.said(tail) {
			return true
		}
	}
	return false
}

// said tells whether the sources hold the end of an id, or its parts, as strings.
func (u *uses) said(tail string) bool {
	first, rest, _ := strings.Cut(tail, ".")
	switch {
	case u.literals[tail], u.literals[strings.ReplaceAll(tail, "-", "_")]:
		return true
	case rest == "title", rest == "help", rest == "short":
		return u.literals[first]
	default:
		return u.literals[first] && u.literals[rest]
	}
}

// scan reads the sources of all packages that name messages.
func scan(t *testing.T) *uses {
	t.Helper()
	u := &uses{ids: map[string]string{}, prefixes: map[string]bool{}, literals: map[string]bool{}}
	files := token.NewFileSet()
	for _, dir := range []string{".", "../cmd", "../wizard", "../secrets"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "messages_") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			// The messages of doctor go by the ids of its checks.
			u.onlyLiterals = strings.Contains(filepath.ToSlash(path), "/doctor/")
			ast.Inspect(f, func(n ast.Node) bool { u.node(files, n); return true })
			return nil
		})
		if err != nil {
			t.Fatalf("reading the sources of %s: %v", dir, err)
		}
	}
	return u
}

func (u *uses) node(files *token.FileSet, n ast.Node) {
	if lit, ok := n.(*ast.BasicLit); ok {
		if s, ok := stringOf(lit); ok {
			u.literals[s] = true
		}
	}
	if u.onlyLiterals {
		return
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		u.call(files, n)
	case *ast.CompositeLit:
		u.literal(files, n)
	case *ast.ValueSpec:
		if n.Names[0].Name != "initAnswers" {
			return
		}
		for _, e := range n.Values[0].(*ast.CompositeLit).Elts {
			u.add(files, "flag.", e, "")
		}
	}
}

func (u *uses) add(files *token.FileSet, prefix string, e ast.Expr, suffixes ...string) {
	if b, ok := e.(*ast.BinaryExpr); ok {
		for inner, ok := b.X.(*ast.BinaryExpr); ok; inner, ok = b.X.(*ast.BinaryExpr) {
			b = inner
		}
		if s, ok := stringOf(b.X); ok {
			u.prefixes[prefix+s] = true
		}
		return
	}
	if s, ok := stringOf(e); ok {
		for _, suffix := range suffixes {
			u.ids[prefix+s+suffix] = files.Position(e.Pos()).String()
		}
	}
}

// call knows the functions that take a message id: T, Warn, and hint.With.
func (u *uses) call(files *token.FileSet, c *ast.CallExpr) {
	f, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || len(c.Args) == 0 {
		return
	}
	pkg, _ := f.X.(*ast.Ident)
	switch {
	case f.Sel.Name == "T":
		u.add(files, "", c.Args[0], "")
	case f.Sel.Name == "Warn" && pkg != nil && pkg.Name == "u":
		u.add(files, "note.", c.Args[0], "")
	case f.Sel.Name == "With" && pkg != nil && pkg.Name == "hint" && len(c.Args) > 1:
		u.add(files, "hint.", c.Args[1], "")
	case f.Sel.Name == "Say" && pkg != nil && pkg.Name == "hint" && len(c.Args) > 1:
		u.add(files, "said.", c.Args[1], "")
	case f.Sel.Name == "Doing" && pkg != nil && pkg.Name == "hint" && len(c.Args) > 2:
		u.add(files, "said.", c.Args[2], "")
	}
}

// literal knows the values that name messages by a field: Note, Question, Progress,
// Change.
func (u *uses) literal(files *token.FileSet, c *ast.CompositeLit) {
	for _, e := range c.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		if key == nil {
			continue
		}
		switch kind := typeName(c.Type); {
		case key.Name == "ID" && (kind == "Note" || kind == ""):
			u.add(files, "note.", kv.Value, "")
		case key.Name == "id" && kind == "" && len(c.Elts) > 4, key.Name == "ID" && kind == "Question":
			u.add(files, "q.", kv.Value, ".title", ".help")
		case key.Name == "ID" && kind == "Progress":
			u.add(files, "progress.", kv.Value, "")
		case key.Name == "Why" && kind == "Change":
			u.add(files, "why.", kv.Value, "")
		}
	}
}

// typeName is the name of a composite literal's type; empty inside a list whose
// type is named outside.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case nil:
		return ""
	default:
		return fmt.Sprintf("%T", e)
	}
}

func stringOf(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
