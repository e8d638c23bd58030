package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
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
		process("agent-address", Critical, fixRepair, []string{"S-02"}, agentAddress, Spoofing, Exfiltration, CredentialLeak),
		process("agent-credentials", High, fixRepair, []string{"gap 19"}, agentCredentials, Disclosure, CredentialLeak, CrossAgent),
		process("agent-output-log", High, "unset OPENCLAW_CLI_BACKEND_LOG_OUTPUT", []string{"I-02", "I-03"}, agentOutput, Disclosure, CredentialLeak),
		process("agent-count", Medium, "ps -o pid,ppid,etime,args -C claude", d04, agentCount, Denial, CostAbuse),
	}
}

// isClaude tells a Claude Code by its program, which an update may have deleted meanwhile,
// or by the script that a runtime was given.
func isClaude(p proc.Process) bool {
	program := filepath.ToSlash(strings.TrimSuffix(p.Path, " (deleted)"))
	named := func(name string) bool { return slices.Contains([]string{"claude", "claude.exe"}, path.Base(name)) }
	if named(program) || strings.Contains(program, "/claude/versions/") || len(p.Args) > 0 && named(filepath.ToSlash(p.Args[0])) {
		return true
	}
	if len(p.Args) < 2 || !slices.Contains([]string{"node", "nodejs", "bun", "deno"}, path.Base(program)) {
		return false
	}
	script := filepath.ToSlash(p.Args[1])
	return named(script) || strings.Contains(script, "/claude-code/")
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
	list, err := h.processes()
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
		if flag := openclaw.SkipsPermissions(p.Args); flag != "" {
			a.found(Location{PID: p.PID}, "it acts without asking: %s", flag)
		}
	}
}

// agentOrphans: a turn that nobody waits for still asks a model, and is paid. Proven is
// one that was started for a turn of this set-up, without a terminal, by this user, whose
// parent is gone, which is no service, and which lives longer than any turn may. Whatever
// cannot be read proves nothing.
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
		case !h.ownTurn(p):
			a.found(where, "its parent is gone and it was started %s ago; it is no turn of this set-up, and may be meant so", p.Age.Round(time.Second)).milder(Low)
		case !h.noService(p):
			a.found(where, "it was started %s ago, for longer than a turn; it may be a service, and meant so", p.Age.Round(time.Second)).milder(Low)
		default:
			a.found(where, "nobody waits for it; it was started %s ago for a turn of %s at most", p.Age.Round(time.Second), limit).
				repairedBy(Repair{End: &Process{PID: p.PID, Start: p.Start, Program: text.Clean(p.Path, 200)}})
		}
	}
}

// ownTurn tells whether a process was started for this set-up: our launcher, and OpenClaw
// for its own backend, give it our folder of Claude Code. Somebody's own "nohup claude -p"
// has lost its parent, too.
func (h *Host) ownTurn(p proc.Process) bool {
	if h.Made == nil || h.Made.ClaudeDir == "" {
		return false
	}
	env, err := h.Proc.Environ(p.PID)
	defer clear(env)
	dir, ok := proc.Variable(env, "CLAUDE_CONFIG_DIR")
	return err == nil && ok && string(dir) == h.Made.ClaudeDir
}

// noService tells whether a process is known to be no service of the host's manager but
// OpenClaw's: what a service starts is a child of the first process, too, and no orphan.
// Where the kernel has no control groups, there is no such manager.
func (h *Host) noService(p proc.Process) bool {
	groups, err := h.Proc.Groups(p.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && !slices.ContainsFunc(groups, func(group string) bool {
		name := path.Base(group)
		return strings.HasSuffix(name, ".service") && !strings.HasPrefix(name, "user@") && !strings.Contains(name, "openclaw")
	})
}

// agentAddress: what an agent that runs was sent to, whatever the files say by now.
func agentAddress(ctx context.Context, h *Host, a *answer) {
	eachEnvironment(ctx, h, a, isClaude, func(p proc.Process, env []byte) {
		h.address(a, func(name string) string { v, _ := proc.Variable(env, name); return string(v) },
			func(name string) Location { return Location{Key: name, PID: p.PID} })
	})
}

// shownNames is how many variables a finding names.
const shownNames = 5

// agentCredentials: what an agent inherits, a sentence in a message can make it tell.
func agentCredentials(ctx context.Context, h *Host, a *answer) {
	n := h.needles(ctx, a)
	defer n.close()
	eachEnvironment(ctx, h, a, isClaude, func(p proc.Process, env []byte) {
		var names []string
		for entry := range bytes.SplitSeq(env, []byte{0}) {
			name, value, _ := bytes.Cut(entry, []byte("="))
			if n.foreign(h, string(name), value) {
				names = append(names, text.Clean(string(name), 40))
			}
		}
		if len(names) == 0 {
			return
		}
		f := a.found(Location{PID: p.PID}, "it has %s not its own: %s", counted(len(names), "credential that is", "credentials that are"), strings.Join(names[:min(len(names), shownNames)], ", "))
		if !forTurn(p) {
			f.milder(Low) // the operator's own, from the operator's shell
		}
	})
}

// foreign tells a credential that Claude Code does not need. The values of this
// installation, and by hand the keys of model services, are key-in-processes's to tell.
func (n *needles) foreign(h *Host, name string, value []byte) bool {
	if !secrets.CredentialName(name) || len(value) < shortestValue || !literal(value) || n.value(value) != "" {
		return false
	}
	return h.Made != nil || !slices.Contains(providerKeys, name)
}

// agentOutput: what was switched on when it was started stays on.
func agentOutput(ctx context.Context, h *Host, a *answer) {
	which := func(p proc.Process) bool { return isOpenClaw(p) || isClaude(p) }
	eachEnvironment(ctx, h, a, which, func(p proc.Process, env []byte) {
		for _, name := range rawSwitches {
			if v, _ := proc.Variable(env, name); switchedOn(string(v)) {
				a.found(Location{Key: name, PID: p.PID}, "every prompt and answer is logged").Fix = "unset " + name
			}
		}
	})
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
