package wizard

import (
	"context"
	"errors"
	"fmt"

	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// agentProofs tell whether the OpenClaw that is installed still takes what was written
// for it: an upgrade across 2026.8 changes how a backend is named, and OpenClaw's own
// doctor then deletes ours (T-03).
func (w *Wizard) agentProofs(ctx context.Context, s Setup) []proof.Result {
	if s.OpenClaw.Mode == "none" || s.OpenClaw.Mode == "" {
		return nil
	}
	out := proof.Result{Control: "T-03", Rule: "openclaw-contract"}
	ctx, cancel := context.WithTimeout(ctx, preflightTime)
	defer cancel()
	install, err := w.Programs.OpenClaw(ctx)
	switch {
	case errors.Is(err, openclaw.ErrNotInstalled):
		out.Outcome, out.Detail = proof.Unknown, "OpenClaw is not installed, or not in PATH"
	case err != nil:
		out.Outcome, out.Detail = proof.Unknown, text.Clean(err.Error(), 150)
	case s.OpenClaw.Contract == "":
		out.Outcome, out.Detail = proof.Unknown, "what openclaw.json was written for is not recorded; clawsetup init does it"
	case s.OpenClaw.outgrown(install):
		out.Outcome, out.Detail = proof.Broken, fmt.Sprintf("OpenClaw is %s now, which refuses what was written for %s: run clawsetup init before openclaw doctor --fix",
			install.Version, orElse(s.OpenClaw.Version, "the "+string(s.OpenClaw.Contract)+" contract"))
	}
	return []proof.Result{out}
}

// outgrown tells whether the installed OpenClaw is on the other side of 2026.8 than the
// one that the file was written for.
func (o OpenClawSetup) outgrown(install openclaw.Install) bool {
	return o.Contract != "" && (o.Contract == openclaw.Legacy) != (install.Contract == openclaw.Legacy)
}
