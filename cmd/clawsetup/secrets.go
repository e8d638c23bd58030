package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// secretsCommand answers OpenClaw's exec SecretRef protocol: one request on
// standard input, one response on standard output.
func (a *app) secretsCommand(u *ui.UI) *cobra.Command {
	var setup string
	c := &cobra.Command{
		Use: "secrets", Short: u.T("cmd.secrets.short"), Long: u.T("cmd.secrets.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runSecrets(c.Context(), setup) },
	}
	c.Flags().StringVar(&setup, "setup", "", u.T("flag.setup"))
	completeFiles(c, "setup")
	return c
}

// served maps the ids that OpenClaw may ask for to names in the store: the API key
// is not among them, only the container needs it.
var served = map[string]string{openclaw.SecretProxyToken: secrets.ProxyToken, openclaw.SecretGatewayToken: secrets.GatewayToken}

func (a *app) runSecrets(ctx context.Context, setup string) error {
	if a.outIsTerminal() {
		return hint.With(errors.New("standard output is a terminal: this command answers OpenClaw, not people"), "secrets-terminal")
	}
	request, err := openclaw.ReadSecretRequest(a.in)
	if err != nil {
		return err
	}
	store, err := a.storeOf(setup)
	if err != nil {
		return err
	}
	values, failed := map[string][]byte{}, map[string]openclaw.SecretErrorCode{}
	for _, id := range request.IDs {
		name, ok := served[id]
		if !ok {
			failed[id] = openclaw.SecretNotFound
			continue
		}
		value, err := store.Get(ctx, name)
		if errors.Is(err, secrets.ErrNotFound) {
			failed[id] = openclaw.SecretNotFound
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		values[id] = value.Expose()
	}
	err = openclaw.WriteSecretResponse(a.out, values, failed)
	for _, v := range values {
		clear(v)
	}
	return err
}
