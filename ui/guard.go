package ui

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// guard turns a panic of a Session into an error, so that the terminal is
// restored and the operator told, whatever goroutine it happened on.
type guard struct{ wizard.Session }

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
