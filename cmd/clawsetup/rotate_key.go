package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
)

// rotateOptions are the flags of `clawsetup rotate-key`.
type rotateOptions struct {
	apiKey, token bool
	key           keyOptions
	yes, json     bool
}

func (a *app) rotateKeyCommand(u *ui.UI) *cobra.Command {
	o := &rotateOptions{}
	c := &cobra.Command{
		Use: "rotate-key", Short: u.T("cmd.rotate-key.short"), Long: u.T("cmd.rotate-key.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runRotateKey(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.apiKey, "api-key", false, u.T("flag.api-key"))
	c.Flags().BoolVar(&o.token, "token", false, u.T("flag.token"))
	o.key.bind(c, u)
	c.Flags().BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	c.Flags().BoolVar(&o.json, "json", false, u.T("flag.json"))
	return c
}

func (a *app) runRotateKey(ctx context.Context, o *rotateOptions) error {
	if !o.apiKey && !o.token {
		o.apiKey, o.token = true, true
	}
	if !o.apiKey && o.key != (keyOptions{}) {
		return wrongUsage("token-alone", "--token alone takes no key: leave --key-stdin, --key-file and --key-label out, or add --api-key")
	}
	u := a.ui(ui.Options{Yes: o.yes, JSON: o.json})
	key, err := o.key.read(a, u)
	if err != nil {
		return err
	}
	s, err := a.wizard(u).NewRotate(ctx, wizard.RotateOptions{APIKey: o.apiKey, Token: o.token, Key: key, Label: o.key.label})
	if err != nil {
		return err
	}
	return a.drive(ctx, u, s, "rotate-key", o.json, false)
}
