//go:build unix

package ui

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard"
)

// runWork is what this test binary does as a program that works.
func runWork(name string, u *UI) {
	ended := false
	err := u.Work(context.Background(), "up", func(ctx context.Context, report func(wizard.Progress)) error {
		defer func() { ended = true }()
		switch name {
		case "work-quick":
			report(done("engine", "Docker 28.2", "/var/run/docker.sock", "2.40"))
			return nil
		case "work-panic":
			report(begun("health"))
			time.Sleep(patience + 200*time.Millisecond)
			panic("kaboom")
		}
		for _, p := range append(pulling(), refused("trial"), begun("health")) {
			report(p)
		}
		<-ctx.Done()
		time.Sleep(200 * time.Millisecond) // taking back takes its time
		report(undone("health"))
		return fmt.Errorf("waiting: %w", ctx.Err())
	})
	fmt.Printf("RESULT aborted=%v ended=%v err=%v\n", errors.Is(err, ErrStopped), ended, err)
}

// runDecide asks one question by itself.
func runDecide(u *UI) {
	answer, err := u.Decide(context.Background(), "start", "up", "no")
	fmt.Printf("RESULT answer=%s err=%v\n", answer, err)
}

// TestWorkOnTerminal: however work ends, it was waited for, and the terminal is as it
// was.
func TestWorkOnTerminal(t *testing.T) {
	sig := func(s syscall.Signal) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Cmd.Process.Signal(s) }
	}
	for _, c := range []struct {
		name, child string
		leave       func(*ptytest.Term) error
		want        string
	}{
		{"ctrl+c", "work", func(term *ptytest.Term) error { return term.Type("q\x03") }, "RESULT aborted=true ended=true"},
		{"SIGINT", "work", sig(syscall.SIGINT), "RESULT aborted=true ended=true"},
		{"SIGTERM", "work", sig(syscall.SIGTERM), "RESULT aborted=true ended=true"},
		{"SIGHUP", "work", sig(syscall.SIGHUP), "RESULT aborted=true ended=true"},
		{"panic", "work-panic", nil, "RESULT aborted=false ended=true err=internal error while working: kaboom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			term := startChild(t, c.child, "CI=1")
			must(t, term.ExpectRaw("Starting the proxy"))
			if c.leave != nil {
				must(t, term.Expect("ctrl+c stop"))
				must(t, c.leave(term))
				must(t, term.ExpectRaw("Stopping"))
				must(t, term.ExpectRaw("please wait"))
			}
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw(c.want))
			must(t, term.Restored())
			raw := term.Raw()
			_, after, _ := strings.Cut(raw, "\x1b[?1049l")
			if want := map[bool]string{true: "– the proxy answers: undone", false: "⠹ the proxy answers"}[c.leave != nil]; !strings.Contains(after, want) {
				t.Errorf("no %q after the screen: %q", want, after)
			}
			if strings.Contains(after, "Downloading") || strings.Contains(raw, "goroutine ") {
				t.Errorf("layers or a trace after the screen: %q", after)
			}
		})
	}
}

// TestWorkQuickOnTerminal: what is quick touches the terminal as little as a print does.
func TestWorkQuickOnTerminal(t *testing.T) {
	t.Parallel()
	term := startChild(t, "work-quick")
	_, err := term.Wait()
	must(t, err)
	must(t, term.ExpectRaw("RESULT aborted=false ended=true err=<nil>"))
	must(t, term.Restored())
	if strings.Contains(term.Raw(), "\x1b[?") || !strings.Contains(term.Raw(), "Docker 28.2") {
		t.Errorf("a screen was drawn: %q", term.Raw())
	}
}

var styles = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// coloured tells whether a text holds a colour: bold, faint and reverse are none.
func coloured(s string) bool {
	for _, m := range styles.FindAllStringSubmatch(s, -1) {
		for p := range strings.SplitSeq(m[1], ";") {
			if n, err := strconv.Atoi(p); err == nil && n >= 30 && n <= 107 {
				return true
			}
		}
	}
	return false
}

// TestWorkColours: with colours or without, on the screen and after it, the states of
// the steps are told apart.
func TestWorkColours(t *testing.T) {
	for name, c := range map[string]struct {
		child, env string
		want       bool
	}{"NO_COLOR": {"work", "NO_COLOR=1", false}, "--no-color": {"work-no-color", "COLORTERM=truecolor", false}, "colours": {"work", "COLORTERM=truecolor", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := startChild(t, c.child, c.env)
			must(t, term.Expect("ctrl+c stop"))
			for _, line := range []string{
				"  ✓ Docker 28.2", "  – trying the image under the strictest profile: that is not enough", " the proxy answers",
				"    " + strings.Repeat("█", 16) + strings.Repeat("░", 8) + " 2b3c4d5e6f7a  Downloading", "    " + strings.Repeat("█", barWidth) + " 4d5e6f7a8b9c  Already exists",
			} {
				must(t, term.Expect(line))
			}
			if s := term.Screen(); strings.Contains(s, "✓ the proxy answers") || strings.Contains(s, "– the proxy answers") {
				t.Errorf("as if it were done:\n%s", s)
			}
			must(t, term.Type("\x03"))
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw("RESULT aborted=true"))
			if coloured(term.Raw()) != c.want {
				t.Errorf("colours: %v in %q", !c.want, term.Raw())
			}
		})
	}
}

// TestWorkResized: the frame follows the terminal, and no line of it wraps.
func TestWorkResized(t *testing.T) {
	t.Parallel()
	term := startChild(t, "work", "CI=1")
	must(t, term.Expect("ctrl+c stop"))
	for _, size := range [][2]int{{40, 12}, {200, 60}, {80, 24}} {
		must(t, term.Resize(size[0], size[1]))
		fits := func() bool {
			lines := strings.Split(term.Screen(), "\n")
			rule := strings.Repeat("─", size[0])
			return len(lines) == size[1] && lines[0] == " clawsetup up" && lines[1] == rule && lines[size[1]-2] == rule && lines[size[1]-1] == " ctrl+c stop"
		}
		for limit := time.Now().Add(5 * time.Second); !fits(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%v: %q", size, term.Screen())
			}
		}
	}
	must(t, term.Type("\x03"))
	_, err := term.Wait()
	must(t, err)
	must(t, term.ExpectRaw("RESULT aborted=true"))
	must(t, term.Restored())
}

// TestDecideOnTerminal: whoever leaves gets the safe answer.
func TestDecideOnTerminal(t *testing.T) {
	sig := func(s syscall.Signal) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Cmd.Process.Signal(s) }
	}
	typ := func(keys string) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Type(keys) }
	}
	for name, c := range map[string]struct {
		do   func(*ptytest.Term) error
		want string
	}{
		"yes": {typ("1\r"), "up"}, "enter": {typ("\r"), "no"}, "ctrl+c": {typ("1\x03"), "no"}, "ctrl+d": {typ("\x04"), "no"},
		"SIGTERM": {sig(syscall.SIGTERM), "no"}, "SIGHUP": {sig(syscall.SIGHUP), "no"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := startChild(t, "decide", "CI=1")
			must(t, term.Expect("Choice, 1 to 2 [no]:"))
			must(t, c.do(term))
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw("RESULT answer="+c.want+" err=<nil>"))
			must(t, term.Restored())
			if strings.Contains(ansi.Strip(term.Raw()), "✗") {
				t.Errorf("refused: %s", term.Screen())
			}
		})
	}
}
