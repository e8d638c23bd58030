package image

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	maxKey     = 64 << 10
	minRSABits = 2048
	maxRSABits = 8192
)

// LoadPublicKey reads one PEM "PUBLIC KEY" as "cosign generate-key-pair" writes
// it to cosign.pub: ECDSA P-256, Ed25519, or RSA of 2048 to 8192 bits. A private key is
// refused: it has no business on the machine that verifies.
func LoadPublicKey(data []byte) (crypto.PublicKey, error) {
	key, err := loadPublicKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading the cosign public key: %w", err)
	}
	return key, nil
}

func loadPublicKey(data []byte) (crypto.PublicKey, error) {
	form := func(format string, args ...any) error {
		return hint.With(fmt.Errorf(format, args...), "cosign-key-form")
	}
	if len(data) > maxKey {
		return nil, form("it is larger than %d bytes", maxKey)
	}
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, hint.With(errors.New("this is a private key; only the public half is needed to verify"), "cosign-key-private")
	}
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, form("it is not a PEM file")
	case block.Type != "PUBLIC KEY":
		return nil, form("it is a %q; want a PUBLIC KEY", strings.ToLower(text.Clean(block.Type, 60)))
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, form("something follows the key; want exactly one key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, form("it is malformed: %s", text.Clean(err.Error(), 160))
	}
	if err := supported(key); err != nil {
		return nil, hint.With(err, "cosign-key-form")
	}
	return key, nil
}

func supported(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return errors.New("the key is empty")
		}
		if k.Curve != elliptic.P256() {
			return fmt.Errorf("the curve %s is not supported; want P-256", k.Params().Name)
		}
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return errors.New("the key is empty")
		}
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return fmt.Errorf("an rsa key of %d bits is not supported; want %d to %d", n, minRSABits, maxRSABits)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Errorf("a %T is not supported; want ecdsa P-256, ed25519 or rsa", key)
	}
	return nil
}

// signed says whether sig is the key's signature of message, with the algorithms
// cosign uses: ECDSA and RSA PKCS #1 v1.5 over SHA-256, and Ed25519ph (seen from
// cosign 3.1.3) or plain Ed25519 over the message.
func signed(key crypto.PublicKey, message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, sum[:], sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return false
		}
		long := sha512.Sum512(message)
		return ed25519.VerifyWithOptions(k, long[:], sig, &ed25519.Options{Hash: crypto.SHA512}) == nil ||
			ed25519.Verify(k, message, sig)
	default:
		return false
	}
}
