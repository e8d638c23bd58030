package main

import (
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/journal"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"": {}, "36h": now.Add(-36 * time.Hour), "7d": now.AddDate(0, 0, -7), "0d": now,
		"2026-11-22T09:00:00Z": now.Add(-3 * time.Hour),
		"2026-11-21":           time.Date(2026, 11, 21, 0, 0, 0, 0, time.Local),
		"2026-11-21 08:30:00":  time.Date(2026, 11, 21, 8, 30, 0, 0, time.Local),
	} {
		if got, err := parseSince(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"d", "-3d", "-1h", "yesterday", "2026-13-01", "7 d", "99999999999999999999d"} {
		if got, err := parseSince(in, now); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func TestLast(t *testing.T) {
	all := []journal.Record{{Seq: 1}, {Seq: 2}, {Seq: 3}}
	for n, first := range map[int]uint64{0: 1, 1: 3, 2: 2, 3: 1, 9: 1} {
		if got := last(all, n); got[0].Seq != first {
			t.Errorf("last %d begins with %d, want %d", n, got[0].Seq, first)
		}
	}
}

func TestParseSeq(t *testing.T) {
	if n, err := parseSeq("18446744073709551615"); err != nil || n != 1<<64-1 {
		t.Errorf("%d %v", n, err)
	}
	for _, in := range []string{"", "0", "-1", "1.5", "x", "18446744073709551616"} {
		if n, err := parseSeq(in); err == nil {
			t.Errorf("%q was read as %d", in, n)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
