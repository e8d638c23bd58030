package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
)

// Event names what happened. The names in the past tense are the domain events
// of the threat model.
type Event string

// The events that clawsetup records.
const (
	// JournalCreated is the first record of every journal.
	JournalCreated Event = "JournalCreated"
	// ChangeIntended says what a transaction is about to change; it comes before
	// the first change.
	ChangeIntended Event = "ChangeIntended"
	// TransactionCommitted ends a transaction whose changes are all in place.
	TransactionCommitted Event = "TransactionCommitted"
	// TransactionUndone ends a transaction that was taken back whole.
	TransactionUndone Event = "TransactionUndone"
	// Recovered says that an interrupted transaction was found, and whether it was
	// finished or undone.
	Recovered Event = "Recovered"
	// TornTailQuarantined says that an incomplete last line, left by a crash, was
	// moved out of the journal into a file of its own.
	TornTailQuarantined Event = "TornTailQuarantined"

	// CloudruFmProviderConfigured says that the cloud.ru provider was written to
	// openclaw.json.
	CloudruFmProviderConfigured Event = "CloudruFmProviderConfigured"
	// ClaudeCliBackendConfigured says that Claude Code was made OpenClaw's engine.
	ClaudeCliBackendConfigured Event = "ClaudeCliBackendConfigured"
	// ProxyStackConfigured says that the proxy's compose stack was written.
	ProxyStackConfigured Event = "ProxyStackConfigured"
	// SetupRecorded says that setup.yaml, the operator's own answers, was written.
	SetupRecorded Event = "SetupRecorded"
	// SetupMigrated says that setup.yaml was brought to a newer version of its form.
	SetupMigrated Event = "SetupMigrated"
	// ImagePinned says that an image reference was tied to a digest.
	ImagePinned Event = "ImagePinned"
	// HardeningRelaxed says that a control was weakened, and which.
	HardeningRelaxed Event = "HardeningRelaxed"
	// ConsentGiven says that the operator accepted a named risk.
	ConsentGiven Event = "ConsentGiven"

	// SecretStored says that a secret was put into a store for the first time.
	SecretStored Event = "SecretStored"
	// SecretForgotten says that a secret was deleted from a store.
	SecretForgotten Event = "SecretForgotten"
	// ApiKeyRotated says that the cloud.ru API key was replaced.
	ApiKeyRotated Event = "ApiKeyRotated" //nolint:revive // the threat model's own spelling
	// ProxyTokenRotated says that the proxy token was replaced.
	ProxyTokenRotated Event = "ProxyTokenRotated"

	// ConfigRolledBack says that files were put back to what an earlier record knew.
	ConfigRolledBack Event = "ConfigRolledBack"
	// DriftRepaired says that files changed by somebody else were put right.
	DriftRepaired Event = "DriftRepaired"
	// TranscriptsPurged says that conversations of Claude Code were deleted: how many, and
	// their hashes, never what was in them.
	TranscriptsPurged Event = "TranscriptsPurged"
	// ContentAccepted says that the operator looked at skills and plugins, whose hashes
	// were recorded.
	ContentAccepted Event = "ContentAccepted"
	// ProcessesEnded says that processes were ended for which nobody waited.
	ProcessesEnded Event = "ProcessesEnded"
	// FindingsReported says that an examination found something that it had not found
	// before, or that nothing is left.
	FindingsReported Event = "FindingsReported"
	// EngineUsed says which engine is about to hold something of the installation, and
	// where the secrets of the keyring are copied to for it: what an uninstall asks.
	EngineUsed Event = "EngineUsed"
	// SetupRemoved says that clawsetup took back what it had done.
	SetupRemoved Event = "SetupRemoved"
)

// Phase is a record's role in its transaction.
type Phase string

// The phases. Between an intent and the commit or undone record of the same
// transaction there are only events.
const (
	PhaseGenesis Phase = "genesis"
	PhaseIntent  Phase = "intent"
	PhaseEvent   Phase = "event"
	PhaseCommit  Phase = "commit"
	PhaseUndone  Phase = "undone"
)

// FileChange is one file before and after.
type FileChange struct {
	Path string `json:"path"`
	// ModeBefore and ModeAfter are permissions in octal ("0600"); empty when the
	// file does not exist on that side.
	ModeBefore string `json:"mode_before,omitempty"`
	ModeAfter  string `json:"mode_after,omitempty"`
	// Before and After are what Keys.Digest says of the content; empty when the file
	// does not exist on that side.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// SnapshotBefore and SnapshotAfter are ids in Snapshots.
	SnapshotBefore string `json:"snapshot_before,omitempty"`
	SnapshotAfter  string `json:"snapshot_after,omitempty"`
}

// KeyChange is one setting before and after. The values are JSON text; nil means
// that the setting is not there. The value of a credential is never recorded: put
// Keys.Fingerprint there, or leave the change out.
type KeyChange struct {
	// File is the file that holds the setting; empty when the record has one file.
	File string  `json:"file,omitempty"`
	Path string  `json:"path"`
	Old  *string `json:"old"`
	New  *string `json:"new"`
}

// SecretChange is one item of a secret store before and after, as fingerprints
// (Keys.Fingerprint); empty when there is no value on that side.
type SecretChange struct {
	Store string `json:"store"`
	// Dir is where the store keeps it, for a store that has a folder.
	Dir  string `json:"dir,omitempty"`
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Entry is what a caller has to say; Append makes a Record of it.
type Entry struct {
	Event Event
	// Tx names the transaction; empty for a record outside of any.
	Tx      string
	Phase   Phase
	Files   []FileChange
	Keys    []KeyChange
	Secrets []SecretChange
	// Detail is what the event is about, by stable names.
	Detail map[string]string
	// Why are ids of CONTROLS.md that the change serves.
	Why []string
}

// Record is one verified line of the journal. Its JSON form is what
// `config-history list --json` prints; the form on disk is another (see the
// package comment).
type Record struct {
	V    int    `json:"v"`
	Log  string `json:"log"`
	Seq  uint64 `json:"seq"`
	Prev string `json:"prev"`
	// Time is when the record was written, UTC, in whole microseconds.
	Time    time.Time         `json:"time"`
	Event   Event             `json:"event"`
	Phase   Phase             `json:"phase"`
	Tx      string            `json:"tx,omitempty"`
	Actor   Actor             `json:"actor"`
	Tool    string            `json:"tool"`
	Files   []FileChange      `json:"files,omitempty"`
	Keys    []KeyChange       `json:"keys,omitempty"`
	Secrets []SecretChange    `json:"secrets,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
	Why     []string          `json:"why,omitempty"`
	Hash    string            `json:"hash"`
	MAC     string            `json:"mac"`
}

// fingerprintPrefix starts every fingerprint that package secrets makes.
const fingerprintPrefix = "fp:"

// check refuses what must not become a record. It is the last line of defence
// against a secret in the journal, not the first.
func (e Entry) check() error {
	if e.Event == "" {
		return errors.New("it has no event")
	}
	switch e.Phase {
	case PhaseIntent, PhaseCommit, PhaseUndone:
		if e.Tx == "" {
			return fmt.Errorf("a record of phase %s needs a transaction", e.Phase)
		}
	case PhaseEvent:
	default:
		return fmt.Errorf("%q is no phase", e.Phase)
	}
	for _, s := range e.Secrets {
		for _, v := range []string{s.Old, s.New} {
			if v != "" && !strings.HasPrefix(v, fingerprintPrefix) {
				return fmt.Errorf("secret %q of store %q is not given as a fingerprint", s.Name, s.Store)
			}
		}
	}
	for _, k := range e.Keys {
		if k.Old != nil && secrets.CredentialValue(*k.Old) || k.New != nil && secrets.CredentialValue(*k.New) {
			return fmt.Errorf("the value of setting %q has the form of a credential and is not given as a fingerprint", k.Path)
		}
	}
	return nil
}
