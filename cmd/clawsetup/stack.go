package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
)

// upOptions are the flags of `clawsetup up`.
type upOptions struct {
	onLogin, allowRelaxed bool
	yes, json             bool
	wait                  time.Duration
}

func (a *app) upCommand(u *ui.UI) *cobra.Command {
	o := &upOptions{}
	c := &cobra.Command{
		Use: "up", Short: u.T("cmd.up.short"), Long: u.T("cmd.up.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runUp(c.Context(), o) },
	}
	f := c.Flags()
	f.BoolVar(&o.onLogin, "on-login", false, u.T("flag.on-login"))
	f.BoolVar(&o.allowRelaxed, "allow-relaxed", false, u.T("flag.allow-relaxed"))
	f.DurationVar(&o.wait, "wait", wizard.DefaultPatience, u.T("flag.wait"))
	f.BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	f.BoolVar(&o.json, "json", false, u.T("flag.json-events"))
	return c
}

// runUp gets the images, lets the operator decide what the image makes necessary, and
// runs and proves the stack.
func (a *app) runUp(ctx context.Context, o *upOptions) (err error) {
	if o.wait <= 0 {
		return wrongUsage("wait-short", "--wait: must be longer than nothing")
	}
	u := a.ui(ui.Options{Yes: o.yes, JSON: o.json})
	s, err := a.wizard(u).NewUp(ctx, wizard.UpOptions{
		OnLogin: o.onLogin, AllowRelaxed: o.allowRelaxed, Patience: o.wait,
		Fixed: !o.yes && (u.Mode() == ui.Unattended || !u.CanAsk()),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := u.Work(ctx, "up", s.Prepare); err != nil {
		return err
	}
	if err := a.decideUp(ctx, u, s); err != nil {
		return err
	}
	var status *wizard.Status
	err = u.Work(ctx, "up", func(ctx context.Context, report func(wizard.Progress)) (err error) {
		status, err = s.Start(ctx, report)
		return err
	})
	if status == nil || o.json {
		return errors.Join(err, a.statusEvent(u, status, o.json))
	}
	u.Status(status, false)
	return err
}

// decideUp shows what has to change in the files before the stack is started; what
// only records a finding is not asked about.
func (a *app) decideUp(ctx context.Context, u *ui.UI, s *wizard.UpSession) error {
	plan, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	if plan.Empty() {
		u.Notes(plan.Notes)
		return nil
	}
	if s.Quiet(plan) {
		u.Notes(plan.Notes)
		return u.Work(ctx, "up", func(ctx context.Context, report func(wizard.Progress)) error {
			_, err := s.Apply(ctx, plan, report)
			return err
		})
	}
	_, _, err = u.Run(ctx, s, "up")
	return err
}

func (a *app) statusEvent(u *ui.UI, s *wizard.Status, asJSON bool) error {
	if s == nil || !asJSON {
		return nil
	}
	return u.Event(map[string]any{"event": "status", "status": s})
}

// downOptions are the flags of `clawsetup down`.
type downOptions struct {
	purge, onLogin, yes bool
}

func (a *app) downCommand(u *ui.UI) *cobra.Command {
	o := &downOptions{}
	c := &cobra.Command{
		Use: "down", Short: u.T("cmd.down.short"), Long: u.T("cmd.down.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runDown(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.purge, "purge", false, u.T("flag.purge"))
	c.Flags().BoolVar(&o.onLogin, "on-login", false, u.T("flag.no-login"))
	c.Flags().BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	return c
}

func (a *app) runDown(ctx context.Context, o *downOptions) error {
	u := a.ui(ui.Options{Yes: o.yes})
	w := a.wizard(u)
	if o.onLogin {
		s, err := w.NewNoLogin(ctx)
		if err != nil {
			return err
		}
		if _, _, err := u.Run(ctx, s, "down"); err != nil {
			return err
		}
	}
	return u.Work(ctx, "down", func(ctx context.Context, report func(wizard.Progress)) error {
		report(wizard.Progress{ID: "stop"})
		if err := w.Down(ctx, o.purge); err != nil {
			return err
		}
		report(wizard.Progress{ID: "stop", State: wizard.Durable})
		return nil
	})
}

func (a *app) statusCommand(u *ui.UI) *cobra.Command {
	var asJSON, all bool
	c := &cobra.Command{
		Use: "status", Short: u.T("cmd.status.short"), Long: u.T("cmd.status.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runStatus(c.Context(), asJSON, all) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	c.Flags().BoolVar(&all, "all", false, u.T("flag.all-proofs"))
	return c
}

// runStatus exits with 3 when something is broken, or nothing runs.
func (a *app) runStatus(ctx context.Context, asJSON, all bool) error {
	u := a.ui(ui.Options{JSON: asJSON})
	s, err := a.wizard(u).Status(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		if err := a.printJSON(s); err != nil {
			return err
		}
	} else {
		u.Status(s, all)
	}
	if !s.OK() {
		return errFindings
	}
	return nil
}
