package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

func claudeProgramChecks() []Check {
	supply := []Category{Tampering, SupplyChain}
	return []Check{
		{ID: "claude-program", Area: AreaClaude, Controls: []string{"T-03", "E-04"}, Categories: []Category{Tampering, Elevation, SupplyChain}, Severity: High, Fix: fixHardening, look: claudeProgram},
		{ID: "claude-program-changed", Area: AreaClaude, Controls: []string{"T-03"}, Categories: supply, Severity: Medium, Fix: fixHardening, look: claudeChanged},
		{ID: "claude-updates", Area: AreaClaude, Controls: []string{"T-03"}, Categories: supply, Severity: Low, Fix: fixRepair, look: claudeUpdates},
		{ID: "claude-launcher", Area: AreaClaude, Controls: []string{"gap 19", "S-02", "I-02"}, Categories: []Category{Disclosure, CredentialLeak, Spoofing}, Severity: High, Fix: fixRepair, look: claudeLauncher},
		{ID: "claude-platform", Area: AreaClaude, Controls: []string{"gap 22"}, Categories: []Category{Elevation, ExcessPermission}, Severity: Info, Fix: "clawsetup doctor explain claude-platform", look: claudePlatform},
	}
}

// claudePath is the program of the set-up, or the first of its name in PATH.
func (h *Host) claudePath() string {
	if h.Made != nil {
		if h.Made.NoAgent {
			return ""
		}
		return h.Made.ClaudePath
	}
	for _, dir := range filepath.SplitList(h.Getenv("PATH")) {
		path := filepath.Join(dir, "claude")
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// claudeProgram: who can replace the program runs as the operator.
func claudeProgram(_ context.Context, h *Host, a *answer) {
	path := h.claudePath()
	if path == "" {
		return
	}
	a.saw(path)
	if _, err := claude.Inspect(path); err != nil {
		a.found(Location{Path: path}, text.Clean(reason(err), 200))
	}
}

// claudeChanged: Claude Code updates itself, so that another digest is no proof of
// anything; nobody looked at the new one, though.
func claudeChanged(ctx context.Context, h *Host, a *answer) {
	path := h.claudePath()
	if path == "" || h.Made == nil {
		return
	}
	if h.Made.ClaudeSHA256 == "" {
		a.cannot(path, errors.New("its digest was not recorded when it was chosen"))
		return
	}
	cli, err := claude.Inspect(path)
	if err != nil {
		a.cannot(path, err)
		return
	}
	sum, err := cli.SHA256(ctx)
	if err != nil {
		a.cannot(path, err)
		return
	}
	a.saw(path)
	if sum != h.Made.ClaudeSHA256 {
		a.found(Location{Path: path}, "it is not the program any more that was chosen: it was updated, or replaced")
	}
}

// claudeUpdates: a program that changes itself cannot be told from one that was changed.
func claudeUpdates(_ context.Context, h *Host, a *answer) {
	f, ok := h.claudeSettings().ours()
	if !ok {
		return
	}
	a.saw(f.path)
	if v := f.env("DISABLE_AUTOUPDATER"); v != "" && !on(v) {
		a.found(f.at("env", "DISABLE_AUTOUPDATER"), "the agent's Claude Code updates itself while it answers")
	}
}

// claudeLauncher: without it the agent's Claude Code gets every variable of OpenClaw, and
// of the .env in the folder where OpenClaw was started. The contract of OpenClaw that has
// none of it clears them itself.
func claudeLauncher(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.NoAgent || h.Made.Contract == openclaw.Builtin || h.OS == "windows" {
		return
	}
	path := filepath.Join(h.Made.AgentDir, "bin", "claude")
	r := h.read(path)
	if r.err != nil {
		a.cannot(path, r.err)
		return
	}
	want, err := claude.Launcher(h.Made.ClaudePath, h.Made.ClaudeDir)
	if err != nil {
		a.cannot(path, err)
		return
	}
	a.saw(path)
	switch {
	case !r.exists:
		a.found(Location{Path: path}, "what takes foreign variables from the agent's Claude Code is gone")
	case !bytes.Equal(r.data, want):
		a.found(Location{Path: path}, "it is not what takes foreign variables from the agent's Claude Code")
	case r.mode.Perm()&0o100 == 0:
		a.found(Location{Path: path}, "it cannot be run (mode %04o)", r.mode.Perm())
	}
}

// claudePlatform says what nothing of this host enforces (gap 22).
func claudePlatform(_ context.Context, h *Host, a *answer) {
	a.saw(h.OS)
	switch h.OS {
	case "linux":
	case "darwin":
		a.found(Location{}, "on macOS the kernel does not tell who holds the proxy's port or what a process was given: engine and files alone prove it")
	default:
		a.found(Location{}, "on this system neither file modes nor the kernel's word on processes can be looked at")
	}
}
