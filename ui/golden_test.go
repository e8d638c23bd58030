package ui

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// golden compares what is shown with testdata/golden/name.txt.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, afternoon.Format(" -07:00"), " +00:00") // wherever this runs
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got+"\n" {
		t.Errorf("%s differs (go test ./ui -run Golden -update writes it):\n%s", name, got)
	}
}

// goldenFake is a set-up whose screens look like real ones.
func goldenFake() *fake {
	f := newFake()
	digest := "sha256:9f2c41aa07d3b6e15c8aa0f1d2c3b4a5968778695a4b3c2d1e0f9f2c41aa07d3"
	trust := wizard.Question{ID: "trust", Step: wizard.StepImage, Kind: wizard.Choice, Flags: []string{"--trust-first-use"},
		Options: []wizard.Option{{Value: "first-use", Attention: true}, {Value: "key"}, {Value: "other"}},
		Notes: []wizard.Note{
			{ID: "image-digest", Args: []any{digest}},
			{ID: "image-built", Args: []any{"2026-09-14", 69}},
			{ID: "image-size", Args: []any{214}},
			{ID: "image-root", State: wizard.Attention, Args: []any{"65532:65532"}},
			{ID: "image-command", State: wizard.NotChecked, Args: []any{"uv run start_proxy.py"}},
			{ID: "image-untrusted", State: wizard.Attention},
		}}
	f.questions = []wizard.Question{f.questions[1], models(60), f.questions[2], trust, f.questions[0]}
	f.refuse = func(_ *wizard.Question, v string) error {
		if v == "wrong" {
			return errWrongKey
		}
		return nil
	}
	return f
}

// hash of a record depends on the time zone, as its time does.
var hash = regexp.MustCompile(`[0-9a-f]{62,64}(\n +[0-9a-f]{2})?`)

// TestGoldenBrowser looks at a journal, and at the same one after somebody edited it.
func TestGoldenBrowser(t *testing.T) {
	shots := map[string]string{}
	t.Run("shots", func(t *testing.T) {
		t.Chdir(t.TempDir())
		a := newArchive(t)
		for _, lang := range []string{english, russian} {
			for _, size := range [][2]int{{80, 24}, {120, 40}} {
				a.edit(func(b []byte) []byte { return bytes.Replace(b, []byte("ApiKeyRotatec"), []byte("ApiKeyRotated"), 1) })
				synctest.Test(t, func(t *testing.T) {
					r := browse(t, a, Options{Lang: lang}, size[0], size[1])
					shot := func(name string) {
						shots[fmt.Sprintf("%s-%dx%d-browser-%s", lang, size[0], size[1], name)] = filepath.ToSlash(hash.ReplaceAllString(r.view(), "…"))
					}
					r.typ("jj")
					shot("1-list")
					r.typ(enter)
					shot("2-detail")
					r.typ("d")
					shot("3-diff")
					r.typ("v")
					shot("4-verify")
					r.typ(esc)
					r.typ("/anna setup")
					shot("5-filter")
					a.edit(func(b []byte) []byte { return bytes.Replace(b, []byte("ApiKeyRotated"), []byte("ApiKeyRotatec"), 1) })
					r.typ(esc)
					r.typ("v")
					r.typ(esc)
					shot("6-broken")
					r.typ("q")
					_ = r.wait()
				})
			}
		}
	})
	for name, got := range shots {
		golden(t, name, got)
	}
}

func TestGoldenScreens(t *testing.T) {
	for _, lang := range []string{english, russian} {
		for _, at := range [][2]int{{80, 24}, {120, 40}} {
			synctest.Test(t, func(t *testing.T) { goldenScreens(t, lang, at[0], at[1]) })
		}
	}
}

// goldenScreens is one run of the wizard in a language and a size.
func goldenScreens(t *testing.T, lang string, width, height int) {
	t.Helper()
	s := open(t, goldenFake(), Options{Lang: lang}, width, height)
	prefix := fmt.Sprintf("%s-%dx%d-", lang, width, height)
	shot := func(name string) {
		t.Helper()
		s.pause()
		golden(t, prefix+name, s.view())
	}
	shot("1-check")
	s.typ(enter)
	s.typ("wrong" + enter)
	shot("2-key-refused")
	s.typ(canary)
	shot("3-key")
	s.typ(enter)
	shot("4-models")
	s.typ(enter)
	s.typ("?")
	shot("5-help")
	s.typ(enter)
	s.typ(enter)
	shot("6-trust")
	s.typ(enter)
	shot("7-port")
	s.typ(enter)
	shot("8-review")
	s.s.onApply = func(_ context.Context, report func(wizard.Progress)) error {
		report(wizard.Progress{ID: "secret", Args: []any{"cloudru_api_key", "keyring"}, State: wizard.Durable})
		report(wizard.Progress{ID: "file", Args: []any{s.s.plan.Changes[0].Path}, State: wizard.Begun})
		time.Sleep(100 * time.Millisecond)
		return nil
	}
	s.typ("a")
	golden(t, prefix+"9-apply", s.view())
	s.pause()
	s.wait()
}
