package wizard

import (
	"encoding/json"
	"fmt"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// What the first programs put into the Detail of an intent, where later ones have an
// intention. The journal is sealed and stays as it was written; it is brought to the
// present form while it is read.
const (
	// firstMade lists, as JSON, the folders that the transaction makes.
	firstMade = "made"
	// firstDir is the folder of the docker store, for all secrets of the transaction.
	firstDir = "dir"
)

// firstIntent reads an intent of the first programs.
func firstIntent(detail map[string]string) (intention, error) {
	in := intention{first: true}
	if err := json.Unmarshal([]byte(detail[firstMade]), &in.Made); err != nil {
		return in, fmt.Errorf("reading the intent of a transaction: %w", err)
	}
	return in, nil
}

// older gives the secrets in records of the first programs the folder that their intent
// names for all of them. It changes records and returns them.
func older(records []journal.Record) []journal.Record {
	dirs := map[string]string{}
	for _, r := range records {
		if r.Phase == journal.PhaseIntent && r.Detail[detailIntention] == "" && r.Detail[firstMade] != "" {
			dirs[r.Tx] = r.Detail[firstDir]
		}
		dir, first := dirs[r.Tx]
		if !first {
			continue
		}
		for n := range r.Secrets { // the record shares them
			if s := &r.Secrets[n]; s.Dir == "" && s.Store == string(secrets.KindDocker) {
				s.Dir = dir
			}
		}
	}
	return records
}
