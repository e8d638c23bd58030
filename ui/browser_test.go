package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// reader runs the browser in a real tea.Program inside a synctest bubble.
type reader struct {
	t    *testing.T
	b    *browser
	a    *archive
	keys *io.PipeWriter
	out  bytes.Buffer
	end  chan error
	stop context.CancelFunc
}

// breakage breaks the model, from within the event loop.
type breakage func(*browser)

func browse(t *testing.T, a *archive, o Options, w, h int) *reader {
	u, _, _ := testUI(t, o, map[string]string{"HOME": "/home/anna"})
	ctx, stop := context.WithCancel(t.Context())
	r := &reader{t: t, a: a, stop: stop}
	r.b = newBrowser(ctx, u, a, false)
	r.b.now = func() time.Time { return afternoon }
	t.Cleanup(func() {
		stop()
		time.Sleep(time.Second) // on the clock of the bubble: every timer ends
	})
	r.run(w, h)
	return r
}

// run opens the browser, for the first time or after a rollback.
func (r *reader) run(w, h int) {
	in, keys := io.Pipe()
	r.keys, r.end = keys, make(chan error, 1)
	filter := func(m tea.Model, msg tea.Msg) tea.Msg {
		switch msg := msg.(type) {
		case peek:
			msg <- ansi.Strip(m.View())
			return nil
		case breakage:
			msg(r.b)
		}
		return msg
	}
	go func() {
		err := r.b.run(tea.WithInput(in), tea.WithOutput(&r.out), tea.WithFilter(filter))
		_ = keys.Close()
		r.end <- err
	}()
	synctest.Wait()
	r.send(tea.WindowSizeMsg{Width: w, Height: h})
}

func (r *reader) send(msg tea.Msg) { r.b.send(msg); synctest.Wait() }

// typ writes keys as a terminal does; an escape alone is told from a sequence by
// time.
func (r *reader) typ(keys string) {
	r.t.Helper()
	if _, err := r.keys.Write([]byte(keys)); err != nil {
		r.t.Fatalf("typing %q: %v", keys, err)
	}
	if strings.HasSuffix(keys, esc) {
		time.Sleep(time.Second)
	}
	synctest.Wait()
}

func (r *reader) view() string {
	c := make(peek, 1)
	r.send(c)
	select {
	case v := <-c:
		if strings.Contains(v, canary) {
			r.t.Fatalf("the secret is on the screen:\n%s", v)
		}
		return v
	case err := <-r.end:
		r.t.Fatalf("the program has ended: %v", err)
		return ""
	}
}

func (r *reader) want(texts ...string) {
	r.t.Helper()
	v := r.view()
	// A path of this host may be so long that a line is broken at another word.
	unbroken := strings.Join(strings.Fields(v), " ")
	for _, text := range texts {
		if !strings.Contains(v, text) && !strings.Contains(unbroken, text) {
			r.t.Fatalf("no %q on the screen:\n%s", text, v)
		}
	}
}

func (r *reader) without(texts ...string) {
	r.t.Helper()
	v := r.view()
	for _, text := range texts {
		if strings.Contains(v, text) {
			r.t.Fatalf("%q is on the screen:\n%s", text, v)
		}
	}
}

// wait ends the run and checks that nothing secret was drawn.
func (r *reader) wait() error {
	r.t.Helper()
	synctest.Wait()
	select {
	case err := <-r.end:
		if strings.Contains(r.out.String(), canary) {
			r.t.Fatal("the secret was drawn")
		}
		return err
	default:
		r.t.Fatalf("the program still runs:\n%s", r.view())
		return nil
	}
}

// reading runs a test of the browser on an archive.
func reading(t *testing.T, test func(*testing.T, *archive)) {
	t.Helper()
	a := newArchive(t)
	synctest.Test(t, func(t *testing.T) { test(t, a) })
}

func TestBrowserList(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 24)
		r.want("✓ 11 records, sealed, anchored", "›10  today 14:30       ClaudeCliBackendConfigured   anna         1 file",
			"   7  yesterday 09:30   ApiKeyRotated                anna (sudo)  1 secret", "   4  2026-11-19 15:30  CloudruFmProviderConfigured  anna",
			"agents.defaults.cliBackends  – → {}", "1 of 5", "JournalCreated")
		r.without("ChangeIntended", "TransactionCommitted")
		r.typ("a")
		r.want("›10", "TransactionCommitted", "2 of 11")
		r.typ("a" + down)
		r.want("› 7", "fp:hmac-sha256:0011223344556677 →", "fp:hmac-sha256:8899aabbccddeeff")
		r.typ("j")
		r.want("› 4", "agents.defaults.model.primary", `"anthropic/claude" → "cloudru-claude/zai-or…`, "[hidden]")
		r.typ("G")
		r.want("› 1", "5 of 5")
		r.typ("kk")
		r.want("› 4")
		r.typ("g")
		r.want("›10")
		r.typ("?")
		r.want("b puts the files back")
		r.typ("x" + "q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBrowserPages(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 14)
		r.typ("jj" + enter)
		r.want("history › record 4", "cloud.ru provider configured", "controls    S-02, T-03", "more lines: ↓")
		r.typ("G")
		r.want("hash", "[hidden]")
		r.typ("d")
		r.want("history › diff of record 4", "~/.openclaw/openclaw.json  0644 → 0600", `-   "a": 1`, "more lines: ↓")
		r.typ("G")
		r.want("+ port: 8082")
		r.typ(enter)
		r.want("history › record 4")
		r.typ(esc)
		r.want("› 4", "3 of 5")
		r.typ("d")
		r.typ(esc)
		r.typ("gjd")
		r.want("history › diff of record 7", "This record changed no file.")
		r.typ(ctrlC)
		if err := r.wait(); !errors.Is(err, ErrAborted) {
			t.Fatal(err)
		}
	})
}

func TestBrowserFilter(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 24)
		for query, want := range map[string][]string{
			"rotated":     {"› 7", "1 of 1"},
			"ROOT":        {"› 7", "1 of 1"},
			"setup.yaml":  {"› 4", "SetupRecorded", "1 of 2"},
			"plugins.d":   {"› 4", "1 of 1"},
			"api_key":     {"› 7", "1 of 1"},
			"10":          {"›10", "1 of 1"},
			"anna claude": {"›10", "1 of 1"},
			"q j b":       {"There are no such records."},
		} {
			r.typ("/" + query)
			r.want(append(want, "/ "+query, "enter keep the filter")...)
			r.typ(enter)
			r.want(append(want, "/ "+query, "v verify")...)
			r.typ(esc)
			r.want("of 5")
			r.without("/ " + query)
		}
		r.typ("g")
		r.typ("/rotatedx\x7f" + down)
		r.want("/ rotated", "› 7")
		r.typ("\x15")
		r.want("› 7", "2 of 5")
		r.typ("zzz")
		r.want("There are no such records.")
		r.typ(enter + enter + "db" + down)
		r.want("There are no such records.")
		r.typ("/" + esc)
		r.want("› 7", "2 of 5")
		r.typ("q")
		if err := r.wait(); err != nil || a.asked != nil {
			t.Fatal(err, a.asked)
		}
	})
}

func TestBrowserVerify(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 24)
		r.typ("jj")
		a.transaction(journal.Entry{Event: journal.ImagePinned}) // by somebody else, meanwhile
		r.typ("v")
		r.want("history › verification", "✓ journal: 14 records", "✓ chain", "✓ seals", "✓ anchor beside the journal", "✓ 14 records, sealed, anchored")
		r.typ(esc)
		r.want("› 4", "4 of 6", "ImagePinned")

		a.slow = time.Hour
		r.typ("v")
		time.Sleep(time.Second)
		r.want("verifying …", "esc stop", "› 4")
		r.typ("jq") // nobody has seen yet what they would do
		r.typ(esc)
		r.want("○ Stopped; nothing was changed.", "› 4", "✓ 14 records")

		a.slow = 0
		if err := os.RemoveAll(filepath.Join(a.dir, "snapshots")); err != nil {
			t.Fatal(err)
		}
		r.typ("v")
		r.want("✓ journal: 14 records", "! 6 snapshots are missing or damaged", "! 14 records, 6 contents are missing")
		r.typ(esc)
		r.typ("d")
		r.want("✗ /home/anna/.openclaw/openclaw.json before record 4", "the snapshot is missing")
		a.openErr = errWrongKey
		r.typ("v")
		r.want("✗ cloud.ru refused this key", "This is a defect", "14 records")
		r.typ("q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBrowserRollback(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 24)
		a.rollback = func(context.Context, uint64) (wizard.Session, error) {
			return nil, fmt.Errorf("record 1 (JournalCreated) %w", wizard.ErrNoRollback)
		}
		r.typ("Gb")
		r.want("✗ record 1 (JournalCreated) is no state to go back to", "› 1")
		r.typ("k")
		r.without("no state to go back to")
		r.typ(enter)
		r.typ("b")
		r.want("history › record 3", "no state to go back to")
		r.typ(esc)

		a.rollback = nil
		r.typ("/setup" + enter + "jb")
		if err := r.wait(); err != nil || r.b.session == nil || a.asked[len(a.asked)-1] != 3 {
			t.Fatal(err, r.b.session, a.asked)
		}
		for _, c := range []struct {
			res  wizard.Result
			err  error
			want []string
		}{
			{wizard.Result{}, ErrAborted, []string{"– Left. Nothing was changed.", "› 3", "/ setup"}},
			{wizard.Result{}, errWrongKey, []string{"✗ cloud.ru refused this key", "› 3"}},
			{wizard.Result{}, nil, []string{"✓ Nothing to change", "› 3"}},
		} {
			r.b.returned(c.res, c.err)
			r.run(80, 24)
			r.want(c.want...)
			r.typ("q")
			if err := r.wait(); err != nil {
				t.Fatal(err)
			}
		}
		_, res, err := guard{r.b.sessionFor(t, a, 3)}.applied(t)
		r.b.returned(res, err)
		r.run(80, 24)
		r.want("✓ The files are rolled back; journal records 12, 13.", "›13", "ConfigRolledBack", "1 of 6", "✓ 14 records")
		r.without("/ setup")
		r.typ("k")
		r.want("files rolled back", "to  3")
		r.typ("q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

// sessionFor is the rollback that the archive offers.
func (b *browser) sessionFor(t *testing.T, a *archive, seq uint64) wizard.Session {
	t.Helper()
	s, err := a.Rollback(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (g guard) applied(t *testing.T) (*wizard.Plan, wizard.Result, error) {
	t.Helper()
	p, err := g.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.Apply(t.Context(), p, func(wizard.Progress) {})
	return p, res, err
}

func TestBrowserBroken(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		a.edit(func(b []byte) []byte { return bytes.Replace(b, []byte("ApiKeyRotated"), []byte("ApiKeyRotatec"), 1) })
		r := browse(t, a, Options{}, 80, 24)
		r.want("✗ 6 records: a record was edited", "✗ a record was edited (record 7, line 7); what comes after it is not shown", "as evidence", "› 4")
		r.without("ClaudeCliBackendConfigured")
		r.typ("v")
		r.want("✗ journal: 6 records", "✗ chain: a record was edited", "○ seals: not checked after the failure before")
		r.typ("q")
		if err := r.wait(); !errors.Is(err, journal.ErrTampered) {
			t.Fatal(err)
		}
	})
}

func TestBrowserCut(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		a.edit(func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] })
		r := browse(t, a, Options{}, 80, 24)
		r.want("✗ 10 records: records are missing at the end", "✗ anchor beside the journal: records are missing at the end", "›10", "JournalCreated")
		r.typ("q")
		if err := r.wait(); !errors.Is(err, journal.ErrTampered) {
			t.Fatal(err)
		}
	})
}

func TestBrowserTorn(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		a.edit(func(b []byte) []byte { return append(b, "{half"...) })
		r := browse(t, a, Options{}, 80, 24)
		r.want("! 11 records, an incomplete last line", "›10")
		r.typ("q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBrowserWithoutKeys(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		a.keysErr = errors.New("the keyring is locked")
		r := browse(t, a, Options{}, 80, 24)
		r.want("○ 11 records, seals not checked", "○ The keys of the journal cannot be reached", "›10", "agents.defaults.cliBackends")
		r.typ("d")
		r.want("✗ snapshots are encrypted: the keyring is locked", "›10")
		r.typ(enter)
		r.want("history › record 10")
		r.typ("d")
		r.typ("v")
		r.want("○ seals: no key to check it with", "the keyring is locked")
		r.typ("q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBrowserUnreadable(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		a.openErr = errWrongKey
		r := browse(t, a, Options{}, 80, 24)
		r.want("✗ cannot be read", "✗ cloud.ru refused this key", "This is a defect", "v try again")
		r.typ("jjGd/b" + enter)
		r.want("✗ cannot be read")
		a.openErr = nil
		r.typ("v")
		r.typ(esc)
		r.want("✓ 11 records", "›10")
		r.typ("q")
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
		a.openErr = errWrongKey
		r.run(80, 24)
		r.typ("q")
		if err := r.wait(); !errors.Is(err, errWrongKey) {
			t.Fatal(err)
		}
		a.openErr = journal.ErrNoJournal
		r.run(80, 24)
		if err := r.wait(); !errors.Is(err, journal.ErrNoJournal) {
			t.Fatal(err)
		}
	})
}

func TestBrowserLeave(t *testing.T) {
	for name, keys := range map[string]string{"list": "j", "record": enter, "diff": "d", "filter": "/anna", "help": "?", "verification": "v", "busy": "v"} {
		for cause, leave := range map[string]func(*reader){
			"ctrl+c": func(r *reader) { r.typ(ctrlC) },
			"signal": func(r *reader) { r.stop() },
		} {
			t.Run(name+" "+cause, func(t *testing.T) {
				reading(t, func(t *testing.T, a *archive) {
					r := browse(t, a, Options{}, 80, 24)
					if name == "busy" {
						a.slow = time.Hour
					}
					r.typ(keys)
					leave(r)
					time.Sleep(2 * time.Second)
					if err := r.wait(); !errors.Is(err, ErrAborted) {
						t.Fatal(err)
					}
				})
			})
		}
	}
}

// TestBrowserPanic: a defect ends nothing but what it was in, or the program in
// order.
func TestBrowserPanic(t *testing.T) {
	reading(t, func(t *testing.T, a *archive) {
		r := browse(t, a, Options{}, 80, 24)
		a.rollback = func(context.Context, uint64) (wizard.Session, error) { panic("kaboom") }
		r.typ("b")
		r.want("✗ internal error while working: kaboom", "TestBrowserPanic", "›10")
		r.send(breakage(func(b *browser) { b.cursor = -1; b.list.shown = b.list.shown[:1] }))
		if err := r.wait(); err == nil || !strings.Contains(err.Error(), "internal error while drawing the screen") {
			t.Fatal(err)
		}
	})
}

// TestBrowserFrame: whatever is shown, at whatever size, the frame fills the
// terminal exactly, and the chosen record is on it.
func TestBrowserFrame(t *testing.T) {
	a := newArchive(t)
	for _, lang := range []string{english, russian} {
		for _, size := range [][2]int{{200, 60}, {80, 24}, {60, 15}, {40, 12}, {20, 5}, {3, 2}} {
			for _, state := range []error{nil, errors.New("the keyring is locked: " + strings.Repeat("ж", 200))} {
				synctest.Test(t, func(t *testing.T) {
					a.keysErr = state
					r := browse(t, a, Options{Lang: lang}, 80, 24)
					check := func(what, chosen string) {
						t.Helper()
						r.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
						v := r.view()
						lines := strings.Split(v, "\n")
						if want := max(size[1], 5); len(lines) != want {
							t.Errorf("%s %s %v: %d lines", lang, what, size, len(lines))
						}
						for _, l := range lines {
							if w := ansi.StringWidth(l); w > size[0] {
								t.Errorf("%s %s %v: %d cells: %q", lang, what, size, w, l)
							}
						}
						if size[1] >= 12 && !strings.Contains(v, chosen) {
							t.Errorf("%s %s %v: no %q:\n%s", lang, what, size, chosen, v)
						}
					}
					check("newest", "›10")
					r.typ("G")
					check("oldest", "› 1")
					r.typ("a")
					check("all", "› 1")
					r.typ("d")
					check("diff", "")
					r.typ(esc)
					r.typ(enter)
					r.typ("G")
					check("record", "")
					r.typ("v")
					check("verification", "")
					r.typ(esc)
					r.typ("/" + strings.Repeat("ж", 150))
					check("filter", "")
					r.typ(esc)
					r.typ("?")
					check("help", "")
					r.typ("xq")
					r.wait()
				})
			}
		}
	}
}

// TestBrowserMarks: a record of somebody else's making cannot draw on the screen.
func TestBrowserMarks(t *testing.T) {
	a := emptyArchive(t)
	a.actor.User = "eve\x1b[2J\u202e"
	a.reopen()
	a.transaction(journal.Entry{Event: "Odd\x1b]0;title\x07", Detail: map[string]string{"a\x1bb": "c\x1bd"}, Keys: []journal.KeyChange{{Path: "k\x1b[m", New: new("v\x1b[m\n")}}})
	synctest.Test(t, func(t *testing.T) {
		r := browse(t, a, Options{}, 80, 24)
		r.want("eve·[2J", "Odd·]0;title·")
		r.typ(enter)
		r.want("Odd·", "k·[m")
		r.typ("q")
		r.wait()
		for _, bad := range []string{"\x1b]0", "\u202e", "\x1b[2J\u202e"} {
			if strings.Contains(r.out.String(), bad) {
				t.Errorf("%q was drawn", bad)
			}
		}
	})
}
