package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// lineRun is one run without a full screen: with plain prompts, or unattended.
type lineRun struct {
	u *UI
	s wizard.Session
	w writer
	// accepted counts the answers per question that nobody typed.
	accepted map[string]int
}

// What a reply to a question can be beside an answer.
var (
	errBack = errors.New("back to the question before")
)

func (u *UI) runLines(ctx context.Context, s wizard.Session, _ string) (*wizard.Plan, wizard.Result, error) {
	r := &lineRun{u: u, s: s, w: u.dialogue, accepted: map[string]int{}}
	plan, res, err := r.run(ctx)
	return plan, res, interrupted(ctx.Err() != nil, err)
}

// interrupted is what a run ends with that failed with err: ErrAborted when it was
// stopped, by the operator or a signal, and nothing is left of it. An Apply that
// could not be undone whole has advice, which is not to be lost.
func interrupted(stopped bool, err error) error {
	if err == nil || !stopped || !errors.Is(err, context.Canceled) {
		return err
	}
	var undone *wizard.UndoneError
	if _, advised := hint.Of(err); advised && !errors.As(err, &undone) {
		return err
	}
	return ErrAborted
}

func (r *lineRun) run(ctx context.Context) (*wizard.Plan, wizard.Result, error) {
	if err := r.missing(ctx); err != nil {
		return nil, wizard.Result{}, err
	}
	var found []wizard.Note
	_ = r.slowly("preflight", func() error { found = r.s.Preflight(ctx); return nil })
	r.w.lines(r.u.notes(r.w.theme, found, r.w.width))
	for {
		if err := r.questions(ctx); err != nil {
			return nil, wizard.Result{}, err
		}
		var plan *wizard.Plan
		err := r.slowly("plan", func() (err error) { plan, err = r.s.Plan(ctx); return err })
		if err != nil {
			return nil, wizard.Result{}, err
		}
		res, err := r.decide(ctx, plan)
		if errors.Is(err, errBack) {
			if !r.s.Back() {
				r.say(r.u.T("plain.first"))
			}
			continue
		}
		return plan, res, err
	}
}

// missing ends a run that nobody can answer before it asks or checks anything.
func (r *lineRun) missing(ctx context.Context) error {
	if r.u.mode != Unattended {
		return nil
	}
	groups := r.s.Missing(ctx)
	if len(groups) == 0 {
		return nil
	}
	if !r.u.o.Yes && !r.u.o.DryRun {
		groups = append(groups, []string{"--yes"})
	}
	r.w.lines(r.u.notes(r.w.theme, r.u.early, r.w.width)) // Preflight would have said it
	return r.missingError(groups)
}

// missingError names groups of flags, with what the session says of them.
func (r *lineRun) missingError(groups [][]string) error {
	e := &MissingError{Flags: groups}
	if w, ok := bare(r.s).(whyMissing); ok {
		e.Why = w.WhyMissing()
	}
	return e
}

// patience is how long work may take before it is mentioned.
const patience = 500 * time.Millisecond

// slowly does work and says what it is when it takes long, once: nothing moves, so
// that a screen reader is not talked over.
func (r *lineRun) slowly(id string, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		r.say(r.u.T("busy." + id))
		return <-done
	}
}

func (r *lineRun) say(line string) { r.w.printf("%s\n", line) }

// questions runs until every question has an answer.
func (r *lineRun) questions(ctx context.Context) error {
	for {
		var q *wizard.Question
		err := r.slowly("next", func() (err error) { q, err = r.s.Next(ctx); return err })
		if q == nil || err != nil {
			return err
		}
		err = r.question(ctx, q)
		if errors.Is(err, errBack) {
			if !r.s.Back() {
				r.say(r.u.T("plain.first"))
			}
			continue
		}
		if err != nil {
			return err
		}
	}
}

// refusals is how many wrong answers to one question a pipe may give.
const refusals = 3

// question asks q until an answer is accepted.
func (r *lineRun) question(ctx context.Context, q *wizard.Question) error {
	if r.u.mode == Unattended {
		return r.takeDefault(ctx, q)
	}
	r.ask(q)
	for refused := 1; ; refused++ {
		a, err := r.reply(ctx, q)
		if err == nil {
			err = r.slowly("answer", func() error { return r.s.Answer(ctx, q, a) })
		}
		switch {
		case err == nil, errors.Is(err, errBack), ctx.Err() != nil:
			return err
		case errors.Is(err, io.EOF):
			return r.ended(ctx, q)
		}
		if refused >= refusals && !isTerminal(r.u.o.In) {
			return err
		}
		r.refuse(err)
	}
}

// ended says what happens at the end of the input: somebody at a terminal left, a
// pipe did not hold enough answers.
func (r *lineRun) ended(ctx context.Context, q *wizard.Question) error {
	r.say("")
	if isTerminal(r.u.o.In) {
		return ErrAborted
	}
	return r.open(ctx, q)
}

// open lists what is still unanswered, q first.
func (r *lineRun) open(ctx context.Context, q *wizard.Question) error {
	groups := [][]string{q.Flags}
	for _, g := range r.s.Missing(ctx) {
		if !slices.Equal(g, q.Flags) {
			groups = append(groups, g)
		}
	}
	return r.missingError(groups)
}

// refuse shows why an answer was not taken.
func (r *lineRun) refuse(err error) {
	message, advice := r.u.explain(err)
	r.w.lines(hangLines("  "+r.w.theme.bad.Render(signBad)+" ", message, r.w.width))
	if advice != "" {
		r.say(hang("    ", advice, r.w.width))
	}
}

// takeDefault answers q by its default. A question that keeps coming back has no
// answer that holds.
func (r *lineRun) takeDefault(ctx context.Context, q *wizard.Question) error {
	if q.Default == "" || disabled(q, q.Default) || r.accepted[q.ID] >= refusals {
		return r.open(ctx, q)
	}
	r.accepted[q.ID]++
	a := wizard.Answer{Value: q.Default}
	if q.Kind == wizard.SecretText {
		a = wizard.Answer{}
	}
	if err := r.slowly("answer", func() error { return r.s.Answer(ctx, q, a) }); err != nil {
		return err
	}
	shown := q.Default
	if q.Kind != wizard.Text {
		shown = r.u.optionWords(q, q.Default)
	}
	r.say("  " + r.w.theme.ok.Render(signOK) + " " + r.u.T("plain.default", r.u.T("q."+q.ID+".title"), shown))
	return nil
}

func disabled(q *wizard.Question, value string) bool {
	return slices.ContainsFunc(q.Options, func(o wizard.Option) bool { return o.Value == value && o.Disabled })
}

// decide shows plan, asks for consent and applies it.
func (r *lineRun) decide(ctx context.Context, plan *wizard.Plan) (wizard.Result, error) {
	u := r.u
	if plan.Empty() {
		r.w.lines(u.notes(r.w.theme, plan.Notes, r.w.width))
		u.summary(u.report, plan, wizard.Result{Next: plan.Next})
		return wizard.Result{}, nil
	}
	if u.o.DryRun {
		u.printPlan(u.report, plan)
		return wizard.Result{}, nil
	}
	if u.mode == Unattended && !u.o.Yes {
		return wizard.Result{}, &MissingError{Flags: [][]string{{"--yes"}}}
	}
	r.w.lines(u.review(r.w.theme, plan, r.w.width).lines)
	if !u.o.Yes {
		if err := r.consent(ctx); err != nil {
			return wizard.Result{}, err
		}
	}
	return r.apply(ctx, plan)
}

// printPlan shows a plan that nobody applies.
func (u *UI) printPlan(w writer, plan *wizard.Plan) {
	w.lines(u.review(w.theme, plan, w.width).lines)
	w.printf("\n%s\n", u.T("done.dry"))
}

func (r *lineRun) apply(ctx context.Context, plan *wizard.Plan) (wizard.Result, error) {
	r.say("")
	r.say(r.u.T("apply.title"))
	res, err := r.s.Apply(ctx, plan, func(p wizard.Progress) {
		if l := r.u.progressLine(r.w.theme, p); p.State != wizard.Begun {
			r.say(l)
		}
	})
	if err != nil {
		return res, err
	}
	r.say("")
	r.u.summary(r.u.report, plan, res)
	return res, nil
}

func (u *UI) progressLine(t theme, p wizard.Progress) string {
	s := u.progress(p)
	switch p.State {
	case wizard.Begun:
		return "  " + t.accent.Render(signRunning) + " " + s
	case wizard.Undone, wizard.Refused:
		return "  " + t.warn.Render(signAbsent) + " " + s
	default:
		return "  " + t.ok.Render(signOK) + " " + s
	}
}

// consent asks whether to apply what was shown; the safe answer is the default.
func (r *lineRun) consent(ctx context.Context) error {
	q := &wizard.Question{ID: "consent", Kind: wizard.Choice, Flags: []string{"--yes"}, Default: "leave",
		Options: []wizard.Option{{Value: "apply"}, {Value: "leave"}}}
	r.ask(q)
	for refused := 1; ; refused++ {
		a, err := r.reply(ctx, q)
		switch {
		case errors.Is(err, io.EOF) && !isTerminal(r.u.o.In):
			r.say("")
			return &MissingError{Flags: [][]string{{"--yes"}}}
		case errors.Is(err, io.EOF):
			return ErrAborted
		case errors.Is(err, errBack), ctx.Err() != nil:
			return err
		case err != nil && refused >= refusals && !isTerminal(r.u.o.In):
			return fmt.Errorf("asking for consent: %w", err)
		case err != nil:
			r.refuse(err)
		case a.Value == "apply":
			return nil
		default:
			return ErrAborted
		}
	}
}
