package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The names under which clawsetup keeps its secrets.
const (
	APIKey     = "cloudru_api_key" //nolint:gosec // G101: the name, not the key
	ProxyToken = "proxy_token"
	// GatewayToken is what clients of OpenClaw's own gateway show.
	GatewayToken = "gateway_token"
	JournalKey   = "journal_key"
	SnapshotKey  = "snapshot_key"
	JournalHead  = "journal_head"
)

// What a store may hold beside them.
const (
	// Previous follows the name of a value that a transaction replaces, until its end.
	Previous = ".prev"
	// Lost follows the name of a key whose journal is gone.
	Lost = ".lost"
)

// SetupNames are the secrets of a set-up.
func SetupNames() []string { return []string{APIKey, ProxyToken, GatewayToken} }

// JournalNames are what a journal has in a store: two keys, and its head, which is no
// secret.
func JournalNames() []string { return []string{JournalKey, SnapshotKey, JournalHead} }

// WithKept are names and all that a store may hold beside each.
func WithKept(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, n, n+Previous, n+Lost)
	}
	return out
}

// Kind tells the stores apart, in setup.yaml too.
type Kind string

// The stores there are.
const (
	KindKeyring Kind = "keyring"
	KindDocker  Kind = "docker"
)

// Kinds are the names of all stores.
func Kinds() []string { return []string{string(KindKeyring), string(KindDocker)} }

// Why a store failed; errors.Is tells them apart. The errors that carry them name
// the store and the secret.
var (
	// ErrNotFound: the store answered, and does not hold the secret.
	ErrNotFound = errors.New("no such secret")
	// ErrUnavailable: there is no such store here, e.g. no session bus.
	ErrUnavailable = errors.New("the store is not available")
	// ErrTimeout: the store did not answer in time, e.g. a locked keyring whose
	// prompt nobody answered.
	ErrTimeout = errors.New("the store did not answer in time")
	// ErrLocked: the keyring could not be unlocked, e.g. its prompt was dismissed.
	ErrLocked = errors.New("the keyring is locked")
	// ErrUnsettled comes with ErrTimeout or a cancelled context: the change was
	// handed to the store and may still take effect.
	ErrUnsettled = errors.New("the change may still take effect; read it back before relying on either value")
	// ErrName: not a name that a store accepts.
	ErrName = errors.New("is not a name of a secret")
	// ErrTooLarge: the value is larger than the store keeps.
	ErrTooLarge = errors.New("is too large for the store")
)

// Store keeps secrets by name. Names are 1 to 64 of [a-z0-9_.], as checked by
// every method.
type Store interface {
	Kind() Kind
	// Get returns the secret, or ErrNotFound.
	Get(ctx context.Context, name string) (Secret, error)
	// Set makes s the value of name. The zero Secret is ErrEmpty.
	Set(ctx context.Context, name string, s Secret) error
	// Delete removes the secret; an absent one is no error.
	Delete(ctx context.Context, name string) error
}

const maxName = 64

// checkName keeps a name from being a path, a hidden file, or a device of Windows.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") != "" {
		return badName(name)
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" {
			return badName(name)
		}
	}
	base, _, _ := strings.Cut(name, ".")
	if slices.Contains([]string{"con", "prn", "aux", "nul"}, base) {
		return badName(name)
	}
	if port := strings.TrimRight(base, "0123456789"); (port == "com" || port == "lpt") && len(base) == len(port)+1 {
		return badName(name)
	}
	return nil
}

func badName(name string) error { return fmt.Errorf("%.*q %w", maxName, name, ErrName) }
