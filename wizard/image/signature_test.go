package image_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

func p256(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ed(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsa2048(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// public passes the key through the form in which the operator has it.
func public(t *testing.T, key crypto.Signer) crypto.PublicKey {
	t.Helper()
	loaded, err := image.LoadPublicKey(publicPEM(t, key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func publicPEM(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

type signer func(*imagetest.Registry, imagetest.Pushed, crypto.Signer, imagetest.Claims) error

var signers = map[string]signer{
	image.FormatLegacy: (*imagetest.Registry).SignLegacy,
	image.FormatBundle: (*imagetest.Registry).SignBundle,
}

func resolved(t *testing.T, ref string) image.Image {
	t.Helper()
	img, err := resolver(t).Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestVerifySignature(t *testing.T) {
	edKey, edOther := ed(t), ed(t)
	rsaKey, rsaOther := rsa2048(t), rsa2048(t)
	for format, sign := range signers {
		for kind, key := range map[string][2]crypto.Signer{"ecdsa": {p256(t), p256(t)}, "ed25519": {edKey, edOther}, "rsa": {rsaKey, rsaOther}} {
			for api, r := range map[string]*imagetest.Registry{"tag": imagetest.NewRegistry(), "referrers": imagetest.NewRegistryWithReferrers()} {
				t.Run(format+" "+kind+" "+api, func(t *testing.T) {
					p := push(t, started(t, r), imagetest.ProxyOptions{})
					img := resolved(t, p.Reference)
					wantReason(t, img, public(t, key[0]), image.ReasonMissing)
					if err := sign(r, p, key[0], imagetest.Claims{}); err != nil {
						t.Fatal(err)
					}
					got, err := resolver(t).VerifySignature(t.Context(), img, public(t, key[0]))
					if err != nil || got != (image.Signature{Format: format}) {
						t.Fatalf("%+v %v", got, err)
					}
					wantReason(t, img, public(t, key[1]), image.ReasonWrongKey)
				})
			}
		}
	}
}

func wantReason(t *testing.T, img image.Image, key crypto.PublicKey, want image.Reason) {
	t.Helper()
	sig, err := resolver(t).VerifySignature(t.Context(), img, key)
	wantHint(t, err, "image-signature-"+string(want))
	var e *image.SignatureError
	if !errors.As(err, &e) || e.Reason != want || sig != (image.Signature{}) {
		t.Fatalf("%v, want the reason %s", err, want)
	}
	if !strings.Contains(err.Error(), img.Pinned()) {
		t.Fatalf("%v does not name %s", err, img.Pinned())
	}
}

func TestVerifySignatureRefuses(t *testing.T) {
	flip := func(b []byte) []byte { return bytes.Replace(b, []byte("sha256"), []byte("sha25\u0020"), 1) }
	for _, c := range []struct {
		name   string
		claims imagetest.Claims
		want   map[string]image.Reason
	}{
		{"altered payload", imagetest.Claims{Alter: func(b []byte) []byte { return append(b, ' ') }},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongKey, image.FormatBundle: image.ReasonWrongKey}},
		{"altered claim", imagetest.Claims{Alter: flip},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongKey, image.FormatBundle: image.ReasonWrongKey}},
		{"other digest", imagetest.Claims{Digest: digestA},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongDigest, image.FormatBundle: image.ReasonWrongDigest}},
		{"other repository", imagetest.Claims{Repository: "docker.io/evil/claude-code-proxy"},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongRepository}},
		{"no repository", imagetest.Claims{Repository: "\x1b[2J"},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongRepository}},
		{"another predicate", imagetest.Claims{PredicateType: "https://spdx.dev/Document"},
			map[string]image.Reason{image.FormatBundle: image.ReasonMalformed}},
		{"not json", imagetest.Claims{Alter: func([]byte) []byte { return []byte("\x1b[2J") }},
			map[string]image.Reason{image.FormatLegacy: image.ReasonWrongKey, image.FormatBundle: image.ReasonWrongKey}},
	} {
		for format, want := range c.want {
			t.Run(c.name+" "+format, func(t *testing.T) {
				r, key := start(t), p256(t)
				p := push(t, r, imagetest.ProxyOptions{})
				if err := signers[format](r, p, key, c.claims); err != nil {
					t.Fatal(err)
				}
				wantReason(t, resolved(t, p.Reference), public(t, key), want)
			})
		}
	}
}

// TestSignatureOfAnotherImage checks that a true signature moved to where another
// image's would be vouches for nothing.
func TestSignatureOfAnotherImage(t *testing.T) {
	for format, sign := range signers {
		t.Run(format, func(t *testing.T) {
			r, key := start(t), p256(t)
			good := push(t, r, imagetest.ProxyOptions{})
			evil := push(t, r, imagetest.ProxyOptions{Seed: 7})
			if err := sign(r, good, key, imagetest.Claims{}); err != nil {
				t.Fatal(err)
			}
			wantReason(t, resolved(t, evil.Reference), public(t, key), image.ReasonMissing)
			if err := sign(r, evil, key, imagetest.Claims{Digest: good.Digest}); err != nil {
				t.Fatal(err)
			}
			wantReason(t, resolved(t, evil.Reference), public(t, key), image.ReasonWrongDigest)
		})
	}
}

// TestPlatformSignature checks that a signature of the platform's manifest does not pass
// for one of the index that gets pinned.
func TestPlatformSignature(t *testing.T) {
	r, key := start(t), p256(t)
	p := push(t, r, imagetest.ProxyOptions{})
	part := p
	part.Digest = p.Platforms["linux/amd64"]
	for _, sign := range signers {
		if err := sign(r, part, key, imagetest.Claims{}); err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, resolved(t, p.Reference), public(t, key), image.ReasonMissing)
}

// TestOneOfSeveralSignatures checks that a stranger's signature beside the right
// one does no harm, whichever comes first.
func TestOneOfSeveralSignatures(t *testing.T) {
	r, key, stranger := start(t), p256(t), p256(t)
	p := push(t, r, imagetest.ProxyOptions{})
	img := resolved(t, p.Reference)
	for _, k := range []crypto.Signer{stranger, key, p256(t)} {
		if err := r.SignBundle(p, k, imagetest.Claims{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []crypto.Signer{stranger, key} {
		if _, err := resolver(t).VerifySignature(t.Context(), img, public(t, k)); err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, img, public(t, p256(t)), image.ReasonWrongKey)
}

// TestSignatureFromLiar checks that a registry which changes signatures on the way is found out.
func TestSignatureFromLiar(t *testing.T) {
	for format, sign := range signers {
		t.Run(format, func(t *testing.T) {
			r, key := start(t), p256(t)
			p := push(t, r, imagetest.ProxyOptions{})
			img := resolved(t, p.Reference)
			if err := sign(r, p, key, imagetest.Claims{}); err != nil {
				t.Fatal(err)
			}
			r.Tell(imagetest.SwappedBlob)
			wantReason(t, img, public(t, key), image.ReasonMalformed)
			r.Tell(imagetest.HugeBlob)
			wantReason(t, img, public(t, key), image.ReasonMalformed)
			r.Tell(imagetest.Truth)
			r.Refuse(&imagetest.Refusal{Status: 403, Code: "DENIED"})
			_, err := resolver(t).VerifySignature(t.Context(), img, public(t, key))
			wantHint(t, err, "image-login")
		})
	}
}

// TestUnreadableSignature checks that a registry which refuses to show one form of
// signature is not taken for one that has none.
func TestUnreadableSignature(t *testing.T) {
	r, key := start(t), p256(t)
	p := push(t, r, imagetest.ProxyOptions{})
	img := resolved(t, p.Reference)
	hex := strings.TrimPrefix(p.Digest, "sha256:")
	for _, hidden := range []string{"/manifests/sha256-" + hex + ".sig", "/manifests/sha256-" + hex, "/referrers/" + p.Digest} {
		res := resolver(t)
		inner := res.Transport
		res.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, hidden) {
				rec := httptest.NewRecorder()
				rec.WriteHeader(http.StatusForbidden)
				return rec.Result(), nil
			}
			return inner.RoundTrip(req)
		})
		_, err := res.VerifySignature(t.Context(), img, public(t, key))
		wantHint(t, err, "image-login")
	}
}

func TestLoadPublicKey(t *testing.T) {
	ec := p256(t)
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	good := publicPEM(t, ec.Public())
	for name, c := range map[string]struct {
		data []byte
		hint string
	}{
		"empty":       {nil, "cosign-key-form"},
		"not pem":     {[]byte("\x1b[2J"), "cosign-key-form"},
		"der":         {private, "cosign-key-form"},
		"certificate": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private}), "cosign-key-form"},
		"broken":      {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1, 2}}), "cosign-key-form"},
		"two":         {append(bytes.Clone(good), good...), "cosign-key-form"},
		"P-224":       {publicPEM(t, small.Public()), "cosign-key-form"},
		"huge":        {bytes.Repeat([]byte("\n"), 1<<20), "cosign-key-form"},
		"private":     {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "cosign-key-private"},
		"encrypted":   {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: private}), "cosign-key-private"},
		"ec private":  {pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), "cosign-key-private"},
		"both halves": {append(bytes.Clone(good), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), "cosign-key-private"},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := image.LoadPublicKey(c.data)
			wantHint(t, err, c.hint)
			if key != nil {
				t.Fatal("a key and an error")
			}
		})
	}
	if _, err := image.LoadPublicKey(append(bytes.Clone(good), '\n')); err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PublicKey{(*ecdsa.PublicKey)(nil), (*rsa.PublicKey)(nil), &ecdsa.PublicKey{}, "key"} {
		if _, err := resolver(t).VerifySignature(t.Context(), image.Image{Repository: "docker.io/a/b", Digest: digestA}, key); err == nil {
			t.Fatalf("%T was used", key)
		}
	}
}
