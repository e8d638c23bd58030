package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// MaxAPIKey is the longest API key, in bytes, that is accepted.
const MaxAPIKey = 4096

// Why a text is no API key; errors.Is tells them apart.
var (
	ErrEmpty    = errors.New("is empty")
	ErrTooLong  = errors.New("is too long")
	ErrBlank    = errors.New("has a blank or a line break inside")
	ErrControl  = errors.New("has a control character inside")
	ErrNotASCII = errors.New("has a character outside ASCII")
	// ErrSentinel: the text is a well-known stand-in, not a key (I-02).
	ErrSentinel = errors.New("is a stand-in from an example, not a key")
)

// KeyError tells what is wrong with an API key, never the key.
type KeyError struct {
	// Err is one of the reasons above.
	Err error
	// Position counts from 1, in bytes after the surrounding blanks; 0 when the
	// reason concerns the whole key.
	Position int
	// Length is the number of bytes seen without the surrounding blanks.
	Length int
}

func (e *KeyError) Error() string {
	switch {
	case e.Position > 0:
		return fmt.Sprintf("the API key %v (byte %d of %d)", e.Err, e.Position, e.Length)
	case errors.Is(e.Err, ErrTooLong):
		return fmt.Sprintf("the API key %v (more than %d bytes)", e.Err, MaxAPIKey)
	}
	return fmt.Sprintf("the API key %v", e.Err)
}

func (e *KeyError) Unwrap() error { return e.Err }

// ParseAPIKey takes a key as a person pastes it or a file holds it: blanks, line
// ends, a byte order mark and invisible characters around it fall away. What is
// left must be 1 to 4096 visible ASCII characters and no well-known stand-in. More
// is not asked: key secrets of cloud.ru are opaque. Errors are a *KeyError.
func ParseAPIKey(raw []byte) (Secret, error) {
	key := bytes.TrimFunc(raw, aroundKey)
	switch {
	case len(key) == 0:
		return Secret{}, &KeyError{Err: ErrEmpty}
	case len(key) > MaxAPIKey:
		return Secret{}, &KeyError{Err: ErrTooLong, Length: len(key)}
	}
	for i := 0; i < len(key); {
		r, size := utf8.DecodeRune(key[i:])
		if err := checkRune(r); err != nil {
			return Secret{}, &KeyError{Err: err, Position: i + 1, Length: len(key)}
		}
		i += size
	}
	if isSentinel(key) {
		return Secret{}, &KeyError{Err: ErrSentinel, Length: len(key)}
	}
	return New(key), nil
}

// aroundKey is what a copy from a web page or an editor puts around a key: white
// space and, as category Cf, byte order marks, zero-width and direction marks.
func aroundKey(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

func checkRune(r rune) error {
	switch {
	case unicode.IsSpace(r):
		return ErrBlank
	case r < ' ' || r == 0x7f:
		return ErrControl
	case r > 0x7f:
		return ErrNotASCII
	}
	return nil
}

// sentinels are stand-ins from READMEs, compose examples and SDK start pages,
// reduced as reduce does: letters and digits only, lower case, without the
// prefixes of well-known key formats. I-02
var sentinels = []string{
	"123456", "12345", "1234", "admin", "anything", "anyvalue",
	"apikey", "apikeyhere", "apitoken", "changeme", "changeit", "cloudruapikey", "cloudruproxykey", "default", "demo", "dummy", "dummykey",
	"example", "examplekey", "fake", "fakekey", "foobar", "insertyourkeyhere", "key", "letmein", "local", "mykey", "myapikey", "nil",
	"nokey", "nokeyrequired", "none", "notarealkey", "notneeded", "notused", "null", "openclaw", "password", "placeholder", "qwerty", "replaceme", "sample",
	"secret", "secretkey", "sk", "string", "test", "testkey", "testing", "testtoken", "todo", "token", "undefined", "unused",
	"yourapikey", "yourapikeyhere", "yourcloudruapikey", "yourkey", "yourkeyhere", "yoursecret", "yoursecretkey", "yourtoken", "yourtokenhere",
}

// sentinelPrefixes open the keys of well-known vendors; longest first.
var sentinelPrefixes = []string{"skantapi03", "skproj", "skant", "sk"}

// unexpanded are the brackets of templates that nobody filled in: ${KEY}, $(cmd),
// {{ key }}, <your key>.
var unexpanded = [][2]string{{"${", "}"}, {"$(", ")"}, {"{{", "}}"}, {"<", ">"}}

// isSentinel knows the list above, unexpanded templates, and one character
// repeated ("xxxx", "sk-0000", "****").
func isSentinel(key []byte) bool {
	for _, u := range unexpanded {
		if bytes.HasPrefix(key, []byte(u[0])) && bytes.HasSuffix(key, []byte(u[1])) {
			return true
		}
	}
	reduced := reduce(key)
	defer clear(reduced)
	if oneCharacter(reduced) || slices.Contains(sentinels, string(reduced)) {
		return true
	}
	for _, p := range sentinelPrefixes {
		rest, ok := bytes.CutPrefix(reduced, []byte(p))
		if ok && (oneCharacter(rest) || slices.Contains(sentinels, string(rest))) {
			return true
		}
	}
	return false
}

func reduce(key []byte) []byte {
	out := make([]byte, 0, len(key))
	for _, c := range key {
		switch {
		case 'A' <= c && c <= 'Z':
			out = append(out, c-'A'+'a')
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			out = append(out, c)
		}
	}
	return out
}

func oneCharacter(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return true
}
