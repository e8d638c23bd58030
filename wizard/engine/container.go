package engine

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// LabelProject is the label by which compose finds what belongs to a project.
const LabelProject = "com.docker.compose.project"

// Other labels of compose's.
const (
	labelService = "com.docker.compose.service"
	labelHash    = "com.docker.compose.config-hash"
	labelNumber  = "com.docker.compose.container-number"
)

// stopTime is how long a container or a program gets to end by itself.
const stopTime = 10 * time.Second

// Container is one container of a stack, as the engine describes it.
type Container struct {
	container.InspectResponse
	// Raw is the whole description: what docker inspect shows.
	Raw []byte
}

// Service is the container's service in the compose file.
func (c Container) Service() string { return c.Config.Labels[labelService] }

// ConfigHash is compose's digest of what the container was made from.
func (c Container) ConfigHash() string { return c.Config.Labels[labelHash] }

// Number tells the containers of one service apart.
func (c Container) Number() int {
	n, err := strconv.Atoi(c.Config.Labels[labelNumber])
	if err != nil {
		return 0
	}
	return n
}

// Running tells whether its program runs now.
func (c Container) Running() bool { return c.State != nil && c.State.Running && !c.State.Restarting }

// Health is what its own check says: "healthy", "unhealthy", "starting", or "none".
func (c Container) Health() string {
	if c.State == nil || c.State.Health == nil {
		return "none"
	}
	return cmp.Or(text.Clean(c.State.Health.Status, 20), "none")
}

// IP is its address on the network of that name in the compose file; empty when it
// has none.
func (c Container) IP(project, networkName string) string {
	if c.NetworkSettings == nil {
		return ""
	}
	if n := c.NetworkSettings.Networks[project+"_"+networkName]; n != nil {
		return n.IPAddress
	}
	return ""
}

// MadeAt is when the container was made.
func (c Container) MadeAt() time.Time {
	t, err := time.Parse(time.RFC3339Nano, c.Created)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Containers are those of a compose project, stopped ones included, ordered by
// service and number.
func (e *Engine) Containers(ctx context.Context, project string) ([]Container, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", LabelProject+"="+project))})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for the containers of %s: %w", project, err)
	}
	return e.described(ctx, list)
}

// described are the containers of a list as the engine describes each, ordered by
// service and number.
func (e *Engine) described(ctx context.Context, list []container.Summary) ([]Container, error) {
	var out []Container
	for _, c := range list {
		got, raw, err := e.api.ContainerInspectWithRaw(ctx, c.ID, false)
		if cerrdefs.IsNotFound(err) {
			continue // it ended meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("asking the engine for container %.12s: %w", c.ID, err)
		}
		if got.Config == nil || got.HostConfig == nil || got.State == nil {
			return nil, fmt.Errorf("the engine's description of container %.12s is incomplete", c.ID)
		}
		out = append(out, Container{InspectResponse: got, Raw: raw})
	}
	slices.SortFunc(out, func(a, b Container) int {
		return cmp.Or(cmp.Compare(a.Service(), b.Service()), cmp.Compare(a.Number(), b.Number()))
	})
	return out, nil
}

// Resembling are the containers that look like a proxy, whoever made them: their image's
// name holds repository, or they publish the port. At most mostAlike of them are
// described.
func (e *Engine) Resembling(ctx context.Context, repository string, port uint16) ([]Container, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("asking the engine for its containers: %w", err)
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool {
		publishes := slices.ContainsFunc(c.Ports, func(p container.Port) bool { return p.PublicPort == port })
		return !strings.Contains(c.Image, repository) && !publishes
	})
	if len(list) > mostAlike {
		return nil, fmt.Errorf("%d containers look like the proxy, more than are looked at", len(list))
	}
	return e.described(ctx, list)
}

const mostAlike = 50

// Built is the architecture that an image was built for, such as "amd64", by its id.
func (e *Engine) Built(ctx context.Context, id string) (string, error) {
	got, err := e.api.ImageInspect(ctx, id)
	if err != nil {
		return "", fmt.Errorf("asking the engine for the image %s: %w", text.Clean(id, 80), err)
	}
	return text.Clean(got.Architecture, 20), nil
}

// Network describes a network of a compose project.
func (e *Engine) Network(ctx context.Context, project, name string) (network.Inspect, error) {
	n, err := e.api.NetworkInspect(ctx, project+"_"+name, network.InspectOptions{})
	if err != nil {
		return n, fmt.Errorf("asking the engine for the network %s_%s: %w", project, name, err)
	}
	return n, nil
}

// Remove stops a container, politely at first, and removes it with the volumes that are
// its own alone.
func (e *Engine) Remove(ctx context.Context, id string) error {
	seconds := int(stopTime / time.Second)
	err := e.api.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds})
	if err == nil || cerrdefs.IsNotFound(err) {
		err = e.api.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
	if err != nil && !cerrdefs.IsNotFound(err) {
		return fmt.Errorf("removing container %.12s: %w", id, err)
	}
	return nil
}

// Deaths counts how often each container of a project ended since then, by id. The
// engine remembers some hundred events only.
func (e *Engine) Deaths(ctx context.Context, project string, since, until time.Time) (map[string]int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, errs := e.api.Events(ctx, events.ListOptions{
		Since: seconds(since), Until: seconds(until),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "die"), filters.Arg("label", LabelProject+"="+project)),
	})
	out := map[string]int{}
	for {
		select {
		case m := <-messages:
			out[m.Actor.ID]++
		case err := <-errs:
			if err == nil || errors.Is(err, io.EOF) {
				return out, nil
			}
			return nil, fmt.Errorf("asking the engine for events: %w", err)
		}
	}
}

// seconds is a time as the engine reads it, to the nanosecond: what happened in the
// present second counts.
func seconds(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// Run runs a program inside a container and returns what it printed. A program that
// fails is an error with its last words.
func (e *Engine) Run(ctx context.Context, id string, argv ...string) (string, error) {
	created, err := e.api.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: argv, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return "", fmt.Errorf("running a program in container %.12s: %w", id, err)
	}
	attached, err := e.api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return "", fmt.Errorf("running a program in container %.12s: %w", id, err)
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var out, errOut bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &errOut, io.LimitReader(attached.Reader, mostOutput))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("running a program in container %.12s: %w", id, err)
	}
	ended, err := e.api.ContainerExecInspect(ctx, created.ID)
	if err != nil {
		return "", fmt.Errorf("running a program in container %.12s: %w", id, err)
	}
	if ended.ExitCode != 0 {
		return out.String(), fmt.Errorf("%s in container %.12s ended with exit code %d: %s", argv[0], id, ended.ExitCode, text.Clean(errOut.String(), 200))
	}
	return out.String(), nil
}

// mostOutput bounds what is read of a program or a log, in bytes.
const mostOutput = 64 << 10

// LastWords are the end of what a container wrote to its log, on one line, fit to be
// shown. Never a secret: it is asked of trial containers alone, which have none.
func (e *Engine) LastWords(ctx context.Context, id string) string {
	r, err := e.api.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "5"})
	if err != nil {
		return ""
	}
	defer func() { _ = r.Close() }()
	var out bytes.Buffer
	_, _ = stdcopy.StdCopy(&out, &out, io.LimitReader(r, mostOutput))
	words := bytes.TrimSpace(out.Bytes())
	if len(words) > longestWords {
		words = words[len(words)-longestWords:]
	}
	return text.Clean(string(words), longestWords)
}

const longestWords = 300

// Changed lists the paths that a container made or changed in its root file system.
func (e *Engine) Changed(ctx context.Context, id string) ([]string, error) {
	changes, err := e.api.ContainerDiff(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("asking the engine what container %.12s wrote: %w", id, err)
	}
	var out []string
	for _, c := range changes {
		if c.Kind != container.ChangeDelete {
			out = append(out, c.Path)
		}
	}
	return out, nil
}
