// Package secrets holds the values that must never be seen: the type they
// travel in, how they are read, made and recognised, and the stores that keep them.
//
// A Secret prints, logs and marshals as "[secret]". It becomes bytes through
// Expose alone, so `grep -rn 'Expose()'` lists every sink of the program (A4).
package secrets

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"
)

// Secret is a value that cannot be printed, marshalled, or compared with ==. The
// zero value is no secret. Copies of a Secret share one value: Wipe empties them
// all. It is safe for concurrent use.
type Secret struct {
	// The bytes live in a closure: printers and reflection, however deep, see a
	// code pointer, and a func makes == a compile error (A4).
	use func(func(*[]byte))
}

// New keeps a copy of b. The caller still owns b and should clear it. Empty
// bytes give the zero Secret.
func New(b []byte) Secret {
	if len(b) == 0 {
		return Secret{}
	}
	var mu sync.Mutex
	value := append([]byte(nil), b...)
	return Secret{use: func(f func(*[]byte)) {
		mu.Lock()
		defer mu.Unlock()
		f(&value)
	}}
}

// Expose returns a copy of the bytes, nil for the zero Secret. It is the one way to
// the value; the caller clears the copy when done with it.
func (s Secret) Expose() []byte {
	var b []byte
	if s.use != nil {
		s.use(func(v *[]byte) { b = append(b, *v...) })
	}
	return b
}

// Len is the number of bytes.
func (s Secret) Len() int {
	n := 0
	if s.use != nil {
		s.use(func(v *[]byte) { n = len(*v) })
	}
	return n
}

// IsZero tells whether there is no secret: never set, or wiped.
func (s Secret) IsZero() bool { return s.Len() == 0 }

// Equal compares in constant time for values of the same length.
func (s Secret) Equal(o Secret) bool {
	a, b := s.Expose(), o.Expose()
	defer clear(a)
	defer clear(b)
	return subtle.ConstantTimeCompare(a, b) == 1
}

// Wipe overwrites the value with zeroes and makes s and all its copies the zero
// Secret. What Expose handed out, and what the runtime copied, is out of reach.
func (s Secret) Wipe() {
	if s.use == nil {
		return
	}
	s.use(func(v *[]byte) {
		clear(*v)
		*v = nil
	})
}

// Fingerprint recognises a secret without telling it: "fp:hmac-sha256:" and the
// first 16 hex digits of HMAC-SHA256(key, s). It is "" when there is no secret, and
// when there is no key: a hash that anybody can compute lets a guess be checked.
func Fingerprint(key, s Secret) string {
	if key.IsZero() || s.IsZero() {
		return ""
	}
	k, b := key.Expose(), s.Expose()
	defer clear(k)
	defer clear(b)
	mac := hmac.New(sha256.New, k)
	mac.Write(b)
	return "fp:hmac-sha256:" + hex.EncodeToString(mac.Sum(nil)[:8])
}

const (
	tokenPrefix = "cst_"
	randomBytes = 32
)

// NewToken makes a proxy token: 32 random bytes in base64url behind "cst_", so
// that scanners of leaked credentials can find it (S-01, I-02).
func NewToken() (Secret, error) {
	return random("proxy token", func(b []byte) []byte {
		return base64.RawURLEncoding.AppendEncode([]byte(tokenPrefix), b)
	})
}

// NewKey makes a key of the journal or of its snapshots: 32 random bytes in hex.
func NewKey() (Secret, error) {
	return random("key", func(b []byte) []byte { return hex.AppendEncode(nil, b) })
}

func random(what string, encode func([]byte) []byte) (Secret, error) {
	b := make([]byte, randomBytes)
	defer clear(b)
	if _, err := rand.Read(b); err != nil {
		return Secret{}, fmt.Errorf("making a %s: %w", what, err)
	}
	text := encode(b)
	defer clear(text)
	return New(text), nil
}

// IsToken tells whether s has the form of what NewToken draws.
func IsToken(s Secret) bool { return tokenForm().Match(s.Expose()) }

var tokenForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^cst_[A-Za-z0-9_-]{43}$`) })
