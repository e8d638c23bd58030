package ui

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// piped returns a file that yields text, as a pipe does.
func piped(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	go func() {
		_, _ = w.WriteString(text)
		_ = w.Close()
	}()
	return r
}

func TestMode(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		env  map[string]string
		want Mode
	}{
		{"no terminal", Options{}, map[string]string{"TERM": "xterm"}, PlainPrompts},
		{"yes", Options{Yes: true}, nil, Unattended},
		{"yes and plain", Options{Yes: true, Plain: true}, nil, Unattended},
		{"json", Options{JSON: true}, nil, Unattended},
		{"dumb", Options{}, map[string]string{"TERM": "dumb"}, PlainPrompts},
	} {
		u, _, _ := testUI(t, c.o, c.env)
		if u.Mode() != c.want {
			t.Errorf("%s: mode %d, want %d", c.name, u.Mode(), c.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		// refused answers of the key question
		refuse  bool
		o       Options
		answers string
		applied bool
		err     error
		missing string
		want    []string
	}{
		{name: "defaults and numbers", in: "\n" + canary + "\n2\n1\n", answers: "8082," + canary + ",docker", applied: true,
			want: []string{"Answer [8082]: ", "1) keyring of", "2) Docker secret", "Choice, 1 to 2 [keyring]: ", "2 files, 1 secret", "Done: 2 files, 1 secret", "Journal records 12, 13", "clawsetup up", "echo 'a b'"}},
		{name: "values, blanks trimmed", in: " 9090 \t\r\n  " + canary + " \r\n Docker \napply\n", answers: "9090," + canary + ",docker", applied: true},
		{name: "yes is consent", in: "\n" + canary + "\n\nY\n", answers: "8082," + canary + ",keyring", applied: true},
		{name: "help and back", in: "?\n1\n<\n2\n" + canary + "\n?\n\n1\n", answers: "2," + canary + ",keyring", applied: true,
			want: []string{"threat S-01", "Type ? for this help", "threats I-01, I-03"}},
		{name: "back before the first", in: "<\n\n" + canary + "\n\n1\n", answers: "8082," + canary + ",keyring", applied: true, want: []string{"This is the first question."}},
		{name: "back from consent", in: "\n" + canary + "\n\n<\n2\n1\n", answers: "8082," + canary + ",docker", applied: true},
		{name: "consent is not the default", in: "\n" + canary + "\n\n\n", answers: "8082," + canary + ",keyring", err: ErrAborted},
		{name: "consent refused", in: "\n" + canary + "\n\n2\n", answers: "8082," + canary + ",keyring", err: ErrAborted},
		{name: "wrong choices, then right", in: "\n" + canary + "\n7\nnothing\n2\n1\n", answers: "8082," + canary + ",docker", applied: true,
			want: []string{"✗ that is none of the 2 choices; type a number or a value"}},
		{name: "three wrong choices", in: "\n" + canary + "\n7\n8\n9\n2\n1\n", answers: "8082," + canary, err: problem("that is none of the 2 choices; type a number or a value")},
		{name: "no key", in: "\n\n" + canary + "\n\n1\n", answers: "8082," + canary + ",keyring", applied: true, want: []string{"✗ an answer is needed here"}},
		{name: "secret astray", in: "\n" + canary + "\n" + canary + "\n2\n1\n", answers: "8082," + canary + ",docker", applied: true},
		{name: "refused, then right", in: "\nwrong\n" + canary + "\n\n1\n", refuse: true, answers: "8082," + canary + ",keyring", applied: true,
			want: []string{"✗ cloud.ru refused this key: invalid api key secret\n    This is a defect"}},
		{name: "refused three times", in: "\nwrong\nwrong\nwrong\n" + canary + "\n", refuse: true, answers: "8082", err: errWrongKey},
		{name: "end at a question", in: "\n", answers: "8082", missing: "--key-stdin --key-file; --image"},
		{name: "end at once", in: "", missing: "--port; --image"},
		{name: "end at the consent", in: "\n" + canary + "\n\n", answers: "8082," + canary + ",keyring", missing: "--yes"},
		{name: "no line end at the end", in: "\n" + canary + "\n\n1", answers: "8082," + canary + ",keyring", applied: true},
		{name: "dry run", in: "\n" + canary + "\n\n", o: Options{DryRun: true}, answers: "8082," + canary + ",keyring",
			want: []string{`+   "a": 2`, "Dry run: nothing was written."}},
		{name: "russian", in: "\n" + canary + "\n\nда\n", o: Options{Lang: "ru"}, answers: "8082," + canary + ",keyring", applied: true,
			want: []string{"2 файла, 1 секрет", "Готово"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.missing = [][]string{{"--image"}}
			if c.refuse {
				f.refuse = func(q *wizard.Question, v string) error {
					if q.ID == "key" && v != canary {
						return errWrongKey
					}
					return nil
				}
			}
			c.o.In, c.o.Plain = piped(t, c.in), true
			u, out, errs := testUI(t, c.o, nil)
			plan, res, err := u.Run(t.Context(), f, "init")
			if got := strings.Join(f.answers, ","); got != c.answers {
				t.Errorf("answers %q, want %q", got, c.answers)
			}
			var missing *MissingError
			switch {
			case c.missing != "":
				if !errors.As(err, &missing) || flags(missing) != c.missing {
					t.Errorf("error %v, want missing %s", err, c.missing)
				}
			case !errors.Is(err, c.err):
				t.Errorf("error %v, want %v", err, c.err)
			}
			if f.applied != c.applied || res.Changed != c.applied || (c.applied && plan != f.plan) {
				t.Errorf("applied %v, want %v (%+v)", f.applied, c.applied, res)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("no %q in:\n%s", w, out)
				}
			}
			if s := out.String() + errs.String(); strings.Contains(s, canary) || strings.Contains(s, "\x1b") {
				t.Errorf("a secret or an escape in:\n%s", s)
			}
		})
	}
}

func flags(e *MissingError) string {
	var groups []string
	for _, g := range e.Flags {
		groups = append(groups, strings.Join(g, " "))
	}
	return strings.Join(groups, "; ")
}

func TestUnattended(t *testing.T) {
	key := wizard.Question{ID: "key", Kind: wizard.SecretText, Flags: []string{"--key-stdin", "--key-file"}, Default: "keep"}
	for _, c := range []struct {
		name    string
		o       Options
		prepare func(*fake)
		answers string
		applied bool
		missing string
		asked   int
	}{
		{name: "defaults", o: Options{Yes: true}, prepare: func(f *fake) { f.questions[1] = key }, answers: "8082,,keyring", applied: true, asked: 3},
		{name: "missing before anything", o: Options{Yes: true}, prepare: func(f *fake) { f.missing = [][]string{{"--key-file"}, {"--image"}} }, missing: "--key-file; --image"},
		{name: "missing with consent", o: Options{JSON: true}, prepare: func(f *fake) { f.missing = [][]string{{"--key-file"}} }, missing: "--key-file; --yes"},
		{name: "question without default", o: Options{Yes: true}, answers: "8082", missing: "--key-stdin --key-file", asked: 2},
		{name: "default not available", o: Options{Yes: true}, prepare: func(f *fake) {
			f.questions = f.questions[2:]
			f.questions[0].Options[0].Disabled = true
		}, missing: "--store", asked: 1},
		{name: "no consent", o: Options{JSON: true}, prepare: func(f *fake) { f.questions = nil }, missing: "--yes"},
		{name: "dry run needs none", o: Options{JSON: true, DryRun: true}, prepare: func(f *fake) { f.questions = nil }},
		{name: "nothing to do needs none", o: Options{JSON: true}, prepare: func(f *fake) { f.questions, f.plan = nil, nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			if c.prepare != nil {
				c.prepare(f)
			}
			u, out, errs := testUI(t, c.o, nil)
			_, _, err := u.Run(t.Context(), f, "init")
			var missing *MissingError
			if errors.As(err, &missing) != (c.missing != "") || (missing != nil && flags(missing) != c.missing) {
				t.Fatalf("error %v, want missing %q", err, c.missing)
			}
			if c.missing == "" && err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.answers, ","); got != c.answers || f.applied != c.applied || len(f.asked) < c.asked {
				t.Errorf("answers %q applied %v asked %v", got, f.applied, f.asked)
			}
			if c.o.JSON && out.Len() > 0 {
				t.Errorf("--json leaves stdout to the caller, but:\n%s", out)
			}
			if c.missing == "" && out.Len()+errs.Len() == 0 {
				t.Error("nothing was said")
			}
		})
	}
}

// TestUnattendedLoop: a question whose default never holds must not hang the run.
func TestUnattendedLoop(t *testing.T) {
	u, _, _ := testUI(t, Options{Yes: true}, nil)
	_, _, err := u.Run(t.Context(), &stubborn{newFake()}, "init")
	var missing *MissingError
	if !errors.As(err, &missing) || flags(missing) != "--port" {
		t.Fatal(err)
	}
}

type stubborn struct{ *fake }

func (s *stubborn) Answer(context.Context, *wizard.Question, wizard.Answer) error { return nil }

// TestPlainInterrupted: a signal ends a prompt that nobody answers.
func TestPlainInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	u, _, _ := testUI(t, Options{In: r, Plain: true}, nil)
	ctx, stop := context.WithCancel(t.Context())
	f := newFake()
	done := make(chan error, 1)
	go func() {
		_, _, err := u.Run(ctx, f, "init")
		done <- err
	}()
	stop()
	if err := <-done; !errors.Is(err, ErrAborted) || f.applied {
		t.Fatal(err)
	}
}

func TestErrorOutput(t *testing.T) {
	u, out, errs := testUI(t, Options{Lang: "ru"}, nil)
	u.Error(errWrongKey)
	u.Error(&MissingError{Flags: [][]string{{"--key-stdin", "--key-file"}, {"--yes"}}})
	u.Error(errors.New("bad \x1b[2J\nescape"))
	want := "ошибка: cloud.ru refused this key: invalid api key secret\n  Это ошибка в самой clawsetup"
	for _, w := range []string{want, "  --key-stdin или --key-file\n  --yes\n", "bad ·[2J escape"} {
		if !strings.Contains(errs.String(), w) {
			t.Errorf("no %q in:\n%s", w, errs)
		}
	}
	if out.Len() > 0 {
		t.Errorf("on stdout: %s", out)
	}
}

// What happened to the files is said where it is known, and not by the advice for a full
// disk, which up, too, may meet when containers run already.
func TestErrorTellsOfFiles(t *testing.T) {
	full := hint.With(errors.New("no space left on device"), "disk-full", "/srv/x")
	const nothing, back = "Nothing was changed", "put back"
	for name, c := range map[string]struct {
		err       error
		want, not string
	}{
		"midway":       {full, "Make room", nothing},
		"untouched":    {unchangedError{full}, nothing, back},
		"taken back":   {&wizard.UndoneError{Err: full}, back, nothing},
		"left to look": {&wizard.UndoneError{Err: full, Left: []string{"/srv/y"}}, "/srv/y", back},
	} {
		u, _, errs := testUI(t, Options{Lang: "en"}, nil)
		u.Error(c.err)
		if got := errs.String(); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"docker", "compose", "-f", "/a/b.yml", "up"}, "docker compose -f /a/b.yml up"},
		{[]string{"echo", "a b", "", "it's", "$HOME", "~", "x\ny"}, `echo 'a b' '' 'it'\''s' '$HOME' '~' 'x y'`},
	} {
		if got := Quote(c.args); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
