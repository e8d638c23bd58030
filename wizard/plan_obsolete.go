package wizard

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// planObsolete takes back the files of an earlier set-up that this one has no use
// for: another folder, another contract, another openclaw.json.
func (s *InitSession) planObsolete(_ context.Context, p *planner) error {
	for _, t := range p.past {
		if p.wanted[t.first.Path] || t.givenBack() {
			continue
		}
		if filepath.Base(t.first.Path) == ignoreName && filepath.Dir(t.first.Path) == p.vault.dir {
			continue // the journal's keys are still there and must stay ignored
		}
		if err := p.restore(t, Change{Why: "file-obsolete", event: journal.SetupRemoved}); err != nil {
			return err
		}
	}
	if p.plan.settled() {
		// It was said when there was something to do; once is enough.
		p.plan.Notes = slices.DeleteFunc(p.plan.Notes, func(n Note) bool { return n.ID == "removed-stays" })
	}
	return nil
}

// withoutObsolete takes what an earlier run wrote, and settings has no use for, out
// of current: the keys of the other contract, and list entries of ours. The
// operator's earlier values come back, but for keys that he keeps as they are now.
func withoutObsolete(path string, current []byte, settings []openclaw.Setting, kept []string, p *planner) ([]byte, []openclaw.Edit, error) {
	i := slices.IndexFunc(p.past, func(t touched) bool { return t.first.Path == path })
	if i < 0 || current == nil || p.past[i].last.After == "" {
		return current, nil, nil
	}
	t := p.past[i]
	before, err := p.snapshot(t.first.SnapshotBefore, t.first.Before)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s as it was at first: %w", path, err)
	}
	applied, err := p.snapshot(t.last.SnapshotAfter, t.last.After)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s as it was written: %w", path, err)
	}
	var obsolete [][]string
	for _, k := range keyPaths(t.keys) {
		seen := func(o []string) bool { return slices.Equal(o, k) }
		if slices.ContainsFunc(obsolete, seen) || openclaw.IsStamp(k) || slices.Contains(kept, joinPath(k)) {
			continue
		}
		i := slices.IndexFunc(settings, func(s openclaw.Setting) bool { return slices.Equal(s.Path, k) })
		switch {
		case i >= 0 && settings[i].Append && stale(settings[i], before, applied):
			obsolete = append(obsolete, k)
		case i < 0 && (openclaw.Ours(k) || !edited(current, applied, k)):
			// Else somebody else's word came after ours.
			obsolete = append(obsolete, k)
		}
	}
	if len(obsolete) == 0 {
		return current, nil, nil
	}
	return openclaw.Revert(current, applied, before, obsolete)
}

// edited tells whether a value that is no list, of which we only take our own entries, is
// another than what we wrote.
func edited(current, applied []byte, path []string) bool {
	now, wrote := value(current, path), value(applied, path)
	if _, isList := now.([]any); isList {
		return false
	}
	return !reflect.DeepEqual(now, wrote)
}

// value is nil when there is none.
func value(b []byte, path []string) any {
	doc, err := json5.Parse(b)
	if err != nil {
		return nil
	}
	v, _ := doc.Get(path)
	return v
}

// snapshot is nil when there was no file.
func (p *planner) snapshot(id, digest string) ([]byte, error) {
	return p.vault.content(p.snaps, id, digest)
}

// stale tells whether an earlier run added an entry to the list of s that s does not
// have any more.
func stale(s openclaw.Setting, before, applied []byte) bool {
	ours, _ := s.Value.([]string)
	theirs := entries(before, s.Path)
	return slices.ContainsFunc(entries(applied, s.Path), func(e string) bool {
		return !slices.Contains(theirs, e) && !slices.Contains(ours, e)
	})
}

// entries are the texts of the list at path; none when there is no such list.
func entries(b []byte, path []string) []string {
	if b == nil {
		return nil
	}
	doc, err := json5.Parse(b)
	if err != nil {
		return nil
	}
	v, _ := doc.Get(path)
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if text, ok := e.(string); ok {
			out = append(out, text)
		}
	}
	return out
}
