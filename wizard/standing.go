package wizard

import (
	"context"
	"errors"

	"github.com/clawsetup/clawsetup/wizard/files"
)

// standing is where a session on an existing set-up begins: what an earlier run left
// unfinished is settled, and the Setup is read.
type standing struct {
	// setup is the Setup on this host, basis its file.
	setup Setup
	basis files.File
	// start are the findings of the recovery.
	start []Note
}

// begin starts a session on the present set-up; ErrNoSetup when there is none.
func (w *Wizard) begin(ctx context.Context) (standing, error) {
	recovered, err := w.Recover(ctx)
	if err != nil {
		return standing{}, err
	}
	setup, basis, err := w.present()
	if err != nil {
		return standing{}, err
	}
	return standing{setup: *setup, basis: basis, start: recovered}, nil
}

// planner begins the Plan of a session on the present set-up.
func (p standing) planner(ctx context.Context, w *Wizard) (*planner, error) {
	v, err := w.openVault(ctx, p.setup.Store, p.setup.StackDir(w.Paths))
	if err != nil {
		return nil, err
	}
	return w.newPlanner(ctx, v, p.basis)
}

// noQuestions is the part of a Session that asks nothing.
type noQuestions struct{}

// Next implements Session.
func (noQuestions) Next(context.Context) (*Question, error) { return nil, nil }

// Steps is the path that a screen shows: none.
func (noQuestions) Steps() []Step { return []Step{} }

// Answer implements Session.
func (noQuestions) Answer(context.Context, *Question, Answer) error {
	return errors.New("there are no questions")
}

// Back implements Session.
func (noQuestions) Back() bool { return false }

// Left implements Session.
func (noQuestions) Left() int { return 0 }
