package wizard_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// TestCheckGiven: every answer by flag is looked at before anything else, in the order of the
// questions.
func TestCheckGiven(t *testing.T) {
	h := newHost(t)
	wrong := map[string]string{
		"section": "w", "api-base": "ftp://x", "dir": "bin/claude/below", "preset": "keep", "store": "floppy", "image": "UPPER CASE",
		"image-digest": "latest", "cosign-key": "nowhere.pub", "egress": "some", "port": "0", "openclaw-mode": "maybe",
		"hardening": "roof", "openclaw-config": "gateway.conf", "claude": h.path("nowhere/claude"), "retention-days": "-1", "managed-settings": "perhaps", "conflicts": "bogus",
	}
	wrong["dir"] = h.claude // its files would be below a program
	for flag, v := range wrong {
		got := h.CheckGiven(wizard.Given{AllowPrivate: true, Values: map[string]string{flag: v}})
		if len(got) != 1 || got[0].Flag != "--"+flag || got[0].Err == nil {
			t.Errorf("--%s %s: %v", flag, v, got)
		}
	}
	_, err := h.NewInit(context.Background(), wizard.Given{Values: wrong, KeyLabel: "a\x1bb", Wrong: []wizard.WrongGiven{{Flag: "--config", Err: errDown}}})
	var given *wizard.GivenError
	if !errors.As(err, &given) || !errors.Is(err, errDown) || !errors.Is(err, wizard.ErrNoSuchOption) || len(given.Wrong) != len(wrong)+2 {
		t.Errorf("all at once: %v", err)
	}
	if got := h.CheckGiven(h.given(nil)); len(got) != 0 {
		t.Errorf("right answers are refused: %v", got)
	}
}

// TestStoreSaidOnce: what was found out about the keyring stands above the question once.
func TestStoreSaidOnce(t *testing.T) {
	h := newHost(t)
	g := h.given(nil)
	delete(g.Values, "store")
	s, err := h.NewInit(context.Background(), g)
	must(t, err)
	q := h.until(s, "store")
	if n := len(q.Notes); n != 1 || q.Notes[0].ID != "store-proved" {
		t.Errorf("%+v", q.Notes)
	}
}

// TestDryRunSkipsTheKey: a dry run without a key does not count that step as done.
func TestDryRunSkipsTheKey(t *testing.T) {
	h := newHost(t)
	g := h.given(nil)
	with, err := h.NewInit(context.Background(), g)
	must(t, err)
	g.DryRun, g.Key = true, wizard.Given{}.Key
	without, err := h.NewInit(context.Background(), g)
	must(t, err)
	if len(with.Skipped()) != 0 || !slices.Equal(without.Skipped(), []wizard.Step{wizard.StepKey}) {
		t.Errorf("%v, %v", with.Skipped(), without.Skipped())
	}
}

// TestClaudeNowhere: the question for Claude Code that is answered with nothing says that there
// is none, not that a file without a name is missing.
func TestClaudeNowhere(t *testing.T) {
	h := newHost(t)
	t.Setenv("PATH", t.TempDir())
	g := h.given(map[string]string{"claude": ""})
	g.CanAsk = true
	s, err := h.NewInit(t.Context(), g)
	must(t, err)
	q := h.until(s, "claude")
	err = s.Answer(t.Context(), q, wizard.Answer{Value: q.Default})
	if got, _ := hint.Of(err); !errors.Is(err, claude.ErrNotInstalled) || got.ID != "claude-not-installed" {
		t.Errorf("default %q: %v, %v", q.Default, err, got)
	}
}

// TestRefusedFlagIsAskedOnce: the question that comes in place of a flag that was refused is the
// one that was made for it, with the reason: the host is not searched twice for a default.
func TestRefusedFlagIsAskedOnce(t *testing.T) {
	h := newHost(t)
	looked := 0
	h.Programs.Claude = func(ctx context.Context, path string) (claude.CLI, error) {
		if path != "" {
			return claude.CLI{}, errors.New("it has no version")
		}
		looked++
		return claude.Find(ctx, h.claude)
	}
	g := h.given(nil)
	g.CanAsk = true
	s, err := h.NewInit(t.Context(), g)
	must(t, err)
	q := h.until(s, "claude")
	if looked != 1 || q.Default != h.claude || !strings.Contains(sprint(q.Notes), "it has no version") {
		t.Errorf("looked %d times, default %q, %s", looked, q.Default, sprint(q.Notes))
	}
}

// TestRefusedImageIsOffered: an image that a flag named and a registry did not give is offered
// again: the registry may be back.
func TestRefusedImageIsOffered(t *testing.T) {
	h := newHost(t)
	must(t, h.registry.Close())
	g := h.given(nil)
	g.CanAsk = true
	s, err := h.NewInit(t.Context(), g)
	must(t, err)
	q := h.until(s, "image")
	if q.Default != h.image.Reference || !strings.Contains(sprint(q.Notes), "flag-fell") {
		t.Errorf("default %q, %s", q.Default, sprint(q.Notes))
	}
}
