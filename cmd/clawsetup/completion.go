package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// shells are those that cobra writes completions for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

// completionCommand stands in for cobra's own, which speaks English alone.
func (a *app) completionCommand(u *ui.UI) *cobra.Command {
	return &cobra.Command{
		Use: "completion " + strings.Join(shells(), "|"), Short: u.T("cmd.completion.short"), Long: u.T("cmd.completion.long"),
		ValidArgs: shells(), Args: usageArgs(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(c *cobra.Command, args []string) error { return a.writeCompletion(c.Root(), args[0]) },
	}
}

func (a *app) writeCompletion(root *cobra.Command, shell string) error {
	write := map[string]func() error{
		"bash":       func() error { return root.GenBashCompletionV2(a.out, true) },
		"zsh":        func() error { return root.GenZshCompletion(a.out) },
		"fish":       func() error { return root.GenFishCompletion(a.out, true) },
		"powershell": func() error { return root.GenPowerShellCompletionWithDesc(a.out) },
	}[shell]
	if err := write(); err != nil {
		return fmt.Errorf("writing the completion of %s: %w", shell, err)
	}
	return nil
}

// completeRoot sets what all commands share: nothing is a file unless a flag says so,
// since most values are not.
func completeRoot(root *cobra.Command) {
	root.CompletionOptions.DisableDefaultCmd = true
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	completeValues(root, "lang", ui.Languages())
}

// completeValues offers the values of a flag that has few. It and those below fail only
// for a flag that is not there: TestFlagsComplete finds the one that was meant.
func completeValues(c *cobra.Command, flag string, values []string) {
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completionTime bounds what a shell waits for.
const completionTime = 2 * time.Second

// mostRecords is how many of the newest records a shell is offered.
const mostRecords = 30

// completeRecord offers the newest changes that config-history lists, with what they were.
// No key of the tabulator opens a keyring: the records are named without their seals.
func (a *app) completeRecord(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), completionTime)
	defer cancel()
	u := a.ui(ui.Options{JSON: true})
	h, err := a.wizard(u).HistoryWithoutKeys(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var records []journal.Record
	for r, err := range h.Records() {
		if err != nil {
			break // what could be read is offered
		}
		if wizard.IsDomainEvent(r) {
			records = append(records, r)
		}
	}
	var out []string
	for _, r := range slices.Backward(last(records, mostRecords)) {
		out = append(out, cobra.CompletionWithDesc(strconv.FormatUint(r.Seq, 10), u.T("event."+string(r.Event))))
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeSession offers the conversations that session-purge --all would list.
func (a *app) completeSession(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), completionTime)
	defer cancel()
	s, err := a.wizard(a.ui(ui.Options{JSON: true})).NewPurge(ctx, wizard.PurgeOptions{All: true, DryRun: true})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p, err := s.Plan(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, session := range append(p.Sessions, p.InUse...) {
		out = append(out, session.ID)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeList offers the values of a flag that takes some, separated by commas: each
// value once.
func completeList(c *cobra.Command, flag string, values []string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		there := strings.Split(before, ",")
		var out []string
		for _, v := range values {
			if !slices.Contains(there, v) && strings.HasPrefix(before+v, typed) {
				out = append(out, before+v)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
}

// completeFiles lets the shell offer files as values of flags.
func completeFiles(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = c.RegisterFlagCompletionFunc(flag, anyFile)
	}
}

// anyFile leaves it to the shell, which then offers files.
func anyFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// completeFolders lets the shell offer folders as values of flags.
func completeFolders(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = c.MarkFlagDirname(flag)
	}
}
