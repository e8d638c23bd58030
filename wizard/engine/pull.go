package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Image is an image in the engine.
type Image struct {
	// ID is the engine's name for its content.
	ID string
	// ByConfig says that ID is the digest of its configuration; with Podman it may be that.
	ByConfig bool
	// Digests are of the indexes and manifests that the engine fetched it by.
	Digests []string
	// Entrypoint, Cmd, Env, WorkingDir, User and StopSignal are of its configuration.
	Entrypoint, Cmd, Env         []string
	WorkingDir, User, StopSignal string
	// Volumes are the folders that it declares as such, sorted.
	Volumes []string
	// Size is in bytes.
	Size int64
}

// ErrNoImage says that the engine does not have an image.
var ErrNoImage = errors.New("the engine does not have this image")

// Layer is how far one layer of a pull is.
type Layer struct {
	// ID is the layer's short digest.
	ID string
	// What the engine does with it: "Downloading", "Extracting", "Pull complete" …
	Status string
	// Current and Total are in bytes; Total is 0 when it is not known.
	Current, Total int64
}

// Inspect returns the image that the engine has under ref, "repository@sha256:…" or an
// image id. It proves that the digest is one of that image and that it is built for
// this engine. Without it the error is ErrNoImage.
func (e *Engine) Inspect(ctx context.Context, ref string) (Image, error) {
	got, err := e.api.ImageInspect(ctx, ref)
	if cerrdefs.IsNotFound(err) {
		return Image{}, fmt.Errorf("%w: %s", ErrNoImage, text.Clean(ref, 200))
	}
	if err != nil {
		return Image{}, fmt.Errorf("asking the engine for the image %s: %w", text.Clean(ref, 200), err)
	}
	if _, digest, found := strings.Cut(ref, "@"); found {
		has := func(d string) bool { return strings.HasSuffix(d, "@"+digest) }
		if got.ID != digest && !slices.ContainsFunc(got.RepoDigests, has) {
			return Image{}, hint.With(fmt.Errorf("S-03: the engine's image for %s has another digest", text.Clean(ref, 200)), "image-retagged")
		}
	}
	if got.Architecture != e.Architecture || got.Os != "linux" {
		return Image{}, hint.With(fmt.Errorf("S-03: the image %s is built for %s/%s, the engine runs linux/%s", text.Clean(ref, 200),
			text.Clean(got.Os, 20), text.Clean(got.Architecture, 20), e.Architecture), "image-platform", "linux/"+e.Architecture)
	}
	facts, err := e.Facts(ctx)
	if err != nil {
		return Image{}, err
	}
	img := Image{ID: got.ID, Size: got.Size, ByConfig: e.Name == "Docker" && !facts.ContainerdStore}
	for _, r := range got.RepoDigests {
		if _, digest, found := strings.Cut(r, "@"); found {
			img.Digests = append(img.Digests, digest)
		}
	}
	if c := got.Config; c != nil {
		img.Entrypoint, img.Cmd, img.Env, img.WorkingDir, img.User, img.StopSignal = c.Entrypoint, c.Cmd, c.Env, c.WorkingDir, c.User, c.StopSignal
		img.Volumes = slices.Sorted(maps.Keys(c.Volumes))
	}
	return img, nil
}

// Pull fetches ref, "repository@sha256:…", unless the engine has it, and inspects
// it. The engine itself checks the content against the digest. login is the value of
// the X-Registry-Auth header, empty for none.
func (e *Engine) Pull(ctx context.Context, ref, login string, report func(Layer)) (Image, error) {
	img, err := e.Inspect(ctx, ref)
	if !errors.Is(err, ErrNoImage) {
		return img, err
	}
	stream, err := e.api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: login, Platform: "linux/" + e.Architecture})
	if err != nil {
		return Image{}, pullError(ref, err.Error())
	}
	defer func() { _ = stream.Close() }()
	if err := readPull(stream, report); err != nil {
		return Image{}, pullError(ref, err.Error())
	}
	return e.Inspect(ctx, ref)
}

func pullError(ref, why string) error {
	return hint.With(fmt.Errorf("pulling %s: %s", text.Clean(ref, 200), text.Clean(why, 300)), "image-pull")
}

var layerID = regexp.MustCompile(`^[0-9a-f]{12,64}$`)

// longestPullLine bounds one message of a pull, in bytes.
const longestPullLine = 256 << 10

// readPull reads the engine's progress messages, one JSON object a line, to their
// end. An error among them is the pull's.
func readPull(r io.Reader, report func(Layer)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestPullLine)
	for lines.Scan() {
		var m struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			Error    string `json:"error"`
			Progress struct {
				Current int64 `json:"current"`
				Total   int64 `json:"total"`
			} `json:"progressDetail"`
		}
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return errors.New("the engine's progress cannot be read")
		}
		if m.Error != "" {
			return errors.New(text.Clean(m.Error, 300))
		}
		// Other ids are names of what is pulled.
		if layerID.MatchString(m.ID) && report != nil {
			report(Layer{ID: text.Clean(m.ID, 20), Status: text.Clean(m.Status, 40), Current: max(m.Progress.Current, 0), Total: max(m.Progress.Total, 0)})
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the engine's progress: %w", err)
	}
	return nil
}

// Load gives the engine an image that was made here, unless it has it, and returns
// the engine's id for it: the digest of its configuration, or of its manifest where
// the engine keeps images in containerd's store.
func (e *Engine) Load(ctx context.Context, g GatewayImage) (string, error) {
	for _, id := range g.ids() {
		if _, err := e.Inspect(ctx, id); err == nil {
			return id, nil
		}
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(g.write(w)) }()
	resp, err := e.api.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err != nil {
		return "", fmt.Errorf("giving the gateway's image to the engine: %w", errors.Join(err, r.Close()))
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close(), r.Close()); err != nil {
		return "", fmt.Errorf("giving the gateway's image to the engine: %w", err)
	}
	for _, id := range g.ids() {
		if _, err := e.Inspect(ctx, id); err == nil {
			return id, nil
		}
	}
	return "", errors.New("S-03: the engine knows the gateway's image by another id than was given to it")
}
