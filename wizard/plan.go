package wizard

import (
	"context"
	"encoding/json"
	"io/fs"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// Plan is an ordered list of changes that nobody has applied yet. Printing,
// diffing and applying are three receivers of the same Plan.
type Plan struct {
	// Changes are the files to write or remove, in order.
	Changes []Change
	// Secrets are the items to put into a secret store or to forget.
	Secrets []SecretChange
	// Removals are what goes after the commit, for good.
	Removals []Removal
	// Ends are processes that nobody waits for and that are ended after the files.
	Ends []doctor.Process
	// Consents are the risks that the operator takes by applying.
	Consents []Note
	// Notes are findings that are no risk taken: what was kept, relaxed, not checked.
	Notes []Note

	// Next are the commands that remain to be run after Apply.
	Next [][]string

	// live makes the changes true of what runs, before the commit; nil when nothing
	// runs. What it returns beside an error is taken back like all else.
	live func(context.Context, func(Progress)) (liveChange, error)

	// left are files of ours that the operator removed and that are his again by that: there
	// is nothing to change, but a record says so.
	left  []Change
	vault *vault
	// basis is setup.yaml as the session found it when it started.
	basis   files.File
	details map[journal.Event]map[string]string
}

// Change is one file before and after.
type Change struct {
	Path   string
	Before files.File
	After  files.File
	// Keys are the settings that change inside the file, where it has settings.
	Keys []journal.KeyChange
	// Why names the message that explains the file; Controls the ids of CONTROLS.md.
	Why      string
	Controls []string
	// Reasons explain single settings, where the file has more than one reason.
	Reasons []Reason
	// Sensitive files may hold secrets of the operator's: their digests are keyed.
	Sensitive bool

	// values are the secrets that its diff hides by their values, as far as they are known
	// by the time that it is shown.
	values *[]secrets.Secret
	// mode is the permission of the new file, private when zero.
	mode  fs.FileMode
	event journal.Event
	// restored content may be the operator's own, from before our first change.
	restored bool
	// aside says that what somebody else made of the file is kept beside it.
	aside bool
	// adapt changes the content that restore found, before it is planned.
	adapt func(path string, data []byte) ([]byte, error)
}

// Reason is why one setting has the value that it gets.
type Reason struct {
	// Key is the setting's path, as in a journal.KeyChange.
	Key string
	// Why names the message, Controls the ids of CONTROLS.md.
	Why      string
	Controls []string
}

// liveChange is a change of what runs. After the commit keep makes it last, after an
// undo of everything else back takes it back.
type liveChange interface {
	keep(context.Context, func(Progress)) error
	back(context.Context) error
}

// Action tells what a Change does to its path.
func (c Change) Action() string {
	switch {
	case !c.Before.Exists:
		return "create"
	case !c.After.Exists:
		return "remove"
	default:
		return "replace"
	}
}

// Mode is the file's permission after the change.
func (c Change) Mode() fs.FileMode { return c.After.Mode }

// SecretChange is one item of a secret store; the values never leave it.
type SecretChange struct {
	Store secrets.Kind
	Name  string
	// Old and New are fingerprints; empty when there is no such value.
	Old, New string

	store secrets.Store
	dir   string // of the docker store
	value secrets.Secret
	event journal.Event
}

// Removal is something that is removed outside of the transaction: no journal brings it
// back.
type Removal struct {
	// Kind tells what it is; its words are in the catalogue under "removal.<Kind>".
	Kind string `json:"kind"`
	// Name is a path, or what the engine calls it; it was cleaned.
	Name string `json:"name"`
}

// Empty is true when applying would change nothing.
func (p *Plan) Empty() bool { return p.settled() && len(p.Removals) == 0 }

// settled tells whether there is nothing for a transaction to do.
func (p *Plan) settled() bool { return len(p.Changes) == 0 && len(p.Secrets) == 0 && len(p.Ends) == 0 }

// MarshalJSON shows the Plan without the content of any file or secret: paths,
// modes, actions, changed keys and redacted diffs.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type change struct {
		Path     string              `json:"path"`
		Action   string              `json:"action"`
		Mode     string              `json:"mode"`
		Keys     []journal.KeyChange `json:"keys,omitempty"`
		Controls []string            `json:"controls,omitempty"`
		Diff     string              `json:"diff"`
	}
	type secret struct {
		Store string `json:"store"`
		Name  string `json:"name"`
		Old   string `json:"old,omitempty"`
		New   string `json:"new,omitempty"`
	}
	out := struct {
		Changes  []change         `json:"changes"`
		Secrets  []secret         `json:"secrets"`
		Removals []Removal        `json:"removals,omitempty"`
		Ends     []doctor.Process `json:"ends,omitempty"`
		Consents []Note           `json:"consents"`
		Notes    []Note           `json:"notes"`
	}{Changes: []change{}, Secrets: []secret{}, Removals: p.Removals, Ends: p.Ends, Consents: p.Consents, Notes: p.Notes}
	for _, c := range p.Changes {
		out.Changes = append(out.Changes, change{c.Path, c.Action(), modeText(c.Mode()), c.Keys, c.Controls, Diff(c).String()})
	}
	for _, s := range p.Secrets {
		out.Secrets = append(out.Secrets, secret{string(s.Store), s.Name, s.Old, s.New})
	}
	return json.Marshal(out)
}
