package compose

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/templates"
)

// Violation is one control that a compose project lacks.
type Violation struct {
	// Control is the id in CONTROLS.md, Rule the check's own name, which is stable.
	Control, Rule string
	// Service is empty when the project as a whole is meant.
	Service string
	// Detail says what was found, in English and without foreign control characters.
	Detail string
}

// Error implements error: "E-01: service proxy: the root file system is writable".
func (v Violation) Error() string {
	if v.Service == "" {
		return v.Control + ": " + v.Detail
	}
	return fmt.Sprintf("%s: service %s: %s", v.Control, v.Service, v.Detail)
}

// Relaxation is a control that the set-up gives up, because the image was shown to
// need it.
type Relaxation string

// The controls that can be given up.
const (
	// AllowRoot lets a service run as root, without capabilities.
	AllowRoot Relaxation = "root"
	// DefaultSeccomp leaves the engine's own system call filter in place of ours.
	DefaultSeccomp Relaxation = "seccomp"
	// OpenEgress lets the proxy reach the whole Internet: there is no gateway.
	OpenEgress Relaxation = "egress"
)

// check is one rule: what it returns is the detail of a violation, or empty.
type check[T any] struct {
	control, rule string
	relaxedBy     Relaxation
	find          func(T) string
}

// Violations checks every service, network and secret of a loaded project, ordered
// by service and rule. Services hidden by a profile count only if the project was
// loaded with all profiles.
func Violations(p *types.Project, made Made) []Violation {
	relax := made.Relaxed
	vs := apply(projectChecks, stack{p, made}, "", relax)
	for _, name := range sortedKeys(p.Services) {
		config := p.Services[name]
		s := service{&config, p, made}
		vs = append(vs, apply(serviceChecks, s, name, relax)...)
		switch name {
		case templates.Service:
			vs = append(vs, apply(proxyChecks, s, name, relax)...)
		case templates.GatewayService:
			vs = append(vs, apply(gatewayChecks, s, name, relax)...)
		default:
		}
	}
	for _, name := range sortedKeys(p.Networks) {
		n := p.Networks[name]
		for _, v := range apply(networkChecks, &n, "", relax) {
			v.Detail = "network " + clean(name) + ": " + v.Detail
			vs = append(vs, v)
		}
	}
	for _, name := range sortedKeys(p.Secrets) {
		s := p.Secrets[name]
		for _, v := range apply(secretChecks, secret{&s, name, made}, "", relax) {
			v.Detail = "secret " + clean(name) + ": " + v.Detail
			vs = append(vs, v)
		}
	}
	return vs
}

func apply[T any](checks []check[T], subject T, service string, relax []Relaxation) []Violation {
	var vs []Violation
	for _, c := range checks {
		if c.relaxedBy != "" && slices.Contains(relax, c.relaxedBy) {
			continue
		}
		if detail := c.find(subject); detail != "" {
			vs = append(vs, Violation{Control: c.control, Rule: c.rule, Service: clean(service), Detail: detail})
		}
	}
	return vs
}

func sortedKeys[M ~map[string]V, V any](m M) []string { return slices.Sorted(maps.Keys(m)) }

// Rules are the names of all checks, sorted.
func Rules() []string {
	names := map[string]bool{"secret-in-env-file": true, "env-file": true}
	for _, list := range [][]check[service]{serviceChecks, proxyChecks, gatewayChecks} {
		for _, c := range list {
			names[c.rule] = true
		}
	}
	for _, c := range projectChecks {
		names[c.rule] = true
	}
	for _, c := range networkChecks {
		names[c.rule] = true
	}
	for _, c := range secretChecks {
		names[c.rule] = true
	}
	return sortedKeys(names)
}
