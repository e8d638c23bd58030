// Package proof compares what a stack claims with what is: everything that the
// compose file says of a container is read back from the engine and, where it shows,
// from the kernel. It changes nothing and knows no secret but as something that must
// not be found.
package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Outcome tells what a proof came to.
type Outcome int

// The outcomes. What could not be looked at is Unknown, never Held.
const (
	Held Outcome = iota
	Broken
	Unknown
)

var outcomeNames = [...]string{Held: "held", Broken: "broken", Unknown: "not checked"}

// String is the outcome's name in English.
func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. What is none of the outcomes
// is an error: it must not count as Held.
func (o *Outcome) UnmarshalText(b []byte) error {
	i := slices.Index(outcomeNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is no outcome of a proof", text.Clean(string(b), 40))
	}
	*o = Outcome(i)
	return nil
}

// Result is one proof.
type Result struct {
	// Control is the id in CONTROLS.md, Rule the proof's own name, which is stable and
	// the same as that of the check on the compose file.
	Control string  `json:"control"`
	Rule    string  `json:"rule"`
	Outcome Outcome `json:"outcome"`
	// Service is the container's; empty when the stack as a whole is meant.
	Service string `json:"service,omitempty"`
	// Detail says what was found, in English and fit to be shown; empty when the claim
	// holds.
	Detail string `json:"detail,omitempty"`
}

// Error implements error: "E-01: service proxy: the root file system is writable".
func (r Result) Error() string {
	if r.Service == "" {
		return r.Control + ": " + r.Detail
	}
	return r.Control + ": service " + r.Service + ": " + r.Detail
}

// Claims are what a container must be.
type Claims struct {
	Project *types.Project
	Service types.ServiceConfig
	// SecretsDir is the folder of the secret files on the host.
	SecretsDir string
	// Image is the pinned image, as the engine has it.
	Image engine.Image
	// Content is what was looked at in the registry under the pin; the zero value for an
	// image that was made here.
	Content engine.Content
	// Seccomp is the content of the profile; nil for the engine's own.
	Seccomp []byte
	// Hidden are the secrets that docker inspect must not show.
	Hidden []secrets.Secret
	// ControlGroups is false where the engine says that it runs without them, Unlimited
	// true where the operator consented to that.
	ControlGroups, Unlimited bool
	// SwapCounted is false where the engine says that its kernel does not count swap.
	SwapCounted bool
}

// rule is one proof: what each side finds, or empty. The kernel's side is optional.
type rule struct {
	control, name string
	engine        func(*subject) string
	kernel        func(*subject) string
}

// subject is one container with what it claims to be.
type subject struct {
	Claims
	got    engine.Container
	kernel kernelView
}

// kernelView is what the kernel shows of a container.
type kernelView struct {
	system  proc.System
	first   int
	members []proc.Status
	mounts  []proc.Mount
	limits  map[string][2]uint64
	group   proc.Group
	// hidden says why nothing is visible, nil when it is.
	hidden error
}

func look(system proc.System, c engine.Container) kernelView {
	v := kernelView{system: system, first: c.State.Pid}
	if !c.Running() || v.first == 0 {
		v.hidden = proc.ErrHidden
		return v
	}
	if v.members, v.hidden = system.Members(v.first, c.ID); v.hidden != nil {
		return v
	}
	if v.mounts, v.hidden = system.Mounts(v.first); v.hidden != nil {
		return v
	}
	if v.limits, v.hidden = system.Limits(v.first); v.hidden != nil {
		return v
	}
	v.group, v.hidden = system.Group(v.first)
	return v
}

// Container proves one container of the stack.
func Container(claims Claims, c engine.Container, system proc.System) []Result {
	s := &subject{Claims: claims, got: c, kernel: look(system, c)}
	out := make([]Result, 0, len(rules))
	for _, r := range rules {
		out = append(out, r.prove(s))
	}
	return out
}

func (r rule) prove(s *subject) Result {
	out := Result{Control: r.control, Rule: r.name, Service: s.Service.Name}
	detail := r.engine(s)
	if detail == "" && r.kernel != nil && s.kernel.hidden == nil {
		detail = r.kernel(s)
	}
	switch {
	case detail != "":
		out.Outcome, out.Detail = Broken, text.Clean(detail, longestDetail)
		if detail == notCounted || detail == notLimited || strings.HasPrefix(detail, engine.ErrNotCompared.Error()) {
			out.Outcome = Unknown
		}
	case r.kernel != nil && s.kernel.hidden != nil:
		out.Outcome, out.Detail = Unknown, "the engine says so; what the kernel does is "+text.Clean(s.kernel.hidden.Error(), longestDetail)
	}
	return out
}

const longestDetail = 200

// Failed are the results that are Broken.
func Failed(results []Result) []Result {
	var out []Result
	for _, r := range results {
		if r.Outcome == Broken {
			out = append(out, r)
		}
	}
	return out
}
