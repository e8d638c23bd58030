package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Stack is a compose project on disk, run with the operator's own docker compose
// (version 2).
type Stack struct {
	// Dir is the project's folder, File its compose file and Env its mapping of
	// models.
	Dir, File, Env string
}

// Up starts the stack and makes its containers anew: a bind-mounted secret that was
// replaced is seen only by a new container. What compose says goes to out.
func (s Stack) Up(ctx context.Context, out io.Writer) error {
	return s.run(ctx, out, "up", "--detach", "--force-recreate", "--remove-orphans")
}

// Down stops the stack and removes its containers and networks.
func (s Stack) Down(ctx context.Context, out io.Writer) error {
	return s.run(ctx, out, "down", "--remove-orphans")
}

func (s Stack) run(ctx context.Context, out io.Writer, args ...string) error {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return hint.With(fmt.Errorf("looking for docker: %w", err), "docker-missing")
	}
	if err := exec.CommandContext(ctx, docker, "compose", "version", "--short").Run(); err != nil {
		return hint.With(fmt.Errorf("docker compose is not there: %w", err), "docker-compose-missing")
	}
	action := args[0]
	args = append([]string{"compose", "--project-directory", s.Dir, "--file", s.File, "--env-file", s.Env}, args...)
	c := exec.CommandContext(ctx, docker, args...)
	c.Dir, c.Stdout, c.Stderr, c.Env = s.Dir, out, out, environment(os.Environ())
	var exit *exec.ExitError
	if err := c.Run(); errors.As(err, &exit) {
		return hint.With(fmt.Errorf("docker compose %s failed with exit code %d", action, exit.ExitCode()), "docker-compose-failed")
	} else if err != nil {
		return fmt.Errorf("running docker compose: %w", err)
	}
	return nil
}

// environment is what compose runs in: a variable of the shell would win over the
// mapping of models that .env holds and the journal knows (T-02).
func environment(all []string) []string {
	return slices.DeleteFunc(all, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES"}, name)
	})
}
