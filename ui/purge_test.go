package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/claude"
)

func TestLength(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3.0 TiB", 1 << 62: "4194304.0 TiB"} {
		if got := (&UI{lang: english}).length(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// TestPurgeIsBounded: a long list is cut, an odd name steers no terminal.
func TestPurgeIsBounded(t *testing.T) {
	p := &wizard.Purge{Dir: "/srv/claude", Rest: claude.Session{Files: 2, Bytes: 2048}}
	for n := range 50 {
		p.Sessions = append(p.Sessions, claude.Session{ID: fmt.Sprintf("\x1b[2J%d\n", n), Files: 1, Bytes: 10, Newest: time.Unix(0, 0)})
		p.Left = append(p.Left, claude.Refusal{Path: "/srv/\x1b]0;x\x07", Reason: "is a symbolic link"})
	}
	for lang, words := range map[string][]string{
		english: {"50 sessions, 52 files, 2.5 KiB", "beside them 2 files", "and 30 more", "Deletion is final", "stays: /srv/·]0;x·: is a symbolic link"},
		russian: {"50 сеансов, 52 файла, 2,5 KiB", "кроме них 2 файла", "и ещё 30", "Удаление окончательно"},
	} {
		u, out, errs := testUI(t, Options{In: piped(t, ""), Plain: true, Lang: lang}, nil)
		u.Purge(p)
		u.Purged(p, wizard.Purged{Sessions: 49, Files: 51, Bytes: 2000, Records: []uint64{7}, Left: p.Left[:1]})
		for _, w := range words {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in:\n%s", lang, w, out)
			}
		}
		if strings.Contains(out.String(), "\x1b") || strings.Count(out.String(), "\n") > 70 || errs.Len() > 0 {
			t.Errorf("%s: an escape, or too much, in:\n%s", lang, out)
		}
	}
}
