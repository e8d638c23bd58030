package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// testUI is a UI with streams of its own and a bare environment.
func testUI(t *testing.T, o Options, env map[string]string) (u *UI, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	if o.In == nil {
		in, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close() })
		o.In = in
	}
	o.Out, o.Err = out, errs
	return newUI(o, func(k string) string { return env[k] }), out, errs
}

// screen runs the wizard in a real tea.Program inside a synctest bubble: keys are
// handled one by one and nothing depends on the clock of the host.
type screen struct {
	t    *testing.T
	m    *screens
	s    *fake
	keys *io.PipeWriter
	out  bytes.Buffer
	end  chan ended
	stop context.CancelFunc
}

type ended struct {
	plan *wizard.Plan
	res  wizard.Result
	err  error
}

// damage breaks the model, from within the event loop.
type damage func(*screens)

// peek asks the event loop for the present view.
type peek chan string

func open(t *testing.T, s *fake, o Options, w, h int) *screen {
	u, _, _ := testUI(t, o, map[string]string{"HOME": "/home/anna"})
	return openUI(t, u, s, w, h)
}

func openUI(t *testing.T, u *UI, s *fake, w, h int) *screen {
	ctx, stop := context.WithCancel(t.Context())
	sc := &screen{t: t, s: s, end: make(chan ended, 1), stop: stop}
	sc.m = newScreens(ctx, u, guard{s}, "init")
	in, keys := io.Pipe()
	sc.keys = keys
	filter := func(m tea.Model, msg tea.Msg) tea.Msg {
		switch msg := msg.(type) {
		case peek:
			msg <- ansi.Strip(m.View())
			return nil
		case damage:
			msg(sc.m)
		}
		return msg
	}
	go func() {
		plan, res, err := sc.m.run(tea.WithInput(in), tea.WithOutput(&sc.out), tea.WithFilter(filter))
		_ = keys.Close()
		stop()
		sc.end <- ended{plan, res, err}
	}()
	t.Cleanup(func() {
		stop()
		time.Sleep(time.Second) // on the clock of the bubble: every timer ends
	})
	synctest.Wait()
	sc.send(tea.WindowSizeMsg{Width: w, Height: h})
	return sc
}

func (s *screen) send(msg tea.Msg) { s.m.send(msg); synctest.Wait() }

// typ writes keys as a terminal does, all at once.
func (s *screen) typ(keys string) {
	s.t.Helper()
	if _, err := s.keys.Write([]byte(keys)); err != nil {
		s.t.Fatalf("typing %q: %v", keys, err)
	}
	synctest.Wait()
}

// pause is the time an operator needs to see something unexpected.
func (s *screen) pause() { time.Sleep(time.Second); synctest.Wait() }

func (s *screen) view() string {
	c := make(peek, 1)
	s.send(c)
	select {
	case v := <-c:
		if strings.Contains(v, canary) {
			s.t.Fatalf("the secret is on the screen:\n%s", v)
		}
		return v
	case e := <-s.end:
		s.t.Fatalf("the program has ended: %v", e.err)
		return ""
	}
}

func (s *screen) want(texts ...string) {
	s.t.Helper()
	v := s.view()
	for _, text := range texts {
		if !strings.Contains(v, text) {
			s.t.Fatalf("no %q on the screen:\n%s", text, v)
		}
	}
}

// wait ends the run and checks that nothing secret was drawn.
func (s *screen) wait() ended {
	s.t.Helper()
	synctest.Wait()
	select {
	case e := <-s.end:
		if strings.Contains(s.out.String(), canary) {
			s.t.Fatal("the secret was drawn")
		}
		return e
	default:
		s.t.Fatalf("the program still runs:\n%s", s.view())
		return ended{}
	}
}

const (
	enter = "\r"
	esc   = "\x1b"
	ctrlC = "\x03"
	down  = "\x1b[B"
)

func TestHappyPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 80, 24)
		s.want("● Check", "○ Review", "What is here", "✗ port 8082", "✓ Claude Code 2.1.330", "– no set-up", "○ keyring", "! the API key")
		s.typ(enter)
		s.want("● Agent", "Port of the proxy", "enter alone: 8082")
		s.typ(enter)
		s.want("● Key", "cloud.ru API key")
		s.typ(canary)
		s.want("18 characters")
		s.typ(enter)
		s.want("Where are the secrets kept?", "› keyring")
		s.typ(down + enter)
		s.pause()
		s.want("● Review", "a apply", "2 files, 1 secret", "new      secret cloudru_api_key", "! first use", "○ its signature was not checked")
		if s.s.called("apply") {
			t.Fatal("applied before consent")
		}
		s.typ("a")
		e := s.wait()
		if e.err != nil || !e.res.Changed || e.plan != s.s.plan {
			t.Fatalf("%+v", e)
		}
		if got := strings.Join(s.s.answers, ","); got != "8082,"+canary+",docker" {
			t.Fatalf("answers %s", got)
		}
	})
}

func TestRefusedThenRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.refuse = func(q *wizard.Question, v string) error {
			if q.ID == "key" && v != canary {
				return errWrongKey
			}
			return nil
		}
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter)
		s.typ(enter)
		// What follows a refused answer was meant for the next question: it is dropped.
		s.typ("wrong" + enter + down + enter)
		s.pause()
		s.want("cloud.ru API key", "✗ cloud.ru refused this key: invalid api key secret", "This is a defect")
		if v := s.view(); strings.Contains(v, "character") {
			t.Fatalf("the refused secret stayed in the field:\n%s", v)
		}
		s.typ(canary + enter)
		s.want("Where are the secrets kept?", "› keyring")
		s.typ(ctrlC)
		if e := s.wait(); !errors.Is(e.err, ErrAborted) {
			t.Fatal(e.err)
		}
	})
}

// TestTypeAhead gives two answers in one write, 200 times, as an impatient operator
// or an expect script does (facts: huh put the secret into the first field in 19 of
// 20 runs).
func TestTypeAhead(t *testing.T) {
	const programs, pairs = 10, 20
	for i := range programs {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.slow = time.Duration(i%5) * 30 * time.Millisecond
			pair := f.questions[:2]
			f.questions = nil
			for range pairs {
				f.questions = append(f.questions, pair...)
			}
			s := open(t, f, Options{}, 80, 24)
			s.typ(enter)
			for n := range pairs {
				name, secret := fmt.Sprint(9000+n), fmt.Sprint(canary, n)
				s.typ(name + enter + secret + enter)
				time.Sleep(400 * time.Millisecond)
				synctest.Wait()
				if len(f.answers) != 2*n+2 || f.answers[2*n] != name || f.answers[2*n+1] != secret {
					t.Fatalf("pair %d: %q", n, f.answers)
				}
			}
			s.typ(ctrlC)
			s.wait()
		})
	}
}

// TestTypeAheadApprovesNothing types through to the review: it must not apply what
// nobody has seen.
func TestTypeAheadApprovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 80, 24)
		s.typ(enter)
		s.typ(enter + canary + enter + enter + "aaaa")
		time.Sleep(time.Second)
		s.want("● Review")
		s.typ(ctrlC)
		if e := s.wait(); !errors.Is(e.err, ErrAborted) || s.s.called("apply") {
			t.Fatalf("%v, applied %v", e.err, s.s.called("apply"))
		}
	})
}

func TestBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 80, 24)
		s.typ(enter)
		s.typ("7000" + enter)
		s.typ("half a key")
		s.typ(esc)
		time.Sleep(time.Second) // an escape alone is told from a sequence by time
		s.want("Port of the proxy")
		s.typ(esc)
		time.Sleep(time.Second)
		s.want("What is here")
		s.typ(enter + enter + canary + enter + enter)
		s.pause()
		s.want("● Review")
		s.typ(esc)
		time.Sleep(time.Second)
		s.want("Where are the secrets kept?")
		s.typ(enter)
		s.pause()
		s.want("● Review")
		s.typ("a")
		if e := s.wait(); e.err != nil || s.s.answers[1] != canary {
			t.Fatalf("%v %q", e.err, s.s.answers)
		}
	})
}

func TestDryRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{DryRun: true}, 80, 24)
		s.typ(enter + enter + canary + enter + enter)
		s.pause()
		s.want("Dry run", "enter finish")
		s.typ("a")
		s.typ(enter)
		e := s.wait()
		if e.err != nil || e.plan == nil || e.res.Changed || s.s.called("apply") {
			t.Fatalf("%+v %v", e, s.s.calls)
		}
	})
}

func TestEmptyPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.plan = nil
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter + enter + canary + enter + enter)
		if e := s.wait(); e.err != nil || !e.plan.Empty() || f.called("apply") {
			t.Fatalf("%+v %v", e, f.calls)
		}
	})
}

func TestAbortAppliesNothing(t *testing.T) {
	for name, keys := range map[string]string{
		"findings":     "",
		"text":         enter,
		"half a text":  enter + "80",
		"secret":       enter + enter + canary,
		"choice":       enter + enter + canary + enter,
		"review":       enter + enter + canary + enter + enter,
		"while busy":   enter + "slow" + enter,
		"help":         enter + enter + canary + enter + "?",
		"filter typed": enter + enter + canary + enter + "/doc",
	} {
		for cause, leave := range map[string]func(*screen){
			"ctrl+c": func(s *screen) { s.typ(ctrlC) },
			"signal": func(s *screen) { s.stop() },
		} {
			t.Run(name+" "+cause, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake()
					if name == "while busy" {
						f.slow = time.Hour
					}
					s := open(t, f, Options{}, 80, 24)
					if keys != "" {
						s.typ(keys)
					}
					leave(s)
					e := s.wait()
					if !errors.Is(e.err, ErrAborted) || f.called("apply") {
						t.Fatalf("%v %v", e.err, f.calls)
					}
				})
			})
		}
	}
}

// TestStopApply shows that Apply is not abandoned: its own answer counts.
func TestStopApply(t *testing.T) {
	for name, c := range map[string]struct {
		finish error
		want   error
	}{
		"undone":           {finish: &wizard.UndoneError{Err: context.Canceled}, want: ErrAborted},
		"too late to stop": {finish: nil},
	} {
		for cause, leave := range map[string]func(*screen){
			"ctrl+c": func(s *screen) { s.typ(ctrlC) },
			"signal": func(s *screen) { s.stop() },
			"killed": func(s *screen) { s.send(tea.Quit()) },
		} {
			t.Run(name+" "+cause, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFake()
					f.onApply = func(ctx context.Context, report func(wizard.Progress)) error {
						report(wizard.Progress{ID: "file", Args: []any{f.plan.Changes[0].Path}, State: wizard.Durable})
						<-ctx.Done()
						time.Sleep(time.Second) // undoing takes its time
						report(wizard.Progress{ID: "undo", State: wizard.Undone})
						return c.finish
					}
					s := open(t, f, Options{}, 80, 24)
					s.typ(enter + enter + canary + enter + enter)
					s.pause()
					s.typ("a")
					s.want("Applying", "✓ ~/.config/clawsetup/setup.yaml", "○ ~/.openclaw/openclaw.json")
					leave(s)
					time.Sleep(2 * time.Second)
					if e := s.wait(); !errors.Is(e.err, c.want) || (c.want == nil && !e.res.Changed) {
						t.Fatalf("%+v", e)
					}
				})
			})
		}
	}
}

func TestApplyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		full := errors.New("no space left on device")
		f.onApply = func(context.Context, func(wizard.Progress)) error { return full }
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter + enter + canary + enter + enter)
		s.pause()
		s.typ("a")
		if e := s.wait(); !errors.Is(e.err, full) || e.res.Changed {
			t.Fatalf("%+v", e)
		}
	})
}

func TestPanicInAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.refuse = func(*wizard.Question, string) error { panic("kaboom") }
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter)
		s.typ("1" + enter)
		s.want("✗ internal error while checking the answer: kaboom", "TestPanicInAnswer")
		s.typ(ctrlC)
		s.wait()
	})
}

// TestPanicOfOurs is a defect while drawing or reacting.
func TestPanicOfOurs(t *testing.T) {
	for name, msg := range map[string]tea.Msg{
		"view":   damage(func(m *screens) { m.stage, m.field = stageAsk, nil }),
		"update": endedMsg{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, newFake(), Options{}, 80, 24)
				s.send(msg)
				e := s.wait()
				if e.err == nil || !strings.Contains(e.err.Error(), "internal error while drawing the screen") || s.s.called("apply") {
					t.Fatalf("%+v", e)
				}
			})
		})
	}
}

func TestStopCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slow = time.Hour
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter)
		s.typ("8083" + enter)
		s.want("checking the answer", "esc stop")
		s.typ(esc)
		time.Sleep(time.Second)
		s.want("The check was stopped", "8083")
		s.typ(ctrlC)
		s.wait()
	})
}

func TestHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 80, 24)
		s.typ("?")
		s.want("quick looks at this host")
		s.typ("x")
		s.typ(enter)
		s.typ("?") // an empty text field has no other use for it
		s.want("threat S-01")
		s.typ("x")
		s.typ("80?")
		s.want("› 80?")
		s.typ("\x1bOP") // f1
		s.want("threat S-01")
		s.typ("x" + enter)
		s.typ("sk?x")
		s.want("4 characters")
		s.typ(ctrlC)
		s.wait()
	})
}

// TestPaste: a paste is trimmed, and only its first line goes into a field that is
// drawn.
func TestPaste(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 80, 24)
		s.typ(enter)
		s.typ("\x1b[200~ 9090\n" + canary + "\n\x1b[201~")
		s.want("› 9090", "Only the first line")
		s.typ(enter)
		s.typ("\x1b[200~ " + canary + "\n\x1b[201~" + enter)
		s.want("Where are the secrets")
		s.typ(ctrlC)
		s.wait()
		if s.s.answers[0] != "9090" || s.s.answers[1] != canary {
			t.Fatalf("%q", s.s.answers)
		}
	})
}

func TestLongList(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 12}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.questions = []wizard.Question{models(60)}
			s := open(t, f, Options{}, size[0], size[1])
			s.typ(enter)
			s.want("›   vendor/model-30", "  vendor/model-29") // options above the default show
			s.typ("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A")
			s.want("›   vendor/model-22")
			s.typ("/model-17")
			s.want("› ! vendor/model-17")
			if v := s.view(); strings.Contains(v, "model-22") {
				t.Fatalf("not filtered:\n%s", v)
			}
			s.typ(esc)
			time.Sleep(time.Second)
			s.want("› ! vendor/model-17")
			s.typ("/nothing" + enter)
			s.typ(esc)
			time.Sleep(time.Second)
			s.typ("/MODEL-59" + enter)
			s.want("● Review")
			s.typ(ctrlC)
			s.wait()
			if f.answers[0] != "vendor/model-59" {
				t.Fatalf("%q", f.answers)
			}
		})
	}
}

func TestDisabledOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.questions = f.questions[2:]
		f.questions[0].Options[0].Disabled = true
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter)
		s.typ(enter)
		s.pause()
		s.want("✗ “keyring of the operating system” is not available now")
		s.typ(down + enter)
		s.want("● Review")
		s.typ(ctrlC)
		s.wait()
		if f.answers[0] != "docker" {
			t.Fatalf("%q", f.answers)
		}
	})
}

// TestFrame: whatever is shown, at whatever size, the frame fills the terminal
// exactly, so nothing jumps or wraps.
func TestFrame(t *testing.T) {
	for _, lang := range []string{english, russian} {
		for _, size := range [][2]int{{200, 60}, {80, 24}, {60, 15}, {40, 12}} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.questions[2].Notes = slices.Concat(f.found, f.found)
				s := open(t, f, Options{Lang: lang}, 80, 24)
				check := func(what string) {
					t.Helper()
					s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
					lines := strings.Split(s.view(), "\n")
					if len(lines) != size[1] {
						t.Errorf("%s %s %v: %d lines", lang, what, size, len(lines))
					}
					for _, l := range lines {
						if w := ansi.StringWidth(l); w > size[0] {
							t.Errorf("%s %s %v: %d cells: %q", lang, what, size, w, l)
						}
					}
				}
				check("findings")
				s.typ("?")
				check("help")
				s.typ("x" + enter)
				check("text")
				s.typ(strings.Repeat("ж", 300))
				check("long text")
				s.typ(enter)
				check("secret")
				s.typ(strings.Repeat("x", 300) + enter)
				check("choice")
				s.typ(enter)
				s.pause()
				check("review")
				s.typ("nG")
				check("review's end")
				s.typ(ctrlC)
				s.wait()
			})
		}
	}
}

func TestReviewFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newFake(), Options{}, 60, 14)
		s.typ(enter + enter + canary + enter + enter)
		s.pause()
		s.typ("n")
		s.want("file 1 of 2", "~/.config/clawsetup/setup.yaml  new")
		s.typ("n")
		s.want("file 2 of 2", `-   "a": 1`, `+   "a": 2`)
		s.typ("p")
		s.want("file 1 of 2")
		s.typ("pp")
		s.want("2 files, 1 secret")
		s.typ(ctrlC)
		s.wait()
	})
}

// TestRollbackLike is a session without findings or questions: it opens with the
// review, and there is nothing to go back to but the first screen.
func TestRollbackLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.found, f.questions, f.steps = nil, nil, []wizard.Step{}
		s := open(t, f, Options{}, 80, 24)
		s.pause()
		s.want("● Review", "✓ Check", "a apply")
		if v := s.view(); strings.Contains(v, "Models") {
			t.Fatalf("steps that this session has not:\n%s", v)
		}
		s.typ(esc)
		s.pause()
		s.want("What is here")
		s.typ(enter)
		s.pause()
		s.typ("a")
		if e := s.wait(); e.err != nil || !e.res.Changed {
			t.Fatalf("%+v", e)
		}
	})
}

// TestWaiting: who holds the lock is said on the screen, or on Err when there is
// none.
func TestWaiting(t *testing.T) {
	held := files.Holder{PID: 7, User: "anna", Command: "clawsetup"}
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slow = time.Hour
		s := open(t, f, Options{}, 80, 24)
		s.typ(enter)
		s.typ("1" + enter)
		s.m.u.Waiting(held)
		synctest.Wait()
		s.want("Waiting for another clawsetup: clawsetup, process 7, by anna")
		s.typ(ctrlC)
		s.wait()
	})
	u, out, errs := testUI(t, Options{}, nil)
	u.Waiting(held)
	u.Warn("key-file-open", "/k", "0644")
	u.Line("demo.files")
	if !strings.Contains(errs.String(), "process 7") || !strings.Contains(errs.String(), "warning: /k can be read by others (0644)") {
		t.Errorf("on stderr: %s", errs)
	}
	if out.String() != "Written in the scratch folder:\n" {
		t.Errorf("on stdout: %s", out)
	}
}
