//go:build unix

package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard"
)

// child names what this test binary does when it is the program under test.
const child = "UI_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(child); name != "" {
		runChild(name)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(name string) {
	f := newFake()
	o := Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Lang: english}
	switch name {
	case "version":
		ci, set := os.LookupEnv("CI")
		fmt.Printf("CI=%q %v\n", ci, set)
		return
	case "work", "work-quick", "work-panic", "work-no-color":
		o.NoColor = name == "work-no-color"
		runWork(name, New(o))
		return
	case "browser", "browser-panic":
		runBrowser(name, New(o))
		return
	case "decide":
		runDecide(New(o))
		return
	case "panic":
		f.refuse = func(*wizard.Question, string) error { panic("kaboom") }
	case "plain":
		o.Plain = true
	case "many":
		pair := f.questions[:2]
		f.questions = nil
		for range 50 {
			f.questions = append(f.questions, pair...)
		}
	}
	_, _, err := New(o).Run(context.Background(), f, "init")
	right := 0
	for i := 0; i+1 < len(f.answers); i += 2 {
		if f.answers[i] == fmt.Sprint(9000+i) && f.answers[i+1] == fmt.Sprint(canary, i) {
			right++
		}
	}
	fmt.Printf("RESULT aborted=%v applied=%v err=%v right=%d\n", errors.Is(err, ErrAborted), f.applied, err != nil, right)
}

func startChild(t *testing.T, name string, env ...string) *ptytest.Term {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append([]string{"TERM=xterm-256color", "HOME=/home/anna", "GORACE=atexit_sleep_ms=0", child + "=" + name}, env...)
	term, err := ptytest.Start(cmd, 80, 24)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(term.Close)
	return term
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSilentTerminal: importing this package asks the terminal nothing, so one that
// never answers holds nothing up, and CI is in the environment as it was.
func TestSilentTerminal(t *testing.T) {
	for env, want := range map[string]string{"CI_=": `CI="" false`, "CI=": `CI="" true`, "CI=yes": `CI="yes" true`} {
		fastest := time.Hour
		for range 3 {
			start := time.Now()
			term := startChild(t, "version", env)
			_, err := term.Wait()
			must(t, err)
			fastest = min(fastest, time.Since(start))
			must(t, term.ExpectRaw(want))
			if strings.Contains(term.Raw(), "\x1b") {
				t.Fatalf("the terminal was asked something: %q", term.Raw())
			}
		}
		// termenv waits 5 s for an answer. Start-up itself is measured by the bench.
		if fastest > 500*time.Millisecond {
			t.Errorf("%s: %v", env, fastest)
		}
		t.Logf("%s: %v", env, fastest)
	}
}

func TestTerminalRestored(t *testing.T) {
	sig := func(s syscall.Signal) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Cmd.Process.Signal(s) }
	}
	typ := func(keys string) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Type(keys) }
	}
	type step struct {
		expect string
		do     func(*ptytest.Term) error
	}
	screenAt := []step{{"enter continue", typ("\r")}, {"Port of the proxy", typ("\r")}, {"cloud.ru API key", typ(canary)}}
	plainAt := []step{{"Answer [8082]:", typ("\r")}}
	for _, c := range []struct {
		name, child string
		steps       []step
	}{
		{"ctrl+c", "screens", append(screenAt[:3:3], step{"18 characters", typ("\x03")})},
		{"SIGINT", "screens", append(screenAt[:3:3], step{"18 characters", sig(syscall.SIGINT)})},
		{"SIGTERM", "screens", append(screenAt[:3:3], step{"18 characters", sig(syscall.SIGTERM)})},
		{"SIGHUP", "screens", append(screenAt[:3:3], step{"18 characters", sig(syscall.SIGHUP)})},
		{"panic", "panic", append(screenAt[:1:1], step{"Port of the proxy", typ("1\r")}, step{"kaboom", typ("\x03")})},
		{"plain ctrl+c", "plain", append(plainAt[:1:1], step{"not shown):", typ(canary + "\x03")})},
		{"plain SIGTERM", "plain", append(plainAt[:1:1], step{"not shown):", sig(syscall.SIGTERM)})},
		{"plain SIGHUP", "plain", append(plainAt[:1:1], step{"not shown):", sig(syscall.SIGHUP)})},
		{"plain ctrl+d", "plain", append(plainAt[:1:1], step{"not shown):", typ("\x04")})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			term := startChild(t, c.child, "CI=1")
			for _, s := range c.steps {
				must(t, term.Expect(s.expect))
				must(t, s.do(term))
			}
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw("RESULT aborted=true applied=false"))
			must(t, term.Restored())
			if strings.Contains(term.Raw(), canary) {
				t.Error("the secret was drawn")
			}
		})
	}
}

// TestTypeAheadOnTerminal types 50 names and secrets in one write on a real
// terminal.
func TestTypeAheadOnTerminal(t *testing.T) {
	t.Parallel()
	term := startChild(t, "many", "CI=1")
	must(t, term.Expect("enter continue"))
	must(t, term.Type("\r"))
	must(t, term.Expect("Port of the proxy"))
	var all strings.Builder
	for i := 0; i < 100; i += 2 {
		fmt.Fprintf(&all, "%d\r%s%d\r", 9000+i, canary, i)
	}
	must(t, term.Type(all.String()))
	must(t, term.Expect("a apply"))
	must(t, term.Type("\x03"))
	_, err := term.Wait()
	must(t, err)
	must(t, term.ExpectRaw("right=50"))
	if strings.Contains(term.Raw(), canary) {
		t.Error("a secret was drawn")
	}
}

// TestWholeRunOnTerminal leaves the alternate screen and a plain summary behind.
func TestWholeRunOnTerminal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"screens", "plain"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := startChild(t, name)
			if name == "plain" {
				must(t, term.Type("\r"))
				must(t, term.Expect("not shown):"))
				must(t, term.Type(canary+"\r\r"))
				must(t, term.Expect("[leave]:"))
				must(t, term.Type("1\r"))
			} else {
				must(t, term.Expect("enter continue"))
				must(t, term.Type("\r\r"+canary+"\r\r"))
				must(t, term.Expect("a apply"))
				must(t, term.Resize(40, 12))
				must(t, term.Type("a"))
			}
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw("RESULT aborted=false applied=true"))
			must(t, term.Restored())
			raw := term.Raw()
			if i := strings.LastIndex(raw, "\x1b[?1049l"); !strings.Contains(raw[max(i, 0):], "Done: 2 files, 1 secret") {
				t.Errorf("no summary after the screen: %q", raw[max(i, 0):])
			}
			if strings.Contains(raw, canary) {
				t.Error("the secret was drawn")
			}
			if name == "plain" && strings.Contains(raw, "\x1b[?") {
				t.Error("plain mode draws")
			}
		})
	}
}

// TestSuspend: ctrl+z gives the terminal back as it was, and the shell's fg shows the
// screen again with what was typed, unseen.
func TestSuspend(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	// A shell with jobs, which the program stops in and goes on from.
	cmd := exec.Command("sh", "-m", "-c", `"$0"; stty -a | grep -oE -- '-?icanon'; read -r go; fg >/dev/null; echo END $?`, self)
	cmd.Env = []string{"TERM=xterm-256color", "HOME=/home/anna", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", child + "=screens"}
	term, err := ptytest.Start(cmd, 80, 24)
	must(t, err)
	t.Cleanup(term.Close)
	must(t, term.Expect("enter continue"))
	must(t, term.Type("\r"))
	must(t, term.Expect("Port of the proxy"))
	must(t, term.Type("\r"))
	must(t, term.Expect("cloud.ru API key"))
	must(t, term.Type(canary))
	must(t, term.Expect("18 characters"))
	must(t, term.Type("\x1a"))
	must(t, term.Expect("icanon"))
	if strings.Contains(term.Screen(), "-icanon") || strings.Contains(term.Screen(), "cloud.ru API key") {
		t.Errorf("the terminal was not given back:\n%s", term.Screen())
	}
	must(t, term.Type("\r"))
	must(t, term.Expect("18 characters"))
	must(t, term.Type("\x03"))
	must(t, term.Expect("END 0"))
	if !strings.Contains(term.Raw(), "RESULT aborted=true applied=false") || strings.Contains(term.Raw(), canary) {
		t.Errorf("%s", term.Raw())
	}
}

// TestSuspendWithoutShell: where nobody would let it go on, the key does nothing.
func TestSuspendWithoutShell(t *testing.T) {
	term := startChild(t, "screens")
	must(t, term.Expect("enter continue"))
	must(t, term.Type("\x1a"))
	must(t, term.Type("\r"))
	must(t, term.Expect("Port of the proxy"))
	must(t, term.Type("\x03"))
	if _, err := term.Wait(); err != nil {
		t.Fatal(err)
	}
}
