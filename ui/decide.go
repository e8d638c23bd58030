package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/clawsetup/clawsetup/wizard"
)

// Decide asks the question id by itself, line by line, after a run; the last of the
// options is the safe one, which an empty answer, the end of the input and a signal
// stand for. It must not be called when nobody can be asked.
func (u *UI) Decide(ctx context.Context, id string, options ...string) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	safe := options[len(options)-1]
	q := &wizard.Question{ID: id, Kind: wizard.Choice, Default: safe}
	for _, o := range options {
		q.Options = append(q.Options, wizard.Option{Value: o})
	}
	r := &lineRun{u: u, w: u.dialogue, accepted: map[string]int{}}
	r.ask(q)
	for {
		a, err := r.reply(ctx, q)
		var wrong problem
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errBack), ctx.Err() != nil:
			r.say("")
			return safe, nil
		case errors.As(err, &wrong):
			r.refuse(err)
		case err != nil: // asking again would fail again, for ever
			return safe, fmt.Errorf("reading the answer: %w", err)
		case a.Value == "":
			return safe, nil
		default:
			return a.Value, nil
		}
	}
}
