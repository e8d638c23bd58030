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

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// The archive that a child browses, and the head of its journal.
const (
	childArchive = "UI_TEST_ARCHIVE"
	childHead    = "UI_TEST_HEAD"
)

// runBrowser browses as the program under test.
func runBrowser(name string, u *UI) {
	head, err := journal.ParseHead(os.Getenv(childHead))
	if err != nil {
		panic(err)
	}
	a := openArchive(os.Getenv(childArchive), head)
	if name == "browser-panic" {
		b := newBrowser(context.Background(), u, a, false)
		b.now = func() time.Time { panic("kaboom") }
		err = b.run(tea.WithAltScreen(), tea.WithInput(u.o.In), tea.WithOutput(u.o.Out))
	} else {
		err = u.Browse(context.Background(), a, false)
	}
	fmt.Printf("RESULT aborted=%v err=%v\n", errors.Is(err, ErrAborted), err != nil)
}

// TestBrowserRestored: however the browser ends, also in the middle of a rollback,
// the terminal is as it was.
func TestBrowserRestored(t *testing.T) {
	sig := func(s syscall.Signal) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Cmd.Process.Signal(s) }
	}
	typ := func(keys string) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Type(keys) }
	}
	resize := func(w, h int) func(*ptytest.Term) error {
		return func(term *ptytest.Term) error { return term.Resize(w, h) }
	}
	type step struct {
		expect string
		do     func(*ptytest.Term) error
	}
	const list, here = "enter detail", "4 of 5"
	review := []step{{list, typ("jjj")}, {here, typ("b")}, {"a apply", nil}}
	for _, c := range []struct {
		name, child, want string
		steps             []step
	}{
		{"q", "browser", "aborted=false err=false", []step{{list, typ("q")}}},
		{"ctrl+c", "browser", "aborted=true", []step{{list, typ("jjj")}, {here, typ("\x03")}}},
		{"SIGINT", "browser", "aborted=true", []step{{list, typ("d")}, {"diff of record", sig(syscall.SIGINT)}}},
		{"SIGTERM", "browser", "aborted=true", []step{{list, typ("/an")}, {"/ an", sig(syscall.SIGTERM)}}},
		{"SIGHUP", "browser", "aborted=true", []step{{list, typ("v")}, {"verification", sig(syscall.SIGHUP)}}},
		{"panic", "browser-panic", "aborted=false err=true", nil},
		{"resized", "browser", "aborted=false err=false", []step{
			{list, resize(40, 12)}, {"1 of 5", typ("G")}, {"5 of 5", resize(120, 40)}, {"? help", typ("g")}, {"1 of 5", typ("q")},
		}},
		{"signal in the review", "browser", "aborted=true", append(review[:3:3], step{"a apply", sig(syscall.SIGTERM)})},
		{"left the review", "browser", "aborted=false err=false", append(review[:3:3],
			step{"a apply", typ("\x03")}, step{"Left. Nothing was changed.", nil}, step{here, typ("q")})},
		{"rolled back", "browser", "aborted=false err=false", append(review[:3:3],
			step{"a apply", typ("a")}, step{"The files are rolled back", nil}, step{"1 of 6", typ("\x03")})},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newArchive(t)
			term := startChild(t, c.child, "CI=1", childArchive+"="+a.dir, childHead+"="+a.anchor.String())
			for _, s := range c.steps {
				must(t, term.Expect(s.expect))
				if s.do != nil {
					must(t, s.do(term))
				}
			}
			_, err := term.Wait()
			must(t, err)
			must(t, term.ExpectRaw("RESULT "+c.want))
			must(t, term.Restored())
		})
	}
}

// TestBrowserSuspend: ctrl+z gives the terminal back, and fg shows where one was.
func TestBrowserSuspend(t *testing.T) {
	a := newArchive(t)
	self, err := os.Executable()
	must(t, err)
	// A shell with jobs, which the program stops in and goes on from.
	cmd := exec.Command("sh", "-m", "-c", `"$0"; stty -a | grep -oE -- '-?icanon'; read -r go; fg >/dev/null; echo END $?`, self)
	cmd.Env = []string{
		"TERM=xterm-256color", "HOME=/home/anna", "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
		child + "=browser", childArchive + "=" + a.dir, childHead + "=" + a.anchor.String(),
	}
	term, err := ptytest.Start(cmd, 80, 24)
	must(t, err)
	t.Cleanup(term.Close)
	must(t, term.Expect("enter detail"))
	must(t, term.Type("jjj"))
	must(t, term.Expect("4 of 5"))
	must(t, term.Type("\x1a"))
	must(t, term.Expect("icanon"))
	if strings.Contains(term.Screen(), "-icanon") || strings.Contains(term.Screen(), "4 of 5") {
		t.Errorf("the terminal was not given back:\n%s", term.Screen())
	}
	must(t, term.Type("\r"))
	must(t, term.Expect("4 of 5"))
	must(t, term.Type("q"))
	must(t, term.Expect("END 0"))
	must(t, term.Restored())
}
