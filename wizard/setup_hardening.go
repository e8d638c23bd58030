package wizard

import "slices"

// HardeningSetup is what was found out by trying the image with dummy secrets in a
// container without a network (E-01).
type HardeningSetup struct {
	// Tried is the digest that was tried; of another image nothing is known.
	Tried string `yaml:"tried,omitempty"`
	// Relaxed are the controls that the image cannot live with.
	Relaxed []Relaxed `yaml:"relaxed,omitempty"`
}

// Relaxed is one control that was given up, for an image or on an engine, and why.
type Relaxed struct {
	What    Relaxation `yaml:"what" json:"what"`
	Path    string     `yaml:"path,omitempty" json:"path,omitempty"`
	Control string     `yaml:"control" json:"control"`
	Why     string     `yaml:"why" json:"why"`
}

// Relaxation names a control that can be given up.
type Relaxation string

// The relaxations: for an image in the order in which they are tried, then the engine's.
const (
	// RelaxLauncher: the image has no shell; clawsetup is mounted to read the secrets.
	RelaxLauncher Relaxation = "launcher"
	// RelaxTmpfs: the image writes to a folder, which becomes a temporary one.
	RelaxTmpfs Relaxation = "tmpfs"
	// RelaxSeccomp: the engine's own system call filter in place of ours.
	RelaxSeccomp Relaxation = "seccomp"
	// RelaxRoot: the image runs as root, without capabilities.
	RelaxRoot Relaxation = "root"
	// RelaxLimits: the engine runs without control groups and limits neither memory nor
	// processors nor processes.
	RelaxLimits Relaxation = "limits"
)

// same tells whether two relaxations give up the same thing.
func (r Relaxed) same(other Relaxed) bool { return r.What == other.What && r.Path == other.Path }

func (r Relaxed) note() Note {
	n := Note{ID: "relaxed-" + string(r.What), State: Attention, Args: []any{r.Why}}
	if r.Path != "" {
		n.Args = []any{r.Path, r.Why}
	}
	return n
}

var relaxations = []Relaxation{RelaxLauncher, RelaxTmpfs, RelaxSeccomp, RelaxRoot, RelaxLimits}

// relaxed tells whether a control was given up for the present image.
func (s Setup) relaxed(what Relaxation) bool {
	return slices.ContainsFunc(s.Image.Hardening.Relaxed, func(r Relaxed) bool { return r.What == what })
}
