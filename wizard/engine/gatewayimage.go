package engine

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// ErrNoProgram says that there is no Linux program to make the gateway's image of.
var ErrNoProgram = errors.New("there is no Linux program for the gateway")

// GatewayImage is the image of the gateway: from scratch, one file, no user but a
// number. For one installation the same program makes the same image, byte by byte.
type GatewayImage struct {
	image v1.Image
	// config and manifest are the digests by which an engine may name it.
	config, manifest string
}

// OwnImage makes the gateway's image of this very program, see ProgramImage. On systems
// whose programs are not Linux's the error is ErrNoProgram.
func OwnImage(project string) (GatewayImage, error) {
	if runtime.GOOS != "linux" {
		return GatewayImage{}, hint.With(fmt.Errorf("%w on %s", ErrNoProgram, runtime.GOOS), "gateway-platform")
	}
	self, err := os.Executable()
	if err != nil {
		return GatewayImage{}, fmt.Errorf("finding the program for the gateway: %w", err)
	}
	return ProgramImage(self, project)
}

// ProgramImage makes the gateway's image of the program at path for the installation
// whose compose project that is: images of one do not go with another. It must be a
// static Linux executable for this architecture, on every system, or the error is
// ErrNoProgram: there is nothing else in the image.
func ProgramImage(path, project string) (GatewayImage, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return GatewayImage{}, fmt.Errorf("reading the program for the gateway: %w", err)
	}
	if err := checkStatic(program); err != nil {
		return GatewayImage{}, hint.With(fmt.Errorf("%w: %s %w", ErrNoProgram, path, err), "gateway-static")
	}
	return NewGatewayImage(program, runtime.GOARCH, project)
}

// machines are the architectures that the gateway is made for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// checkStatic wants an executable that needs no loader and no library.
func checkStatic(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return errors.New("is no Linux executable")
	}
	if want := machines[runtime.GOARCH]; f.Machine != want {
		return fmt.Errorf("is for another architecture (%s)", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("is linked to shared libraries")
		}
	}
	return nil
}

// NewGatewayImage makes the image of program, an executable for Linux on that
// architecture, for the installation with that compose project.
func NewGatewayImage(program []byte, architecture, project string) (GatewayImage, error) {
	layer, err := programLayer(program)
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	made, err := img.ConfigFile()
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	made = made.DeepCopy()
	made.OS, made.Architecture = "linux", architecture
	made.Config = v1.Config{
		Entrypoint: []string{templates.GatewayProgram}, Cmd: []string{"egress", "--help"}, User: templates.GatewayUser,
		WorkingDir: "/", Labels: map[string]string{templates.LabelManaged: "true", templates.LabelInstallation: project},
	}
	if img, err = mutate.ConfigFile(img, made); err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	config, err := img.ConfigName()
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	manifest, err := img.Digest()
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	return GatewayImage{image: img, config: config.String(), manifest: manifest.String()}, nil
}

// programLayer is a tar of one file, without a date, uncompressed: its digest does
// not depend on a compressor.
func programLayer(program []byte) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h := &tar.Header{Name: templates.GatewayProgram[1:], Mode: 0o555, Size: int64(len(program)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := w.WriteHeader(h); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(b.Bytes(), types.OCIUncompressedLayer), nil
}

// ID is how most engines name the image: by the digest of its configuration.
func (g GatewayImage) ID() string { return g.config }

// ManifestID is how engines name it that keep images in containerd's store.
func (g GatewayImage) ManifestID() string { return g.manifest }

func (g GatewayImage) ids() []string { return []string{g.config, g.manifest} }

// Names tells whether id is the engine's name for this image.
func (g GatewayImage) Names(id string) bool { return id != "" && (id == g.config || id == g.manifest) }

// gatewayName is what every image of a gateway is called, before its tag.
const gatewayName = "clawsetup.local/gateway:"

// write writes the image as an archive that every engine loads: in the form of "docker
// save" for those that keep images by their configuration, and as an OCI image layout
// for those that keep them by their manifest, which then has the digest that it has
// here. The name is for people: nothing refers to the image by it.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
func (g GatewayImage) write(w io.Writer) error {
	tag := gatewayName + g.config[len("sha256:"):][:12]
	files, err := g.blobs()
	if err != nil {
		return err
	}
	manifest, err := g.image.Manifest()
	if err != nil {
		return err
	}
	size, err := g.image.Size()
	if err != nil {
		return err
	}
	for name, v := range map[string]any{
		"oci-layout": map[string]string{"imageLayoutVersion": "1.0.0"},
		"index.json": map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex, "manifests": []any{map[string]any{
			"mediaType": types.OCIManifestSchema1, "digest": g.manifest, "size": size,
			"annotations": map[string]string{"io.containerd.image.name": tag, "org.opencontainers.image.ref.name": tag},
		}}},
		"manifest.json": []any{map[string]any{
			"Config": blobName(manifest.Config.Digest.String()), "RepoTags": []string{tag}, "Layers": []string{blobName(manifest.Layers[0].Digest.String())},
		}},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		files[name] = b
	}
	return writeTar(w, files)
}

func blobName(digest string) string { return "blobs/" + strings.Replace(digest, ":", "/", 1) }

// blobs are the manifest, the configuration and the layer by their names.
func (g GatewayImage) blobs() (map[string][]byte, error) {
	files := map[string][]byte{}
	for digest, read := range map[string]func() ([]byte, error){g.manifest: g.image.RawManifest, g.config: g.image.RawConfigFile} {
		b, err := read()
		if err != nil {
			return nil, err
		}
		files[blobName(digest)] = b
	}
	layers, err := g.image.Layers()
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return nil, err
		}
		r, err := l.Compressed()
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		files[blobName(digest.String())] = b
	}
	return files, nil
}

// writeTar writes files in the order of their names, without dates.
func writeTar(w io.Writer, files map[string][]byte) error {
	t := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Name: name, Mode: 0o444, Size: int64(len(files[name])), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(files[name]); err != nil {
			return err
		}
	}
	return t.Close()
}
