package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
)

// purgeOptions are the flags of `clawsetup session-purge`.
type purgeOptions struct {
	olderThan, session string
	all                bool
	dryRun, yes, json  bool
}

func (a *app) sessionPurgeCommand(u *ui.UI) *cobra.Command {
	o := &purgeOptions{}
	c := &cobra.Command{
		Use: "session-purge", Short: u.T("cmd.session-purge.short"), Long: u.T("cmd.session-purge.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			given, err := o.given(c)
			if err != nil {
				return err
			}
			return a.runSessionPurge(c.Context(), o, given)
		},
	}
	f := c.Flags()
	f.StringVar(&o.olderThan, "older-than", "", u.T("flag.older-than"))
	f.StringVar(&o.session, "session", "", u.T("flag.session"))
	f.BoolVar(&o.all, "all", false, u.T("flag.all-sessions"))
	f.BoolVar(&o.dryRun, "dry-run", false, u.T("flag.dry-run"))
	f.BoolVar(&o.yes, "yes", false, u.T("flag.yes-purge"))
	f.BoolVar(&o.json, "json", false, u.T("flag.json"))
	_ = c.RegisterFlagCompletionFunc("session", a.completeSession)
	return c
}

// given is what the flags say: exactly one of those that choose.
func (o *purgeOptions) given(c *cobra.Command) (wizard.PurgeOptions, error) {
	out := wizard.PurgeOptions{Session: o.session, All: o.all, DryRun: o.dryRun, InUse: o.yes}
	chosen := 0
	for _, is := range []bool{c.Flags().Changed("older-than"), c.Flags().Changed("session"), o.all} {
		if is {
			chosen++
		}
	}
	if chosen != 1 {
		return out, wrongUsage("one-of", "give one of %s", "--older-than, --session, --all")
	}
	if c.Flags().Changed("older-than") {
		age, err := wizard.ParseAge(o.olderThan)
		if err != nil {
			return out, usageError{fmt.Errorf("--older-than: %w", err)}
		}
		out.OlderThan = age
	}
	if id := o.session; c.Flags().Changed("session") && (id == "" || filepath.Base(id) != id || !filepath.IsLocal(id)) {
		return out, wrongUsage("no-session-id", "--session: %q is not the id of a session", id)
	}
	return out, nil
}

// purgeOutcome is what session-purge --json prints.
type purgeOutcome struct {
	DryRun bool           `json:"dry_run"`
	Plan   *wizard.Purge  `json:"plan"`
	Purged *wizard.Purged `json:"purged,omitempty"`
}

// runSessionPurge shows what would go, asks, and deletes it.
func (a *app) runSessionPurge(ctx context.Context, o *purgeOptions, given wizard.PurgeOptions) error {
	u := a.ui(ui.Options{Yes: o.yes, DryRun: o.dryRun, JSON: o.json})
	if !o.yes && !o.dryRun && !u.CanAsk() {
		return &ui.MissingError{Flags: [][]string{{"--yes"}}}
	}
	s, err := a.wizard(u).NewPurge(ctx, given)
	if err != nil {
		return err
	}
	out := purgeOutcome{DryRun: o.dryRun}
	err = o.work(ctx, u, func(ctx context.Context, report func(wizard.Progress)) (err error) {
		report(wizard.Progress{ID: "purge-look"})
		out.Plan, err = s.Plan(ctx)
		if err == nil {
			report(wizard.Progress{ID: "purge-look", State: wizard.Durable})
		}
		return err
	})
	if err != nil {
		return stoppedPurge(err, wizard.Purged{})
	}
	u.Purge(out.Plan)
	if !o.dryRun {
		out.Purged, err = a.purge(ctx, u, s, o, out.Plan)
	}
	if o.json {
		err = errors.Join(err, a.printJSON(out))
	}
	if err == nil && o.incomplete(out) {
		err = wizard.ErrPurgeIncomplete
	}
	return err
}

// purge asks, where nobody has consented yet, and deletes.
func (a *app) purge(ctx context.Context, u *ui.UI, s *wizard.PurgeSession, o *purgeOptions, plan *wizard.Purge) (*wizard.Purged, error) {
	if !o.yes && !plan.Empty() {
		answer, err := u.Decide(ctx, "purge", "delete", "keep")
		if err != nil {
			return nil, err
		}
		if answer != "delete" {
			return nil, ui.ErrAborted
		}
	}
	var done wizard.Purged
	err := o.work(ctx, u, func(ctx context.Context, report func(wizard.Progress)) (err error) {
		done, err = s.Apply(ctx, plan, report)
		return err
	})
	u.Purged(plan, done)
	return &done, stoppedPurge(err, done)
}

// stoppedPurge is what a purge ends with that the operator stopped: what was deleted
// until then is gone.
func stoppedPurge(err error, done wizard.Purged) error {
	switch {
	case !errors.Is(err, ui.ErrStopped):
		return err
	case done.Files == 0 && len(done.Records) == 0:
		return ui.ErrAborted
	default:
		return fmt.Errorf("stopped: %w", wizard.ErrPurgeIncomplete)
	}
}

// incomplete tells whether something that was named is still there: a session in use
// counts where it was asked for.
func (o *purgeOptions) incomplete(out purgeOutcome) bool {
	left, inUse := out.Plan.Left, out.Plan.InUse
	if out.Purged != nil {
		left, inUse = out.Purged.Left, out.Purged.InUse
	}
	return !o.dryRun && (len(left) > 0 || len(inUse) > 0 && o.olderThan == "")
}

// work shows how far long work is; with --json only its result is wanted.
func (o *purgeOptions) work(ctx context.Context, u *ui.UI, do func(context.Context, func(wizard.Progress)) error) error {
	return u.Work(ctx, "session-purge", func(ctx context.Context, report func(wizard.Progress)) error {
		if o.json {
			report = func(wizard.Progress) {}
		}
		return do(ctx, report)
	})
}
