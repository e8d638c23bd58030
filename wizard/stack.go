package wizard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/engine"
)

// containerSecrets are the two values that the container reads as files (I-01).
var containerSecrets = []string{secrets.APIKey, secrets.ProxyToken}

// secretsDir is where the container's two secret files are: kept with the docker
// store, made by Up with the keyring.
func (w *Wizard) secretsDir(s Setup) string {
	if s.Store == secrets.KindKeyring {
		return w.runtimeDir()
	}
	return filepath.Join(s.StackDir(w.Paths), "secrets")
}

// Up puts the secrets of the keyring where the container finds them and starts
// the stack with the operator's docker compose, whose words go to out.
func (w *Wizard) Up(ctx context.Context, out io.Writer) error {
	if _, err := w.Recover(ctx); err != nil {
		return err
	}
	s, _, err := w.present()
	if err != nil {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	if err := w.exposeSecrets(ctx, *s); err != nil {
		return err
	}
	return w.project(*s).Up(ctx, out)
}

// exposeSecrets writes the keyring's secrets as files: 0444 in a 0700 folder, since compose
// bind-mounts them with the mode that they have here. The docker store has its own.
func (w *Wizard) exposeSecrets(ctx context.Context, s Setup) error {
	if s.Store != secrets.KindKeyring {
		return w.hideSecrets()
	}
	for _, name := range containerSecrets {
		value, err := w.Keyring.Get(ctx, name)
		if err != nil {
			return fmt.Errorf("reading %s from the %s store: %w", name, s.Store, err)
		}
		if err := w.Disk.WriteFile(filepath.Join(w.secretsDir(s), name), value.Expose(), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// Down stops the stack and removes the runtime copies of the secrets.
func (w *Wizard) Down(ctx context.Context, out io.Writer) error {
	s, _, err := w.present()
	if err != nil {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	errs := []error{w.project(*s).Down(ctx, out)}
	return errors.Join(append(errs, w.hideSecrets())...)
}

// runtimeDir is where the secrets of the keyring are while the stack runs.
func (w *Wizard) runtimeDir() string { return filepath.Join(w.Paths.Runtime, w.Paths.Scope()) }

// hideSecrets removes the runtime copies, whichever store made them.
func (w *Wizard) hideSecrets() error {
	var errs []error
	for _, name := range containerSecrets {
		errs = append(errs, w.Disk.Remove(filepath.Join(w.runtimeDir(), name)))
	}
	return errors.Join(append(errs, w.Disk.RemoveEmptyDir(w.runtimeDir()))...)
}

func (w *Wizard) project(s Setup) engine.Stack {
	dir := s.StackDir(w.Paths)
	return engine.Stack{Dir: dir, File: filepath.Join(dir, composeName), Env: filepath.Join(dir, envName)}
}

// nextSteps are the commands that remain after a change of the files or the
// secrets: a container sees neither before it is made again.
func (w *Wizard) nextSteps() [][]string {
	return [][]string{{filepath.Base(w.Executable), "up"}}
}
