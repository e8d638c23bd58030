package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Content is what a registry was found to hold for the engine's platform: digests, all
// of them empty when that is not known.
type Content struct {
	// Pin is what the image is fetched by, Manifest the platform's manifest under it and
	// Config that one's configuration.
	Pin, Manifest, Config string
	// OtherPlatform says that only the pin is known, since the image was looked at for
	// another architecture than the engine's.
	OtherPlatform bool
}

// ErrOtherContent says that the engine has another image under a pin than the one that
// was looked at: an index can lead two clients to two images (S-03).
var ErrOtherContent = errors.New("S-03: the engine's image is not the one that was looked at")

// ErrNotCompared says that nobody can tell whether the engine's image is the one that
// was looked at.
var ErrNotCompared = errors.New("whether the engine's image is the one that was looked at cannot be compared")

// Compare tells whether an image of the engine is the content that was looked at. The
// engine's id for it is the digest of its configuration in Docker's own store, and that
// of the index or manifest which it was fetched by in containerd's. The errors are
// ErrOtherContent and ErrNotCompared.
func (i Image) Compare(want Content) error {
	same := func(digest string) bool {
		return digest != "" && (digest == i.ID || slices.Contains(i.Digests, digest))
	}
	switch {
	case want.Config != "" && i.ID == want.Config, same(want.Manifest):
		return nil
	case want.Pin != "" && i.ID == want.Pin:
		return nil // containerd's store: the id is the pinned index
	case want.OtherPlatform:
		return fmt.Errorf("%w: it was looked at for the architecture of this program, and the engine has another", ErrNotCompared)
	case want.Config == "":
		return fmt.Errorf("%w: the set-up does not say which it was; clawsetup init --section image looks at it again", ErrNotCompared)
	case !i.ByConfig:
		return fmt.Errorf("%w: the engine's ids are not the digests of configurations", ErrNotCompared)
	}
	return hint.With(fmt.Errorf("%w: it has %s, not %s", ErrOtherContent, text.Clean(i.ID, 80), text.Clean(want.Config, 80)), "image-other-content")
}
