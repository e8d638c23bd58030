package image_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// pushLive stores an image in the real registry at host, under a repository of this
// test's own.
func pushLive(t *testing.T, host string, seed uint64) imagetest.Pushed {
	t.Helper()
	ref, err := name.NewTag(host + "/clawsetup/" + strings.ToLower(t.Name()) + ":latest")
	if err != nil {
		t.Fatal(err)
	}
	p, err := imagetest.PushProxyTo(ref, http.DefaultTransport, imagetest.ProxyOptions{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDebianRegistry reads from Debian's docker-registry, named by
// CLAWSETUP_TEST_REGISTRY=host:port, and follows a tag that is moved there.
func TestDebianRegistry(t *testing.T) {
	host := parttest.Need(t, "CLAWSETUP_TEST_REGISTRY")
	first := pushLive(t, host, 1)
	img := resolved(t, first.Reference)
	if img.Digest != first.Digest || img.PlatformDigest != first.Platforms["linux/amd64"] {
		t.Fatalf("%+v, pushed %+v", img, first)
	}
	wantReason(t, img, public(t, p256(t)), image.ReasonMissing)
	second := pushLive(t, host, 2)
	_, err := resolver(t).Judge(t.Context(), resolved(t, first.Reference), image.Trust{Pin: first.Digest})
	var changed *image.DigestChangedError
	if !errors.As(err, &changed) || changed.Pinned != first.Digest || changed.Now != second.Digest {
		t.Fatalf("%v", err)
	}
	if img := resolved(t, img.Pinned()); img.Digest != first.Digest {
		t.Fatalf("%+v", img)
	}
	_, err = resolver(t).Resolve(t.Context(), first.Repository+":absent")
	wantHint(t, err, "image-not-found")
}

// TestCosignCLI verifies what the true cosign signs. CLAWSETUP_TEST_COSIGN names the
// program, of version 3, and CLAWSETUP_TEST_REGISTRY a registry as host:port.
func TestCosignCLI(t *testing.T) {
	program, host := parttest.Need(t, "CLAWSETUP_TEST_COSIGN"), parttest.Need(t, "CLAWSETUP_TEST_REGISTRY")
	for kind, private := range map[string]crypto.Signer{"generated": nil, "ed25519": ed(t), "rsa": rsa2048(t)} {
		c := cosign{program: program, dir: t.TempDir()}
		key := c.keys(t, private)
		config := c.run(t, "signing-config", "create")
		if err := os.WriteFile(filepath.Join(c.dir, "signing-config.json"), config, 0o600); err != nil {
			t.Fatal(err)
		}
		for format, args := range map[string][]string{
			image.FormatLegacy: {"--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"},
			image.FormatBundle: {"--signing-config", "signing-config.json"},
		} {
			t.Run(kind+"/"+format, func(t *testing.T) {
				// Each run its own image: the registry may outlive the test.
				p := pushLive(t, host, uint64(time.Now().UnixNano()))
				img := resolved(t, p.Reference)
				wantReason(t, img, key, image.ReasonMissing)
				c.run(t, append(append([]string{"sign", "--key", "cosign.key", "-y"}, args...), img.Pinned())...)
				sig, err := resolver(t).VerifySignature(t.Context(), img, key)
				if err != nil || sig.Format != format {
					t.Fatalf("%+v %v", sig, err)
				}
				wantReason(t, img, public(t, p256(t)), image.ReasonWrongKey)
			})
		}
	}
}

type cosign struct{ program, dir string }

// keys makes cosign.key and cosign.pub, of the given private key or of a new one,
// and loads the public half.
func (c cosign) keys(t *testing.T, private crypto.Signer) crypto.PublicKey {
	t.Helper()
	if private == nil {
		c.run(t, "generate-key-pair")
	} else {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(c.dir, "private.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		c.run(t, "import-key-pair", "--key", file, "--output-key-prefix", "cosign")
	}
	secret, err := os.ReadFile(filepath.Join(c.dir, "cosign.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = image.LoadPublicKey(secret)
	wantHint(t, err, "cosign-key-private")
	data, err := os.ReadFile(filepath.Join(c.dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := image.LoadPublicKey(data)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (c cosign) run(t *testing.T, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, args...)
	cmd.Dir = c.dir
	// A key pair of this test alone; cosign asks for a password otherwise.
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=", "HOME="+c.dir, "DOCKER_CONFIG="+c.dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cosign %s: %v\n%s", args[0], err, stderr.String())
	}
	return out
}
