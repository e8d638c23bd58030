package wizard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// purgeBatch is how many sessions one transaction deletes: its intent names each by a
// hash and has to fit into a record.
const purgeBatch = 2000

// fewSessions is up to how many a record names each by its hash.
const fewSessions = 6

// Purged is what a purge deleted.
type Purged struct {
	Sessions int   `json:"sessions"`
	Files    int   `json:"files"`
	Bytes    int64 `json:"bytes"`
	// InUse and Left were to be deleted and are still there.
	InUse []claude.Session `json:"in_use"`
	Left  []claude.Refusal `json:"left"`
	// Records are the sequence numbers of the journal's new domain events.
	Records []uint64 `json:"records"`
	Notes   []Note   `json:"notes"`
}

// intendedPurge is what an intent says of a purge, so that the journal alone can tell
// afterwards what is gone. It holds hashes, never an id.
type intendedPurge struct {
	Dir string `json:"dir"`
	By  string `json:"by"`
	// Sessions are "SHA-256 files bytes" each.
	Sessions []string `json:"sessions"`
	// IDs is what hashIDs says of all of them.
	IDs string `json:"ids"`
	// OtherFiles and OtherBytes are of no session.
	OtherFiles int   `json:"other_files,omitempty"`
	OtherBytes int64 `json:"other_bytes,omitempty"`
	// Folders are of projects that were empty already.
	Folders int `json:"folders,omitempty"`
	// Refused is how much was not looked into.
	Refused int `json:"refused,omitempty"`
}

// hashID is the SHA-256 of a session's id, in hex.
func hashID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// hashIDs is the SHA-256 of the sorted ids, each with a line end: what
// "sort | sha256sum" says of a list of them.
func hashIDs(ids []string) string {
	h := sha256.New()
	for _, id := range slices.Sorted(slices.Values(ids)) {
		_, _ = h.Write([]byte(id + "\n")) // never fails (hash.Hash)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *PurgeSession) intends(p *Purge) intendedPurge {
	out := intendedPurge{
		Dir: p.Dir, By: s.opts.by(), Sessions: []string{}, OtherFiles: p.Rest.Files, OtherBytes: p.Rest.Bytes, Folders: len(p.folders), Refused: p.refused,
	}
	var ids []string
	for _, c := range p.Sessions {
		out.Sessions = append(out.Sessions, fmt.Sprintf("%s %d %d", hashID(c.ID), c.Files, c.Bytes))
		ids = append(ids, c.ID)
	}
	out.IDs = hashIDs(ids)
	return out
}

// Apply deletes what p names and is not in use by now, and journals what is really
// gone: the intent before, the event after. It goes on after a failure; Purged says what
// is left. When ctx ends, what was deleted until then is journaled.
func (s *PurgeSession) Apply(ctx context.Context, p *Purge, report func(Progress)) (Purged, error) {
	out := Purged{InUse: p.InUse, Left: p.Left, Records: []uint64{}, Notes: p.Notes}
	if p.Empty() {
		return out, nil
	}
	lock, err := s.w.lock(ctx)
	if err != nil {
		return out, err
	}
	defer func() { _ = lock.Release() }()
	if p, err = s.again(ctx, p); err != nil {
		return out, err
	}
	out.InUse, out.Left = p.InUse, slices.DeleteFunc(p.Left, func(r claude.Refusal) bool { return p.erases(r) })
	if p.Empty() {
		return out, nil
	}
	v, err := s.w.openVault(ctx, s.setup.Store, s.setup.StackDir(s.w.Paths))
	if err != nil {
		return out, err
	}
	log, err := s.w.openJournal(ctx, v)
	if err != nil {
		return out, err
	}
	err = s.batches(ctx, log, p, &out, report)
	return out, err
}

// erases tells whether the refusal is of what p deletes: Apply tells it again then.
func (p *Purge) erases(r claude.Refusal) bool {
	return slices.Contains(p.Rest.Refused, r) ||
		slices.ContainsFunc(p.Sessions, func(c claude.Session) bool { return slices.Contains(c.Refused, r) })
}

// batches deletes p in transactions that fit the journal.
func (s *PurgeSession) batches(ctx context.Context, log *journal.Log, p *Purge, out *Purged, report func(Progress)) (err error) {
	e, err := claude.NewEraser(s.w.Disk, p.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	// One that is stopped or fails has journaled what it deleted.
	defer func() { out.Notes = append(out.Notes, seal(context.WithoutCancel(ctx), log)...) }()
	if report != nil {
		report(Progress{ID: "purge"})
	}
	var seq uint64
	for rest := p.Sessions; ; {
		batch := &Purge{Dir: p.Dir, refused: p.refused, Sessions: rest[:min(len(rest), purgeBatch)]}
		rest = rest[len(batch.Sessions):]
		if len(rest) == 0 {
			batch.Rest, batch.folders = p.Rest, p.folders
		}
		t := &purging{s: s, log: log, eraser: e, tx: newTx(), plan: batch, out: out}
		if seq, err = t.run(ctx); err != nil {
			return err
		}
		if seq > 0 {
			out.Records = append(out.Records, seq)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(rest) == 0 {
			break
		}
	}
	if report != nil {
		report(Progress{ID: "purge", State: Durable})
	}
	return nil
}

// purging is one transaction of a purge.
type purging struct {
	s      *PurgeSession
	log    *journal.Log
	eraser *claude.Eraser
	tx     string
	plan   *Purge
	out    *Purged

	// gone are the ids of the sessions of which nothing is left.
	gone    []string
	files   int
	bytes   int64
	folders int
}

func (t *purging) run(ctx context.Context) (uint64, error) {
	intended := t.s.intends(t.plan)
	detail, err := intention{Made: []string{}, Events: []intendedEvent{}, Purge: &intended}.encode()
	if err != nil {
		return 0, err
	}
	intent := journal.Entry{Event: journal.ChangeIntended, Tx: t.tx, Phase: journal.PhaseIntent, Detail: detail}
	if _, err := t.log.Append(ctx, intent); err != nil {
		return 0, fmt.Errorf("journaling the intent: %w", err)
	}
	t.erase(ctx)
	syncErr := t.eraser.Sync()
	t.out.Sessions += len(t.gone)
	t.out.Files += t.files
	t.out.Bytes += t.bytes
	seq, err := t.commit(context.WithoutCancel(ctx), intended)
	return seq, errors.Join(err, syncErr)
}

// erase deletes the sessions one after the other.
func (t *purging) erase(ctx context.Context) {
	folders := t.plan.folders
	for _, c := range t.plan.Sessions {
		if ctx.Err() != nil {
			return
		}
		if t.add(t.eraser.Session(ctx, c)) && ctx.Err() == nil {
			t.gone = append(t.gone, c.ID)
		}
		folders = append(folders, c.Projects()...)
	}
	if t.plan.Rest.Files > 0 || len(t.plan.Rest.Refused) > 0 {
		t.add(t.eraser.Session(ctx, t.plan.Rest))
		folders = append(folders, t.plan.Rest.Projects()...)
	}
	slices.Sort(folders)
	for _, name := range slices.Compact(folders) {
		if ctx.Err() != nil {
			return
		}
		gone, err := t.eraser.Folder(name)
		if gone {
			t.folders++
		}
		if err != nil {
			t.add(claude.Erased{Left: []claude.Refusal{{Path: t.plan.Dir, Reason: reason(err)}}})
		}
	}
}

// add counts what was deleted; false when something is left.
func (t *purging) add(e claude.Erased) bool {
	t.files += e.Files
	t.bytes += e.Bytes
	t.out.Left = append(t.out.Left, e.Left...)
	return len(e.Left) == 0
}

// commit ends the transaction: with the event, or as undone when nothing was deleted.
func (t *purging) commit(ctx context.Context, intended intendedPurge) (uint64, error) {
	if t.files == 0 && t.folders == 0 && len(t.gone) == 0 {
		// Why is for the operator alone: an error may name a project's folder.
		detail := map[string]string{"reason": "nothing was deleted"}
		_, err := t.log.Append(ctx, journal.Entry{Event: journal.TransactionUndone, Tx: t.tx, Phase: journal.PhaseUndone, Detail: detail})
		return 0, purgeUntold(err)
	}
	detail := map[string]string{
		"by": intended.By, "sessions": strconv.Itoa(len(t.gone)), "files": strconv.Itoa(t.files), "bytes": strconv.FormatInt(t.bytes, 10),
		"folders": strconv.Itoa(t.folders), "left": strconv.Itoa(len(t.out.Left)),
	}
	if len(t.gone) > 0 {
		detail["ids_sha256"] = hashIDs(t.gone)
	}
	if len(t.gone) > 0 && len(t.gone) <= fewSessions {
		var each []string
		for _, id := range t.gone {
			each = append(each, hashID(id))
		}
		detail["id_sha256"] = strings.Join(each, " ")
	}
	records, err := t.log.Append(ctx, purgeEvent(t.tx, detail), journal.Entry{Event: journal.TransactionCommitted, Tx: t.tx, Phase: journal.PhaseCommit})
	if err != nil {
		return 0, purgeUntold(err)
	}
	return records[0].Seq, nil
}

func purgeEvent(tx string, detail map[string]string) journal.Entry {
	return journal.Entry{Event: journal.TranscriptsPurged, Tx: tx, Phase: journal.PhaseEvent, Detail: detail, Why: []string{"I-03"}}
}

// purgeUntold is the failure to journal what cannot be taken back; the next run
// finds the intent and does it.
func purgeUntold(err error) error {
	if err == nil {
		return nil
	}
	return hint.With(fmt.Errorf("sessions were deleted, but the journal could not be told: %w", err), "run-again")
}
