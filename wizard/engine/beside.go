package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/clawsetup/clawsetup/templates"
)

// Beside is a program that runs in the network of another container, hardened as
// everything else, and sees secret files.
type Beside struct {
	// Image is the id of a local image, Command what follows its entrypoint.
	Image   string
	Command []string
	// Secrets are host files that it finds under their names in /run/secrets. They are
	// mounted one by one: it cannot enter the folder that they are in.
	Secrets []string
	// Project is the compose project that it counts to, for whoever clears up.
	Project string
	Labels  map[string]string
}

const (
	besideMemory = 64 << 20
	besidePids   = 64
)

// RunBeside runs b until it ends or the container with that id does, and returns
// what it printed: nothing in the second case. The program is removed again.
func (e *Engine) RunBeside(ctx context.Context, id string, b Beside) (string, error) {
	pids := int64(besidePids)
	var binds []string
	for _, s := range b.Secrets {
		binds = append(binds, s+":"+templates.SecretsPath+"/"+filepath.Base(s)+":ro")
	}
	labels := maps.Clone(b.Labels)
	labels[LabelProject] = b.Project
	made, err := e.api.ContainerCreate(ctx,
		&container.Config{Image: b.Image, Cmd: b.Command, User: templates.GatewayUser, Labels: labels},
		&container.HostConfig{
			NetworkMode: container.NetworkMode("container:" + id), ReadonlyRootfs: true, CapDrop: []string{"ALL"},
			SecurityOpt: []string{"no-new-privileges", "seccomp=" + string(templates.Seccomp())}, Binds: binds,
			Resources: container.Resources{Memory: besideMemory, MemorySwap: besideMemory, PidsLimit: &pids},
			// What it prints is read back, whatever the engine's own way of logging is.
			LogConfig: container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "1"}},
		}, nil, nil, "")
	if err != nil {
		return "", fmt.Errorf("making a container: %w", err)
	}
	defer func() {
		_ = e.api.ContainerRemove(context.WithoutCancel(ctx), made.ID, container.RemoveOptions{Force: true})
	}()
	if err := e.api.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		if alive, aliveErr := e.alive(ctx, id); aliveErr == nil && !alive {
			return "", nil
		}
		return "", fmt.Errorf("starting a container: %w", err)
	}
	ended, failed := e.api.ContainerWait(ctx, made.ID, container.WaitConditionNotRunning)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case r := <-ended:
			if r.StatusCode != 0 {
				return "", fmt.Errorf("a program in the container's network ended with exit code %d: %s", r.StatusCode, e.LastWords(ctx, made.ID))
			}
			return e.printed(ctx, made.ID)
		case err := <-failed:
			return "", fmt.Errorf("waiting for a container: %w", errors.Join(err, ctx.Err()))
		case <-tick.C:
			if alive, err := e.alive(ctx, id); err != nil || !alive {
				return "", err
			}
		}
	}
}

func (e *Engine) alive(ctx context.Context, id string) (bool, error) {
	c, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return false, fmt.Errorf("asking the engine for container %.12s: %w", id, err)
	}
	return c.State != nil && c.State.Running, nil
}

func (e *Engine) printed(ctx context.Context, id string) (string, error) {
	r, err := e.api.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true})
	if err != nil {
		return "", fmt.Errorf("reading what a container printed: %w", err)
	}
	defer func() { _ = r.Close() }()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, io.Discard, io.LimitReader(r, mostOutput)); err != nil {
		return "", fmt.Errorf("reading what a container printed: %w", err)
	}
	return out.String(), nil
}

// Has tells whether there is something at path in a container's file system.
func (e *Engine) Has(ctx context.Context, id, path string) (bool, error) {
	_, err := e.api.ContainerStatPath(ctx, id, path)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s in container %.12s: %w", path, id, err)
	}
	return true, nil
}

// Folders are the folders that hold the paths: a path itself where it is a folder, else
// the one that it is in. They are sorted, without those inside another.
func (e *Engine) Folders(ctx context.Context, id string, paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		st, err := e.api.ContainerStatPath(ctx, id, p)
		if err != nil {
			continue // it is gone again, or a link that leads nowhere
		}
		if !st.Mode.IsDir() {
			p = path.Dir(p)
		}
		out = append(out, p)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	outermost := out[:0]
	for _, p := range out {
		if n := len(outermost); n > 0 && (outermost[n-1] == "/" || len(p) > len(outermost[n-1]) && p[:len(outermost[n-1])+1] == outermost[n-1]+"/") {
			continue
		}
		outermost = append(outermost, p)
	}
	return outermost, nil
}
