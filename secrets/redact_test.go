package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"go.yaml.in/yaml/v3"
)

const canary = "Zq7kJ4rVW9hX2mQpY8"

// leaks tells whether out shows any four bytes of the canary in a usual encoding.
func leaks(out string) bool {
	for i := 0; i+4 <= len(canary); i++ {
		part := []byte(canary[i : i+4])
		forms := []string{
			string(part),
			hex.EncodeToString(part), strings.ToUpper(hex.EncodeToString(part)),
			fmt.Sprintf("% x", part), fmt.Sprintf("%# x", part),
			strings.Trim(fmt.Sprintf("%d", part), "[]"), strings.Trim(fmt.Sprintf("%#v", part), "[]byte{}"),
			strings.Trim(fmt.Sprintf("%b", part), "[]"), strings.Trim(fmt.Sprintf("%o", part), "[]"),
		}
		for _, f := range forms {
			if strings.Contains(out, f) {
				return true
			}
		}
	}
	whole := base64.RawStdEncoding.EncodeToString([]byte(canary))
	return strings.Contains(out, whole[:len(whole)-2])
}

func TestLeaksSeesLeaks(t *testing.T) {
	b := []byte(canary)
	for _, out := range []string{canary, fmt.Sprintf("%d", b), fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("%#v", b), base64.StdEncoding.EncodeToString(b)} {
		if !leaks(out) {
			t.Errorf("not seen: %s", out)
		}
	}
	if leaks("[secret] 0x4a2be0") {
		t.Error("sees leaks everywhere")
	}
}

type nested struct {
	Public  Secret
	private Secret
	Pointer *Secret
	List    []Secret
	Array   [1]Secret
	Map     map[string]Secret
	Any     any
	inner   struct{ s Secret }
}

func newNested(s Secret) nested {
	n := nested{Public: s, private: s, Pointer: &s, List: []Secret{s}, Array: [1]Secret{s}, Map: map[string]Secret{"k": s}, Any: s}
	n.inner.s = s
	return n
}

func TestEveryVerbIsRedacted(t *testing.T) {
	s := New([]byte(canary))
	for _, verb := range "vsqxXdobcUeEfFgGtw!z" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-", "+#", "# ", "30", ".3", "-30.40"} {
			format := "%" + flags + string(verb)
			for name, arg := range map[string]any{"value": s, "pointer": &s} {
				got := fmt.Sprintf(format, arg)
				if verb == '!' || verb == 'w' { // %! ends the verb, %w wants an error: fmt prints its own words
					if leaks(got) {
						t.Errorf("%s of the %s leaks", format, name)
					}
					continue
				}
				if got != redacted {
					t.Errorf("%s of the %s is not %q", format, name, redacted)
				}
			}
			for name, arg := range map[string]any{
				"struct": newNested(s), "pointer to struct": new(newNested(s)), "slice": []Secret{s}, "map": map[int]Secret{1: s},
				"pointer to pointer": new(&s), "channel field": struct{ c chan Secret }{make(chan Secret)},
			} {
				if leaks(fmt.Sprintf(format, arg)) {
					t.Errorf("%s of the %s leaks", format, name)
				}
			}
		}
	}
	for _, format := range []string{"%p", "%T", "%[2]d", "%*d"} {
		if leaks(fmt.Sprintf(format, s)) {
			t.Errorf("%s leaks", format)
		}
	}
	if got := fmt.Sprint(s) + fmt.Sprintln(s) + s.String() + s.GoString(); got != redacted+redacted+"\n"+redacted+redacted {
		t.Errorf("Sprint, Sprintln, String, GoString: %s", got)
	}
}

func TestZeroSecretLooksTheSame(t *testing.T) {
	if got := fmt.Sprintf("%v %#v", Secret{}, Secret{}); got != redacted+" "+redacted {
		t.Errorf("output tells whether there is a secret: %s", got)
	}
}

func TestEveryEncoderIsRedacted(t *testing.T) {
	s := New([]byte(canary))
	type doc struct {
		Value   Secret            `json:"value" yaml:"value" xml:"value"`
		Attr    Secret            `json:"attr" yaml:"attr" xml:"attr,attr"`
		Pointer *Secret           `json:"pointer" yaml:"pointer" xml:"pointer"`
		List    []Secret          `json:"list" yaml:"list" xml:"list"`
		Map     map[string]Secret `json:"map" yaml:"map" xml:"-"`
	}
	d := doc{s, s, &s, []Secret{s}, map[string]Secret{"k": s}}
	encoders := map[string]func(any) ([]byte, error){
		"json":        json.Marshal,
		"json indent": func(v any) ([]byte, error) { return json.MarshalIndent(v, "", " ") },
		"yaml":        yaml.Marshal,
		"xml":         xml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		},
		"template": func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := template.Must(template.New("").Parse(`{{.Value}} {{.List}} {{.Map}} {{.Pointer}} {{.Attr}}`)).Execute(&b, v)
			return b.Bytes(), err
		},
	}
	for name, encode := range encoders {
		for form, v := range map[string]any{"value": d, "pointer": &d} {
			out, err := encode(v)
			if err != nil {
				t.Errorf("%s of the %s: %v", name, form, err)
				continue
			}
			if leaks(string(out)) {
				t.Errorf("%s of the %s leaks", name, form)
			}
			want := 4
			if name == "json" || name == "json indent" || name == "yaml" || name == "gob" || name == "template" {
				want = 5
			}
			if got := bytes.Count(out, []byte(redacted)); got != want {
				t.Errorf("%s of the %s says %s %d times, want %d", name, form, redacted, got, want)
			}
		}
	}
}

func TestEveryDecoderRefuses(t *testing.T) {
	type doc struct {
		Value Secret `json:"value" yaml:"value" xml:"value"`
	}
	var sent bytes.Buffer
	if err := gob.NewEncoder(&sent).Encode(doc{New([]byte(canary))}); err != nil {
		t.Fatal(err)
	}
	for name, decode := range map[string]func(*doc) error{
		"json":        func(d *doc) error { return json.Unmarshal([]byte(`{"value":"`+canary+`"}`), d) },
		"json number": func(d *doc) error { return json.Unmarshal([]byte(`{"value":7}`), d) },
		"yaml":        func(d *doc) error { return yaml.Unmarshal([]byte("value: "+canary), d) },
		"yaml map":    func(d *doc) error { return yaml.Unmarshal([]byte("value: {a: "+canary+"}"), d) },
		"xml":         func(d *doc) error { return xml.Unmarshal([]byte("<doc><value>"+canary+"</value></doc>"), d) },
		"text":        func(d *doc) error { return d.Value.UnmarshalText([]byte(canary)) },
		"gob":         func(d *doc) error { return gob.NewDecoder(&sent).Decode(d) },
	} {
		var d doc
		err := decode(&d)
		if !errors.Is(err, errDecode) && (err == nil || !strings.Contains(err.Error(), errDecode.Error())) {
			t.Errorf("%s: not refused: %v", name, err)
			continue
		}
		if leaks(err.Error()) || !d.Value.IsZero() {
			t.Errorf("%s: the value came through", name)
		}
	}
}

func TestEveryLogIsRedacted(t *testing.T) {
	s := New([]byte(canary))
	n := newNested(s)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil),
	} {
		out.Reset()
		l := slog.New(handler).With("with", s).WithGroup("group")
		l.Info("key", "plain", s, "pointer", &s, "nested", n, "pointer to nested", &n, slog.Group("g", "s", s), "error", fmt.Errorf("bad key %v", s))
		if leaks(out.String()) {
			t.Errorf("%T leaks", handler)
		}
		if strings.Count(out.String(), redacted) < 5 {
			t.Errorf("%T says too little: %s", handler, out.String())
		}
	}
	out.Reset()
	log.New(&out, "", 0).Print(s, " ", n)
	if leaks(out.String()) {
		t.Error("package log leaks")
	}
}

func TestErrorsAreRedacted(t *testing.T) {
	s := New([]byte(canary))
	inner := fmt.Errorf("key %v %s %+v %x refused", s, s, s, s)
	wrong := "a mistaken %w" // in a variable, since vet knows better
	for _, err := range []error{inner, fmt.Errorf("proving: %w", inner), errors.Join(inner, inner), fmt.Errorf(wrong, s)} {
		if leaks(fmt.Sprintf("%v %+v %#v", err, err, err)) {
			t.Error("an error leaks")
		}
	}
	func() {
		defer func() {
			if leaks(fmt.Sprint(recover())) {
				t.Error("a panic leaks")
			}
		}()
		panic(s)
	}()
}

// TestReflectionFindsNothing goes, as a debugging printer does, through everything
// that reflection can reach, unexported fields included.
func TestReflectionFindsNothing(t *testing.T) {
	n := newNested(New([]byte(canary)))
	w := walker{seen: map[unsafe.Pointer]bool{}}
	w.walk(reflect.ValueOf(&n))
	if w.found {
		t.Error("reflection reaches the bytes")
	}
	if w.steps < 15 {
		t.Errorf("the walk ended early: %d steps", w.steps)
	}
	exposed := struct{ b *struct{ v []byte } }{&struct{ v []byte }{[]byte(canary)}}
	control := walker{seen: map[unsafe.Pointer]bool{}}
	control.walk(reflect.ValueOf(&exposed))
	if !control.found {
		t.Error("the walk does not see what it should")
	}
}

type walker struct {
	seen  map[unsafe.Pointer]bool
	steps int
	found bool
}

func (w *walker) walk(v reflect.Value) {
	w.steps++
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || w.seen[v.UnsafePointer()] {
			return
		}
		w.seen[v.UnsafePointer()] = true
		w.walk(v.Elem())
	case reflect.Interface:
		if !v.IsNil() {
			w.walk(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.walk(it.Key())
			w.walk(it.Value())
		}
	case reflect.String:
		w.found = w.found || leaks(v.String())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			w.found = w.found || leaks(string(v.Bytes()))
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	default: // a number, a func, a channel: nothing to go into
	}
}
