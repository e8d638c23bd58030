package wizard

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestRemembered: one question for many who ask, none of whom waits longer than he wants,
// and a new one after one that was cut short.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, asked := newRemembered[int](), 0
		slow := func(ctx context.Context) (int, error) {
			asked++
			select {
			case <-time.After(time.Minute):
				return asked, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		got := make(chan error, 2)
		for range 2 {
			go func() { _, err := r.get(short, slow); got <- err }()
		}
		for range 2 {
			if err := <-got; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cut short: %v", err)
			}
		}
		for range 2 {
			if v, err := r.get(context.Background(), slow); err != nil || v != 2 {
				t.Errorf("%d, %v", v, err)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}
