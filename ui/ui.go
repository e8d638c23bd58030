// Package ui is clawsetup's terminal: it runs a wizard.Session as a full-screen
// wizard, as plain line prompts or from flags alone, shows what was found and what
// will change, and holds every text for people in English and Russian.
//
// It knows no Docker, no keyring and no file; it never draws a secret.
package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui/quietstart"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// bubbletea is initialised by now; see package quietstart.
func init() { quietstart.Restore() }

// Options are the streams and the flags that every command has.
type Options struct {
	In       *os.File
	Out, Err io.Writer
	// Lang is "en" or "ru"; empty follows LC_ALL, LC_MESSAGES and LANG.
	Lang string
	// NoColor turns colours off; so does NO_COLOR.
	NoColor bool
	// Plain asks line by line, without drawing on the terminal.
	Plain bool
	// Yes takes the defaults and gives consent without asking.
	Yes bool
	// DryRun shows the plan and applies nothing.
	DryRun bool
	// JSON leaves Out to the caller: text for people goes to Err.
	JSON bool
}

// UI talks to the operator.
type UI struct {
	o      Options
	lang   string
	mode   Mode
	getenv func(string) string
	// words says the state of a note in a word, for screen readers.
	words bool
	// dialogue is where questions and reviews go, report where results go.
	dialogue, report writer
	errors           writer
	lines            *lineReader
	// screen is the program that draws now, nil when none does.
	screen atomic.Pointer[tea.Program]
	// begun tells that something was changed before a Plan was applied, early what is to
	// be said of it.
	begun atomic.Bool
	early []wizard.Note
}

// writer is a stream with the styles it can show.
type writer struct {
	io.Writer
	theme theme
	width int
}

// New returns the UI for one command.
func New(o Options) *UI { return newUI(o, os.Getenv) }

func newUI(o Options, getenv func(string) string) *UI {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	u := &UI{o: o, lang: language(o.Lang, getenv), getenv: getenv, words: getenv("ACCESSIBLE") != "", lines: newLineReader(o.In)}
	u.mode = mode(o, getenv)
	u.errors = u.stream(o.Err)
	u.report = u.stream(o.Out)
	if o.JSON {
		u.report = u.errors
	}
	u.dialogue = u.report
	if !isTerminal(o.Out) && isTerminal(o.Err) && u.mode == PlainPrompts {
		u.dialogue = u.errors
	}
	return u
}

func (u *UI) stream(w io.Writer) writer {
	width := plainWidth
	if isTerminal(w) {
		width = max(min(width, size(w).width), narrowest)
	}
	return writer{Writer: w, theme: newTheme(w, u.monochrome() || !isTerminal(w), false), width: width}
}

// plainWidth is where plain text wraps, on a narrower terminal sooner, but not below
// narrowest.
const (
	plainWidth = 80
	narrowest  = 30
)

func (u *UI) monochrome() bool {
	return u.o.NoColor || u.getenv("NO_COLOR") != "" || u.getenv("TERM") == "dumb"
}

// T is the message id in the operator's language, filled with args; see
// catalogues for the placeholders. An unknown id is shown itself, marked.
func (u *UI) T(id string, args ...any) string {
	if s, ok := lookUp(u.lang, id, args); ok {
		return s
	}
	return unknown(id, args)
}

// has tells whether there is a message id.
func (u *UI) has(id string) bool {
	_, ok := message(u.lang, id)
	return ok
}

// ErrAborted is returned when the operator left: nothing was changed, or the
// changes were undone.
var ErrAborted = errors.New("aborted, nothing was changed")

// ErrStopped is returned when the operator stopped work that was under way: what it
// did so far may stand.
var ErrStopped = errors.New("stopped")

// MissingError says that questions are open and nobody can be asked.
type MissingError struct {
	// Flags are groups of alternatives: one flag of each group answers it.
	Flags [][]string
	// Why says, by flag, why it is needed where that is not plain.
	Why map[string]error
}

// Error implements error.
func (e *MissingError) Error() string {
	groups := make([]string, len(e.Flags))
	for i, g := range e.Flags {
		groups[i] = strings.Join(g, " or ")
	}
	return "answers are missing: " + strings.Join(groups, "; ")
}

// Error prints err, and what can be done about it on a line of its own, to Err.
func (u *UI) Error(err error) {
	t := u.errors.theme
	var missing *MissingError
	if errors.As(err, &missing) {
		u.errors.printf("%s\n", t.bad.Render(u.T("error.missing")))
		for _, group := range missing.Flags {
			u.errors.printf("  %s\n", strings.Join(group, " "+u.T("error.or")+" "))
			u.missingWhy(missing, group)
		}
		u.unchanged(err, "")
		return
	}
	if errors.Is(err, ErrAborted) {
		id := "error.aborted"
		if errors.As(err, new(leftError)) {
			id = "error.left"
		}
		u.errors.printf("%s\n", u.T(id))
		return
	}
	if errors.Is(err, ErrStopped) {
		u.errors.printf("%s\n", u.T("error.stopped"))
		return
	}
	var given *wizard.GivenError
	if errors.As(err, &given) && len(given.Wrong) > 1 {
		u.wrongGiven(given.Wrong)
		return
	}
	message, advice := u.explain(err)
	u.errors.printf("%s %s\n", t.bad.Render(u.T("error.error")), message)
	if advice != "" {
		u.errors.printf("%s\n", hang("  ", advice, u.errors.width))
	}
	u.unchanged(err, advice)
}

// missingWhy says why one of the flags in group is needed.
func (u *UI) missingWhy(e *MissingError, group []string) {
	for _, flag := range group {
		if e.Why[flag] == nil {
			continue
		}
		message, advice := u.explain(e.Why[flag])
		u.errors.printf("%s\n", hang("    ", message, u.errors.width))
		if advice != "" {
			u.errors.printf("%s\n", hang("    ", advice, u.errors.width))
		}
	}
}

// wrongGiven lists the flags whose values cannot be taken.
func (u *UI) wrongGiven(wrong []wizard.WrongGiven) {
	u.errors.printf("%s\n", u.errors.theme.bad.Render(u.T("error.given", len(wrong))))
	for _, w := range wrong {
		message, advice := u.explain(w.Err)
		u.errors.printf("%s\n", hang("  "+w.Flag+": ", message, u.errors.width))
		if advice != "" {
			u.errors.printf("%s\n", hang("    ", advice, u.errors.width))
		}
	}
	u.errors.printf("  %s\n", u.T("error.unchanged"))
}

// Began is for wizard.Wizard: from now on nothing says that nothing was changed.
func (u *UI) Began(notes []wizard.Note) {
	u.early = append(u.early, notes...)
	u.begun.Store(true)
}

// Unchanged marks err as that of a run that had changed nothing yet, which Error says,
// unless Began was told otherwise; a nil err stays nil.
func (u *UI) Unchanged(err error) error {
	switch {
	case err == nil:
		return nil
	case u.begun.Load():
		return leftError{err}
	}
	return unchangedError{err}
}

// leftError is that of a run that had changed something before its Plan.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

type unchangedError struct{ error }

func (e unchangedError) Unwrap() error { return e.error }

// unchanged says that nothing was changed, or was put back, where that is known and the
// advice does not.
func (u *UI) unchanged(err error, advice string) {
	var e unchangedError
	var given *wizard.GivenError
	if s := u.T("error.unchanged"); (errors.As(err, &e) || errors.As(err, &given)) && !strings.Contains(advice, s) {
		u.errors.printf("  %s\n", s)
	}
	// A transaction that failed was taken back; what it could not take back it names.
	var undone *wizard.UndoneError
	if errors.As(err, &undone) && len(undone.Left) == 0 {
		u.errors.printf("  %s\n", u.T("error.undone"))
	}
}

// Warn prints the message "note.<id>" as a warning to Err, before or after a run.
func (u *UI) Warn(id string, args ...any) {
	t := u.errors.theme
	u.errors.printf("%s\n", hang(t.warn.Render(u.T("error.warning"))+" ", u.T("note."+id, args...), u.errors.width))
}

// Waiting says who holds the lock that is waited for. It may be called from any
// goroutine, also while the screen is drawn.
func (u *UI) Waiting(h files.Holder) {
	s := u.T("busy.waiting", h.Command, h.PID, h.User, h.Since)
	if p := u.screen.Load(); p != nil {
		p.Send(waitingMsg(s))
		return
	}
	u.errors.printf("%s\n", s)
}

// longestError bounds what a foreign error may fill of the screen.
const longestError = 1000

// explain splits err into its text, made safe, and the words of its hint.
func (u *UI) explain(err error) (message, advice string) {
	message = err.Error()
	for _, w := range hint.Words(err) {
		message = strings.Replace(message, w.Text, u.T("said."+w.Hint.ID, w.Hint.Args...), 1)
	}
	var key *secrets.KeyError
	if errors.As(err, &key) {
		message = strings.Replace(message, key.Error(), u.keyFault(key), 1)
	}
	message = text.Clean(message, longestError)
	if h, ok := hint.Of(err); ok {
		advice = u.T("hint."+h.ID, h.Args...)
	}
	return message, advice
}

// keyFault says what is wrong with an API key: package secrets knows no catalogue.
func (u *UI) keyFault(e *secrets.KeyError) string {
	for id, reason := range map[string]error{
		"key-empty": secrets.ErrEmpty, "key-too-long": secrets.ErrTooLong, "key-blank": secrets.ErrBlank,
		"key-control": secrets.ErrControl, "key-not-ascii": secrets.ErrNotASCII, "key-sentinel": secrets.ErrSentinel,
	} {
		if errors.Is(e, reason) {
			return u.T("said."+id, e.Position, e.Length)
		}
	}
	return e.Error()
}

func (w writer) printf(format string, args ...any) {
	// A stream that is gone takes nothing more; the exit code tells the rest.
	_, _ = fmt.Fprintf(w.Writer, format, args...)
}

func (w writer) lines(lines []string) {
	for _, l := range lines {
		w.printf("%s\n", l)
	}
}

// Run leads the operator through s: findings, questions, plan, review, consent,
// and Apply. title is the name of the command, such as "init".
//
// It returns the Plan and, when it was applied, its Result. A dry run, and a Plan
// that changes nothing, are never applied. The errors are ErrAborted,
// *MissingError, and those of s.
func (u *UI) Run(ctx context.Context, s wizard.Session, title string) (*wizard.Plan, wizard.Result, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &beginning{Session: s}
	run := u.runScreens
	if u.mode != FullScreen {
		run = u.runLines
	}
	plan, res, err := run(ctx, guard{b}, title)
	if !b.begun.Load() {
		err = u.Unchanged(err)
	}
	return plan, res, err
}
