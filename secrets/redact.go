package secrets

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// errDecode refuses a secret in a document: it would have been lying there in the clear.
var errDecode = errors.New("a secret cannot be read from a document; it comes from a prompt, a key file or a store")

var (
	_ fmt.Formatter            = Secret{}
	_ fmt.GoStringer           = Secret{}
	_ slog.LogValuer           = Secret{}
	_ json.Marshaler           = Secret{}
	_ encoding.TextMarshaler   = Secret{}
	_ encoding.BinaryMarshaler = Secret{}
)

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// GoString returns "[secret]".
func (s Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb, flag, width and precision.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is what log/slog records: "[secret]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[secret]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[secret]"; encoding/xml and the TOML packages use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary returns "[secret]"; encoding/gob uses it.
func (s Secret) MarshalBinary() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML returns "[secret]".
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// UnmarshalJSON refuses.
func (s *Secret) UnmarshalJSON([]byte) error { return errDecode }

// UnmarshalText refuses.
func (s *Secret) UnmarshalText([]byte) error { return errDecode }

// UnmarshalBinary refuses.
func (s *Secret) UnmarshalBinary([]byte) error { return errDecode }

// UnmarshalYAML refuses. This is the form that yaml.v2, yaml.v3 and goccy/go-yaml
// all call.
func (s *Secret) UnmarshalYAML(func(any) error) error { return errDecode }
