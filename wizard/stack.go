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
		return filepath.Join(w.Paths.Runtime, w.Paths.Scope())
	}
	return filepath.Join(s.StackDir(w.Paths), "secrets")
}

// Up puts the secrets of the keyring where the container finds them and starts
// the stack with the operator's docker compose, whose words go to out.
func (w *Wizard) Up(ctx context.Context, out io.Writer) error {
	if _, err := w.Recover(ctx); err != nil {
		return err
	}
	s, err := w.present()
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

// exposeSecrets writes the runtime copies: 0444 in a 0700 folder, since compose
// bind-mounts them with the mode that they have here.
func (w *Wizard) exposeSecrets(ctx context.Context, s Setup) error {
	store := w.store(s.Store, s.StackDir(w.Paths))
	for _, name := range containerSecrets {
		value, err := store.Get(ctx, name)
		if err != nil {
			return fmt.Errorf("reading %s from the %s store: %w", name, s.Store, err)
		}
		if s.Store != secrets.KindKeyring {
			continue
		}
		if err := w.Disk.WriteFile(filepath.Join(w.secretsDir(s), name), value.Expose(), 0o444); err != nil {
			return err
		}
	}
	return nil
}

// Down stops the stack and removes the runtime copies of the secrets.
func (w *Wizard) Down(ctx context.Context, out io.Writer) error {
	s, err := w.present()
	if err != nil {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	errs := []error{w.project(*s).Down(ctx, out)}
	if s.Store == secrets.KindKeyring {
		for _, name := range containerSecrets {
			errs = append(errs, w.Disk.Remove(filepath.Join(w.secretsDir(*s), name)))
		}
		errs = append(errs, w.Disk.RemoveEmptyDir(w.secretsDir(*s)))
	}
	return errors.Join(errs...)
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
