package wizard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// hardeningDefault is what is offered where nobody chose.
const hardeningDefault = "all"

// conflict is a value in openclaw.json that is neither ours nor nothing, and that we
// would change.
type conflict struct {
	path string
	// old and new are the values, fit to be shown.
	old, new string
	controls []string
	// part is that of the hardening; empty for what the engine needs.
	part openclaw.Part
}

// mergeOpenClaw works out openclaw.json with our keys, and what becomes of the
// operator's.
func (s *InitSession) mergeOpenClaw(ctx context.Context, d *agentDraft, p *planner) error {
	path := s.draft.OpenClaw.Config
	file, err := s.w.readOpenClaw(path)
	if err != nil {
		return err
	}
	current := content(file)
	if d.params.Channels, err = openclaw.Channels(current); err != nil {
		return err
	}
	if err := s.ownSettings(ctx, d); err != nil {
		return err
	}
	if err := s.leaveKept(d, current); err != nil {
		return err
	}
	base, dropped, err := withoutObsolete(path, current, d.settings, d.kept, p)
	if err != nil {
		return err
	}
	if d.schema != nil {
		stamped, stamps, err := openclaw.DropStamps(base, d.schema)
		if err != nil {
			return fmt.Errorf("merging into %s: %w", path, err)
		}
		base, dropped = stamped, slices.Concat(dropped, stamps)
	}
	after, edits, err := openclaw.Merge(base, d.settings)
	if err != nil {
		return fmt.Errorf("merging into %s: %w", path, err)
	}
	d.after, d.edits = after, slices.Concat(dropped, edits)
	d.conflicts = conflicts(edits, d.settings, p.vault, p.lastValues(path))
	d.gatewayToken, err = openclaw.AsksForGatewayToken(after)
	return err
}

// leaveKept takes out the settings of keys that the operator decided to keep. A key
// that is gone from the file is ours again.
func (s *InitSession) leaveKept(d *agentDraft, current []byte) error {
	for _, kept := range s.draft.OpenClaw.Kept {
		i := slices.IndexFunc(d.settings, func(o openclaw.Setting) bool { return o.Part != "" && joinPath(o.Path) == kept })
		if i < 0 {
			continue
		}
		there, err := openclaw.Has(current, d.settings[i].Path)
		if err != nil {
			return err
		}
		if there {
			d.kept = append(d.kept, kept)
			d.settings = slices.Delete(d.settings, i, i+1)
		}
	}
	return nil
}

// conflicts are the edits that change what somebody else wrote: last are the values
// that we wrote, by key.
func conflicts(edits []openclaw.Edit, settings []openclaw.Setting, v *vault, last map[string]string) []conflict {
	var out []conflict
	for _, e := range edits {
		i := slices.IndexFunc(settings, func(o openclaw.Setting) bool { return slices.Equal(o.Path, e.Path) })
		if i < 0 || settings[i].Append || openclaw.Ours(e.Path) || e.Old == nil {
			continue
		}
		path := joinPath(e.Path)
		old := v.shown(e.Old, e.Sensitive)
		if last[path] == *old {
			continue
		}
		c := conflict{path: path, old: shownValue(*old), new: "-", controls: e.Controls, part: settings[i].Part}
		if now := v.shown(e.New, e.Sensitive); now != nil {
			c.new = shownValue(*now)
		}
		out = append(out, c)
	}
	return out
}

func shownValue(s string) string { return text.Clean(secrets.HideCredentials(s), 80) }

// lastValues are what we wrote to the keys of a file last, as the journal has it.
func (p *planner) lastValues(path string) map[string]string {
	out := map[string]string{}
	i := slices.IndexFunc(p.past, func(t touched) bool { return t.first.Path == path })
	if i < 0 {
		return out
	}
	for _, k := range p.past[i].keys {
		if k.New != nil {
			out[k.Path] = *k.New
		}
	}
	return out
}

// ownSettings are the keys that the installed OpenClaw can hold: one of the hardening
// that it does not know is left out and said, any other one is an error.
func (s *InitSession) ownSettings(ctx context.Context, d *agentDraft) error {
	d.params.Release = d.install.Release
	switch {
	case d.install.CanValidate:
		var err error
		if d.schema, err = s.openClawSchema(ctx, d.install); err != nil {
			return err
		}
		d.params.OneAnswer = d.params.Contract == openclaw.Legacy && !d.schema.KnowsStream()
	case d.install.Path != "":
		d.params.OneAnswer = d.params.Contract == openclaw.Legacy
	}
	settings, err := openclaw.Settings(d.params)
	if err != nil {
		return err
	}
	d.settings, d.unknown = settings, openclaw.Unknown(d.params)
	if d.schema == nil {
		return nil
	}
	kept, dropped, err := openclaw.Prune(d.schema, settings)
	d.settings, d.unknown = kept, slices.Concat(d.unknown, dropped)
	return err
}

// openClawSchema asks the installed OpenClaw once a session.
func (s *InitSession) openClawSchema(ctx context.Context, install openclaw.Install) (*openclaw.Schema, error) {
	return s.schema.get(ctx, install.Schema)
}

// note says what becomes of the operator's values, and what is not hardened.
func (d *agentDraft) note(p *planner) {
	for _, c := range d.conflicts {
		p.plan.Consents = append(p.plan.Consents, c.note("openclaw-replaced"))
	}
	p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-contract-" + string(d.params.Contract), Args: []any{strings.TrimSpace("OpenClaw " + d.install.Version)}})
	if d.params.Contract == openclaw.Builtin {
		p.plan.Consents = append(p.plan.Consents, Note{ID: "openclaw-builtin", State: Attention})
	}
	for _, path := range d.kept {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-kept", State: Attention, Args: []any{path}})
	}
	if len(d.unknown) > 0 {
		names := make([]string, len(d.unknown))
		for i, s := range d.unknown {
			names[i] = joinPath(s.Path)
		}
		version := orElse(d.install.Version, string(d.params.Contract))
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-unknown-keys", State: Attention, Args: []any{version, text.Clean(strings.Join(names, ", "), 300)}})
	}
	if len(d.params.Parts) < len(openclaw.Parts()) {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-hardening", State: Attention, Args: []any{openclaw.FormatParts(d.params.Parts)}})
	}
}

func (c conflict) note(id string) Note {
	return Note{ID: id, State: Attention, Args: []any{c.path, c.old, c.new, strings.Join(c.controls, ", ")}}
}

// content is what Merge starts from: nil only when there is no file.
func content(f files.File) []byte {
	if !f.Exists {
		return nil
	}
	return notNil(f.Data)
}

// validateOpenClaw asks the installed OpenClaw, and our own rules in any case. What
// OpenClaw did not see is said to be not checked.
func (s *InitSession) validateOpenClaw(ctx context.Context, d *agentDraft, p *planner) error {
	path := s.draft.OpenClaw.Config
	if err := openclaw.ValidateOwn(d.after, d.settings); err != nil {
		return fmt.Errorf("checking %s: %w", path, err)
	}
	if s.given.DryRun {
		// OpenClaw reads a copy in a temporary folder, which a dry run does not make.
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated-dry-run", State: NotChecked})
		return nil
	}
	if d.install.Path == "" {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-not-validated", State: NotChecked})
		return nil
	}
	warnings, err := openclaw.Validate(ctx, d.install, path, d.after, d.own)
	if errors.Is(err, openclaw.ErrCannotValidate) {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-cannot-validate", State: NotChecked, Args: []any{d.install.Version}})
		return nil
	}
	if err != nil {
		return fmt.Errorf("OpenClaw %s refuses the new %s: %w", d.install.Version, path, err)
	}
	for _, w := range warnings {
		p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-warning", State: Attention, Args: []any{text.Clean(w.Path+": "+w.Message, 200)}})
	}
	p.plan.Notes = append(p.plan.Notes, Note{ID: "openclaw-validated", Args: []any{d.install.Version}})
	return nil
}

// keyChanges turns edits into what the journal may hold: a sensitive value only
// as a fingerprint.
func keyChanges(v *vault, edits []openclaw.Edit) []journal.KeyChange {
	out := make([]journal.KeyChange, 0, len(edits))
	for _, e := range edits {
		out = append(out, journal.KeyChange{Path: joinPath(e.Path), Old: v.shown(e.Old, e.Sensitive), New: v.shown(e.New, e.Sensitive)})
	}
	return out
}

// reasons say why each key has its value.
func reasons(edits []openclaw.Edit) []Reason {
	var out []Reason
	for _, e := range edits {
		if e.Why != "" && e.New != nil {
			out = append(out, Reason{Key: joinPath(e.Path), Why: e.Why, Controls: e.Controls})
		}
	}
	return out
}
