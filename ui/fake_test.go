package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// fake is a scripted Session: its questions are asked in order.
type fake struct {
	mu        sync.Mutex
	questions []wizard.Question
	at        int
	found     []wizard.Note
	missing   [][]string
	steps     []wizard.Step
	plan      *wizard.Plan
	// refuse says what is wrong with an answer.
	refuse func(q *wizard.Question, value string) error
	// slow is how long an answer is checked.
	slow time.Duration
	// onApply takes the place of Apply's work.
	onApply func(ctx context.Context, report func(wizard.Progress)) error

	answers []string
	asked   []string
	calls   []string
	applied bool
}

func (f *fake) call(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
}

func (f *fake) Steps() []wizard.Step { return f.steps }

func (f *fake) Preflight(context.Context) []wizard.Note { f.call("preflight"); return f.found }

func (f *fake) Missing(context.Context) [][]string { return f.missing }

func (f *fake) Next(ctx context.Context) (*wizard.Question, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if f.at >= len(f.questions) {
		return nil, nil
	}
	q := f.questions[f.at]
	f.asked = append(f.asked, q.ID)
	return &q, nil
}

func (f *fake) Answer(ctx context.Context, q *wizard.Question, a wizard.Answer) error {
	value := a.Value
	if q.Kind == wizard.SecretText {
		b := a.Secret.Expose()
		value = string(b)
	}
	if f.slow > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(f.slow):
		}
	}
	if f.refuse != nil {
		if err := f.refuse(q, value); err != nil {
			return err
		}
	}
	f.answers = append(f.answers[:f.at], value)
	f.at++
	return nil
}

func (f *fake) Back() bool {
	if f.at == 0 {
		return false
	}
	f.at--
	return true
}

func (f *fake) Left() int { return len(f.questions) - f.at }

func (f *fake) Plan(context.Context) (*wizard.Plan, error) {
	f.call("plan")
	if f.plan == nil {
		return &wizard.Plan{}, nil
	}
	return f.plan, nil
}

func (f *fake) Apply(ctx context.Context, p *wizard.Plan, report func(wizard.Progress)) (wizard.Result, error) {
	f.call("apply")
	if f.onApply != nil {
		if err := f.onApply(ctx, report); err != nil {
			return wizard.Result{}, err
		}
	}
	for _, s := range p.Secrets {
		report(wizard.Progress{ID: "secret", Args: []any{s.Name, string(s.Store)}, State: wizard.Durable})
	}
	for _, c := range p.Changes {
		report(wizard.Progress{ID: "file", Args: []any{c.Path}, State: wizard.Begun})
		report(wizard.Progress{ID: "file", Args: []any{c.Path}, State: wizard.Durable})
	}
	f.applied = true
	return wizard.Result{Changed: true, Records: []uint64{12, 13}, Next: [][]string{{"clawsetup", "up"}, {"echo", "a b"}}}, nil
}

func (f *fake) called(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == name {
			return true
		}
	}
	return false
}

// canary is a secret that no output may hold.
const canary = "s3cret-canary-4711"

var errWrongKey = hint.With(errors.New("cloud.ru refused this key: invalid api key secret"), "internal")

func file(mode fs.FileMode, data string) files.File {
	return files.File{Exists: true, Mode: mode, Data: []byte(data)}
}

// newFake is a short set-up: a text, a secret and a choice.
func newFake() *fake {
	return &fake{
		questions: []wizard.Question{
			{ID: "port", Step: wizard.StepAgent, Kind: wizard.Text, Flags: []string{"--port"}, Default: "8082"},
			{ID: "key", Step: wizard.StepKey, Kind: wizard.SecretText, Flags: []string{"--key-stdin", "--key-file"}},
			{ID: "store", Step: wizard.StepSecrets, Kind: wizard.Choice, Flags: []string{"--store"}, Default: "keyring",
				Options: []wizard.Option{{Value: "keyring"}, {Value: "docker"}}},
		},
		found: []wizard.Note{
			{ID: "setup-none", State: wizard.Absent},
			{ID: "store-reachable", State: wizard.NotChecked},
			{ID: "port-taken", State: wizard.Failed, Args: []any{8082}},
			{ID: "claude-found", Args: []any{"2.1.330", "/usr/local/bin/claude"}},
			{ID: "key-old", State: wizard.Attention, Args: []any{101, 90}},
		},
		steps: []wizard.Step{wizard.StepKey, wizard.StepModels, wizard.StepSecrets, wizard.StepImage, wizard.StepAgent},
		plan: &wizard.Plan{
			Changes: []wizard.Change{
				{Path: "/home/anna/.config/clawsetup/setup.yaml", Why: "file-setup", Controls: []string{"R-02"}, After: file(0o600, "port: 8082\n")},
				{Path: "/home/anna/.openclaw/openclaw.json", Why: "file-openclaw", Controls: []string{"E-04", "T-03"},
					Before: file(0o644, "{\n  // mine\n  \"a\": 1\n}\n"), After: file(0o600, "{\n  // mine\n  \"a\": 2\n}\n")},
			},
			Secrets:  []wizard.SecretChange{{Store: secrets.KindKeyring, Name: "cloudru_api_key", New: "fp:hmac-sha256:0011223344556677"}},
			Consents: []wizard.Note{{ID: "trust-first-use", State: wizard.Attention}},
			Notes:    []wizard.Note{{ID: "image-signature-not-checked", State: wizard.NotChecked}},
		},
	}
}

// models is a question as long as the real one.
func models(n int) wizard.Question {
	q := wizard.Question{ID: "big-model", Step: wizard.StepModels, Kind: wizard.Choice, Flags: []string{"--big-model"}}
	for i := range n {
		o := wizard.Option{Value: fmt.Sprintf("vendor/model-%02d", i), Columns: []string{"198k", "120 / 240", "russia"}}
		if i%7 == 3 {
			o.Columns[2], o.Attention = "abroad", true
		}
		o.Label = o.Value
		q.Options = append(q.Options, o)
	}
	q.Default = q.Options[n/2].Value
	return q
}
