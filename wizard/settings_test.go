package wizard

import (
	"slices"
	"testing"
)

func TestPathText(t *testing.T) {
	for _, p := range [][]string{
		{"a"}, {"a", "b", "c"}, {"models", "zai-org/GLM-5.1", "x"}, {"", "a"}, {"a.b", `c"d`}, {`back\slash`}, {"новое", "имя"},
	} {
		if got := splitPath(joinPath(p)); !slices.Equal(got, p) {
			t.Errorf("%q became %q through %s", p, got, joinPath(p))
		}
	}
}

func FuzzPathText(f *testing.F) {
	f.Add("a.b", "c", `d"`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		p := []string{a, b, c}
		for i := range p {
			// JSON text cannot hold what is no UTF-8; keys of a file are UTF-8.
			p[i] = string([]rune(p[i]))
		}
		if got := splitPath(joinPath(p)); !slices.Equal(got, p) {
			t.Errorf("%q became %q through %s", p, got, joinPath(p))
		}
	})
}

func TestSettingsDiff(t *testing.T) {
	got := settingsDiff("/x/setup.yaml", []byte("a: 1\nb: {c: x}\n"), []byte("a: 2\nb: {d: y}\n"))
	want := []struct{ path, old, now string }{{"a", "1", "2"}, {"b.c", `"x"`, "-"}, {"b.d", "-", `"y"`}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for i, w := range want {
		if got[i].Path != w.path || text(got[i].Old) != w.old || text(got[i].New) != w.now {
			t.Errorf("%s: %s → %s", got[i].Path, text(got[i].Old), text(got[i].New))
		}
	}
	if d := settingsDiff("/x/.env", []byte("# c\nBIG_MODEL=a\n"), []byte("BIG_MODEL=b\n")); len(d) != 1 || *d[0].New != `"b"` {
		t.Errorf("%+v", d)
	}
	if d := settingsDiff("/x/seccomp.json", nil, []byte("{}")); d != nil {
		t.Errorf("%+v", d)
	}
}
