package image_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/image"
)

const (
	ociIndex    = "application/vnd.oci.image.index.v1+json"
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
)

// documents is a registry of hand-written answers.
type documents map[string]struct{ mediaType, body string }

func (d documents) add(mediaType, body string) (digest string) {
	digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body)))
	d[digest] = struct{ mediaType, body string }{mediaType, body}
	return digest
}

func (d documents) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/v2/" {
		return
	}
	doc, ok := d[req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]]
	if !ok {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", doc.mediaType)
	_, _ = w.Write([]byte(doc.body))
}

func (d documents) resolve(t *testing.T, mediaType, top string) (image.Image, error) {
	t.Helper()
	d["latest"] = struct{ mediaType, body string }{mediaType, top}
	srv := httptest.NewServer(d)
	defer srv.Close()
	return resolver(t).Resolve(t.Context(), strings.TrimPrefix(srv.URL, "http://")+"/a/b")
}

func descriptor(mediaType, digest string, size int, more string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, mediaType, digest, size, more)
}

const (
	amd64  = `,"platform":{"os":"linux","architecture":"amd64"}`
	config = `{"os":"linux","architecture":"amd64","created":"not a date","config":{}}`
)

// TestHandWritten walks the documents a hostile or broken publisher could push: their digests
// are right, their meaning is not.
func TestHandWritten(t *testing.T) {
	d := documents{}
	configDigest := d.add("application/octet-stream", config)
	cfg := descriptor(ociConfig, configDigest, len(config), "")
	layer := descriptor("application/vnd.oci.image.layer.v1.tar+gzip", digestA, 10, "")
	manifest := `{"schemaVersion":2,"config":` + cfg + `,"layers":[` + layer + `]}`
	mDigest := d.add(ociManifest, manifest)
	entry := descriptor(ociManifest, mDigest, len(manifest), amd64)
	index := func(entries ...string) string {
		return `{"schemaVersion":2,"mediaType":"` + ociIndex + `","manifests":[` + strings.Join(entries, ",") + `]}`
	}
	nested := index(entry)
	nestedDigest := d.add(ociIndex, nested)
	disguised := d.add(ociManifest, nested)
	chart := strings.Replace(manifest, ociConfig, "application/vnd.cncf.helm.config.v1+json", 1)
	arm64 := strings.Replace(amd64, "amd64", "arm64", 1)

	evil := func(more string) string { return descriptor(ociManifest, "sha256:"+strings.Repeat("b", 64), 1, more) }
	typeless := strings.Replace(index(entry), `"mediaType":"`+ociIndex+`",`, "", 1)

	for _, c := range []struct{ name, mediaType, body, hint string }{
		{"manifest", ociManifest, manifest, ""},
		{"manifest with charset", ociManifest + "; charset=utf-8", manifest, ""},
		{"index", ociIndex, index(entry), ""},
		{"second variant", ociIndex, index(descriptor(ociManifest, digestA, 1, `,"platform":{"os":"linux","architecture":"amd64","variant":"v3"}`), entry), ""},
		{"the platform by another name", ociIndex, index(strings.Replace(entry, "amd64", "X86_64", 1)), ""},
		{"the platform twice, the same", ociIndex, index(entry, entry), ""},
		{"the platform twice", ociIndex, index(entry, evil(amd64)), "image-content"},
		{"the platform twice, the other first", ociIndex, index(evil(`,"platform":{"os":"linux","architecture":"amd64","variant":"v1"}`), entry), "image-content"},
		{"the platform twice, by another name", ociIndex, index(entry, evil(`,"platform":{"os":"Linux","architecture":"x86-64"}`)), "image-content"},
		{"the platform twice, an attestation by its own word", ociIndex, index(evil(amd64+`,"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`), entry), "image-content"},
		{"another platform twice", ociIndex, index(evil(arm64), descriptor(ociManifest, digestA, 2, arm64), entry), ""},
		{"an attestation", ociIndex, index(evil(`,"platform":{"os":"unknown","architecture":"unknown"}`), evil(`,"platform":{"os":"unknown","architecture":"unknown"}`), entry), ""},
		{"nested index", ociIndex, index(descriptor(ociIndex, nestedDigest, len(nested), amd64)), "image-content"},
		{"nested, disguised", ociIndex, index(descriptor(ociManifest, disguised, len(nested), amd64)), "image-content"},
		{"wrong size", ociIndex, index(descriptor(ociManifest, mDigest, len(manifest)+1, amd64)), "image-content"},
		{"wrong type", ociIndex, index(descriptor("application/vnd.docker.distribution.manifest.v2+json", mDigest, len(manifest), amd64)), "image-content"},
		{"sha512 entry", ociIndex, index(descriptor(ociManifest, "sha512:"+strings.Repeat("a", 128), 1, amd64)), "image-content"},
		{"path for a digest", ociIndex, index(descriptor(ociManifest, "sha256:../../../v2/", 1, amd64)), "image-content"},
		{"platform lies", ociIndex, index(descriptor(ociManifest, mDigest, len(manifest), arm64)), "image-platform"},
		{"no platform", ociIndex, index(descriptor(ociManifest, mDigest, len(manifest), "")), "image-platform"},
		{"empty index", ociIndex, index(), "image-platform"},
		{"both kinds", ociIndex, strings.TrimSuffix(index(entry), "}") + `,"layers":[]}`, "image-content"},
		{"neither kind", ociManifest, `{"schemaVersion":2}`, "image-content"},
		{"index served as manifest", ociManifest, index(entry), "image-content"},
		{"index without a type", ociIndex, typeless, ""},
		{"the same served as manifest", ociManifest, typeless, "image-content"},
		{"manifest served as index", ociIndex, manifest, "image-content"},
		{"entry of a foreign type", ociIndex, index(descriptor(`text/x`+"\r\n", mDigest, len(manifest), amd64)), "image-content"},
		{"calls itself an index", ociManifest, strings.Replace(manifest, "{", `{"mediaType":"`+ociIndex+`",`, 1), "image-content"},
		{"schema 1", "application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1,"fsLayers":[]}`, "image-content"},
		{"schema 1, disguised", ociManifest, `{"schemaVersion":1,"config":{},"layers":[]}`, "image-content"},
		{"schema 3", ociManifest, strings.Replace(manifest, `"schemaVersion":2`, `"schemaVersion":3`, 1), "image-content"},
		{"plain json", "application/json", manifest, "image-content"},
		{"no type", "", manifest, "image-content"},
		{"html", ociManifest, "<html>\x1b[2J", "image-content"},
		{"helm chart", ociManifest, chart, "image-content"},
		{"negative layer", ociManifest, strings.Replace(manifest, `"size":10`, `"size":-1`, 1), "image-content"},
		{"overflowing layers", ociManifest, `{"schemaVersion":2,"config":` + cfg + `,"layers":[` +
			strings.Repeat(descriptor("x", digestA, 1<<62, "")+",", 3) + layer + `]}`, "image-content"},
		{"many layers", ociManifest, `{"schemaVersion":2,"config":` + cfg + `,"layers":[` + strings.Repeat(layer+",", 600) + layer + `]}`, "image-content"},
		{"huge config", ociManifest, strings.Replace(manifest, cfg, descriptor(ociConfig, digestA, 1<<30, ""), 1), "image-content"},
		{"wrong config size", ociManifest, strings.Replace(manifest, cfg, strings.Replace(cfg, fmt.Sprintf(`"size":%d`, len(config)), `"size":5`, 1), 1), "image-content"},
		{"absent config", ociManifest, strings.Replace(manifest, cfg, descriptor(ociConfig, digestA, 5, ""), 1), "image-not-found"},
		{"embedded config", ociManifest, strings.Replace(manifest, cfg, descriptor(ociConfig, digestA, 2, `,"data":"e30="`), 1), "image-not-found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img, err := d.resolve(t, c.mediaType, c.body)
			if c.hint != "" {
				wantHint(t, err, c.hint)
				if strings.HasPrefix(c.name, "schema 1") && !strings.Contains(err.Error(), "old schema 1") {
					t.Errorf("%v does not name the old schema", err)
				}
				return
			}
			if err != nil || img.PlatformDigest != mDigest || img.ConfigDigest != configDigest || img.Size != 10 || !img.Created.IsZero() {
				t.Fatalf("%+v %v", img, err)
			}
		})
	}
}

// TestEndlessRedirects checks that a registry cannot keep the process busy.
func TestEndlessRedirects(t *testing.T) {
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v2/" {
			n++
			http.Redirect(w, req, fmt.Sprintf("/v2/a/b/manifests/%d", n), http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	_, err := resolver(t).Resolve(t.Context(), strings.TrimPrefix(srv.URL, "http://")+"/a/b")
	wantHint(t, err, "image-network")
	if n > 11 {
		t.Fatalf("%d redirects were followed", n)
	}
}

// TestRedirectedBlobSecret checks that the signature in a blob store's address stays out of errors.
func TestRedirectedBlobSecret(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path == "/v2/":
		case strings.Contains(req.URL.RawQuery, "canary"):
			panic(http.ErrAbortHandler)
		default:
			http.Redirect(w, req, "/store?X-Signature=canary", http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	_, err := resolver(t).Resolve(t.Context(), strings.TrimPrefix(srv.URL, "http://")+"/a/b")
	wantHint(t, err, "image-network")
	if strings.Contains(err.Error(), "canary") {
		t.Fatal(err)
	}
}

// TestBearerLogin goes the way of Docker Hub: a token server, then a token that is not enough.
func TestBearerLogin(t *testing.T) {
	var srv *httptest.Server
	tokens := 0
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/token" {
			tokens++
			_, _ = w.Write([]byte(`{"token":"canary-token"}`))
			return
		}
		if req.Header.Get("Authorization") == "Bearer canary-token" && req.URL.Path == "/v2/a/b/manifests/latest" {
			w.Header().Set("Content-Type", ociManifest)
			_, _ = w.Write([]byte(`{}`))
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+srv.URL+`/token",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	_, err := resolver(t).Resolve(t.Context(), host+"/a/b")
	wantHint(t, err, "image-content") // logged in; the body is no manifest
	_, err = resolver(t).Resolve(t.Context(), host+"/a/private")
	wantHint(t, err, "image-login")
	if tokens == 0 || strings.Contains(err.Error(), "canary") {
		t.Fatalf("%d tokens, %v", tokens, err)
	}
}
