package wizard

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// The answers to the trust question.
const (
	trustFirstUse = "first-use"
	trustOther    = "other"
	trustKey      = "key"
)

// largestKey bounds a public key file, in bytes.
const largestKey = 64 << 10

func (s *InitSession) resolver() *image.Resolver {
	return &image.Resolver{Transport: transport(s.draft.API.AllowPrivate), Keychain: s.w.Keychain}
}

// pin is the digest that an earlier run, or the operator's file, stands for; it
// says nothing about another reference.
func (s *InitSession) pin() string {
	if s.image.Reference != "" && s.draft.Image.Reference != s.image.Reference {
		return ""
	}
	return s.draft.Image.Digest
}

// expected is the digest that the operator named for this run: by flag, or in the
// file of --config on a host that has no set-up yet.
func (s *InitSession) expected() string {
	if d := s.given.Values["image-digest"]; d != "" || s.given.Base == nil || s.current != nil {
		return d
	}
	return s.pin()
}

func buildImage(_ context.Context, s *InitSession, q *Question) error {
	given := s.given.Values["image"]
	if s.fallen["image"] {
		given = "" // the operator wants another
	}
	q.Default = orElse(s.named, orElse(given, orElse(s.draft.Image.Reference, image.DefaultReference)))
	return nil
}

// acceptImage reads the image's content from the registry and asks what vouches
// for it (S-03). When nothing does, the trust question follows.
func acceptImage(ctx context.Context, s *InitSession, a Answer) error {
	ref, err := image.ParseReference(a.Value)
	if err != nil {
		return err
	}
	s.named = a.Value
	img, err := s.resolver().Resolve(ctx, ref)
	if err != nil {
		return err
	}
	s.image = img
	return s.judge(ctx, orElse(s.given.Values["cosign-key"], s.draft.Image.CosignKey), s.given.TrustFirstUse)
}

// judge decides whether the image is trusted and keeps what was found out for the
// screen and the Plan.
func (s *InitSession) judge(ctx context.Context, keyFile string, firstUse bool) error {
	if keyFile != "" {
		abs, err := s.w.absolute(keyFile)
		if err != nil {
			return err
		}
		keyFile = abs
	}
	key, err := s.publicKey(keyFile)
	if err != nil {
		return err
	}
	trust := image.Trust{
		Expected: s.expected(), Pin: s.pin(), KnownGood: s.draft.Image.KnownGood,
		Key: key, FirstUse: firstUse,
	}
	verdict, err := s.resolver().Judge(ctx, s.image, trust)
	var untrusted *image.UntrustedError
	if errors.As(err, &untrusted) {
		s.trusted = false
		return nil
	}
	if err != nil {
		return err
	}
	s.verdict, s.trusted = verdict, true
	s.notes["image"] = append(s.w.imageNotes(s.image), verdictNotes(verdict)...)
	if verdict.Digest != s.image.Digest {
		s.notes["image"] = append(s.notes["image"], Note{ID: "image-pinned-platform", Args: []any{verdict.Digest}})
	}
	s.keepImage(keyFile)
	return nil
}

func (s *InitSession) keepImage(keyFile string) {
	by := s.verdict.By
	if by == image.ByPin {
		by = image.Basis(s.draft.Image.Trust)
	}
	hardening := s.draft.Image.Hardening
	if hardening.Tried != s.verdict.Digest {
		hardening = HardeningSetup{} // another image is tried anew
	}
	s.draft.Image = ImageSetup{
		Hardening: hardening,
		Reference: s.image.Reference, Digest: s.verdict.Digest, PlatformDigest: s.image.PlatformDigest, ConfigDigest: s.image.ConfigDigest,
		Trust: string(by), CosignKey: keyFile, KnownGood: s.draft.Image.KnownGood, RunAs: s.w.runAs(s.image),
	}
}

func (s *InitSession) publicKey(path string) (crypto.PublicKey, error) {
	if path == "" {
		return nil, nil
	}
	b, err := s.w.Disk.ReadForeign(path, largestKey)
	if err != nil {
		return nil, fmt.Errorf("reading the cosign key: %w", err)
	}
	key, err := image.LoadPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func buildTrust(_ context.Context, s *InitSession, q *Question) error {
	q.Notes = append(s.w.imageNotes(s.image), Note{ID: "image-untrusted", State: Attention})
	// There is no default: trust on first use is the operator's own word.
	q.Options = []Option{{Value: trustFirstUse, Attention: true}, {Value: trustKey}, {Value: trustOther}}
	return nil
}

func acceptTrust(ctx context.Context, s *InitSession, a Answer) error {
	switch a.Value {
	case trustFirstUse:
		return s.judge(ctx, "", true)
	case trustOther:
		// Neither the flag nor the present set-up answers it this time.
		s.fallen["image"], s.named = true, ""
		s.reopen("image")
		return nil
	case trustKey:
		return nil
	default:
		return noSuchOption(a.Value, []string{trustFirstUse, trustKey, trustOther})
	}
}

func buildCosignKey(context.Context, *InitSession, *Question) error { return nil }

func acceptCosignKey(ctx context.Context, s *InitSession, a Answer) error {
	return s.judge(ctx, a.Value, false)
}

// imageNotes describes an image in words that come from its verified content.
func (w *Wizard) imageNotes(img image.Image) []Note {
	notes := []Note{
		{ID: "image-digest", Args: []any{img.Digest}},
		{ID: "image-platform", Args: []any{img.OS + "/" + img.Architecture, img.PlatformDigest}},
		{ID: "image-size", Args: []any{math.Round(float64(img.Size)/1e5) / 10}},
	}
	if img.Created.IsZero() {
		notes = append(notes, Note{ID: "image-built-unknown", State: NotChecked})
	} else {
		days := int(w.Now().Sub(img.Created).Hours() / 24)
		notes = append(notes, Note{ID: "image-built", Args: []any{img.Created.UTC().Format("2006-01-02"), days}})
	}
	if command := strings.Join(append(append([]string{}, img.Entrypoint...), img.Cmd...), " "); command != "" {
		notes = append(notes, Note{ID: "image-command", State: NotChecked, Args: []any{text.Clean(command, 120)}})
	}
	if img.RunsAsRoot() {
		return append(notes, Note{ID: "image-root", State: Attention, Args: []any{w.runAs(img)}})
	}
	user := text.Clean(img.User, 40)
	if !numericUser().MatchString(img.User) {
		return append(notes, Note{ID: "image-user-named", State: NotChecked, Args: []any{user, w.runAs(img)}})
	}
	return append(notes, Note{ID: "image-user", Args: []any{user}})
}

func verdictNotes(v image.Verdict) []Note {
	notes := []Note{{ID: "trust-" + string(v.By)}}
	if v.By == image.ByFirstUse {
		notes[0].State = Attention
	}
	switch {
	case v.Signature != nil:
		notes = append(notes, Note{ID: "image-signature-ok", Args: []any{v.Signature.Format}})
	default:
		notes = append(notes, Note{ID: "image-signature-not-checked", State: NotChecked})
	}
	switch v.KnownGood {
	case image.Listed:
		notes = append(notes, Note{ID: "known-good-listed"})
	case image.NotListed:
		notes = append(notes, Note{ID: "known-good-not-listed", State: Attention})
	default: // there is no list to look at
	}
	return notes
}

// runAs is the user of the container (E-01): the image's own when it names one
// other than root by number, or else ours, which the image may or may not survive.
func (w *Wizard) runAs(img image.Image) string {
	if img.RunsAsRoot() || !numericUser().MatchString(img.User) {
		return w.ContainerUser
	}
	uid, gid, both := strings.Cut(img.User, ":")
	if !both {
		gid = uid
	}
	return ownGroup(uid + ":" + gid)
}

// numericUser is a user that means the same without the image's file system, and to
// everybody: none reads it in octal.
var numericUser = text.Pattern(`^(0|[1-9][0-9]{0,8})(:(0|[1-9][0-9]{0,8}))?$`)
