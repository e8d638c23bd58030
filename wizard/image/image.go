// Package image turns an image reference into a digest that is proved by the
// content the registry serves, without a Docker engine (control S-03).
//
// A digest is only ever the SHA-256 of a body that was read: what a registry
// says in a header, in an index or in a list is compared with it, never
// believed. Whether the digest is trusted is decided by Resolver.Judge from what
// the operator named: the expected digest, the pin of the last run, a known-good
// list, a cosign public key or, with consent, first use.
package image

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Budget bounds the whole of one Resolve or VerifySignature, whatever the
// caller's context allows beyond it.
const Budget = 30 * time.Second

// Image is what the registry's verified content says about one image. Its texts
// are validated: they hold no control or invisible characters, so they may be
// written into a compose file.
type Image struct {
	// Reference is the normalised reference that was asked for.
	Reference string
	// Repository is the registry and repository, such as
	// "docker.io/legard/claude-code-proxy".
	Repository string
	// Digest is the SHA-256 of the index or manifest the reference names.
	Digest string
	// PlatformDigest is the SHA-256 of the platform's manifest. It equals Digest
	// when the reference names a manifest without an index.
	PlatformDigest string
	// ConfigDigest is the SHA-256 of the platform's configuration: Docker's own store
	// names an image by it.
	ConfigDigest              string
	OS, Architecture, Variant string
	// User is the user the image runs as: empty, a name or an id, each with an
	// optional group. A name means nothing without the image's file system.
	User            string
	Entrypoint, Cmd []string
	WorkingDir      string
	// Size is the sum of the compressed layers in bytes.
	Size int64
	// Created is zero when the image does not say.
	Created time.Time
}

// Pinned returns the reference that names exactly this content:
// "repository@sha256:…", with the digest the original reference led to.
func (i Image) Pinned() string { return i.Repository + "@" + i.Digest }

// RunsAsRoot says whether the image's own configuration starts it as root: no
// user, the name root, or the id 0.
func (i Image) RunsAsRoot() bool {
	user, _, _ := strings.Cut(i.User, ":")
	return user == "root" || strings.Trim(user, "0") == ""
}

// Is says whether digest names this image: what the reference led to or its
// manifest for the platform. The latter says nothing about the rest of an index: see
// Verdict.Digest.
func (i Image) Is(digest string) bool {
	return digest != "" && (digest == i.Digest || digest == i.PlatformDigest)
}

// Resolver reads images from registries. Its zero value lacks a Transport.
type Resolver struct {
	// Transport carries every request, to token servers and blob stores too. It
	// is required, so that no caller gets past the safe dialler by forgetting
	// it (A6).
	Transport http.RoundTripper
	// Keychain finds credentials; nil is the Docker configuration of the user
	// running the process, credential helpers included. Anonymous has none.
	Keychain authn.Keychain
	// Platform to select from an index; empty fields mean linux and the
	// architecture of this process.
	Platform v1.Platform
}

// Resolve reads what reference names and returns its verified description.
//
// Errors: *RegistryError when the registry cannot be asked or refuses,
// *ContentError when what it serves is not what its digests say or not a usable
// image, *PlatformError when the image lacks the platform, *CredentialsError
// when the Docker configuration or its helper fails.
func (r *Resolver) Resolve(ctx context.Context, reference string) (Image, error) {
	ref, err := parse(reference)
	if err != nil {
		return Image{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, Budget)
	defer cancel()
	s, err := r.open(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	top, err := s.manifest(ctx, ref.identifier(), imageTypes)
	if err != nil {
		return Image{}, err
	}
	return s.describe(ctx, top, r.platform())
}

// describe follows the verified body top down to the image configuration.
func (s *session) describe(ctx context.Context, top document, want v1.Platform) (Image, error) {
	img := Image{Reference: s.ref.String(), Repository: s.ref.repository(), Digest: top.digest}
	kind, err := s.kind(top)
	if err != nil {
		return Image{}, err
	}
	leaf := top
	if kind == kindIndex {
		if leaf, err = s.platformManifest(ctx, top, want); err != nil {
			return Image{}, err
		}
	}
	img.PlatformDigest = leaf.digest
	m, err := s.parseManifest(leaf)
	if err != nil {
		return Image{}, err
	}
	img.Size, img.ConfigDigest = m.size, m.Config.Digest.String()
	raw, err := s.blob(ctx, m.Config.Digest, m.Config.Size, maxConfig)
	if err != nil {
		return Image{}, err
	}
	if err := s.applyConfig(&img, raw); err != nil {
		return Image{}, err
	}
	if img.OS != want.OS || img.Architecture != want.Architecture {
		if kind == kindIndex {
			return Image{}, s.content("image configuration", "the index promises %s, the image says %s/%s",
				platformName(want), img.OS, img.Architecture)
		}
		return Image{}, s.noPlatform(want, []string{platformName(v1.Platform{OS: img.OS, Architecture: img.Architecture, Variant: img.Variant})})
	}
	return img, nil
}

func (r *Resolver) platform() v1.Platform {
	p := r.Platform
	if p.OS == "" {
		p.OS = "linux"
	}
	if p.Architecture == "" {
		p.Architecture = runtime.GOARCH
	}
	return p
}

func platformName(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s = fmt.Sprintf("%s/%s", s, p.Variant)
	}
	return s
}

// Pin returns "repository@sha256:…" of a reference and the digest that it was found
// to name.
func Pin(ref, digest string) (string, error) {
	r, err := parse(ref)
	if err != nil {
		return "", err
	}
	if _, err := ParseDigest(digest); err != nil {
		return "", err
	}
	return r.repository() + "@" + digest, nil
}
