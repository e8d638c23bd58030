package wizard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrNotHardenable says that an image does not run, whatever may be relaxed for it.
var ErrNotHardenable = errors.New("the image does not run in a hardened container")

// negotiation finds out what an image survives (E-01): it runs in a container
// without any network, with dummy secrets, under the strictest profile first. What it
// cannot live with is given up one control at a time, in this order: the shell of the
// wrapper, the folders that it writes to, our filter of system calls, the user. What
// turns out not to be needed is taken back, the gravest first.
type negotiation struct {
	w       *Wizard
	setup   Setup
	engine  *engine.Engine
	image   engine.Image
	gateway string
	// patience is how long the image may take to answer.
	patience time.Duration
	report   func(Progress)
}

// attempt is what one trial came to.
type attempt struct {
	ok bool
	// why says in English why not.
	why string
	// final means that no relaxation helps; its control is named in why.
	final bool
	// noShell means that the image has no /bin/sh.
	noShell bool
}

// negotiate returns the weakest set of relaxations that lets the image run, each
// with the reason why it is needed.
func (n *negotiation) negotiate(ctx context.Context) ([]Relaxed, error) {
	if err := n.w.sweepTrial(ctx, n.engine); err != nil {
		return nil, err
	}
	set := n.volumes()
	a, err := n.try(ctx, set)
	if err != nil || a.ok {
		return set, err
	}
	first := a
	if a.noShell {
		set = append(set, Relaxed{What: RelaxLauncher, Control: "I-01", Why: "the image has no /bin/sh that could read the secret files"})
		if a, err = n.try(ctx, set); err != nil || a.ok {
			return set, err
		}
	}
	for _, more := range []func(context.Context, attempt, []Relaxed) ([]Relaxed, error){n.folders, n.filter, n.root} {
		if a.final {
			break
		}
		added, err := more(ctx, a, set)
		if err != nil {
			return nil, err
		}
		if len(added) == 0 {
			continue
		}
		set = append(set, added...)
		if a, err = n.try(ctx, set); err != nil {
			return nil, err
		}
		if a.ok {
			return n.prune(ctx, set)
		}
	}
	if a.final {
		return nil, hint.With(fmt.Errorf("%w: %s", ErrNotHardenable, a.why), "image-not-hardenable")
	}
	return nil, hint.With(fmt.Errorf("%w: at first %s; with everything relaxed %s", ErrNotHardenable, first.why, a.why), "image-not-hardenable")
}

// sweepTrial removes what a killed trial left behind.
func (w *Wizard) sweepTrial(ctx context.Context, e *engine.Engine) error {
	left, err := e.Containers(ctx, w.project()+trialSuffix)
	if err != nil {
		return err
	}
	for _, c := range left {
		if err := e.Remove(ctx, c.ID); err != nil {
			return err
		}
	}
	return w.removeTrial()
}

// trialSuffix makes the project of a trial another one than the stack's.
const trialSuffix = "-trial"

// volumes are folders that the image declares as volumes: they would be writable, and
// outlive the container.
func (n *negotiation) volumes() []Relaxed {
	var out []Relaxed
	for _, v := range n.image.Volumes {
		if templates.CheckTmpfs(path.Clean(v)) == nil && len(out) < mostFolders {
			out = append(out, Relaxed{What: RelaxTmpfs, Path: path.Clean(v), Control: "E-01", Why: "the image declares a volume there"})
		}
	}
	return out
}

func (n *negotiation) filter(_ context.Context, a attempt, _ []Relaxed) ([]Relaxed, error) {
	return []Relaxed{{What: RelaxSeccomp, Control: "E-01", Why: cutWhy("with our system call filter " + a.why)}}, nil
}

func (n *negotiation) root(_ context.Context, a attempt, _ []Relaxed) ([]Relaxed, error) {
	return []Relaxed{{What: RelaxRoot, Control: "E-01", Why: cutWhy("as user " + n.setup.Image.RunAs + " " + a.why)}}, nil
}

func cutWhy(s string) string { return text.Clean(s, longestWhy) }

// prune takes back what is not needed, what was added last too: that the image ran with
// it may have been chance.
func (n *negotiation) prune(ctx context.Context, set []Relaxed) ([]Relaxed, error) {
	gravest := slices.Clone(set)
	slices.SortStableFunc(gravest, func(a, b Relaxed) int {
		return slices.Index(relaxations, b.What) - slices.Index(relaxations, a.What)
	})
	for _, r := range gravest {
		if r.What == RelaxLauncher || slices.ContainsFunc(n.volumes(), r.same) {
			continue
		}
		without := slices.DeleteFunc(slices.Clone(set), r.same)
		a, err := n.try(ctx, without)
		if err != nil {
			return nil, err
		}
		if a.ok {
			set = without
		}
	}
	return set, nil
}

// mostFolders bounds how many folders an image may write to.
const mostFolders = 8

// folders watches the image write, as its own user and as root, and names the
// folders that have to become temporary ones.
func (n *negotiation) folders(ctx context.Context, a attempt, set []Relaxed) ([]Relaxed, error) {
	var found []string
	for _, user := range []string{"", "0:0"} {
		n.report(Progress{ID: "watch"})
		paths, err := n.watch(ctx, set, user)
		if err != nil {
			return nil, err
		}
		n.report(Progress{ID: "watch", State: Durable})
		for _, p := range paths {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	var out []Relaxed
	for _, p := range found {
		r := Relaxed{What: RelaxTmpfs, Path: p, Control: "E-01", Why: cutWhy("the image writes there; without it " + a.why)}
		if templates.CheckTmpfs(p) == nil && !slices.ContainsFunc(set, r.same) {
			out = append(out, r)
		}
	}
	if len(out) > mostFolders {
		return nil, nil // it writes everywhere: that is no list of exceptions any more
	}
	return out, nil
}

// watched are paths that the engine or our own mounts make.
var watched = []string{"/.dockerenv", "/dev", "/proc", "/sys", "/run/secrets", "/tmp", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", templates.LauncherPath}

func (n *negotiation) watch(ctx context.Context, set []Relaxed, user string) ([]string, error) {
	c, err := n.render(set)
	if err != nil {
		return nil, err
	}
	c.Writable, c.DefaultSeccomp = true, true
	if user != "" {
		c.RunAs, c.AllowRoot = user, true
	}
	t, err := n.start(ctx, c)
	if err != nil {
		return nil, err
	}
	defer t.end(ctx)
	if t.id == "" {
		return nil, nil
	}
	// It has written what it writes at its start when it answers, or ends.
	if _, err := t.ask(ctx); err != nil {
		return nil, err
	}
	changed, err := n.engine.Changed(ctx, t.id)
	if err != nil {
		return nil, err
	}
	return n.engine.Folders(ctx, t.id, foreign(changed))
}

// foreign drops what the engine changed itself, and the folders that only hold
// something that changed.
func foreign(changed []string) []string {
	var out []string
	for _, p := range changed {
		ours := slices.ContainsFunc(watched, func(w string) bool { return p == w || strings.HasPrefix(p, w+"/") || strings.HasPrefix(w, p+"/") })
		holds := slices.ContainsFunc(changed, func(q string) bool { return strings.HasPrefix(q, p+"/") })
		if !ours && !holds {
			out = append(out, p)
		}
	}
	return out
}

func (n *negotiation) tell(state ProgressState, id string, args ...any) {
	n.report(Progress{ID: id, Args: args, State: state})
}

func (n *negotiation) render(set []Relaxed) (templates.Compose, error) {
	s := n.setup
	s.Image.Hardening.Relaxed = set
	c, err := n.w.composeData(s, imageConfig{n.image.Entrypoint, n.image.Cmd, n.image.WorkingDir, n.image.User})
	c.Project, c.SecretsDir, c.Gateway, c.Alone = c.Project+trialSuffix, filepath.Join(n.w.trialDir(), "secrets"), nil, true
	return c, err
}

// try runs the image with the relaxations of set.
func (n *negotiation) try(ctx context.Context, set []Relaxed) (attempt, error) {
	names := make([]string, len(set))
	for i, r := range set {
		names[i] = strings.TrimSpace(string(r.What) + " " + r.Path)
	}
	id, args := "trial", []any(nil)
	if len(names) > 0 {
		id, args = "trial-relaxed", []any{names}
	}
	n.tell(Begun, id, args...)
	c, err := n.render(set)
	if err != nil {
		return attempt{}, err
	}
	t, err := n.start(ctx, c)
	if err != nil {
		return attempt{}, err
	}
	defer t.end(ctx)
	a, err := t.judge(ctx)
	if err == nil && a.ok {
		n.tell(Durable, id, args...)
	} else if err == nil {
		n.tell(Refused, id, args...)
	}
	return a, err
}

// trialDir holds the files of a trial while it runs: no secret of the operator's.
func (w *Wizard) trialDir() string { return filepath.Join(w.Paths.State, "trial") }

// trial is one container that is tried.
type trial struct {
	n     *negotiation
	stack engine.Stack
	id    string
	// refused is why the engine did not start it.
	refused string
}

// start writes the files of a trial and starts its container. A container that the
// engine cannot start is no error: that is an answer.
func (n *negotiation) start(ctx context.Context, c templates.Compose) (*trial, error) {
	dir := n.w.trialDir()
	if err := n.w.writeTrial(dir, c, n.setup.Models); err != nil {
		return nil, errors.Join(err, n.w.removeTrial())
	}
	t := &trial{n: n, stack: engine.Stack{
		Project: c.Project, Dir: dir, File: filepath.Join(dir, composeName), Env: filepath.Join(dir, envName), Endpoint: n.engine.Endpoint,
	}}
	upErr := t.stack.Up(ctx)
	containers, err := n.engine.Containers(context.WithoutCancel(ctx), c.Project)
	if err != nil || ctx.Err() != nil {
		t.end(ctx)
		return nil, errors.Join(ctx.Err(), err)
	}
	if len(containers) == 0 {
		// An engine may refuse an option already when the container is made.
		t.refused = reason(upErr)
		return t, nil
	}
	t.id = containers[0].ID
	if st := containers[0].State; upErr != nil && !st.Running {
		t.refused = orElse(text.Clean(st.Error, 300), reason(upErr))
	}
	return t, nil
}

// end removes the container and the files of a trial.
func (t *trial) end(ctx context.Context) {
	// The trial is over even when the operator left meanwhile.
	_ = t.stack.Down(context.WithoutCancel(ctx), true)
	_ = t.n.w.removeTrial()
}

// dummyKey opens nothing; it looks like a key to an image that looks at it.
const dummyKey = "sk-clawsetup-trial-opens-nothing"

// writeTrial writes the files of a trial.
func (w *Wizard) writeTrial(dir string, c templates.Compose, m ModelsSetup) error {
	token, err := secrets.NewToken()
	if err != nil {
		return err
	}
	env, err := templates.EnvFile(templates.Env{Big: m.Big.ID, Middle: m.Middle.ID, Small: m.Small.ID})
	if err != nil {
		return err
	}
	b, err := templates.ComposeFile(c)
	if err != nil {
		return err
	}
	return errors.Join(
		w.Disk.WriteFile(filepath.Join(dir, composeName), b, private),
		w.Disk.WriteFile(filepath.Join(dir, envName), env, private),
		w.Disk.WriteFile(filepath.Join(dir, seccompName), templates.Seccomp(), private),
		w.Disk.WriteFile(filepath.Join(dir, "secrets", secrets.APIKey), []byte(dummyKey), exposed),
		w.Disk.WriteFile(filepath.Join(dir, "secrets", secrets.ProxyToken), token.Expose(), exposed),
	)
}

func (w *Wizard) removeTrial() error {
	dir := w.trialDir()
	var errs []error
	for _, name := range []string{composeName, envName, seccompName, filepath.Join("secrets", secrets.APIKey), filepath.Join("secrets", secrets.ProxyToken)} {
		errs = append(errs, w.Disk.Remove(filepath.Join(dir, name)))
	}
	return errors.Join(append(errs, w.Disk.RemoveEmptyDir(filepath.Join(dir, "secrets")), w.Disk.RemoveEmptyDir(dir))...)
}

// judge asks a container, from inside its own network, whether it is well and
// checks its token.
func (t *trial) judge(ctx context.Context) (attempt, error) {
	if t.refused != "" {
		return attempt{why: "the engine could not start it: " + t.refused, noShell: t.noShell(ctx)}, nil
	}
	asked, err := t.ask(ctx)
	if err != nil {
		return attempt{}, err
	}
	if asked.Healthy {
		if failed := proof.Failed(asked.Results); len(failed) > 0 {
			return attempt{why: failed[0].Error(), final: true}, nil
		}
		return attempt{ok: true}, nil
	}
	return t.autopsy(ctx, asked.Error)
}

// noShell tells whether the image lacks what the wrapper runs in.
func (t *trial) noShell(ctx context.Context) bool {
	if t.id == "" {
		return false
	}
	there, err := t.n.engine.Has(ctx, t.id, "/bin/sh")
	return err == nil && !there
}

// autopsy says why a container did not answer.
func (t *trial) autopsy(ctx context.Context, last string) (attempt, error) {
	containers, err := t.n.engine.Containers(ctx, t.stack.Project)
	if err != nil {
		return attempt{}, err
	}
	if len(containers) == 0 {
		return attempt{}, errors.New("the container of the trial was removed by somebody else")
	}
	words := ""
	if w := t.n.engine.LastWords(ctx, t.id); w != "" {
		words = ": " + w
	}
	st := containers[0].State
	switch {
	case st.OOMKilled:
		return attempt{why: fmt.Sprintf("D-02: it needs more than the %d MiB of memory that it may have", templates.DefaultMemoryMiB), final: true}, nil
	case !st.Running:
		return attempt{why: fmt.Sprintf("it ended with exit code %d%s", st.ExitCode, words), noShell: t.noShell(ctx)}, nil
	default:
		return attempt{why: fmt.Sprintf("it did not answer within %s (%s)%s", t.n.patience, text.Clean(last, 120), words)}, nil
	}
}

// Probe is what the gateway's program says of a container that it was told to ask.
type Probe struct {
	Healthy bool           `json:"healthy"`
	Error   string         `json:"error,omitempty"`
	Results []proof.Result `json:"results,omitempty"`
	// Model says why no model answered, where one was asked.
	Model string `json:"model,omitempty"`
}

// ask runs the gateway's program in the container's network until the container
// answers, ends, or patience does.
func (t *trial) ask(ctx context.Context) (Probe, error) {
	ctx, cancel := context.WithTimeout(ctx, t.n.patience+stragglers)
	defer cancel()
	token := filepath.Join(t.n.w.trialDir(), "secrets", secrets.ProxyToken)
	address := "127.0.0.1:" + strconv.Itoa(templates.ContainerPort)
	return probe(ctx, t.n.engine, t.id, engine.Beside{
		Image: t.n.gateway, Secrets: []string{token}, Project: t.stack.Project,
		Command: []string{"egress", "--probe", address, "--wait", t.n.patience.String()},
	})
}

// probe runs the gateway's program in the network of a container and returns what it
// says.
func probe(ctx context.Context, e *engine.Engine, id string, b engine.Beside) (Probe, error) {
	b.Labels = map[string]string{templates.LabelManaged: "true", templates.LabelRole: "probe"}
	out, err := e.RunBeside(ctx, id, b)
	if err != nil {
		return Probe{}, fmt.Errorf("asking the container from beside it: %w", err)
	}
	if out == "" {
		return Probe{Error: "it ended"}, nil
	}
	var p Probe
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		return Probe{}, fmt.Errorf("asking the container from beside it: %w", err)
	}
	return p, nil
}

// stragglers is what starting and ending a container may take beside its work.
const stragglers = 20 * time.Second
