package imagetest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// ProxyOptions shape a pushed image. The zero value looks like the proxy's real
// image: root, no entrypoint, uv run, linux on amd64 and arm64.
type ProxyOptions struct {
	User       string
	Entrypoint []string
	// Cmd is ["uv", "run", "start_proxy.py"] when nil.
	Cmd []string
	// WorkingDir is /app when empty.
	WorkingDir string
	// Env replaces the usual variables when not nil.
	Env []string
	// Created is 2026-09-14 08:30 UTC when zero.
	Created time.Time
	// Platforms are linux/amd64 and linux/arm64 when nil.
	Platforms []v1.Platform
	// Seed makes the layers, and with them every digest, differ.
	Seed uint64
	// Single pushes the first platform's manifest without an index.
	Single bool
	// Layers take the place of the small ones that differ by platform and seed.
	Layers []v1.Layer
	// Config, when not nil, changes each platform's configuration last.
	Config func(*v1.ConfigFile)
}

// Pushed names what a push made.
type Pushed struct {
	// Reference is host/repo:tag.
	Reference string
	// Repository is host/repo.
	Repository string
	// Digest is what the tag names.
	Digest string
	// Platforms maps "linux/amd64" to the digest of its manifest.
	Platforms map[string]string
}

// PushProxy stores an image like the proxy's under repo:tag, replacing what the
// tag named before. The registry must have been started; lies, refusals and the
// login do not concern it.
func (r *Registry) PushProxy(repo, tag string, o ProxyOptions) (Pushed, error) {
	ref, err := name.NewTag(r.Host() + "/" + repo + ":" + tag)
	if err != nil {
		return Pushed{}, fmt.Errorf("pushing %s:%s: %w", repo, tag, err)
	}
	return PushProxyTo(ref, r.transport(), o)
}

// PushProxyTo stores the image in any registry, through t.
func PushProxyTo(ref name.Tag, t http.RoundTripper, o ProxyOptions) (Pushed, error) {
	o = o.withDefaults()
	out := Pushed{Reference: ref.Name(), Repository: ref.Context().Name(), Platforms: map[string]string{}}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var only v1.Image
	for _, p := range o.Platforms {
		img, err := o.image(p)
		if err != nil {
			return Pushed{}, fmt.Errorf("building %s for %s: %w", ref, p, err)
		}
		digest, err := img.Digest()
		if err != nil {
			return Pushed{}, fmt.Errorf("hashing %s for %s: %w", ref, p, err)
		}
		out.Platforms[p.String()] = digest.String()
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &p}})
		if only == nil {
			only = img
		}
	}
	if o.Single {
		digest, err := only.Digest()
		if err != nil {
			return Pushed{}, fmt.Errorf("hashing %s: %w", ref, err)
		}
		out.Digest = digest.String()
		return out, wrap("pushing "+ref.Name(), remote.Write(ref, only, remote.WithTransport(t)))
	}
	index, err := withAttestation(index)
	if err != nil {
		return Pushed{}, fmt.Errorf("attesting %s: %w", ref, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return Pushed{}, fmt.Errorf("hashing %s: %w", ref, err)
	}
	out.Digest = digest.String()
	return out, wrap("pushing "+ref.Name(), remote.WriteIndex(ref, index, remote.WithTransport(t)))
}

func (o ProxyOptions) withDefaults() ProxyOptions {
	if o.Cmd == nil {
		o.Cmd = []string{"uv", "run", "start_proxy.py"}
	}
	if o.WorkingDir == "" {
		o.WorkingDir = "/app"
	}
	if o.Env == nil {
		o.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "UV_TOOL_BIN_DIR=/usr/local/bin"}
	}
	if o.Created.IsZero() {
		o.Created = time.Date(2026, 9, 14, 8, 30, 0, 0, time.UTC)
	}
	if o.Platforms == nil {
		o.Platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	}
	return o
}

// image builds one platform's image: three small layers that differ by platform
// and seed and are the same in every run.
func (o ProxyOptions) image(p v1.Platform) (v1.Image, error) {
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	layers := slices.Clone(o.Layers)
	for _, file := range o.files() {
		layer, err := layer(file, p, o.Seed)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	img, err := mutate.AppendLayers(base, layers...)
	if err != nil {
		return nil, err
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Variant = p.OS, p.Architecture, p.Variant
	cf.Created = v1.Time{Time: o.Created}
	cf.Config = v1.Config{
		User: o.User, Entrypoint: o.Entrypoint, Cmd: o.Cmd, WorkingDir: o.WorkingDir, Env: o.Env,
		ExposedPorts: map[string]struct{}{"8082/tcp": {}},
	}
	if o.Config != nil {
		o.Config(cf)
	}
	return mutate.ConfigFile(img, cf)
}

// files are what the small layers hold, one each.
func (o ProxyOptions) files() []string {
	if len(o.Layers) > 0 {
		return nil
	}
	return []string{"usr/local/bin/uv", "app/start_proxy.py", "app/.venv/pyvenv.cfg"}
}

// File is one file of a layer.
type File struct {
	Name    string
	Mode    int64
	Content []byte
}

// Layer makes an uncompressed layer of files.
func Layer(files ...File) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{".": true}
	for _, f := range files {
		// As in the layers of real images: some engines make the folders that are not in
		// it unreadable.
		if err := folders(w, path.Dir(f.Name), made); err != nil {
			return nil, err
		}
		h := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), nil
}

// folders writes dir with those above it, once.
func folders(w *tar.Writer, dir string, made map[string]bool) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := folders(w, path.Dir(dir), made); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
}

// layer is an uncompressed tar, so that its digest does not depend on a compressor.
func layer(file string, p v1.Platform, seed uint64) (v1.Layer, error) {
	random := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%s %s %d", file, p, seed)))
	content := make([]byte, 1024)
	if _, err := random.Read(content); err != nil {
		return nil, err
	}
	return Layer(File{Name: file, Mode: 0o644, Content: content})
}

// withAttestation adds the "unknown/unknown" manifest that BuildKit puts beside
// each image.
func withAttestation(index v1.ImageIndex) (v1.ImageIndex, error) {
	statement := static.NewLayer([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[]}`), "application/vnd.in-toto+json")
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), statement)
	if err != nil {
		return nil, err
	}
	return mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
		Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"},
	}}), nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// transport reaches the registry's storage without the network, past its lies.
func (r *Registry) transport() http.RoundTripper { return direct{r.inner} }

type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	answer := &recorder{header: http.Header{}}
	d.handler.ServeHTTP(answer, req)
	answer.WriteHeader(http.StatusOK)
	body := bytes.NewReader(answer.body.Bytes())
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status, Header: answer.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: readCloser{body}, ContentLength: body.Size(), Request: req,
	}, nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func digestOf(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
