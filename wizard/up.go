package wizard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// UpOptions say how clawsetup up brings the stack up.
type UpOptions struct {
	// OnLogin also installs what starts the stack when the operator logs in.
	OnLogin bool
	// AllowRelaxed is the consent to what the image needs (--allow-relaxed).
	AllowRelaxed bool
	// Fixed keeps the gateway's image that is in use, where the engine has it, although
	// this program would make another: nobody is there to see the difference.
	Fixed bool
	// Patience is how long the image may take until it answers.
	Patience time.Duration
}

// DefaultPatience is how long an image may take until it answers.
const DefaultPatience = time.Minute

// UpSession brings the stack up: Prepare gets the images and finds out what the proxy's
// survives, the Session's Plan makes the files say so, and Start runs it and proves it.
type UpSession struct {
	noQuestions
	standing
	w      *Wizard
	opts   UpOptions
	engine *engine.Engine
	image  engine.Image
	// renamed is what the files call the gateway's image when this engine has another
	// name for the very same one.
	renamed string
	notes   []Note
}

// NewUp starts clawsetup up on the present set-up.
func (w *Wizard) NewUp(ctx context.Context, opts UpOptions) (*UpSession, error) {
	p, err := w.begin(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Patience == 0 {
		opts.Patience = DefaultPatience
	}
	return &UpSession{standing: p, w: w, opts: opts}, nil
}

// Close ends the connection to the engine.
func (s *UpSession) Close() error {
	if s.engine == nil {
		return nil
	}
	return s.engine.Close()
}

// Prepare connects to the engine, gets both images into it, and tries what was not
// tried yet. Of the operator's files it changes none; the journal gets to know the engine.
func (s *UpSession) Prepare(ctx context.Context, report func(Progress)) error {
	version, err := engine.ComposeVersion(ctx)
	if err != nil {
		return err
	}
	if s.engine, err = s.w.Engine(ctx); err != nil {
		return err
	}
	report(Progress{ID: "engine", Args: []any{s.engine.Name + " " + s.engine.Version, s.engine.Endpoint.Address(), version}, State: Durable})
	// Images come to it before the operator is asked anything.
	s.w.begins(nil)
	if err := s.w.recordUse(ctx, s.setup, s.engine); err != nil {
		return err
	}
	if err := s.pull(ctx, report); err != nil {
		return err
	}
	if err := s.loadGateway(ctx, report); err != nil {
		return err
	}
	return s.harden(ctx, report)
}

// pull gets the pinned image (S-03).
func (s *UpSession) pull(ctx context.Context, report func(Progress)) error {
	ref, err := image.Pin(s.setup.Image.Reference, s.setup.Image.Digest)
	if err != nil {
		return err
	}
	if s.image, err = s.engine.Inspect(ctx, ref); errors.Is(err, engine.ErrNoImage) {
		s.image, err = s.fetch(ctx, ref, report)
	}
	if err != nil {
		return err
	}
	switch err := s.image.Compare(s.setup.Image.content(s.engine.Architecture)); {
	case errors.Is(err, engine.ErrNotCompared):
		s.notes = append(s.notes, Note{ID: "image-not-compared", State: NotChecked})
	case err != nil:
		return err
	}
	report(Progress{ID: "pull", Args: []any{ref}, State: Durable})
	return nil
}

// fetch pulls an image that the engine does not have, with the operator's own login.
func (s *UpSession) fetch(ctx context.Context, ref string, report func(Progress)) (engine.Image, error) {
	r := &image.Resolver{Keychain: s.w.Keychain}
	login, err := r.Login(ctx, s.setup.Image.Reference)
	if err != nil {
		return engine.Image{}, err
	}
	report(Progress{ID: "pull", Args: []any{ref}})
	return s.engine.Pull(ctx, ref, login, func(l engine.Layer) {
		report(Progress{ID: "layer", Args: []any{l.ID, l.Status}, State: layerState(l), Current: l.Current, Total: l.Total})
	})
}

func layerState(l engine.Layer) ProgressState {
	if l.Status == "Pull complete" || l.Status == "Already exists" {
		return Durable
	}
	return Begun
}

// loadGateway gives the engine the gateway's image, and keeps its name for it.
func (s *UpSession) loadGateway(ctx context.Context, report func(Progress)) error {
	if s.setup.Egress.Open {
		return nil
	}
	if s.opts.Fixed {
		if _, err := s.engine.Inspect(ctx, s.setup.Egress.Gateway); err == nil {
			return nil
		}
	}
	g, err := s.w.Gateway()
	if err != nil {
		return err
	}
	report(Progress{ID: "gateway-image"})
	old := s.setup.Egress.Gateway
	if s.setup.Egress.Gateway, err = s.engine.Load(ctx, g); err != nil {
		return err
	}
	if g.Names(old) {
		s.renamed = old
	}
	report(Progress{ID: "gateway-image", State: Durable})
	return nil
}

// harden finds out what has to be given up: on this engine, and for an image that was
// not tried yet.
func (s *UpSession) harden(ctx context.Context, report func(Progress)) error {
	limits, err := s.limits(ctx)
	if err != nil {
		return err
	}
	h := &s.setup.Image.Hardening
	relaxed := slices.DeleteFunc(slices.Clone(h.Relaxed), func(r Relaxed) bool { return r.What == RelaxLimits })
	if h.Tried != s.setup.Image.Digest {
		if s.setup.Egress.Open {
			// Without a gateway there is no program to ask it with.
			s.notes = append(s.notes, Note{ID: "hardening-not-tried", State: NotChecked})
		} else {
			if relaxed, err = s.try(ctx, report); err != nil {
				return err
			}
			h.Tried = s.setup.Image.Digest
		}
	}
	h.Relaxed = slices.Concat(relaxed, limits)
	return nil
}

// try negotiates with the image.
func (s *UpSession) try(ctx context.Context, report func(Progress)) ([]Relaxed, error) {
	// Two trials at once would share their container and their files.
	lock, err := s.w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Release() }()
	n := &negotiation{
		w: s.w, setup: s.setup, engine: s.engine, image: s.image, gateway: s.setup.Egress.Gateway, patience: s.opts.Patience, report: report,
	}
	return n.negotiate(ctx)
}

// ErrNoLimits says that an engine cannot keep the limits that the stack claims (D-02).
var ErrNoLimits = errors.New("D-02: the engine cannot limit what a container uses")

// limits is what the engine cannot limit: everything, which is the operator's to allow,
// or a part of it, with which containers do not start.
func (s *UpSession) limits(ctx context.Context) ([]Relaxed, error) {
	facts, err := s.engine.Facts(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(facts.NoLimit) > 0:
		return nil, hint.With(fmt.Errorf("%w: %s", ErrNoLimits, strings.Join(facts.NoLimit, ", ")), "engine-limits")
	case !facts.ControlGroups:
		return []Relaxed{{What: RelaxLimits, Control: "D-02", Why: "the engine runs without control groups"}}, nil
	}
	return nil, nil
}

// Preflight implements Session.
func (s *UpSession) Preflight(context.Context) []Note { return s.start }

// Missing implements Session: what the image needs is the operator's to allow.
func (s *UpSession) Missing(context.Context) [][]string {
	before, err := ParseSetup(s.basis.Data)
	if err != nil || s.opts.AllowRelaxed {
		return nil
	}
	for _, r := range s.setup.Image.Hardening.Relaxed {
		if !contains(before.Image.Hardening.Relaxed, r) {
			return [][]string{{"--allow-relaxed"}}
		}
	}
	return nil
}

func contains(list []Relaxed, r Relaxed) bool { return slices.ContainsFunc(list, r.same) }

// Plan implements Session: the files as they have to be for what was found.
func (s *UpSession) Plan(ctx context.Context) (*Plan, error) {
	before, err := ParseSetup(s.basis.Data)
	if err != nil {
		return nil, err
	}
	if s.opts.OnLogin {
		s.setup.Login = LoginSetup{Start: true, DockerHost: s.engine.Endpoint.Named()}
	}
	p, err := s.planner(ctx, s.w)
	if err != nil {
		return nil, err
	}
	c, err := s.w.composeData(s.setup, imageConfig{s.image.Entrypoint, s.image.Cmd, s.image.WorkingDir, s.image.User})
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(before, s.setup) { // else the operator's own words in it stay
		change := Change{Why: "file-setup-hardening", Controls: []string{"E-01"}, event: journal.SetupRecorded}
		if reflect.DeepEqual(before.Image, s.setup.Image) {
			change.Why, change.Controls = "file-setup-login", []string{"D-02"}
		}
		if err := p.setup(&s.setup, change); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(p.stack(ctx, s.setup, c), p.login(s.setup)); err != nil {
		return nil, err
	}
	p.plan.Notes = append(p.plan.Notes, s.notes...)
	for _, r := range s.setup.Image.Hardening.Relaxed {
		if contains(before.Image.Hardening.Relaxed, r) && before.Image.Hardening.Tried == s.setup.Image.Digest {
			continue
		}
		p.plan.Consents = append(p.plan.Consents, r.note())
		p.relaxed(r)
	}
	return p.plan, nil
}

// relaxed journals one relaxation with its reason.
func (p *planner) relaxed(r Relaxed) {
	detail := p.plan.details[journal.HardeningRelaxed]
	if detail == nil {
		detail = map[string]string{}
	}
	name := string(r.What)
	if r.Path != "" {
		name += " " + r.Path
	}
	detail[name] = r.Control + ": " + r.Why
	p.detail(journal.HardeningRelaxed, detail)
}

// Quiet tells whether a plan only records what was found, that the image runs as it is
// or what the engine calls the gateway's: there is nothing to decide.
func (s *UpSession) Quiet(p *Plan) bool {
	if p.migrates() && !s.opts.Fixed {
		return false // at a login nobody is there to be shown the new form of the file
	}
	for _, c := range p.Changes {
		named := s.renamed != "" && bytes.Equal(bytes.ReplaceAll(c.Before.Data, []byte(s.renamed), []byte(s.setup.Egress.Gateway)), c.After.Data)
		if c.Path != s.w.Paths.SetupFile() && !named {
			return false
		}
	}
	return len(p.Consents) == 0 && !s.opts.OnLogin
}

// Apply implements Session.
func (s *UpSession) Apply(ctx context.Context, p *Plan, report func(Progress)) (Result, error) {
	return s.w.Apply(ctx, p, report)
}

// ErrNotProved says that the stack does not run as it claims to.
var ErrNotProved = errors.New("the stack is not what it claims to be")

// Start runs the stack and proves it. A stack that was not running before, or did not
// answer, is made anew, and stopped again when it cannot be proved; one that was
// running keeps its old container.
func (s *UpSession) Start(ctx context.Context, report func(Progress)) (*Status, error) {
	lock, err := s.w.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Release() }()
	setup, _, err := s.w.present()
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(*setup, s.setup) {
		return nil, hint.With(fmt.Errorf("%s %w", s.w.Paths.SetupFile(), ErrStalePlan), "run-again")
	}
	if err := s.w.exposeSecrets(ctx, s.setup); err != nil {
		return nil, err
	}
	r, err := s.w.look(ctx, s.setup, s.engine)
	if err != nil {
		return nil, err
	}
	fresh := !r.up()
	if !fresh {
		if fresh, err = r.sick(ctx); err != nil {
			return nil, err
		}
	}
	if fresh {
		return s.fresh(ctx, r, report)
	}
	if err := r.renew(ctx, s.opts.Patience, report); err != nil {
		return nil, err
	}
	return s.proved(ctx, report)
}

// fresh starts a stack that does not run.
func (s *UpSession) fresh(ctx context.Context, r *running, report func(Progress)) (*Status, error) {
	status, err := s.tryFresh(ctx, r, report)
	if err == nil {
		return status, nil
	}
	report(Progress{ID: "stop"})
	// Also when the operator left: a half-started stack is none.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTime)
	defer cancel()
	if down := s.w.down(last, s.setup, false); down != nil {
		return status, errors.Join(err, down)
	}
	report(Progress{ID: "stop", State: Durable})
	return status, err
}

// downTime bounds taking down what could not be started.
const downTime = 2 * time.Minute

func (s *UpSession) tryFresh(ctx context.Context, r *running, report func(Progress)) (*Status, error) {
	report(Progress{ID: "compose"})
	if len(r.containers) > 0 {
		// Networks that changed are made anew only when nothing is on them.
		if err := r.stack.Down(ctx, false); err != nil {
			return nil, err
		}
	}
	if err := r.stack.Recreate(ctx); err != nil {
		return nil, s.w.portTaken(ctx, s.setup, err)
	}
	report(Progress{ID: "compose", State: Durable})
	if err := r.healthy(ctx, s.opts.Patience, report); err != nil {
		return nil, err
	}
	return s.proved(ctx, report)
}

// proved is the status of a running stack, an error when something in it is broken.
func (s *UpSession) proved(ctx context.Context, report func(Progress)) (*Status, error) {
	report(Progress{ID: "prove"})
	status, err := s.w.statusOf(ctx, s.setup, s.engine)
	if err != nil {
		return nil, err
	}
	if broken := status.Broken(); len(broken) > 0 {
		return status, hint.With(fmt.Errorf("%w: %w", ErrNotProved, joined(broken)), "not-proved")
	}
	report(Progress{ID: "prove", State: Durable})
	return status, nil
}

// containerPort is the address of a proxy's container for its gateway.
func containerPort(ip string) string { return fmt.Sprintf("%s:%d", ip, templates.ContainerPort) }
