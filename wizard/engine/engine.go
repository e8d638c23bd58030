// Package engine is the container engine of this host: which one the operator uses,
// the images in it, the stack that it runs by the operator's own docker compose, and
// what it says of running containers. Docker from API 1.41 (version 20.10) on, and what
// is compatible with it.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// oldestAPI is of Docker 20.10: before it an init process, private shared memory and
// platform checks are missing.
const oldestAPI = "1.41"

// ErrAbsent says that no engine answers.
var ErrAbsent = errors.New("no container engine answers")

// Engine is a connection to one engine. It is safe for concurrent use.
type Engine struct {
	Endpoint Endpoint
	// Name is "Docker", or "Podman" behind its compatible socket.
	Name string
	// Version is the engine's own, API the version that is spoken with it.
	Version, API string
	// Architecture is that of the engine's host, such as "amd64".
	Architecture string

	api *client.Client

	mu    sync.Mutex
	facts *Facts
}

// Facts are what an engine says of its kernel and of itself.
type Facts struct {
	// CountsSwap is false where the kernel is built, or was started, without that.
	CountsSwap bool
	// ControlGroups is false for an engine that runs without them, as a rootless one does
	// where the kernel or systemd hands it none: it starts containers all the same, and
	// limits nothing.
	ControlGroups bool
	// NoLimit names what the engine cannot limit although it has control groups:
	// "memory", "processors", "processes".
	NoLimit []string
	// Rootless says that the engine, or what listens on this host for one in a virtual
	// machine, runs without root's rights.
	Rootless bool
	// ContainerdStore says that images are in containerd's store, which names them by the
	// digest of an index or a manifest; Docker's own names them by their configuration's.
	ContainerdStore bool
}

// connectTime bounds the first question to an engine.
const connectTime = 5 * time.Second

// Connect asks the operator's engine who it is. The errors are ErrRemote, ErrAbsent,
// or say what is wrong with the engine.
func Connect(ctx context.Context, getenv func(string) string) (*Engine, error) {
	at, err := FindEndpoint(getenv)
	if err != nil {
		return nil, err
	}
	return ConnectTo(ctx, at, getenv)
}

// ConnectTo asks the engine at an endpoint who it is, whatever the environment names. The
// errors are those of Connect.
func ConnectTo(ctx context.Context, at Endpoint, getenv func(string) string) (*Engine, error) {
	if err := at.Local(); err != nil {
		return nil, err
	}
	opts := []client.Opt{client.WithHost(at.Host), client.WithUserAgent("clawsetup")}
	if at.cert != "" {
		opts = append(opts, client.WithTLSClientConfig(at.ca, at.cert, at.key))
	}
	pinned := getenv("DOCKER_API_VERSION")
	if pinned != "" {
		opts = append(opts, client.WithVersion(pinned))
	} else {
		opts = append(opts, client.WithAPIVersionNegotiation())
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the engine at %s: %w", at.Address(), err)
	}
	e := &Engine{Endpoint: at, api: api}
	if err := e.greet(ctx, pinned); err != nil {
		return nil, errors.Join(err, api.Close())
	}
	return e, nil
}

// Close ends the connection.
func (e *Engine) Close() error { return e.api.Close() }

func (e *Engine) greet(ctx context.Context, pinned string) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	v, err := e.api.ServerVersion(ctx)
	if err != nil {
		return e.absent(err, pinned)
	}
	e.Version, e.Architecture, e.API = text.Clean(v.Version, 40), text.Clean(v.Arch, 20), e.api.ClientVersion()
	e.Name = "Docker"
	for _, c := range v.Components {
		if strings.HasPrefix(c.Name, "Podman") {
			e.Name = "Podman"
		}
	}
	if v.Os != "linux" {
		return hint.With(fmt.Errorf("the engine at %s runs %s containers, not Linux ones", e.Endpoint.Address(), text.Clean(v.Os, 20)), "engine-linux")
	}
	if versions.LessThan(e.API, oldestAPI) {
		return hint.With(fmt.Errorf("the engine at %s, version %s, speaks API %s; %s or later is needed", e.Endpoint.Address(), e.Version, e.API, oldestAPI), "engine-old")
	}
	return nil
}

// absent tells why an engine did not answer: the client's errors have no types for
// that.
func (e *Engine) absent(err error, pinned string) error {
	why := fmt.Errorf("%w at %s (%s): %s", ErrAbsent, e.Endpoint.Address(), e.Endpoint.Source, text.Clean(cause(err), 200))
	if client.IsErrConnectionFailed(err) {
		why = hint.Say(why, "engine-absent", e.Endpoint.Address(), e.Endpoint.Source)
	}
	switch {
	case pinned != "" && strings.Contains(err.Error(), "API version"):
		return hint.With(fmt.Errorf("the engine at %s refuses API %s of DOCKER_API_VERSION: %s", e.Endpoint.Address(), text.Clean(pinned, 20), text.Clean(err.Error(), 200)), "engine-api-version")
	case errors.Is(err, fs.ErrPermission), strings.Contains(err.Error(), "permission denied"):
		return hint.With(why, "engine-permission")
	default:
		return hint.With(why, "engine-absent")
	}
}

func cause(err error) string {
	if client.IsErrConnectionFailed(err) {
		return "nothing listens there, or it may not be opened"
	}
	return err.Error()
}

// Facts asks the engine once.
func (e *Engine) Facts(ctx context.Context) (Facts, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.facts != nil {
		return *e.facts, nil
	}
	info, err := e.api.Info(ctx)
	if err != nil {
		return Facts{}, fmt.Errorf("asking the engine what it can do: %w", err)
	}
	rootless := func(o string) bool { return strings.Contains(o, "name=rootless") }
	e.facts = &Facts{CountsSwap: info.SwapLimit, ControlGroups: info.CgroupDriver != "none", Rootless: slices.ContainsFunc(info.SecurityOptions, rootless) || strings.Contains(info.OperatingSystem, "Docker Desktop")}
	// https://docs.docker.com/engine/storage/containerd/ tells it from this line.
	e.facts.ContainerdStore = slices.Contains(info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
	for _, l := range []struct {
		name string
		ok   bool
	}{{"memory", info.MemoryLimit}, {"processors", info.CPUCfsQuota}, {"processes", info.PidsLimit}} {
		if e.facts.ControlGroups && !l.ok {
			e.facts.NoLimit = append(e.facts.NoLimit, l.name)
		}
	}
	return *e.facts, nil
}
