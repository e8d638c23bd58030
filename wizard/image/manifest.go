package image

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Bounds on what is read. Registries themselves refuse manifests over 4 MiB.
const (
	maxManifest = 4 << 20
	maxConfig   = 8 << 20
	maxLayers   = 512
)

var imageTypes = []types.MediaType{
	types.OCIImageIndex, types.DockerManifestList, types.OCIManifestSchema1, types.DockerManifestSchema2,
}

type kind int

const (
	kindManifest kind = iota
	kindIndex
)

// shape holds just what tells the kinds of documents apart.
type shape struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     types.MediaType `json:"mediaType"`
	Manifests     json.RawMessage `json:"manifests"`
	Config        json.RawMessage `json:"config"`
	Layers        json.RawMessage `json:"layers"`
	FSLayers      json.RawMessage `json:"fsLayers"`
}

// kind decides what d is from its body, and refuses a body that disagrees with
// the media type it was served as or that could be read as both kinds: such
// documents make two clients see two images (CVE-2021-41190).
func (s *session) kind(d document) (kind, error) {
	var sh shape
	if err := json.Unmarshal(d.body, &sh); err != nil {
		return 0, s.content("manifest", "it is not JSON: %v", err)
	}
	if d.mediaType.IsSchema1() || sh.SchemaVersion == 1 || sh.FSLayers != nil {
		return 0, s.content("manifest", "it has the old schema 1, whose content no digest protects; ask the publisher for a newer build")
	}
	if sh.SchemaVersion != 2 {
		return 0, s.content("manifest", "schema version %d is unknown", sh.SchemaVersion)
	}
	if !slices.Contains(imageTypes, d.mediaType) {
		return 0, s.content("manifest", "it was served as %q, which is no container image", text.Clean(string(d.mediaType), 80))
	}
	if sh.MediaType != "" && sh.MediaType != d.mediaType {
		return 0, s.content("manifest", "it was served as %s and calls itself %q", d.mediaType, text.Clean(string(sh.MediaType), 80))
	}
	isIndex, isManifest := sh.Manifests != nil, sh.Config != nil || sh.Layers != nil
	if isIndex == isManifest || isIndex != d.mediaType.IsIndex() {
		return 0, s.content("manifest", "its content does not fit the media type %s it was served as", d.mediaType)
	}
	if isIndex {
		return kindIndex, nil
	}
	return kindManifest, nil
}

// platformManifest reads the manifest that the index top holds for want.
func (s *session) platformManifest(ctx context.Context, top document, want v1.Platform) (document, error) {
	var index struct {
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(top.body, &index); err != nil {
		return document{}, s.content("image index", "it is malformed: %v", err)
	}
	if twin := twins(index.Manifests, want); twin != "" {
		return document{}, s.content("image index", "it has several entries for %s: which of them an engine takes is not said", twin)
	}
	desc, available := choose(index.Manifests, want)
	if desc == nil {
		return document{}, s.noPlatform(want, available)
	}
	if !desc.MediaType.IsImage() {
		return document{}, s.content("image index", "its entry for %s is a %q; an index within an index is refused",
			platformName(want), text.Clean(string(desc.MediaType), 80))
	}
	digest := desc.Digest.String()
	if !reDigest().MatchString(digest) {
		return document{}, s.content("image index", "the digest %q of its entry for %s is not a sha256 digest",
			text.Clean(digest, shownInError), platformName(want))
	}
	leaf, err := s.manifest(ctx, digest, []types.MediaType{desc.MediaType})
	if err != nil {
		return document{}, err
	}
	if leaf.mediaType != desc.MediaType || int64(len(leaf.body)) != desc.Size {
		return document{}, s.content("manifest "+digest, "the index says %d bytes of %s, the registry served %d of %q",
			desc.Size, desc.MediaType, len(leaf.body), text.Clean(string(leaf.mediaType), 80))
	}
	// The type was that of a manifest above; kind holds the body to it.
	if _, err := s.kind(leaf); err != nil {
		return document{}, err
	}
	return leaf, nil
}

// twins names a platform that several entries with different content claim, among
// those of the wanted system and architecture: Docker takes the first and cannot tell
// them apart, so that what was looked at need not be what runs. Empty when there is none.
func twins(entries []v1.Descriptor, want v1.Platform) string {
	want = normal(want)
	seen := map[string]v1.Hash{}
	for _, d := range entries {
		if d.Platform == nil {
			continue // taken by an engine only when nothing names the platform
		}
		p := normal(*d.Platform)
		if p.OS != want.OS || p.Architecture != want.Architecture {
			continue
		}
		if other, there := seen[p.Variant]; there && other != d.Digest {
			return text.Clean(platformName(p), 40)
		}
		seen[p.Variant] = d.Digest
	}
	return ""
}

// normal is a platform as Docker compares it: an index may name the same one in
// several ways. The rules are those of github.com/containerd/platforms v1.0.0-rc.5,
// database.go; the version and the features of the system do not count on Linux.
func normal(p v1.Platform) v1.Platform {
	out := v1.Platform{OS: strings.ToLower(p.OS), Architecture: strings.ToLower(p.Architecture), Variant: strings.ToLower(p.Variant)}
	switch out.Architecture {
	case "i386":
		out.Architecture, out.Variant = "386", ""
	case "x86_64", "x86-64", "amd64":
		out.Architecture = "amd64"
		if out.Variant == "v1" {
			out.Variant = ""
		}
	case "aarch64", "arm64":
		out.Architecture = "arm64"
		switch out.Variant {
		case "8", "v8", "v8.0":
			out.Variant = ""
		case "9", "9.0", "v9.0":
			out.Variant = "v9"
		}
	case "armhf":
		out.Architecture, out.Variant = "arm", "v7"
	case "armel":
		out.Architecture, out.Variant = "arm", "v6"
	case "arm":
		switch out.Variant {
		case "", "7":
			out.Variant = "v7"
		case "5", "6", "8":
			out.Variant = "v" + out.Variant
		}
	}
	return out
}

// choose returns the first entry for want, as Docker does, with the variants in
// the order a processor prefers them, and the platforms there are. What is
// "unknown/unknown", as BuildKit's attestations are, is no platform. An annotation
// does not make an entry one that Docker passes over.
func choose(entries []v1.Descriptor, want v1.Platform) (found *v1.Descriptor, available []string) {
	best := math.MaxInt
	want = normal(want)
	for i, d := range entries {
		if d.Platform == nil || d.Platform.OS == "unknown" || d.Platform.Architecture == "unknown" {
			continue
		}
		if clean := text.Clean(platformName(*d.Platform), 40); !slices.Contains(available, clean) && len(available) < 32 {
			available = append(available, clean)
		}
		p := normal(*d.Platform)
		if p.OS != want.OS || p.Architecture != want.Architecture {
			continue
		}
		if rank := slices.Index(variants(want), p.Variant); rank >= 0 && rank < best {
			best, found = rank, &entries[i]
		}
	}
	return found, available
}

// variants lists what runs on the wanted platform, a normal one, best first.
func variants(want v1.Platform) []string {
	if want.Architecture == "arm" && want.Variant == "v7" {
		return []string{"v7", "v6", "v5"}
	}
	return []string{want.Variant}
}

type imageManifest struct {
	Config v1.Descriptor   `json:"config"`
	Layers []v1.Descriptor `json:"layers"`
	size   int64
}

func (s *session) parseManifest(d document) (imageManifest, error) {
	var m imageManifest
	what := "manifest " + d.digest
	if err := json.Unmarshal(d.body, &m); err != nil {
		return m, s.content(what, "it is malformed: %v", err)
	}
	if t := m.Config.MediaType; t != types.DockerConfigJSON && t != types.OCIConfigJSON {
		return m, s.content(what, "it describes a %q, not a container image", text.Clean(string(t), 80))
	}
	if len(m.Layers) > maxLayers {
		return m, s.content(what, "%d layers; at most %d are accepted", len(m.Layers), maxLayers)
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > math.MaxInt64-m.size {
			return m, s.content(what, "a layer claims the size %d", l.Size)
		}
		m.size += l.Size
	}
	return m, nil
}
