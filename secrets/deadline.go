package secrets

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// deadline shortens ctx to limit; what runs over it is ErrTimeout.
func (k *Keyring) deadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w (%v)", ErrTimeout, limit))
}

// overdue is the error of a context that is over: ErrTimeout after a deadline,
// whoever set it, context.Canceled otherwise.
func overdue(ctx context.Context) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrTimeout):
		return cause
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
	return ctx.Err()
}

// within waits for call as long as ctx lasts. A call that lasts longer goes on in
// its goroutine, and its result is dropped. A panic of call becomes an error:
// go-keyring v0.2.8 trusts the types of what a Secret Service answers.
func within[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("unexpected answer: %v", p)
			}
			answers <- a
		}()
		a.value, a.err = call()
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers:
		return a.value, a.err
	default:
		var none T
		return none, overdue(ctx)
	}
}

// processTurns orders the changes of all Keyrings of this process.
var processTurns turns

// turns lets the changes of one item happen one after the other. A set that was
// given up could otherwise end after a later one and undo it.
type turns struct {
	mu   sync.Mutex
	busy map[string]chan struct{}
}

// take waits for the item's turn as long as ctx lasts; done ends it.
func (t *turns) take(ctx context.Context, item string) (done func(), err error) {
	for {
		if ctx.Err() != nil {
			return nil, overdue(ctx)
		}
		ended, ok := t.claim(item)
		if ok {
			return func() { t.end(item) }, nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// claim takes a free turn, or returns what is closed when the present one ends.
func (t *turns) claim(item string) (<-chan struct{}, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ended, busy := t.busy[item]; busy {
		return ended, false
	}
	if t.busy == nil {
		t.busy = make(map[string]chan struct{})
	}
	t.busy[item] = make(chan struct{})
	return nil, true
}

func (t *turns) end(item string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.busy[item])
	delete(t.busy, item)
}
