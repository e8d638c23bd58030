package ui

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// guard turns a panic of a Session into an error, so that the terminal is
// restored and the operator told, whatever goroutine it happened on.
type guard struct{ wizard.Session }

// beginning remembers whether Apply was begun.
type beginning struct {
	wizard.Session
	begun atomic.Bool
}

// Apply implements wizard.Session.
func (b *beginning) Apply(ctx context.Context, p *wizard.Plan, report func(wizard.Progress)) (wizard.Result, error) {
	b.begun.Store(true)
	return b.Session.Apply(ctx, p, report)
}

// bare is the Session itself, which may know more than every Session does.
func bare(s wizard.Session) wizard.Session {
	if g, ok := s.(guard); ok {
		s = g.Session
	}
	if b, ok := s.(*beginning); ok {
		s = b.Session
	}
	return s
}

// whyMissing is a Session that says, by flag, why a missing answer is needed.
type whyMissing interface{ WhyMissing() map[string]error }

func (g guard) Preflight(ctx context.Context) (notes []wizard.Note) {
	defer func() {
		if r := recover(); r != nil {
			notes = append(notes, wizard.Note{ID: "internal", State: wizard.Failed, Args: []any{caught("looking at this host", r).Error()}})
		}
	}()
	return g.Session.Preflight(ctx)
}

func (g guard) Missing(ctx context.Context) [][]string {
	return g.Session.Missing(ctx)
}

func (g guard) Next(ctx context.Context) (q *wizard.Question, err error) {
	defer recovered("preparing the next question", &err)
	return g.Session.Next(ctx)
}

func (g guard) Answer(ctx context.Context, q *wizard.Question, a wizard.Answer) (err error) {
	defer recovered("checking the answer", &err)
	return g.Session.Answer(ctx, q, a)
}

func (g guard) Plan(ctx context.Context) (p *wizard.Plan, err error) {
	defer recovered("making the plan", &err)
	return g.Session.Plan(ctx)
}

func (g guard) Apply(ctx context.Context, p *wizard.Plan, report func(wizard.Progress)) (r wizard.Result, err error) {
	defer recovered("applying the plan", &err)
	return g.Session.Apply(ctx, p, report)
}

// panicError is a defect of ours that was caught.
type panicError struct {
	doing, what, where string
}

func (e *panicError) Error() string {
	return fmt.Sprintf("internal error while %s: %s (%s)", e.doing, e.what, e.where)
}

func recovered(doing string, err *error) {
	if r := recover(); r != nil {
		*err = hint.With(caught(doing, r), "internal")
	}
}

// caught describes a panic by the place it came from. Values print themselves:
// a Secret among them stays hidden.
func caught(doing string, r any) error {
	return &panicError{doing: doing, what: text.Clean(fmt.Sprint(r), 200), where: origin()}
}

// origin is the function that panicked: the first of ours below the runtime's.
func origin() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case strings.HasPrefix(f.Function, "runtime."):
			panicked = true
		case panicked:
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
