package main

import (
	"bytes"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clawsetup/clawsetup/ui"
)

// openFlags take values of which no list can be made. Every other flag with a value
// says what a shell offers for it, see completion.go.
var openFlags = []string{
	"allow", "api-base", "big-model", "drain", "expires", "forward", "image", "image-digest", "key-label", "limit", "middle-model", "of",
	"older-than", "port", "probe", "reason", "retention-days", "since", "small-model", "use", "wait", "where",
}

// testRoot is the tree of commands, in English.
func testRoot() *cobra.Command {
	a := newApp()
	a.lang = "en"
	return a.rootCommand(ui.New(ui.Options{Lang: "en", Out: io.Discard, Err: io.Discard}))
}

// eachCommand visits c and all commands below it.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, visit)
	}
}

// A flag with a value that is neither completed nor open is one that was forgotten.
func TestFlagsComplete(t *testing.T) {
	seen := map[string]bool{}
	eachCommand(testRoot(), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal != "" {
				return
			}
			seen[f.Name] = true
			_, completed := c.GetFlagCompletionFunc(f.Name)
			completed = completed || f.Annotations[cobra.BashCompSubdirsInDir] != nil
			if open := slices.Contains(openFlags, f.Name); open == completed {
				t.Errorf("%s --%s: completed is %v, in openFlags is %v", c.CommandPath(), f.Name, completed, open)
			}
		})
	})
	for _, name := range openFlags {
		if !seen[name] {
			t.Errorf("no command has a flag --%s", name)
		}
	}
}

// complete is what the program answers a shell: the values, and the directive.
func complete(t *testing.T, args ...string) ([]string, string) {
	t.Helper()
	var out bytes.Buffer
	a := newApp()
	a.out, a.err = &out, io.Discard
	if code := a.run(append([]string{cobra.ShellCompNoDescRequestCmd}, args...)); code != exitDone {
		t.Fatalf("%q: exit code %d", args, code)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[:len(lines)-1], lines[len(lines)-1]
}

func TestComplete(t *testing.T) {
	const nothing, files, folders = ":4", ":0", ":16"
	for _, c := range []struct {
		line, want, directive string
	}{
		{"init --store ", "keyring docker", nothing},
		{"init --openclaw-mode ", "auto plugin builtin legacy none", nothing},
		{"init --conflicts ", "keep replace", nothing},
		{"init --managed-settings ", "no yes", nothing},
		{"init --egress ", "restricted open", nothing},
		{"init --section ", "repair all key models secrets image agent", nothing},
		{"init --preset ", "balanced economy max-context keep custom", nothing},
		{"init --hardening ga", "gateway", nothing},
		{"init --hardening gateway,s", "gateway,skills gateway,sessions", nothing},
		{"init --hardening gateway,ga", "", nothing},
		{"--lang ", "en ru", nothing},
		{"status --lang ", "en ru", nothing},
		{"config-history export --format ", "jsonl ocsf", nothing},
		{"config-history ver", "verify", nothing},
		{"rotate-key --to", "--token", nothing},
		{"completion ", "bash zsh fish powershell", nothing},
		{"init --key-file ", "", files},
		{"rotate-key --key-file ", "", files},
		{"token --setup ", "", files},
		{"init --claude ", "", files},
		{"init --dir ", "", folders},
		{"launch ", "", files},
		{"init --port ", "", nothing},
		{"down ", "", nothing},
	} {
		got, directive := complete(t, strings.Split(c.line, " ")...)
		if strings.Join(got, " ") != c.want || directive != c.directive {
			t.Errorf("%q: %q %s, want %q %s", c.line, got, directive, c.want, c.directive)
		}
	}
}

// Every command that is not hidden is offered, with the words of its help.
func TestCommandsComplete(t *testing.T) {
	eachCommand(testRoot(), func(c *cobra.Command) {
		if !c.HasParent() {
			return
		}
		words := slices.Concat(strings.Fields(c.CommandPath())[1:], []string{""})
		words[len(words)-2], words = words[len(words)-2][:1], words[:len(words)-1]
		got, _ := complete(t, words...)
		if slices.Contains(got, c.Name()) == c.Hidden {
			t.Errorf("%s: offered %q", c.CommandPath(), got)
		}
	})
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells() {
		var out bytes.Buffer
		a := newApp()
		a.out, a.err = &out, io.Discard
		if code := a.run([]string{"completion", shell}); code != exitDone {
			t.Errorf("%s: exit code %d", shell, code)
		}
		// The bash of Windows is one of another system, which need not be there.
		if check := exec.Command(shell, "-n"); check.Err == nil && shell != "powershell" && runtime.GOOS != "windows" {
			check.Stdin = &out
			if said, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s -n: %v\n%s", shell, err, said)
			}
		} else if !strings.Contains(out.String(), cobra.ShellCompRequestCmd) {
			t.Errorf("%s: the script does not ask the program:\n%.200s", shell, out.String())
		}
	}
}
