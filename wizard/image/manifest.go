package image

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Bounds on what is read. Registries themselves refuse manifests over 4 MiB.
const (
	maxManifest = 4 << 20
	maxConfig   = 8 << 20
	maxLayers   = 512
	// annotationReference marks BuildKit's attestation manifests in an index.
	annotationReference = "vnd.docker.reference.type"
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

// choose returns the first entry for want, as Docker does, with the variants in
// the order a processor prefers them, and the platforms there are. Attestations
// ("unknown/unknown") are not platforms.
func choose(entries []v1.Descriptor, want v1.Platform) (found *v1.Descriptor, available []string) {
	best := math.MaxInt
	for i, d := range entries {
		p := d.Platform
		if p == nil || p.OS == "unknown" || p.Architecture == "unknown" || d.Annotations[annotationReference] != "" {
			continue
		}
		if clean := text.Clean(platformName(*p), 40); !slices.Contains(available, clean) && len(available) < 32 {
			available = append(available, clean)
		}
		if p.OS != want.OS || p.Architecture != want.Architecture {
			continue
		}
		if rank := slices.Index(variants(want), p.Variant); rank >= 0 && rank < best {
			best, found = rank, &entries[i]
		}
	}
	return found, available
}

// variants lists what runs on the wanted platform, best first. Without a wanted
// variant it stays with those every processor of the kind runs.
func variants(want v1.Platform) []string {
	switch {
	case want.Architecture == "arm64" && (want.Variant == "" || want.Variant == "v8"):
		return []string{"", "v8"}
	case want.Architecture == "amd64" && (want.Variant == "" || want.Variant == "v1"):
		return []string{"", "v1"}
	case want.Architecture == "arm" && want.Variant == "":
		return []string{"v7", "", "v6", "v5"}
	default:
		return []string{want.Variant}
	}
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
