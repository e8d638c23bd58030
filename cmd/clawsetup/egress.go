package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/egress"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// egressOptions are the flags of `clawsetup egress`, which runs in containers of the
// stack alone.
type egressOptions struct {
	allow, forward string
	allowPrivate   bool

	health     bool
	of, use    string
	drain      time.Duration
	probe      string
	probeWait  time.Duration
	probeModel bool
}

func (a *app) egressCommand(u *ui.UI) *cobra.Command {
	o := &egressOptions{}
	c := &cobra.Command{
		Use: "egress", Short: u.T("cmd.egress.short"), Long: u.T("cmd.egress.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runEgress(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.allow, "allow", "", u.T("flag.egress-allow"))
	f.StringVar(&o.forward, "forward", "", u.T("flag.egress-forward"))
	f.BoolVar(&o.allowPrivate, "allow-private-api", false, u.T("flag.allow-private-api"))
	f.BoolVar(&o.health, "health", false, u.T("flag.egress-health"))
	f.StringVar(&o.of, "of", "", u.T("flag.egress-of"))
	f.StringVar(&o.use, "use", "", u.T("flag.egress-use"))
	f.DurationVar(&o.drain, "drain", 0, u.T("flag.egress-drain"))
	f.StringVar(&o.probe, "probe", "", u.T("flag.egress-probe"))
	f.BoolVar(&o.probeModel, "model", false, u.T("flag.egress-model"))
	f.DurationVar(&o.probeWait, "wait", wizard.DefaultPatience, u.T("flag.wait"))
	return c
}

func (a *app) runEgress(ctx context.Context, o *egressOptions) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	control := egress.Control{Address: egress.ControlAddress}
	switch {
	case o.probe != "":
		return a.probe(ctx, o)
	case o.health:
		return control.Healthy(ctx, o.of)
	case o.use != "":
		_, err := control.Use(ctx, o.use)
		return err
	case o.drain > 0:
		ctx, cancel := context.WithTimeout(ctx, o.drain)
		defer cancel()
		_, err := control.Drain(ctx, o.of)
		return err
	case o.allow == "" || o.forward == "":
		return usageError{errors.New("--allow and --forward belong together")}
	}
	g, err := egress.New(o.allow, o.forward, safedial.Policy{AllowPrivate: o.allowPrivate}, a.err)
	if err != nil {
		return err
	}
	return g.Serve(ctx)
}

// probe waits for a proxy in whose network it runs, and prints what it found as JSON.
// The token is in a file.
func (a *app) probe(outer context.Context, o *egressOptions) error {
	token, err := readSecret(secrets.ProxyToken)
	if err != nil {
		return err
	}
	client := proof.NewClient("http://" + o.probe)
	ctx, cancel := context.WithTimeout(outer, o.probeWait)
	defer cancel()
	out := wizard.Probe{}
	for {
		err := client.Healthy(ctx)
		if err == nil {
			out = wizard.Probe{Healthy: true, Results: client.Token(outer, token)}
			if o.probeModel && len(proof.Failed(out.Results)) == 0 {
				if err := client.Answers(outer, token); err != nil {
					out.Model = err.Error()
				}
			}
			break
		}
		if ctx.Err() == nil || out.Error == "" {
			out.Error = err.Error()
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
			continue
		}
		break
	}
	if err := json.NewEncoder(a.out).Encode(out); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// readSecret reads a secret file of the container that this runs in.
func readSecret(name string) (secrets.Secret, error) {
	b, err := os.ReadFile(filepath.Join(templates.SecretsPath, name))
	if err != nil {
		return secrets.Secret{}, fmt.Errorf("reading the secret file: %w", err)
	}
	defer clear(b)
	trimmed := strings.TrimRight(string(b), "\n")
	if trimmed == "" {
		return secrets.Secret{}, fmt.Errorf("the secret file %s is empty", name)
	}
	return secrets.New([]byte(trimmed)), nil
}

// launchCommand takes the place of the shell in an image that has none: it reads the
// secret files and becomes the image's own program.
func (a *app) launchCommand(u *ui.UI) *cobra.Command {
	return &cobra.Command{
		Use: "launch -- PROGRAM [ARGUMENT ...]", Short: u.T("cmd.launch.short"), Long: u.T("cmd.launch.long"), Args: usageArgs(cobra.MinimumNArgs(1)),
		ValidArgsFunction: anyFile,
		RunE:              func(_ *cobra.Command, args []string) error { return launch(args) },
	}
}

func launch(args []string) error {
	values := map[string]string{"OPENAI_API_KEY": secrets.APIKey, "ANTHROPIC_API_KEY": secrets.ProxyToken}
	// What the image itself sets would win: a program takes the first of two.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		_, ours := values[name]
		return ours
	})
	for variable, name := range values {
		value, err := readSecret(name)
		if err != nil {
			return err
		}
		env = append(env, variable+"="+string(value.Expose()))
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("looking for the image's program: %w", err)
	}
	return fmt.Errorf("starting the image's program: %w", become(path, args, env))
}
