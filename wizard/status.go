package wizard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Status is what a stack is, proved as far as that can be done from here.
type Status struct {
	// Running is false when there is nothing to prove.
	Running bool `json:"running"`
	// Engine names the engine and where it listens.
	Engine     string            `json:"engine"`
	URL        string            `json:"url"`
	Containers []ContainerStatus `json:"containers"`
	// Models is the mapping in force, by opus, sonnet and haiku.
	Models map[string]string `json:"models,omitempty"`
	// Digest is the pin, Relaxed what was given up for that image.
	Digest  string         `json:"digest"`
	Relaxed []Relaxed      `json:"relaxed"`
	Egress  string         `json:"egress"`
	Results []proof.Result `json:"results"`
}

// ContainerStatus is one container of the stack.
type ContainerStatus struct {
	Service string    `json:"service"`
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Health  string    `json:"health"`
	Since   time.Time `json:"since"`
	// Deaths counts how often it ended in the last five minutes.
	Deaths int `json:"deaths"`
}

// Broken are the proofs that failed.
func (s *Status) Broken() []proof.Result { return proof.Failed(s.Results) }

// OK tells whether the stack runs and nothing is broken.
func (s *Status) OK() bool { return s.Running && len(s.Broken()) == 0 }

const (
	// deathsSince is how far back restarts count (D-02), mostDeaths how many of them
	// are too many.
	deathsSince = 5 * time.Minute
	mostDeaths  = 3
)

// Status asks the engine, the kernel and the proxy what the stack is. It changes
// nothing.
func (w *Wizard) Status(ctx context.Context) (*Status, error) {
	s, _, err := w.present()
	if err != nil {
		return nil, err
	}
	e, err := w.Engine(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	agent := make(chan []proof.Result, 1)
	go func() { agent <- w.agentProofs(ctx, *s) }()
	out, err := w.statusOf(ctx, *s, e)
	if err != nil {
		return nil, err
	}
	out.Results = append(out.Results, <-agent...)
	return out, nil
}

func (w *Wizard) statusOf(ctx context.Context, s Setup, e *engine.Engine) (*Status, error) {
	r, err := w.look(ctx, s, e)
	if err != nil {
		return nil, err
	}
	out := &Status{
		Engine: e.Name + " " + e.Version + " " + e.Endpoint.Address(), URL: s.ProxyURL(), Containers: []ContainerStatus{}, Digest: s.Image.Digest,
		Relaxed: append([]Relaxed{}, s.Image.Hardening.Relaxed...), Egress: egressRestricted, Running: r.up(), Results: []proof.Result{},
	}
	if s.Egress.Open {
		out.Egress = egressOpen
	}
	if len(r.containers) == 0 {
		out.Results = append(out.Results, portUnused(s))
		return out, nil
	}
	deaths, err := e.Deaths(ctx, r.stack.Project, w.Now().Add(-deathsSince), w.Now())
	if err != nil {
		return nil, err
	}
	for _, c := range r.containers {
		out.Containers = append(out.Containers, containerStatus(c, deaths[c.ID]))
	}
	out.Models = models(r.of(templates.Service))
	out.Results, err = r.proofs(ctx, deaths)
	return out, err
}

func containerStatus(c engine.Container, deaths int) ContainerStatus {
	since, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
	if err != nil {
		since = time.Time{}
	}
	return ContainerStatus{Service: c.Service(), ID: c.ID[:min(12, len(c.ID))], State: c.State.Status, Health: c.Health(), Since: since.UTC(), Deaths: deaths}
}

// models is the mapping that the running proxy was given.
func models(proxies []engine.Container) map[string]string {
	out := map[string]string{}
	for _, c := range proxies {
		for name, variable := range map[string]string{"opus": "BIG_MODEL", "sonnet": "MIDDLE_MODEL", "haiku": "SMALL_MODEL"} {
			for _, v := range c.Config.Env {
				if len(v) > len(variable) && v[:len(variable)+1] == variable+"=" {
					out[name] = v[len(variable)+1:]
				}
			}
		}
	}
	return out
}

// proofs are all that can be said of a stack: what its containers are, who owns the
// port, and, if that is nobody else, whether the token is checked.
func (r *running) proofs(ctx context.Context, deaths map[string]int) ([]proof.Result, error) {
	file, err := r.file(ctx)
	if err != nil {
		return nil, err
	}
	lives, err := r.lives(ctx, deaths)
	return slices.Concat(file, lives), err
}

// lives are the proofs of what runs, without the compose file itself.
func (r *running) lives(ctx context.Context, deaths map[string]int) ([]proof.Result, error) {
	results, err := r.claims(ctx, "")
	if err != nil {
		return nil, err
	}
	networks, err := r.networks(ctx)
	if err != nil {
		return nil, err
	}
	results = append(results, networks...)
	results = append(append(results, r.restarts(deaths)...), r.single(), r.tried())
	owner, err := r.owner(ctx)
	if err != nil {
		return nil, err
	}
	results = append(results, owner...)
	if len(proof.Failed(owner)) > 0 {
		return append(results, proof.Result{Control: "S-01", Rule: "token-accepted", Outcome: proof.Unknown,
			Detail: "the token was not shown to a listener that is not ours"}), nil
	}
	token, err := r.w.proxyToken(ctx, r.setup)
	if err != nil {
		return nil, err
	}
	client := proof.NewClient(r.setup.ProxyURL())
	health := proof.Result{Control: "D-02", Rule: "answers"}
	if err := client.Healthy(ctx); err != nil {
		health.Outcome, health.Detail = proof.Broken, reason(err)
		results = append(results, health)
		for _, rule := range []string{"token-wrong", "token-empty", "token-none", "token-accepted"} {
			results = append(results, proof.Result{Control: "S-01", Rule: rule, Outcome: proof.Unknown, Detail: "the proxy was not asked: it does not answer"})
		}
		return results, nil
	}
	return append(append(results, health), client.Token(ctx, token)...), nil
}

func (w *Wizard) proxyToken(ctx context.Context, s Setup) (secrets.Secret, error) {
	t, err := w.store(s.Store, s.StackDir(w.Paths)).Get(ctx, secrets.ProxyToken)
	if err != nil {
		return t, fmt.Errorf("reading the proxy token from the %s store: %w", s.Store, err)
	}
	return t, nil
}

// claims proves the containers against the compose file on disk; only the one with
// that id unless it is empty.
func (r *running) claims(ctx context.Context, id string) ([]proof.Result, error) {
	project, err := r.w.claimed(ctx, r.setup)
	if err != nil {
		return nil, err
	}
	hidden, err := r.hidden(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := r.engine.Facts(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	parts := make([][]proof.Result, len(r.containers))
	for i, c := range r.containers {
		if id != "" && c.ID != id {
			continue
		}
		if _, known := project.Services[c.Service()]; !known {
			parts[i] = []proof.Result{{Control: "E-01", Rule: "services", Outcome: proof.Broken, Detail: "the stack holds a container of the service " + text.Clean(c.Service(), 40) + ", which the compose file does not name"}}
			continue
		}
		wg.Go(func() {
			claims, err := r.claimsOf(ctx, project, c)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				return
			}
			claims.Hidden, claims.SwapCounted, claims.ControlGroups = hidden, facts.CountsSwap, facts.ControlGroups
			parts[i] = proof.Container(claims, c, proc.Host())
		})
	}
	wg.Wait()
	return slices.Concat(parts...), errors.Join(errs...)
}

func (r *running) claimsOf(ctx context.Context, project *types.Project, c engine.Container) (proof.Claims, error) {
	service := project.Services[c.Service()]
	service.Name = c.Service()
	claims := proof.Claims{Project: project, Service: service, SecretsDir: r.w.secretsDir(r.setup), Seccomp: templates.Seccomp(), Unlimited: r.setup.relaxed(RelaxLimits)}
	ref := r.setup.Egress.Gateway
	if c.Service() == templates.Service {
		if r.setup.relaxed(RelaxSeccomp) {
			claims.Seccomp = nil
		}
		var err error
		if ref, err = image.Pin(r.setup.Image.Reference, r.setup.Image.Digest); err != nil {
			return claims, err
		}
		claims.Content = r.setup.Image.content(r.engine.Architecture)
	}
	img, err := r.engine.Inspect(ctx, ref)
	if err != nil && !errors.Is(err, engine.ErrNoImage) {
		return claims, err
	}
	claims.Image = img
	return claims, nil
}

// hidden are the secrets that nobody may see in docker inspect.
func (r *running) hidden(ctx context.Context) ([]secrets.Secret, error) {
	store := r.w.store(r.setup.Store, r.setup.StackDir(r.w.Paths))
	var out []secrets.Secret
	for _, name := range containerSecrets {
		v, err := store.Get(ctx, name)
		if errors.Is(err, secrets.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, Unread(name, r.setup.Store, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// file checks the compose file itself: a container that was made from a weakened one
// is what that claims (T-02).
func (r *running) file(ctx context.Context) ([]proof.Result, error) {
	dir := r.setup.StackDir(r.w.Paths)
	b, err := r.w.Disk.ReadFile(filepath.Join(dir, composeName), largestFile)
	if err != nil {
		return nil, err
	}
	env, err := r.w.Disk.ReadFile(filepath.Join(dir, envName), largestFile)
	if err != nil {
		return nil, err
	}
	violations, err := compose.Check(ctx, dir, b, env, r.setup.expected(r.w.secretsDir(r.setup)))
	if err != nil {
		return nil, err
	}
	out, err := r.written(ctx)
	for _, v := range violations {
		out = append(out, proof.Result{Control: v.Control, Rule: v.Rule, Service: v.Service, Outcome: proof.Broken, Detail: composeName + ": " + v.Detail})
	}
	return out, err
}

// written compares the files with what the journal says was written to them last
// (T-02): a file that claims less is no claim of ours.
func (r *running) written(ctx context.Context) ([]proof.Result, error) {
	standing, err := r.w.standing(ctx)
	if errors.Is(err, errNoRecords) {
		return []proof.Result{{Control: "T-02", Rule: "files-as-written", Outcome: proof.Unknown, Detail: "the journal cannot be read; clawsetup config-history verify says why"}}, nil
	}
	if err != nil {
		return nil, err
	}
	dir := r.setup.StackDir(r.w.Paths)
	watched := map[string]proof.Outcome{
		filepath.Join(dir, composeName): proof.Broken, filepath.Join(dir, envName): proof.Broken, filepath.Join(dir, seccompName): proof.Broken,
		// The operator may edit it: what it says then was not consented to yet.
		r.w.Paths.SetupFile(): proof.Unknown,
	}
	var out []proof.Result
	for _, f := range standing {
		changed, ours := watched[f.path]
		if !ours {
			continue
		}
		if f.err != nil {
			return nil, f.err
		}
		p := proof.Result{Control: "T-02", Rule: "files-as-written"}
		if f.edited {
			p.Outcome, p.Detail = changed, filepath.Base(f.path)+" is not what clawsetup wrote last; clawsetup init shows the difference"
		}
		out = append(out, p)
	}
	return out, nil
}

func (r *running) networks(ctx context.Context) ([]proof.Result, error) {
	project, err := r.w.claimed(ctx, r.setup)
	if err != nil {
		return nil, err
	}
	var out []proof.Result
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		got, err := r.engine.Network(ctx, r.stack.Project, name)
		if err != nil {
			return nil, err
		}
		out = append(out, proof.Network(name, project.Networks[name], got, r.containers)...)
	}
	return out, nil
}

// restarts finds a container that ends again and again (D-02).
// The engine remembers some hundred events of all its containers.
func (r *running) restarts(deaths map[string]int) []proof.Result {
	var out []proof.Result
	for _, c := range r.containers {
		p := proof.Result{Control: "D-02", Rule: "restarts", Service: c.Service()}
		started, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
		recent := err != nil || r.w.Now().Sub(started) < deathsSince
		switch n := deaths[c.ID]; {
		case n > mostDeaths:
			p.Outcome, p.Detail = proof.Broken, fmt.Sprintf("it ended %d times in the last %s", n, deathsSince)
		case recent && c.RestartCount > n:
			p.Outcome, p.Detail = proof.Unknown, fmt.Sprintf("it was started again %d times; the engine does not remember when", c.RestartCount)
		}
		out = append(out, p)
	}
	return out
}

// single finds an older container that was to be removed: it knows older secrets
// (I-02).
func (r *running) single() proof.Result {
	out := proof.Result{Control: "I-02", Rule: "one-proxy"}
	if n := len(r.of(templates.Service)); n > 1 {
		out.Outcome, out.Detail = proof.Broken, fmt.Sprintf("there are %d containers of the proxy: the older ones know older secrets; clawsetup up removes them", n)
	}
	return out
}

// tried says when nobody knows what the image survives (E-01).
func (r *running) tried() proof.Result {
	out := proof.Result{Control: "E-01", Rule: "hardening-tried"}
	if r.setup.Image.Hardening.Tried != r.setup.Image.Digest {
		out.Outcome, out.Detail = proof.Unknown, "the image was not tried under the strictest profile: without a gateway there is no program to ask it with"
	}
	return out
}

// owner proves who listens on the port: the engine, for the container that publishes
// it.
func (r *running) owner(ctx context.Context) ([]proof.Result, error) {
	facts, err := r.engine.Facts(ctx)
	if err != nil {
		return nil, err
	}
	publisher, network := templates.GatewayService, "edge"
	if r.setup.Egress.Open {
		publisher, network = templates.Service, "isolated"
	}
	for _, c := range r.of(publisher) {
		if c.Running() {
			relay := proof.Relay{IP: c.IP(r.stack.Project, network), Rootless: facts.Rootless}
			return proof.PortOwner(proc.Host(), uint16(r.setup.Port), relay), nil //nolint:gosec // ports were checked
		}
	}
	if other := portUnused(r.setup); other.Outcome == proof.Broken {
		return []proof.Result{other}, nil
	}
	return []proof.Result{{Control: "S-01", Rule: "port-owner", Outcome: proof.Broken, Detail: "no container of the stack publishes the port"}}, nil
}

func portUnused(s Setup) proof.Result {
	return proof.PortUnused(proc.Host(), uint16(s.Port)) //nolint:gosec // ports were checked
}

// portOwner tells who holds the port of a set-up, as init shows it.
func (w *Wizard) portOwner(ctx context.Context, s Setup) Note {
	unchecked := Note{ID: "port-ours-unchecked", State: NotChecked, Args: []any{s.Port}}
	e, err := w.Engine(ctx)
	if err != nil {
		return unchecked
	}
	defer func() { _ = e.Close() }()
	r, err := w.look(ctx, s, e)
	if err != nil {
		return unchecked
	}
	owner, err := r.owner(ctx)
	switch {
	case err != nil:
		return unchecked
	case len(proof.Failed(owner)) > 0:
		return Note{ID: "port-taken", State: Failed, Args: []any{s.Port}}
	case owner[0].Outcome == proof.Held:
		return Note{ID: "port-ours", Args: []any{s.Port}}
	default:
		return unchecked
	}
}

// joined makes one error of several results.
func joined(results []proof.Result) error {
	errs := make([]error, len(results))
	for i, r := range results {
		errs[i] = errors.New(r.Error())
	}
	return errors.Join(errs...)
}
