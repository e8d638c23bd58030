package ui

import (
	"context"
	"errors"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// batchSize is how many records are listed at once, and around how many the chosen
// one is read.
const (
	batchSize  = 1000
	lookAround = 32
)

// read opens the journal and reads its newest records, so that there is something to
// choose from the first picture on.
func (b *browser) read(ctx context.Context) openedMsg {
	h, err := b.past.Open(ctx)
	if err != nil {
		return openedMsg{err: err}
	}
	last := h.Report.Records
	return openedMsg{history: h, newest: batch(ctx, &sync.Mutex{}, h, batchStart(last), last)}
}

// batchStart is the first record of the batch that ends with record last.
func batchStart(last uint64) uint64 { return last - min(last, batchSize) + 1 }

// more lists the next older records, beside what the operator does.
func (b *browser) more() tea.Cmd {
	h, lock, last := b.history, b.reading, b.oldest-1
	op, ended := begin(b.ctx, "list", func(ctx context.Context) tea.Msg { return batch(ctx, lock, h, batchStart(last), last) })
	b.listing = op
	return ended
}

// batch reads the records from number from to number to, as far as it gets.
func batch(ctx context.Context, lock *sync.Mutex, h *wizard.History, from, to uint64) listedMsg {
	lock.Lock()
	defer lock.Unlock()
	var out listedMsg
	for r, err := range h.Between(from, to) {
		if out.err = errors.Join(err, ctx.Err()); out.err != nil {
			return out
		}
		out.records = append(out.records, r)
	}
	return out
}

// listed takes up older records, and goes on with those before. A journal that is
// broken says so after its last good record, which does not hide the others.
func (b *browser) listed(records []journal.Record, err error) tea.Cmd {
	whole := uint64(len(records)) == min(b.oldest-1, batchSize)
	for i := len(records) - 1; i >= 0; i-- {
		b.list.add(records[i], b.u.size(records[i]))
	}
	if err != nil {
		b.broken = err
	}
	b.oldest -= min(uint64(len(records)), b.oldest-1)
	ended := !whole || b.oldest <= 1
	if b.aim != 0 && (ended || b.oldest <= b.aim) {
		b.cursor, b.aim = b.list.find(b.aim), 0
	}
	if ended {
		return b.look()
	}
	return tea.Batch(b.more(), b.look())
}

// chosen is the number of the record under the cursor, zero when there is none.
func (b *browser) chosen() uint64 {
	if b.cursor >= len(b.list.shown) {
		return 0
	}
	return b.list.at(b.cursor).seq
}

// record is the chosen record, as far as it was read.
func (b *browser) record() (journal.Record, bool) {
	seq := b.chosen()
	if len(b.known) == 0 || seq < b.known[0].Seq || seq > b.known[len(b.known)-1].Seq {
		return journal.Record{}, false
	}
	return b.known[seq-b.known[0].Seq], true
}

// look reads what is around the chosen record, for the preview. What cannot be read
// is left out: opening the record says why.
func (b *browser) look() tea.Cmd {
	seq := b.chosen()
	if _, known := b.record(); known || seq == 0 || b.looking != nil {
		return nil
	}
	h, lock := b.history, b.reading
	from, to := seq-min(seq-1, lookAround), min(seq+lookAround, h.Report.Records)
	op, ended := begin(b.ctx, "look", func(ctx context.Context) tea.Msg {
		return lookedMsg{seq, batch(ctx, lock, h, from, to).records}
	})
	b.looking = op
	return ended
}

// open reads record seq for a page about it.
func (b *browser) open(kind pageKind, seq uint64) tea.Cmd {
	h, lock := b.history, b.reading
	return b.start("record", func(ctx context.Context) tea.Msg {
		lock.Lock()
		defer lock.Unlock()
		r, err := h.Record(seq)
		if err != nil {
			return failedMsg{err}
		}
		p := &page{kind: kind, seq: seq}
		if kind == pageRecord {
			p.source = func(width int) []string { return b.u.recordLines(b.t, r, width) }
			return pageMsg{p}
		}
		diffs, err := h.Diffs(ctx, r)
		if err != nil {
			return failedMsg{err}
		}
		p.source = func(width int) []string { return b.u.diffsLines(b.t, diffs, width) }
		return pageMsg{p}
	})
}

// verify reads and checks the whole journal again, contents of files included.
func (b *browser) verify() tea.Cmd {
	return b.start("verify", func(ctx context.Context) tea.Msg {
		opened := b.read(ctx)
		if opened.err != nil {
			return failedMsg{opened.err}
		}
		h, missing := opened.history, 0
		var err error
		if h.KeysErr == nil && !h.Report.Failed() {
			missing, err = h.MissingSnapshots(ctx)
		}
		if err != nil {
			return failedMsg{err}
		}
		return verifiedMsg{opened, missing}
	})
}

// report is the page of a verification.
func (b *browser) report(h *wizard.History, missing int) *page {
	p := &page{kind: pageVerify}
	p.source = func(width int) []string {
		out := b.u.verificationLines(b.t, h, width)
		if missing > 0 {
			out = append(out, b.u.notes(b.t, []wizard.Note{{ID: "snapshots-missing", State: wizard.Attention, Args: []any{missing}}}, width)...)
		}
		return out
	}
	return p
}

// rollBack ends the program with a session that goes back to record seq, or says
// why there is none.
func (b *browser) rollBack(seq uint64) tea.Cmd {
	return b.start("rollback", func(ctx context.Context) tea.Msg {
		s, err := b.past.Rollback(ctx, seq)
		if err != nil {
			return failedMsg{err}
		}
		return goMsg{s}
	})
}

// show opens a page.
func (b *browser) show(p *page) {
	b.page, b.typing = p, false
	b.relayout()
}

// fault says on the screen why something was not done.
func (b *browser) fault(err error) {
	b.notice = notice{state: wizard.Failed}
	b.notice.text, b.notice.advice = b.u.explain(err)
	if errors.Is(err, context.Canceled) {
		b.notice = notice{state: wizard.NotChecked, text: b.u.T("browse.stopped")}
	}
}

// giveUp cancels an operation whose result nobody waits for any more.
func (b *browser) giveUp(op **operation) {
	if *op != nil {
		(*op).cancel()
		*op = nil
	}
}

// finish ends the program with err.
func (b *browser) finish(err error) tea.Cmd {
	b.err, b.over = err, true
	return tea.Quit
}

// fail ends the program after a defect of ours.
func (b *browser) fail(r any) {
	b.session = nil
	_ = b.finish(caught("drawing the screen", r))
}

// relayout fits the texts to the size of the terminal.
func (b *browser) relayout() {
	if b.page != nil {
		b.page.layout(b.inner())
	}
	if b.help != nil {
		b.help.layout(b.inner())
	}
}
