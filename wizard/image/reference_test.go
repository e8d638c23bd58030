package image_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
)

const digestA = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func TestParseReference(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{image.DefaultReference, image.DefaultReference},
		{"legard/claude-code-proxy", "docker.io/legard/claude-code-proxy:latest"},
		{"legard/claude-code-proxy:v1.2", "docker.io/legard/claude-code-proxy:v1.2"},
		{"index.docker.io/legard/claude-code-proxy", "docker.io/legard/claude-code-proxy:latest"},
		{"alpine", "docker.io/library/alpine:latest"},
		{"docker.io/alpine:3.20", "docker.io/library/alpine:3.20"},
		{"alpine@" + digestA, "docker.io/library/alpine@" + digestA},
		{"alpine:3.20@" + digestA, "docker.io/library/alpine@" + digestA},
		{"ghcr.io/astral-sh/uv:bookworm-slim", "ghcr.io/astral-sh/uv:bookworm-slim"},
		{"localhost:5000/a/b", "localhost:5000/a/b:latest"},
		{"localhost/a", "localhost/a:latest"},
		{"127.0.0.1:5000/a:T", "127.0.0.1:5000/a:T"},
		{"[::1]:5000/a", "[::1]:5000/a:latest"},
		{"a__b/c-d.e--f", "docker.io/a__b/c-d.e--f:latest"},
	} {
		got, err := image.ParseReference(c.in)
		if err != nil || got != c.want {
			t.Errorf("ParseReference(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "a b", " alpine", "alpine ", "alpine\n", "alpine\t:x", "al\x1b[31mpine", "alpine\u202e", "ALPINE", "Legard/proxy",
		"GHCR.IO/a/b", "https://docker.io/a/b", "http://a/b", "oci://a", "a//b", "/a", "a/", "a:", "a:b:c/", "a@sha256:12",
		"a@", "a@sha512:" + strings.Repeat("a", 128), "a@SHA256:" + strings.Repeat("a", 64), "a@sha256:" + strings.Repeat("A", 64),
		"a@" + digestA + "@" + digestA, "a/../b", "a/./b", "-a", "a-", "a..b", ".a/b", "host:0/a", "host:65536/a", "host:/a", "host:x/a",
		"[::1/a", "[::1]x/a", "[1.2.3.4]:5/a", "[fe80::1%25eth0]/a", "a:" + strings.Repeat("t", 129), "a:-t", "user@host/a", "a$b", "a{b}",
		"docker.io/" + strings.Repeat("a", 256), strings.Repeat("a/", 500) + "a", "xn--\xff/a", "bücher.example/a", "docker.io/",
	} {
		got, err := image.ParseReference(in)
		if err == nil {
			t.Errorf("ParseReference(%q) = %q", in, got)
			continue
		}
		if h, ok := hint.Of(err); !ok || h.ID != "image-reference" {
			t.Errorf("ParseReference(%q): no hint in %v", in, err)
		}
		assertPrintable(t, err)
	}
}

func TestParseDigest(t *testing.T) {
	if got, err := image.ParseDigest(digestA); err != nil || got != digestA {
		t.Fatalf("%q %v", got, err)
	}
	for _, in := range []string{"", digestA[7:], digestA + "1", digestA + "\n", " " + digestA, strings.ToUpper(digestA), "sha512:" + strings.Repeat("1", 128), "sha256:\x1b"} {
		if got, err := image.ParseDigest(in); err == nil || got != "" {
			t.Errorf("ParseDigest(%q) = %q", in, got)
		} else {
			assertPrintable(t, err)
		}
	}
}

func assertPrintable(t *testing.T, err error) {
	t.Helper()
	for _, r := range err.Error() {
		if !unicode.IsPrint(r) {
			t.Fatalf("%q holds %U", err, r)
		}
	}
	if len(err.Error()) > 2000 {
		t.Fatalf("an error of %d bytes", len(err.Error()))
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{image.DefaultReference, "alpine", "a:b@" + digestA, "[::1]:5000/a", "localhost:1/a", "A b\x1b", "a//b", "h:65536/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := image.ParseReference(s)
		if err != nil {
			assertPrintable(t, err)
			return
		}
		if again, err := image.ParseReference(got); err != nil || again != got {
			t.Fatalf("%q became %q, which becomes %q: %v", s, got, again, err)
		}
		// Whatever is accepted, the library that asks the registry must read the same way.
		ref, err := name.ParseReference(got)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if want := strings.Replace(ref.Name(), "index.docker.io/", "docker.io/", 1); want != got {
			t.Fatalf("%q is read as %q", got, want)
		}
		for _, r := range got {
			if r > unicode.MaxASCII || !unicode.IsPrint(r) || r == ' ' {
				t.Fatalf("%q holds %U", got, r)
			}
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(digestA)
	f.Add("sha256:zz")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := image.ParseDigest(s)
		if err != nil {
			assertPrintable(t, err)
			return
		}
		if got != s || len(got) != 71 || !strings.HasPrefix(got, "sha256:") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
