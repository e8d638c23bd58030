package doctor

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// claudeProcessChecks ask what the agents that run now were started with, and by whom.
func claudeProcessChecks() []Check {
	process := func(id string, severity Severity, fix string, controls []string, look func(context.Context, *Host, *answer), categories ...Category) Check {
		return Check{ID: id, Area: AreaClaude, Controls: controls, Categories: categories, Severity: severity, Fix: fix, look: look}
	}
	d04 := []string{"D-04"}
	return []Check{
		process("agent-permissions", Critical, fixHardening, []string{"E-02"}, agentPermissions, Elevation, ExcessPermission, UnsafeShell),
		process("agent-orphans", Medium, "ps -o pid,ppid,etime,args -C claude", d04, agentOrphans, Denial, CostAbuse),
		process("agent-count", Medium, "ps -o pid,ppid,etime,args -C claude", d04, agentCount, Denial, CostAbuse),
	}
}

// mostListed bounds how many processes of the host are listed.
const mostListed = 20_000

// isClaude tells a Claude Code by its program, or by the script that a runtime was given.
func isClaude(p proc.Process) bool {
	names := []string{filepath.Base(p.Path)}
	for _, arg := range p.Args[:min(len(p.Args), 2)] {
		names = append(names, filepath.Base(arg))
	}
	return slices.ContainsFunc(names, func(n string) bool { return n == "claude" || n == "claude.exe" }) ||
		len(p.Args) > 1 && strings.Contains(filepath.ToSlash(p.Args[1]), "/claude-code/")
}

// isOpenClaw tells an OpenClaw, which is a script of node's and names itself.
func isOpenClaw(p proc.Process) bool {
	return strings.HasPrefix(p.Name, "openclaw") || slices.ContainsFunc(p.Args[:min(len(p.Args), 2)], func(a string) bool {
		return strings.HasPrefix(filepath.Base(a), "openclaw")
	})
}

// agents are the processes of Claude Code that live, among all that are visible. A gap is
// what the kernel does not show.
func (h *Host) agents(a *answer) (agents, all []proc.Process) {
	list, err := remembered(h, "agents", func() ([]proc.Process, error) { return h.Proc.Processes(mostListed) })
	if err != nil {
		a.cannot("processes", err)
	}
	if len(list) > 0 {
		a.saw("processes")
	}
	for _, p := range list {
		if !p.Ended && isClaude(p) {
			agents = append(agents, p)
		}
	}
	return agents, list
}

// agentPermissions: one that runs without asking does whatever its text says.
func agentPermissions(_ context.Context, h *Host, a *answer) {
	agents, _ := h.agents(a)
	for _, p := range agents {
		if i := slices.IndexFunc(p.Args, func(arg string) bool { return openclaw.SkipsPermissions(arg) != "" }); i >= 0 {
			a.found(Location{PID: p.PID}, "it acts without asking: %s", openclaw.SkipsPermissions(p.Args[i]))
		}
	}
}

// agentOrphans: a turn that nobody waits for still asks a model, and is paid. Proven is
// one that was started for a turn, without a terminal, by this user, whose parent is gone,
// and that lives longer than any turn may.
func agentOrphans(_ context.Context, h *Host, a *answer) {
	agents, all := h.agents(a)
	limit := time.Duration(h.turnSeconds()) * time.Second
	for _, p := range agents {
		if !forTurn(p) || !parentless(p, all) {
			continue
		}
		where := Location{PID: p.PID}
		switch {
		case p.Age == 0:
			a.cannot(where.String(), errors.New("the kernel does not say how old it is"))
		case p.Age <= limit:
		case p.UID != h.UID:
			a.found(where, "it belongs to user %d, and nobody waits for it since %s", p.UID, p.Age.Round(time.Second))
		default:
			a.found(where, "nobody waits for it; it was started %s ago for a turn of %s at most", p.Age.Round(time.Second), limit).
				repairedBy(Repair{End: &Process{PID: p.PID, Start: p.Start, Program: text.Clean(p.Path, 200)}})
		}
	}
}

// forTurn tells a Claude Code that a program started for one turn.
func forTurn(p proc.Process) bool {
	return !p.Terminal && (slices.Contains(p.Args, "-p") || slices.Contains(p.Args, "--print") || slices.Contains(p.Args, "--output-format"))
}

// parentless tells whether the process that started another one is gone: it was handed to
// the first process, or to a reaper that is no OpenClaw and no agent.
func parentless(p proc.Process, all []proc.Process) bool {
	if p.Parent == 1 {
		return true
	}
	i := slices.IndexFunc(all, func(o proc.Process) bool { return o.PID == p.Parent })
	return i >= 0 && !all[i].Ended && slices.Contains([]string{"systemd", "init", "launchd", "tini", "dumb-init", "docker-init"}, all[i].Name) && !isOpenClaw(all[i])
}

// mostAgents is how many Claude Code processes are not worth a word.
const mostAgents = 20

func agentCount(_ context.Context, h *Host, a *answer) {
	agents, all := h.agents(a)
	if len(agents) > mostAgents {
		a.found(Location{}, "%d processes of Claude Code run, more than %d", len(agents), mostAgents)
	}
	ended := map[int]int{}
	for _, p := range all {
		if p.Ended {
			ended[p.Parent]++
		}
	}
	for _, p := range all {
		if n := ended[p.PID]; n > mostAgents && isOpenClaw(p) {
			a.found(Location{PID: p.PID}, fmt.Sprintf("%d of its children ended and were not asked for", n))
		}
	}
}
