package openclaw

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// The exec SecretRef protocol, version 1: OpenClaw starts the provider's command
// without a shell, in the command's folder, with the environment that passEnv
// names and nothing else, writes one request to its stdin, closes it, and reads one
// response from its stdout. It refuses an exit code other than 0, an empty or
// oversized output (1 MiB), and silence longer than the time limit. See
// https://docs.openclaw.ai/gateway/secrets/secretref-contract.

const (
	// SecretProvider is the name of our entry in secrets.providers.
	SecretProvider = "clawsetup"
	// SecretProxyToken is the id of the proxy token.
	SecretProxyToken = "proxy_token"
	// SecretGatewayToken is the id of the token that clients of OpenClaw's own gateway
	// show.
	SecretGatewayToken = "gateway_token"

	secretProtocol = 1
	// maxSecretRequest is OpenClaw's own default limit for one request.
	maxSecretRequest = 256 << 10
	maxSecretIDs     = 512
)

// SecretRequest is what OpenClaw asks.
type SecretRequest struct {
	ProtocolVersion int      `json:"protocolVersion"`
	Provider        string   `json:"provider"`
	IDs             []string `json:"ids"`
}

// SecretErrorCode is a code that OpenClaw shows to the operator; it hides others.
type SecretErrorCode string

// SecretNotFound says that there is no secret of that id.
const SecretNotFound SecretErrorCode = "NOT_FOUND"

var (
	secretIDPattern       = text.Pattern(`^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,255}$`)
	secretProviderPattern = text.Pattern(`^[a-z][a-z0-9_-]{0,63}$`)
)

// ReadSecretRequest reads one request from r, at most 256 KiB.
func ReadSecretRequest(r io.Reader) (SecretRequest, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecretRequest+1))
	if err != nil {
		return SecretRequest{}, fmt.Errorf("read the secret request: %w", err)
	}
	if len(b) > maxSecretRequest {
		return SecretRequest{}, fmt.Errorf("read the secret request: longer than %d bytes", maxSecretRequest)
	}
	var req SecretRequest
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&req); err != nil {
		return SecretRequest{}, fmt.Errorf("read the secret request: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return SecretRequest{}, errors.New("read the secret request: something follows the object")
	}
	if err := req.check(); err != nil {
		return SecretRequest{}, fmt.Errorf("read the secret request: %w", err)
	}
	return req, nil
}

func (req SecretRequest) check() error {
	switch {
	case req.ProtocolVersion != secretProtocol:
		return fmt.Errorf("protocol version %d is not %d", req.ProtocolVersion, secretProtocol)
	case !secretProviderPattern().MatchString(req.Provider):
		return fmt.Errorf("%q is not the name of a provider", text.Clean(req.Provider, 80))
	case len(req.IDs) == 0 || len(req.IDs) > maxSecretIDs:
		return fmt.Errorf("%d ids are not between 1 and %d", len(req.IDs), maxSecretIDs)
	}
	for _, id := range req.IDs {
		parts := strings.Split(id, "/")
		if !secretIDPattern().MatchString(id) || slices.Contains(parts, ".") || slices.Contains(parts, "..") {
			return fmt.Errorf("%q is not the id of a secret", text.Clean(id, 80))
		}
	}
	return nil
}

// WriteSecretResponse writes the answer: values by id, and a code for each id that
// has none. The caller zeroes the values it owns; the encoded copy made here is
// zeroed before returning.
func WriteSecretResponse(w io.Writer, values map[string][]byte, failed map[string]SecretErrorCode) error {
	type code struct {
		Code SecretErrorCode `json:"code"`
	}
	errs := make(map[string]code, len(failed))
	for id, c := range failed {
		errs[id] = code{c}
	}
	encodedErrs, err := json.Marshal(errs)
	if err != nil {
		return fmt.Errorf("write the secret response: %w", err)
	}
	// Room for every value escaped, so that no half-filled copy stays behind.
	size := 64 + len(encodedErrs)
	for id, v := range values {
		size += len(id) + 8 + 6*len(v)
	}
	b := make([]byte, 0, size)
	defer func() { clear(b[:cap(b)]) }()
	b = fmt.Appendf(b, `{"protocolVersion":%d,"values":{`, secretProtocol)
	first := true
	for id, v := range values {
		if !secretIDPattern().MatchString(id) {
			return errors.New("write the secret response: not the id of a secret")
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), id...), `":"`...)
		if b, err = appendEscaped(b, v); err != nil {
			return fmt.Errorf("write the secret response: the value of %s: %w", id, err)
		}
		b = append(b, '"')
	}
	b = append(append(append(b, `},"errors":`...), encodedErrs...), "}\n"...)
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write the secret response: %w", err)
	}
	return nil
}

// appendEscaped writes v as the inside of a JSON string. A secret of ours is
// printable ASCII; other bytes would not survive the way as text.
func appendEscaped(b, v []byte) ([]byte, error) {
	for _, c := range v {
		switch {
		case c < ' ' || c > '~':
			return b, errors.New("it is not printable ASCII")
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return b, nil
}

// Launcher makes a POSIX shell script that runs argv. OpenClaw refuses a provider
// command that is a symbolic link or belongs to another user, root included, which a
// packaged clawsetup is; a launcher of the operator's own, mode 0700, is accepted.
func Launcher(argv []string) ([]byte, error) {
	line, err := claude.Quote(argv)
	if err != nil {
		return nil, fmt.Errorf("write the secret launcher: %w", err)
	}
	return []byte("#!/bin/sh\n# Written by clawsetup: serves secrets to OpenClaw's exec provider.\nexec " + line + " \"$@\"\n"), nil
}
