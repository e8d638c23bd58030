package wizard

import "context"

// remembered is the answer to a question that is slow to ask: it is asked once, and
// again only after a question that was cut short.
type remembered[T any] struct {
	turn  chan struct{}
	known bool
	value T
	err   error
}

func newRemembered[T any]() *remembered[T] { return &remembered[T]{turn: make(chan struct{}, 1)} }

// get asks, or waits for who is asking, until ctx ends.
func (r *remembered[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	var none T
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if r.known {
		return r.value, r.err
	}
	value, err := ask(ctx)
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	r.value, r.err, r.known = value, err, true
	return value, err
}
