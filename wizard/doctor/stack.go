package doctor

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Commands that put right what is wrong with the stack.
const (
	fixRepair = "clawsetup init --section repair"
	fixUp     = "clawsetup up"
	fixImage  = "clawsetup init --section image"
)

// stackChecks ask what the compose file says and what the containers are. Package compose
// has the rules for a file and for a container that nobody's file made, package proof
// those for a container of ours.
func stackChecks() []Check {
	e01 := []string{"E-01"}
	d02 := []string{"D-02"}
	escape := []Category{Elevation, ExcessPermission}
	exhaust := []Category{Denial}
	return []Check{
		ruled("container-privileged", Critical, e01, escape, "privileged"),
		ruled("container-capabilities", High, e01, escape, "cap-drop", "cap-add"),
		ruled("container-root", High, e01, escape, "user"),
		ruled("container-writable", Medium, e01, []Category{Tampering, ExcessPermission}, "read-only", "tmpfs"),
		ruled("container-no-new-privileges", High, e01, escape, "no-new-privileges"),
		ruled("container-seccomp", Medium, e01, escape, "seccomp"),
		ruled("container-confinement", High, e01, escape, "confinement"),
		ruled("container-engine-socket", Critical, e01, escape, "engine-socket", "secret-socket"),
		ruled("container-mounts", High, e01, []Category{Elevation, Exfiltration}, "mounts"),
		ruled("container-host-network", High, e01, []Category{Elevation, Exfiltration}, "network-mode"),
		ruled("container-host-processes", High, e01, escape, "pid"),
		ruled("container-host-groups", Low, e01, []Category{Disclosure}, "cgroup"),
		ruled("container-shared-memory", Medium, e01, []Category{Disclosure}, "ipc"),
		ruled("container-unexpected", Medium, e01, escape, "unexpected", "services"),
		ruled("stack-egress", High, e01, []Category{Disclosure, Exfiltration}, "egress", "name-lookup", "proxy-variables", "api-address", "allow-list", "network-internal"),
		ruled("stack-networks", Medium, e01, []Category{Elevation, CrossAgent}, "network-own", "network-isolated", "network-host", "network-members", "networks"),
		ruled("container-memory", Medium, d02, exhaust, "memory", "swap"),
		ruled("container-processors", Medium, d02, exhaust, "cpus"),
		ruled("container-processes", Medium, d02, exhaust, "pids"),
		ruled("container-open-files", Low, d02, exhaust, "nofile"),
		ruled("container-oom", Low, d02, exhaust, "oom"),
		ruled("container-restart", Low, d02, exhaust, "restart", "stop"),
		ruled("container-restarts", Medium, d02, exhaust, "restarts", "running"),
		ruled("container-init", Low, d02, exhaust, "init"),
		ruled("container-health", Medium, d02, exhaust, "health", "answers"),
		ruled("container-log-size", Medium, []string{"R-01"}, []Category{Repudiation, Denial}, "log-rotation"),
		ruled("proxy-log-level", High, []string{"R-01"}, []Category{Disclosure, CredentialLeak}, "log-level"),
		ruled("proxy-timeout", Medium, []string{"D-03"}, exhaust, "request-timeout"),
		ruled("proxy-certificates", Critical, []string{"S-04"}, []Category{Spoofing, Exfiltration}, "certificates"),
		ruled("proxy-environment", Medium, []string{"T-02"}, []Category{Tampering, UnvalidatedInput}, "environment", "env-file", "working-dir", "proxy-service"),
		ruled("proxy-models", High, []string{"T-02"}, []Category{Tampering, CostAbuse}, "model-mapping"),
		{
			ID: "stack-relaxed", Area: AreaStack, Controls: e01, Categories: escape, Severity: Info,
			Fix: fixImage, look: relaxed,
		},
		image(ruled("image-pinned", High, []string{"S-03"}, []Category{Spoofing, SupplyChain}, "image-digest", "image-content")),
		image(ruled("image-tried", Info, []string{"E-01"}, []Category{Elevation, SupplyChain}, "hardening-tried")),
		{
			ID: "image-architecture", Area: AreaImage, Controls: []string{"S-03"}, Categories: []Category{Spoofing, SupplyChain}, Severity: Medium,
			Fix: fixImage, look: architecture,
		},
	}
}

func image(c Check) Check { c.Area, c.Fix = AreaImage, fixImage; return c }

// portChecks ask who answers on the proxy's port.
func portChecks() []Check {
	port := func(c Check) Check { c.Area = AreaPort; return c }
	s01 := []string{"S-01"}
	return []Check{
		port(ruled("port-loopback", High, s01, []Category{Spoofing, Exfiltration}, "loopback-port", "network-binding")),
		port(ruled("port-owner", Critical, s01, []Category{Spoofing, CredentialLeak}, "port-owner")),
		port(ruled("port-others", Medium, s01, []Category{Spoofing}, "port-others")),
		port(ruled("proxy-token", Critical, s01, []Category{Spoofing, CostAbuse}, "token-wrapper", "token-accepted", "token-wrong", "token-empty", "token-none")),
		port(ruled("one-proxy", Medium, []string{"I-02"}, []Category{Disclosure, CredentialLeak}, "one-proxy")),
	}
}

// stackSecretChecks ask where the engine shows a secret.
func stackSecretChecks() []Check {
	secret := func(c Check) Check { c.Area = AreaSecrets; return c }
	i01 := []string{"I-01"}
	leak := []Category{Disclosure, CredentialLeak}
	return []Check{
		secret(ruled("key-in-inspect", Critical, i01, leak, "secret-in-environment", "secret-in-inspect")),
		secret(ruled("key-in-env-file", High, i01, leak, "secret-in-env-file")),
		secret(ruled("secret-files", High, i01, leak, "secret-files", "gateway-secrets", "secret-source")),
		secret(ruled("core-dumps", Low, i01, leak, "core-dump")),
	}
}

// ruled is a check that rules of packages compose and proof answer.
func ruled(id string, severity Severity, controls []string, categories []Category, rules ...string) Check {
	return Check{
		ID: id, Area: AreaStack, Controls: controls, Categories: categories, Severity: severity, Fix: fixRepair,
		look: func(ctx context.Context, h *Host, a *answer) {
			s, _ := remembered(h, "stack", func() (*stack, error) { return h.stack(ctx), nil })
			s.tell(a, rules)
		},
	}
}

// stack is what was found out about compose files and containers: by rule.
type stack struct {
	// seen are the places that rules were asked of.
	seen  []string
	found []ruledFinding
	// known are the rules that were asked at all; a rule that nobody asked says nothing.
	known map[string]bool
	gaps  []Gap
}

type ruledFinding struct {
	rule, detail, fix string
	where             Location
	// unknown is what could not be proved.
	unknown bool
}

func (s *stack) tell(a *answer, rules []string) {
	for _, f := range s.found {
		switch {
		case !slices.Contains(rules, f.rule):
		case f.unknown:
			a.cannot(f.where.String()+" "+f.rule, errors.New(f.detail))
		default:
			if got := a.found(f.where, f.detail); f.fix != "" {
				got.Fix = f.fix
			}
		}
	}
	asked := false
	for _, r := range rules {
		asked = asked || s.known[r]
	}
	if asked {
		for _, where := range s.seen {
			a.saw(where)
		}
	}
	if !asked || slices.ContainsFunc(rules, running) {
		for _, g := range s.gaps {
			a.cannot(g.Where, errors.New(g.Why))
		}
	}
}

// fileRules are answered by a compose file alone: what runs has no such thing.
var fileRules = []string{"secret-in-env-file", "env-file", "secret-source", "proxy-service", "secret-socket"}

// running tells whether a rule is also one for what runs.
func running(rule string) bool { return !slices.Contains(fileRules, rule) }

// stack asks every rule once.
func (h *Host) stack(ctx context.Context) *stack {
	s := &stack{known: map[string]bool{}}
	if h.Made != nil {
		s.file(ctx, h, composeFile{filepath.Join(h.Made.StackDir, h.Made.ComposeName), filepath.Join(h.Made.StackDir, h.Made.EnvName)})
		s.proofs(ctx, h)
		return s
	}
	found, err := h.containers(ctx)
	if err != nil {
		s.gaps = append(s.gaps, Gap{Where: "containers", Why: reason(err)})
	}
	var byHand []engine.Container
	for _, c := range found.List {
		// The rules for a proxy that somebody made by hand know nothing of a gateway.
		if project := projectOf(c); strings.HasPrefix(project, engine.OurProjects) {
			why := "it is of the set-up " + text.Clean(project, 40) + " of clawsetup, whose setup.yaml is not here: nobody can say what it should be"
			s.gaps = append(s.gaps, Gap{Where: "container " + strings.TrimPrefix(c.Name, "/"), Why: why})
			continue
		}
		byHand = append(byHand, c)
	}
	found.List = byHand
	for _, f := range h.composeFiles(found) {
		s.file(ctx, h, f)
	}
	for _, c := range found.List {
		s.container(c)
	}
	return s
}

func projectOf(c engine.Container) string {
	if c.Config == nil {
		return ""
	}
	return c.Config.Labels[engine.LabelProject]
}

func (h *Host) containers(ctx context.Context) (Containers, error) {
	return remembered(h, "containers", func() (Containers, error) { return h.Containers(ctx) })
}

// composeFile is one compose file with the .env beside it.
type composeFile struct{ path, env string }

// composeNames are the names of compose files that are looked for, the first that is
// there counts: ours, then those of docker compose.
var composeNames = []string{"docker-compose.cloudru-proxy.yml", "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}

// composeFiles are those that containers name, or the one in the current folder that
// speaks of the proxy.
func (h *Host) composeFiles(found Containers) []composeFile {
	var out []composeFile
	add := func(path string) {
		f := composeFile{path: path, env: filepath.Join(filepath.Dir(path), ".env")}
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, c := range found.List {
		if c.Config == nil {
			continue
		}
		for path := range strings.SplitSeq(c.Config.Labels["com.docker.compose.project.config_files"], ",") {
			if filepath.IsAbs(path) && len(out) < 10 {
				add(path)
			}
		}
	}
	for _, name := range composeNames {
		path := filepath.Join(h.Work, name)
		if r := h.read(path); r.exists && (r.err != nil || name == composeNames[0] || bytes.Contains(r.data, []byte(compose.ProxyImage))) {
			add(path)
			break
		}
	}
	return out
}

// file asks the rules for a compose file.
func (s *stack) file(ctx context.Context, h *Host, f composeFile) {
	content := h.read(f.path)
	if !content.exists {
		if h.Made != nil {
			s.seen = append(s.seen, f.path)
			s.found = append(s.found, ruledFinding{rule: "proxy-service", where: Location{Path: f.path}, detail: "the compose file is gone"})
		}
		return
	}
	env := h.read(f.env)
	if err := errors.Join(content.err, env.err); err != nil {
		s.gaps = append(s.gaps, Gap{Where: f.path, Why: reason(err)})
		return
	}
	s.seen = append(s.seen, f.path)
	var violations []compose.Violation
	var err error
	if h.Made != nil {
		violations, err = compose.Check(ctx, filepath.Dir(f.path), content.data, env.data, h.Made.Expected)
	} else {
		violations, err = compose.CheckForeign(ctx, filepath.Dir(f.path), content.data, env.data, func(path string) []byte { return h.read(path).data })
	}
	switch {
	case errors.Is(err, compose.ErrIncomplete):
		s.gaps = append(s.gaps, Gap{Where: f.path, Why: compose.ErrIncomplete.Error()})
		s.knows(compose.Rules())
	case err != nil:
		s.invalid(f.path, err)
		s.knows([]string{"secret-in-env-file", "env-file"})
	default:
		s.knows(compose.Rules())
	}
	for _, v := range violations {
		where := Location{Path: f.path, Line: lineOf(content.data, v.Service)}
		if v.Rule == "secret-in-env-file" || v.Rule == "env-file" {
			where = Location{Path: f.env}
		}
		detail := v.Detail
		if v.Service != "" {
			detail = "service " + v.Service + ": " + detail
		}
		s.found = append(s.found, ruledFinding{rule: v.Rule, where: where, detail: detail})
	}
}

// invalid is a file that is no hardened stack at all: what it says is not known, and
// that is a finding of its own.
func (s *stack) invalid(path string, err error) {
	s.known["proxy-service"] = true
	s.found = append(s.found, ruledFinding{rule: "proxy-service", where: Location{Path: path}, detail: reason(err)})
	s.gaps = append(s.gaps, Gap{Where: path, Why: "it cannot be read as the stack that clawsetup writes"})
}

func (s *stack) knows(rules []string) {
	for _, r := range rules {
		s.known[r] = true
	}
}

// lineOf is where a service begins in a compose file, 0 when that is not seen.
func lineOf(data []byte, service string) int {
	if service == "" {
		return 0
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if name, ok := bytes.CutSuffix(bytes.TrimSpace(line), []byte(":")); ok && string(name) == service {
			return i + 1
		}
	}
	return 0
}

// container asks the rules for a file of a container that runs without one of ours.
func (s *stack) container(c engine.Container) {
	name := strings.TrimPrefix(c.Name, "/")
	s.seen = append(s.seen, "container "+name)
	s.knows(compose.Rules())
	for _, v := range compose.Violations(compose.Describe(c.InspectResponse, templates.Service), compose.Made{}) {
		if !running(v.Rule) {
			continue
		}
		s.found = append(s.found, ruledFinding{rule: v.Rule, where: Location{Container: name}, detail: v.Detail})
	}
}

// proofs takes what was proved of a stack of ours.
func (s *stack) proofs(ctx context.Context, h *Host) {
	results, running, err := h.Made.Proofs(ctx)
	if err != nil {
		s.gaps = append(s.gaps, Gap{Where: "running stack", Why: reason(err)})
		return
	}
	if !running {
		s.gaps = append(s.gaps, Gap{Where: "running stack", Why: "the stack does not run; clawsetup up starts it"})
	}
	if len(results) > 0 {
		s.seen = append(s.seen, "running stack")
	}
	for _, r := range results {
		s.known[r.Rule] = true
		if r.Outcome == proof.Held {
			continue
		}
		f := ruledFinding{rule: r.Rule, where: Location{Container: r.Service}, detail: r.Detail, fix: fixUp, unknown: r.Outcome == proof.Unknown}
		if s.told(f) {
			continue
		}
		s.found = append(s.found, f)
	}
}

// told tells whether the compose file is blamed for the same already: Status reads it, too.
func (s *stack) told(f ruledFinding) bool {
	return slices.ContainsFunc(s.found, func(o ruledFinding) bool {
		return o.rule == f.rule && o.where.Path != "" && strings.Contains(f.detail, filepath.Base(o.where.Path))
	})
}

// relaxed says which controls were given up.
func relaxed(_ context.Context, h *Host, a *answer) {
	if h.Made == nil {
		return
	}
	a.saw(h.Made.SetupFile)
	for _, r := range h.Made.Relaxed {
		a.found(Location{Path: h.Made.SetupFile, Key: "image.hardening.relaxed"}, "%s (%s): %s", text.Clean(r.What, 80), text.Clean(r.Control, 20), text.Clean(r.Why, 200))
	}
	if h.Made.EgressOpen {
		a.found(Location{Path: h.Made.SetupFile, Key: "egress.open"}, "the proxy reaches the whole Internet (E-01)")
	}
}

// architecture finds an image that was built for another processor: an emulated one was
// not the one that was looked at.
func architecture(ctx context.Context, h *Host, a *answer) {
	found, err := h.containers(ctx)
	if err != nil {
		a.cannot("containers", err)
		return
	}
	for _, c := range found.List {
		name := strings.TrimPrefix(c.Name, "/")
		built := found.Built[c.Image]
		if built == "" {
			a.cannot("container "+name, errors.New("the engine does not say what its image was built for"))
			continue
		}
		a.saw("container " + name)
		if built != found.Architecture {
			a.found(Location{Container: name}, "its image is built for %s, the engine runs on %s", text.Clean(built, 20), found.Architecture)
		}
	}
}
