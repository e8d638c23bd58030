package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
)

// Form is how a secret stands in other bytes.
type Form string

// The forms that In knows.
const (
	InClear  Form = "clear"
	AsHex    Form = "hex"
	AsBase64 Form = "base64"
)

// In tells in which form b holds the secret; empty when it does not, and for the zero
// Secret. It is for a search of places where no secret must be.
func (s Secret) In(b []byte) Form {
	v := s.Expose()
	defer clear(v)
	switch {
	case len(v) == 0:
		return ""
	case bytes.Contains(b, v):
		return InClear
	}
	coded := hex.AppendEncode(nil, v)
	defer clear(coded)
	if bytes.Contains(bytes.ToLower(b), coded) {
		return AsHex
	}
	if inBase64(b, v) {
		return AsBase64
	}
	return ""
}

// Hide puts mask in the place of the secret in a text; the zero Secret is in none.
func (s Secret) Hide(text, mask string) string {
	v := s.Expose()
	defer clear(v)
	if len(v) == 0 {
		return text
	}
	return string(bytes.ReplaceAll([]byte(text), v, []byte(mask)))
}

// shortestCoded is from which length on a piece of base64 is no chance find.
const shortestCoded = 8

// inBase64 looks for the middle of v, which does not depend on what stands before and
// after it once the place of its first byte in a group of three is known.
func inBase64(b, v []byte) bool {
	for shift := range 3 {
		padded := append(make([]byte, shift, shift+len(v)), v...)
		padded = padded[:len(padded)-len(padded)%3]
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := enc.AppendEncode(nil, padded)
			if shift > 0 && len(text) >= 4 {
				text = text[4:]
			}
			found := len(text) >= shortestCoded && bytes.Contains(b, text)
			clear(text)
			if found {
				clear(padded)
				return true
			}
		}
		clear(padded)
	}
	return false
}
