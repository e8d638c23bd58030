package wizard

import (
	"context"

	"github.com/clawsetup/clawsetup/secrets"
)

// Step is one stage of the wizard's visible path.
type Step string

// The stages of init, in order; StepCheck is also what was found. rotate-key uses StepKey
// alone.
const (
	StepCheck   Step = "check"
	StepKey     Step = "key"
	StepModels  Step = "models"
	StepSecrets Step = "secrets"
	StepImage   Step = "image"
	StepAgent   Step = "agent"
)

// Kind is the form of a question.
type Kind int

// The forms of questions.
const (
	Text Kind = iota
	SecretText
	Choice
)

// Question is one thing that the operator decides. Its words are in the message
// catalogue under its ID.
type Question struct {
	// ID is stable: the name of the flag that answers it, without dashes, where
	// there is exactly one.
	ID   string
	Step Step
	Kind Kind
	// Flags are the flags that would answer it.
	Flags []string
	// Default is the answer that an empty one stands for; for a Choice it is one
	// of the Options. With Kind SecretText a non-empty Default says that an empty
	// answer keeps the stored secret.
	Default string
	Options []Option
	// Notes are what was found out and bears on the answer.
	Notes []Note
}

// values are what a Choice can be answered with now.
func (q *Question) values() []string {
	var out []string
	for _, o := range q.Options {
		if !o.Disabled {
			out = append(out, o.Value)
		}
	}
	return out
}

// Option is one possible answer of a Choice.
type Option struct {
	Value string
	// Label is foreign text that was cleaned (a model id); empty means that the
	// catalogue has the words, under "option.<question>.<value>".
	Label string
	// Columns are further cleaned cells of a table row.
	Columns []string
	// Attention marks a choice that carries a risk, such as a model outside Russia.
	Attention bool
	// Disabled says that it cannot be chosen now; Notes of the question say why.
	Disabled bool
}

// Answer is what the operator said to a question: Secret for SecretText,
// Value otherwise.
type Answer struct {
	Value  string
	Secret secrets.Secret
}

// State grades a Note: what was not checked is never "ok".
type State int

// The states, with the signs ✓ ! ✗ ○ and – on a screen.
const (
	OK State = iota
	Attention
	Failed
	NotChecked
	Absent
)

// stateNames are what JSON says of a State, whatever the language.
var stateNames = [...]string{OK: "ok", Attention: "attention", Failed: "failed", NotChecked: "not checked", Absent: "absent"}

// String is the state's name in English.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Note is a finding with a state; its words are in the catalogue under
// "note.<ID>", filled with Args. Args that are strings were cleaned.
type Note struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Args  []any  `json:"args,omitempty"`
}

// Progress is one step of long work that is done, or has begun.
type Progress struct {
	// ID is the message: "secret", "file", "journal", "undo", "layer" …
	ID    string
	Args  []any
	State ProgressState
	// Current and Total tell how far a step is that can be measured, in bytes; Total
	// is 0 otherwise.
	Current, Total int64
}

// ProgressState tells how far one step is.
type ProgressState int

// The states of a step.
const (
	Begun ProgressState = iota
	Durable
	Undone
	// Refused is a step that came to nothing, as was to be found out.
	Refused
)

var progressNames = [...]string{Begun: "begun", Durable: "done", Undone: "undone", Refused: "refused"}

// String is the state's name in English, as JSON has it.
func (s ProgressState) String() string { return progressNames[s] }

// Result is what Apply did.
type Result struct {
	// Changed is false when there was nothing to do.
	Changed bool
	// Records are the sequence numbers of the journal's new domain events.
	Records []uint64
	// Stayed are the names of Removals that turned out to be in use by somebody else.
	Stayed []string
	// Notes are warnings, what was relaxed and what was not checked.
	Notes []Note
	// Next are the commands that remain to be run, as argument lists.
	Next [][]string
}

// Session is one change of the set-up from the first question to the journal.
type Session interface {
	// Preflight says what is on this host; every check is bounded in time.
	Preflight(ctx context.Context) []Note
	// Missing lists, as groups of alternative flags, the questions that have
	// neither an answer nor a default, as far as that is known without asking the
	// network. It is what an operator without a terminal is told, all at once.
	Missing(ctx context.Context) [][]string
	// Next returns the first question without an answer, nil when there is none.
	// It may use the network for the question's options. An error means that
	// an answer given by flag was refused, or that the options cannot be had.
	Next(ctx context.Context) (*Question, error)
	// Answer checks and keeps an answer. After an error the question is still open.
	Answer(ctx context.Context, q *Question, a Answer) error
	// Back reopens the question that was answered last; false at the first.
	Back() bool
	// Left is about how many questions are still to be asked.
	Left() int
	// Plan is called when Next has returned nil. It writes nothing.
	Plan(ctx context.Context) (*Plan, error)
	// Apply makes the Plan true as one transaction.
	Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error)
}
