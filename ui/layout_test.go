package ui

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
)

// TestModelsFit: on the usual terminal the column that tells where data goes is whole, in
// both languages, however long a model's name is.
func TestModelsFit(t *testing.T) {
	for lang, want := range map[string][]string{english: {"in Russia", "abroad"}, russian: {"в России", "за рубежом"}} {
		for _, id := range []string{"Qwen/Qwen3-Coder-480B-A35B-Instruct", "vendor/" + strings.Repeat("long-", 12) + "name"} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				q := models(6)
				q.Options[1].Value, q.Options[1].Label, q.Default = id, id, id
				q.Options[1].Columns[1] = "120.55 / 240.55"
				f.questions = []wizard.Question{q}
				s := open(t, f, Options{Lang: lang}, 80, 24)
				s.typ(enter)
				s.want(want...)
				for l := range strings.SplitSeq(s.view(), "\n") {
					if strings.Contains(l, "  198k  ") && !strings.HasSuffix(l, want[0]) && !strings.HasSuffix(l, want[1]) {
						t.Errorf("%s: not whole: %q", lang, l)
					}
				}
				s.typ(ctrlC)
				s.wait()
			})
		}
	}
}

// TestNarrowInVain: where the first column has not enough to give, it is left whole.
func TestNarrowInVain(t *testing.T) {
	u, _, _ := testUI(t, Options{}, nil)
	long := strings.Repeat("vendor/model-", 3)
	q := &wizard.Question{ID: "preset", Kind: wizard.Choice, Options: []wizard.Option{{Value: "custom"}, {Value: "balanced", Columns: []string{long, long, long}}}}
	if _, rows := u.table(q, 76); rows[0] != "custom: choose each" || !strings.HasSuffix(rows[1], long) {
		t.Errorf("%q", rows)
	}
}

// TestPlainTableWraps: a table that is too wide becomes a list, broken at blanks.
func TestPlainTableWraps(t *testing.T) {
	u, out, _ := testUI(t, Options{Plain: true}, nil)
	q := models(3)
	q.Options[0].Label = "vendor/" + strings.Repeat("long-", 12) + "name"
	(&lineRun{u: u, w: u.dialogue}).choices(&q)
	for l := range strings.SplitSeq(out.String(), "\n") {
		if ansi.StringWidth(l) > plainWidth {
			t.Errorf("%d cells: %q", ansi.StringWidth(l), l)
		}
	}
	for _, want := range []string{q.Options[0].Label, "context 198k, ₽ / 1M 120 / 240, data in Russia", "2) vendor/model-01"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestKeysFit: on a narrow terminal whole keys are left out; how to leave is not among them.
func TestKeysFit(t *testing.T) {
	got := fitKeys("enter choose   ↑↓ move   / filter   esc back   ? why   ctrl+c leave", 59)
	if got != "enter choose   ↑↓ move   / filter   esc back   ctrl+c leave" {
		t.Errorf("%q", got)
	}
	if got := fitKeys("enter go on   ctrl+c leave", 5); got != "enter go on   ctrl+c leave" {
		t.Errorf("%q", got)
	}
}

// skipping is a session that passes over the key.
type skipping struct{ *fake }

func (skipping) Skipped() []wizard.Step { return []wizard.Step{wizard.StepKey} }

// TestPath: what was passed over is not marked as done, and the check is where one is after
// going back to it.
func TestPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.questions = f.questions[2:]
		s := open(t, f, Options{}, 80, 24)
		s.send(damage(func(m *screens) { m.path = newPath(guard{&beginning{Session: skipping{f}}}) }))
		s.typ(enter)
		s.want("✓ Check  – Key  ✓ Models  ● Secrets")
		s.typ(esc)
		s.want("What is here", "● Check  ○ Key  ○ Models  ○ Secrets")
		s.typ(ctrlC)
		s.wait()
	})
}

// TestRussianWords: the default of a choice and the words of engines and journals are said in
// Russian; what is not known is left as it is.
func TestRussianWords(t *testing.T) {
	u, _, _ := testUI(t, Options{Lang: russian}, nil)
	q := &wizard.Question{ID: "consent", Kind: wizard.Choice, Default: "leave", Options: []wizard.Option{{Value: "apply"}, {Value: "leave"}}}
	if got := (&lineRun{u: u}).prompt(q); got != "Выбор, от 1 до 2 [выйти, ничего не менять]: " {
		t.Errorf("%q", got)
	}
	if o, err := u.choose(q, "выйти, ничего не менять"); err != nil || o.Value != "leave" {
		t.Errorf("%v %v", o, err)
	}
	if got := u.stateOf("running") + " " + u.stateOf("odd"); got != "работает odd" {
		t.Errorf("%q", got)
	}
	if got := strings.Join(u.removalLines("", wizard.Removal{Kind: "keys", Name: "keyring"}, 80), ""); !strings.HasSuffix(got, "ключи журнала, системное хранилище ключей") {
		t.Errorf("%q", got)
	}
}
