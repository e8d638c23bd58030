package wizard

import (
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// touched is a managed file, and what committed transactions did to it.
type touched struct {
	first journal.FileChange // the earliest change
	last  journal.FileChange // the latest
	event journal.Event      // of the latest change
	keys  []journal.KeyChange
	// shared is true for openclaw.json, where only some settings are ours.
	shared bool
	// edited is true when somebody else changed the file between two changes.
	edited bool
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
		if r.Event == journal.SetupRemoved && r.Phase == journal.PhaseEvent && r.Detail[detailUninstall] != "" && done[r.Tx] {
			out = r
		}
	}
	return out
}

// touchedSince lists the files that committed transactions changed after the one
// of record at; all of them when at is the zero Record.
func touchedSince(records []journal.Record, at journal.Record) []touched {
	var out []touched
	index := map[string]int{}
	done := committed(records)
	common := sharedPaths(records)
	for _, r := range records {
		if r.Seq <= at.Seq || r.Tx == at.Tx || r.Phase != journal.PhaseEvent || r.Event == journal.Recovered || !done[r.Tx] {
			continue
		}
		for _, f := range r.Files {
			i, known := index[f.Path]
			if !known {
				i = len(out)
				index[f.Path] = i
				out = append(out, touched{first: f, shared: common[f.Path]})
			}
			out[i].edited = out[i].edited || known && f.Before != out[i].last.After
			out[i].last, out[i].event = f, r.Event
			for _, k := range r.Keys {
				if k.File == f.Path {
					out[i].keys = append(out[i].keys, k)
				}
			}
		}
	}
	return out
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
// otherwise only our settings do, and the operator's edits stay. c says why.
func (p *planner) restore(t touched, c Change) error {
	path := t.first.Path
	now, err := p.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	data, err := p.snapshot(t.first.SnapshotBefore)
	if err != nil {
		return fmt.Errorf("restoring %s: %w", path, err)
	}
	if t.first.Before != "" {
		data = notNil(data)
		if c.mode, err = parseMode(t.first.ModeBefore); err != nil {
			return err
		}
	}
	c.restored = true
	edited := t.edited || p.w.digest(p.vault, now, t.last.After) != t.last.After
	switch {
	case t.shared && edited && now.Exists:
		return p.revert(t, now, data, c)
	case filepath.Base(path) == ignoreName && edited:
		return p.file(path, templates.GitIgnore(now.Data, nil), c)
	case t.shared:
		c.Sensitive, c.Keys = true, inverse(t.keys)
	}
	if data != nil && c.adapt != nil {
		if data, err = c.adapt(path, data); err != nil {
			return err
		}
	}
	if edited && !c.aside {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "setup-drift", State: Attention, Args: []any{path}})
	}
	return p.file(path, data, c)
}

func (p *planner) revert(t touched, now files.File, target []byte, c Change) error {
	applied, err := p.snapshot(t.last.SnapshotAfter)
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
