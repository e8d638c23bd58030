package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrInUse says that something of an image is still in use by a container.
var ErrInUse = errors.New("is in use by another container")

// Owned is what the engine holds of an installation, by the names that remove it.
type Owned struct {
	Containers []Container
	Networks   []string
	Volumes    []string
	// Images are the gateway's, older ones too, and those that were asked for.
	Images []string
}

// Owned lists what belongs to the compose projects, every image of a gateway, and those
// of the images in refs ("repository@sha256:…") that are there.
func (e *Engine) Owned(ctx context.Context, projects, refs []string) (Owned, error) {
	var out Owned
	for _, project := range projects {
		containers, err := e.Containers(ctx, project)
		if err != nil {
			return out, err
		}
		out.Containers = append(out.Containers, containers...)
		of := filters.NewArgs(filters.Arg("label", labelProject+"="+project))
		networks, err := e.api.NetworkList(ctx, network.ListOptions{Filters: of})
		if err != nil {
			return out, fmt.Errorf("asking the engine for the networks of %s: %w", project, err)
		}
		for _, n := range networks {
			out.Networks = append(out.Networks, n.Name)
		}
		volumes, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: of})
		if err != nil {
			return out, fmt.Errorf("asking the engine for the volumes of %s: %w", project, err)
		}
		for _, v := range volumes.Volumes {
			out.Volumes = append(out.Volumes, v.Name)
		}
	}
	var err error
	out.Images, err = e.ownedImages(ctx, refs)
	return out, err
}

func (e *Engine) ownedImages(ctx context.Context, refs []string) ([]string, error) {
	list, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", templates.LabelManaged+"=true"))})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for the gateway's images: %w", err)
	}
	var out []string
	for _, i := range list {
		names := slices.DeleteFunc(slices.Clone(i.RepoTags), func(t string) bool { return strings.HasPrefix(t, "<none>") })
		if len(names) == 0 {
			out = append(out, i.ID)
		}
		// A name that somebody else gave to it is his.
		out = append(out, slices.DeleteFunc(names, func(t string) bool { return !strings.HasPrefix(t, gatewayName) })...)
	}
	for _, ref := range refs {
		_, err := e.api.ImageInspect(ctx, ref)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("asking the engine for the image %s: %w", text.Clean(ref, 200), err)
		}
		out = append(out, ref)
	}
	return out, nil
}

// RemoveNetwork removes a network; a missing one is no error.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	if err := e.api.NetworkRemove(ctx, name); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the network %s: %w", text.Clean(name, 100), err)
	}
	return nil
}

// RemoveVolume removes a volume; a missing one is no error.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	if err := e.api.VolumeRemove(ctx, name, false); err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing the volume %s: %w", text.Clean(name, 100), err)
	}
	return nil
}

// RemoveImage removes an image by a name, or takes the name from it when it has others;
// a missing one is no error. One that a container was made from stays: ErrInUse.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	_, err := e.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	switch {
	case err == nil, cerrdefs.IsNotFound(err):
		return nil
	case cerrdefs.IsConflict(err):
		return fmt.Errorf("the image %s %w", text.Clean(ref, 200), ErrInUse)
	default:
		return fmt.Errorf("removing the image %s: %w", text.Clean(ref, 200), err)
	}
}

// Descriptions are what docker inspect shows of every container of the engine, by name:
// whoever they belong to.
func (e *Engine) Descriptions(ctx context.Context) (map[string][]byte, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its containers: %w", err)
	}
	out := map[string][]byte{}
	for _, c := range list {
		_, raw, err := e.api.ContainerInspectWithRaw(ctx, c.ID, false)
		if cerrdefs.IsNotFound(err) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("asking the engine for container %.12s: %w", c.ID, err)
		}
		name := c.ID
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		out[text.Clean(name, 100)] = raw
	}
	return out, nil
}
