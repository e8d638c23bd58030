package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// openClawChecks ask what OpenClaw's configuration says, and whether it can be read by
// those alone who may. A configuration that cannot be read turns one check red, and what
// all others would ask of it was not checked.
func openClawChecks() []Check {
	return slices.Concat(configChecks(), backendChecks(), modelChecks(), credentialChecks(), channelChecks(), promptChecks(), routingChecks(), hardenedChecks(AreaOpenClaw))
}

func configChecks() []Check {
	t02 := []string{"T-02"}
	return []Check{
		{
			ID: "openclaw-config", Area: AreaOpenClaw, Controls: t02, Categories: []Category{Tampering, Denial, UnvalidatedInput}, Severity: High,
			Fix: fixRepair, look: configReadable,
		},
		{
			ID: "openclaw-config-private", Area: AreaOpenClaw, Controls: []string{"I-02", "T-02"}, Categories: []Category{Disclosure, Tampering, CredentialLeak},
			Severity: High, Fix: "chmod 0600 {path}", look: configPrivate,
		},
		{
			ID: "openclaw-folder-private", Area: AreaOpenClaw, Controls: []string{"T-02", "I-03"}, Categories: []Category{Tampering, Disclosure}, Severity: High,
			Fix: "chmod 0700 {path}", look: folderPrivate,
		},
		{
			ID: "openclaw-includes", Area: AreaOpenClaw, Controls: []string{"T-02", "E-04"}, Categories: []Category{Tampering, UnvalidatedInput}, Severity: High,
			Fix: "chmod 0600 {path}", look: includesSafe,
		},
		{
			ID: "openclaw-contract", Area: AreaOpenClaw, Controls: []string{"E-02", "T-03"}, Categories: []Category{Elevation, Denial}, Severity: High,
			Fix: fixRepair, look: contractFits,
		},
		agentCheck("control-ui", High, []string{"S-01"}, inConfig(controlUI), Spoofing, Elevation),
		agentCheck("turn-budget", Medium, []string{"D-03"}, inConfig(turnBudget), Denial, CostAbuse),
		{
			// init leaves it as it is: it would hold OpenClaw's own tools, which are denied, and not Claude Code.
			ID: "sandbox-mode", Area: AreaOpenClaw, Controls: []string{"gap 21", "E-02"}, Categories: []Category{Elevation, ExcessPermission}, Severity: Medium,
			Fix: fixEdit, look: sandboxMode,
		},
		agentCheck("raw-output-log", High, []string{"I-02", "I-03"}, rawOutput, Disclosure, CredentialLeak),
	}
}

func agentCheck(id string, severity Severity, controls []string, look func(context.Context, *Host, *answer), categories ...Category) Check {
	c := agent(id, severity, controls, categories...)
	c.look = look
	return c
}

// configReadable: OpenClaw refuses to start with a file that it cannot read, or starts
// without one and without what hardens it.
func configReadable(_ context.Context, h *Host, a *answer) {
	made := h.Made != nil && !h.Made.NoAgent
	c, err := h.config()
	where := Location{Path: h.OpenClawConfig}
	switch {
	case errors.Is(err, fs.ErrPermission):
		a.cannot(where.Path, err)
	case err != nil:
		a.saw(where.Path)
		a.found(where, "it cannot be read: %s", text.Clean(reason(err), 200))
	case c != nil:
		a.saw(where.Path)
	case made:
		a.saw(where.Path)
		a.found(where, "it is gone: OpenClaw would start with its defaults, past the proxy")
	}
}

// configPrivate: the file holds addresses and, often, credentials.
func configPrivate(_ context.Context, h *Host, a *answer) {
	r := h.read(h.OpenClawConfig)
	switch {
	case !r.exists || h.OS == "windows":
		if r.err != nil {
			a.cannot(r.path, r.err)
		}
	case h.private(r.mode):
		a.saw(r.path)
	default:
		f := a.found(Location{Path: r.path}, "other users may open it (mode %04o)", r.mode.Perm())
		if r.mode.IsRegular() {
			f.repairedBy(Repair{Private: r.path, Mode: r.mode.Perm() &^ 0o077})
		}
	}
}

func folderPrivate(_ context.Context, h *Host, a *answer) {
	if h.OS == "windows" {
		return
	}
	dir := h.openClawDir()
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		a.cannot(dir, err)
	case !h.private(st.Mode()):
		a.found(Location{Path: dir}, "other users may look into it (mode %04o)", st.Mode().Perm())
	default:
		a.saw(dir)
	}
}

// includesSafe: whoever may change an included file changes the configuration.
func includesSafe(_ context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		for _, f := range c.includes {
			if !f.file.exists || f.file.err != nil {
				continue // aboutConfig says so
			}
			a.saw(f.path)
			real, err := filepath.EvalSymlinks(f.path)
			if err != nil {
				a.cannot(f.path, err)
				continue
			}
			if !inside(real, h.openClawDir()) {
				a.found(Location{Path: f.path, Key: "$include"}, "it is outside of the folder of openclaw.json")
			}
			if !h.private(f.file.mode) {
				a.found(Location{Path: f.path}, "other users may open it (mode %04o)", f.file.mode.Perm()).
					repairedBy(Repair{Private: f.path, Mode: f.file.mode.Perm() &^ 0o077})
			}
		}
	})
}

// inside tells whether a path is in a folder, links of the folder resolved.
func inside(path, dir string) bool {
	for _, d := range []string{dir, resolvedPath(dir)} {
		if path == d || strings.HasPrefix(path, d+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// resolvedPath is a path without links, as far as there is something at it.
func resolvedPath(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolvedPath(parent), filepath.Base(path))
}

// contractFits: OpenClaw from 2026.8.1 on refuses the backends of a configuration, and
// its own doctor deletes them without a word.
func contractFits(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		has := c.get("agents.defaults.cliBackends") != nil
		made := h.Made != nil && !h.Made.NoAgent
		if !has && !made {
			return
		}
		in, err := h.installed(ctx)
		if err != nil {
			a.cannot("openclaw", err)
			return
		}
		a.saw(c.path)
		switch {
		case has && in.Contract != openclaw.Legacy:
			a.found(c.at("agents", "defaults", "cliBackends"), "OpenClaw %s refuses backends in its configuration", text.Clean(in.Version, 40))
		case made && (h.Made.Contract == openclaw.Legacy) != (in.Contract == openclaw.Legacy):
			a.found(c.at("agents", "defaults"), "it was written for another OpenClaw than %s", text.Clean(in.Version, 40))
		}
	})
}

// controlUI: switches that take the protection of the gateway's web pages away.
func controlUI(h *Host, a *answer, c *config) {
	a.saw(c.path)
	ui := []string{"gateway", "controlUi"}
	at := func(key string) []string { return append(slices.Clone(ui), key) }
	for _, key := range []string{"allowInsecureAuth", "dangerouslyDisableDeviceAuth", "dangerouslyAllowHostHeaderOriginFallback", "allowExternalEmbedUrls"} {
		if lookAt(c.object("gateway.controlUi"), key) == true {
			f := a.found(c.at(at(key)...), "it is true")
			h.chosen(f, openclaw.PartGateway, at(key)...).repairedBy(Repair{In: c.path, Key: at(key), Remove: true})
		}
	}
	if slices.Contains(c.texts("gateway.controlUi.allowedOrigins"), "*") {
		f := a.found(c.at(at("allowedOrigins")...), `it lets any web page in ("*")`)
		h.chosen(f, openclaw.PartGateway, at("allowedOrigins")...)
	}
	if c.get("gateway.allowRealIpFallback") == true {
		a.found(c.at("gateway", "allowRealIpFallback"), "the address of a caller is what the caller says").
			repairedBy(Repair{In: c.path, Key: []string{"gateway", "allowRealIpFallback"}, Remove: true})
	}
}

// turnBudget: a turn that may take longer than all that is below it keeps what failed
// waiting, and paid for.
func turnBudget(h *Host, a *answer, c *config) {
	a.saw(c.path)
	limit := h.turnSeconds()
	tell := func(v any, fixable bool, path ...string) {
		seconds, ok := number(v)
		if v == nil || ok && seconds >= 1 && seconds <= int64(limit) {
			return
		}
		f := h.chosen(a.found(c.at(path...), "a turn may take %s seconds, its budget is %d", text.Clean(fmt.Sprint(v), 20), limit), "", path...)
		if fixable {
			f.repairedBy(c.set(limit, path...))
		}
	}
	path := []string{"agents", "defaults", "timeoutSeconds"}
	if v := c.get("agents.defaults.timeoutSeconds"); v != nil {
		tell(v, true, path...)
	} else if h.Made != nil && !h.Made.NoAgent {
		h.chosen(a.found(c.at(path...), "it is not set, and OpenClaw's own is longer than the budget of %d seconds", limit), "", path...).repairedBy(c.set(limit, path...))
	}
	tell(c.get("agents.defaults.heartbeat.timeoutSeconds"), true, "agents", "defaults", "heartbeat", "timeoutSeconds")
}

// sandboxMode: OpenClaw's sandbox holds its own tools. Claude Code as a backend is not in
// it, so where the backend is ours its tools are off instead.
func sandboxMode(ctx context.Context, h *Host, a *answer) {
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		path := []string{"agents", "defaults", "sandbox", "mode"}
		mode := c.text(strings.Join(path, "."))
		if mode == "all" {
			return
		}
		if mode == "" {
			mode = "off"
		}
		f := a.found(c.at(path...), "it is %s: tools of OpenClaw's own run as this user; Claude Code as a backend runs so in every mode", text.Clean(mode, 20))
		if backends, _ := h.backends(ctx, c); slices.ContainsFunc(backends, func(b backend) bool { return b.ours }) {
			f.milder(Info)
		}
	})
}

// rawSwitches write what is asked and answered into a log, word by word.
var rawSwitches = []string{"OPENCLAW_CLI_BACKEND_LOG_OUTPUT", "OPENCLAW_CLAUDE_CLI_LOG_OUTPUT", "OPENCLAW_RAW_STREAM", "OPENCLAW_RAW_STREAM_PATH"}

// rawOutput: what OpenClaw is started with the next time.
func rawOutput(_ context.Context, h *Host, a *answer) {
	a.saw("environment")
	for _, name := range rawSwitches {
		if switchedOn(h.Getenv(name)) {
			a.found(Location{Key: name}, "it is set in the environment: every prompt and answer is logged").Fix = "unset " + name
		}
	}
	aboutConfig(h, a, func(c *config) {
		a.saw(c.path)
		for _, v := range c.environment() {
			if slices.Contains(rawSwitches, v.name) && switchedOn(v.value) {
				a.found(c.at(v.path...), "every prompt and answer is logged").repairedBy(Repair{In: c.path, Key: v.path, Remove: true})
			}
		}
		capturing(h, a, c)
	})
}

// switchedOn tells whether a variable switches something on.
func switchedOn(value string) bool {
	return !slices.Contains([]string{"", "0", "false", "off", "no"}, strings.ToLower(strings.TrimSpace(value)))
}
