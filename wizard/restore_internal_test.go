package wizard

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// TestTouchedOfOlderJournals: earlier programs recorded what they gave back with a digest
// of another form; the snapshot tells that it is what was found at first. A rollback to a
// record that has the file as a part of the set-up wants it whatever became of it since.
func TestTouchedOfOlderJournals(t *testing.T) {
	side := func(content string, keyed bool) (digest, snapshot string) {
		if content == "" {
			return "", ""
		}
		if keyed {
			return "hmac:" + content, "id-" + content
		}
		return content, "id-" + content
	}
	var records []journal.Record
	change := func(event journal.Event, before string, keyed bool, after string, afterKeyed bool) {
		f := journal.FileChange{Path: "/p"}
		f.Before, f.SnapshotBefore = side(before, keyed)
		f.After, f.SnapshotAfter = side(after, afterKeyed)
		tx, seq := "tx"+before+after, uint64(len(records)+1)
		records = append(records,
			journal.Record{Seq: seq, Tx: tx, Event: event, Phase: journal.PhaseEvent, Files: []journal.FileChange{f}},
			journal.Record{Seq: seq + 1, Tx: tx, Event: journal.TransactionCommitted, Phase: journal.PhaseCommit})
	}
	change(journal.ProxyStackConfigured, "mine", true, "ours", true)
	change(journal.ProxyStackConfigured, "ours", false, "ours2", false)
	only := func(at journal.Record) touched {
		t.Helper()
		list := touchedSince(records, at)
		if len(list) != 1 {
			t.Fatalf("%d files", len(list))
		}
		return list[0]
	}
	if got := only(journal.Record{}); got.edited || got.givenBack() || !got.theirs {
		t.Errorf("two changes of ours: %+v", got)
	}
	change(journal.ConfigRolledBack, "ours2", false, "mine", false)
	if got := only(journal.Record{}); !got.givenBack() || got.edited {
		t.Errorf("given back: %+v", got)
	}
	if got := only(records[0]); got.givenBack() || got.theirs || got.first.Before != "ours" {
		t.Errorf("since a record that has it: %+v", got)
	}
	change(journal.ProxyStackConfigured, "mine2", true, "ours", true)
	if got := only(journal.Record{}); got.givenBack() || got.edited || got.first.Before != "hmac:mine2" || got.dropped != 0 {
		t.Errorf("taken again: %+v", got)
	}
	if got := only(records[0]); got.first.Before != "ours" || !got.edited {
		t.Errorf("taken again, since a record that has it: %+v", got)
	}
	seq := only(journal.Record{}).seq
	change(journal.DriftRepaired, "", false, "ours2", false)
	if got := only(journal.Record{}); got.first.Before != "" || got.dropped != seq || got.edited {
		t.Errorf("removed and repaired: %+v", got)
	}
	if got := only(records[4]); !got.theirs || got.dropped != seq {
		t.Errorf("since a record when it was given back: %+v", got)
	}
}

// TestDeepSearchEnds: a search below a folder ends with its time, and says where it stood.
func TestDeepSearchEnds(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a secret value"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, ended := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		if ended {
			cancel()
		}
		w := &Wizard{Disk: &files.Disk{}, Paths: Paths{Home: t.TempDir()}}
		q := &searching{w: w, sought: []sought{{"x", secrets.New([]byte("a secret value"))}}, seen: map[string]bool{}}
		q.deep(ctx, []string{dir})
		cancel()
		if want := map[bool]int{false: 2, true: 0}[ended]; len(q.found) != want || (len(q.skipped) > 0) != ended {
			t.Errorf("ended %v: found %v, skipped %v", ended, q.found, q.skipped)
		}
	}
}
