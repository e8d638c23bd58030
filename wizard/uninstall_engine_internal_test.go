package wizard

import (
	"slices"
	"strings"
	"testing"
)

// TestLeftNamesTheTrial: the commands for an engine that cannot be asked remove what uninstall
// itself would: the stack, and the trial of an up that ended halfway.
func TestLeftNamesTheTrial(t *testing.T) {
	w := &Wizard{Paths: Paths{Config: "/home/somebody/.config/clawsetup"}}
	s := &UninstallSession{w: w, remains: &remains{Engines: []leftEngine{{Host: "unix:///run/docker.sock"}}}}
	var said strings.Builder
	for _, args := range s.nextLeft() {
		said.WriteString(strings.Join(args, " ") + "\n")
	}
	for _, p := range []string{w.project(), w.project() + trialSuffix} {
		project := "label=com.docker.compose.project=" + p
		for _, want := range [][]string{{"ps --all --quiet --filter " + project + ";", "ps --all --quiet --filter " + project + ")"}, {"network prune --force --filter " + project + "\n"}} {
			if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(said.String(), w) }) {
				t.Errorf("no %q in\n%s", want, said.String())
			}
		}
	}
}
