package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// listOptions are the flags of `clawsetup config-history list`.
type listOptions struct {
	limit int
	since string
	all   bool
	json  bool
}

func (a *app) configHistoryCommand(u *ui.UI) *cobra.Command {
	o := &listOptions{}
	c := &cobra.Command{
		Use: "config-history", Short: u.T("cmd.config-history.short"), Long: u.T("cmd.config-history.long"),
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if u := a.ui(ui.Options{JSON: o.json}); u.Mode() == ui.FullScreen && o.limit == 0 && o.since == "" {
				return u.Browse(c.Context(), past{a.wizard(u)}, o.all)
			}
			return a.runList(c.Context(), o)
		},
	}
	o.bind(c, u)
	c.AddCommand(
		a.historyList(u), a.historyShow(u), a.historyDiff(u), a.historyVerify(u), a.historyRollback(u), a.historyExport(u),
	)
	return c
}

// past is where the browser finds the journal of this host.
type past struct{ *wizard.Wizard }

// Open implements ui.Past.
func (p past) Open(ctx context.Context) (*wizard.History, error) { return p.History(ctx) }

// Rollback implements ui.Past.
func (p past) Rollback(ctx context.Context, seq uint64) (wizard.Session, error) {
	s, err := p.NewRollback(ctx, seq, false)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (o *listOptions) bind(c *cobra.Command, u *ui.UI) {
	c.Flags().IntVar(&o.limit, "limit", 0, u.T("flag.limit"))
	c.Flags().StringVar(&o.since, "since", "", u.T("flag.since"))
	c.Flags().BoolVar(&o.all, "all", false, u.T("flag.all"))
	c.Flags().BoolVar(&o.json, "json", false, u.T("flag.json"))
}

func (a *app) historyList(u *ui.UI) *cobra.Command {
	o := &listOptions{}
	c := &cobra.Command{
		Use: "list", Short: u.T("cmd.config-history.list.short"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runList(c.Context(), o) },
	}
	o.bind(c, u)
	return c
}

func (a *app) runList(ctx context.Context, o *listOptions) error {
	if o.limit < 0 {
		return wrongUsage("limit-negative", "--limit: %d is negative", o.limit)
	}
	u := a.ui(ui.Options{JSON: o.json})
	w := a.wizard(u)
	since, err := parseSince(o.since, w.Now())
	if err != nil {
		return usageError{err}
	}
	h, err := w.History(ctx)
	if err != nil {
		return err
	}
	records := []journal.Record{}
	for r, err := range h.Records() {
		if err != nil {
			return a.listBroken(u, o, records, err)
		}
		if (o.all || wizard.IsDomainEvent(r)) && !r.Time.Before(since) {
			records = append(records, r)
		}
	}
	return a.printList(u, o, h, records)
}

// listBroken shows what could be read before the journal stopped making sense.
func (a *app) listBroken(u *ui.UI, o *listOptions, records []journal.Record, cause error) error {
	if !o.json && len(records) > 0 {
		u.Records(last(records, o.limit))
	}
	return cause
}

func (a *app) printList(u *ui.UI, o *listOptions, h *wizard.History, records []journal.Record) error {
	records = last(records, o.limit)
	if o.json {
		return a.printJSON(records)
	}
	u.Verification(h)
	u.Records(records)
	return nil
}

// last keeps the newest n records; all of them when n is zero.
func last(records []journal.Record, n int) []journal.Record {
	if n == 0 || len(records) <= n {
		return records
	}
	return records[len(records)-n:]
}

// parseSince reads a date, a time or an age such as 36h or 7d.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if days, err := strconv.Atoi(s[:len(s)-1]); err == nil && s[len(s)-1] == 'd' && days >= 0 {
		return now.AddDate(0, 0, -days), nil
	}
	if age, err := time.ParseDuration(s); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	err := fmt.Errorf("%q is no date (2026-11-22), time (2026-11-22T14:00:00Z) or age (36h, 7d)", s)
	return time.Time{}, fmt.Errorf("--since: %w", hint.Say(err, "no-date", s))
}

// recordCommand is a subcommand about one record.
func (a *app) recordCommand(u *ui.UI, name string, print func(context.Context, *ui.UI, *wizard.History, journal.Record, bool) error) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: name + " N", Short: u.T("cmd.config-history." + name + ".short"), Args: usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRecord,
		RunE: func(c *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			u := a.ui(ui.Options{JSON: asJSON})
			h, err := a.wizard(u).History(c.Context())
			if err != nil {
				return err
			}
			r, err := h.Record(seq)
			if err != nil {
				return err
			}
			return print(c.Context(), u, h, r, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	return c
}

func parseSeq(s string) (uint64, error) {
	seq, err := strconv.ParseUint(s, 10, 64)
	if err != nil || seq == 0 {
		return 0, wrongUsage("no-number", "%q is not the number of a record", s)
	}
	return seq, nil
}

func (a *app) historyShow(u *ui.UI) *cobra.Command {
	return a.recordCommand(u, "show", func(_ context.Context, u *ui.UI, _ *wizard.History, r journal.Record, asJSON bool) error {
		if asJSON {
			return a.printJSON(r)
		}
		u.Record(r)
		return nil
	})
}

func (a *app) historyDiff(u *ui.UI) *cobra.Command {
	return a.recordCommand(u, "diff", func(ctx context.Context, u *ui.UI, h *wizard.History, r journal.Record, asJSON bool) error {
		diffs, err := h.Diffs(ctx, r)
		if err != nil {
			return err
		}
		if asJSON {
			out := map[string]string{}
			for _, d := range diffs {
				out[d.Path] = d.String()
			}
			return a.printJSON(out)
		}
		u.Diffs(diffs)
		return nil
	})
}

func (a *app) historyVerify(u *ui.UI) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "verify", Short: u.T("cmd.config-history.verify.short"), Long: u.T("cmd.config-history.verify.long"),
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runVerify(c.Context(), asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	return c
}

// verification is what verify --json prints.
type verification struct {
	journal.Report
	// Keys says where the keys that the seals were checked with came from.
	Keys             wizard.Root `json:"keys"`
	MissingSnapshots int         `json:"missing_snapshots"`
}

// runVerify ends with exit code 3 for whatever is wrong with the journal: a journal
// or a key that is gone as well, keys of which only the journal says that they are its own,
// and a torn last line, which a crash leaves and a clumsy hand too. What could only
// not be checked is an error.
func (a *app) runVerify(ctx context.Context, asJSON bool) error {
	u := a.ui(ui.Options{JSON: asJSON})
	h, err := a.wizard(u).History(ctx)
	if errors.Is(err, journal.ErrJournalMissing) {
		u.Error(err)
		return errFindings
	}
	if err != nil {
		return err
	}
	missing := 0
	if h.KeysErr == nil && !h.Report.Failed() {
		if missing, err = h.MissingSnapshots(ctx); err != nil {
			return err
		}
	}
	if asJSON {
		if err := a.printJSON(verification{h.Report, h.Root, missing}); err != nil {
			return err
		}
	} else {
		u.Verification(h)
		if !h.Report.Failed() {
			u.Head(h.Report.Head)
		}
	}
	if missing > 0 {
		u.Warn("snapshots-missing", missing)
	}
	switch {
	case !h.Report.OK(), missing > 0, errors.Is(h.KeysErr, secrets.ErrNotFound), errors.Is(h.KeysErr, wizard.ErrUnvouched):
		return errFindings
	default:
		return h.KeysErr
	}
}

func (a *app) historyRollback(u *ui.UI) *cobra.Command {
	var yes, dryRun, asJSON bool
	c := &cobra.Command{
		Use: "rollback N", Short: u.T("cmd.config-history.rollback.short"), Long: u.T("cmd.config-history.rollback.long"),
		Args: usageArgs(cobra.ExactArgs(1)), ValidArgsFunction: a.completeRecord,
		RunE: func(c *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			u := a.ui(ui.Options{Yes: yes, DryRun: dryRun, JSON: asJSON})
			s, err := a.wizard(u).NewRollback(c.Context(), seq, dryRun)
			if err != nil {
				return err
			}
			return a.drive(c.Context(), u, s, "rollback", asJSON, dryRun)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, u.T("flag.yes"))
	c.Flags().BoolVar(&dryRun, "dry-run", false, u.T("flag.dry-run"))
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	return c
}

// The formats of config-history export.
const (
	formatJSONL = "jsonl"
	formatOCSF  = "ocsf"
)

func (a *app) historyExport(u *ui.UI) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "export", Short: u.T("cmd.config-history.export.short"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.wizard(a.ui(ui.Options{JSON: true})).History(c.Context())
			if err != nil {
				return err
			}
			switch format {
			case formatJSONL:
				return h.Log().ExportJSONL(a.out)
			case formatOCSF:
				return h.Log().ExportOCSF(a.out)
			default:
				return wrongUsage("no-format", "--format: %q is neither %s nor %s", format, formatJSONL, formatOCSF)
			}
		},
	}
	c.Flags().StringVar(&format, "format", formatJSONL, u.T("flag.format"))
	completeValues(c, "format", []string{formatJSONL, formatOCSF})
	return c
}
