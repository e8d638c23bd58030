package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// The exit codes, as the README and the manual list them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitFindings = 3
	exitRefused  = 4
	exitAborted  = 130
)

// defaultContainerUser runs an image that names no user but root: an id that owns
// nothing on a usual host (E-01).
const defaultContainerUser = "65532:65532"

// lockWait is how long a second clawsetup waits for the first.
const lockWait = 10 * time.Second

var (
	// errFindings ends a check that found something: exit code 3.
	errFindings = errors.New("findings")
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// app is one run of the program.
type app struct {
	in       *os.File
	out, err io.Writer
	disk     *files.Disk

	lang           string
	noColor, plain bool
	// managed is where Claude Code looks for settings of the whole host.
	managed string
	// gateway is the program of the gateway, where it is not this very one.
	gateway string
}

func newApp() *app {
	return &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, disk: &files.Disk{}, managed: claude.ManagedPath()}
}

// run executes one command line and returns the exit code.
func (a *app) run(args []string) int {
	root := a.rootCommand(a.helpUI(args))
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(context.Background())
	return a.exit(err)
}

// exit prints err, unless that was done, and maps it to the exit code.
func (a *app) exit(err error) int {
	var missing *ui.MissingError
	var usage usageError
	var given *wizard.GivenError
	var refused *cloudru.Error
	code := exitFailed
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, ui.ErrAborted), errors.Is(err, ui.ErrStopped):
		code = exitAborted
	case errors.As(err, &missing), errors.As(err, &usage), errors.As(err, &given), errors.Is(err, wizard.ErrBadValue), errors.Is(err, wizard.ErrNoSuchOption):
		code = exitUsage
	case errors.As(err, &refused) && refused.Kind == cloudru.WrongKey:
		code = exitRefused
	}
	a.ui(ui.Options{}).Error(err)
	return code
}

// ui makes the terminal for a command: o with the streams and the flags that all
// commands have.
func (a *app) ui(o ui.Options) *ui.UI {
	o.In, o.Out, o.Err = a.in, a.out, a.err
	o.Lang, o.NoColor, o.Plain = a.lang, a.noColor, a.plain
	return ui.New(o)
}

// helpUI speaks the language of the help texts, which are needed before the flags
// are parsed.
func (a *app) helpUI(args []string) *ui.UI {
	lang := ""
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			lang = v
		} else if arg == "--lang" && i+1 < len(args) {
			lang = args[i+1]
		}
	}
	return ui.New(ui.Options{In: a.in, Out: a.out, Err: a.err, Lang: lang})
}

func (a *app) rootCommand(u *ui.UI) *cobra.Command {
	var printVersion bool
	root := &cobra.Command{
		Use: "clawsetup", Short: u.T("cmd.root.short"), Long: u.T("cmd.root.long") + "\n\n" + u.T("cmd.root.exit"),
		SilenceUsage: true, SilenceErrors: true, Args: usageArgs(cobra.NoArgs),
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkLang() },
		RunE: func(c *cobra.Command, _ []string) error {
			if printVersion {
				return a.printVersion()
			}
			return c.Help()
		},
	}
	root.Flags().BoolVar(&printVersion, "version", false, u.T("cmd.version.short"))
	root.PersistentFlags().StringVar(&a.lang, "lang", "", u.T("flag.lang"))
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, u.T("flag.no-color"))
	root.PersistentFlags().BoolVar(&a.plain, "plain", false, u.T("flag.plain"))
	root.AddCommand(
		a.initCommand(u), a.rotateKeyCommand(u), a.configHistoryCommand(u), a.sessionPurgeCommand(u), a.uninstallCommand(u), a.demoCommand(u),
		a.upCommand(u), a.downCommand(u), a.statusCommand(u), a.doctorCommand(u), a.egressCommand(u), a.launchCommand(u), a.tokenCommand(u), a.secretsCommand(u), a.versionCommand(u),
		a.completionCommand(u),
	)
	completeRoot(root)
	speak(root, u)
	return root
}

func (a *app) checkLang() error {
	if a.lang != "" && !slices.Contains(ui.Languages(), a.lang) {
		return usageError{fmt.Errorf("--lang: %q is neither %s", a.lang, strings.Join(ui.Languages(), " nor "))}
	}
	return nil
}

// wizard is the real host.
func (a *app) wizard(u *ui.UI) *wizard.Wizard {
	paths := wizard.DefaultPaths()
	return &wizard.Wizard{
		Paths: paths, Disk: a.disk, Version: buildVersion(), Executable: executable(), ManagedFile: a.managed,
		Keyring: secrets.NewKeyring(paths.Scope()), Programs: wizard.InstalledPrograms(), Now: time.Now, Getenv: os.Getenv,
		LockWait: lockWait, ContainerUser: defaultContainerUser,
		Engine: func(ctx context.Context) (*engine.Engine, error) { return engine.Connect(ctx, os.Getenv) },
		EngineAt: func(ctx context.Context, at engine.Endpoint) (*engine.Engine, error) {
			return engine.ConnectTo(ctx, at, os.Getenv)
		},
		Gateway: sync.OnceValues(func() (engine.GatewayImage, error) { return a.gatewayImage(paths.Project()) }),
		Waiting: func(h files.Holder) { u.Waiting(h) }, Began: u.Began,
	}
}

// gatewayImage is made of this very program, if there is none of the gateway's own.
func (a *app) gatewayImage(project string) (engine.GatewayImage, error) {
	if a.gateway != "" {
		return engine.ProgramImage(a.gateway, project)
	}
	return engine.OwnImage(project)
}

// executable is the path by which OpenClaw and Claude Code call clawsetup: the one
// in PATH when that is this program, since an upgrade keeps it.
func executable() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	found, err := exec.LookPath(filepath.Base(self))
	if err != nil {
		return self
	}
	if found, err = filepath.Abs(found); err == nil && sameFile(found, self) {
		return found
	}
	return self
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// printJSON writes v to standard output, indented.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
