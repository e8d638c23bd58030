package image_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

const repo = "legard/claude-code-proxy"

func start(t *testing.T) *imagetest.Registry {
	t.Helper()
	return started(t, imagetest.NewRegistry())
}

func started(t *testing.T, r *imagetest.Registry) *imagetest.Registry {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func push(t *testing.T, r *imagetest.Registry, o imagetest.ProxyOptions) imagetest.Pushed {
	t.Helper()
	p, err := r.PushProxy(repo, "latest", o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// resolver reads as linux/amd64 wherever the test runs.
func resolver(t *testing.T) *image.Resolver {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &image.Resolver{Transport: tr, Keychain: image.Anonymous, Platform: v1.Platform{OS: "linux", Architecture: "amd64"}}
}

func wantHint(t *testing.T, err error, id string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with the hint %s", id)
	}
	if h, ok := hint.Of(err); !ok || h.ID != id {
		t.Fatalf("hint %q, want %q: %v", h.ID, id, err)
	}
	assertPrintable(t, err)
}

func TestResolveIndex(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	img, err := resolver(t).Resolve(t.Context(), p.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != p.Digest || img.PlatformDigest != p.Platforms["linux/amd64"] || img.Digest == img.PlatformDigest {
		t.Errorf("digests %s %s, pushed %+v", img.Digest, img.PlatformDigest, p)
	}
	if img.Reference != p.Reference || img.Pinned() != p.Repository+"@"+p.Digest {
		t.Errorf("reference %s, pinned %s", img.Reference, img.Pinned())
	}
	if img.OS != "linux" || img.Architecture != "amd64" || img.User != "" || !img.RunsAsRoot() || img.WorkingDir != "/app" {
		t.Errorf("%+v", img)
	}
	if img.Entrypoint != nil || !slices.Equal(img.Cmd, []string{"uv", "run", "start_proxy.py"}) {
		t.Errorf("runs %q %q", img.Entrypoint, img.Cmd)
	}
	if img.Size < 3*1024 {
		t.Errorf("%d bytes", img.Size)
	}
	if want := time.Date(2026, 9, 14, 8, 30, 0, 0, time.UTC); !img.Created.Equal(want) {
		t.Errorf("created %s", img.Created)
	}
}

func TestResolveForms(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{User: "1000:1000", Entrypoint: []string{"/entry"}, Cmd: []string{}})
	for _, ref := range []string{p.Repository, p.Repository + "@" + p.Digest, p.Repository + ":gone@" + p.Digest} {
		img, err := resolver(t).Resolve(t.Context(), ref)
		if err != nil || img.Digest != p.Digest || img.User != "1000:1000" || img.RunsAsRoot() || !slices.Equal(img.Entrypoint, []string{"/entry"}) {
			t.Errorf("%s: %+v %v", ref, img, err)
		}
	}
	arm := resolver(t)
	arm.Platform.Architecture = "arm64"
	if img, err := arm.Resolve(t.Context(), p.Repository); err != nil || img.PlatformDigest != p.Platforms["linux/arm64"] {
		t.Errorf("arm64: %+v %v", img, err)
	}
	single, err := r.PushProxy(repo, "single", imagetest.ProxyOptions{Single: true})
	if err != nil {
		t.Fatal(err)
	}
	img, err := resolver(t).Resolve(t.Context(), single.Reference)
	if err != nil || img.Digest != single.Digest || img.PlatformDigest != single.Digest {
		t.Errorf("single: %+v %v", img, err)
	}
}

func TestResolveDefaultPlatform(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{Platforms: []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}}})
	res := resolver(t)
	res.Platform = v1.Platform{}
	img, err := res.Resolve(t.Context(), p.Reference)
	if err != nil || img.OS != "linux" || img.Architecture != runtime.GOARCH {
		t.Fatalf("%+v %v", img, err)
	}
}

func TestResolvePlatformMissing(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{Platforms: []v1.Platform{
		{OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "s390x"}, {OS: "linux", Architecture: "evil\x1b[2J"},
	}})
	_, err := resolver(t).Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-platform")
	var e *image.PlatformError
	if !errors.As(err, &e) || e.Wanted != "linux/amd64" || !slices.Equal(e.Available, []string{"linux/arm64", "linux/s390x", "linux/evil·[2J"}) {
		t.Fatalf("%+v", err)
	}
	single, err := r.PushProxy(repo, "single", imagetest.ProxyOptions{Single: true, Platforms: []v1.Platform{{OS: "linux", Architecture: "arm64"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = resolver(t).Resolve(t.Context(), single.Reference)
	wantHint(t, err, "image-platform")
}

// TestResolveLiars checks that no digest and no image comes from a registry that
// serves something other than what it says.
func TestResolveLiars(t *testing.T) {
	for name, lie := range map[string]imagetest.Lie{
		"manifest swapped":   imagetest.SwappedManifest,
		"blob swapped":       imagetest.SwappedBlob,
		"manifest truncated": imagetest.TruncatedManifest,
		"manifest broken":    imagetest.BrokenManifest,
		"blob truncated":     imagetest.TruncatedBlob,
		"manifest huge":      imagetest.HugeManifest,
		"blob huge":          imagetest.HugeBlob,
		"type confused":      imagetest.ConfusedType,
		"schema 1":           imagetest.SchemaOne,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			p := push(t, r, imagetest.ProxyOptions{})
			single, err := r.PushProxy(repo, "single", imagetest.ProxyOptions{Single: true})
			if err != nil {
				t.Fatal(err)
			}
			r.Tell(lie)
			refs := []string{p.Reference, p.Repository + "@" + p.Digest, single.Repository + "@" + single.Digest}
			if lie != imagetest.SwappedManifest {
				// By a tag, whatever is served whole is what the tag names.
				refs = append(refs, single.Reference)
			}
			for _, ref := range refs {
				img, err := resolver(t).Resolve(t.Context(), ref)
				wantHint(t, err, "image-content")
				var e *image.ContentError
				if !errors.As(err, &e) || img.Digest != "" {
					t.Fatalf("%+v %v", img, err)
				}
			}
			r.Tell(imagetest.Truth)
			if _, err := resolver(t).Resolve(t.Context(), p.Reference); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestResolveIgnoresHeader checks that a false Docker-Content-Digest changes nothing.
func TestResolveIgnoresHeader(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	r.Tell(imagetest.FalseHeader)
	img, err := resolver(t).Resolve(t.Context(), p.Reference)
	if err != nil || img.Digest != p.Digest || img.PlatformDigest != p.Platforms["linux/amd64"] {
		t.Fatalf("%+v %v", img, err)
	}
}

func TestResolveRefusesConfigurations(t *testing.T) {
	for name, change := range map[string]func(*v1.ConfigFile){
		"escape in cmd":          func(c *v1.ConfigFile) { c.Config.Cmd = []string{"sh", "\x1b[2J"} },
		"line break in cmd":      func(c *v1.ConfigFile) { c.Config.Cmd = []string{"sh", "-c", "a\nb"} },
		"bidi in entrypoint":     func(c *v1.ConfigFile) { c.Config.Entrypoint = []string{"/en\u202etry"} },
		"control in working dir": func(c *v1.ConfigFile) { c.Config.WorkingDir = "/app\x00" },
		"line break in user":     func(c *v1.ConfigFile) { c.Config.User = "root\nuser" },
		"compose in user":        func(c *v1.ConfigFile) { c.Config.User = "a: b" },
		"control in path":        func(c *v1.ConfigFile) { c.Config.Env = []string{"PATH=/a\x07"} },
		"nameless variable":      func(c *v1.ConfigFile) { c.Config.Env = []string{"=x"} },
		"port":                   func(c *v1.ConfigFile) { c.Config.ExposedPorts = map[string]struct{}{"80;x": {}} },
		"many words":             func(c *v1.ConfigFile) { c.Config.Cmd = make([]string, 200) },
		"long word":              func(c *v1.ConfigFile) { c.Config.Cmd = []string{strings.Repeat("a", 10000)} },
		"other architecture":     func(c *v1.ConfigFile) { c.Architecture = "riscv64" },
		"other system":           func(c *v1.ConfigFile) { c.OS = "windows" },
		"no architecture":        func(c *v1.ConfigFile) { c.Architecture = "" },
	} {
		t.Run(name, func(t *testing.T) {
			p := push(t, start(t), imagetest.ProxyOptions{Config: change})
			res := resolver(t)
			// The registry is not the server's: only the content counts.
			_, err := res.Resolve(t.Context(), p.Reference)
			wantHint(t, err, "image-content")
		})
	}
}

func TestUsers(t *testing.T) {
	r := start(t)
	for user, root := range map[string]bool{"": true, "0": true, "root": true, "0:0": true, "root:root": true, ":1000": true,
		"1000": false, "1000:1000": false, "app": false, "app:root": false, "svc_x$": false} {
		p := push(t, r, imagetest.ProxyOptions{User: user})
		img, err := resolver(t).Resolve(t.Context(), p.Reference)
		if err != nil || img.User != user || img.RunsAsRoot() != root {
			t.Errorf("user %q: %q root %v, %v", user, img.User, img.RunsAsRoot(), err)
		}
	}
}

// TestEnvironmentValuesStayOut checks that a secret baked into an image does not travel.
func TestEnvironmentValuesStayOut(t *testing.T) {
	p := push(t, start(t), imagetest.ProxyOptions{Env: []string{"OPENAI_API_KEY=sk-canary", "PATH=/bin"}})
	img, err := resolver(t).Resolve(t.Context(), p.Reference)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%+v", img); strings.Contains(s, "canary") {
		t.Fatal(s)
	}
}

func TestResolveNeedsTransport(t *testing.T) {
	if _, err := (&image.Resolver{Keychain: image.Anonymous}).Resolve(t.Context(), "localhost:1/a"); err == nil {
		t.Fatal("resolved without a transport")
	}
}
