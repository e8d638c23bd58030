package wizard

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// settlePurge ends the transaction of a purge that was interrupted: it deletes nothing
// more, and journals what is gone. Where that cannot be seen, it says so: it must not
// keep every later run from starting.
func (w *Wizard) settlePurge(ctx context.Context, l *journal.Log, intent journal.Record, in intendedPurge) ([]Note, error) {
	when := intent.Time.Format("2006-01-02 15:04:05")
	detail := map[string]string{"by": in.By, "intended": strconv.Itoa(len(in.Sessions))}
	note := Note{ID: "purge-recovered-unknown", State: Attention, Args: []any{when, len(in.Sessions)}}
	outcome, end := "finished", journal.Entry{Event: journal.TransactionCommitted, Tx: intent.Tx, Phase: journal.PhaseCommit}
	found, err := claude.FindTranscripts(ctx, w.Disk, in.Dir)
	if err != nil || len(found.Refused) > in.Refused {
		if err == nil {
			err = fmt.Errorf("%s: %s", found.Refused[0].Path, found.Refused[0].Reason)
		}
		// The path of a refusal may be a project's.
		detail["unknown"] = "the folder could not be looked through"
		note.Args = append(note.Args, reason(err))
	} else {
		gone := in.missing(found)
		gone.describe(detail)
		note = Note{ID: "purge-recovered", State: Attention, Args: []any{when, gone.sessions, len(in.Sessions)}}
		if gone.files == 0 && gone.sessions == 0 && gone.folders == 0 {
			outcome, end.Event, end.Phase = "undone", journal.TransactionUndone, journal.PhaseUndone
			note = Note{ID: "journal-recovered-undone", State: Attention, Args: []any{when}}
		}
	}
	entries := []journal.Entry{{Event: journal.Recovered, Tx: intent.Tx, Phase: journal.PhaseEvent, Detail: map[string]string{"outcome": outcome}}}
	if outcome == "finished" {
		entries = append(entries, purgeEvent(intent.Tx, detail))
	}
	if _, err := l.Append(ctx, append(entries, end)...); err != nil {
		return nil, fmt.Errorf("journaling the recovery: %w", err)
	}
	return []Note{note}, l.Seal(ctx)
}

// missing is what an intent named and is there no more.
type missing struct {
	sessions, files, folders int
	bytes                    int64
	// ids is the hash of the ids, when nothing of the intended sessions is left; each
	// are their own hashes.
	ids  string
	each []string
}

func (m missing) describe(detail map[string]string) {
	detail["sessions"], detail["files"], detail["bytes"] = strconv.Itoa(m.sessions), strconv.Itoa(m.files), strconv.FormatInt(m.bytes, 10)
	detail["folders"] = strconv.Itoa(m.folders)
	if m.ids != "" && m.sessions > 0 {
		detail["ids_sha256"] = m.ids
	}
	if n := len(m.each); n > 0 && n <= fewSessions {
		detail["id_sha256"] = strings.Join(m.each, " ")
	}
}

// missing compares the intent with what is there now.
func (in intendedPurge) missing(now *claude.Transcripts) missing {
	here := map[string]claude.Session{}
	for _, c := range now.Sessions {
		here[hashID(c.ID)] = c
	}
	out := missing{ids: in.IDs, folders: max(in.Folders-len(now.Empty), 0)}
	for _, line := range in.Sessions {
		var hash string
		var files int
		var bytes int64
		if _, err := fmt.Sscanf(line, "%64s %d %d", &hash, &files, &bytes); err != nil {
			continue // only a journal of ours gets here
		}
		c, still := here[hash]
		if still {
			out.ids = ""
		} else {
			out.sessions++
			out.each = append(out.each, hash)
		}
		// A session that was written to meanwhile may have grown.
		out.files += max(files-c.Files, 0)
		out.bytes += max(bytes-c.Bytes, 0)
	}
	out.files += max(in.OtherFiles-now.Rest.Files, 0)
	out.bytes += max(in.OtherBytes-now.Rest.Bytes, 0)
	return out
}
