package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// uninstallOptions are the flags of `clawsetup uninstall`.
type uninstallOptions struct {
	keepJournal       bool
	dryRun, yes, json bool
}

func (a *app) uninstallCommand(u *ui.UI) *cobra.Command {
	o := &uninstallOptions{}
	c := &cobra.Command{
		Use: "uninstall", Short: u.T("cmd.uninstall.short"), Long: u.T("cmd.uninstall.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runUninstall(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.keepJournal, "keep-journal", false, u.T("flag.keep-journal"))
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, u.T("flag.dry-run"))
	c.Flags().BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	c.Flags().BoolVar(&o.json, "json", false, u.T("flag.json"))
	return c
}

// runUninstall ends with exit code 1 when a secret was found that was to be gone, or an
// engine that may hold something of the set-up could not be asked.
func (a *app) runUninstall(ctx context.Context, o *uninstallOptions) error {
	u := a.ui(ui.Options{Yes: o.yes, DryRun: o.dryRun, JSON: o.json})
	s, err := a.wizard(u).NewUninstall(ctx, wizard.UninstallOptions{KeepJournal: o.keepJournal, DryRun: o.dryRun})
	if err != nil {
		return err
	}
	if err := a.drive(ctx, u, s, "uninstall", o.json, o.dryRun); err != nil {
		return err
	}
	left := error(nil)
	if at := s.Unasked(); len(at) > 0 && !o.dryRun {
		left = fmt.Errorf("%w: what is in the engine could not be removed, since it does not answer: %s", wizard.ErrUninstallIncomplete, strings.Join(at, ", "))
	}
	if n := len(s.Found()); n > 0 {
		left = hint.With(cmp.Or(left, wizard.ErrUninstallIncomplete), "uninstall-found", n)
	}
	return left
}
