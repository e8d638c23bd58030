package secrets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
)

const probePrefix = "probe_"

// errChanged: a store gave back something else than it was given.
var errChanged = errors.New("the store gave back another value than the one stored")

// newProbe makes an item that no installation can hold already.
func newProbe() (name string, value Secret, err error) {
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		return "", Secret{}, fmt.Errorf("making a probe: %w", err)
	}
	value, err = NewToken()
	return probePrefix + hex.EncodeToString(b), value, err
}

func readBack(ctx context.Context, store Store, name string, want Secret) error {
	got, err := store.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("reading back what was stored: %w", err)
	}
	defer got.Wipe()
	if !got.Equal(want) {
		return fmt.Errorf("%s store, %s: %w", store.Kind(), name, errChanged)
	}
	return nil
}

func checkValue(s Secret, limit int) error {
	switch n := s.Len(); {
	case n == 0:
		return fmt.Errorf("the value %w", ErrEmpty)
	case n > limit:
		return fmt.Errorf("the value %w: %d bytes, at most %d", ErrTooLarge, n, limit)
	}
	return nil
}

// also joins two errors, each possibly nil, on one line.
func also(err, more error) error {
	switch {
	case err == nil:
		return more
	case more == nil:
		return err
	}
	return fmt.Errorf("%w; %w", err, more)
}
