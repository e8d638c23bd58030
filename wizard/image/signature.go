package image

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// The forms in which cosign stores a signature beside an image.
const (
	// FormatLegacy is the tag sha256-<hex>.sig with simple-signing payloads.
	FormatLegacy = "legacy"
	// FormatBundle is a sigstore bundle in an OCI artifact that refers to the image.
	FormatBundle = "bundle"
)

// Signature is a verified signature.
type Signature struct {
	// Format is FormatLegacy or FormatBundle.
	Format string
}

// Reason says why an image has no valid signature.
type Reason string

// The reasons, from the least to the most telling: the error names the last that
// was met.
const (
	// ReasonMissing: the registry holds no cosign signature of the digest.
	ReasonMissing Reason = "missing"
	// ReasonMalformed: what lies there cannot be read as a signature.
	ReasonMalformed Reason = "malformed"
	// ReasonWrongKey: not made with this key, or altered since; the two cannot
	// be told apart.
	ReasonWrongKey Reason = "wrong-key"
	// ReasonWrongRepository: this key signed the digest for another repository.
	ReasonWrongRepository Reason = "wrong-repository"
	// ReasonWrongDigest: this key signed another image.
	ReasonWrongDigest Reason = "wrong-digest"
)

var reasonRank = map[Reason]int{
	ReasonMissing: 0, ReasonMalformed: 1, ReasonWrongKey: 2, ReasonWrongRepository: 3, ReasonWrongDigest: 4,
}

var reasonText = map[Reason]string{
	ReasonMissing:         "no cosign signature was found",
	ReasonMalformed:       "the signature is malformed",
	ReasonWrongKey:        "the signature was not made with this key, or was altered",
	ReasonWrongRepository: "the signature is for another repository",
	ReasonWrongDigest:     "the signature is for another image",
}

// SignatureError says that no signature by the given key vouches for an image.
type SignatureError struct {
	Image  string
	Reason Reason
	// Detail is safe to show and may be empty.
	Detail string
}

func (e *SignatureError) Error() string {
	msg := fmt.Sprintf("verifying the signature of %s: %s", e.Image, reasonText[e.Reason])
	if e.Detail != "" {
		msg += ": " + e.Detail
	}
	return msg
}

func refuse(reason Reason, format string, args ...any) *SignatureError {
	return &SignatureError{Reason: reason, Detail: text.Clean(fmt.Sprintf(format, args...), 300)}
}

// VerifySignature looks for a signature of img.Digest by key, first as a
// sigstore bundle, then in cosign's older form. It needs nothing but the registry: the
// key is the trust, no transparency log is asked (S-03).
//
// The signature must be for img.Digest itself, the digest that gets pinned; one
// for the platform's manifest says nothing about the index around it.
// The error is a *SignatureError when the signature is absent or wrong, and a
// *RegistryError or *ContentError when the registry cannot be read.
func (r *Resolver) VerifySignature(ctx context.Context, img Image, key crypto.PublicKey) (Signature, error) {
	if err := supported(key); err != nil {
		return Signature{}, fmt.Errorf("verifying the signature of %s: %w", img.Pinned(), err)
	}
	ref, err := parse(img.Pinned())
	if err != nil {
		return Signature{}, fmt.Errorf("verifying the signature: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	s, err := r.open(ctx, ref)
	if err != nil {
		return Signature{}, err
	}
	v := verification{s: s, key: key, digest: ref.digest}
	bundleErr := v.bundles(ctx)
	if bundleErr == nil {
		return Signature{Format: FormatBundle}, nil
	}
	legacyErr := v.legacy(ctx)
	if legacyErr == nil {
		return Signature{Format: FormatLegacy}, nil
	}
	return Signature{}, signatureFailure(img.Pinned(), bundleErr, legacyErr)
}

type verification struct {
	s      *session
	key    crypto.PublicKey
	digest string
}

// signatureFailure names the most telling of the failures. A registry that could not be
// read comes first: what it did not show might have been the signature.
func signatureFailure(image string, failures ...error) error {
	worst := &SignatureError{Image: image, Reason: ReasonMissing}
	for _, err := range failures {
		var e *SignatureError
		if !errors.As(err, &e) {
			return err
		}
		if reasonRank[e.Reason] > reasonRank[worst.Reason] {
			worst = &SignatureError{Image: image, Reason: e.Reason, Detail: e.Detail}
		}
	}
	return hint.With(worst, "image-signature-"+string(worst.Reason))
}

// firstValid returns nil when one candidate is valid, and otherwise the error
// that signatureFailure names.
func firstValid(count int, check func(i int) error) error {
	failures := make([]error, 0, count)
	for i := range count {
		err := check(i)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		return &SignatureError{Reason: ReasonMissing}
	}
	return signatureFailure("", failures...)
}
