package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// Past is where the browser finds the journal.
type Past interface {
	// Open reads and verifies the journal as it is now.
	Open(ctx context.Context) (*wizard.History, error)
	// Rollback starts going back to the state after record seq.
	Rollback(ctx context.Context, seq uint64) (wizard.Session, error)
}

// Browse shows the journal on the full screen until the operator leaves: list,
// details, diffs, verification, and rollbacks by the ordinary review. all shows the
// bookkeeping of transactions, too.
//
// What is wrong with the journal is returned in the end, as the list does. ErrAborted
// says that nothing was rolled back.
func (u *UI) Browse(ctx context.Context, past Past, all bool) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := newBrowser(ctx, u, past, all)
	changed := false
	for {
		err := b.run(tea.WithAltScreen(), tea.WithInput(u.o.In), tea.WithOutput(u.o.Out))
		if b.session == nil {
			if changed && errors.Is(err, ErrAborted) {
				return nil // leaving undoes no rollback
			}
			return err
		}
		_, res, err := u.Run(ctx, b.session, "rollback")
		if ctx.Err() != nil {
			return err
		}
		changed = changed || res.Changed
		b.returned(res, err)
	}
}

// browser is the journal on the full screen, a tea.Model. Reading is done by
// operations; of the records it holds what the list shows, and those around the
// chosen one.
type browser struct {
	area
	u    *UI
	t    theme
	past Past
	ctx  context.Context
	send func(tea.Msg)
	now  func() time.Time

	history *wizard.History
	// reading keeps operations from using history at the same time.
	reading *sync.Mutex
	// missing is how many contents of files are gone, as far as it was looked for.
	missing int
	// broken is why the journal, or the rest of it, cannot be shown.
	broken error

	list index
	// oldest is the number of the last record that was listed.
	oldest uint64
	cursor int
	top    int
	// aim is a record to be chosen when it is listed, zero for none.
	aim uint64
	// last is the record that was chosen when the filter left any.
	last uint64
	// known are records around the chosen one, oldest first.
	known []journal.Record

	page *page
	help *scroller
	// query is the filter; typing is true while keys go there.
	query  string
	typing bool
	notice notice

	// op is the work that keys wait for; listing and looking go on beside them.
	op, listing, looking *operation
	// frame counts the pictures of op.
	frame   int
	waiting string

	session wizard.Session
	err     error
	over    bool
}

// page is a text in place of the list.
type page struct {
	scroller
	kind pageKind
	// seq is the record it is about; zero for a verification.
	seq uint64
}

// pageKind is what a page shows, by the end of its messages' names.
type pageKind string

const (
	pageRecord pageKind = "record"
	pageDiff   pageKind = "diff"
	pageVerify pageKind = "verify"
)

// notice is what came of the last key.
type notice struct {
	state        wizard.State
	text, advice string
}

// The messages of the browser's operations.
type (
	openedMsg struct {
		history *wizard.History
		err     error
		newest  listedMsg
	}
	verifiedMsg struct {
		opened  openedMsg
		missing int
	}
	listedMsg struct {
		records []journal.Record
		err     error
	}
	lookedMsg struct {
		seq     uint64
		records []journal.Record
	}
	pageMsg struct{ page *page }
	goMsg   struct{ session wizard.Session }
)

func newBrowser(ctx context.Context, u *UI, past Past, all bool) *browser {
	return &browser{
		u: u, past: past, ctx: ctx, area: size(u.o.Out), t: newTheme(u.o.Out, u.monochrome(), true),
		list: index{all: all}, send: func(tea.Msg) {}, now: time.Now,
	}
}

// run is the event loop, until the operator leaves or a rollback is due.
func (b *browser) run(options ...tea.ProgramOption) error {
	b.session, b.err, b.over = nil, nil, false
	err := b.u.play(b.ctx, b, &b.send, options...)
	for _, op := range []*operation{b.op, b.listing, b.looking} {
		if op != nil {
			op.cancel()
			op.wait()
		}
	}
	b.op, b.listing, b.looking = nil, nil, nil
	switch {
	case b.over:
		return b.err
	case b.ctx.Err() != nil:
		return ErrAborted
	default:
		return fmt.Errorf("drawing on the terminal: %w", err)
	}
}

// returned takes up what came of a rollback; the journal is read anew.
func (b *browser) returned(res wizard.Result, err error) {
	switch {
	case errors.Is(err, ErrAborted):
		b.notice = notice{state: wizard.Absent, text: b.u.T("error.aborted")}
	case err != nil:
		b.u.Error(err) // stays behind when the browser is left
		b.fault(err)
	case !res.Changed:
		b.notice = notice{text: b.u.T("done.nothing")}
	default:
		b.notice = notice{text: b.u.T("browse.rolled-back", numbers(res.Records), len(res.Records))}
		b.page, b.cursor, b.aim = nil, 0, 0
		b.query = ""
		b.list.narrow("", b.list.all)
	}
}

// Init implements tea.Model.
func (b *browser) Init() tea.Cmd {
	return b.start("journal", func(ctx context.Context) tea.Msg { return b.read(ctx) })
}

// start runs work that keys wait for.
func (b *browser) start(what string, work func(context.Context) tea.Msg) tea.Cmd {
	op, ended := begin(b.ctx, what, work)
	b.op, b.frame = op, 0
	return tea.Batch(tick(op), ended)
}

// Update implements tea.Model.
func (b *browser) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		b.area = area{msg.Width, msg.Height}
		b.relayout()
	case tea.KeyMsg:
		return b, b.key(msg)
	case tickMsg:
		if b.op != nil && msg.op == b.op {
			b.frame++
			return b, tick(b.op)
		}
	case endedMsg:
		return b, b.ended(msg.op)
	case waitingMsg:
		b.waiting = string(msg)
	case signalMsg:
		return b, b.finish(ErrAborted)
	}
	return b, nil
}

// ended goes on with the result of an operation; one that was given up has none.
func (b *browser) ended(op *operation) tea.Cmd {
	op.cancel()
	switch op {
	case b.op:
		b.op, b.waiting = nil, ""
	case b.listing:
		b.listing = nil
	case b.looking:
		b.looking = nil
	default:
		return nil
	}
	switch r := op.result.(type) {
	case openedMsg:
		return b.opened(r)
	case verifiedMsg:
		b.show(b.report(r.opened.history, r.missing))
		cmd := b.opened(r.opened)
		b.missing = r.missing
		return cmd
	case listedMsg:
		return b.listed(r.records, r.err)
	case lookedMsg:
		b.known = r.records
		if r.seq != b.chosen() { // it was moved on meanwhile
			return b.look()
		}
	case pageMsg:
		b.show(r.page)
	case goMsg:
		b.session = r.session
		return b.finish(nil)
	case failedMsg:
		b.fault(r.err)
	}
	return nil
}

// opened begins the list of a journal that was read anew.
func (b *browser) opened(r openedMsg) tea.Cmd {
	b.giveUp(&b.listing)
	b.giveUp(&b.looking)
	if b.aim == 0 && b.cursor > 0 {
		b.aim = b.chosen()
	}
	b.history, b.broken, b.known, b.missing = r.history, r.err, nil, 0
	b.list.clear()
	b.cursor, b.top = 0, 0
	switch {
	case errors.Is(r.err, context.Canceled):
		return b.finish(ErrAborted)
	case errors.Is(r.err, journal.ErrNoJournal):
		return b.finish(r.err) // there is nothing to browse
	case r.err != nil:
		return nil
	}
	b.reading = &sync.Mutex{}
	b.oldest = r.history.Report.Records + 1
	return b.listed(r.newest.records, r.newest.err)
}
