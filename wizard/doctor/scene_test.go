//go:build unix

package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// The secrets of the scene; none of them may be in any output.
const (
	sceneKey   = "cloudru-key-that-nobody-may-see-0123456789"
	sceneToken = "cst_token-that-nobody-may-see-0123456789abcdef0"
)

const sceneDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var sceneTime = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// scene is a scratch host with an installation as clawsetup makes it; a test spoils one
// thing in it.
type scene struct {
	*Host
	t    *testing.T
	home string

	env        map[string]string
	list       []engine.Container
	listErr    error
	built      map[string]string
	results    []proof.Result
	running    bool
	drifted    []Drift
	record     Journal
	recordErr  error
	shaken     Handshake
	shakeErr   error
	install    openclaw.Install
	installErr error
	contract   openclaw.Contract
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{
		t: t, home: t.TempDir(), env: map[string]string{}, built: map[string]string{}, running: true,
		results: held(), shaken: Handshake{Version: tls.VersionTLS13, Expires: sceneTime.AddDate(0, 3, 0)}, contract: openclaw.Plugin,
		install: openclaw.Install{Path: "/usr/bin/openclaw", Version: "2026.9.6", Release: 202609, Contract: openclaw.Plugin, CanValidate: true},
	}
	s.record.Report = journal.Report{
		Chain: journal.Check{State: journal.OK}, MACs: journal.Check{State: journal.OK}, Sidecar: journal.Check{State: journal.OK}, Anchor: journal.Check{State: journal.OK},
	}
	s.Host = &Host{
		Home: s.home, Work: s.path("work"), OS: "linux", UID: os.Getuid(), Disk: &files.Disk{},
		Proc: proc.System{Proc: s.path("proc"), Cgroup: s.path("cgroup")}, Getenv: func(name string) string { return s.env[name] },
		Now: func() time.Time { return sceneTime }, OpenClawConfig: s.path(".openclaw/openclaw.json"), ManagedFile: s.path("etc/claude-code/managed-settings.d/50-clawsetup.json"),
		OpenClaw: func(context.Context) (openclaw.Install, error) { return s.install, s.installErr },
		Containers: func(context.Context) (Containers, error) {
			return Containers{Architecture: "amd64", List: s.list, Built: s.built}, s.listErr
		},
		API:       "https://foundation-models.api.cloud.ru/v1",
		Handshake: func(context.Context, string) (Handshake, error) { return s.shaken, s.shakeErr },
		Made:      s.made(), SetupFile: s.path(".config/clawsetup/setup.yaml"),
	}
	s.env["TMPDIR"] = s.path("tmp")
	s.must(os.MkdirAll(s.path("tmp"), 0o700))
	s.populate()
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.home, filepath.FromSlash(name)) }

func (s *scene) made() *Made {
	agent := s.path(".openclaw/clawsetup")
	return &Made{
		ConfigDir: s.path(".config/clawsetup"), StateDir: s.path(".local/state/clawsetup"), RuntimeDir: s.path("run/clawsetup"), StackDir: s.path(".config/clawsetup"),
		SetupFile: s.path(".config/clawsetup/setup.yaml"), LockFile: s.path(".config/clawsetup/accepted.json"), Program: "/usr/bin/clawsetup", Store: secrets.KindKeyring, Port: 8082,
		KeyAdded: sceneTime.AddDate(0, 0, -10), KeyLabel: "gateway", Contract: openclaw.Plugin, Parts: openclaw.Parts(),
		AgentDir: agent, ClaudeDir: filepath.Join(agent, "claude"), ClaudeSettings: filepath.Join(agent, "claude", "settings.json"),
		ClaudePath: s.path("bin/claude"), RetentionDays: 7, TurnSeconds: 600, ComposeName: "docker-compose.cloudru-proxy.yml", EnvName: ".env",
		Expected: compose.Made{APIBase: "https://foundation-models.api.cloud.ru/v1", SecretsDir: s.path("run/clawsetup")},
		Secrets: func(context.Context) (map[string]secrets.Secret, error) {
			return map[string]secrets.Secret{"cloudru_api_key": secrets.New([]byte(sceneKey)), "proxy_token": secrets.New([]byte(sceneToken))}, nil
		},
		Proofs:  func(context.Context) ([]proof.Result, bool, error) { return s.results, s.running, nil },
		Drift:   func(context.Context) ([]Drift, error) { return s.drifted, nil },
		Journal: func(context.Context) (Journal, error) { return s.record, s.recordErr },
	}
}

// held are the proofs of a stack in which everything holds.
func held() []proof.Result {
	var out []proof.Result
	for _, r := range []struct{ control, rule string }{
		{"S-03", "image-digest"}, {"S-03", "image-content"}, {"S-01", "running"}, {"S-01", "loopback-port"}, {"S-01", "token-wrapper"}, {"E-01", "cap-drop"}, {"E-01", "cap-add"},
		{"E-01", "privileged"}, {"E-01", "network-mode"}, {"E-01", "networks"}, {"E-01", "name-lookup"}, {"E-01", "pid"}, {"E-01", "cgroup"}, {"E-01", "ipc"},
		{"E-01", "engine-socket"}, {"E-01", "mounts"}, {"E-01", "read-only"}, {"E-01", "no-new-privileges"}, {"E-01", "seccomp"}, {"E-01", "confinement"},
		{"E-01", "user"}, {"E-01", "tmpfs"}, {"E-01", "unexpected"}, {"I-01", "secret-files"}, {"I-01", "secret-in-environment"}, {"I-01", "secret-in-inspect"},
		{"I-01", "core-dump"}, {"T-02", "model-mapping"}, {"T-02", "environment"}, {"E-01", "egress"}, {"R-01", "log-level"}, {"S-04", "certificates"},
		{"D-03", "request-timeout"}, {"D-02", "memory"}, {"D-02", "swap"}, {"D-02", "cpus"}, {"D-02", "pids"}, {"D-02", "nofile"}, {"D-02", "oom"},
		{"D-02", "restart"}, {"D-02", "stop"}, {"D-02", "init"}, {"D-02", "health"}, {"R-01", "log-rotation"}, {"D-02", "restarts"}, {"I-02", "one-proxy"},
		{"E-01", "hardening-tried"}, {"S-01", "port-owner"}, {"S-01", "port-others"}, {"D-02", "answers"}, {"S-01", "token-accepted"}, {"S-01", "token-wrong"},
		{"S-01", "token-empty"}, {"S-01", "token-none"}, {"E-01", "network-own"}, {"E-01", "network-internal"}, {"E-01", "network-isolated"}, {"E-01", "network-host"},
		{"S-01", "network-binding"}, {"E-01", "network-members"},
	} {
		out = append(out, proof.Result{Control: r.control, Rule: r.rule})
	}
	return out
}

// breaks makes one proof of the running stack fail.
func (s *scene) breaks(rule, detail string) {
	for i := range s.results {
		if s.results[i].Rule == rule {
			s.results[i].Outcome, s.results[i].Detail, s.results[i].Service = proof.Broken, detail, "proxy"
			return
		}
	}
	s.t.Fatalf("no proof is called %s", rule)
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// write makes a file, and its folders for the operator alone.
func (s *scene) write(name, content string, mode os.FileMode) string {
	s.t.Helper()
	path := name
	if !filepath.IsAbs(path) {
		path = s.path(name)
	}
	s.must(os.MkdirAll(filepath.Dir(path), 0o700))
	s.must(os.WriteFile(path, []byte(content), 0o600))
	s.must(os.Chmod(path, mode))
	return path
}

// text reads a file back.
func (s *scene) text(path string) string {
	s.t.Helper()
	b, err := os.ReadFile(path)
	s.must(err)
	return string(b)
}

// replace changes text in a file that must hold it.
func (s *scene) replace(path, old, now string) {
	s.t.Helper()
	before := s.text(path)
	if !strings.Contains(before, old) {
		s.t.Fatalf("%s does not hold %q", path, old)
	}
	st, err := os.Stat(path)
	s.must(err)
	s.write(path, strings.Replace(before, old, now, 1), st.Mode().Perm())
}

// set gives a key of a JSON5 file a value; nil takes it away.
func (s *scene) set(path, key string, value any) {
	s.t.Helper()
	doc, err := json5.Parse([]byte(s.text(path)))
	s.must(err)
	parts := strings.Split(key, ".")
	if value == nil {
		s.must(doc.Remove(parts))
	} else {
		s.must(doc.Set(parts, value))
	}
	s.write(path, string(doc.Bytes()), 0o600)
}

// config sets a key of openclaw.json.
func (s *scene) config(key string, value any) { s.t.Helper(); s.set(s.OpenClawConfig, key, value) }

// process adds one to the kernel's list; its program need not exist.
func (s *scene) process(pid, parent int, exe string, args []string, env ...string) {
	s.t.Helper()
	dir := fmt.Sprintf("proc/%d/", pid)
	uid := s.UID
	s.write(dir+"status", fmt.Sprintf("Name:\t%s\nPid:\t%d\nPPid:\t%d\nUid:\t%d\t%d\t%d\t%d\nGid:\t%d\t%d\t%d\t%d\nGroups:\t%d \nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\nCapAmb:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n",
		filepath.Base(exe), pid, parent, uid, uid, uid, uid, uid, uid, uid, uid, uid), 0o600)
	s.write(dir+"stat", fmt.Sprintf("%d (%s) S %d %d %d 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0", pid, filepath.Base(exe), parent, pid, pid, 1000+pid), 0o600)
	s.write(dir+"cmdline", strings.Join(append([]string{exe}, args...), "\x00")+"\x00", 0o600)
	s.write(dir+"environ", strings.Join(env, "\x00")+"\x00", 0o600)
	_ = os.Remove(s.path(dir + "exe"))
	s.must(os.Symlink(exe, s.path(dir+"exe")))
}

// populate writes what clawsetup writes.
func (s *scene) populate() {
	s.t.Helper()
	m := s.Made
	for _, dir := range []string{m.ConfigDir, m.StateDir, m.RuntimeDir, s.Work, s.path("proc")} {
		s.must(os.MkdirAll(dir, 0o700))
	}
	s.write(m.SetupFile, "version: 1\n", 0o600)
	s.compose(nil)
	env, err := templates.EnvFile(templates.Env{Big: "zai-org/GLM-5.1", Middle: "zai-org/GLM-4.7", Small: "openai/gpt-oss-120b"})
	s.must(err)
	s.write(filepath.Join(m.StackDir, ".env"), string(env), 0o600)
	s.write(filepath.Join(m.StackDir, "seccomp.json"), string(templates.Seccomp()), 0o600)
	s.agent()
	for _, f := range []string{m.SetupFile, filepath.Join(m.StackDir, m.ComposeName), filepath.Join(m.StackDir, m.EnvName), m.ClaudeSettings} {
		s.drifted = append(s.drifted, Drift{Path: f})
	}
	s.drifted = append(s.drifted, Drift{Path: s.OpenClawConfig, Shared: true})
	s.process(1, 0, "/sbin/init", nil)
	for _, name := range []string{"proxy", "gateway"} {
		c := engine.Container{}
		s.must(json.Unmarshal([]byte(`{"Id":"`+name+`","Name":"/clawsetup-`+name+`-1","Image":"sha256:`+name+`","State":{"Running":true},"HostConfig":{},"Config":{"Labels":{"com.docker.compose.service":"`+name+`"}},"NetworkSettings":{}}`), &c.InspectResponse))
		s.list, s.built["sha256:"+name] = append(s.list, c), "amd64"
	}
}

// compose renders the compose file anew.
func (s *scene) compose(change func(*templates.Compose)) {
	s.t.Helper()
	c := templates.Compose{
		Project: "clawsetup-test", Image: "docker.io/legard/claude-code-proxy@" + sceneDigest, Cmd: []string{"uv", "run", "start_proxy.py"}, WorkingDir: "/app",
		RunAs: "65532:65532", Port: 8082, APIBase: s.API, SecretsDir: s.Made.RuntimeDir, Gateway: &templates.Gateway{Image: sceneDigest},
	}
	if change != nil {
		change(&c)
	}
	b, err := templates.ComposeFile(c)
	s.must(err)
	s.write(filepath.Join(s.Made.StackDir, s.Made.ComposeName), string(b), 0o600)
}

// composeFile is the path of the compose file.
func (s *scene) composeFile() string { return filepath.Join(s.Made.StackDir, s.Made.ComposeName) }

// params are what the agent's files depend on.
func (s *scene) params() openclaw.Params {
	m := s.Made
	return openclaw.Params{
		Contract: s.contract, ProxyURL: "http://127.0.0.1:8082",
		Models: []openclaw.Model{
			{Ref: "opus", Name: "zai-org/GLM-5.1", Context: 202752, MaxTokens: 32000}, {Ref: "sonnet", Name: "zai-org/GLM-4.7", Context: 202752, MaxTokens: 32000},
			{Ref: "haiku", Name: "openai/gpt-oss-120b", Context: 131072, MaxTokens: 32000},
		},
		ClaudePath: filepath.Join(m.AgentDir, "bin", "claude"), ClaudeConfigDir: m.ClaudeDir, ClaudeSettings: m.ClaudeSettings, PluginDir: filepath.Join(m.AgentDir, openclaw.BackendID),
		TokenCommand: []string{"/usr/bin/clawsetup", "secrets", "--setup", m.SetupFile}, TurnSeconds: m.TurnSeconds, Transcripts: true, Parts: openclaw.Parts(), GatewayToken: true,
	}
}

// agent writes openclaw.json and what goes with it, under the scene's contract.
func (s *scene) agent() {
	s.t.Helper()
	m := s.Made
	m.Contract, s.install.Contract = s.contract, s.contract
	if s.contract == openclaw.Legacy {
		s.install.Version, s.install.Release = "2026.7.35", 202607
	}
	p := s.params()
	p.Release = s.install.Release
	s.write(m.ClaudePath, "#!/bin/sh\necho '2.1.330 (Claude Code)'\n", 0o700)
	launcher, err := claude.Launcher(m.ClaudePath, m.ClaudeDir)
	s.must(err)
	s.write(p.ClaudePath, string(launcher), 0o700)
	s.write(s.OpenClawConfig, s.merged(p), 0o600)
	own, err := claude.Settings(claude.SettingsParams{ProxyURL: p.ProxyURL, TokenHelper: []string{"/usr/bin/clawsetup", "token", "--setup", m.SetupFile}, RetentionDays: m.RetentionDays, TurnSeconds: m.TurnSeconds})
	s.must(err)
	s.write(m.ClaudeSettings, string(own), 0o600)
	if s.contract == openclaw.Plugin {
		plugin, err := openclaw.PluginFiles(p)
		s.must(err)
		for name, content := range plugin {
			s.write(filepath.Join(p.PluginDir, name), string(content), 0o600)
		}
	}
}

// merges are the contents of openclaw.json that were made so far, with a mark in place of
// the home: making one takes longer than all checks together.
var merges sync.Map

const homeMark = "/the-home-of-the-scene"

func (s *scene) merged(p openclaw.Params) string {
	s.t.Helper()
	text, ok := merges.Load(p.Contract)
	if !ok {
		settings, err := openclaw.Settings(p)
		s.must(err)
		config, _, err := openclaw.Merge(nil, settings)
		s.must(err)
		text = strings.ReplaceAll(string(config), s.home, homeMark)
		merges.Store(p.Contract, text)
	}
	return strings.ReplaceAll(text.(string), homeMark, s.home)
}

// legacy makes the scene one of OpenClaw before 2026.8.
func (s *scene) legacy() {
	s.t.Helper()
	s.must(os.RemoveAll(s.Made.AgentDir))
	s.contract = openclaw.Legacy
	s.agent()
}
