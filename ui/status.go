package ui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/proof"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Status prints what a stack is: what is broken or was not checked by itself, with
// all what holds too.
func (u *UI) Status(s *wizard.Status, all bool) {
	t := u.report.theme
	broken := s.Broken()
	switch {
	case !s.Running:
		u.report.printf("%s %s\n", t.bad.Render(signBad), t.bold.Render(u.T("status.down")))
	case len(broken) > 0:
		u.report.printf("%s %s\n", t.bad.Render(signBad), t.bold.Render(u.T("status.broken", len(broken))))
	case slices.ContainsFunc(s.Results, func(r proof.Result) bool { return r.Outcome == proof.Unknown }):
		u.report.printf("%s %s\n", t.ok.Render(signOK), t.bold.Render(u.T("status.partly", s.URL)))
	default:
		u.report.printf("%s %s\n", t.ok.Render(signOK), t.bold.Render(u.T("status.up", s.URL)))
	}
	u.pair("status.engine", s.Engine)
	u.pair("status.digest", s.Digest)
	for _, c := range s.Containers {
		u.report.lines(hangLines("  "+pad(text.Clean(c.Service, 40), labelWidth)+"  ", u.container(c), u.report.width))
	}
	for _, name := range []string{"opus", "sonnet", "haiku"} {
		if id := s.Models[name]; id != "" {
			u.report.lines(hangLines("  "+pad(name, labelWidth)+"  ", text.Clean(id, 80), u.report.width))
		}
	}
	u.pair("status.egress", u.T("status.egress-"+s.Egress))
	for _, r := range s.Relaxed {
		what := strings.TrimSpace(string(r.What) + " " + r.Path)
		u.report.lines(hangLines("  "+t.warn.Render(signWarn)+" ", u.T("status.relaxed", r.Control, text.Clean(what, 80), text.Clean(r.Why, widestArg)), u.report.width))
	}
	u.proofs(s.Results, all)
}

// Notes prints findings by themselves.
func (u *UI) Notes(notes []wizard.Note) {
	u.dialogue.lines(u.notes(u.dialogue.theme, notes, u.dialogue.width))
}

func (u *UI) container(c wizard.ContainerStatus) string {
	s := u.T("status.container", u.stateOf(c.State), u.stateOf(c.Health), c.ID)
	if c.Deaths > 0 {
		s += ", " + u.T("status.deaths", c.Deaths)
	}
	return s
}

// containerStates are the words that engines have for a container's state and health.
var containerStates = []string{"running", "exited", "created", "restarting", "paused", "dead", "healthy", "unhealthy", "starting", "none"}

// stateOf is an engine's word in the operator's language, where it is known.
func (u *UI) stateOf(word string) string {
	if slices.Contains(containerStates, word) {
		return u.T("container." + word)
	}
	return word
}

// proofs lists the results and counts them.
func (u *UI) proofs(results []proof.Result, all bool) {
	t := u.report.theme
	counts := map[proof.Outcome]int{}
	for _, r := range results {
		counts[r.Outcome]++
	}
	if len(results) == 0 {
		return
	}
	u.report.printf("\n  %s\n", u.T("status.counts", counts[proof.Held], counts[proof.Unknown], counts[proof.Broken]))
	signs := map[proof.Outcome]string{proof.Held: t.ok.Render(signOK), proof.Unknown: t.faint.Render(signOpen), proof.Broken: t.bad.Render(signBad)}
	for _, r := range results {
		if r.Outcome == proof.Held && !all {
			continue
		}
		line := fmt.Sprintf("%s %s", r.Control, r.Rule)
		if r.Service != "" {
			line += " (" + r.Service + ")"
		}
		if r.Detail != "" {
			line += ": " + r.Detail
		}
		u.report.lines(hangLines("  "+signs[r.Outcome]+" ", text.Clean(line, widestArg), u.report.width))
	}
}
