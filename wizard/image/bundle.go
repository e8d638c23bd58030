package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Names of the sigstore bundle as cosign stores it, from
// github.com/sigstore/cosign specs/BUNDLE_SPEC.md and
// github.com/in-toto/attestation.
const (
	bundleType    = "application/vnd.dev.sigstore.bundle"
	inTotoType    = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	signPredicate = "https://sigstore.dev/cosign/sign/v1"
	emptyConfig   = "application/vnd.oci.empty.v1+json"
	maxBundle     = 1 << 20
	maxReferrers  = 256
)

// bundles checks the sigstore bundles that refer to the image.
func (v verification) bundles(ctx context.Context) error {
	referrers, err := v.referrers(ctx)
	if err != nil {
		return err
	}
	return firstValid(len(referrers), func(i int) error { return v.bundle(ctx, referrers[i]) })
}

// referrers lists what may be bundles: by the referrers API, or, where the
// registry has none, by the tag sha256-<hex> (OCI distribution-spec, "Unavailable
// Referrers API").
func (v verification) referrers(ctx context.Context) ([]v1.Descriptor, error) {
	list, err := v.s.get(ctx, "referrers", v.digest, []types.MediaType{types.OCIImageIndex}, maxManifest)
	var refusal *RegistryError
	switch {
	case err == nil && list.mediaType == types.OCIImageIndex:
	case err == nil, errors.As(err, &refusal) && noReferrersAPI(refusal.Status):
		list, err = v.s.manifest(ctx, strings.Replace(v.digest, ":", "-", 1), []types.MediaType{types.OCIImageIndex})
		if missing(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	var index struct {
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(list.body, &index); err != nil {
		return nil, refuse(ReasonMalformed, "the list of referrers: %v", err)
	}
	if len(index.Manifests) > maxReferrers {
		index.Manifests = index.Manifests[:maxReferrers]
	}
	return mayBeBundles(index.Manifests), nil
}

func noReferrersAPI(status int) bool {
	return slices.Contains([]int{http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable}, status)
}

// mayBeBundles keeps what says it is a bundle, then what a registry that knows
// no artifact types shows by its configuration's type.
func mayBeBundles(list []v1.Descriptor) []v1.Descriptor {
	var sure, unsure []v1.Descriptor
	for _, d := range list {
		switch {
		case strings.HasPrefix(d.ArtifactType, bundleType):
			sure = append(sure, d)
		case d.ArtifactType == "" || d.ArtifactType == emptyConfig:
			unsure = append(unsure, d)
		}
	}
	sure = append(sure, unsure...)
	return sure[:min(len(sure), maxCandidates)]
}

// bundle checks one referrer: a manifest with one bundle. What image it is about is
// decided by the signed statement, not by the manifest's subject.
func (v verification) bundle(ctx context.Context, desc v1.Descriptor) error {
	digest := desc.Digest.String()
	if !reDigest().MatchString(digest) {
		return refuse(ReasonMalformed, "a referrer has no sha256 digest")
	}
	doc, err := v.s.manifest(ctx, digest, []types.MediaType{types.OCIManifestSchema1})
	if err != nil {
		return unreadable(err)
	}
	var m struct {
		ArtifactType string          `json:"artifactType"`
		Layers       []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(doc.body, &m); err != nil {
		return refuse(ReasonMalformed, "the referrer %s: %v", digest, err)
	}
	if !strings.HasPrefix(m.ArtifactType, bundleType) {
		return refuse(ReasonMissing, "")
	}
	if len(m.Layers) != 1 || !strings.HasPrefix(string(m.Layers[0].MediaType), bundleType) {
		return refuse(ReasonMalformed, "the referrer %s does not hold exactly one bundle", digest)
	}
	raw, err := v.s.blob(ctx, m.Layers[0].Digest, m.Layers[0].Size, maxBundle)
	if err != nil {
		return unreadable(err)
	}
	return v.checkBundle(raw)
}

// checkBundle verifies the DSSE envelope of a bundle and compares the in-toto
// statement in it with the image.
func (v verification) checkBundle(raw []byte) error {
	var b struct {
		MediaType string `json:"mediaType"`
		Envelope  *struct {
			Payload     []byte `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []struct {
				Sig []byte `json:"sig"`
			} `json:"signatures"`
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(raw, &b); err != nil {
		return refuse(ReasonMalformed, "the bundle: %v", err)
	}
	if !strings.HasPrefix(b.MediaType, bundleType) {
		return refuse(ReasonMalformed, "the bundle calls itself %q", text.Clean(b.MediaType, 80))
	}
	if b.Envelope == nil || len(b.Envelope.Signatures) != 1 || b.Envelope.PayloadType != inTotoType {
		return refuse(ReasonMalformed, "the bundle does not hold one signed in-toto statement")
	}
	// Pre-authentication encoding of github.com/secure-systems-lab/dsse protocol.md.
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d %s",
		len(b.Envelope.PayloadType), b.Envelope.PayloadType, len(b.Envelope.Payload), b.Envelope.Payload)
	if !signed(v.key, message, b.Envelope.Signatures[0].Sig) {
		return refuse(ReasonWrongKey, "")
	}
	return checkStatement(b.Envelope.Payload, v.digest)
}

// checkStatement compares a verified statement with the image. The predicate
// must be cosign's signature: the same key may sign a bill of materials, which vouches
// for nothing.
func checkStatement(payload []byte, digest string) error {
	var st struct {
		Type    string `json:"_type"`
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(payload, &st); err != nil {
		return refuse(ReasonMalformed, "the statement: %v", err)
	}
	if st.Type != statementType || st.PredicateType != signPredicate || len(st.Subject) != 1 {
		return refuse(ReasonMalformed, "it is a statement of %q, not a signature of one image", text.Clean(st.PredicateType, 80))
	}
	if got := "sha256:" + st.Subject[0].Digest["sha256"]; got != digest {
		return refuse(ReasonWrongDigest, "it names %s", text.Clean(got, shownInError))
	}
	return nil
}

// unreadable turns content that is not what its digest says into a malformed
// signature, so that one broken candidate does not hide a valid one beside it. Other failures of
// the registry stay what they are.
func unreadable(err error) error {
	var c *ContentError
	if errors.As(err, &c) {
		return refuse(ReasonMalformed, "%s: %s", c.What, c.Why)
	}
	if missing(err) {
		return refuse(ReasonMalformed, "the registry lists a signature that it does not hold")
	}
	return err
}
