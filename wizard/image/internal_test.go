package image

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	testDigest     = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	testRepository = "docker.io/a/b"
)

func testSession(t testing.TB) *session {
	t.Helper()
	ref, err := parse(testRepository)
	if err != nil {
		t.Fatal(err)
	}
	return &session{ref: ref}
}

func assertShown(t *testing.T, err error) {
	t.Helper()
	for _, r := range err.Error() {
		if !unicode.IsPrint(r) {
			t.Fatalf("%q holds %U", err, r)
		}
	}
	if len(err.Error()) > 4000 {
		t.Fatalf("an error of %d bytes", len(err.Error()))
	}
}

func envelope(t testing.TB, key *ecdsa.PrivateKey, payload string) []byte {
	t.Helper()
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(inTotoType), inTotoType, len(payload), payload))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"mediaType": bundleType + ".v0.3+json", "dsseEnvelope": map[string]any{
		"payload": []byte(payload), "payloadType": inTotoType, "signatures": []any{map[string]any{"sig": sig}}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const statement = `{"_type":"` + statementType + `","predicateType":"` + signPredicate + `","subject":[{"digest":{"sha256":"%s"}}]}`

// FuzzBundle: no bundle may pass but one that holds the very payload the key signed.
func FuzzBundle(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good := envelope(f, key, fmt.Sprintf(statement, testDigest[7:]))
	f.Add(good)
	f.Add(envelope(f, key, fmt.Sprintf(statement, strings.Repeat("2", 64))))
	f.Add(envelope(f, key, "{}"))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{}}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"` + "\x1b" + `"}}`))
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	v := verification{key: key.Public(), digest: testDigest}
	other := verification{key: stranger.Public(), digest: testDigest}
	if err := v.checkBundle(good); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := other.checkBundle(raw); err == nil {
			t.Fatalf("a bundle passed with a key that signed nothing: %q", raw)
		}
		err := v.checkBundle(raw)
		if err == nil {
			return // only a rearrangement of the good one can get here
		}
		var e *SignatureError
		if !errors.As(err, &e) || reasonText[e.Reason] == "" {
			t.Fatalf("%T %v", err, err)
		}
		assertShown(t, err)
	})
}

// FuzzSimpleSigning: whatever the signed payload says, it passes only with the
// digest and the repository that were asked for.
func FuzzSimpleSigning(f *testing.F) {
	const payload = `{"critical":{"identity":{"docker-reference":%q},"image":{"docker-manifest-digest":%q},"type":"cosign container image signature"},"optional":null}`
	good := []byte(fmt.Sprintf(payload, "index.docker.io/a/b", testDigest))
	for _, s := range []string{string(good), fmt.Sprintf(payload, "docker.io/a/b:v1", testDigest), fmt.Sprintf(payload, "a/c", testDigest), "{}", "null", "[", "\x1b"} {
		f.Add([]byte(s))
	}
	if err := checkSimpleSigning(good, testDigest, testRepository); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := checkSimpleSigning(raw, testDigest, testRepository)
		if err == nil {
			if !strings.Contains(string(raw), "11111111") && !strings.Contains(string(raw), `\u`) {
				t.Fatalf("passed without the digest: %q", raw)
			}
			return
		}
		var e *SignatureError
		if !errors.As(err, &e) || reasonText[e.Reason] == "" {
			t.Fatalf("%T %v", err, err)
		}
		assertShown(t, err)
	})
}

// FuzzManifest: any body is told apart or refused in words that can be shown.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[{"size":1}]}`), false)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"platform":{"os":"linux","architecture":"amd64"},"annotations":{"a":"b"}}]}`), true)
	f.Add([]byte(`{"schemaVersion":1,"fsLayers":[]}`), false)
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"`+"\u202e"+`"}}`), false)
	s := testSession(f)
	f.Fuzz(func(t *testing.T, raw []byte, index bool) {
		d := document{body: raw, mediaType: types.OCIManifestSchema1, digest: hash(raw)}
		if index {
			d.mediaType = types.OCIImageIndex
		}
		k, err := s.kind(d)
		if err != nil {
			assertShown(t, err)
			return
		}
		if (k == kindIndex) != index {
			t.Fatalf("%q was served as %s and taken for %d", raw, d.mediaType, k)
		}
		if k == kindManifest {
			m, err := s.parseManifest(d)
			if err != nil {
				assertShown(t, err)
			} else if m.size < 0 {
				t.Fatalf("size %d", m.size)
			}
			return
		}
		var list struct{ Manifests []v1.Descriptor }
		if json.Unmarshal(raw, &list) == nil {
			_, available := choose(list.Manifests, v1.Platform{OS: "linux", Architecture: "amd64"})
			assertShown(t, s.noPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}, available))
		}
	})
}

// TestPlatforms: Docker takes several names for one platform, and the first entry of
// those. Which of two it takes is not ours to guess.
func TestPlatforms(t *testing.T) {
	entry := func(os, architecture, variant, digest string) v1.Descriptor {
		return v1.Descriptor{Platform: &v1.Platform{OS: os, Architecture: architecture, Variant: variant}, Digest: v1.Hash{Algorithm: "sha256", Hex: digest}}
	}
	for _, c := range []struct {
		want       string
		entries    []v1.Descriptor
		twin, find string
	}{
		{"amd64", []v1.Descriptor{entry("linux", "amd64", "v1", "evil"), entry("linux", "amd64", "", "good")}, "linux/amd64", ""},
		{"amd64", []v1.Descriptor{entry("linux", "x86_64", "", "evil"), entry("linux", "amd64", "", "good")}, "linux/amd64", ""},
		{"amd64", []v1.Descriptor{entry("LINUX", "AMD64", "V1", "evil"), entry("linux", "amd64", "", "good")}, "linux/amd64", ""},
		{"amd64", []v1.Descriptor{entry("linux", "amd64", "v3", "fast"), entry("linux", "amd64", "", "good")}, "", "good"},
		{"amd64", []v1.Descriptor{entry("linux", "amd64", "v3", "fast"), entry("linux", "amd64", "v3", "faster"), entry("linux", "amd64", "", "good")}, "linux/amd64/v3", ""},
		{"amd64", []v1.Descriptor{entry("windows", "amd64", "", "a"), entry("windows", "amd64", "", "b"), entry("linux", "amd64", "", "good")}, "", "good"},
		{"amd64", []v1.Descriptor{entry("linux", "amd64", "v1", "good")}, "", "good"},
		{"amd64", []v1.Descriptor{entry("linux", "386", "", "old")}, "", ""},
		{"arm64", []v1.Descriptor{entry("linux", "arm64", "v8", "evil"), entry("linux", "arm64", "", "good")}, "linux/arm64", ""},
		{"arm64", []v1.Descriptor{entry("linux", "aarch64", "8", "evil"), entry("linux", "arm64", "", "good")}, "linux/arm64", ""},
		{"arm64", []v1.Descriptor{entry("linux", "aarch64", "v8.0", "good")}, "", "good"},
		{"arm", []v1.Descriptor{entry("linux", "arm", "v5", "old"), entry("linux", "arm", "v6", "older"), entry("linux", "arm", "7", "good")}, "", "good"},
		{"arm", []v1.Descriptor{entry("linux", "armhf", "", "evil"), entry("linux", "arm", "", "good")}, "linux/arm/v7", ""},
		{"arm", []v1.Descriptor{entry("linux", "armel", "", "good")}, "", "good"},
		{"amd64", []v1.Descriptor{{Digest: v1.Hash{Hex: "nameless"}}, entry("linux", "amd64", "", "good")}, "", "good"},
	} {
		want := v1.Platform{OS: "linux", Architecture: c.want}
		if got := twins(c.entries, want); got != c.twin {
			t.Errorf("%v: twins %q, want %q", c.entries, got, c.twin)
		}
		if c.twin != "" {
			continue
		}
		if found, _ := choose(c.entries, want); (found == nil) != (c.find == "") || found != nil && found.Digest.Hex != c.find {
			t.Errorf("%v: found %v, want %q", c.entries, found, c.find)
		}
	}
}

// FuzzConfig: what is accepted can be written into a compose file.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"User":"app","Cmd":["a"],"Env":["PATH=/bin","K=v"],"ExposedPorts":{"80/tcp":{}}}}`))
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"User":"a\nb"}}`))
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"Cmd":["\u001b"]}}`))
	f.Add([]byte(`{"os":"linux","architecture":"amd64","config":{"Cmd":"x"}}`))
	s := testSession(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var img Image
		if err := s.applyConfig(&img, raw); err != nil {
			assertShown(t, err)
			return
		}
		words := []string{img.OS, img.Architecture, img.Variant, img.User, img.WorkingDir}
		for _, list := range [][]string{img.Entrypoint, img.Cmd} {
			words = append(words, list...)
		}
		for _, w := range words {
			for _, r := range w {
				if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
					t.Fatalf("%q was accepted", w)
				}
			}
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := LoadPublicKey(raw)
		if err != nil {
			assertShown(t, err)
			return
		}
		if signed(key, raw, raw) {
			t.Fatal("anything passes")
		}
	})
}

// TestPlainEd25519 covers what older signers make; cosign 3 makes Ed25519ph.
func TestPlainEd25519(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	sig := ed25519.Sign(private, message)
	if !signed(public, message, sig) || signed(public, []byte("messagf"), sig) || signed(public[:5], message, sig) {
		t.Fatal("plain ed25519 is misjudged")
	}
}

func TestQueriesStayOut(t *testing.T) {
	err := errors.New(`Get "https://store.example/blob?X-Signature=canary&a=b": dial tcp: refused`)
	if got := withoutQueries(err); strings.Contains(got, "canary") || !strings.Contains(got, "refused") || !strings.Contains(got, "store.example/blob") {
		t.Fatal(got)
	}
}

// TestBundleForms: a right signature does not make a document of another form a bundle.
func TestBundleForms(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v := verification{key: key.Public(), digest: testDigest}
	good := string(envelope(t, key, fmt.Sprintf(statement, testDigest[7:])))
	if err := v.checkBundle([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"other type":   strings.Replace(good, bundleType, "application/json", 1),
		"no signature": strings.Replace(good, `"signatures":[`, `"signatures":[],"x":[`, 1),
		"two of them":  strings.Replace(good, `"signatures":[`, `"signatures":[{},`, 1),
		"payload type": strings.Replace(good, inTotoType, "text/plain", 1),
		"no envelope":  strings.Replace(good, "dsseEnvelope", "messageSignature", 1),
	} {
		var e *SignatureError
		if err := v.checkBundle([]byte(raw)); !errors.As(err, &e) || e.Reason != ReasonMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
