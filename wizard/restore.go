package wizard

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// touched is a managed file, and what committed transactions did to it.
type touched struct {
	first journal.FileChange // the earliest change that is not taken back
	seq   uint64             // the record of that change
	last  journal.FileChange // the latest
	event journal.Event      // of the latest change
	keys  []journal.KeyChange
	// shared is true for openclaw.json, where only some settings are ours.
	shared bool
	// edited is true when somebody else changed the file between two changes.
	edited bool
	// theirs is true when what was there before the first change is nobody's work but the
	// operator's: it is his to edit and to remove once it is given back.
	theirs bool
	// closed is true when doctor --fix did no more to a file of the operator's than to close
	// it to others: it never was a part of the set-up.
	closed bool
	// dropped is the record of an earlier first change, when the operator removed the file
	// after it: what was there before that one is not put back. 0 for none.
	dropped uint64
}

// givenBack tells whether the file is the operator's: the last change made it his again, or
// it always was. What he did with it since is none of our business. One of ours that happens
// to be what he had is ours all the same.
func (t touched) givenBack() bool {
	switch {
	case !t.theirs:
		return false
	case t.event == journal.ConfigRolledBack:
		return t.closed || t.last.ModeAfter == t.first.ModeBefore && same(t.last.After, t.last.SnapshotAfter, t.first.Before, t.first.SnapshotBefore)
	default:
		return t.closed || t.event == journal.SetupRemoved
	}
}

// anew tells whether f, which follows the last change, has nothing to do with what was
// there before the first one: that was given back, or the operator removed the file.
func (t touched) anew(event journal.Event, f journal.FileChange) bool {
	if t.closed && closes(event, f) {
		return false
	}
	return t.givenBack() || t.theirs && t.last.After != "" && f.Before == ""
}

// closes tells whether f is no more than doctor --fix closing a file to others, or a rollback
// taking that back.
func closes(event journal.Event, f journal.FileChange) bool {
	return (event == journal.DriftRepaired || event == journal.ConfigRolledBack) && f.Before != "" && f.Before == f.After
}

// same tells whether two sides of changes have one content. Their digests may be of two
// forms (journal.Keys.Digest); a snapshot's id is of the content alone.
func same(digest, snapshot, otherDigest, otherSnapshot string) bool {
	if digest == "" || otherDigest == "" {
		return digest == otherDigest
	}
	return digest == otherDigest || snapshot != "" && snapshot == otherSnapshot
}

func committed(records []journal.Record) map[string]bool {
	out := map[string]bool{}
	for _, r := range records {
		if r.Phase == journal.PhaseCommit {
			out[r.Tx] = true
		}
	}
	return out
}

// lastUninstall is the record by which everything was taken back last; the zero Record
// when that never was. What came before it is nobody's any more.
func lastUninstall(records []journal.Record) journal.Record {
	var out journal.Record
	done := committed(records)
	for _, r := range records {
		if isUninstall(r) && r.Phase == journal.PhaseEvent && done[r.Tx] {
			out = r
		}
	}
	return out
}

func isUninstall(r journal.Record) bool {
	return r.Event == journal.SetupRemoved && r.Detail[detailUninstall] != ""
}

// oursAt are the files that were a part of the set-up after the transaction of record at;
// none after an uninstall, or when at is the zero Record.
func oursAt(records []journal.Record, at journal.Record) map[string]bool {
	out := map[string]bool{}
	if at.Seq == 0 || isUninstall(at) {
		return out
	}
	var until []journal.Record
	for _, r := range records {
		if r.Seq <= at.Seq || r.Tx == at.Tx {
			until = append(until, r)
		}
	}
	for _, t := range touchedSince(until, lastUninstall(until)) {
		out[t.first.Path] = !t.givenBack()
	}
	return out
}

// touchedSince lists the files that committed transactions changed after the one
// of record at; all of them when at is the zero Record. What was given back to the
// operator and taken again later counts from then.
func touchedSince(records []journal.Record, at journal.Record) []touched {
	var out []touched
	index := map[string]int{}
	done := committed(records)
	common := sharedPaths(records)
	ours := oursAt(records, at)
	left := map[string]journal.FileChange{}
	for _, r := range records {
		if r.Phase != journal.PhaseEvent || r.Event == journal.Recovered || !done[r.Tx] {
			continue
		}
		if r.Seq <= at.Seq || r.Tx == at.Tx {
			for _, f := range r.Files {
				left[f.Path] = f
			}
			continue
		}
		for _, f := range r.Files {
			i, known := index[f.Path]
			if known && out[i].givenBack() && r.Event == journal.DriftRepaired && f.After == "" {
				continue // doctor --fix took away what somebody put where a file of ours was
			}
			if !known {
				i = len(out)
				index[f.Path] = i
				out = append(out, touched{})
			}
			if !known || out[i].anew(r.Event, f) {
				out[i] = touched{first: f, seq: r.Seq, shared: common[f.Path], theirs: !ours[f.Path], closed: !ours[f.Path], last: before(f), dropped: out[i].drops()}
				was, there := left[f.Path]
				found := f.ModeBefore == was.ModeAfter && same(f.Before, f.SnapshotBefore, was.After, was.SnapshotAfter)
				if there && !found && !known && ours[f.Path] {
					out[i].first, out[i].last = after(was, f), was
				}
			}
			out[i].edited = out[i].edited || !same(f.Before, f.SnapshotBefore, out[i].last.After, out[i].last.SnapshotAfter)
			out[i].last, out[i].event, out[i].closed = f, r.Event, out[i].closed && closes(r.Event, f)
			for _, k := range r.Keys {
				if k.File == f.Path {
					out[i].keys = append(out[i].keys, k)
				}
			}
		}
	}
	return out
}

// after is the change f as it would be had it found what the change was left. What somebody
// else made of a file of ours between the two is nothing to go back to.
func after(was, f journal.FileChange) journal.FileChange {
	f.ModeBefore, f.Before, f.SnapshotBefore = was.ModeAfter, was.After, was.SnapshotAfter
	return f
}

// before is a change that led to what f found.
func before(f journal.FileChange) journal.FileChange {
	return journal.FileChange{Path: f.Path, ModeAfter: f.ModeBefore, After: f.Before, SnapshotAfter: f.SnapshotBefore}
}

// drops is the record of the change before which there was a file that the operator has
// removed since, given that t begins anew.
func (t touched) drops() uint64 {
	if t.first.Path == "" || t.givenBack() {
		return 0
	}
	if t.first.Before != "" {
		return t.seq
	}
	return t.dropped
}

// sharedPaths are the files in which only some settings are ours: every openclaw.json
// that was ever configured.
func sharedPaths(records []journal.Record) map[string]bool {
	out := map[string]bool{}
	for _, r := range records {
		if r.Event != journal.CloudruFmProviderConfigured {
			continue
		}
		for _, f := range r.Files {
			out[f.Path] = true
		}
	}
	return out
}

// restore plans that the file of t is again what it was before t.first. A file that
// we share with the operator goes back whole only when nobody else ever changed it;
// otherwise only our settings do, and the operator's edits stay. A file of his own that
// was given back already stays as it is, and one that he removed stays gone. c says why.
func (p *planner) restore(t touched, c Change) error {
	switch {
	case t.closed:
		return p.reopen(t, c)
	case t.givenBack():
		return nil
	}
	path := t.first.Path
	now, err := p.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	gone := !now.Exists && t.last.After != ""
	if gone && t.theirs {
		p.notPutBack(path, t.drops())
		p.plan.left = append(p.plan.left, Change{Path: path, event: c.event})
		return nil
	}
	p.notPutBack(path, t.dropped)
	data, err := p.snapshot(t.first.SnapshotBefore, t.first.Before)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", path, err)
	}
	if t.first.Before != "" {
		data = notNil(data)
		if c.mode, err = parseMode(t.first.ModeBefore); err != nil {
			return err
		}
	}
	if filepath.Base(path) == ignoreName && c.event == journal.SetupRemoved {
		data = unignored(data)
	}
	c.restored = true
	// What was foreign when it was found is foreign when it is back.
	c.Sensitive = c.Sensitive || isKeyed(t.first.Before)
	drifted := p.w.digest(p.vault, now, t.last.After) != t.last.After
	edited := t.edited || drifted
	switch {
	case t.shared && edited && now.Exists:
		return p.revert(t, now, data, c)
	case filepath.Base(path) == ignoreName && edited && now.Exists:
		after := templates.GitIgnore(now.Data, nil)
		if !bytes.Equal(templates.GitIgnore(data, nil), data) {
			after = ignoring(now.Data) // what it goes back to has our lines
		}
		if len(after) == 0 && data == nil {
			after = nil // there was none, and nothing but ours is in it
		}
		return p.file(path, after, c)
	case t.shared:
		c.Sensitive, c.Keys = true, inverse(t.keys)
	}
	if data != nil && c.adapt != nil {
		if data, err = c.adapt(path, data); err != nil {
			return err
		}
	}
	switch {
	case gone:
		p.plan.Notes = append(p.plan.Notes, Note{ID: "setup-gone", State: Attention, Args: []any{path}})
	case drifted && !c.aside: // what was put right since is not said again
		p.plan.Notes = append(p.plan.Notes, Note{ID: "setup-drift", State: Attention, Args: []any{path}})
	}
	return p.file(path, data, c)
}

// unignored is a .gitignore without our lines, which an uninstall that kept the journal may have
// left in what was found later: nil where nothing else is in it.
func unignored(data []byte) []byte {
	after := templates.GitIgnore(data, nil)
	if len(after) == 0 && len(data) > 0 {
		return nil
	}
	return after
}

// reopen plans that a file of the operator's has the mode that it had before doctor --fix
// closed it, unless he gave it another since. What is in it is his; what cannot be written, a
// link for example, is what he put in its place, and keeps nothing from the rest.
func (p *planner) reopen(t touched, c Change) error {
	now, err := p.w.Disk.Read(t.first.Path, largestFile)
	if err == nil {
		err = p.w.Disk.CheckTarget(t.first.Path)
	}
	if err != nil {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "undo-left", State: Attention, Args: []any{t.first.Path}})
		return nil //nolint:nilerr // see above
	}
	if !now.Exists || modeText(now.Mode) != t.last.ModeAfter {
		return nil
	}
	if c.mode, err = parseMode(t.first.ModeBefore); err != nil {
		return err
	}
	c.restored, c.Sensitive = true, true
	return p.file(t.first.Path, notNil(now.Data), c)
}

// notPutBack says that the file which the change of record seq found does not come back,
// since the operator removed it later; it says nothing when seq is 0.
func (p *planner) notPutBack(path string, seq uint64) {
	if seq != 0 {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "removed-stays", State: Attention, Args: []any{path, seq}})
	}
}

func (p *planner) revert(t touched, now files.File, target []byte, c Change) error {
	applied, err := p.snapshot(t.last.SnapshotAfter, t.last.After)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", t.first.Path, err)
	}
	after, edits, err := openclaw.Revert(now.Data, applied, target, keyPaths(t.keys))
	if err != nil {
		return fmt.Errorf("restoring %s: %w", t.first.Path, err)
	}
	c.Keys, c.mode, c.Sensitive = keyChanges(p.vault, edits), now.Mode, true
	p.plan.Notes = append(p.plan.Notes, Note{ID: "rollback-keeps-edits", State: Attention, Args: []any{t.first.Path}})
	return p.file(t.first.Path, after, c)
}

func keyPaths(keys []journal.KeyChange) [][]string {
	out := make([][]string, 0, len(keys))
	for _, k := range keys {
		out = append(out, splitPath(k.Path))
	}
	return out
}

// inverse turns the changes of several records into the one that takes them all
// back.
func inverse(keys []journal.KeyChange) []journal.KeyChange {
	var out []journal.KeyChange
	index := map[string]int{}
	for _, k := range keys {
		i, known := index[k.Path]
		if !known {
			index[k.Path] = len(out)
			out = append(out, journal.KeyChange{Path: k.Path, Old: k.New, New: k.Old})
			continue
		}
		out[i].Old = k.New
	}
	return out
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
