package engine

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// executable is an ELF file with segments of these kinds and nothing in them.
func executable(t testing.TB, segments ...elf.ProgType) []byte {
	t.Helper()
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(machines[runtime.GOARCH]), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments))}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if err := binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(s), Flags: uint32(elf.PF_R | elf.PF_X)}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestCheckStatic(t *testing.T) {
	static := executable(t, elf.PT_PHDR, elf.PT_LOAD, elf.PT_NOTE)
	for name, c := range map[string]struct {
		program []byte
		want    string
	}{
		"static":                 {static, ""},
		"static, with addresses": {executable(t, elf.PT_LOAD, elf.PT_DYNAMIC), ""}, // static-pie
		"linked":                 {executable(t, elf.PT_LOAD, elf.PT_INTERP, elf.PT_DYNAMIC), "is linked to shared libraries"},
		"nothing":                {nil, "is no Linux executable"},
		"text":                   {[]byte("#!/bin/sh\nexec clawsetup egress\n"), "is no Linux executable"},
		"Windows":                {[]byte("MZ\x90\x00\x03\x00\x00\x00"), "is no Linux executable"},
		"macOS":                  {[]byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"), "is no Linux executable"},
		"its first bytes":        {static[:4], "is no Linux executable"},
		"its header":             {static[:64], "is no Linux executable"},
		"all but the last byte":  {static[:len(static)-1], "is no Linux executable"},
	} {
		err := checkStatic(c.program)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestCheckStaticOfThisProgram: Go links a program with the network in it to libc
// with cgo, and to nothing without.
func TestCheckStaticOfThisProgram(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("it does not say how it was built")
	}
	cgo := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "CGO_ENABLED" })
	if cgo < 0 {
		t.Fatalf("it does not say whether it was built with cgo: %v", info)
	}
	want := ""
	switch {
	case runtime.GOOS != "linux":
		want = "is no Linux executable"
	case info.Settings[cgo].Value == "1":
		want = "is linked to shared libraries"
	}
	err = checkStatic(program)
	if (err == nil) != (want == "") || err != nil && err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if runtime.GOOS == "linux" && checkStatic(program[:len(program)/2]) == nil {
		t.Error("half of it passes")
	}
}

func gateway(t testing.TB, program, architecture string) GatewayImage {
	t.Helper()
	g, err := NewGatewayImage([]byte(program), architecture, "clawsetup-0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGatewayImageIsReproducible: the same program is the same image of an installation, so that a
// stack is not made anew without need; anything else is another.
func TestGatewayImageIsReproducible(t *testing.T) {
	g, again := gateway(t, "program", "amd64"), gateway(t, "program", "amd64")
	if g.ID() != again.ID() || !slices.Equal(g.ids(), again.ids()) || !bytes.Equal(archive(t, g), archive(t, again)) {
		t.Errorf("%q, and %q of the same program", g.ids(), again.ids())
	}
	elsewhere, err := NewGatewayImage([]byte("program"), "amd64", "clawsetup-ffffffff")
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]GatewayImage{"program": gateway(t, "Program", "amd64"), "architecture": gateway(t, "program", "arm64"), "installation": elsewhere} {
		for _, id := range other.ids() {
			if slices.Contains(g.ids(), id) {
				t.Errorf("another %s has the id %s too", name, id)
			}
		}
	}
}

func TestGatewayImageNames(t *testing.T) {
	g := gateway(t, "program", "amd64")
	if len(g.ids()) != 2 || g.ids()[0] == g.ids()[1] || g.ids()[0] != g.ID() {
		t.Fatalf("%q", g.ids())
	}
	for _, id := range g.ids() {
		if _, err := hex.DecodeString(strings.TrimPrefix(id, "sha256:")); err != nil || len(id) != len("sha256:")+64 || !g.Names(id) {
			t.Errorf("%q is its name: %v", id, g.Names(id))
		}
	}
	for _, id := range []string{"", "sha256:", g.ID()[:len("sha256:")+12], strings.TrimPrefix(g.ID(), "sha256:"), gateway(t, "other", "amd64").ID()} {
		if g.Names(id) {
			t.Errorf("%q is its name", id)
		}
	}
	if (GatewayImage{}).Names("") {
		t.Error("no image has no name")
	}
}

func archive(t testing.TB, g GatewayImage) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := g.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGatewayArchiveIsDockerSave reads the archive as an engine does that names
// images by their configuration.
func TestGatewayArchiveIsDockerSave(t *testing.T) {
	g := gateway(t, "program", "arm64")
	b := archive(t, g)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	list, err := tarball.LoadManifest(open)
	if err != nil || len(list) != 1 || !slices.Equal(list[0].RepoTags, []string{"clawsetup.local/gateway:" + g.ID()[len("sha256:"):][:12]}) {
		t.Fatalf("%+v, %v", list, err)
	}
	img, err := tarball.Image(open, nil)
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := img.ConfigName(); err != nil || digest.String() != g.ID() {
		t.Errorf("%s, %v; want %s", digest, err, g.ID())
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	c := config.Config
	if config.OS != "linux" || config.Architecture != "arm64" || c.User != "65532:65532" || c.WorkingDir != "/" || c.Labels["clawsetup.managed"] != "true" ||
		!slices.Equal(c.Entrypoint, []string{"/clawsetup"}) || !slices.Equal(c.Cmd, []string{"egress", "--help"}) || len(c.Env) != 0 || len(c.Volumes) != 0 {
		t.Errorf("%s/%s %+v", config.OS, config.Architecture, c)
	}
	all, err := img.Layers()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d layers, %v", len(all), err)
	}
	if id, err := all[0].DiffID(); err != nil || len(config.RootFS.DiffIDs) != 1 || id != config.RootFS.DiffIDs[0] {
		t.Errorf("the layer is %s, %v; the configuration wants %v", id, err, config.RootFS.DiffIDs)
	}
	r, err := all[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	files := tar.NewReader(r)
	h, err := files.Next()
	if err != nil || h.Name != "clawsetup" || h.Typeflag != tar.TypeReg || h.Mode != 0o555 || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
		t.Fatalf("%+v, %v", h, err)
	}
	if content, err := io.ReadAll(files); err != nil || string(content) != "program" {
		t.Errorf("%q, %v", content, err)
	}
	if h, err := files.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("and %+v, %v", h, err)
	}
}

// TestGatewayArchiveIsOCILayout reads it as an engine does that names images by
// their manifest (containerd's store).
func TestGatewayArchiveIsOCILayout(t *testing.T) {
	g := gateway(t, "program", "amd64")
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive(t, g))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		if digest, ok := strings.CutPrefix(h.Name, "blobs/sha256/"); ok {
			if sum := sha256.Sum256(files[h.Name]); hex.EncodeToString(sum[:]) != digest {
				t.Errorf("%s has another digest", h.Name)
			}
		}
	}
	type descriptor struct {
		MediaType, Digest string
		Size              int
	}
	blob := func(d descriptor) []byte {
		b := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if len(b) == 0 || len(b) != d.Size {
			t.Fatalf("%+v has %d bytes", d, len(b))
		}
		return b
	}
	var layout struct{ ImageLayoutVersion string }
	var index struct {
		SchemaVersion int
		MediaType     string
		Manifests     []descriptor
	}
	if err := errors.Join(json.Unmarshal(files["oci-layout"], &layout), json.Unmarshal(files["index.json"], &index)); err != nil || layout.ImageLayoutVersion != "1.0.0" {
		t.Fatalf("%+v, %v", layout, err)
	}
	if index.SchemaVersion != 2 || index.MediaType != "application/vnd.oci.image.index.v1+json" || len(index.Manifests) != 1 ||
		index.Manifests[0].MediaType != "application/vnd.oci.image.manifest.v1+json" || !g.Names(index.Manifests[0].Digest) {
		t.Fatalf("%+v names no manifest of %q", index, g.ids())
	}
	var manifest struct {
		SchemaVersion int
		MediaType     string
		Config        descriptor
		Layers        []descriptor
	}
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.SchemaVersion != 2 || manifest.MediaType != index.Manifests[0].MediaType || manifest.Config.Digest != g.ID() ||
		manifest.Config.MediaType != "application/vnd.oci.image.config.v1+json" || len(manifest.Layers) != 1 ||
		manifest.Layers[0].MediaType != "application/vnd.oci.image.layer.v1.tar" {
		t.Fatalf("%+v", manifest)
	}
	blob(manifest.Config)
	blob(manifest.Layers[0])
}

// full is a disk, or an engine that hung up.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestGatewayArchiveIsWhole(t *testing.T) {
	g := gateway(t, "program", "amd64")
	n := len(archive(t, g))
	for _, room := range []int{0, 512, n / 2, n - 1} {
		if err := g.write(&full{room}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%d of %d bytes: %v", room, n, err)
		}
	}
	if err := g.write(&full{n}); err != nil {
		t.Errorf("%d bytes: %v", n, err)
	}
}

// written is a file with that content.
func written(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clawsetup")
	if err := os.WriteFile(path, content, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
