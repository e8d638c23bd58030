//go:build unix

// Package ptytest runs a program on a pseudo-terminal, types on it and reads its
// screen. It is for tests.
package ptytest

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/term"
)

// patience is how long a test waits for the program, on a machine that is busy with
// something else.
const patience = time.Minute

// Term is a program that runs on a pseudo-terminal.
type Term struct {
	Cmd *exec.Cmd

	pty, tty *os.File
	before   *term.State
	done     chan struct{}

	mu     sync.Mutex
	screen vt10x.Terminal
	raw    strings.Builder
	change chan struct{}
}

// Start runs cmd as the leader of a session whose terminal has the given size and
// is all three of its streams, except those that cmd has already. Close must be
// called in the end.
func Start(cmd *exec.Cmd, width, height int) (*Term, error) {
	p, tty, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("opening a pseudo-terminal: %w", err)
	}
	t := &Term{Cmd: cmd, pty: p, tty: tty, done: make(chan struct{}), change: make(chan struct{}, 1),
		screen: vt10x.New(vt10x.WithSize(width, height))}
	if err := t.start(width, height); err != nil {
		_, _ = p.Close(), tty.Close()
		return nil, err
	}
	go t.read()
	return t, nil
}

func (t *Term) start(width, height int) error {
	if err := pty.Setsize(t.pty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil { //nolint:gosec // sizes of terminals
		return fmt.Errorf("sizing the pseudo-terminal: %w", err)
	}
	before, err := term.GetState(int(t.tty.Fd()))
	if err != nil {
		return fmt.Errorf("reading the terminal's state: %w", err)
	}
	t.before = before
	if t.Cmd.Stdin == nil {
		t.Cmd.Stdin = t.tty
	}
	if t.Cmd.Stdout == nil {
		t.Cmd.Stdout = t.tty
	}
	if t.Cmd.Stderr == nil {
		t.Cmd.Stderr = t.tty
	}
	t.Cmd.ExtraFiles = []*os.File{t.tty}
	t.Cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	return t.Cmd.Start()
}

func (t *Term) read() {
	defer close(t.done)
	buf := make([]byte, 4096)
	var pending []byte // vt10x loses a character that comes in two parts
	for {
		n, err := t.pty.Read(buf)
		pending = append(pending, buf[:n]...)
		whole := len(pending) - begun(pending)
		t.mu.Lock()
		_, _ = t.screen.Write(pending[:whole])
		t.raw.Write(buf[:n])
		t.mu.Unlock()
		pending = pending[whole:]
		select {
		case t.change <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// begun is how many bytes at the end of b are the beginning of a character.
func begun(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}

// Screen is the text that is on the terminal now.
func (t *Term) Screen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(t.screen.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Raw is every byte that the program has written.
func (t *Term) Raw() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.raw.String()
}

// Expect waits until text is on the screen.
func (t *Term) Expect(text string) error {
	return t.await(text, t.Screen)
}

// ExpectRaw waits until text was written, on whatever screen.
func (t *Term) ExpectRaw(text string) error {
	return t.await(text, t.Raw)
}

func (t *Term) await(text string, where func() string) error {
	limit := time.After(patience)
	for !strings.Contains(where(), text) {
		select {
		case <-t.change:
		case <-t.done:
			if !strings.Contains(where(), text) {
				return fmt.Errorf("the program ended without %q:\n%s", text, t.Screen())
			}
		case <-limit:
			return fmt.Errorf("no %q on the screen:\n%s", text, t.Screen())
		}
	}
	return nil
}

// Type sends keys to the program, in one write.
func (t *Term) Type(keys string) error {
	_, err := t.pty.WriteString(keys)
	return err
}

// Resize changes the size of the terminal.
func (t *Term) Resize(width, height int) error {
	t.mu.Lock()
	t.screen.Resize(width, height)
	t.mu.Unlock()
	return pty.Setsize(t.pty, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}) //nolint:gosec // sizes of terminals
}

// Wait waits for the program's end and returns its exit code.
func (t *Term) Wait() (int, error) {
	ended := make(chan struct{})
	go func() {
		_ = t.Cmd.Wait() // its exit code is read below
		close(ended)
	}()
	select {
	case <-ended:
		return t.Cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		_ = t.Cmd.Process.Kill()
		<-ended
		return -1, fmt.Errorf("the program does not end:\n%s", t.Screen())
	}
}

// Restored tells what the program left changed of the terminal: nil when it is as
// it was before.
func (t *Term) Restored() error {
	now, err := term.GetState(int(t.tty.Fd()))
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(now, t.before) {
		return fmt.Errorf("the terminal's settings are changed: %v, were %v", now, t.before)
	}
	raw := t.Raw()
	for _, m := range []struct{ name, on, off string }{
		{"the cursor is hidden", "\x1b[?25l", "\x1b[?25h"},
		{"bracketed paste is on", "\x1b[?2004h", "\x1b[?2004l"},
		{"focus reports are on", "\x1b[?1004h", "\x1b[?1004l"},
		{"the alternate screen is on", "\x1b[?1049h", "\x1b[?1049l"},
		{"the mouse is taken", "\x1b[?1002h", "\x1b[?1002l"},
	} {
		if strings.LastIndex(raw, m.on) > strings.LastIndex(raw, m.off) {
			return fmt.Errorf("%s", m.name)
		}
	}
	return nil
}

// Close frees the terminal; a program that still runs on it is killed.
func (t *Term) Close() {
	if t.Cmd.ProcessState == nil {
		_ = t.Cmd.Process.Kill()
		_ = t.Cmd.Wait()
	}
	_ = t.tty.Close()
	<-t.done
	_ = t.pty.Close()
}
