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
	// Shared are those of Images that do not say whose they are: an installation that has
	// nothing in the engine just now may use them as well.
	Shared []string
	// Others are compose projects of other installations that have something there, and
	// Kept the images that would be removed if there were none.
	Others, Kept []string
}

// OurProjects begin the names of the compose projects of every installation.
const OurProjects = "clawsetup-"

// Owned lists what belongs to the compose projects of one installation: their containers,
// networks and volumes, the images of its gateway, and those of the images in refs
// ("repository@sha256:…") that are there. What does not say whose it is, as the images in
// refs and a gateway's of an older clawsetup, is kept where another installation has
// something in the engine.
func (e *Engine) Owned(ctx context.Context, projects, refs []string) (Owned, error) {
	var out Owned
	for _, project := range projects {
		containers, err := e.Containers(ctx, project)
		if err != nil {
			return out, err
		}
		out.Containers = append(out.Containers, containers...)
		of := filters.NewArgs(filters.Arg("label", LabelProject+"="+project))
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
	if out.Others, err = e.otherProjects(ctx, projects); err != nil {
		return out, err
	}
	return out, e.ownedImages(ctx, &out, projects, refs)
}

// otherProjects are those of other installations that have a container, a network or a
// volume.
func (e *Engine) otherProjects(ctx context.Context, projects []string) ([]string, error) {
	var labels []map[string]string
	marked := filters.NewArgs(filters.Arg("label", LabelProject))
	containers, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: marked})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its containers: %w", err)
	}
	for _, c := range containers {
		labels = append(labels, c.Labels)
	}
	networks, err := e.api.NetworkList(ctx, network.ListOptions{Filters: marked})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its networks: %w", err)
	}
	for _, n := range networks {
		labels = append(labels, n.Labels)
	}
	volumes, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: marked})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its volumes: %w", err)
	}
	for _, v := range volumes.Volumes {
		labels = append(labels, v.Labels)
	}
	var out []string
	for _, l := range labels {
		if p := l[LabelProject]; strings.HasPrefix(p, OurProjects) && !slices.Contains(projects, p) {
			out = append(out, text.Clean(p, 60))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ownedImages sorts the images: those of a gateway by whom they were made for.
func (e *Engine) ownedImages(ctx context.Context, out *Owned, projects, refs []string) error {
	list, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", templates.LabelManaged+"=true"))})
	if err != nil {
		return fmt.Errorf("asking the engine for the gateway's images: %w", err)
	}
	var unsaid []string
	for _, i := range list {
		switch of := i.Labels[templates.LabelInstallation]; {
		case of == "":
			unsaid = append(unsaid, gatewayNames(i)...)
		case slices.Contains(projects, of):
			out.Images = append(out.Images, gatewayNames(i)...)
		case !slices.Contains(out.Others, of):
			out.Others = append(out.Others, text.Clean(of, 60))
		}
	}
	for _, ref := range refs {
		_, err := e.api.ImageInspect(ctx, ref)
		if cerrdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("asking the engine for the image %s: %w", text.Clean(ref, 200), err)
		}
		unsaid = append(unsaid, ref)
	}
	if len(out.Others) > 0 {
		out.Kept = unsaid
		return nil
	}
	out.Images, out.Shared = append(out.Images, unsaid...), unsaid
	return nil
}

// gatewayNames are the names by which an image of a gateway is removed. A name that
// somebody else gave to it is his.
func gatewayNames(i image.Summary) []string {
	names := slices.DeleteFunc(slices.Clone(i.RepoTags), func(t string) bool { return strings.HasPrefix(t, "<none>") })
	if len(names) == 0 {
		return []string{i.ID}
	}
	return slices.DeleteFunc(names, func(t string) bool { return !strings.HasPrefix(t, gatewayName) })
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
