package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/zalando/go-keyring"
)

// service is under which clawsetup's items lie in every keyring.
const service = "clawsetup"

// backend is a keyring without deadlines. An absent item is ErrNotFound.
type backend interface {
	get(user string) (string, error)
	set(user, value string) error
	remove(user string) error
}

// system is the keyring of the operating system. prepare, one per platform, comes
// before every call.
type system struct{}

func (system) get(user string) (string, error) {
	if err := prepare(); err != nil {
		return "", err
	}
	value, err := keyring.Get(service, user)
	return value, notFound(err)
}

func (system) set(user, value string) error {
	if err := prepare(); err != nil {
		return err
	}
	return keyring.Set(service, user, value)
}

func (system) remove(user string) error {
	if err := prepare(); err != nil {
		return err
	}
	return notFound(keyring.Delete(service, user))
}

func notFound(err error) error {
	if errors.Is(err, keyring.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

// explain makes an error of the keyring one of ours. Its text is foreign: it is
// cut, cleaned, and cannot carry the value that was being stored.
func explain(err error, value string) error {
	if err == nil {
		return nil
	}
	for _, ours := range []error{ErrNotFound, ErrUnavailable, ErrTimeout, ErrLocked, context.Canceled} {
		if errors.Is(err, ours) {
			return err
		}
	}
	text := err.Error()
	if value != "" {
		text = strings.ReplaceAll(text, value, redacted)
	}
	text = clean(text)
	if kind := classify(err); kind != nil {
		return fmt.Errorf("%w: %s", kind, text)
	}
	return errors.New(text)
}

// clean returns at most 200 runes of s on one line, with "·" for what is not
// printable.
func clean(s string) string {
	const limit = 200
	var out []rune
	for _, r := range s {
		if len(out) == limit {
			return string(out) + "…"
		}
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			r = '·'
		}
		out = append(out, r)
	}
	return string(out)
}
