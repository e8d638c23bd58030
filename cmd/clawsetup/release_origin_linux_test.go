//go:build release

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// The signature vouches for the checksums, and for no others.
func TestReleaseSignature(t *testing.T) {
	r := theRelease(t)
	cosign := os.Getenv("CLAWSETUP_TEST_COSIGN")
	if cosign == "" {
		parttest.Missing(t, "cosign is missing")
	}
	sums := filepath.Join(r.dir, "checksums.txt")
	verify := func(file string) error {
		return exec.Command(cosign, "verify-blob", "--bundle", sums+".sigstore.json", "--key", *signedWith, "--insecure-ignore-tlog", file).Run()
	}
	if err := verify(sums); err != nil {
		t.Errorf("the signature of the checksums: %v", err)
	}
	b, err := os.ReadFile(sums)
	check(t, err)
	edited := filepath.Join(t.TempDir(), "checksums.txt")
	check(t, os.WriteFile(edited, bytes.Replace(b, []byte("clawsetup"), []byte("clawsetop"), 1), 0o600))
	if verify(edited) == nil {
		t.Error("the signature vouches for an edited file")
	}
}

// What a release says is what the changelog says of its version, and nothing of others;
// a version without a date has no release.
func TestReleaseNotes(t *testing.T) {
	parts, err := filepath.Abs(filepath.Join("..", "..", ".ci", "release-parts"))
	check(t, err)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte("# Changelog\n\n## [Unreleased]\n\n- later\n\n## [1.10.0] - 2026-12-02\n\n### Added\n\n- ten\n\n"+
		"## [1.1.0] - 2026-12-01\n\n- one\n\n## [1.0.0]\n\n- undated\n\n## [0.9.0] - 2026-11-30\n\n[1.1.0]: https://example.test/\n"), 0o600))
	for tag, want := range map[string]string{"v1.10.0": "### Added\n\n- ten", "v1.1.0": "- one", "v1.0.0": "", "v0.9.0": "", "v1.1": "", "v2.0.0": ""} {
		c := exec.Command("bash", "-euc", `. "$1"; release_notes "$2"`, "notes", parts, tag)
		c.Dir = dir
		out, err := c.Output()
		if got := strings.TrimSpace(string(out)); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%s: %q, %v", tag, got, err)
		}
	}
}

// bom is what of a CycloneDX document is looked at.
type bom struct {
	BOMFormat string
	Metadata  struct {
		Component  struct{ Version string }
		Properties []struct{ Name, Value string }
	}
	Components []struct {
		Name, Version string
		Hashes        []struct{ Alg, Content string }
	}
}

// Each program has a document that is of this very program and names every module in
// it, and Go itself.
func TestReleaseSBOM(t *testing.T) {
	r := theRelease(t)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			var b bom
			readJSON(t, r.file(t, "_"+system+"_"+arch+".cdx.json"), &b)
			program := r.program(t, system, arch)
			content, err := os.ReadFile(program)
			check(t, err)
			sum := sha256.Sum256(content)
			properties := map[string]string{}
			for _, p := range b.Metadata.Properties {
				properties[p.Name] = p.Value
			}
			if b.BOMFormat != "CycloneDX" || properties["cdx:gomod:binary:hash:SHA-256"] != hex.EncodeToString(sum[:]) || !strings.HasPrefix(b.Metadata.Component.Version, "v") {
				t.Errorf("%s-%s: a %q of %q, version %q; the program is %x", system, arch, b.BOMFormat,
					properties["cdx:gomod:binary:hash:SHA-256"], b.Metadata.Component.Version, sum)
			}
			named := map[string]bool{}
			for _, c := range b.Components {
				named[c.Name+" "+c.Version] = true
			}
			info, err := buildinfo.ReadFile(program)
			check(t, err)
			for _, m := range info.Deps {
				if !named[m.Path+" "+m.Version] {
					t.Errorf("%s-%s: the document does not name %s %s", system, arch, m.Path, m.Version)
				}
			}
			if len(info.Deps) == 0 || !named["std "+info.GoVersion] {
				t.Errorf("%s-%s: Go itself (%s) is not named", system, arch, info.GoVersion)
			}
		}
	}
}

// program is the one for that system, before it is packed.
func (r release) program(t *testing.T, system, arch string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "clawsetup_"+system+"_"+arch+"_*", "clawsetup*"))
	check(t, err)
	if len(found) != 1 {
		t.Fatalf("programs for %s on %s: %q", system, arch, found)
	}
	return found[0]
}

// pushImage makes the image as .ci/release does and gives its reference by digest.
func (r release) pushImage(t *testing.T, image, tag string) string {
	t.Helper()
	c := exec.Command("bash", "-euc", `. .ci/parts; . .ci/release-parts; push_image "$@"`, "push", r.dir, image, tag)
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), "PATH="+os.Getenv("CLAWSETUP_PARTS")+":"+os.Getenv("PATH"))
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the image: %v\n%s%s", err, out, said.Bytes())
	}
	return image + "@" + strings.TrimSpace(string(out))
}

// The image has the program and nothing else, runs as nobody, is there for both
// platforms, and is the same each time.
func TestReleaseImage(t *testing.T) {
	r := theRelease(t)
	registry, engine := os.Getenv("CLAWSETUP_TEST_REGISTRY"), os.Getenv("CLAWSETUP_TEST_ENGINE")
	if registry == "" || engine == "" {
		parttest.Missing(t, "a registry and an engine are missing")
	}
	ref := r.pushImage(t, registry+"/clawsetup", "v0.0.1")
	if _, first, _ := strings.Cut(ref, "@"); !strings.HasSuffix(r.pushImage(t, registry+"/again", "v0.0.1"), first) {
		t.Error("the same programs gave another digest")
	}
	docker := func(args ...string) string { return must(t, append([]string{"docker", "--host", engine}, args...)...) }
	docker("pull", "--quiet", ref)
	var b build
	check(t, json.Unmarshal([]byte(docker("run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", ref, "version", "--json")), &b))
	if b.OS != "linux" || b.Arch != runtime.GOARCH || !strings.HasPrefix(b.Version, "v") {
		t.Errorf("in the container: %+v", b)
	}
	var images []struct {
		Config struct {
			User       string
			Entrypoint []string
			Env        []string
			Labels     map[string]string
		}
		RootFS struct{ Layers []string }
	}
	check(t, json.Unmarshal([]byte(docker("image", "inspect", ref)), &images))
	c := images[0].Config
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/clawsetup"}) || c.Labels["org.opencontainers.image.revision"] == "" || len(images[0].RootFS.Layers) != 1 {
		t.Errorf("the image: %+v", images[0])
	}
	id := strings.TrimSpace(docker("create", "--network=none", ref))
	defer docker("rm", id)
	files := filepath.Join(t.TempDir(), "files.tar")
	docker("export", "--output", files, id)
	if got := programsIn(t, files); !slices.Equal(got, []string{"clawsetup"}) {
		t.Errorf("programs in the image: %q", got)
	}
	tryPlatforms(t, ref)
}

// programsIn are the regular files in a container's file system that have content:
// the engine itself adds empty ones to mount over.
func programsIn(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	var out []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		check(t, err)
		if h.Typeflag == tar.TypeReg && h.Size > 0 {
			out = append(out, h.Name)
		}
	}
}

func tryPlatforms(t *testing.T, ref string) {
	t.Helper()
	var index struct {
		Manifests []struct {
			Platform struct{ OS, Architecture string }
		}
	}
	out := must(t, filepath.Join(os.Getenv("CLAWSETUP_PARTS"), "crane"), "manifest", ref)
	check(t, json.Unmarshal([]byte(out), &index))
	var got []string
	for _, m := range index.Manifests {
		got = append(got, m.Platform.OS+"/"+m.Platform.Architecture)
	}
	if !slices.Equal(got, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("platforms: %q in %s", got, out)
	}
}
