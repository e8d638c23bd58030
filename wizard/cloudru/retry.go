package cloudru

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// maxTries bounds the requests of one question. With the waits below it is done
	// after some five seconds, unless the server asks for more.
	maxTries  = 5
	firstWait = 300 * time.Millisecond
	longest   = 5 * time.Second
)

// pause is the wait between two tries: exponential with jitter, and never shorter
// than what the server asked for.
type pause struct {
	*backoff.ExponentialBackOff
	asked time.Duration
}

func (p *pause) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), p.asked)
}

// retry calls once until it succeeds, fails for good, or the next wait would
// outlast the budget (D-03).
func retry[T any](ctx context.Context, budget time.Duration, once func(context.Context) (T, *Error)) (T, *Error) {
	limited, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	wait := &pause{ExponentialBackOff: &backoff.ExponentialBackOff{
		InitialInterval: firstWait, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longest,
	}}
	var last *Error
	v, err := backoff.Retry(limited, func() (T, error) {
		var v T
		v, last = once(limited)
		switch {
		case last == nil:
			return v, nil
		case !last.temporary():
			return v, backoff.Permanent(last)
		}
		wait.asked = last.RetryAfter
		return v, last
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries), backoff.WithMaxElapsedTime(budget))
	switch {
	case err == nil:
		return v, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return v, &Error{Kind: Canceled, Err: ctx.Err()}
	case ctx.Err() != nil && last.temporary():
		return v, &Error{Kind: Timeout, Status: last.Status, Detail: last.Detail, Err: ctx.Err()}
	}
	return v, last
}
