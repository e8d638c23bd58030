package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// speak gives what cobra says by itself, in English alone, the operator's language: how a
// command is used, its flag --help, the command help and complaints about the command line.
func speak(root *cobra.Command, u *ui.UI) {
	root.SetUsageFunc(func(c *cobra.Command) error { return writeUsage(c.OutOrStderr(), c, u) })
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{wrongFlag(err)} })
	root.SetHelpCommand(helpCommand(u))
	helpFlags(root, u)
}

func helpFlags(c *cobra.Command, u *ui.UI) {
	c.Flags().BoolP("help", "h", false, u.T("flag.help"))
	for _, sub := range c.Commands() {
		helpFlags(sub, u)
	}
}

// helpCommand stands in for cobra's own; help about a command that is not there is wrong
// usage, as the command itself would be.
func helpCommand(u *ui.UI) *cobra.Command {
	c := &cobra.Command{
		Use: "help [COMMAND]", Short: u.T("cmd.help.short"),
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || about == nil || len(rest) > 0 && about.HasSubCommands() || len(rest) > 1 {
				return usageError{noCommand(c.Root(), strings.Join(args, " "))}
			}
			return about.Help()
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			about, _, err := c.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), typed) {
					out = append(out, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().BoolP("help", "h", false, u.T("flag.help"))
	return c
}

// writeUsage is what follows the text of a command's help.
func writeUsage(w io.Writer, c *cobra.Command, u *ui.UI) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", u.T("help.usage"))
	if c.Runnable() {
		fmt.Fprintf(&b, "\n  %s", useLine(c, u))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n  %s %s\n\n%s", c.CommandPath(), u.T("help.command"), u.T("help.commands"))
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "\n  %-*s %s", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	writeFlagUsages(&b, u, "help.flags", c.LocalFlags())
	writeFlagUsages(&b, u, "help.global-flags", c.InheritedFlags())
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n\n%s", u.T("help.more", c.CommandPath()))
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

func useLine(c *cobra.Command, u *ui.UI) string {
	return strings.Replace(c.UseLine(), "[flags]", u.T("help.flags-place"), 1)
}

func writeFlagUsages(b *strings.Builder, u *ui.UI, heading string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		usages := strings.ReplaceAll(flags.FlagUsages(), " (default ", " ("+u.T("help.default")+" ")
		fmt.Fprintf(b, "\n\n%s\n%s", u.T(heading), strings.TrimRight(usages, " \n"))
	}
}

// wrongFlag gives the commonest complaints about flags words in the catalogue.
func wrongFlag(err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return hint.Say(err, "no-such-flag", flagName(unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()))
	case errors.As(err, &bare):
		return hint.Say(err, "flag-needs-value", flagName(bare.GetSpecifiedName(), bare.GetSpecifiedShortnames()))
	case errors.As(err, &invalid):
		return hint.Say(err, "flag-invalid", "--"+invalid.GetFlag().Name, invalid.GetValue())
	default:
		return err
	}
}

// wrongUsage is a usage error with the words said.<id> in the catalogue; format says the
// same in English.
func wrongUsage(id, format string, args ...any) error {
	return usageError{hint.Say(fmt.Errorf(format, args...), id, args...)}
}

// flagName is a flag as it was given; shorthands are those among which it stood.
func flagName(name, shorthands string) string {
	if shorthands != "" {
		return "-" + name
	}
	return "--" + name
}

func noCommand(c *cobra.Command, name string) error {
	return hint.Say(fmt.Errorf("there is no command %q of %s", name, c.CommandPath()), "no-such-command", name, c.CommandPath())
}

// usageArgs turns cobra's complaints about arguments into usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		err := check(c, args)
		switch none := check(c, nil) == nil; {
		case err == nil:
			return nil
		case none && c.HasSubCommands():
			err = noCommand(c, args[0])
		case none:
			err = hint.Say(fmt.Errorf("%s takes no arguments: %q", c.CommandPath(), args[0]), "no-arguments", c.CommandPath(), args[0])
		case len(args) != 1:
			use := strings.TrimSuffix(c.UseLine(), " [flags]")
			err = hint.Say(fmt.Errorf("one argument is needed: %s", use), "one-argument", use)
		}
		return usageError{err}
	}
}
