package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clawsetup/clawsetup/ui"
)

// The manual pages and the completions of a release are written by a test, and so are
// none of the program's weight: .ci/docs calls it.
var docs = flag.String("docs", "", "write the manual pages and the completions into this folder")

// manual is what the pages in one language say besides the help texts.
type manual struct {
	lang, folder string

	name, synopsis, description, commands, options, global, exit, also string
}

// manuals are the languages of the pages, and where man looks for them.
var manuals = []manual{
	{"en", "man1", "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "GLOBAL OPTIONS", "EXIT STATUS", "SEE ALSO"},
	{"ru", "ru/man1", "ИМЯ", "СИНТАКСИС", "ОПИСАНИЕ", "КОМАНДЫ", "ПАРАМЕТРЫ", "ОБЩИЕ ПАРАМЕТРЫ", "КОДЫ ВЫХОДА", "СМОТРИТЕ ТАКЖЕ"},
}

// tree is the tree of commands in the manual's language, and its words.
func (m manual) tree() (*cobra.Command, *ui.UI) {
	a := newApp()
	u := ui.New(ui.Options{Lang: m.lang, Out: io.Discard, Err: io.Discard})
	root := a.rootCommand(u)
	return root, u
}

// pages writes a page for each command, with the date in its head, and gives them by
// their names.
func (m manual) pages(date time.Time) map[string]string {
	root, u := m.tree()
	out := map[string]string{}
	eachCommand(root, func(c *cobra.Command) {
		if !c.Hidden {
			out[pageName(c)+".1"] = m.page(c, u, date)
		}
	})
	return out
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// page is the manual page of a command, for man(7).
func (m manual) page(c *cobra.Command, u *ui.UI, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 %s clawsetup\n", strings.ToUpper(pageName(c)), date.UTC().Format(time.DateOnly))
	fmt.Fprintf(&b, ".SH %s\n%s \\- %s\n", m.name, roff(pageName(c)), roff(c.Short))
	fmt.Fprintf(&b, ".SH %s\n", m.synopsis)
	for _, line := range synopsis(c) {
		fmt.Fprintf(&b, ".B %s\n.br\n", roff(line))
	}
	exit := u.T("cmd.root.exit")
	long := strings.TrimSpace(strings.TrimSuffix(c.Long, exit))
	if long == "" {
		long = c.Short + "."
	}
	fmt.Fprintf(&b, ".SH %s\n%s", m.description, paragraphs(long))
	if subs := visible(c); len(subs) > 0 {
		fmt.Fprintf(&b, ".SH %s\n", m.commands)
		for _, sub := range subs {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s.\n", roff(pageName(sub)), roff(sub.Short))
		}
	}
	writeFlags(&b, m.options, c.NonInheritedFlags())
	writeFlags(&b, m.global, c.InheritedFlags())
	fmt.Fprintf(&b, ".SH %s\n%s", m.exit, paragraphs(exit))
	if also := related(c); len(also) > 0 {
		fmt.Fprintf(&b, ".SH %s\n%s\n", m.also, strings.Join(also, ",\n"))
	}
	return b.String()
}

// synopsis is the line of usage; a command with subcommands has a second.
func synopsis(c *cobra.Command) []string {
	var out []string
	if c.Runnable() {
		out = append(out, c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		out = append(out, c.CommandPath()+" COMMAND [flags]")
	}
	return out
}

func visible(c *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(sub *cobra.Command) bool { return sub.Hidden })
}

// related are the pages above and beside a command's.
func related(c *cobra.Command) []string {
	var out []string
	if c.HasParent() {
		out = append(out, ".BR "+roff(pageName(c.Parent()))+" (1)")
		for _, sibling := range visible(c.Parent()) {
			if sibling != c {
				out = append(out, ".BR "+roff(pageName(sibling))+" (1)")
			}
		}
	}
	return out
}

func writeFlags(b *strings.Builder, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n.B \\-\\-%s", roff(f.Name))
		if value != "" {
			fmt.Fprintf(b, " %s", roff(strings.ToUpper(value)))
		}
		fmt.Fprintf(b, "\n%s", roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
			fmt.Fprintf(b, " (%s)", roff(f.DefValue))
		}
		b.WriteString("\n")
	})
}

// paragraphs sets running text; indented lines stay as they are.
func paragraphs(text string) string {
	var b strings.Builder
	for _, p := range strings.Split(text, "\n\n") {
		if strings.HasPrefix(p, " ") {
			fmt.Fprintf(&b, ".PP\n.nf\n%s\n.fi\n", roff(p))
			continue
		}
		fmt.Fprintf(&b, ".PP\n%s\n", roff(p))
	}
	return b.String()
}

// roff protects what man would take for its own: backslashes, hyphens that are to be
// copied into a shell, and a dot or quote that begins a line.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		"plain":             "plain",
		"a --flag":          `a \-\-flag`,
		`C:\new`:            `C:\enew`,
		".SH x\n'y\na.b 'c": "\\&.SH x\n\\&'y\na.b 'c",
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// docsDate is the date of the release, so that two builds of it are the same.
func docsDate(t *testing.T) time.Time {
	t.Helper()
	v := os.Getenv("SOURCE_DATE_EPOCH")
	if v == "" {
		return time.Unix(0, 0)
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		t.Fatalf("SOURCE_DATE_EPOCH: %v", err)
	}
	return time.Unix(seconds, 0)
}

// TestDocs writes the manual pages and the completions, and has man's own formatter
// read the pages, where there is one.
func TestDocs(t *testing.T) {
	dir := *docs
	if dir == "" {
		dir = t.TempDir()
	}
	for _, m := range manuals {
		for name, page := range m.pages(docsDate(t)) {
			path := filepath.Join(dir, "man", filepath.FromSlash(m.folder), name)
			check(t, os.MkdirAll(filepath.Dir(path), 0o755))
			check(t, os.WriteFile(path, []byte(page), 0o644))
			formatted(t, path)
		}
	}
	check(t, os.MkdirAll(filepath.Join(dir, "completions"), 0o755))
	for _, shell := range []string{"bash", "zsh", "fish"} {
		var out bytes.Buffer
		a := newApp()
		a.out, a.err = &out, io.Discard
		if code := a.run([]string{"completion", shell}); code != exitDone {
			t.Errorf("completion %s: exit code %d", shell, code)
		}
		check(t, os.WriteFile(filepath.Join(dir, "completions", "clawsetup."+shell), out.Bytes(), 0o644))
	}
}

// formatted wants groff to warn of nothing in a page; other systems have older ones, if any.
func formatted(t *testing.T, path string) {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil || runtime.GOOS != "linux" {
		return
	}
	said, err := exec.Command(groff, "-man", "-Kutf8", "-Tutf8", "-ww", "-z", path).CombinedOutput()
	if err != nil || len(said) > 0 {
		t.Errorf("groff %s: %v\n%s", filepath.Base(path), err, said)
	}
}

// A page has what --help has: every flag, and every subcommand.
func TestPagesSayAll(t *testing.T) {
	for _, m := range manuals {
		root, _ := m.tree()
		pages := m.pages(time.Unix(0, 0))
		eachCommand(root, func(c *cobra.Command) {
			page := pages[pageName(c)+".1"]
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name != "help" && !strings.Contains(page, ".B \\-\\-"+roff(f.Name)) {
					t.Errorf("%s, %s: nothing of --%s", m.lang, pageName(c), f.Name)
				}
			})
			for _, sub := range visible(c) {
				if !strings.Contains(page, ".BR "+roff(pageName(sub))+" (1)") {
					t.Errorf("%s, %s: nothing of %s", m.lang, pageName(c), sub.Name())
				}
			}
		})
	}
}
