package wizard

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// planner collects the changes of one Plan.
type planner struct {
	w     *Wizard
	vault *vault
	// snaps and past are of the journal; empty before the first transaction.
	snaps *journal.Snapshots
	past  []touched
	// written are the digests of what was written to each path.
	written map[string][]string
	plan    *Plan
	// values are those of the secrets, which no diff shows.
	values *[]secrets.Secret
	// wanted are the paths that the Plan covers, those that are right already
	// included.
	wanted map[string]bool
}

// newPlanner reads what earlier transactions did.
func (w *Wizard) newPlanner(ctx context.Context, v *vault, basis files.File) (*planner, error) {
	p := &planner{w: w, vault: v, plan: &Plan{vault: v, basis: basis}, wanted: map[string]bool{}, written: map[string][]string{}, values: new(w.storedValues(ctx, v))}
	if v.fresh {
		if v.restart {
			return p, nil
		}
		return p, w.lost(ctx, v.store)
	}
	if err := w.journalThere(ctx); err != nil {
		return nil, err
	}
	h, err := w.history(ctx, v, nil)
	if err != nil {
		return nil, err
	}
	records, err := h.all()
	if err != nil {
		return nil, err
	}
	p.snaps, p.past = h.snaps, touchedSince(records, lastUninstall(records))
	for _, r := range records {
		for _, f := range r.Files {
			if r.Phase == journal.PhaseEvent && f.After != "" && r.Event != journal.ConfigRolledBack && r.Event != journal.SetupRemoved {
				p.written[f.Path] = append(p.written[f.Path], f.After)
			}
		}
	}
	return p, nil
}

// file adds the change that makes path hold after, if it does not already.
func (p *planner) file(path string, after []byte, c Change) error {
	p.wanted[path] = true
	before, err := p.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	if err := p.w.Disk.CheckTarget(path); err != nil {
		return err
	}
	c.Path, c.Before, c.values = path, before, p.values
	c.After = files.File{}
	if after != nil {
		c.After = files.File{Exists: true, Mode: files.KeptMode(cmp.Or(c.mode, private)), Data: after}
	}
	if c.Before.Exists == c.After.Exists && c.Before.Mode == c.After.Mode && bytes.Equal(before.Data, after) {
		return nil
	}
	if path == p.w.Paths.SetupFile() && before.Exists && after != nil {
		if err := p.agree(before.Data, after); err != nil {
			return err
		}
	}
	foreign := before.Exists && !p.ours(path, before.Data)
	c.Sensitive = c.Sensitive || foreign
	if c.Keys == nil {
		hide := hiding{old: foreign, now: c.restored && after != nil && !p.ours(path, after), with: p.vault}
		c.Keys = hide.changes(path, before.Data, after)
	}
	if foreign && !c.restored && !p.known(path) && !bytes.Contains(before.Data, []byte(ourMark)) {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "foreign-file", State: Attention, Args: []any{path}})
	}
	if p.repairs(c) {
		c.event = journal.DriftRepaired
	}
	p.plan.Changes = append(p.plan.Changes, c)
	return nil
}

// repairs tells whether a change does nothing but take back what somebody else did to a
// file of ours. One that was given back is the operator's, and is taken anew.
func (p *planner) repairs(c Change) bool {
	i := slices.IndexFunc(p.past, func(t touched) bool { return t.first.Path == c.Path })
	if i < 0 || p.past[i].shared || p.past[i].givenBack() || c.restored || !c.After.Exists {
		return false
	}
	last := p.past[i].last.After
	return last != "" && p.w.digest(p.vault, c.After, last) == last
}

// detail adds a domain event that is more than the files that change.
func (p *planner) detail(e journal.Event, detail map[string]string) {
	if p.plan.details == nil {
		p.plan.details = map[journal.Event]map[string]string{}
	}
	p.plan.details[e] = detail
}

// ourMark is in the head of the files that clawsetup writes whole.
const ourMark = "ritten by clawsetup"

// known tells whether an earlier transaction changed path.
func (p *planner) known(path string) bool {
	return slices.ContainsFunc(p.past, func(t touched) bool { return t.first.Path == path })
}

// ours tells whether data is what clawsetup once wrote to path.
func (p *planner) ours(path string, data []byte) bool {
	return slices.Contains(p.written[path], p.vault.keys.Digest(data, false)) || slices.Contains(p.written[path], p.vault.keys.Digest(data, true))
}

// secret adds the change that makes the store hold value under name; a zero
// value means that the item is forgotten.
func (p *planner) secret(ctx context.Context, store secrets.Store, dir string, name string, value secrets.Secret, rotated, stored journal.Event) error {
	old, err := store.Get(ctx, name)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return Unread(name, store.Kind(), err)
	}
	for _, v := range []secrets.Secret{old, value} {
		if v.Len() >= shortestSecret {
			*p.values = append(*p.values, v)
		}
	}
	if old.Equal(value) {
		return nil
	}
	event := stored
	if !old.IsZero() && !value.IsZero() {
		event = rotated
	}
	p.plan.Secrets = append(p.plan.Secrets, SecretChange{
		Store: store.Kind(), Name: name, Old: p.vault.fingerprint(old), New: p.vault.fingerprint(value),
		store: store, dir: dir, value: value, event: event,
	})
	return nil
}
