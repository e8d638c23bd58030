package text_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clawsetup/clawsetup/wizard/text"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"zai-org/GLM-5.1", 40, "zai-org/GLM-5.1"},
		{"invalid api key secret", 40, "invalid api key secret"},
		{"\x1b[2Jgone", 40, "·[2Jgone"},
		{"a\nb\t c  ", 40, "a b c"},
		{"safe\u202eelif", 40, "safe·elif"},
		{"a\u3164\u115f\u1160\uffa0\u2800\u034f\u17b4\u180b\ufe0f\U000e0100b", 40, "a··········b"},
		{"zero\u200bwidth", 40, "zero·width"},
		{"bad\xffbyte", 40, "bad·byte"},
		{"ключ отозван", 40, "ключ отозван"},
		{"abcdef", 4, "abc…"},
		{"ab cd", 3, "ab…"},
		{"abcd", 4, "abcd"},
		{"x", 0, ""},
	} {
		if got := text.Clean(c.in, c.limit); got != c.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b]0;title\x07", 10)
	f.Add(strings.Repeat("й ", 100), 7)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit %= 1000
		got := text.Clean(s, limit)
		if n := utf8.RuneCountInString(got); n > max(limit, 0) {
			t.Fatalf("%d runes of %d", n, limit)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q has %U", got, r)
			}
		}
	})
}

func TestPattern(t *testing.T) {
	broken := text.Pattern(`(`)
	if p := text.Pattern(`^a+$`); !p().MatchString("aa") || p().MatchString("ab") {
		t.Error("it is another expression")
	}
	defer func() {
		if recover() == nil {
			t.Error("no expression, and no panic when it is used")
		}
	}()
	broken()
}
