package wizard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// imageConfig is the part of an image's configuration that the compose file depends
// on, as the registry or the engine tells it of the same digest.
type imageConfig struct {
	entrypoint, cmd  []string
	workingDir, user string
}

// content is what was looked at in the registry under the pin, for an engine of that
// architecture. init looks at the image for its own: a program and an engine of two
// architectures, as an emulator makes them possible, do not see the same one.
func (i ImageSetup) content(architecture string) engine.Content {
	if architecture != runtime.GOARCH {
		return engine.Content{Pin: i.Digest, OtherPlatform: true}
	}
	return engine.Content{Pin: i.Digest, Manifest: i.PlatformDigest, Config: i.ConfigDigest}
}

// project is the name of the compose project: one for each installation of a user.
func (w *Wizard) project() string { return w.Paths.Project() }

// composeData is the compose file of a set-up with its image.
func (w *Wizard) composeData(s Setup, img imageConfig) (templates.Compose, error) {
	pinned, err := image.Pin(s.Image.Reference, s.Image.Digest)
	if err != nil {
		return templates.Compose{}, err
	}
	c := templates.Compose{
		Project: w.project(), Image: pinned,
		Entrypoint: img.entrypoint, Cmd: img.cmd, WorkingDir: img.workingDir, User: img.user,
		RunAs: ownGroup(s.Image.RunAs), Port: s.Port, APIBase: s.API.Base,
		SecretsDir: w.secretsDir(s), SeccompFile: "./" + seccompName,
	}
	if !s.Egress.Open {
		c.Gateway = &templates.Gateway{Image: s.Egress.Gateway, AllowPrivate: s.API.AllowPrivate}
	}
	w.relax(&c, s.Image.Hardening.Relaxed)
	return c, nil
}

// ownGroup takes root's group from a user that is not root: files of an image belong to
// it, and it is the group of the host's as well (E-01).
func ownGroup(runAs string) string {
	if uid, gid, _ := strings.Cut(runAs, ":"); uid != "0" && strings.Trim(gid, "0") == "" && gid != "" {
		return uid + ":" + uid
	}
	return runAs
}

// relax gives up what the image was shown not to survive.
func (w *Wizard) relax(c *templates.Compose, relaxed []Relaxed) {
	for _, r := range relaxed {
		switch r.What {
		case RelaxRoot:
			c.RunAs, c.AllowRoot = "0:0", true
		case RelaxSeccomp:
			c.DefaultSeccomp = true
		case RelaxTmpfs:
			c.Tmpfs = append(c.Tmpfs, r.Path)
		case RelaxLauncher:
			c.Launcher = w.Executable
		case RelaxLimits: // the file claims them all the same
		}
	}
}

// expected is what the compose file of a set-up must say.
func (s Setup) expected(secretsDir string) compose.Made {
	return compose.Made{APIBase: s.API.Base, AllowPrivate: s.API.AllowPrivate, SecretsDir: secretsDir, Relaxed: s.allowed()}
}

// allowed are the checks of the compose file that a set-up's relaxations switch off.
func (s Setup) allowed() []compose.Relaxation {
	var out []compose.Relaxation
	if s.Egress.Open {
		out = append(out, compose.OpenEgress)
	}
	if s.relaxed(RelaxRoot) {
		out = append(out, compose.AllowRoot)
	}
	if s.relaxed(RelaxSeccomp) {
		out = append(out, compose.DefaultSeccomp)
	}
	return out
}

// stackFiles are the rendered files of a set-up: all that docker compose reads.
type stackFiles struct{ compose, env []byte }

// render makes the files, and validates them before anything is written.
func (s Setup) render(ctx context.Context, dir string, c templates.Compose) (stackFiles, error) {
	m := s.Models
	env, err := templates.EnvFile(templates.Env{Big: m.Big.ID, Middle: m.Middle.ID, Small: m.Small.ID})
	if err != nil {
		return stackFiles{}, err
	}
	b, err := templates.ComposeFile(c)
	if err != nil {
		return stackFiles{}, err
	}
	if err := compose.Validate(ctx, dir, b, env, s.expected(c.SecretsDir)); err != nil {
		return stackFiles{}, fmt.Errorf("checking the rendered %s: %w", composeName, err)
	}
	return stackFiles{b, env}, nil
}

// stack plans the files of the hardened compose project.
func (p *planner) stack(ctx context.Context, s Setup, c templates.Compose) error {
	dir := s.StackDir(p.w.Paths)
	f, err := s.render(ctx, dir, c)
	if err != nil {
		return err
	}
	ignore, err := p.w.Disk.Read(filepath.Join(dir, ignoreName), largestFile)
	if err != nil {
		return err
	}
	stack := journal.ProxyStackConfigured
	return errors.Join(
		p.file(filepath.Join(dir, seccompName), templates.Seccomp(), Change{Why: "file-seccomp", Controls: []string{"E-01"}, event: stack}),
		p.file(filepath.Join(dir, envName), f.env, Change{Why: "file-env", Controls: []string{"I-01", "T-02"}, event: stack}),
		p.file(filepath.Join(dir, composeName), f.compose, Change{Why: "file-compose", Controls: []string{"D-02", "E-01", "I-01", "S-01", "S-03", "T-02"}, event: stack}),
		p.file(filepath.Join(dir, ignoreName), ignoring(ignore.Data), Change{Why: "file-gitignore", Controls: []string{"I-01"}, event: stack}),
	)
}
