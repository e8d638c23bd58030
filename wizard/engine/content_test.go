package engine

import (
	"errors"
	"strings"
	"testing"
)

// TestCompare: what the engine made of a pin is compared with what was looked at, as far
// as the engine's names tell it.
func TestCompare(t *testing.T) {
	looked := Content{Pin: "sha256:index", Manifest: "sha256:manifest", Config: "sha256:config"}
	for name, c := range map[string]struct {
		has  Image
		want Content
		err  error
	}{
		"Docker's store":                        {Image{ID: "sha256:config", Digests: []string{"sha256:index"}, ByConfig: true}, looked, nil},
		"another image of the same index":       {Image{ID: "sha256:evil", Digests: []string{"sha256:index"}, ByConfig: true}, looked, ErrOtherContent},
		"fetched by the manifest":               {Image{ID: "sha256:other", Digests: []string{"sha256:manifest"}, ByConfig: true}, looked, nil},
		"containerd's store, by index":          {Image{ID: "sha256:index", Digests: []string{"sha256:index"}}, looked, nil},
		"containerd's store, by manifest":       {Image{ID: "sha256:manifest"}, looked, nil},
		"containerd's store, by something else": {Image{ID: "sha256:else", Digests: []string{"sha256:index"}}, looked, ErrNotCompared},
		"an engine that counts otherwise":       {Image{ID: "sha256:podman"}, looked, ErrNotCompared},
		"a set-up of an earlier version":        {Image{ID: "sha256:config", ByConfig: true}, Content{Pin: "sha256:index", Manifest: "sha256:manifest"}, ErrNotCompared},
		"an earlier version, by index":          {Image{ID: "sha256:index"}, Content{Pin: "sha256:index"}, nil},
		"another architecture, by index":        {Image{ID: "sha256:index"}, Content{Pin: "sha256:index", OtherPlatform: true}, nil},
		"another architecture":                  {Image{ID: "sha256:config", ByConfig: true}, Content{Pin: "sha256:index", OtherPlatform: true}, ErrNotCompared},
		"nothing is known":                      {Image{ByConfig: true}, Content{}, ErrNotCompared},
		"an image without an id":                {Image{ByConfig: true}, looked, ErrOtherContent},
	} {
		if err := c.has.Compare(c.want); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		// Looking again helps an old set-up, and no other architecture.
		if err := c.has.Compare(c.want); c.want.OtherPlatform && err != nil && strings.Contains(err.Error(), "init") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
