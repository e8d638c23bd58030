package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// tokenCommand is what Claude Code runs as its apiKeyHelper: a helper that fails
// must print nothing, since Claude Code sends whatever it gets (I-02).
func (a *app) tokenCommand(u *ui.UI) *cobra.Command {
	var setup string
	var show, gateway bool
	c := &cobra.Command{
		Use: "token", Short: u.T("cmd.token.short"), Long: u.T("cmd.token.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			name := secrets.ProxyToken
			if gateway {
				name = secrets.GatewayToken
			}
			return a.runToken(c.Context(), setup, name, show)
		},
	}
	c.Flags().StringVar(&setup, "setup", "", u.T("flag.setup"))
	completeFiles(c, "setup")
	c.Flags().BoolVar(&show, "show", false, u.T("flag.show"))
	c.Flags().BoolVar(&gateway, "gateway", false, u.T("flag.gateway"))
	return c
}

func (a *app) runToken(ctx context.Context, setup, name string, show bool) error {
	if !show && a.outIsTerminal() {
		return hint.With(errors.New("standard output is a terminal: the token would stay on the screen"), "token-show")
	}
	store, err := a.storeOf(setup)
	if err != nil {
		return err
	}
	token, err := store.Get(ctx, name)
	if err != nil {
		return wizard.Unread(name, store.Kind(), err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", token.Expose())
	return err
}

// storeOf is the secret store of the set-up in the file setup, or of this user's
// own when setup is empty.
func (a *app) storeOf(setup string) (secrets.Store, error) {
	w := a.wizard(a.ui(ui.Options{}))
	return w.StoreOf(setup)
}

func (a *app) outIsTerminal() bool {
	f, ok := a.out.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
