package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// doing is what UI.Work does.
type doing func(ctx context.Context, report func(wizard.Progress)) error

// listen starts what os/signal runs for ever, outside of every bubble.
var listen = sync.OnceFunc(func() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
})

// inBubble calls Work on a clock of its own.
func inBubble(t *testing.T, u *UI, ctx func(context.Context) context.Context, do doing) (err error) {
	t.Helper()
	listen()
	synctest.Test(t, func(t *testing.T) {
		c := t.Context()
		if ctx != nil {
			c = ctx(c)
		}
		err = u.Work(c, "up", do)
	})
	return err
}

const imageRef = "docker.io/legard/claude-code-proxy@sha256:9f2c41aa07d3b6e15c8aa0f1d2c3b4a5968778695a4b3c2d1e0f9f2c41aa07d3"

func begun(id string, args ...any) wizard.Progress { return wizard.Progress{ID: id, Args: args} }

func done(id string, args ...any) wizard.Progress {
	return wizard.Progress{ID: id, Args: args, State: wizard.Durable}
}

func refused(id string, args ...any) wizard.Progress {
	return wizard.Progress{ID: id, Args: args, State: wizard.Refused}
}

func undone(id string, args ...any) wizard.Progress {
	return wizard.Progress{ID: id, Args: args, State: wizard.Undone}
}

func layer(id, status string, current, total int64) wizard.Progress {
	return wizard.Progress{ID: "layer", Args: []any{id, status}, Current: current, Total: total}
}

// starting is a start of the stack with everything that can be reported. On the way it
// waits as long as the steps of a real one take.
func starting(_ context.Context, report func(wizard.Progress)) error {
	report(done("engine", "Docker 28.2", "/var/run/docker.sock", "2.40"))
	report(begun("pull", imageRef))
	time.Sleep(1200 * time.Millisecond)
	for n := range int64(30) {
		report(layer("a1b2c3", "Downloading", n, 30))
		time.Sleep(100 * time.Millisecond)
	}
	report(layer("d4e5f6", "Waiting", 0, 0))
	report(done("layer", "d4e5f6", "Already exists"))
	report(done("layer", "a1b2c3", "Pull complete"))
	report(done("pull", imageRef))
	report(begun("trial"))
	time.Sleep(3 * time.Second)
	report(refused("trial"))
	report(begun("trial-relaxed", []string{"tmpfs /var/cache"}))
	report(done("trial-relaxed", []string{"tmpfs /var/cache"}))
	report(begun("trial"))
	time.Sleep(3 * time.Second)
	report(done("trial"))
	report(done("file", "/home/anna/.config/clawsetup/setup.yaml"))
	report(undone("file", "/home/anna/.config/clawsetup/setup.yaml"))
	report(undone("undo"))
	return nil
}

// TestWorkStorm is a regression: a report held the lock that the screen needs to draw,
// while it waited for the screen to take its message. It comes first: what else draws
// would hang as well, without a limit of its own.
func TestWorkStorm(t *testing.T) {
	const reporters, each = 8, 150
	keys, w := pipe(t)
	defer func() { _ = w.Close() }()
	out, err := drawing(t, keys, nil, func(ctx context.Context, report func(wizard.Progress)) error {
		var wg sync.WaitGroup
		report(begun("pull", "img"))
		time.Sleep(patience + 100*time.Millisecond)
		for r := range reporters {
			wg.Go(func() {
				for n := range int64(each) {
					report(layer(fmt.Sprint("layer", r), "Downloading", n, each))
				}
				report(done("layer", fmt.Sprint("layer", r), "Pull complete"))
			})
		}
		wg.Wait()
		report(done("pull", "img"))
		return ctx.Err()
	})
	s := out.String()
	if err != nil || !strings.HasSuffix(s, "  ✓ image img\n") || !strings.Contains(s, "layer7  Pull complete") {
		t.Errorf("%v\n%s", err, ansi.Strip(s))
	}
}

// TestWorkLines: line by line, what is done is said once and nothing is ever taken back
// or said again; what takes long is mentioned once.
func TestWorkLines(t *testing.T) {
	want := map[string][]string{
		english: {
			"  ✓ Docker 28.2 at /var/run/docker.sock, compose 2.40",
			"  ⠹ image " + imageRef,
			"  ⠹ a1b2c3  Downloading",
			"  ✓ d4e5f6  Already exists",
			"  ✓ a1b2c3  Pull complete",
			"  ✓ image " + imageRef,
			"  ⠹ trying the image under the strictest profile",
			"  – trying the image under the strictest profile: that is not enough",
			"  ✓ trying the image with: tmpfs /var/cache",
			"  ⠹ trying the image under the strictest profile",
			"  ✓ trying the image under the strictest profile",
			"  ✓ ~/.config/clawsetup/setup.yaml",
			"  – ~/.config/clawsetup/setup.yaml: undone",
			"  – what was changed so far is undone",
		},
		russian: {
			"  ✓ Docker 28.2, /var/run/docker.sock, compose 2.40",
			"  ⠹ образ " + imageRef,
			"  ⠹ a1b2c3  Downloading",
			"  ✓ d4e5f6  Already exists",
			"  ✓ a1b2c3  Pull complete",
			"  ✓ образ " + imageRef,
			"  ⠹ проба образа в самом строгом режиме",
			"  – проба образа в самом строгом режиме: этого мало",
			"  ✓ проба образа с послаблениями: tmpfs /var/cache",
			"  ⠹ проба образа в самом строгом режиме",
			"  ✓ проба образа в самом строгом режиме",
			"  ✓ ~/.config/clawsetup/setup.yaml",
			"  – ~/.config/clawsetup/setup.yaml: отменено",
			"  – сделанное отменено",
		},
	}
	for lang, lines := range want {
		for name, o := range map[string]Options{"plain": {Plain: true}, "unattended": {Yes: true}, "a pipe": {}} {
			o.Lang = lang
			u, out, errs := testUI(t, o, map[string]string{"HOME": "/home/anna"})
			if err := inBubble(t, u, nil, starting); err != nil {
				t.Fatal(err)
			}
			if got, want := out.String(), strings.Join(lines, "\n")+"\n"; got != want || errs.Len() > 0 {
				t.Errorf("%s, %s: got\n%swant\n%son stderr: %s", lang, name, got, want, errs)
			}
		}
	}
}

// TestWorkQuickLines: what is quick is never mentioned before it is done.
func TestWorkQuickLines(t *testing.T) {
	u, out, _ := testUI(t, Options{Plain: true}, nil)
	err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
		report(begun("stop"))
		time.Sleep(patience - time.Millisecond)
		report(done("stop"))
		time.Sleep(10 * patience) // nothing is under way: there is nothing to say
		return nil
	})
	if err != nil || out.String() != "  ✓ the stack is down\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWorkForeignText: nothing that is reported steers the terminal or adds a line.
func TestWorkForeignText(t *testing.T) {
	for _, mode := range []Mode{PlainPrompts, FullScreen} {
		u, out, _ := testUI(t, Options{Plain: true}, nil)
		u.mode = mode
		err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
			report(done("pull", "a\x1b[2J\n  ✓ every claim proved\u202e"))
			return nil
		})
		if want := "  ✓ image a·[2J ✓ every claim proved·\n"; err != nil || out.String() != want {
			t.Errorf("%v\ngot  %q\nwant %q", err, out, want)
		}
	}
}

// TestWorkJSON: every step is one line of JSON; standard output holds nothing else, and
// nothing is said beside it.
func TestWorkJSON(t *testing.T) {
	u, out, errs := testUI(t, Options{JSON: true}, nil)
	err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
		report(begun("pull", "a\n<b>\x1b"))
		time.Sleep(5 * time.Second)
		report(layer("a1b2c3", "Downloading", 5, 10))
		report(layer("a1b2c3", "Downloading", 10, 10))
		report(done("layer", "a1b2c3", "Pull complete"))
		report(refused("trial"))
		report(undone("undo"))
		return nil
	})
	want := `{"event":"pull","state":"begun","args":["a\n<b>\u001b"]}
{"event":"layer","state":"begun","args":["a1b2c3","Downloading"],"current":5,"total":10}
{"event":"layer","state":"begun","args":["a1b2c3","Downloading"],"current":10,"total":10}
{"event":"layer","state":"done","args":["a1b2c3","Pull complete"]}
{"event":"trial","state":"refused"}
{"event":"undo","state":"undone"}
`
	if err != nil || out.String() != want || errs.Len() > 0 {
		t.Errorf("%v\ngot\n%swant\n%son stderr: %s", err, out, want, errs)
	}
}

// TestWorkJSONTogether: steps that are reported at the same time stay lines of their own.
func TestWorkJSONTogether(t *testing.T) {
	const reporters, each = 8, 200
	u, out, errs := testUI(t, Options{JSON: true}, nil)
	err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
		var wg sync.WaitGroup
		for r := range reporters {
			wg.Go(func() {
				for n := range int64(each) {
					report(layer(fmt.Sprint(r), "Downloading", n+1, each))
				}
			})
		}
		wg.Wait()
		return nil
	})
	last := map[any]int64{}
	for l := range bytes.Lines(out.Bytes()) {
		var e event
		if err := json.Unmarshal(l, &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		if e.Event != "layer" || e.State != "begun" || e.Total != each || e.Current != last[e.Args[0]]+1 {
			t.Fatalf("%s", l)
		}
		last[e.Args[0]] = e.Current
	}
	if err != nil || len(last) != reporters || errs.Len() > 0 {
		t.Errorf("%v, %v, on stderr: %s", err, last, errs)
	}
}

// TestEvent: one line, and an error when nobody takes it any more.
func TestEvent(t *testing.T) {
	u, out, _ := testUI(t, Options{JSON: true}, nil)
	if err := u.Event(map[string]any{"a": "x\n<y>"}); err != nil || out.String() != `{"a":"x\n<y>"}`+"\n" {
		t.Errorf("%v %s", err, out)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.Close(), w.Close()
	if err := New(Options{In: r, Out: w, JSON: true}).Event(1); err == nil || !strings.Contains(err.Error(), "writing an event") {
		t.Error(err)
	}
}

// TestWorkEnds: what the work comes to, in every mode and however long it takes.
func TestWorkEnds(t *testing.T) {
	full := errors.New("no space left on device")
	advised := hint.With(fmt.Errorf("left half done: %w", context.Canceled), "stack-logs")
	const after = 100 * time.Millisecond
	for name, c := range map[string]struct {
		stop bool // after that time
		err  error
		want error
	}{
		"done":                    {},
		"failed":                  {err: full, want: full},
		"stopped":                 {stop: true, err: context.Canceled, want: ErrStopped},
		"stopped and undone":      {stop: true, err: hint.With(&wizard.UndoneError{Err: context.Canceled}, "x"), want: ErrStopped},
		"stopped too late":        {stop: true},
		"stopped, but failed":     {stop: true, err: full, want: full},
		"stopped, not undone":     {stop: true, err: advised, want: advised},
		"cancelled, but by whom?": {err: fmt.Errorf("pulling: %w", context.Canceled), want: context.Canceled},
	} {
		for mode, o := range map[string]Options{"lines": {Plain: true}, "json": {JSON: true}, "full screen": {}} {
			for speed, takes := range map[string]time.Duration{"quick": 2 * after, "slow": 5 * time.Second} {
				if mode == "full screen" && speed == "slow" {
					continue // on a terminal: see TestWorkOnTerminal
				}
				u, _, _ := testUI(t, o, nil)
				if mode == "full screen" {
					u.mode = FullScreen
				}
				ended := false
				err := inBubble(t, u, func(ctx context.Context) context.Context {
					if !c.stop {
						return ctx
					}
					ctx, stop := context.WithCancel(ctx)
					time.AfterFunc(after, stop)
					return ctx
				}, func(ctx context.Context, report func(wizard.Progress)) error {
					report(begun("stop"))
					time.Sleep(takes)
					if (ctx.Err() != nil) != c.stop {
						t.Errorf("%s, %s, %s: the context: %v", name, mode, speed, ctx.Err())
					}
					ended = true
					return c.err
				})
				if !errors.Is(err, c.want) || (c.want == nil && err != nil) || errors.Is(err, ErrStopped) != errors.Is(c.want, ErrStopped) {
					t.Errorf("%s, %s, %s: %v, want %v", name, mode, speed, err, c.want)
				}
				if !ended {
					t.Errorf("%s, %s, %s: the work was not waited for", name, mode, speed)
				}
			}
		}
	}
}

func TestWorkPanics(t *testing.T) {
	for mode, o := range map[string]Options{"lines": {Plain: true}, "json": {JSON: true}} {
		for _, takes := range []time.Duration{0, 5 * time.Second} {
			u, _, errs := testUI(t, o, nil)
			err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
				report(begun("stop"))
				time.Sleep(takes)
				panic("kaboom\x1b[2J")
			})
			if err == nil || errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "internal error while working: kaboom·[2J") || !strings.Contains(err.Error(), "TestWorkPanics") {
				t.Fatalf("%s: %v", mode, err)
			}
			u.Error(err)
			if !strings.Contains(errs.String(), "This is a defect") {
				t.Errorf("%s: no advice in:\n%s", mode, errs)
			}
		}
	}
}

// TestWorkQuick: on the full screen, nothing is drawn for what is over soon; what was
// done is left behind, without the layers.
func TestWorkQuick(t *testing.T) {
	u, out, _ := testUI(t, Options{}, nil)
	u.mode = FullScreen
	err := inBubble(t, u, nil, func(_ context.Context, report func(wizard.Progress)) error {
		report(begun("pull", "img"))
		report(layer("a1b2c3", "Downloading", 1, 2))
		report(done("layer", "a1b2c3", "Pull complete"))
		report(done("pull", "img"))
		report(begun("trial"))
		time.Sleep(patience - time.Millisecond)
		return nil
	})
	if want := "  ✓ image img\n  ⠹ trying the image under the strictest profile\n"; err != nil || out.String() != want {
		t.Errorf("%v\ngot\n%swant\n%s", err, out, want)
	}
}

// drawnOn is what a screen in this process draws on: it may be looked at meanwhile.
type drawnOn struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (d *drawnOn) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buf.Write(p)
}

func (d *drawnOn) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buf.String()
}

// drawing runs Work on the full screen, with pipes in the place of a terminal, and
// waits for its end; typed is written as soon as something is drawn.
func drawing(t *testing.T, in *os.File, typed func(), do doing) (*drawnOn, error) {
	t.Helper()
	u, _, _ := testUI(t, Options{In: in}, map[string]string{"TERM": "xterm"})
	out := &drawnOn{}
	u.mode, u.o.Out, u.report.Writer = FullScreen, out, out
	end := make(chan error, 1)
	go func() { end <- u.Work(t.Context(), "up", do) }()
	limit := time.After(10 * time.Second)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-end:
			return out, err
		case <-look.C:
			if typed != nil && strings.Contains(out.String(), "Starting the proxy") {
				typed()
				typed = nil
			}
		case <-limit:
			t.Fatalf("Work does not end:\n%s", ansi.Strip(out.String()))
		}
	}
}

// TestWorkStopKey: ctrl+c on the screen, where it is a key and no signal, is the same
// wish as a signal.
func TestWorkStopKey(t *testing.T) {
	t.Parallel()
	keys, w := pipe(t)
	defer func() { _ = w.Close() }()
	ended := false
	out, err := drawing(t, keys, func() { _, _ = w.WriteString("qx\x1b" + enter + ctrlC) }, func(ctx context.Context, report func(wizard.Progress)) error {
		report(begun("pull", "img"))
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // taking back takes its time
		ended = true
		return fmt.Errorf("pulling: %w", ctx.Err())
	})
	s := out.String()
	if !errors.Is(err, ErrStopped) || !ended || !strings.Contains(s, "Stopping") || !strings.HasSuffix(s, "  ⠹ image img\n") {
		t.Errorf("%v, ended %v\n%s", err, ended, ansi.Strip(s))
	}
	if on, off := strings.LastIndex(s, "\x1b[?1049h"), strings.LastIndex(s, "\x1b[?1049l"); on < 0 || off < on {
		t.Error("the screen before is not back")
	}
}

// TestWorkScreenFails: work that cannot be shown is stopped, and the reason is not lost
// among its own words.
func TestWorkScreenFails(t *testing.T) {
	t.Parallel()
	r, w := pipe(t)
	_ = r.Close() // reading from the other end fails at once
	ended := false
	_, err := drawing(t, w, nil, func(ctx context.Context, report func(wizard.Progress)) error {
		report(begun("pull", "img"))
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	if err == nil || errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "drawing on the terminal") || !ended {
		t.Errorf("%v, ended %v", err, ended)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// workShow is the screen of work in a real tea.Program inside a synctest bubble.
type workShow struct {
	t *testing.T
	w *work
	p *tea.Program
	// stops counts how often the work was asked to stop.
	stops int
}

func showWork(t *testing.T, o Options, width, height int) *workShow {
	t.Helper()
	u, _, _ := testUI(t, o, map[string]string{"HOME": "/home/anna"})
	u.mode = FullScreen
	s := &workShow{t: t, w: &work{u: u, title: "up"}}
	m := &workScreen{work: s.w, t: newTheme(io.Discard, true, true), area: area{width, height}, cancel: func() { s.stops++ }}
	s.p = tea.NewProgram(m, tea.WithInput(nil), tea.WithOutput(io.Discard), tea.WithoutSignalHandler(), tea.WithFilter(func(_ tea.Model, msg tea.Msg) tea.Msg {
		if c, ok := msg.(peek); ok {
			c <- m.View()
			return nil
		}
		return msg
	}))
	s.w.send = s.p.Send
	u.screen.Store(s.p)
	go func() {
		if _, err := s.p.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		s.p.Quit()
		time.Sleep(time.Second) // on the clock of the bubble: every timer ends
	})
	synctest.Wait()
	return s
}

func (s *workShow) report(list ...wizard.Progress) {
	for _, p := range list {
		s.w.report(p)
	}
	synctest.Wait()
}

func (s *workShow) send(msg tea.Msg) { s.p.Send(msg); synctest.Wait() }

// raw is the view with its styles.
func (s *workShow) raw() string {
	c := make(peek, 1)
	s.send(c)
	return <-c
}

func (s *workShow) view() string { return ansi.Strip(s.raw()) }

func (s *workShow) want(texts ...string) {
	s.t.Helper()
	v := s.view()
	for _, text := range texts {
		if !strings.Contains(v, text) {
			s.t.Fatalf("no %q on the screen:\n%s", text, v)
		}
	}
}

// pulling are the steps until an image is half there.
func pulling() []wizard.Progress {
	return []wizard.Progress{
		done("engine", "Docker 28.2", "/var/run/docker.sock", "2.40"), begun("pull", imageRef),
		layer("1a2b3c4d5e6f", "Waiting", 0, 0), layer("2b3c4d5e6f7a", "Downloading", 7, 10), layer("3c4d5e6f7a8b", "Downloading", 12<<20, 12<<20),
		done("layer", "4d5e6f7a8b9c", "Already exists"),
		done("layer", "3c4d5e6f7a8b", "Pull complete"),
	}
}

// trying are the steps after that.
func trying() []wizard.Progress {
	var out []wizard.Progress
	for _, id := range []string{"1a2b3c4d5e6f", "2b3c4d5e6f7a"} {
		out = append(out, done("layer", id, "Pull complete"))
	}
	return append(out,
		done("pull", imageRef), begun("gateway-image"), done("gateway-image"),
		begun("trial"), refused("trial"), begun("trial-relaxed", "tmpfs /var/cache"), done("trial-relaxed", "tmpfs /var/cache"),
		begun("watch"), done("watch"), done("file", "/home/anna/.config/clawsetup/setup.yaml"), begun("compose"), done("compose"),
		begun("health"))
}

func TestGoldenWork(t *testing.T) {
	for _, lang := range []string{english, russian} {
		synctest.Test(t, func(t *testing.T) {
			s := showWork(t, Options{Lang: lang}, 80, 24)
			shot := func(name string) {
				t.Helper()
				golden(t, lang+"-80x24-work-"+name, s.view())
			}
			s.report(pulling()...)
			shot("1-pull")
			s.w.u.Waiting(files.Holder{PID: 7, User: "anna", Command: "clawsetup", Since: time.Date(2026, 11, 22, 14, 2, 0, 0, time.Local)})
			synctest.Wait()
			shot("2-waiting")
			s.report(trying()...)
			shot("3-health")
			s.send(tea.KeyMsg{Type: tea.KeyCtrlC})
			s.report(undone("health"), undone("compose"))
			shot("4-leaving")
		})
	}
}

// TestWorkFrame: whatever is shown, at whatever size, the frame fills the terminal
// exactly, so nothing jumps or wraps.
func TestWorkFrame(t *testing.T) {
	for _, lang := range []string{english, russian} {
		synctest.Test(t, func(t *testing.T) {
			s := showWork(t, Options{Lang: lang}, 80, 24)
			check := func(what string) {
				t.Helper()
				for _, size := range [][2]int{{80, 24}, {40, 12}, {200, 60}, {60, 15}} {
					s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
					lines := strings.Split(s.view(), "\n")
					if len(lines) != size[1] {
						t.Errorf("%s, %s, %v: %d lines", lang, what, size, len(lines))
					}
					for _, l := range lines {
						if w := ansi.StringWidth(l); w > size[0] {
							t.Errorf("%s, %s, %v: %d cells: %q", lang, what, size, w, l)
						}
					}
					if first, last := lines[0], lines[len(lines)-1]; !strings.HasPrefix(first, " clawsetup up") || strings.TrimSpace(last) == "" {
						t.Errorf("%s, %s, %v: begins with %q and ends with %q", lang, what, size, first, last)
					}
				}
			}
			check("nothing yet")
			s.report(pulling()...)
			check("layers")
			for i := range 70 {
				s.report(layer(fmt.Sprint(i), strings.Repeat("слой 層 ", 10), int64(i), 70))
			}
			check("more layers than lines")
			s.report(begun("pull", strings.Repeat("длинное ", 60)), begun("pull", strings.Repeat("層", 150)), begun("pull", strings.Repeat("👩‍👩‍👧", 100)))
			check("wide text")
			s.w.u.Waiting(files.Holder{PID: 7, User: strings.Repeat("анна", 50), Command: "clawsetup"})
			check("waiting")
			s.send(signalMsg{})
			check("leaving")
		})
	}
}

// TestWorkLatest: what is under way stays in sight when there is more than fits.
func TestWorkLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := showWork(t, Options{}, 40, 12)
		for i := range 30 {
			s.report(done("file", fmt.Sprint("/f", i)))
		}
		s.report(begun("health"))
		s.want("✓ /f29", "⠋ the proxy answers", "ctrl+c stop")
		if v := s.view(); strings.Contains(v, "/f20\n") {
			t.Errorf("more than fits:\n%s", v)
		}
	})
}

// TestWorkSteps: each state has a sign of its own, so that nothing depends on colour;
// a step that goes on keeps its line, one that begins anew gets another.
func TestWorkSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := showWork(t, Options{}, 80, 24)
		s.report(begun("trial"), refused("trial"), begun("trial"), done("trial"), undone("file", "/f"), begun("health"))
		s.want("  – trying the image under the strictest profile: that is not enough\n  ✓ trying the image under the strictest profile\n  – /f: undone\n  ⠋ the proxy answers\n")
		time.Sleep(frameTime + time.Millisecond)
		s.want("⠙ the proxy answers")
		s.report(layer("a", "Downloading", 0, 4))
		s.want("    " + strings.Repeat("░", barWidth) + " a  Downloading\n")
		s.report(layer("a", "Downloading", 3, 4))
		s.want("    " + strings.Repeat("█", 18) + strings.Repeat("░", 6) + " a  Downloading\n")
		s.report(layer("a", "Extracting", 4, 4))
		s.want("    " + strings.Repeat("█", barWidth) + " a  Extracting\n")
		s.report(done("layer", "a", "Pull complete"))
		s.want("    " + strings.Repeat("█", barWidth) + " a  Pull complete\n")
		if v := s.view(); strings.Count(v, "a  ") != 1 {
			t.Errorf("a layer on more than one line:\n%s", v)
		}
	})
}

// TestWorkBar: whatever an engine says of a layer, its bar has the same length.
func TestWorkBar(t *testing.T) {
	m := &workScreen{t: newTheme(io.Discard, true, true)}
	most := int64(math.MaxInt64)
	for _, c := range []struct {
		current, total int64
		filled         int
	}{
		{0, 0, 0}, {5, 0, 0}, {0, 9, 0}, {1, 2, 12}, {9, 9, 24}, {99, 9, 24}, {-5, 9, 0}, {5, -9, 0}, {most, most, 24}, {most / 2, most, 12}, {most, 1, 24}, {-most, most, 0},
	} {
		bar := ansi.Strip(m.bar(workStep{step: step{text: "x"}, progress: layer("", "", c.current, c.total)}))
		if want := strings.Repeat("█", c.filled) + strings.Repeat("░", barWidth-c.filled) + " x"; bar != want {
			t.Errorf("%d of %d: %s", c.current, c.total, bar)
		}
	}
}

// TestWorkStops: a key or a signal is answered at once, while the work is waited for.
func TestWorkStops(t *testing.T) {
	for name, msg := range map[string]tea.Msg{"ctrl+c": tea.KeyMsg{Type: tea.KeyCtrlC}, "signal": signalMsg{}} {
		synctest.Test(t, func(t *testing.T) {
			s := showWork(t, Options{}, 80, 24)
			s.report(begun("health"))
			for _, k := range []tea.KeyMsg{{Type: tea.KeyEnter}, {Type: tea.KeyEsc}, {Type: tea.KeyRunes, Runes: []rune("q")}, {Type: tea.KeyRunes, Runes: []rune("ctrl+c"), Paste: true}} {
				s.send(k)
			}
			s.want("Starting the proxy", "ctrl+c stop")
			if s.stops > 0 {
				t.Fatal("another key stopped it")
			}
			s.send(msg)
			s.want("Stopping", "please wait", "⠋ the proxy answers")
			// A signal has stopped the work already.
			if want := map[string]int{"ctrl+c": 1}[name]; s.stops != want {
				t.Errorf("%s: stopped %d times", name, s.stops)
			}
		})
	}
}

// TestWorkWaiting: who holds the lock is said until the work goes on.
func TestWorkWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := showWork(t, Options{}, 80, 24)
		s.report(begun("health"))
		s.w.u.Waiting(files.Holder{PID: 7, User: "anna", Command: "clawsetup"})
		synctest.Wait()
		s.want("Waiting for another clawsetup: clawsetup, process 7, by anna")
		s.report(done("health"))
		s.want("Starting the proxy")
		if v := s.view(); strings.Contains(v, "Waiting") {
			t.Errorf("still said:\n%s", v)
		}
	})
}
