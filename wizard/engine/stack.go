package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Stack is a compose project on disk, run with the operator's own docker compose
// (version 2).
type Stack struct {
	// Project is its name, Dir its folder, File its compose file and Env its mapping
	// of models.
	Project, Dir, File, Env string
	// Endpoint is the engine that compose has to use.
	Endpoint Endpoint
}

// Up makes the services, and those of their containers anew whose configuration
// changed; without names, all of them, and removes containers of services that are gone.
func (s Stack) Up(ctx context.Context, services ...string) error {
	args := []string{"up", "--detach", "--no-deps"}
	if len(services) == 0 {
		args = []string{"up", "--detach", "--remove-orphans"}
	}
	return s.do(ctx, append(args, services...)...)
}

// Recreate makes the containers anew although their configuration is the same: a
// bind-mounted secret that was replaced is seen only by a new container.
func (s Stack) Recreate(ctx context.Context) error {
	return s.do(ctx, "up", "--detach", "--force-recreate", "--remove-orphans")
}

// Beside makes one more container of the proxy, with the present files and secrets,
// and leaves those that run as they are.
func (s Stack) Beside(ctx context.Context, running int) error {
	return s.do(ctx, "up", "--detach", "--no-deps", "--no-recreate", "--scale", templates.Service+"="+strconv.Itoa(running+1), templates.Service)
}

// Down stops the stack and removes its containers and networks, with volumes its
// volumes too.
func (s Stack) Down(ctx context.Context, volumes bool) error {
	args := []string{"down", "--remove-orphans"}
	if volumes {
		args = append(args, "--volumes")
	}
	return s.do(ctx, args...)
}

// Hash is compose's own digest of what the file says of a service: a container
// that carries another one in its label is out of date.
func (s Stack) Hash(ctx context.Context, service string) (string, error) {
	out, err := s.run(ctx, "config", "--hash", service)
	if err != nil {
		return "", err
	}
	fields := strings.Fields(out)
	if len(fields) != 2 || fields[0] != service {
		return "", fmt.Errorf("docker compose config says %q", text.Clean(out, 200))
	}
	return fields[1], nil
}

// ComposeVersion is the version of the operator's docker compose. The error says
// what is missing.
func ComposeVersion(ctx context.Context) (string, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return "", hint.With(fmt.Errorf("looking for docker: %w", err), "docker-missing")
	}
	out, err := exec.CommandContext(ctx, docker, "compose", "version", "--short").Output()
	if err != nil {
		return "", hint.With(fmt.Errorf("docker compose is not there: %w", err), "docker-compose-missing")
	}
	version := text.Clean(strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), 40)
	if major, _, _ := strings.Cut(version, "."); major == "1" {
		return "", hint.With(fmt.Errorf("docker compose is version %s", version), "docker-compose-missing")
	}
	return version, nil
}

func (s Stack) do(ctx context.Context, args ...string) error {
	_, err := s.run(ctx, args...)
	return err
}

// run returns what compose printed. When it fails, its last words are in the error.
func (s Stack) run(ctx context.Context, args ...string) (string, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return "", hint.With(fmt.Errorf("looking for docker: %w", err), "docker-missing")
	}
	action := args[0]
	args = append([]string{"compose", "--ansi", "never", "--project-name", s.Project, "--project-directory", s.Dir, "--file", s.File, "--env-file", s.Env}, args...)
	c := exec.CommandContext(ctx, docker, args...)
	var out, said bytes.Buffer
	c.Dir, c.Stdout, c.Stderr, c.Env = s.Dir, &out, &said, s.environment(os.Environ())
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = stopTime
	apart(c)
	var exit *exec.ExitError
	if err := c.Run(); ctx.Err() != nil {
		return "", fmt.Errorf("docker compose %s: %w", action, ctx.Err())
	} else if errors.As(err, &exit) {
		return "", hint.With(fmt.Errorf("docker compose %s failed with exit code %d: %s", action, exit.ExitCode(), lastLines(said.String()+out.String())), "docker-compose-failed")
	} else if err != nil {
		return "", fmt.Errorf("running docker compose: %w", err)
	}
	return out.String(), nil
}

// lastLines are the end of what a program said, as it may be shown. What Docker says of
// a port that is taken is long, and ends with the reason.
func lastLines(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' })
	if n := len(lines); n > 3 {
		lines = lines[n-3:]
	}
	for i, l := range lines {
		lines[i] = text.Clean(l, 600)
	}
	return strings.Join(lines, "; ")
}

// environment is what compose runs in: a variable of the shell would win over the
// mapping of models that .env holds and the journal knows (T-02), and another engine
// than the one that is asked afterwards must not be started.
func (s Stack) environment(all []string) []string {
	dropped := []string{"BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES", "COMPOSE_PROFILES"}
	socket := strings.HasPrefix(s.Endpoint.Host, "unix:") || strings.HasPrefix(s.Endpoint.Host, "npipe:")
	if socket {
		dropped = append(dropped, "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
	}
	out := slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(dropped, name)
	})
	if socket {
		out = append(out, "DOCKER_HOST="+s.Endpoint.Host)
	}
	return out
}
