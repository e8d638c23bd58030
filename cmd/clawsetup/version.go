package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/ui"
)

// Set by the release build; a build by hand takes them from the Go tool.
var (
	version = ""
	commit  = ""
	date    = ""
)

// build is what `version --json` prints: enough to find the sources that a program was
// made of. Modules has the checksum, as in go.sum, of each module in it.
type build struct {
	Version string            `json:"version"`
	Commit  string            `json:"commit"`
	Date    string            `json:"date"`
	Go      string            `json:"go"`
	OS      string            `json:"os"`
	Arch    string            `json:"arch"`
	Modules map[string]string `json:"modules"`
}

func buildVersion() string { return readBuild().Version }

func readBuild() build {
	b := build{Version: version, Commit: commit, Date: date, OS: runtime.GOOS, Arch: runtime.GOARCH, Modules: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && b.Commit == "":
			b.Commit = s.Value
		case s.Key == "vcs.time" && b.Date == "":
			b.Date = s.Value
		}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules[m.Path+"@"+m.Version] = m.Sum
	}
	return b
}

func (a *app) printVersion() error {
	_, err := fmt.Fprintf(a.out, "clawsetup %s\n", buildVersion())
	return err
}

func (a *app) versionCommand(u *ui.UI) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "version", Short: u.T("cmd.version.short"), Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return a.printJSON(readBuild())
			}
			return a.printVersion()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, u.T("flag.json"))
	return c
}
