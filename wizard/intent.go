package wizard

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// intention is what an intent record says beside the changes themselves, so that
// the journal alone can undo the transaction, or finish it with the same events.
type intention struct {
	// Made are the folders that the transaction makes, parents first.
	Made []string `json:"made"`
	// Events group the changes by the domain event that they make up.
	Events []intendedEvent `json:"events"`
	// Live says that something runs which had to take the change before the commit:
	// without one nobody knows whether it did.
	Live bool `json:"live,omitempty"`
	// Purge are the conversations that the transaction deletes; nil for a change of the
	// set-up.
	Purge *intendedPurge `json:"purge,omitempty"`

	// first says that the intent is one of the first programs (firstIntent): it does not
	// tell which events make up the transaction, so that it can be undone alone.
	first bool
}

// intendedEvent names its changes by their index in the intent record.
type intendedEvent struct {
	Event   journal.Event     `json:"event"`
	Files   []int             `json:"files,omitempty"`
	Secrets []int             `json:"secrets,omitempty"`
	Why     []string          `json:"why,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// detailIntention is where an intent record keeps its intention.
const detailIntention = "intention"

// intend makes the intention of p.
func intend(p *Plan) intention {
	in := intention{Made: missingFolders(p), Events: []intendedEvent{}, Live: p.live != nil}
	at := func(e journal.Event) *intendedEvent {
		i := slices.IndexFunc(in.Events, func(x intendedEvent) bool { return x.Event == e })
		if i < 0 {
			in.Events = append(in.Events, intendedEvent{Event: e, Detail: p.details[e]})
			i = len(in.Events) - 1
		}
		return &in.Events[i]
	}
	for i, s := range p.Secrets {
		e := at(s.event)
		e.Secrets = append(e.Secrets, i)
	}
	for i, c := range p.Changes {
		e := at(c.event)
		e.Files = append(e.Files, i)
		for _, id := range c.Controls {
			if !slices.Contains(e.Why, id) {
				e.Why = append(e.Why, id)
			}
		}
	}
	for i, c := range p.left {
		e := at(c.event)
		e.Files = append(e.Files, len(p.Changes)+i)
	}
	for e := range p.details {
		at(e)
	}
	if len(p.Consents) > 0 {
		// who accepted which risk.
		at(journal.ConsentGiven).Detail = consentDetail(p.Consents)
	}
	return in
}

// consentDetail names the accepted risks and what each is about.
func consentDetail(consents []Note) map[string]string {
	out := map[string]string{}
	for _, c := range consents {
		about := text.Clean(strings.TrimSpace(fmt.Sprintln(c.Args...)), 300)
		if old, more := out[c.ID]; more {
			about = old + ", " + about
		}
		out[c.ID] = about
	}
	return out
}

// missingFolders are the folders that the files and the secrets of p will make, parents
// first.
func missingFolders(p *Plan) []string {
	var folders []string
	for _, c := range p.Changes {
		folders = append(folders, filepath.Dir(c.Path))
	}
	for _, s := range p.Secrets {
		if s.Store == secrets.KindDocker && s.New != "" {
			folders = append(folders, filepath.Join(s.dir, "secrets"))
		}
	}
	out := []string{}
	for _, dir := range folders {
		var missing []string
		for ; ; dir = filepath.Dir(dir) {
			if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
				break
			}
			if !slices.Contains(out, dir) {
				missing = append(missing, dir)
			}
		}
		slices.Reverse(missing)
		out = append(out, missing...)
	}
	return out
}

// encode puts the intention into the intent record's Detail.
func (in intention) encode() (map[string]string, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding the intent: %w", err)
	}
	return map[string]string{detailIntention: string(b)}, nil
}

func decodeIntention(detail map[string]string) (intention, error) {
	var in intention
	if _, there := detail[detailIntention]; !there && detail[firstMade] != "" {
		return firstIntent(detail)
	}
	if err := json.Unmarshal([]byte(detail[detailIntention]), &in); err != nil {
		return in, fmt.Errorf("reading the intent of a transaction: %w", err)
	}
	return in, nil
}

// entries are the domain events of the transaction tx, made of the changes that
// its intent names.
func (in intention) entries(tx string, files []journal.FileChange, values []journal.SecretChange, keys []journal.KeyChange) ([]journal.Entry, error) {
	out := make([]journal.Entry, 0, len(in.Events))
	for _, e := range in.Events {
		entry := journal.Entry{Event: e.Event, Tx: tx, Phase: journal.PhaseEvent, Why: e.Why, Detail: e.Detail}
		for _, i := range e.Files {
			if i < 0 || i >= len(files) {
				return nil, fmt.Errorf("the intent of transaction %s names file %d of %d", tx, i, len(files))
			}
			entry.Files = append(entry.Files, files[i])
			for _, k := range keys {
				if k.File == files[i].Path {
					entry.Keys = append(entry.Keys, k)
				}
			}
		}
		for _, i := range e.Secrets {
			if i < 0 || i >= len(values) {
				return nil, fmt.Errorf("the intent of transaction %s names secret %d of %d", tx, i, len(values))
			}
			entry.Secrets = append(entry.Secrets, values[i])
		}
		out = append(out, entry)
	}
	return out, nil
}
