package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// maxKeyringValue is the largest value, in bytes, kept on every platform, so that
	// a set-up moves between them: Windows takes 2560 bytes, macOS about 3000 with
	// service, account and base64 (go-keyring v0.2.8, ErrSetDataTooBig).
	maxKeyringValue = 2048

	// glance is the deadline where nobody is expected to type a password.
	glance = 3 * time.Second
	// patience is the deadline where a person may be typing the one that unlocks.
	patience = 60 * time.Second
)

// Keyring keeps secrets in the keyring of the operating system: the Secret
// Service of Linux desktops, the macOS Keychain, the Windows Credential Manager.
// Items belong to service "clawsetup" and user "<scope>/<name>".
//
// Every call ends within its deadline, 60 seconds or that of its context if that is
// earlier; Reachable within 3 seconds. The systems' own calls know no deadline: one
// that is given up leaves its goroutine behind (on macOS its `security` process
// too) until the keyring answers or the program ends. A change given up so may still
// take effect later, and its error says so (ErrUnsettled); until then further
// changes of the same item wait for it, so that it cannot undo them.
//
// What the platforms' interfaces take is a string, so copies of a value that
// passed through stay in memory until the garbage collector reuses it.
type Keyring struct {
	scope    string
	os       backend
	turns    *turns
	glance   time.Duration
	patience time.Duration
}

// NewKeyring keeps the secrets of one installation, which scope names: 1 to 64 of
// [A-Za-z0-9_.-]. With any other scope every call fails.
func NewKeyring(scope string) *Keyring {
	return &Keyring{scope: scope, os: system{}, turns: &processTurns, glance: glance, patience: patience}
}

// Kind is KindKeyring.
func (k *Keyring) Kind() Kind { return KindKeyring }

// Get returns the secret. It may make the system ask a person to unlock the
// keyring.
func (k *Keyring) Get(ctx context.Context, name string) (Secret, error) {
	ctx, cancel := k.deadline(ctx, k.patience)
	defer cancel()
	s, err := k.get(ctx, name)
	return s, keyringError("reading", name, err)
}

// Set stores s and reads it back. Values of more than 2048 bytes are ErrTooLarge.
func (k *Keyring) Set(ctx context.Context, name string, s Secret) error {
	ctx, cancel := k.deadline(ctx, k.patience)
	defer cancel()
	return keyringError("storing", name, k.set(ctx, name, s))
}

// Delete removes the secret.
func (k *Keyring) Delete(ctx context.Context, name string) error {
	ctx, cancel := k.deadline(ctx, k.patience)
	defer cancel()
	return keyringError("deleting", name, k.remove(ctx, name))
}

// Reachable tells within 3 seconds whether the keyring answers, by asking for an
// item that does not exist. It writes nothing, but a locked keyring may show its prompt.
func (k *Keyring) Reachable(ctx context.Context) error {
	ctx, cancel := k.deadline(ctx, k.glance)
	defer cancel()
	s, err := k.get(ctx, probePrefix+"absent")
	s.Wipe()
	if err == nil || errors.Is(err, ErrNotFound) {
		return nil
	}
	return fmt.Errorf("keyring: looking whether it answers: %w", err)
}

// Probe proves the keyring by a set, get and delete round trip of a random item
// with a random value, within 60 seconds. The item is removed on failure as well; if
// that fails too, the error names it.
func (k *Keyring) Probe(ctx context.Context) error {
	name, value, err := newProbe()
	if err != nil {
		return err
	}
	defer value.Wipe()
	ctx, cancel := k.deadline(ctx, k.patience)
	defer cancel()
	if err := k.probe(ctx, name, value); err != nil {
		return fmt.Errorf("keyring: proving it by storing, reading and deleting a test item: %w", err)
	}
	return nil
}

func (k *Keyring) probe(ctx context.Context, name string, value Secret) error {
	err := k.set(ctx, name, value)
	if errors.Is(err, ErrUnsettled) {
		k.removeLater(ctx, name)
		return err
	}
	if err == nil {
		if err = k.remove(ctx, name); err == nil {
			return k.checkGone(ctx, name)
		}
	}
	return also(err, k.tidy(ctx, name, err))
}

// removeLater takes back a set that was given up, if and when it comes through.
func (k *Keyring) removeLater(ctx context.Context, name string) {
	ctx = context.WithoutCancel(ctx)
	go func() { _ = k.remove(ctx, name) }()
}

func (k *Keyring) checkGone(ctx context.Context, name string) error {
	s, err := k.get(ctx, name)
	s.Wipe()
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err == nil:
		return fmt.Errorf("the item %s/%s of %s was deleted and is still there", k.scope, name, service)
	}
	return fmt.Errorf("looking whether the deleted item is gone: %w", err)
}

// tidy removes what a failed probe may have left, also when the caller gave up.
func (k *Keyring) tidy(ctx context.Context, name string, failed error) error {
	if errors.Is(failed, ErrUnavailable) || errors.Is(failed, ErrLocked) {
		return nil
	}
	ctx, cancel := k.deadline(context.WithoutCancel(ctx), k.glance)
	defer cancel()
	if err := k.remove(ctx, name); err != nil {
		return fmt.Errorf("the test item %s/%s of %s may be left in the keyring: %w", k.scope, name, service, err)
	}
	return nil
}

func (k *Keyring) get(ctx context.Context, name string) (Secret, error) {
	item, err := k.item(name)
	if err != nil {
		return Secret{}, err
	}
	if ctx.Err() != nil {
		return Secret{}, overdue(ctx)
	}
	value, err := within(ctx, func() (string, error) { return k.os.get(item) })
	switch {
	case err != nil:
		return Secret{}, explain(err, "")
	case value == "":
		return Secret{}, fmt.Errorf("%w: the item is empty", ErrNotFound)
	case len(value) > maxKeyringValue:
		return Secret{}, fmt.Errorf("the value %w: %d bytes, at most %d are kept", ErrTooLarge, len(value), maxKeyringValue)
	}
	return New([]byte(value)), nil
}

func (k *Keyring) set(ctx context.Context, name string, s Secret) error {
	item, err := k.item(name)
	if err != nil {
		return err
	}
	if err := checkValue(s, maxKeyringValue); err != nil {
		return err
	}
	b := s.Expose()
	value := string(b)
	clear(b)
	if err := k.change(ctx, item, value, func() error { return k.os.set(item, value) }); err != nil {
		return err
	}
	got, err := k.get(ctx, name)
	if err != nil {
		return fmt.Errorf("reading back what was stored: %w", err)
	}
	defer got.Wipe()
	if !got.Equal(s) {
		return errChanged
	}
	return nil
}

func (k *Keyring) remove(ctx context.Context, name string) error {
	item, err := k.item(name)
	if err != nil {
		return err
	}
	err = k.change(ctx, item, "", func() error { return k.os.remove(item) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// change runs one change of the item, after all earlier ones have ended. No error
// shows value.
func (k *Keyring) change(ctx context.Context, item, value string, run func() error) error {
	done, err := k.turns.take(ctx, item)
	if err != nil {
		return fmt.Errorf("waiting for an earlier change of the same item to end: %w", err)
	}
	_, err = within(ctx, func() (struct{}, error) {
		defer done()
		return struct{}{}, run()
	})
	err = explain(err, value)
	if errors.Is(err, ErrTimeout) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; %w", err, ErrUnsettled)
	}
	return err
}

// item is the user name of the item in the keyring.
func (k *Keyring) item(name string) (string, error) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
	if k.scope == "" || len(k.scope) > maxName || strings.Trim(k.scope, allowed) != "" {
		return "", fmt.Errorf("the scope %.*q: %w", maxName, k.scope, ErrName)
	}
	if err := checkName(name); err != nil {
		return "", err
	}
	return k.scope + "/" + name, nil
}

func keyringError(doing, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrName):
		return fmt.Errorf("keyring: %s: %w", doing, err)
	}
	return fmt.Errorf("keyring: %s %s: %w", doing, name, err)
}
