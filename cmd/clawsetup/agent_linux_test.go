package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// programLimit is how long a program may take. Node starts slowly, and two at a time on
// a busy machine take minutes.
const programLimit = 3 * time.Minute

// TestAgent goes the whole way from the operator to the API with the real OpenClaw and
// the real Claude Code: clawsetup makes the set-up and nobody else writes a file of it,
// and a server stands where the proxy would.
func TestAgent(t *testing.T) {
	claude, openclaw, legacy := parttest.Need(t, "CLAWSETUP_TEST_CLAUDE"), parttest.Need(t, "CLAWSETUP_TEST_OPENCLAW"), parttest.Need(t, "CLAWSETUP_TEST_OPENCLAW_LEGACY")
	noWayOut(t)
	staticProgram(t)
	t.Run("traps", func(t *testing.T) { testTrapsSpring(t, claude) })
	if t.Failed() {
		return
	}
	t.Run("plugin", func(t *testing.T) {
		t.Parallel()
		s := newAgentHome(t, openclaw, claude, "--openclaw-mode", "plugin")
		s.holds()
		s.ignoresVariables()
	})
	t.Run("builtin", func(t *testing.T) {
		t.Parallel()
		s := newAgentHome(t, openclaw, claude, "--openclaw-mode", "builtin")
		s.model = "claude-opus-5" // a name that OpenClaw's own backend leaves alone
		// What it cannot keep out is a consent.
		if !strings.Contains(strings.Join(strings.Fields(s.said), " "), "a file .env") {
			t.Errorf("init does not say what the built-in contract lets through:\n%s", s.said)
		}
		s.holds()
	})
	t.Run("legacy", func(t *testing.T) {
		t.Parallel()
		s := newAgentHome(t, legacy, claude)
		s.holds()
		s.ignoresVariables()
		s.upgrade(openclaw)
	})
	t.Run("keyring", func(t *testing.T) {
		parttest.Need(t, "CLAWSETUP_TEST_SECRET_SERVICE")
		t.Parallel()
		s := newAgentHome(t, openclaw, claude, "--store", "keyring")
		if _, err := os.Stat(filepath.Join(s.home, "config/clawsetup/secrets")); err == nil {
			t.Error("there are secret files although the keyring holds the secrets")
		}
		s.rotate()
		s.turn()
		s.gateway()
	})
}

// noWayOut wants no route that leads out, where .ci/isolated made the network.
func noWayOut(t *testing.T) {
	t.Helper()
	if os.Getenv("CLAWSETUP_ISOLATED") == "" {
		return
	}
	for _, table := range []struct{ file, all string }{{"/proc/net/route", "00000000"}, {"/proc/net/ipv6_route", strings.Repeat("0", 32)}} {
		b, err := os.ReadFile(table.file)
		check(t, err)
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if v4 := table.file == "/proc/net/route"; (v4 && f[1] == table.all) || (!v4 && f[0] == table.all && f[1] == "00" && f[len(f)-1] != "lo") {
				t.Fatalf("there is a way out: %s", line)
			}
		}
	}
}

// agentHome is a home in which clawsetup made the set-up.
type agentHome struct {
	*scratch
	server  *anthropic
	hostile *hostile
	// cwd is the hostile folder in which OpenClaw is started.
	cwd string
	// model is what the big one is called on the wire.
	model string
	// token is the one in the store, said what init printed.
	token, said string
}

// newAgentHome lets the released clawsetup set up a home with the two programs in its PATH.
func newAgentHome(t *testing.T, openclaw, claude string, more ...string) *agentHome {
	t.Helper()
	s := &agentHome{model: "claude-opus", scratch: newScratch(t, scriptKey), hostile: newHostile(t), cwd: t.TempDir()}
	t.Cleanup(s.end)
	bin := filepath.Join(s.home, "bin")
	check(t, os.Remove(filepath.Join(bin, "claude")))
	check(t, os.Symlink(claude, filepath.Join(bin, "claude")))
	s.install(openclaw)
	// Repairs reach for the services of whoever runs the test.
	s.program("systemctl", "exit 1")
	s.env = append(s.env, "DBUS_SESSION_BUS_ADDRESS="+os.Getenv("DBUS_SESSION_BUS_ADDRESS"), "OPENCLAW_GATEWAY_PORT="+quietPort(t),
		"NODE_COMPILE_CACHE="+filepath.Join(filepath.Dir(staticProgram(t)), "node"))
	check(t, os.WriteFile(filepath.Join(s.home, "key"), []byte(scriptKey), 0o600))
	port := quietPort(t)
	flags := slices.DeleteFunc(slices.Clone(s.flags), func(f string) bool { return f == "--key-stdin" })
	s.said = s.clawsetup(append(append(flags, "--key-file", filepath.Join(s.home, "key"), "--port", port), more...)...)
	s.server = serveAnthropic(t, port)
	s.know()
	workspace := filepath.Join(s.home, ".openclaw", "workspace")
	check(t, os.Mkdir(workspace, 0o700))
	s.hostile.prepare(workspace)
	s.hostile.prepare(s.cwd)
	return s
}

// lastPort is the last that quietPort gave.
var lastPort atomic.Int32

// quietPort is a free port that the system gives to nobody who asks for any port.
func quietPort(t *testing.T) string {
	t.Helper()
	lastPort.CompareAndSwap(0, int32(10000+os.Getpid()%10000))
	for range 1000 {
		port := strconv.Itoa(int(lastPort.Add(1)))
		if l, err := net.Listen("tcp4", "127.0.0.1:"+port); err == nil {
			check(t, l.Close())
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// install puts an OpenClaw into the PATH, in the place of another.
func (s *agentHome) install(openclaw string) {
	s.t.Helper()
	link := filepath.Join(s.home, "bin", "openclaw")
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	check(s.t, os.Symlink(openclaw, link))
}

// end kills what is left of the programs of this home.
func (s *agentHome) end() {
	mark := []byte("HOME=" + s.home + "\x00")
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range environments {
		b, err := os.ReadFile(name)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err == nil && bytes.Contains(b, mark) && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// exec runs a program of the home in the hostile folder.
func (s *agentHome) exec(name string, args ...string) command.Result {
	s.t.Helper()
	start := time.Now()
	result, err := command.Run(context.Background(), command.Command{Path: name, Args: args, Env: s.env, Dir: s.cwd, Timeout: programLimit, Limit: 8 << 20})
	s.t.Logf("%s %s: exit %d after %.1f s", filepath.Base(name), strings.Join(args[:min(len(args), 3)], " "), result.Code, time.Since(start).Seconds())
	if err != nil {
		s.t.Fatalf("%s %q: %v\n%s\n%s", name, args, err, result.Stdout, result.Stderr)
	}
	return result
}

// clawsetup runs the released program to a good end.
func (s *agentHome) clawsetup(args ...string) string {
	s.t.Helper()
	result := s.exec(staticProgram(s.t.(*testing.T)), args...)
	if result.Code != 0 {
		s.t.Fatalf("clawsetup %q: exit %d\n%s\n%s", args, result.Code, result.Stdout, result.Stderr)
	}
	return string(result.Stdout)
}

// openclaw runs OpenClaw to a good end.
func (s *agentHome) openclaw(args ...string) []byte {
	s.t.Helper()
	result := s.exec(filepath.Join(s.home, "bin", "openclaw"), args...)
	if result.Code != 0 {
		s.t.Fatalf("openclaw %q: exit %d\n%s\n%s", args, result.Code, result.Stdout, result.Stderr)
	}
	return result.Stdout
}

// know tells the server which token the store has.
func (s *agentHome) know() {
	s.t.Helper()
	s.token = strings.TrimSpace(s.clawsetup("token"))
	if b, err := os.ReadFile(filepath.Join(s.home, "config/clawsetup/secrets/proxy_token")); err == nil && string(b) != s.token {
		s.t.Fatal("clawsetup token is not what is in the store")
	}
	s.server.let(s.token)
}

// holds is the life of one set-up: accepted, audited, used by a hostile server in a
// hostile folder, repaired by OpenClaw, rotated, and used again.
func (s *agentHome) holds() {
	s.t.Helper()
	s.openclaw("config", "validate")
	s.audit()

	tools := s.hostile.tools()
	s.server.ask(tools)
	s.refusesTools(s.turn(), tools)

	s.repair()
	s.rotate()
	s.turn()
}

// audit wants no finding of OpenClaw's own audit but the one that is explained in the
// documentation.
func (s *agentHome) audit() {
	s.t.Helper()
	var report struct {
		Summary  struct{ Critical, Warn int }
		Findings []struct{ CheckID, Severity, Title, Detail string }
	}
	out := s.openclaw("security", "audit", "--json")
	if err := json.Unmarshal(out, &report); err != nil {
		s.t.Fatalf("%v in\n%s", err, out)
	}
	if report.Summary.Critical+report.Summary.Warn == 0 && len(report.Findings) == 0 {
		s.t.Errorf("the audit says nothing:\n%s", out)
	}
	for _, f := range report.Findings {
		if f.Severity != "info" && (f.Severity != "warn" || f.CheckID != "gateway.trusted_proxies_missing") {
			s.t.Errorf("security audit: %s %s: %s: %s", f.Severity, f.CheckID, f.Title, f.Detail)
		}
	}
}

// turn is one turn of the agent in its hostile folder. It gives what was asked.
func (s *agentHome) turn() []question {
	s.t.Helper()
	r := s.exec(filepath.Join(s.home, "bin", "openclaw"), "agent", "--local", "--agent", "main", "--message", "hi", "--json")
	if r.Code != 0 || !bytes.Contains(r.Stdout, []byte(answerText)) {
		s.t.Errorf("the turn did not complete: exit %d\n%s\n%s", r.Code, r.Stdout, r.Stderr)
	}
	seen := s.server.take()
	if len(seen.asked) == 0 || len(seen.refused) > 0 {
		s.t.Errorf("%d requests were let in, refused are %q", len(seen.asked), seen.refused)
	}
	for _, q := range seen.asked {
		if q.Model != s.model || string(q.Tools) != "[]" {
			s.t.Errorf("on the wire: model %q, tools %.400s", q.Model, q.Tools)
		}
	}
	if marks := s.hostile.sprung(seen); len(marks) > 0 {
		s.t.Errorf("sprung are %q", marks)
	}
	return seen.asked
}

// ignoresVariables is a turn where the hostile folder has a file .env as well.
func (s *agentHome) ignoresVariables() {
	s.t.Helper()
	file := filepath.Join(s.cwd, ".env")
	check(s.t, os.WriteFile(file, []byte(strings.Join(s.hostile.variables(), "\n")+"\n"), 0o600))
	s.t.Log("with variables in .env:")
	s.turn()
	check(s.t, os.Remove(file))
}

// refusesTools wants every use of a tool answered by an error.
func (s *agentHome) refusesTools(asked []question, tools []toolUse) {
	s.t.Helper()
	var got []toolResult
	for _, q := range asked {
		got = append(got, q.results()...)
	}
	if len(got) != len(tools) {
		s.t.Errorf("%d results for %d uses of tools", len(got), len(tools))
	}
	for _, r := range got {
		if !r.IsError {
			s.t.Errorf("%s was used: %.400s", r.ID, r.Content)
		}
	}
}

// rotate lets clawsetup make a new token; the server lets in no other from now on.
func (s *agentHome) rotate() {
	s.t.Helper()
	old := s.token
	s.clawsetup("rotate-key", "--token", "--yes")
	s.know()
	if s.token == old {
		s.t.Error("the token is the old one")
	}
	req, err := http.NewRequest(http.MethodPost, s.server.url+"/v1/messages", strings.NewReader("{}"))
	check(s.t, err)
	req.Header.Set("x-api-key", old)
	resp, err := http.DefaultClient.Do(req)
	check(s.t, err)
	check(s.t, resp.Body.Close())
	if s.server.take(); resp.StatusCode != http.StatusUnauthorized {
		s.t.Errorf("the old token is answered with %d", resp.StatusCode)
	}
}

// upgrade replaces OpenClaw by one that does not know the old form of its
// configuration: clawsetup init mends that, and OpenClaw's own doctor its database.
func (s *agentHome) upgrade(openclaw string) {
	s.t.Helper()
	s.install(openclaw)
	if r := s.exec(filepath.Join(s.home, "bin", "openclaw"), "config", "validate"); r.Code == 0 {
		s.t.Errorf("the new OpenClaw accepts the old form:\n%s", r.Stdout)
	}
	if out := s.clawsetup("init", "--yes"); !strings.Contains(out, "openclaw doctor --fix") {
		s.t.Errorf("init does not say what comes next:\n%s", out)
	}
	s.openclaw("config", "validate")
	s.repair()
	s.turn()
}

// keys are the values in openclaw.json by their path.
func (s *agentHome) keys() map[string]string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.home, ".openclaw", "openclaw.json"))
	check(s.t, err)
	var all any
	if err := json.Unmarshal(b, &all); err != nil {
		s.t.Fatalf("openclaw.json: %v\n%s", err, b)
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		m, isObject := v.(map[string]any)
		for key, child := range m {
			walk(path+"/"+key, child)
		}
		if !isObject || len(m) == 0 {
			out[path] = fmt.Sprint(v)
		}
	}
	walk("", all)
	return out
}

// repair lets OpenClaw repair its configuration, in which every value has to stay but
// for OpenClaw's own marks.
func (s *agentHome) repair() {
	s.t.Helper()
	before := s.keys()
	s.openclaw("doctor", "--fix")
	now := s.keys()
	for path, v := range before {
		own := strings.HasPrefix(path, "/meta/") || strings.HasPrefix(path, "/wizard/") // when OpenClaw was last here
		if got, there := now[path]; got != v && !own {
			s.t.Errorf("doctor --fix: %s was %s and is %q (%v)", path, v, got, there)
		}
	}
	s.openclaw("config", "validate")
}

// tokenLimit is what a helper may take that runs before each process of Claude Code.
const tokenLimit = 20 * time.Millisecond

// TestTokenIsQuick measures the helper as Claude Code runs it.
func TestTokenIsQuick(t *testing.T) {
	s := newScratch(t, scriptKey)
	s.mustRun(scriptKey, s.flags...)
	program := staticProgram(t)
	var took []time.Duration
	// The quickest counts: the machine may be busy with something else, for a while.
	for len(took) < 45 || len(took) < 600 && slices.Min(took) > tokenLimit {
		c := exec.Command(program, "token", "--setup", filepath.Join(s.home, "config/clawsetup/setup.yaml"))
		c.Env = s.env
		start := time.Now()
		out, err := c.Output()
		took = append(took, time.Since(start))
		if err != nil || string(out) != s.stored("proxy_token")+"\n" {
			t.Fatalf("%v: %q", err, out)
		}
	}
	slices.Sort(took)
	t.Logf("clawsetup token: median %s, from %s to %s", took[len(took)/2], took[0], took[len(took)-1])
	if took[0] > tokenLimit {
		t.Errorf("clawsetup token takes %s, more than %s", took[0], tokenLimit)
	}
}

// TestTokenSaysNothingElse: without a token there is no output for Claude Code to send,
// and no question, even where there is a terminal to ask on.
func TestTokenSaysNothingElse(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(s *scratch)
	}{
		{"no set-up", func(s *scratch) { check(t, os.RemoveAll(s.home+"/config/clawsetup")) }},
		{"no secret", func(s *scratch) { check(t, os.Remove(s.home+"/config/clawsetup/secrets/proxy_token")) }},
		{"empty secret", func(s *scratch) {
			check(t, os.WriteFile(s.home+"/config/clawsetup/secrets/proxy_token", nil, 0o600))
		}},
		{"keyring without a bus", func(s *scratch) {
			file := s.home + "/config/clawsetup/setup.yaml"
			b, err := os.ReadFile(file)
			check(t, err)
			check(t, os.WriteFile(file, bytes.Replace(b, []byte("store: docker"), []byte("store: keyring"), 1), 0o600))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScratch(t, scriptKey)
			s.mustRun(scriptKey, s.flags...)
			c.spoil(s)
			cmd := exec.Command(staticProgram(t), "token", "--setup", s.home+"/config/clawsetup/setup.yaml")
			cmd.Env = s.env
			var out bytes.Buffer
			cmd.Stdout = &out
			// Nobody types: it has to end by itself.
			term, err := ptytest.Start(cmd, 80, 24)
			check(t, err)
			code, err := term.Wait()
			check(t, err)
			if code == 0 || out.Len() > 0 {
				t.Errorf("exit %d, standard output %q", code, out.String())
			}
			t.Logf("exit %d: %s", code, strings.TrimSpace(term.Screen()))
		})
	}
}
