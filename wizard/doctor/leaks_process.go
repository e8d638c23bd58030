package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// mostProcesses bounds how many processes are looked at.
const mostProcesses = 20_000

// processes are those of this host, listed once.
func (h *Host) processes() ([]proc.Process, error) {
	return remembered(h, "processes", func() ([]proc.Process, error) { return h.Proc.Processes(mostProcesses) })
}

// eachProcess asks about every process that lives, until the time is over.
func eachProcess(ctx context.Context, h *Host, a *answer, ask func(proc.Process)) {
	list, err := h.processes()
	if err != nil {
		a.cannot("processes", err)
	}
	for i, p := range list {
		if ctx.Err() != nil {
			a.cannot("processes", fmt.Errorf("the time was over after %d of %d", i, len(list)))
			return
		}
		if !p.Ended {
			ask(p)
		}
	}
}

// eachEnvironment asks about the environments of the processes that which takes; foreign
// ones are counted.
func eachEnvironment(ctx context.Context, h *Host, a *answer, which func(proc.Process) bool, ask func(proc.Process, []byte)) {
	others := 0
	eachProcess(ctx, h, a, func(p proc.Process) {
		if !which(p) {
			return
		}
		env, err := h.Proc.Environ(p.PID)
		defer clear(env)
		switch {
		case errors.Is(err, proc.ErrHidden):
			others++
			return
		case err != nil:
			a.cannot(fmt.Sprintf("process %d", p.PID), err)
		}
		a.saw("environments of processes")
		ask(p, env)
	})
	if others > 0 {
		a.cannot("environments of processes", fmt.Errorf("those of %s of other users cannot be read", counted(others, "process", "processes")))
	}
}

// keyInProcesses: every program of the same user reads the environment of a process. The
// proxy in our container has to have the key.
func keyInProcesses(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	found, err := h.containers(ctx)
	inside := 0
	all := func(proc.Process) bool { return true }
	eachEnvironment(ctx, h, a, all, func(p proc.Process, env []byte) {
		detail, name := n.inEnvironment(h, env)
		if detail == "" {
			return
		}
		groups, _ := h.Proc.Groups(p.PID) // of unknown groups: of no container of ours
		switch {
		case ofContainer(groups, found):
			inside++
		case err != nil && anyContainer(groups):
			a.cannot(fmt.Sprintf("process %d", p.PID), errors.New("it has the key and is in a container, which may be ours: the engine does not say"))
		default:
			a.found(Location{PID: p.PID}, "%s has %s in its environment", text.Clean(p.Name, 20), detail).Holds = name
		}
	})
	if inside > 0 {
		a.saw(fmt.Sprintf("%d processes of our own containers, which have to have the key", inside))
	}
}

// inEnvironment says which credential an environment holds, and its name when it is one
// of the installation.
func (n *needles) inEnvironment(h *Host, env []byte) (detail, name string) {
	if name := n.value(env); name != "" {
		return "the value of " + name, name
	}
	if h.Made != nil {
		return "", ""
	}
	for _, name := range providerKeys {
		if v, ok := proc.Variable(env, name); ok && len(v) > 0 && literal(v) {
			return "a value of " + name, ""
		}
	}
	return "", ""
}

// ofContainer tells whether control groups are those of a container in the list: engines
// name them by its id, with their own name before it or not.
func ofContainer(groups []string, found Containers) bool {
	for _, group := range groups {
		for part := range strings.SplitSeq(group, "/") {
			part = strings.TrimSuffix(part, ".scope")
			if slices.ContainsFunc(found.List, func(c engine.Container) bool {
				return c.ID != "" && (part == c.ID || strings.HasSuffix(part, "-"+c.ID))
			}) {
				return true
			}
		}
	}
	return false
}

// anyContainer tells whether control groups are those of any container.
func anyContainer(groups []string) bool {
	return slices.ContainsFunc(groups, func(g string) bool {
		return strings.Contains(g, "docker") || strings.Contains(g, "libpod") || strings.Contains(g, "containerd")
	})
}

// keyInArguments: every user of the host sees the arguments of every process.
func keyInArguments(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	eachProcess(ctx, h, a, func(p proc.Process) {
		a.saw("arguments of processes")
		if p.Cut {
			a.cannot(fmt.Sprintf("process %d", p.PID), errors.New("its command line is longer than is looked at"))
		}
		if detail, name := n.find([]byte(strings.Join(p.Args, " "))); detail != "" {
			a.found(Location{PID: p.PID}, "the command line of %s: %s", text.Clean(p.Name, 20), detail).Holds = name
		}
	})
}

// counted is a number with the form of the word that goes with it.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
