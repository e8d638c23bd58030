package image_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

// TestResolveDefaultKeychain logs in with what docker login would have written.
func TestResolveDefaultKeychain(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	r.RequireLogin("anna", "correct horse")
	res := resolver(t)
	_, err := res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-login")

	res.Keychain = nil
	dockerConfig(t, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Host(), base64.StdEncoding.EncodeToString([]byte("anna:correct horse"))))
	if img, err := res.Resolve(t.Context(), p.Reference); err != nil || img.Digest != p.Digest {
		t.Fatal(err)
	}
	dockerConfig(t, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Host(), base64.StdEncoding.EncodeToString([]byte("anna:wrong"))))
	_, err = res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-login")
	if strings.Contains(err.Error(), "wrong") {
		t.Fatalf("the password is in %v", err)
	}
}

func dockerConfig(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("DOCKER_CONFIG", dir)
	file := filepath.Join(dir, "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBrokenDockerConfig(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	res := resolver(t)
	res.Keychain = nil
	file := dockerConfig(t, `{"auths": {`)
	_, err := res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-docker-config")
	var e *image.CredentialsError
	if !errors.As(err, &e) || e.File != file || !strings.Contains(err.Error(), file) {
		t.Fatalf("%v", err)
	}
	if r.Requests() != 0 {
		t.Fatal("the registry was asked before the configuration was read")
	}
	if err := os.Rename(file, file+".podman"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REGISTRY_AUTH_FILE", file+".podman")
	_, err = res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-docker-config")
	if !strings.Contains(err.Error(), file+".podman") {
		t.Fatal(err)
	}
}

// TestHangingKeychain checks that a helper that never answers costs no more than the context allows.
func TestHangingKeychain(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	res := resolver(t)
	res.Keychain = keychain(func(authn.Resource) (authn.Authenticator, error) {
		<-block
		return authn.Anonymous, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := res.Resolve(ctx, "localhost:1/a/b")
	wantHint(t, err, "image-credential-helper")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

type keychain func(authn.Resource) (authn.Authenticator, error)

func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) { return k(r) }
