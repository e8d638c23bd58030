package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// demoKey is the key that the simulator of cloud.ru accepts. It opens nothing
// else.
const demoKey = "demo-key-that-opens-nothing"

func (a *app) demoCommand(u *ui.UI) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use: "demo", Short: u.T("cmd.demo.short"), Long: u.T("cmd.demo.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runDemo(c.Context(), keep) },
	}
	c.Flags().BoolVar(&keep, "keep", false, u.T("flag.keep"))
	return c
}

// runDemo is init in a scratch home, against simulators of cloud.ru and of a
// registry in this process. With a terminal the operator answers.
func (a *app) runDemo(ctx context.Context, keep bool) error {
	u := a.ui(ui.Options{})
	if u.Mode() != ui.FullScreen && !u.CanAsk() {
		u = a.ui(ui.Options{Yes: true})
	}
	home, err := os.MkdirTemp("", "clawsetup-demo-")
	if err != nil {
		return fmt.Errorf("making the scratch home: %w", err)
	}
	err = a.playDemo(ctx, u, home)
	if keep {
		u.Line("demo.kept", home)
		return err
	}
	if left := os.RemoveAll(home); left != nil {
		return errors.Join(err, fmt.Errorf("removing the scratch folder %s: %w", home, left))
	}
	if err == nil {
		u.Line("demo.removed", home)
	}
	return err
}

func (a *app) playDemo(ctx context.Context, u *ui.UI, home string) error {
	stage, err := newStage(home) //nolint:contextcheck // the simulators live as long as the stage, close ends them
	if err != nil {
		return err
	}
	defer stage.close()
	// What is shown of paths is relative to the scratch home as well.
	if err := os.Setenv("HOME", home); err != nil {
		return fmt.Errorf("moving into the scratch home: %w", err)
	}
	u.Line("demo.start", home)
	s, err := a.demoWizard(home, u).NewInit(ctx, stage.given(u.Mode() == ui.Unattended))
	if err != nil {
		return err
	}
	if _, _, err := u.Run(ctx, demoSession{s}, "demo"); err != nil {
		return err
	}
	return a.listDemo(u, home)
}

// demoSession tells the key where it is asked for, since a full screen hides what was
// printed before it, and ends with the set-up: there is nothing to start in a demo.
type demoSession struct{ wizard.Session }

// Next implements wizard.Session.
func (s demoSession) Next(ctx context.Context) (*wizard.Question, error) {
	q, err := s.Session.Next(ctx)
	if q != nil && q.Kind == wizard.SecretText {
		q.Notes = append(q.Notes, wizard.Note{ID: "demo-key", State: wizard.Attention, Args: []any{demoKey}})
	}
	return q, err
}

// Plan implements wizard.Session.
func (s demoSession) Plan(ctx context.Context) (*wizard.Plan, error) {
	p, err := s.Session.Plan(ctx)
	if p != nil {
		p.Next = nil
	}
	return p, err
}

// Apply implements wizard.Session.
func (s demoSession) Apply(ctx context.Context, p *wizard.Plan, report func(wizard.Progress)) (wizard.Result, error) {
	r, err := s.Session.Apply(ctx, p, report)
	r.Next = nil
	return r, err
}

// stage is what the demo plays on.
type stage struct {
	home     string
	cloud    *cloudrutest.Endpoint
	registry *imagetest.Registry
	image    string
}

func newStage(home string) (*stage, error) {
	cloud, err := cloudrutest.NewHandler(cloudrutest.WithKey(secrets.New([]byte(demoKey)))).Start()
	if err != nil {
		return nil, fmt.Errorf("starting the simulator of cloud.ru: %w", err)
	}
	s := &stage{home: home, cloud: cloud, registry: imagetest.NewRegistry()}
	if err := s.furnish(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *stage) furnish() error {
	if err := s.registry.Start(); err != nil {
		return fmt.Errorf("starting the simulated registry: %w", err)
	}
	pushed, err := s.registry.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{})
	if err != nil {
		return fmt.Errorf("filling the simulated registry: %w", err)
	}
	s.image = pushed.Reference
	return writePretendClaude(filepath.Join(s.home, "bin", "claude"))
}

// writePretendClaude puts a program where Claude Code would be: init wants its
// path, version and checksum, and never runs it for anything else.
func writePretendClaude(path string) error {
	if runtime.GOOS == "windows" {
		path += ".cmd"
	}
	script := "#!/bin/sh\necho '2.1.330 (Claude Code)'\n"
	if runtime.GOOS == "windows" {
		script = "@echo 2.1.330 (Claude Code)\r\n"
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the scratch home: %w", err)
	}
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { //nolint:gosec // a program must be executable
		return fmt.Errorf("making the scratch home: %w", err)
	}
	return nil
}

func (s *stage) close() {
	_ = s.cloud.Close()
	_ = s.registry.Close()
}

// given are the answers that make the simulators known; without a terminal, all
// of them.
func (s *stage) given(unattended bool) wizard.Given {
	g := wizard.Given{AllowPrivate: true, Values: map[string]string{
		"api-base": s.cloud.URL.String(), "image": s.image, "claude": s.claude(),
	}}
	if unattended {
		g.Key, g.TrustFirstUse = secrets.New([]byte(demoKey)), true
		g.Values["store"] = string(secrets.KindDocker)
	}
	return g
}

func (s *stage) claude() string {
	path := filepath.Join(s.home, "bin", "claude")
	if runtime.GOOS == "windows" {
		path += ".cmd"
	}
	return path
}

// demoWizard sees nothing of the real home: neither its files nor its keyring.
func (a *app) demoWizard(home string, u *ui.UI) *wizard.Wizard {
	w := a.wizard(u)
	w.Paths = wizard.Paths{
		Config: filepath.Join(home, "config", "clawsetup"), State: filepath.Join(home, "state", "clawsetup"),
		Runtime: filepath.Join(home, "run", "clawsetup"), Home: home,
	}
	w.Keyring, w.Keychain = noKeyring{}, image.Anonymous
	w.Getenv = func(name string) string {
		if name == "OPENCLAW_HOME" {
			return home
		}
		return ""
	}
	w.Gateway = func() (engine.GatewayImage, error) {
		return engine.NewGatewayImage([]byte("nothing is started in the demo"), runtime.GOARCH, w.Paths.Project())
	}
	w.Engine = func(context.Context) (*engine.Engine, error) { return nil, errDemoEngine }
	w.EngineAt = func(context.Context, engine.Endpoint) (*engine.Engine, error) { return nil, errDemoEngine }
	w.ManagedFile = "" // that one is the whole host's
	w.Programs.OpenClaw = func(context.Context) (openclaw.Install, error) {
		return openclaw.Install{}, openclaw.ErrNotInstalled
	}
	return w
}

// noKeyring keeps the demo out of the operator's keyring.
type noKeyring struct{}

var errDemoEngine = fmt.Errorf("the demo leaves your container engine alone: %w", engine.ErrAbsent)

var errDemoKeyring = fmt.Errorf("the demo leaves your keyring alone: %w", secrets.ErrUnavailable)

func (noKeyring) Kind() secrets.Kind { return secrets.KindKeyring }
func (noKeyring) Get(context.Context, string) (secrets.Secret, error) {
	return secrets.Secret{}, errDemoKeyring
}
func (noKeyring) Set(context.Context, string, secrets.Secret) error { return errDemoKeyring }
func (noKeyring) Delete(context.Context, string) error              { return errDemoKeyring }
func (noKeyring) Reachable(context.Context) error                   { return errDemoKeyring }
func (noKeyring) Probe(context.Context) error                       { return errDemoKeyring }

// listDemo prints what was written.
func (a *app) listDemo(u *ui.UI, home string) error {
	u.Line("demo.files")
	err := filepath.WalkDir(home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, home+string(filepath.Separator))
		_, err = fmt.Fprintf(a.out, "  %s  %7d  %s\n", st.Mode().Perm(), st.Size(), name)
		return err
	})
	if err != nil {
		return fmt.Errorf("listing %s: %w", home, err)
	}
	return nil
}
