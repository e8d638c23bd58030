package imagetest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Claims are what a signature says. Empty fields take the truth; the others are
// for signatures that must be refused.
type Claims struct {
	Digest     string
	Repository string
	// PredicateType of a bundle's statement.
	PredicateType string
	// Alter changes the signed payload after signing.
	Alter func(payload []byte) []byte
}

// SignLegacy signs an image the way cosign did before version 3: a
// simple-signing payload under the tag sha256-<hex>.sig. The key is ECDSA, RSA or
// Ed25519.
func (r *Registry) SignLegacy(image Pushed, key crypto.Signer, c Claims) error {
	repo, err := name.NewRepository(image.Repository)
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	c = c.withTruth(image)
	payload, err := json.Marshal(map[string]any{
		"critical": map[string]any{
			"identity": map[string]string{"docker-reference": c.Repository},
			"image":    map[string]string{"docker-manifest-digest": c.Digest},
			"type":     "cosign container image signature",
		},
		"optional": nil,
	})
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	sig, err := sign(key, payload)
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	const layerType types.MediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(base, mutate.Addendum{
		Layer:       static.NewLayer(c.Alter(payload), layerType),
		MediaType:   layerType,
		Annotations: map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(sig)},
	})
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	tag := repo.Tag(strings.Replace(image.Digest, ":", "-", 1) + ".sig")
	return wrap("signing "+image.Reference, remote.Write(tag, img, remote.WithTransport(r.transport())))
}

// SignBundle signs an image the way cosign 3 does: a sigstore bundle in an OCI
// artifact whose subject is the image, listed under the tag sha256-<hex> too.
func (r *Registry) SignBundle(image Pushed, key crypto.Signer, c Claims) error {
	c = c.withTruth(image)
	payload, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v1",
		"subject":       []any{map[string]any{"digest": map[string]string{"sha256": strings.TrimPrefix(c.Digest, "sha256:")}}},
		"predicateType": c.PredicateType,
		"predicate":     map[string]any{},
	})
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	const payloadType = "application/vnd.in-toto+json"
	sig, err := sign(key, fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload))
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	bundle, err := json.Marshal(map[string]any{
		"mediaType":            bundleType,
		"verificationMaterial": map[string]any{"publicKey": map[string]string{"hint": "imagetest"}},
		"dsseEnvelope": map[string]any{
			"payload": c.Alter(payload), "payloadType": payloadType, "signatures": []any{map[string]any{"sig": sig}},
		},
	})
	if err != nil {
		return fmt.Errorf("signing %s: %w", image.Reference, err)
	}
	return wrap("signing "+image.Reference, r.attach(image, bundle))
}

// attach stores the bundle as a referrer. remote.Write keeps the fallback tag where the
// registry has no referrers API.
func (r *Registry) attach(image Pushed, bundle []byte) error {
	subject, err := name.NewDigest(image.Repository + "@" + image.Digest)
	if err != nil {
		return err
	}
	desc, err := remote.Get(subject, remote.WithTransport(r.transport()))
	if err != nil {
		return err
	}
	layer := static.NewLayer(bundle, bundleType)
	config := []byte("{}")
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  bundleType,
		Config:        v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Size: int64(len(config)), Digest: digestOf(config)},
		Layers:        []v1.Descriptor{{MediaType: bundleType, Size: int64(len(bundle)), Digest: digestOf(bundle)}},
		Subject:       &v1.Descriptor{MediaType: desc.MediaType, Size: desc.Size, Digest: desc.Digest},
	})
	if err != nil {
		return err
	}
	for _, blob := range []v1.Layer{layer, static.NewLayer(config, "application/vnd.oci.empty.v1+json")} {
		if err := remote.WriteLayer(subject.Context(), blob, remote.WithTransport(r.transport())); err != nil {
			return err
		}
	}
	return remote.Put(subject.Context().Digest(digestOf(manifest).String()), artifact(manifest),
		remote.WithTransport(r.transport()))
}

// artifact is a manifest to be stored as it is.
type artifact []byte

func (a artifact) RawManifest() ([]byte, error)        { return a, nil }
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a artifact) Digest() (v1.Hash, error)            { return digestOf(a), nil }
func (a artifact) Size() (int64, error)                { return int64(len(a)), nil }

func (c Claims) withTruth(image Pushed) Claims {
	if c.Digest == "" {
		c.Digest = image.Digest
	}
	if c.Repository == "" {
		c.Repository = image.Repository
	}
	if c.PredicateType == "" {
		c.PredicateType = "https://sigstore.dev/cosign/sign/v1"
	}
	if c.Alter == nil {
		c.Alter = func(b []byte) []byte { return b }
	}
	return c
}

// sign uses the algorithms of cosign 3: Ed25519ph, and the others over SHA-256.
func sign(key crypto.Signer, message []byte) ([]byte, error) {
	if _, ok := key.(ed25519.PrivateKey); ok {
		sum := sha512.Sum512(message)
		return key.Sign(rand.Reader, sum[:], &ed25519.Options{Hash: crypto.SHA512})
	}
	sum := sha256.Sum256(message)
	return key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

var _ http.Handler = (*Registry)(nil)
