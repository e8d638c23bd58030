package ui

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/clawsetup/clawsetup/wizard/journal"
)

// many is how many records must not be felt.
const many = 100_000

// synthetic is record seq of a long journal.
func synthetic(seq uint64) journal.Record {
	r := journal.Record{
		Seq: seq, Time: afternoon.Add(-time.Duration(many-seq) * time.Minute), Event: journal.ProxyStackConfigured, Phase: journal.PhaseEvent, Actor: anna,
		Files: []journal.FileChange{{Path: fmt.Sprintf("/home/anna/.config/clawsetup/file-%d", seq%500), ModeAfter: "0600"}},
		Keys:  []journal.KeyChange{{Path: fmt.Sprintf("services.proxy-%d.port", seq%300), New: new("8082")}},
	}
	switch seq % 3 {
	case 0:
		r.Event, r.Phase, r.Files, r.Keys = journal.ChangeIntended, journal.PhaseIntent, nil, nil
	case 1:
		r.Actor = root
	}
	return r
}

// manyRecords is a browser that has listed a long journal.
func manyRecords(tb testing.TB) *browser {
	tb.Helper()
	u := newUI(Options{Out: io.Discard, Err: io.Discard, Lang: russian}, func(string) string { return "" })
	b := newBrowser(tb.Context(), u, nil, false)
	b.area, b.now = area{200, 60}, func() time.Time { return afternoon }
	b.looking = &operation{} // the preview stays out of it
	for seq := uint64(many); seq > 0; seq-- {
		r := synthetic(seq)
		b.list.add(r, u.size(r))
	}
	return b
}

// press is a key and the picture after it; nothing is read from the disk.
func (b *browser) press(keys ...string) {
	for _, k := range keys {
		if b.typing {
			b.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)})
		} else {
			b.move(k)
		}
		_ = b.View()
	}
}

// TestManyRecords: neither a move nor a letter of the filter is felt, whatever the
// length of the list.
func TestManyRecords(t *testing.T) {
	b := manyRecords(t)
	start := time.Now()
	b.press("end", "up", "pgup", "home", "pgdown", "down")
	if each := time.Since(start) / 6; each > 100*time.Millisecond {
		t.Errorf("a move takes %v", each)
	}
	b.typing = true
	start = time.Now()
	b.press(strings.Split("anna proxy-77", "")...)
	if each := time.Since(start) / 13; each > 250*time.Millisecond {
		t.Errorf("a letter of the filter takes %v", each)
	}
	if n := len(b.list.shown); n == 0 || n > many/100 {
		t.Errorf("%d records match", n)
	}
}

func BenchmarkBrowserMove(b *testing.B) {
	m := manyRecords(b)
	for b.Loop() {
		m.press("end", "home", "pgdown", "down")
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(4*b.N), "µs/key")
}

func BenchmarkBrowserFilter(b *testing.B) {
	m := manyRecords(b)
	for b.Loop() {
		m.filter("anna proxy-77", false)
		_ = m.View()
	}
}

// BenchmarkBrowserOpen is the time until the newest of a hundred thousand records are
// on the screen; ms-all is until all of them are listed.
func BenchmarkBrowserOpen(b *testing.B) {
	a := emptyArchive(b)
	for a.log.Head().Seq < many {
		var events []journal.Entry
		for seq := a.log.Head().Seq; len(events) < journal.MaxBatch-2; seq++ {
			r := synthetic(3*seq + 1)
			events = append(events, journal.Entry{Event: r.Event, Files: r.Files, Keys: r.Keys})
		}
		a.transaction(events...)
	}
	u := newUI(Options{Out: io.Discard, Err: io.Discard}, func(string) string { return "" })
	var m *browser
	next := func() {
		<-m.listing.done
		m.ended(m.listing)
		if len(m.View()) == 0 {
			b.Fatal("nothing is drawn")
		}
	}
	for b.Loop() {
		m = newBrowser(b.Context(), u, a, false)
		m.opened(m.read(b.Context()))
		_ = m.View()
	}
	start := time.Now()
	for m.listing != nil {
		next()
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-all")
}
