package wizard_test

import (
	"context"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// TestUpgradeIsNoticed: init says that the installed OpenClaw does not take what was
// written for the one before, and writes it anew.
func TestUpgradeIsNoticed(t *testing.T) {
	h := newHost(t)
	install := openclaw.Install{Path: h.path("bin/openclaw"), Version: "2026.2.26", Release: 202602, Contract: openclaw.Legacy}
	h.Programs.OpenClaw = func(context.Context) (openclaw.Install, error) { return install, nil }
	h.mustInit(nil)
	setup, err := h.LoadSetup(h.Paths.SetupFile())
	must(t, err)
	if o := setup.OpenClaw; o.Contract != openclaw.Legacy || o.Version != "2026.2.26" {
		t.Fatalf("recorded %+v", o)
	}
	// That old one knows no references to secrets, and reads one answer.
	config := h.tree()["openclaw/openclaw.json"]
	if strings.Contains(config, "gateway_token") || strings.Contains(config, "secrets") || strings.Contains(config, "jsonlDialect") || !strings.Contains(config, `"json"`) {
		t.Errorf("openclaw.json:\n%s", config)
	}
	install.Version, install.Release, install.Contract = "2026.9.6", 202609, openclaw.Plugin
	h.Wizard = h.wizard(h.Disk)
	h.Programs.OpenClaw = func(context.Context) (openclaw.Install, error) { return install, nil }
	s, err := h.NewInit(context.Background(), h.given(nil))
	must(t, err)
	found := false
	for _, n := range s.Preflight(context.Background()) {
		found = found || n.ID == "openclaw-outgrown" && n.State == wizard.Attention
	}
	if !found {
		t.Error("init does not say that OpenClaw outgrew its contract")
	}
	h.mustInit(nil)
	config = h.tree()["openclaw/openclaw.json"]
	if strings.Contains(config, "cliBackends") || !strings.Contains(config, "gateway_token") {
		t.Errorf("openclaw.json:\n%s", config)
	}
}
