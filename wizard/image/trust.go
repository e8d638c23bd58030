package image

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Trust is what the operator named to decide about an image.
type Trust struct {
	// Expected is the digest given for this very run; empty if none.
	Expected string
	// Pin is the digest of the last run; empty on the first.
	Pin string
	// KnownGood lists digests the operator trusts.
	KnownGood []string
	// Key, when not nil, must have signed the image, whatever else speaks for it.
	Key crypto.PublicKey
	// FirstUse is the operator's consent to trust what the registry serves now.
	FirstUse bool
}

// Basis names what a trusted image is trusted by.
type Basis string

// The bases, the strongest first.
const (
	ByExpected  Basis = "expected"
	ByPin       Basis = "pin"
	ByKnownGood Basis = "known-good"
	BySignature Basis = "signature"
	ByFirstUse  Basis = "first-use"
)

// Mark is the outcome of one check, for display.
type Mark string

// The marks of the known-good list and of the signature.
const (
	NotChecked Mark = "not checked"
	Listed     Mark = "listed"
	NotListed  Mark = "not listed"
	Signed     Mark = "signed"
)

// Verdict says why an image is trusted.
type Verdict struct {
	By Basis
	// Digest is what may be pinned: that of the reference or, when what vouches for the
	// image names the platform's manifest alone, that one. The index around a trusted
	// manifest is anybody's.
	Digest string
	// Signature is nil when no key was given.
	Signature *Signature
	// KnownGood is Listed, NotListed or, with an empty list, NotChecked.
	KnownGood Mark
	// Signed is Signed or NotChecked; a failed check is an error, not a verdict.
	Signed Mark
}

// DigestChangedError stops a run because the reference leads to other content
// than the pin of the last run.
type DigestChangedError struct {
	Reference, Pinned, Now string
}

func (e *DigestChangedError) Error() string {
	return fmt.Sprintf("the image %s changed since it was pinned: pinned %s, now %s", e.Reference, e.Pinned, e.Now)
}

// ExpectedMismatchError says that the reference does not lead to the expected digest.
type ExpectedMismatchError struct {
	Reference, Expected, Now string
}

func (e *ExpectedMismatchError) Error() string {
	return fmt.Sprintf("the image %s is not the expected one: expected %s, got %s", e.Reference, e.Expected, e.Now)
}

// UntrustedError says that nothing vouches for an image but the registry that
// served it, and that first use was not consented to.
type UntrustedError struct {
	Reference, Digest string
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("nothing vouches for %s (%s) but the registry that served it", e.Reference, e.Digest)
}

// Judge decides whether img may be used (S-03). The pin, the expected digest and the
// list may name the digest of the reference or of the platform's manifest.
//
// Errors: *ExpectedMismatchError, *DigestChangedError, *SignatureError (or what
// kept the signature from being read), *UntrustedError.
func (r *Resolver) Judge(ctx context.Context, img Image, t Trust) (Verdict, error) {
	v := Verdict{KnownGood: NotChecked, Signed: NotChecked}
	if err := t.check(); err != nil {
		return v, err
	}
	if t.Expected != "" && !img.Is(t.Expected) {
		err := &ExpectedMismatchError{Reference: img.Reference, Expected: t.Expected, Now: img.Digest}
		return v, hint.With(err, "image-expected", img.Digest)
	}
	// Only the digest named for this run overrules the pin: a list or a key can
	// vouch for several images, also for an older one with known holes.
	if t.Pin != "" && t.Expected == "" && !img.Is(t.Pin) {
		err := &DigestChangedError{Reference: img.Reference, Pinned: t.Pin, Now: img.Digest}
		return v, hint.With(err, "image-changed", img.Digest)
	}
	if len(t.KnownGood) > 0 {
		v.KnownGood = NotListed
		if slices.ContainsFunc(t.KnownGood, img.Is) {
			v.KnownGood = Listed
		}
	}
	if t.Key != nil {
		sig, err := r.VerifySignature(ctx, img, t.Key)
		if err != nil {
			return v, err
		}
		v.Signature, v.Signed = &sig, Signed
	}
	v.Digest = img.Digest
	switch {
	case t.Expected != "":
		v.By, v.Digest = ByExpected, t.Expected
	case t.Pin != "":
		v.By, v.Digest = ByPin, t.Pin
	case v.KnownGood == Listed:
		v.By = ByKnownGood
		if !slices.Contains(t.KnownGood, img.Digest) {
			v.Digest = img.PlatformDigest
		}
	case v.Signed == Signed:
		v.By = BySignature
	case t.FirstUse:
		v.By = ByFirstUse
	default:
		v.Digest = ""
		return v, hint.With(&UntrustedError{Reference: img.Reference, Digest: img.Digest}, "image-untrusted", img.Digest)
	}
	return v, nil
}

// check refuses digests that could never match because they are mistyped.
func (t Trust) check() error {
	for _, d := range append([]string{t.Expected, t.Pin}, t.KnownGood...) {
		if d == "" {
			continue
		}
		if _, err := ParseDigest(d); err != nil {
			return fmt.Errorf("judging the image: %w", err)
		}
	}
	return nil
}
