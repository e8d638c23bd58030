package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
)

// initOptions are the flags of `clawsetup init`.
type initOptions struct {
	config  string
	answers map[string]*string
	key     keyOptions

	allowPrivate, trustFirstUse bool
	newJournal                  bool
	dryRun, yes, json           bool

	up           bool
	allowRelaxed bool
}

// initAnswers are the flags whose value is the answer to the question of the same
// name.
var initAnswers = []string{
	"section", "dir", "api-base", "store", "preset", "big-model", "middle-model", "small-model", "image", "image-digest",
	"cosign-key", "egress", "port", "openclaw-config", "openclaw-mode", "hardening", "conflicts", "claude", "retention-days", "managed-settings",
}

func (a *app) initCommand(u *ui.UI) *cobra.Command {
	o := &initOptions{answers: map[string]*string{}}
	c := &cobra.Command{
		Use: "init", Short: u.T("cmd.init.short"), Long: u.T("cmd.init.long"), Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.runInit(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", u.T("flag.config"))
	for _, name := range initAnswers {
		o.answers[name] = f.String(name, "", u.T("flag."+name))
	}
	o.key.bind(c, u)
	f.BoolVar(&o.allowPrivate, "allow-private-api", false, u.T("flag.allow-private-api"))
	f.BoolVar(&o.trustFirstUse, "trust-first-use", false, u.T("flag.trust-first-use"))
	f.BoolVar(&o.newJournal, "new-journal", false, u.T("flag.new-journal"))
	f.BoolVar(&o.dryRun, "dry-run", false, u.T("flag.dry-run"))
	f.BoolVar(&o.yes, "yes", false, u.T("flag.yes"))
	f.BoolVar(&o.json, "json", false, u.T("flag.json"))
	f.BoolVar(&o.up, "up", false, u.T("flag.up"))
	f.BoolVar(&o.allowRelaxed, "allow-relaxed", false, u.T("flag.allow-relaxed"))
	completeInit(c)
	return c
}

// completeInit offers the values of the flags that have few.
func completeInit(c *cobra.Command) {
	for flag, values := range map[string][]string{
		"store":            secrets.Kinds(),
		"openclaw-mode":    wizard.OpenClawModes(),
		"section":          wizard.SectionNames(),
		"conflicts":        wizard.ConflictNames(),
		"managed-settings": wizard.ManagedNames(),
		"preset":           wizard.PresetNames(),
		"egress":           wizard.EgressNames(),
	} {
		completeValues(c, flag, values)
	}
	completeList(c, "hardening", wizard.HardeningNames())
	completeFiles(c, "config", "cosign-key", "openclaw-config", "claude")
	completeFolders(c, "dir")
}

func (a *app) runInit(ctx context.Context, o *initOptions) error {
	if o.dryRun && o.up {
		return wrongUsage("dry-run-up", "--up: a dry run starts nothing")
	}
	u := a.ui(ui.Options{Yes: o.yes, DryRun: o.dryRun, JSON: o.json})
	w := a.wizard(u)
	given, err := a.initGiven(w, u, o)
	if err != nil {
		return err
	}
	s, err := w.NewInit(ctx, given)
	if err != nil {
		return u.Unchanged(err)
	}
	if err := a.drive(ctx, u, s, "init", o.json, o.dryRun); err != nil || o.dryRun {
		return err
	}
	start, err := a.startNow(ctx, u, w, o)
	if err != nil || !start {
		return err
	}
	return a.runUp(ctx, &upOptions{allowRelaxed: o.allowRelaxed, yes: o.yes, json: o.json, wait: wizard.DefaultPatience})
}

// startNow tells whether the stack is to be started after the set-up: by flag, or by
// the operator's word where there is an engine to start it.
func (a *app) startNow(ctx context.Context, u *ui.UI, w *wizard.Wizard, o *initOptions) (bool, error) {
	if o.up || !u.CanAsk() {
		return o.up, nil
	}
	e, err := w.Engine(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // the set-up is done; what remains to be run was said
	}
	if err := e.Close(); err != nil {
		return false, fmt.Errorf("leaving the engine: %w", err)
	}
	answer, err := u.Decide(ctx, "start", "up", "no")
	return answer == "up", err
}

func (a *app) initGiven(w *wizard.Wizard, u *ui.UI, o *initOptions) (wizard.Given, error) {
	g := wizard.Given{
		Values: map[string]string{}, KeyLabel: o.key.label, CanAsk: u.CanAsk(),
		AllowPrivate: o.allowPrivate, TrustFirstUse: o.trustFirstUse, NewJournal: o.newJournal, DryRun: o.dryRun,
	}
	var err error
	g.Key, err = o.key.read(a, u)
	var wrong *wizard.GivenError
	if errors.As(err, &wrong) {
		g.Wrong = wrong.Wrong
	} else if err != nil {
		return g, err
	}
	for name, value := range o.answers {
		g.Values[name] = *value
	}
	if o.config != "" {
		g.Base, err = w.ReadSetup(o.config)
		if errors.Is(err, fs.ErrNotExist) {
			err = wizard.NoSuchFile(o.config)
		}
		if err != nil {
			g.Wrong = append(g.Wrong, wizard.WrongGiven{Flag: "--config", Err: err})
		}
	}
	return g, nil
}

// outcome is what --json prints of a command that changes the set-up.
type outcome struct {
	Changed bool          `json:"changed"`
	DryRun  bool          `json:"dry_run,omitempty"`
	Records []uint64      `json:"records"`
	Plan    *wizard.Plan  `json:"plan"`
	Notes   []wizard.Note `json:"notes"`
	Next    [][]string    `json:"next"`
}

// drive runs a session to its end and prints what --json promises.
func (a *app) drive(ctx context.Context, u *ui.UI, s wizard.Session, title string, asJSON, dryRun bool) error {
	plan, result, err := u.Run(ctx, s, title)
	if err != nil || !asJSON {
		return err
	}
	notes := plan.Notes
	if result.Changed {
		notes = result.Notes // what Apply found is among them
	}
	return a.printJSON(outcome{
		Changed: result.Changed, DryRun: dryRun, Records: append([]uint64{}, result.Records...),
		Plan: plan, Notes: notes, Next: append([][]string{}, plan.Next...),
	})
}

// keyOptions are the flags that name where a new key comes from: never the key
// itself.
type keyOptions struct {
	stdin bool
	file  string
	label string
}

func (k *keyOptions) bind(c *cobra.Command, u *ui.UI) {
	c.Flags().BoolVar(&k.stdin, "key-stdin", false, u.T("flag.key-stdin"))
	c.Flags().StringVar(&k.file, "key-file", "", u.T("flag.key-file"))
	c.Flags().StringVar(&k.label, "key-label", "", u.T("flag.key-label"))
	completeFiles(c, "key-file")
}

// read takes the key from where the flags say; zero when they say nothing. The error is a
// *wizard.GivenError when no key can be read there.
func (k *keyOptions) read(a *app, u *ui.UI) (secrets.Secret, error) {
	switch {
	case k.stdin && k.file != "":
		return secrets.Secret{}, wrongUsage("one-of", "give one of %s", "--key-stdin, --key-file")
	case k.stdin:
		key, err := secrets.ReadAPIKey(a.in)
		if err != nil {
			return key, wrongGiven("--key-stdin", err)
		}
		return key, nil
	case k.file != "":
		key, warnings, err := secrets.ReadAPIKeyFile(k.file)
		if errors.Is(err, fs.ErrNotExist) {
			err = wizard.NoSuchFile(k.file)
		}
		if err != nil {
			return key, wrongGiven("--key-file", err)
		}
		for _, w := range warnings {
			u.Warn("key-file-open", w.Path, fmt.Sprintf("%04o", w.Mode))
		}
		return key, nil
	}
	return secrets.Secret{}, nil
}

func wrongGiven(flag string, err error) error {
	return &wizard.GivenError{Wrong: []wizard.WrongGiven{{Flag: flag, Err: err}}}
}
