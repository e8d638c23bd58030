package wizard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// usualPort is the proxy's in every guide.
const usualPort = 8082

// Examine asks the chosen checks of this host. It writes nothing, and goes out for
// nothing but the greeting of TLS to the API host.
func (w *Wizard) Examine(ctx context.Context, s doctor.Selection) (*doctor.Report, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadValue, err)
	}
	h, err := w.doctorHost(ctx)
	if err != nil {
		return nil, err
	}
	report := doctor.Examine(ctx, h, s)
	report.Version = w.Version
	return report, nil
}

// JoinAudit asks the installed OpenClaw for its own audit and puts it beside ours: an audit
// of the openclaw.json that Examine looked at, under the waivers that counted there.
func (w *Wizard) JoinAudit(ctx context.Context, r *doctor.Report) {
	r.Join(w.audit(ctx, r.Config), r.Waivers)
}

// audit is nil where there is no OpenClaw, or nothing to audit.
func (w *Wizard) audit(ctx context.Context, config string) *doctor.Audit {
	if _, err := os.Stat(config); err != nil {
		return nil
	}
	install, err := w.Programs.OpenClaw(ctx)
	if errors.Is(err, openclaw.ErrNotInstalled) {
		return nil
	}
	out := &doctor.Audit{Version: install.Version, Findings: []doctor.AuditFinding{}}
	var printed []byte
	if err == nil {
		printed, err = install.Audit(ctx, config)
	}
	if err == nil {
		out.Findings, err = doctor.ParseAudit(printed)
	}
	if err != nil {
		out.Outcome, out.Why, out.Findings = doctor.NotChecked, reason(err), []doctor.AuditFinding{}
	}
	return out
}

// doctorHost says where doctor looks on this host, by what the operator agreed to. One
// opening of the journal serves the whole examination.
func (w *Wizard) doctorHost(ctx context.Context) (*doctor.Host, error) {
	present, basis, missing := w.present()
	if missing != nil {
		h, err := w.hostOf(nil, nil)
		if err == nil && !errors.Is(missing, ErrNoSetup) {
			h.SetupErr = missing // it is a finding
		}
		return h, err
	}
	past, errPast := w.History(ctx)
	a := w.agreed(past, errPast, *present, basis)
	h, err := w.hostOf(&a.setup, func(context.Context) (*History, error) { return past, errPast })
	if err == nil {
		h.Made.Refused, h.Made.RefusedErr = a.refused, a.err
	}
	return h, err
}

// hostOf is this host with the set-up s, nil for none, taken at its word; open is how the
// journal is opened when somebody asks for it.
func (w *Wizard) hostOf(s *Setup, open func(context.Context) (*History, error)) (*doctor.Host, error) {
	work, err := os.Getwd()
	if err != nil {
		work = w.Paths.Home
	}
	config, err := openclaw.ConfigPath(w.Getenv)
	if err != nil {
		return nil, err
	}
	h := &doctor.Host{
		Home: w.Paths.Home, Work: work, OS: runtime.GOOS, UID: os.Getuid(), Disk: w.Disk, Proc: proc.Host(), Getenv: w.Getenv, Now: w.Now,
		OpenClawConfig: config, ManagedFile: w.ManagedFile, OpenClaw: w.Programs.OpenClaw, API: cloudru.DefaultBase, SetupFile: w.Paths.SetupFile(),
		Handshake:  func(ctx context.Context, base string) (doctor.Handshake, error) { return greet(ctx, base, false) },
		Containers: w.resembling,
	}
	if s == nil {
		return h, nil
	}
	h.Made, h.API = w.made(*s), s.API.Base
	h.Made.Drift = func(ctx context.Context) ([]doctor.Drift, error) { return w.doctorDrift(open(ctx)) }
	h.Made.Journal = func(ctx context.Context) (doctor.Journal, error) {
		past, err := open(ctx)
		return w.doctorJournal(ctx, past, err)
	}
	if s.OpenClaw.Config != "" {
		h.OpenClawConfig = s.OpenClaw.Config
	}
	h.Containers = func(ctx context.Context) (doctor.Containers, error) { return w.ownContainers(ctx, *s) }
	h.Handshake = func(ctx context.Context, base string) (doctor.Handshake, error) {
		return greet(ctx, base, s.API.AllowPrivate)
	}
	return h, nil
}

// made is what doctor has to know of the set-up.
func (w *Wizard) made(s Setup) *doctor.Made {
	m := &doctor.Made{
		ConfigDir: w.Paths.Config, StateDir: w.Paths.State, RuntimeDir: w.runtimeDir(), StackDir: s.StackDir(w.Paths), SetupFile: w.Paths.SetupFile(),
		LockFile: w.acceptedFile(), Program: w.Executable, Store: s.Store, Port: s.Port, KeyLabel: s.Key.Label, NoAgent: s.withoutAgent(), Contract: s.OpenClaw.Contract,
		Kept: s.OpenClaw.Kept, ClaudePath: s.Claude.Path, ClaudeSHA256: s.Claude.SHA256, RetentionDays: s.Claude.RetentionDays, TurnSeconds: turnSeconds,
		Managed: s.Claude.Managed, Expected: s.expected(w.secretsDir(s)), EgressOpen: s.Egress.Open, ComposeName: composeName, EnvName: envName, Waivers: s.Waivers,
		Secrets: func(ctx context.Context) (map[string]secrets.Secret, error) { return w.knownSecrets(ctx, s) },
		Proofs:  func(ctx context.Context) ([]proof.Result, bool, error) { return w.liveProofs(ctx, s) },
	}
	if added, err := time.Parse(time.DateOnly, s.Key.Added); err == nil {
		m.KeyAdded = added
	}
	if parts, err := openclaw.ParseParts(orElse(s.OpenClaw.Hardening, hardeningDefault)); err == nil {
		m.Parts = parts
	}
	if !m.NoAgent {
		at := agentFiles(s.OpenClaw.Config)
		m.AgentDir, m.ClaudeDir, m.ClaudeSettings = filepath.Dir(at.claudeDir), at.claudeDir, at.settings
	}
	for _, r := range s.Image.Hardening.Relaxed {
		m.Relaxed = append(m.Relaxed, doctor.Relaxed{What: relaxedName(r), Control: r.Control, Why: r.Why})
	}
	return m
}

func relaxedName(r Relaxed) string {
	if r.Path != "" {
		return string(r.What) + " " + r.Path
	}
	return string(r.What)
}

// withoutAgent tells whether a set-up configures no OpenClaw.
func (s Setup) withoutAgent() bool { return s.OpenClaw.Mode == "none" || s.OpenClaw.Config == "" }

// knownSecrets are the values that must be found nowhere, by name.
func (w *Wizard) knownSecrets(ctx context.Context, s Setup) (map[string]secrets.Secret, error) {
	out := map[string]secrets.Secret{}
	for item, err := range setupSecrets(ctx, w.store(s.Store, s.StackDir(w.Paths))) {
		if err != nil {
			return nil, err
		}
		out[item.name] = item.value
	}
	return out, nil
}

// liveProofs are what can be proved of the stack that runs.
func (w *Wizard) liveProofs(ctx context.Context, s Setup) ([]proof.Result, bool, error) {
	e, err := w.Engine(ctx)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = e.Close() }()
	r, err := w.look(ctx, s, e)
	if err != nil {
		return nil, false, err
	}
	if len(r.containers) == 0 {
		return []proof.Result{portUnused(s)}, false, nil
	}
	deaths, err := e.Deaths(ctx, r.stack.Project, w.Now().Add(-deathsSince), w.Now())
	if err != nil {
		return nil, false, err
	}
	results, err := r.lives(ctx, deaths)
	return results, r.up(), err
}

func (w *Wizard) ownContainers(ctx context.Context, s Setup) (doctor.Containers, error) {
	return w.containers(ctx, func(e *engine.Engine) ([]engine.Container, error) {
		return e.Containers(ctx, w.composeStack(s, e).Project)
	})
}

// resembling are the containers of a hand-made installation.
func (w *Wizard) resembling(ctx context.Context) (doctor.Containers, error) {
	return w.containers(ctx, func(e *engine.Engine) ([]engine.Container, error) {
		return e.Resembling(ctx, compose.ProxyImage, usualPort)
	})
}

func (w *Wizard) containers(ctx context.Context, list func(*engine.Engine) ([]engine.Container, error)) (doctor.Containers, error) {
	e, err := w.Engine(ctx)
	if err != nil {
		return doctor.Containers{}, err
	}
	defer func() { _ = e.Close() }()
	out := doctor.Containers{Architecture: e.Architecture, Built: map[string]string{}}
	if out.List, err = list(e); err != nil {
		return out, err
	}
	for _, c := range out.List {
		// An image that is gone is one that the engine does not tell of.
		if built, err := e.Built(ctx, c.Image); err == nil {
			out.Built[c.Image] = built
		}
	}
	return out, nil
}

func (w *Wizard) doctorDrift(past *History, err error) ([]doctor.Drift, error) {
	list, err := w.standingBy(past, err)
	if err != nil {
		return nil, err
	}
	var out []doctor.Drift
	for _, f := range list {
		if !f.removed || f.edited && !f.shared {
			out = append(out, doctor.Drift{Path: f.path, Shared: f.shared, Edited: f.edited, Err: f.err})
		}
	}
	return out, nil
}

func (w *Wizard) doctorJournal(ctx context.Context, h *History, err error) (doctor.Journal, error) {
	if err != nil {
		return doctor.Journal{}, err
	}
	out := doctor.Journal{Report: h.Report, KeysErr: h.KeysErr, Unvouched: errors.Is(h.KeysErr, ErrUnvouched), KeyringErr: h.Root.KeyringErr}
	_, out.Pending = h.log.Pending()
	if h.KeysErr == nil && !h.Report.Failed() {
		out.Missing, err = h.MissingSnapshots(ctx)
	}
	return out, err
}

// greetTime bounds the greeting of TLS.
const greetTime = 4 * time.Second

// greet opens a TLS connection to the API and sends nothing else (S-04). A protocol that
// is too old is answered, so that it can be named.
func greet(ctx context.Context, base string, allowPrivate bool) (doctor.Handshake, error) {
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" {
		return doctor.Handshake{}, errors.New("it is not asked by https")
	}
	port := orElse(u.Port(), "443")
	conn, err := safedial.Policy{AllowPrivate: allowPrivate}.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return doctor.Handshake{}, err
	}
	client := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS10}) //nolint:gosec // nothing is sent; see above
	defer func() { _ = client.Close() }()
	if err := client.HandshakeContext(ctx); err != nil {
		return doctor.Handshake{}, err
	}
	state := client.ConnectionState()
	out := doctor.Handshake{Version: state.Version}
	for _, c := range state.VerifiedChains[0] {
		if out.Expires.IsZero() || c.NotAfter.Before(out.Expires) {
			out.Expires = c.NotAfter
		}
	}
	return out, nil
}
