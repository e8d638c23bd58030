package ui

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	const wrong = "✗ that is none of the 2 choices; type a number or a value"
	for _, c := range []struct {
		name, in, lang string
		want           string
		says           []string
		refused        int
	}{
		{name: "by its value", in: "up\n", want: "up", says: []string{"\nStart the proxy now?\n  1) start it now\n  2) not now\nChoice, 1 to 2 [no]: "}},
		{name: "by its number", in: "1\n", want: "up"},
		{name: "by its words", in: " Start It Now \r\n", want: "up"},
		{name: "without a line end", in: "UP", want: "up"},
		{name: "the safe one", in: "no\n1\n", want: "no"},
		{name: "nothing typed", in: "\nup\n", want: "no"},
		{name: "blanks alone", in: " \t \nup\n", want: "no"},
		{name: "the end of the input", in: "", want: "no"},
		{name: "back, which is nowhere", in: "<\nup\n", want: "no"},
		{name: "wrong, then right", in: "3\nyes\n0\n-1\nup\n", want: "up", says: []string{wrong}, refused: 4},
		{name: "wrong, then nothing", in: "7\n\n", want: "no", says: []string{wrong}, refused: 1},
		{name: "wrong, then the end", in: "upp\n", want: "no", says: []string{wrong}, refused: 1},
		{name: "a secret that went astray", in: canary + "\nup\n", want: "up", refused: 1},
		{name: "help first", in: "?\nup\n", want: "up", says: []string{"clawsetup up fetches the image", "Type ? for this help"}},
		{name: "russian", in: "9\nЗапустить сейчас\n", lang: russian, want: "up", refused: 1,
			says: []string{"Запустить прокси сейчас?\n  1) запустить сейчас\n  2) не сейчас\nВыбор, от 1 до 2 [не сейчас]: ", "✗ такого варианта нет, всего их 2"}},
		{name: "russian, nothing typed", in: "\n", lang: russian, want: "no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, out, errs := testUI(t, Options{In: piped(t, c.in), Plain: true, Lang: c.lang}, nil)
			got, err := u.Decide(t.Context(), "start", "up", "no")
			if err != nil || got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
			for _, w := range c.says {
				if !strings.Contains(out.String(), w) {
					t.Errorf("no %q in:\n%s", w, out)
				}
			}
			if n := strings.Count(out.String(), "✗"); n != c.refused {
				t.Errorf("refused %d times, want %d:\n%s", n, c.refused, out)
			}
			if s := out.String() + errs.String(); strings.Contains(s, canary) || strings.Contains(s, "\x1b") || errs.Len() > 0 {
				t.Errorf("a secret, an escape or something on stderr in:\n%s", s)
			}
		})
	}
}

// TestDecideSafest: the safe answer is the last one, whichever that is.
func TestDecideSafest(t *testing.T) {
	for _, in := range []string{"", "\n", "<\n"} {
		u, out, _ := testUI(t, Options{In: piped(t, in), Plain: true}, nil)
		if got, err := u.Decide(t.Context(), "start", "no", "up"); got != "up" || err != nil || !strings.Contains(out.String(), "[up]: ") {
			t.Errorf("%q: %q, %v\n%s", in, got, err, out)
		}
	}
}

// TestDecideInterrupted: a signal stands for the safe answer, before the question and
// while nobody answers it.
func TestDecideInterrupted(t *testing.T) {
	for name, wait := range map[string]time.Duration{"before": 0, "meanwhile": 20 * time.Millisecond} {
		r, _ := pipe(t) // its other end says nothing
		u, out, _ := testUI(t, Options{In: r, Plain: true}, nil)
		ctx, stop := context.WithTimeout(t.Context(), wait)
		defer stop()
		got, err := u.Decide(ctx, "start", "up", "no")
		if got != "no" || err != nil || !strings.HasSuffix(out.String(), "[no]: \n") {
			t.Errorf("%s: %q, %v\n%s", name, got, err, out)
		}
	}
}

// TestDecideUnreadable is a regression: an input that cannot be read was asked again, for
// ever.
func TestDecideUnreadable(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	gone, _ := pipe(t)
	_ = gone.Close()
	for name, in := range map[string]*os.File{"a folder": dir, "closed": gone} {
		u, out, _ := testUI(t, Options{In: in, Plain: true}, nil)
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		got, err := u.Decide(ctx, "start", "up", "no")
		var path *fs.PathError
		if got != "no" || !errors.As(err, &path) || !strings.Contains(err.Error(), "reading the answer") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if n := strings.Count(out.String(), "Choice"); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// TestCanAsk: nobody is there where the input is no terminal, and where flags answer.
func TestCanAsk(t *testing.T) {
	for name, o := range map[string]Options{"a pipe": {Plain: true}, "yes": {Yes: true}, "json": {JSON: true}} {
		if u, _, _ := testUI(t, o, nil); u.CanAsk() {
			t.Errorf("%s: asks", name)
		}
	}
}
