package wizard

import (
	"context"
	"errors"
)

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
