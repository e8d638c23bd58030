//go:build unix

package doctor

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

// guided is an installation as the common guides say: latest image, key in .env and in the
// environment, a static token, the backend without asking.
func guided(s *scene) {
	s.must(os.RemoveAll(s.openClawDir()))
	s.must(os.RemoveAll(s.Made.ConfigDir))
	s.Made, s.results = nil, nil
	s.install = openclaw.Install{Path: "/usr/bin/openclaw", Version: "2026.7.35", Release: 202607, Contract: openclaw.Legacy}
	s.write("work/docker-compose.yml", `version: "3.8"
services:
  claude-code-proxy:
    image: legard/claude-code-proxy:latest
    container_name: claude-code-proxy
    ports: ["8082:8082"]
    env_file: .env
    environment:
      OPENAI_API_KEY: ${CLOUDRU_API_KEY}
    restart: unless-stopped
volumes: {}
`, 0o644)
	s.write("work/.env", "CLOUDRU_API_KEY=sk-by-hand-0123456789abcdef\n", 0o644)
	s.write(".bash_history", "ls\nexport CLOUDRU_API_KEY=sk-by-hand-0123456789abcdef\n", 0o600)
	s.write(".openclaw/openclaw.json", `{ agents: { defaults: { model: { primary: "claude-cli/opus" }, cliBackends: { "claude-cli": {
  command: "claude", args: ["-p", "--output-format", "json", "--dangerously-skip-permissions"],
  env: { ANTHROPIC_BASE_URL: "http://localhost:8082", ANTHROPIC_API_KEY: "cloudru-proxy-key" } } } } },
  gateway: { bind: "lan" }, channels: { telegram: { botToken: "0123456789:abcdefghijklmnopqrstuvwxyzABCDEFGHI", dmPolicy: "open", allowFrom: ["*"] } } }`, 0o644)
	b, err := os.ReadFile("testdata/by-hand-inspect.json")
	s.must(err)
	s.list = []engine.Container{{Raw: b}}
	s.must(json.Unmarshal(b, &s.list[0].InspectResponse))
}

// TestCorpus: whole installations. What clawsetup made has nothing above info, under
// both contracts; one that was made by hand has at least what the reviews list; a hostile
// one is told, not trusted.
func TestCorpus(t *testing.T) {
	for name, contract := range map[string]func(*scene){"plugin": nil, "legacy": legacy} {
		for id, r := range examined(t, contract) {
			if r.Outcome == Found && r.Severity() > Info {
				t.Errorf("made by clawsetup, %s: %s is red: %+v", name, id, r.Findings)
			}
		}
	}
	got := red(examined(t, guided))
	for _, id := range strings.Fields(`container-root container-capabilities container-writable container-seccomp container-memory image-pinned port-loopback proxy-token
		key-in-inspect key-in-env-file key-in-history secret-files setup-made backend-command backend-permissions backend-tools-off backend-settings base-url sentinel-keys
		gateway-bind channel-credentials channel-dm-open openclaw-config-private tools-profile`) {
		if !slices.Contains(got, id) {
			t.Errorf("by hand: %s is not red", id)
		}
	}
}

// TestHostileHost: everything that a check reads is hostile at once. It ends soon, and
// nothing of it counts as in order.
func TestHostileHost(t *testing.T) {
	s := newScene(t)
	for _, path := range []string{s.OpenClawConfig, s.composeFile(), s.Made.ClaudeSettings} {
		s.must(os.Truncate(path, 1<<30))
	}
	for _, name := range []string{".bashrc", ".bash_history", "work/.env", "work/.mcp.json", ".claude/settings.json"} {
		s.must(os.MkdirAll(s.path(name[:strings.LastIndex("/"+name, "/")]), 0o700))
		s.fifo(s.path(name))
	}
	s.must(os.MkdirAll(s.path(".openclaw/workspace"), 0o700))
	s.must(os.Symlink("skills", s.path(".openclaw/workspace/skills")))
	start := time.Now()
	report := Examine(t.Context(), s.Host, Selection{})
	if took := time.Since(start); took > soon {
		t.Errorf("it took %s", took)
	}
	for _, r := range report.Results {
		reads := slices.Contains([]string{"backend-tools-off", "key-in-history", "key-in-profile", "key-in-dotenv", "mcp-secrets", "skill-hashes", "container-root", "claude-hooks", "gateway-bind"}, r.Check.ID)
		if reads && (r.Outcome == OK || r.Outcome == Absent) {
			t.Errorf("%s is %s", r.Check.ID, r.Outcome)
		}
	}
}
