package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Names of cosign's simple-signing format, from github.com/sigstore/cosign
// specs/SIGNATURE_SPEC.md.
const (
	simpleSigningType   = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
	simpleSigningClaim  = "cosign container image signature"
	maxPayload          = 64 << 10
	maxCandidates       = 32
)

// legacy checks the signatures under the tag sha256-<hex>.sig.
func (v verification) legacy(ctx context.Context) error {
	tag := strings.Replace(v.digest, ":", "-", 1) + ".sig"
	doc, err := v.s.manifest(ctx, tag, []types.MediaType{types.OCIManifestSchema1, types.DockerManifestSchema2})
	if missing(err) {
		return &SignatureError{Reason: ReasonMissing}
	}
	if err != nil {
		return err
	}
	var m struct {
		Layers []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(doc.body, &m); err != nil {
		return refuse(ReasonMalformed, "the manifest under the tag %s: %v", tag, err)
	}
	var layers []v1.Descriptor
	for _, l := range m.Layers {
		if l.MediaType == simpleSigningType && len(layers) < maxCandidates {
			layers = append(layers, l)
		}
	}
	return firstValid(len(layers), func(i int) error { return v.simpleSigning(ctx, layers[i]) })
}

func (v verification) simpleSigning(ctx context.Context, layer v1.Descriptor) error {
	sig, err := base64.StdEncoding.DecodeString(layer.Annotations[signatureAnnotation])
	if err != nil || len(sig) == 0 {
		return refuse(ReasonMalformed, "the signature beside the payload is not base64")
	}
	payload, err := v.s.blob(ctx, layer.Digest, layer.Size, maxPayload)
	if err != nil {
		return unreadable(err)
	}
	if !signed(v.key, payload, sig) {
		return refuse(ReasonWrongKey, "")
	}
	return checkSimpleSigning(payload, v.digest, v.s.ref.repository())
}

// checkSimpleSigning compares the claims of a payload, whose signature was
// verified, with what is to be trusted.
func checkSimpleSigning(payload []byte, digest, repository string) error {
	var p struct {
		Critical struct {
			Identity struct {
				Reference string `json:"docker-reference"`
			} `json:"identity"`
			Image struct {
				Digest string `json:"docker-manifest-digest"`
			} `json:"image"`
			Type string `json:"type"`
		} `json:"critical"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return refuse(ReasonMalformed, "the payload is not simple signing: %v", err)
	}
	if p.Critical.Type != simpleSigningClaim {
		return refuse(ReasonMalformed, "the payload is a %q", text.Clean(p.Critical.Type, 80))
	}
	if p.Critical.Image.Digest != digest {
		return refuse(ReasonWrongDigest, "it names %s", text.Clean(p.Critical.Image.Digest, shownInError))
	}
	// cosign writes the repository, with a tag if it was told to sign that too.
	ref, err := parseReference(p.Critical.Identity.Reference)
	if err != nil || ref.repository() != repository {
		return refuse(ReasonWrongRepository, "it names %s", text.Clean(p.Critical.Identity.Reference, shownInError))
	}
	return nil
}
