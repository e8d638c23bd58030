package wizard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// drainTime is how long requests under way may go on in a container that is being
// replaced: Claude Code itself gives up after ten minutes.
const drainTime = 10 * time.Minute

// renew makes what is out of date in a running stack anew. The proxy is replaced
// behind its gateway, without losing a request.
func (r *running) renew(ctx context.Context, patience time.Duration, report func(Progress)) error {
	if g := r.serving(); g != nil {
		stale, err := r.stale(ctx, *g)
		if err != nil {
			return err
		}
		if stale {
			report(Progress{ID: "compose"})
			if err := r.stack.Up(ctx, templates.GatewayService); err != nil {
				return r.w.portTaken(ctx, r.setup, err)
			}
			report(Progress{ID: "compose", State: Durable})
			if err := r.refresh(ctx); err != nil {
				return err
			}
		}
	}
	proxies := r.of(templates.Service)
	if len(proxies) == 1 {
		stale, err := r.stale(ctx, proxies[0])
		if err != nil || !stale {
			return errors.Join(err, r.healthy(ctx, patience, report))
		}
	}
	change, err := r.replace(ctx, replacement{patience: patience}, report)
	if err != nil {
		return err
	}
	return change.keep(ctx, report)
}

// replacement is a new container that serves in the place of old ones, which still
// run: one of keep and back ends that.
type replacement struct {
	*running
	gateway string
	old     []engine.Container
	fresh   engine.Container
	// whole means that there was no gateway to hold the door: all containers were made
	// anew.
	whole    bool
	patience time.Duration
	// newKey asks a model through the new container before it is kept.
	newKey bool
}

// replace puts a new container of the proxy in the place of those that run. Until
// the new one is proved, the old one serves; any failure leaves it serving.
// how tells the patience and whether the key is new.
func (r *running) replace(ctx context.Context, how replacement, report func(Progress)) (*replacement, error) {
	out := &how
	out.running, out.old = r, r.of(templates.Service)
	gateway := r.serving()
	if gateway == nil {
		out.whole = true
		return out, errors.Join(r.restart(ctx, out.patience, report), out.endToEnd(ctx, report))
	}
	out.gateway = gateway.ID
	report(Progress{ID: "roll-new"})
	// The gateway finds the proxy by a name that two containers will have: from now on
	// it is told which one to use.
	if err := r.switchTo(ctx, gateway.ID, first(out.old, r.stack.Project)); err != nil {
		return nil, err
	}
	fresh, err := r.beside(ctx, out.old)
	if err != nil {
		return nil, errors.Join(err, out.clear(context.WithoutCancel(ctx)))
	}
	out.fresh = *fresh
	report(Progress{ID: "roll-new", State: Durable})
	if err := out.hand(ctx, report); err != nil {
		return nil, errors.Join(err, out.back(context.WithoutCancel(ctx)))
	}
	return out, nil
}

// restart makes all containers anew: a short gap.
func (r *running) restart(ctx context.Context, patience time.Duration, report func(Progress)) error {
	report(Progress{ID: "compose"})
	if err := r.stack.Recreate(ctx); err != nil {
		return err
	}
	report(Progress{ID: "compose", State: Durable})
	return r.healthy(ctx, patience, report)
}

// back lets the old containers serve again and removes the new one. Without a gateway
// the containers are made anew, from what the files and secrets are now.
func (c *replacement) back(ctx context.Context) error {
	if c.whole {
		return c.restart(ctx, c.patience, func(Progress) {})
	}
	err := c.switchTo(ctx, c.gateway, first(c.old, c.stack.Project))
	// What the new container was asked meanwhile may end there.
	_ = c.drain(ctx, backTime, c.address())
	return errors.Join(err, c.clear(ctx))
}

// clear removes what is not one of the old containers, and lets the gateway find the
// one that is left by its name again.
func (c *replacement) clear(ctx context.Context) error {
	errs := []error{c.refresh(ctx)}
	for _, now := range c.of(templates.Service) {
		if !slices.ContainsFunc(c.old, func(o engine.Container) bool { return o.ID == now.ID }) {
			errs = append(errs, c.engine.Remove(ctx, now.ID))
		}
	}
	return errors.Join(append(errs, c.release(ctx, len(c.old)))...)
}

// release lets the gateway find the proxy by its name: its address changes when it is
// started again. With several containers the name would mean any of them.
func (c *replacement) release(ctx context.Context, containers int) error {
	if containers != 1 {
		return nil
	}
	return c.switchTo(ctx, c.gateway, templates.Service+":"+strconv.Itoa(templates.ContainerPort))
}

func (c *replacement) address() string { return containerPort(c.fresh.IP(c.stack.Project, "inner")) }

// drain waits until nothing is under way in the container at address, or, when that
// is empty, in all that are no longer in use. The error is that it took too long, or
// that the operator left.
func (c *replacement) drain(ctx context.Context, most time.Duration, address string) error {
	ctx, cancel := context.WithTimeout(ctx, most+answerTime)
	defer cancel()
	argv := []string{templates.GatewayProgram, "egress", "--drain", most.String()}
	if address != "" {
		argv = append(argv, "--of", address)
	}
	_, err := c.engine.Run(ctx, c.gateway, argv...)
	return err
}

// backTime is how long requests may go on in a new container that is taken back.
const backTime = time.Minute

// first is the address of the first of the containers that runs; empty for none.
func first(containers []engine.Container, project string) string {
	for _, c := range containers {
		if ip := c.IP(project, "inner"); c.Running() && ip != "" {
			return containerPort(ip)
		}
	}
	return ""
}

// beside makes one more container of the proxy.
func (r *running) beside(ctx context.Context, old []engine.Container) (*engine.Container, error) {
	if err := r.stack.Beside(ctx, len(old)); err != nil {
		return nil, err
	}
	if err := r.refresh(ctx); err != nil {
		return nil, err
	}
	for _, c := range r.of(templates.Service) {
		known := false
		for _, o := range old {
			known = known || o.ID == c.ID
		}
		if !known {
			return &c, nil
		}
	}
	return nil, errors.New("docker compose made no second container of the proxy")
}

// hand proves the new container and lets it take the new requests.
func (c *replacement) hand(ctx context.Context, report func(Progress)) error {
	report(Progress{ID: "health"})
	address := c.address()
	if err := c.answers(ctx, address); err != nil {
		return err
	}
	report(Progress{ID: "health", State: Durable})
	results, err := c.claims(ctx, c.fresh.ID)
	if err != nil {
		return err
	}
	if broken := proof.Failed(results); len(broken) > 0 {
		return hint.With(fmt.Errorf("%w: %w", ErrNotProved, joined(broken)), "not-proved")
	}
	if err := c.proveBeside(ctx, report); err != nil {
		return err
	}
	report(Progress{ID: "roll-switch"})
	if err := c.switchTo(ctx, c.gateway, address); err != nil {
		return err
	}
	token, err := c.tokenForUs(ctx)
	if err != nil {
		return err
	}
	if broken := proof.Failed(proof.NewClient(c.setup.ProxyURL()).Token(ctx, token)); len(broken) > 0 {
		return hint.With(fmt.Errorf("%w: %w", ErrNotProved, joined(broken)), "not-proved")
	}
	report(Progress{ID: "roll-switch", State: Durable})
	return nil
}

// proveBeside asks the new container before anybody else does: from inside its own
// network, for its token and, with a new key, for the answer of a model.
func (c *replacement) proveBeside(ctx context.Context, report func(Progress)) error {
	id := "roll-token"
	b := engine.Beside{
		Image: c.setup.Egress.Gateway, Project: c.stack.Project + trialSuffix,
		Secrets: []string{filepath.Join(c.w.secretsDir(c.setup), secrets.ProxyToken)},
		Command: []string{"egress", "--probe", "127.0.0.1:" + strconv.Itoa(templates.ContainerPort), "--wait", c.patience.String()},
	}
	if c.newKey {
		id = "roll-model"
		b.Command = append(b.Command, "--model")
	}
	report(Progress{ID: id})
	p, err := probe(ctx, c.engine, c.fresh.ID, b)
	switch {
	case err != nil:
		return err
	case !p.Healthy:
		return hint.With(fmt.Errorf("the new container does not answer: %s", text.Clean(p.Error, 200)), "stack-logs")
	case len(proof.Failed(p.Results)) > 0:
		return hint.With(fmt.Errorf("%w: %w", ErrNotProved, joined(proof.Failed(p.Results))), "not-proved")
	case p.Model != "":
		return hint.With(errors.New(text.Clean(p.Model, 200)), "stack-logs")
	}
	report(Progress{ID: id, State: Durable})
	return nil
}

// tokenForUs is the proxy token, once it is known that nobody else listens (S-01).
func (r *running) tokenForUs(ctx context.Context) (secrets.Secret, error) {
	owner, err := r.owner(ctx)
	if err != nil {
		return secrets.Secret{}, err
	}
	if broken := proof.Failed(owner); len(broken) > 0 {
		return secrets.Secret{}, hint.With(fmt.Errorf("%w: %w", ErrNotProved, joined(broken)), "not-proved")
	}
	return r.w.proxyToken(ctx, r.setup)
}

// endToEnd proves a new key where it is used, when there is no gateway and so no old
// container to serve meanwhile: a model answers through the stack.
func (c *replacement) endToEnd(ctx context.Context, report func(Progress)) error {
	if !c.newKey {
		return nil
	}
	report(Progress{ID: "roll-model"})
	token, err := c.tokenForUs(ctx)
	if err != nil {
		return err
	}
	if err := proof.NewClient(c.setup.ProxyURL()).Answers(ctx, token); err != nil {
		return hint.With(err, "stack-logs")
	}
	report(Progress{ID: "roll-model", State: Durable})
	return nil
}

// keep lets the old containers finish what they began and removes them: with them
// goes the last place that knows the old values.
func (c *replacement) keep(ctx context.Context, report func(Progress)) error {
	if c.whole {
		return nil
	}
	report(Progress{ID: "roll-drain"})
	done := "roll-drain"
	if err := c.drain(ctx, drainTime, ""); err != nil {
		// What still runs is cut off: its client has given up, or the operator has.
		done = "roll-cut"
	}
	ctx = context.WithoutCancel(ctx)
	for _, o := range c.old {
		if err := c.engine.Remove(ctx, o.ID); err != nil {
			return err
		}
	}
	report(Progress{ID: done, State: Durable})
	return errors.Join(c.release(ctx, 1), c.refresh(ctx))
}

// answerTime is what asking the gateway may take beside what it waits for.
const answerTime = 10 * time.Second

func (r *running) switchTo(ctx context.Context, gateway, address string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if _, err := r.engine.Run(ctx, gateway, templates.GatewayProgram, "egress", "--use", address); err != nil {
		return fmt.Errorf("telling the gateway which container to use: %w", err)
	}
	return nil
}

// answers waits until a container answers its gateway, ends, or patience does.
func (c *replacement) answers(ctx context.Context, address string) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	var last error
	for {
		_, last = c.engine.Run(ctx, c.gateway, templates.GatewayProgram, "egress", "--health", "--of", address)
		if last == nil {
			return nil
		}
		containers, err := c.engine.Containers(context.WithoutCancel(ctx), c.stack.Project)
		if err != nil {
			return err
		}
		for _, now := range containers {
			if now.ID == c.fresh.ID && !now.Running() {
				return hint.With(fmt.Errorf("the new container ended with exit code %d%s", now.State.ExitCode, outOfMemory(now)), "stack-logs")
			}
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			if outer.Err() != nil {
				return outer.Err()
			}
			return hint.With(fmt.Errorf("the new container did not answer within %s: %s", c.patience, text.Clean(last.Error(), 200)), "stack-logs")
		}
	}
}

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// healthy waits until the stack answers on its port. It ends early when a container
// is no longer there.
func (r *running) healthy(ctx context.Context, patience time.Duration, report func(Progress)) error {
	report(Progress{ID: "health"})
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := proof.NewClient(r.setup.ProxyURL())
	for {
		last := client.Healthy(ctx)
		if last == nil {
			report(Progress{ID: "health", State: Durable})
			return nil
		}
		if err := r.refresh(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		for _, c := range r.containers {
			if !c.Running() && !c.State.Restarting || c.RestartCount >= mostRestarts {
				return hint.With(fmt.Errorf("the %s's container ended with exit code %d%s", text.Clean(c.Service(), 20), c.State.ExitCode, outOfMemory(c)), "stack-logs")
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			if outer.Err() != nil {
				return outer.Err()
			}
			return hint.With(fmt.Errorf("the proxy did not answer within %s: %w", patience, last), "stack-logs")
		}
	}
}

// mostRestarts is how often a container may be started again while it is waited for.
const mostRestarts = 3

func outOfMemory(c engine.Container) string {
	if c.State.OOMKilled {
		return ": it used more memory than it may (D-02)"
	}
	return ""
}

// portTaken says who holds the port when that is why a stack did not start (S-01).
func (w *Wizard) portTaken(ctx context.Context, s Setup, err error) error {
	// The words of Docker and of the kernel; there are no types for them.
	words := err.Error()
	if ctx.Err() != nil || !strings.Contains(words, "already in use") && !strings.Contains(words, "already allocated") {
		return err
	}
	who, listErr := proof.WhoListens(proc.Host(), uint16(s.Port)) //nolint:gosec // ports were checked
	if listErr != nil || who == "" {
		return err
	}
	return hint.With(fmt.Errorf("S-01: %s already: %w", who, err), "port-taken", s.Port)
}
