package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

const (
	loginUnit  = "clawsetup.service"
	loginWants = "default.target.d"
	loginLabel = "io.github.clawsetup.up"
)

// ErrNoLogin says that this system has no way to start the stack at login that
// clawsetup knows.
var ErrNoLogin = errors.New("a start at login is not known for this system")

// loginFile is one file of the start at login.
type loginFile struct {
	path    string
	content []byte
}

// loginPaths are the files of a start at login on this system; ErrNoLogin where it
// has none that clawsetup knows. The first is the unit, or the agent.
func (w *Wizard) loginPaths() ([]string, error) {
	switch runtime.GOOS {
	case "linux":
		dir := filepath.Join(filepath.Dir(w.Paths.Config), "systemd", "user")
		return []string{filepath.Join(dir, loginUnit), filepath.Join(dir, loginWants, "clawsetup.conf")}, nil
	case "darwin":
		return []string{filepath.Join(w.Paths.Home, "Library", "LaunchAgents", loginLabel+".plist")}, nil
	default:
		return nil, hint.With(fmt.Errorf("%w (%s)", ErrNoLogin, runtime.GOOS), "login-platform")
	}
}

// loginFiles are what starts the stack when the operator logs in: a unit of the
// user's systemd and what makes the default target want it, or a launchd agent.
func (w *Wizard) loginFiles(l LoginSetup) ([]loginFile, error) {
	paths, err := w.loginPaths()
	if err != nil {
		return nil, err
	}
	login := templates.Login{Executable: w.Executable, DockerHost: l.DockerHost}
	if len(paths) == 1 {
		agent, err := templates.LaunchAgent(login, loginLabel)
		return []loginFile{{paths[0], agent}}, err
	}
	unit, err := templates.SystemdUnit(login)
	return []loginFile{{paths[0], unit}, {paths[1], templates.SystemdWants(loginUnit)}}, err
}

// login plans the start at login, or takes back what an earlier plan wrote for it.
func (p *planner) login(s Setup) error {
	if s.Login.Start {
		list, err := p.w.loginFiles(s.Login)
		if err != nil {
			return err
		}
		return p.units(list, "file-login")
	}
	return p.withoutUnits(p.w.loginPaths())
}

// units plans files of the operator's service manager.
func (p *planner) units(list []loginFile, why string) error {
	for _, f := range list {
		if err := p.file(f.path, f.content, Change{Why: why, Controls: []string{"R-02"}, event: journal.ProxyStackConfigured}); err != nil {
			return err
		}
	}
	return nil
}

// withoutUnits takes back what an earlier plan wrote to the paths, if this system has
// such.
func (p *planner) withoutUnits(paths []string, err error) error {
	if errors.Is(err, ErrNoLogin) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, t := range p.past {
		if !slices.Contains(paths, t.first.Path) || t.givenBack() {
			continue
		}
		if err := p.restore(t, Change{Why: "file-obsolete", event: journal.SetupRemoved}); err != nil {
			return err
		}
	}
	return nil
}

// stopNext are the commands that make a running service manager let go of the units that
// a plan removes: without them it goes by what it read before, until the next login.
func (w *Wizard) stopNext(p *Plan) [][]string {
	var out [][]string
	for _, u := range []struct {
		paths       func() ([]string, error)
		unit, label string
	}{{w.watchPaths, watchUnit + ".timer", watchLabel}, {w.loginPaths, loginUnit, loginLabel}} {
		paths, err := u.paths()
		goes := func(c Change) bool { return slices.Contains(paths, c.Path) && !c.After.Exists }
		switch {
		case err != nil || !slices.ContainsFunc(p.Changes, goes):
		case runtime.GOOS == "darwin":
			out = append(out, []string{"launchctl", "bootout", "gui/" + strconv.Itoa(os.Getuid()) + "/" + u.label})
		default:
			out = append(out, []string{"systemctl", "--user", "stop", u.unit})
		}
	}
	if len(out) > 0 && runtime.GOOS != "darwin" {
		out = append(out, []string{"systemctl", "--user", "daemon-reload"})
	}
	return out
}

// NoLoginSession takes the start at login away again.
type NoLoginSession struct {
	noQuestions
	standing
	w *Wizard
}

// NewNoLogin starts clawsetup down --on-login.
func (w *Wizard) NewNoLogin(ctx context.Context) (*NoLoginSession, error) {
	p, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	return &NoLoginSession{standing: p, w: w}, nil
}

// Preflight implements Session.
func (s *NoLoginSession) Preflight(context.Context) []Note { return s.start }

// Missing implements Session.
func (s *NoLoginSession) Missing(context.Context) [][]string { return nil }

// Plan implements Session.
func (s *NoLoginSession) Plan(ctx context.Context) (*Plan, error) {
	p, err := s.planner(ctx, s.w)
	if err != nil {
		return nil, err
	}
	s.setup.Login = LoginSetup{}
	err = errors.Join(
		p.setup(&s.setup, Change{Why: "file-setup-login", Controls: []string{"R-02"}, event: journal.SetupRecorded}),
		p.login(s.setup),
	)
	p.plan.Next = s.w.stopNext(p.plan)
	return p.plan, err
}

// Apply implements Session.
func (s *NoLoginSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}
