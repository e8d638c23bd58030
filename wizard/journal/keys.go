package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/clawsetup/clawsetup/secrets"
)

// minKey is the least length of a key in bytes. secrets.NewKey makes longer ones.
const minKey = 32

// Keys are what makes a journal this installation's own. They live in the secret
// store, never beside the journal in the clear.
type Keys struct {
	// MAC authenticates records and heads; keys for digests and fingerprints are
	// derived from it.
	MAC secrets.Secret
	// Snapshot is what the keys that encrypt and name snapshots are derived from.
	Snapshot secrets.Secret
}

// NewKeys makes both keys from the system's random source.
func NewKeys() (Keys, error) {
	mac, err := secrets.NewKey()
	if err != nil {
		return Keys{}, err
	}
	snapshot, err := secrets.NewKey()
	if err != nil {
		return Keys{}, err
	}
	return Keys{MAC: mac, Snapshot: snapshot}, nil
}

func (k Keys) check() error {
	if n := k.MAC.Len(); n < minKey {
		return fmt.Errorf("the journal key has %d bytes; at least %d are needed", n, minKey)
	}
	if n := k.Snapshot.Len(); n < minKey {
		return fmt.Errorf("the snapshot key has %d bytes; at least %d are needed", n, minKey)
	}
	return nil
}

// keyedPrefix marks a digest that cannot be computed without the key.
const keyedPrefix = "hmac:"

// Digest is the content of a file as a FileChange tells it: its SHA-256 in hex
// or, when the file holds a secret, "hmac:" and a keyed digest, so that nobody can
// try candidate secrets against it.
func (k Keys) Digest(content []byte, holdsSecret bool) string {
	if !holdsSecret {
		sum := sha256.Sum256(content)
		return hex.EncodeToString(sum[:])
	}
	m := hmac.New(sha256.New, derive(k.MAC, "clawsetup/content/v1"))
	m.Write(content)
	return keyedPrefix + hex.EncodeToString(m.Sum(nil))
}

// Fingerprint tells values of s apart without telling s: "fp:hmac-sha256:…"; empty
// when there is no secret.
func (k Keys) Fingerprint(s secrets.Secret) string {
	key := derive(k.MAC, "clawsetup/fingerprint/v1")
	defer clear(key)
	return secrets.Fingerprint(secrets.New(key), s)
}

// derive makes a key for one purpose, so that no value computed for one can be
// passed off as another.
func derive(master secrets.Secret, purpose string) []byte {
	m := keyed(master)
	m.Write(appendText(nil, purpose))
	return m.Sum(nil)
}

func keyed(key secrets.Secret) hash.Hash {
	b := key.Expose()
	defer clear(b)
	return hmac.New(sha256.New, b)
}

// appendText writes s preceded by its length. It names what an HMAC is for: no
// message can then be read as one of another domain.
func appendText(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s))) //nolint:gosec // short constants and log ids
	return append(dst, s...)
}

// sealed is a hash and its MAC, in hex; mac is empty without a key.
type sealed struct {
	hash, mac []byte
}

// sealer computes hashes and MACs, reusing its state: what it returns is good until
// the next call. It serves one goroutine.
type sealer struct {
	sum, mac        hash.Hash
	raw, buf        []byte
	hashHex, macHex [hashLen]byte
}

// recordDomain is short on purpose: with its length and the hash it fits one
// block of SHA-256.
const (
	recordDomain = "clawsetup/record/v1"
	headDomain   = "clawsetup/head/v1"
)

// newSealer makes a sealer; without keys it computes hashes only.
func newSealer(k *Keys) *sealer {
	s := &sealer{sum: sha256.New()}
	if k != nil {
		s.mac = keyed(k.MAC)
	}
	return s
}

func (s *sealer) seal(body []byte) sealed {
	s.sum.Reset()
	s.sum.Write(bodyDomain)
	s.sum.Write(body)
	s.raw = s.sum.Sum(s.raw[:0])
	hex.Encode(s.hashHex[:], s.raw)
	out := sealed{hash: s.hashHex[:]}
	if s.mac != nil {
		out.mac = s.authenticate(recordDomain, s.raw)
	}
	return out
}

// authenticate returns the MAC of message within its domain, in hex.
func (s *sealer) authenticate(domain string, message []byte) []byte {
	s.mac.Reset()
	s.buf = append(appendText(s.buf[:0], domain), message...)
	s.mac.Write(s.buf)
	s.buf = s.mac.Sum(s.buf[:0])
	hex.Encode(s.macHex[:], s.buf)
	return s.macHex[:]
}

// headMAC authenticates that the journal h.Log ended, once, in record h.Seq with
// this hash.
func (s *sealer) headMAC(h Head) string {
	message := appendText(nil, h.Log)
	message = binary.BigEndian.AppendUint64(message, h.Seq)
	message = append(message, h.Hash...)
	return string(s.authenticate(headDomain, message))
}
