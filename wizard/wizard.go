// Package wizard sets up OpenClaw with Claude Code on cloud.ru, hardened, and
// keeps the record of it. It knows no terminal.
//
// There is one pipeline for every change. A Session asks its questions and makes a
// Plan from the Setup and the state found on the host; the Plan is shown as a
// diff; Apply makes it true as one transaction and writes the Journal. The sessions of
// init, rotate-key, rollback, up, down, doctor and uninstall differ in their questions
// and in how the Plan is made.
package wizard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// Paths are the folders of one installation.
type Paths struct {
	// Config holds setup.yaml and, unless --dir says otherwise, the stack.
	Config string
	// State holds the journal, its head and snapshots, and the lock.
	State string
	// Runtime holds, while the stack runs, the secrets of the keyring store; it is
	// meant to vanish at reboot.
	Runtime string
	// Home is the operator's home folder.
	Home string
}

// DefaultPaths follows the XDG base directories, or the platform's own places.
func DefaultPaths() Paths {
	return Paths{
		Config:  filepath.Join(xdg.ConfigHome, "clawsetup"),
		State:   filepath.Join(xdg.StateHome, "clawsetup"),
		Runtime: filepath.Join(xdg.RuntimeDir, "clawsetup"),
		Home:    xdg.Home,
	}
}

// SetupFile is where the Setup is kept.
func (p Paths) SetupFile() string { return filepath.Join(p.Config, "setup.yaml") }

// LockFile is held by whoever changes this installation.
func (p Paths) LockFile() string { return filepath.Join(p.State, "lock") }

// Scope names this installation in the OS keyring, so that several of one user
// do not share items.
func (p Paths) Scope() string {
	sum := sha256.Sum256([]byte("clawsetup/installation/v1\x00" + p.Config))
	return hex.EncodeToString(sum[:8])
}

// Project is the name of the compose project: one for each installation of a user.
func (p Paths) Project() string { return engine.OurProjects + p.Scope()[:8] }

// Keyring is a secret store of the operating system that may be absent.
type Keyring interface {
	secrets.Store
	// Reachable tells, without writing, whether the store answers.
	Reachable(ctx context.Context) error
	// Probe proves the store by a set, get and delete round trip.
	Probe(ctx context.Context) error
}

// Programs finds OpenClaw and Claude Code on this host.
type Programs struct {
	OpenClaw func(context.Context) (openclaw.Install, error)
	// Claude looks at path, or searches when path is empty.
	Claude func(ctx context.Context, path string) (claude.CLI, error)
}

// InstalledPrograms are the ones in PATH.
func InstalledPrograms() Programs {
	return Programs{
		OpenClaw: func(ctx context.Context) (openclaw.Install, error) { return openclaw.Detect(ctx, "") },
		Claude:   claude.Find,
	}
}

// Wizard is what all sessions share: where things are and how the outside is
// reached.
type Wizard struct {
	Paths Paths
	Disk  *files.Disk
	// Version is clawsetup's own, for the journal.
	Version string
	// Executable is the absolute path by which other programs call clawsetup.
	Executable string
	// ManagedFile is where Claude Code looks for settings of the whole host; empty where
	// that is not known.
	ManagedFile string
	// Keyring is the OS keyring.
	Keyring Keyring
	// Keychain finds registry logins; nil is the operator's Docker configuration.
	Keychain authn.Keychain
	// Programs finds the programs that are configured.
	Programs Programs
	// Engine connects to the operator's container engine.
	Engine func(context.Context) (*engine.Engine, error)
	// EngineAt connects to the engine at an endpoint that an earlier command used.
	EngineAt func(context.Context, engine.Endpoint) (*engine.Engine, error)
	// Gateway makes the image of the gateway; engine.ErrNoProgram where there is
	// nothing to make it of.
	Gateway func() (engine.GatewayImage, error)
	// Now is the clock.
	Now func() time.Time
	// Getenv reads the environment that names other programs' files.
	Getenv func(string) string
	// LockWait is how long a second clawsetup waits for the first.
	LockWait time.Duration
	// Waiting is told who holds the lock while this process waits for it.
	Waiting func(files.Holder)
	// Began is told when this process changes something before a session applies its Plan,
	// with what is to be said of it: what an earlier run left is settled, or an engine is
	// given images to try.
	Began func([]Note)
	// keysDir is a folder that the operator named as the stack's in this run.
	keysDir string
	// namedConfig is the openclaw.json that the operator named in this run.
	namedConfig string
	// silent is a keyring that did not answer in this run.
	silent silence
	// ContainerUser is the uid:gid for an image that names no user of its own.
	ContainerUser string
}

// transport reaches operator-supplied addresses: A6, one dialler for all of them.
func transport(allowPrivate bool) http.RoundTripper {
	return safedial.Policy{AllowPrivate: allowPrivate}.Transport()
}

// store returns the store of that kind; dir is the stack's folder, where the docker
// store keeps compose file secrets.
func (w *Wizard) store(kind secrets.Kind, dir string) secrets.Store {
	if kind == secrets.KindKeyring {
		return w.Keyring
	}
	return secrets.NewDocker(filepath.Join(dir, "secrets"), w.Disk)
}

// Unread is the error of a store that does not give the secret of that name, with what can
// be done about a keyring that is locked or not there.
func Unread(name string, kind secrets.Kind, err error) error {
	err = fmt.Errorf("reading %s from the %s store: %w", name, kind, err)
	for _, closed := range []error{secrets.ErrUnavailable, secrets.ErrLocked, secrets.ErrTimeout} {
		if kind == secrets.KindKeyring && errors.Is(err, closed) {
			return hint.With(err, "store-closed", string(kind))
		}
	}
	return err
}
