package main

import (
	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
)

func (a *app) upCommand(u *ui.UI) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: u.T("cmd.up.short"), Long: u.T("cmd.up.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.wizard(a.ui(ui.Options{})).Up(c.Context(), a.err)
		},
	}
}

func (a *app) downCommand(u *ui.UI) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: u.T("cmd.down.short"), Long: u.T("cmd.down.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.wizard(a.ui(ui.Options{})).Down(c.Context(), a.err)
		},
	}
}
