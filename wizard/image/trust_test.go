package image_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

func TestJudge(t *testing.T) {
	r, key := start(t), p256(t)
	old := push(t, r, imagetest.ProxyOptions{})
	now := push(t, r, imagetest.ProxyOptions{Seed: 5})
	if err := r.SignBundle(now, key, imagetest.Claims{}); err != nil {
		t.Fatal(err)
	}
	img := resolved(t, now.Reference)
	mine, other := public(t, key), public(t, p256(t))
	platform := now.Platforms["linux/amd64"]
	for _, c := range []struct {
		name  string
		trust image.Trust
		by    image.Basis // empty: refused with the hint
		hint  string
		known image.Mark
	}{
		{"nothing", image.Trust{}, "", "image-untrusted", image.NotChecked},
		{"consent", image.Trust{FirstUse: true}, image.ByFirstUse, "", image.NotChecked},
		{"expected", image.Trust{Expected: now.Digest}, image.ByExpected, "", image.NotChecked},
		{"expected platform", image.Trust{Expected: platform}, image.ByExpected, "", image.NotChecked},
		{"expected another", image.Trust{Expected: old.Digest, FirstUse: true, KnownGood: []string{now.Digest}, Key: mine}, "", "image-expected", ""},
		{"expected other platform", image.Trust{Expected: now.Platforms["linux/arm64"]}, "", "image-expected", ""},
		{"pin", image.Trust{Pin: now.Digest}, image.ByPin, "", image.NotChecked},
		{"platform pin", image.Trust{Pin: platform}, image.ByPin, "", image.NotChecked},
		{"changed", image.Trust{Pin: old.Digest}, "", "image-changed", ""},
		{"changed, consent", image.Trust{Pin: old.Digest, FirstUse: true}, "", "image-changed", ""},
		{"changed, listed and signed", image.Trust{Pin: old.Digest, KnownGood: []string{now.Digest}, Key: mine}, "", "image-changed", ""},
		{"changed, expected", image.Trust{Pin: old.Digest, Expected: now.Digest}, image.ByExpected, "", image.NotChecked},
		{"listed", image.Trust{KnownGood: []string{old.Digest, now.Digest}}, image.ByKnownGood, "", image.Listed},
		{"listed platform", image.Trust{KnownGood: []string{platform}}, image.ByKnownGood, "", image.Listed},
		{"listed, and its index", image.Trust{KnownGood: []string{platform, now.Digest}}, image.ByKnownGood, "", image.Listed},
		{"listed platform, signed", image.Trust{KnownGood: []string{platform}, Key: mine}, image.ByKnownGood, "", image.Listed},
		{"not listed", image.Trust{KnownGood: []string{old.Digest}}, "", "image-untrusted", image.NotListed},
		{"not listed, consent", image.Trust{KnownGood: []string{old.Digest}, FirstUse: true}, image.ByFirstUse, "", image.NotListed},
		{"signed", image.Trust{Key: mine}, image.BySignature, "", image.NotChecked},
		{"signed and pinned", image.Trust{Key: mine, Pin: now.Digest}, image.ByPin, "", image.NotChecked},
		{"signed by another, pinned", image.Trust{Key: other, Pin: now.Digest}, "", "image-signature-wrong-key", ""},
		{"signed by another, all else", image.Trust{Key: other, Expected: now.Digest, KnownGood: []string{now.Digest}, FirstUse: true}, "", "image-signature-wrong-key", ""},
		{"mistyped", image.Trust{Expected: "sha256:12"}, "", "image-digest-form", ""},
		{"mistyped list", image.Trust{KnownGood: []string{"latest"}, FirstUse: true}, "", "image-digest-form", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := resolver(t).Judge(t.Context(), img, c.trust)
			if c.by == "" {
				wantHint(t, err, c.hint)
				if v.By != "" {
					t.Fatalf("refused and trusted by %s", v.By)
				}
			} else if err != nil || v.By != c.by {
				t.Fatalf("by %q, want %q: %v", v.By, c.by, err)
			}
			// What is pinned is what was named: the index around a trusted manifest is anybody's.
			pinned := img.Digest
			if strings.Contains(c.name, "platform") {
				pinned = platform
			}
			if c.by != "" && v.Digest != pinned || c.by == "" && v.Digest != "" {
				t.Errorf("it pins %q, want %s", v.Digest, pinned)
			}
			if c.known != "" && v.KnownGood != c.known {
				t.Errorf("known-good list %q, want %q", v.KnownGood, c.known)
			}
			if signed := c.trust.Key == mine && c.by != ""; (v.Signed == image.Signed) != signed || (v.Signature != nil) != signed {
				t.Errorf("signed %q %+v", v.Signed, v.Signature)
			}
		})
	}
}

func TestJudgeWithoutSignature(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	_, err := resolver(t).Judge(t.Context(), resolved(t, p.Reference), image.Trust{Pin: p.Digest, Key: public(t, p256(t))})
	wantHint(t, err, "image-signature-missing")
}

// TestRetagged follows a tag that is moved to other content.
func TestRetagged(t *testing.T) {
	r := start(t)
	first := push(t, r, imagetest.ProxyOptions{})
	pin := resolved(t, first.Reference).Digest
	second := push(t, r, imagetest.ProxyOptions{Seed: 99})
	_, err := resolver(t).Judge(t.Context(), resolved(t, first.Reference), image.Trust{Pin: pin, FirstUse: true})
	var e *image.DigestChangedError
	if !errors.As(err, &e) || e.Pinned != first.Digest || e.Now != second.Digest {
		t.Fatalf("%v", err)
	}
	// The pinned reference still leads to the old content.
	if img := resolved(t, first.Repository+"@"+pin); img.Digest != pin {
		t.Fatal(img.Digest)
	}
}
