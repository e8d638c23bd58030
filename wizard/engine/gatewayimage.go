package engine

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// ErrNoProgram says that there is no Linux program to make the gateway's image of.
var ErrNoProgram = errors.New("there is no Linux program for the gateway")

// GatewayImage is the image of the gateway: from scratch, one file, no user but a
// number. The same program makes the same image, byte by byte.
type GatewayImage struct {
	image v1.Image
	// config and manifest are the digests by which an engine may name it.
	config, manifest string
}

// ProgramImage makes the gateway's image of the program at path, normally this very one.
// It must be a static Linux executable: there is nothing else in the image. On other
// systems the error is ErrNoProgram.
func ProgramImage(path string) (GatewayImage, error) {
	if runtime.GOOS != "linux" {
		return GatewayImage{}, hint.With(fmt.Errorf("%w on %s", ErrNoProgram, runtime.GOOS), "gateway-platform")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return GatewayImage{}, fmt.Errorf("reading the program for the gateway: %w", err)
	}
	if err := checkStatic(program); err != nil {
		return GatewayImage{}, hint.With(fmt.Errorf("%w: %s %w", ErrNoProgram, path, err), "gateway-static")
	}
	return NewGatewayImage(program, runtime.GOARCH)
}

// checkStatic wants an executable that needs no loader and no library.
func checkStatic(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return errors.New("is no Linux executable")
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("is linked to shared libraries")
		}
	}
	return nil
}

// NewGatewayImage makes the image of program, an executable for Linux on that
// architecture.
func NewGatewayImage(program []byte, architecture string) (GatewayImage, error) {
	layer, err := programLayer(program)
	if err != nil {
		return GatewayImage{}, fmt.Errorf("making the gateway's image: %w", err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
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
		WorkingDir: "/", Labels: map[string]string{templates.LabelManaged: "true"},
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
	return static.NewLayer(b.Bytes(), types.DockerUncompressedLayer), nil
}

// ID is how most engines name the image: by the digest of its configuration.
func (g GatewayImage) ID() string { return g.config }

func (g GatewayImage) ids() []string { return []string{g.config, g.manifest} }

// Names tells whether id is the engine's name for this image.
func (g GatewayImage) Names(id string) bool { return id != "" && (id == g.config || id == g.manifest) }

// write writes the image in the form of "docker save", under a name that shows
// people what it is; nothing refers to it by that name.
func (g GatewayImage) write(w io.Writer) error {
	tag, err := name.NewTag("clawsetup.local/gateway:" + g.config[len("sha256:"):][:12])
	if err != nil {
		return err
	}
	return tarball.Write(tag, g.image, w)
}
