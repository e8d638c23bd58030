package wizard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// containerSecrets are the two values that the container reads as files (I-01).
var containerSecrets = []string{secrets.APIKey, secrets.ProxyToken}

// secretsDir is where the container's two secret files are: kept with the docker
// store, made by up with the keyring.
func (w *Wizard) secretsDir(s Setup) string {
	if s.Store == secrets.KindKeyring {
		return w.runtimeDir()
	}
	return filepath.Join(s.StackDir(w.Paths), "secrets")
}

// runtimeDir is where the secrets of the keyring are while the stack runs.
func (w *Wizard) runtimeDir() string { return filepath.Join(w.Paths.Runtime, w.Paths.Scope()) }

// exposeSecrets writes the keyring's secrets as files: 0444 in a 0700 folder, since compose
// bind-mounts them with the mode that they have here. The docker store has its own. A
// file that is right is left: its age tells which containers have seen it.
func (w *Wizard) exposeSecrets(ctx context.Context, s Setup) error {
	if s.Store != secrets.KindKeyring {
		if _, err := os.Stat(w.runtimeDir()); err != nil {
			return nil //nolint:nilerr // there are none, or nobody's that we could reach
		}
		return w.hideSecrets()
	}
	for _, name := range containerSecrets {
		value, err := w.Keyring.Get(ctx, name)
		if err != nil {
			return Unread(name, s.Store, err)
		}
		if err := w.expose(filepath.Join(w.secretsDir(s), name), value); err != nil {
			return err
		}
	}
	return nil
}

const exposed = 0o444

func (w *Wizard) expose(path string, value secrets.Secret) error {
	b := value.Expose()
	defer clear(b)
	now, err := w.Disk.Read(path, largestFile)
	if err == nil && now.Exists && now.Mode == files.KeptMode(exposed) && bytes.Equal(now.Data, b) {
		return nil
	}
	return w.Disk.WriteFile(path, b, exposed)
}

// hideSecrets removes the runtime copies, whichever store made them.
func (w *Wizard) hideSecrets() error { return w.hideSecretsIn(w.runtimeDir()) }

func (w *Wizard) hideSecretsIn(dir string) error {
	var errs []error
	for _, name := range containerSecrets {
		errs = append(errs, w.Disk.Remove(filepath.Join(dir, name)))
	}
	return errors.Join(append(errs, w.Disk.RemoveEmptyDir(dir))...)
}

// composeStack is the compose project on disk.
func (w *Wizard) composeStack(s Setup, e *engine.Engine) engine.Stack {
	dir := s.StackDir(w.Paths)
	return engine.Stack{
		Project: w.project(), Dir: dir, File: filepath.Join(dir, composeName), Env: filepath.Join(dir, envName), Endpoint: e.Endpoint,
	}
}

// claimed loads the compose project as it is on disk.
func (w *Wizard) claimed(ctx context.Context, s Setup) (*types.Project, error) {
	dir := s.StackDir(w.Paths)
	b, err := w.Disk.ReadFile(filepath.Join(dir, composeName), largestFile)
	if err != nil {
		return nil, err
	}
	env, err := w.Disk.ReadFile(filepath.Join(dir, envName), largestFile)
	if err != nil {
		return nil, err
	}
	return compose.Load(ctx, dir, b, env)
}

// running is a stack that was looked at: the set-up, its engine and its containers.
type running struct {
	w          *Wizard
	setup      Setup
	engine     *engine.Engine
	stack      engine.Stack
	containers []engine.Container
}

// look asks the engine for the containers of the set-up.
func (w *Wizard) look(ctx context.Context, s Setup, e *engine.Engine) (*running, error) {
	r := &running{w: w, setup: s, engine: e, stack: w.composeStack(s, e)}
	return r, r.refresh(ctx)
}

func (r *running) refresh(ctx context.Context) (err error) {
	r.containers, err = r.engine.Containers(ctx, r.stack.Project)
	return err
}

// of are the containers of one service.
func (r *running) of(service string) []engine.Container {
	var out []engine.Container
	for _, c := range r.containers {
		if c.Service() == service {
			out = append(out, c)
		}
	}
	return out
}

// serving is the gateway that takes requests now; nil in the open layout or when it
// does not run.
func (r *running) serving() *engine.Container {
	for _, c := range r.of(templates.GatewayService) {
		if c.Running() {
			return &c
		}
	}
	return nil
}

// up tells whether the stack serves: every service has a running container.
func (r *running) up() bool {
	services := []string{templates.Service}
	if !r.setup.Egress.Open {
		services = append(services, templates.GatewayService)
	}
	for _, s := range services {
		alive := false
		for _, c := range r.of(s) {
			alive = alive || c.Running()
		}
		if !alive {
			return false
		}
	}
	return true
}

// sick tells whether a running stack has to be made anew as a whole: it does not
// answer, asked several times, or its networks are not what the file says.
func (r *running) sick(ctx context.Context) (bool, error) {
	results, err := r.networks(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range proof.Failed(results) {
		if p.Rule != "network-members" { // a stranger is no fault of the network
			return true, nil
		}
	}
	client := proof.NewClient(r.setup.ProxyURL())
	for range timesAsked {
		if client.Healthy(ctx) == nil {
			return false, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return false, err
		}
	}
	return true, nil
}

// timesAsked is how often a stack that runs may fail to answer.
const timesAsked = 3

// stale tells whether a container was made from other files, or other secrets, than
// there are now: it sees neither before it is made again.
func (r *running) stale(ctx context.Context, c engine.Container) (bool, error) {
	hash, err := r.stack.Hash(ctx, c.Service())
	if err != nil {
		return false, err
	}
	if hash != c.ConfigHash() {
		return true, nil
	}
	// The hash knows neither what the seccomp profile holds nor what was changed in a
	// container since.
	results, err := r.claims(ctx, c.ID)
	if err != nil || len(proof.Failed(results)) > 0 {
		return true, err
	}
	if c.Service() != templates.Service {
		return false, nil
	}
	for _, name := range containerSecrets {
		st, err := os.Stat(filepath.Join(r.w.secretsDir(r.setup), name))
		if err != nil {
			return false, fmt.Errorf("looking at the secret file %s: %w", name, err)
		}
		if st.ModTime().After(c.MadeAt()) {
			return true, nil
		}
	}
	return false, nil
}

// nextSteps are the commands that remain after a change of the files or the
// secrets: a container sees neither before it is made again.
func (w *Wizard) nextSteps() [][]string {
	return [][]string{{filepath.Base(w.Executable), "up"}}
}

// Down stops the stack and removes its containers, its networks, the runtime copies
// of the secrets and, with purge, its volumes.
func (w *Wizard) Down(ctx context.Context, purge bool) error {
	s, _, err := w.present()
	if err != nil {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	return w.down(ctx, *s, purge)
}

func (w *Wizard) down(ctx context.Context, s Setup, purge bool) error {
	e, err := w.Engine(ctx)
	if err != nil {
		// The secrets go all the same.
		return errors.Join(err, w.hideSecrets())
	}
	defer func() { _ = e.Close() }()
	return errors.Join(w.composeStack(s, e).Down(ctx, purge), w.sweepTrial(ctx, e), w.hideSecrets())
}
