package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/ui/ptytest"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// TestUp: from nothing to a proved stack, again without any change, and back.
func TestUp(t *testing.T) {
	a := newArena(t)
	a.init()
	if out := a.must(3, "status"); !strings.Contains(out, "does not run") {
		t.Errorf("status before up: %s", out)
	}
	a.up()
	s := a.status()
	if !s.OK() || len(s.Containers) != 2 || s.Models["opus"] == "" || s.Digest != a.image.Digest {
		t.Fatalf("%+v, broken %q", s, broken(s.Results))
	}
	for _, r := range s.Results {
		if r.Outcome == proof.Unknown {
			t.Errorf("root on Linux sees all, but %s %s was not checked: %s", r.Control, r.Rule, r.Detail)
		}
	}
	ids := []string{s.Containers[0].ID, s.Containers[1].ID}
	a.up()
	s = a.status()
	if got := []string{s.Containers[0].ID, s.Containers[1].ID}; !slices.Equal(got, ids) {
		t.Errorf("up made containers anew that were right: %q, %q", ids, got)
	}
	before := a.tree()
	a.must(0, "status", "--all")
	if after := a.tree(); !slices.Equal(before, after) {
		t.Error("status changed a file")
	}
	a.must(0, "down")
	if left := a.containers(); len(left) > 0 {
		t.Errorf("%d containers are left", len(left))
	}
	if out := docker(t, "network", "ls", "--format", "{{.Name}}"); strings.Contains(out, a.project()) {
		t.Errorf("networks are left: %s", out)
	}
	a.must(0, "down")
	// Claude Code would now show the token to whoever takes the port.
	other, err := net.Listen("tcp4", "127.0.0.1:"+a.port)
	check(t, err)
	defer func() { _ = other.Close() }()
	if got := broken(a.status().Results); !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "port-owner") }) {
		t.Errorf("somebody has the port of the stopped stack: %q", got)
	}
	if out, _ := a.run("doctor", "--only", "port-owner"); !strings.Contains(out, "Claude Code would show it the token") {
		t.Errorf("doctor: %s", out)
	}
}

// TestUpTakesNewAnswers: another mapping of models reaches the running proxy without
// losing a request, another port moves the gateway.
func TestUpTakesNewAnswers(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	load := a.load(20, false)
	a.must(0, "init", "--yes", "--big-model", "zai-org/GLM-5.1", "--preset", "custom", "--middle-model", "zai-org/GLM-4.7", "--small-model", "zai-org/GLM-4.7")
	a.up()
	load.end()
	if s := a.status(); !s.OK() || s.Models["opus"] != "zai-org/GLM-5.1" {
		t.Errorf("models %v, broken %q", s.Models, broken(s.Results))
	}
	a.port = freePortOf(t)
	a.must(0, "init", "--yes", "--port", a.port)
	a.up()
	if s := a.status(); !s.OK() || !strings.HasSuffix(s.URL, a.port) {
		t.Errorf("%s, broken %q", s.URL, broken(s.Results))
	}
}

// TestKeyringStack: with the keyring the two secrets are files only while the stack
// runs, closed to other users.
func TestKeyringStack(t *testing.T) {
	a := newArena(t)
	a.needKeyring()
	a.init("--store", "keyring")
	files := func() []string {
		found, err := filepath.Glob(a.path("run/clawsetup/*/*"))
		check(t, err)
		return found
	}
	if got := files(); len(got) > 0 {
		t.Fatalf("before up: %q", got)
	}
	a.up()
	for _, path := range files() {
		for p, want := range map[string]os.FileMode{path: 0o444, filepath.Dir(path): 0o700} {
			if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
				t.Errorf("%s: %v, want %04o", p, st.Mode(), want)
			}
		}
	}
	if len(files()) != 2 {
		t.Errorf("while it runs: %q", files())
	}
	if status, body, err := a.ask("wrong", `{"messages":["hi"]}`); err != nil || status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d %s (%v)", status, body, err)
	}
	check(t, os.WriteFile(a.path("key2"), []byte(arenaKey2), 0o600))
	a.must(0, "rotate-key", "--yes", "--key-file", a.path("key2"))
	if s := a.statusWithStore(); !s {
		t.Error("broken after the rotation")
	}
	if b, err := os.ReadFile(files()[0]); err != nil || string(b) != arenaKey2 {
		t.Errorf("the container reads another key than the new one (%v)", err)
	}
	// As after a reboot: the files are gone, and with them what runs.
	a.must(0, "down")
	if got := files(); len(got) > 0 {
		t.Errorf("after down: %q", got)
	}
	a.up()
}

// statusWithStore tells whether status is content.
func (a *arena) statusWithStore() bool {
	_, code := a.run("status")
	return code == 0
}

// TestEvents: every step as a line of JSON, the status last.
func TestEvents(t *testing.T) {
	a := newArena(t)
	a.init()
	c := a.command("up", "--json", "--yes")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var seen []string
	var layers int
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Event, State   string
			Current, Total int64
			Status         *struct{ Running bool }
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if e.Event == "layer" && e.Total > 0 {
			layers++
		}
		if e.Event == "status" && (e.Status == nil || !e.Status.Running) {
			t.Errorf("the status: %s", lines.Text())
		}
		if e.Event != "layer" && (len(seen) == 0 || seen[len(seen)-1] != e.Event) {
			seen = append(seen, e.Event)
		}
	}
	want := []string{"engine", "pull", "gateway-image", "trial", "file", "journal", "compose", "health", "prove", "status"}
	if !slices.Equal(seen, want) || layers == 0 {
		t.Errorf("events %q with %d steps of layers, want %q", seen, layers, want)
	}
}

// TestUpOnATerminal: the screen shows how far it is, what the image needs is asked, and
// leaving starts nothing.
func TestUpOnATerminal(t *testing.T) {
	a := newArena(t, "-write", "/var/cache/x", "-bind-after", "1s")
	a.init()
	play := func(answer string, steps ...string) (int, *ptytest.Term) {
		c := a.command("up", "--wait", "10s")
		c.Env = append(c.Env, "TERM=xterm-256color", "CI=1")
		term, err := ptytest.Start(c, 80, 24)
		check(t, err)
		for _, s := range steps {
			if err := term.Expect(s); err != nil {
				t.Fatalf("%v\n%s", err, term.Screen())
			}
		}
		if err := term.Expect("temporary folder of 64 MiB"); err != nil {
			t.Fatalf("%v\n%s", err, term.Screen())
		}
		time.Sleep(300 * time.Millisecond)
		check(t, term.Type(answer))
		code, err := term.Wait()
		check(t, err)
		return code, term
	}
	code, term := play("\x03", "Starting the proxy", "trying the image", "a apply")
	if code != exitAborted || len(a.containers()) > 0 {
		t.Errorf("left: exit %d, %d containers\n%s", code, len(a.containers()), term.Screen())
	}
	code, term = play("a", "a apply")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, term.Screen())
	}
	if !strings.Contains(term.Screen(), "running and proved") && !strings.Contains(term.Raw(), "running and proved") {
		t.Errorf("the end:\n%s", term.Screen())
	}
	if err := term.Restored(); err != nil {
		t.Error(err)
	}
	if s := a.status(); !s.OK() {
		t.Errorf("broken %q", broken(s.Results))
	}
}

// TestInitStartsTheStack: by flag, and at the operator's word.
func TestInitStartsTheStack(t *testing.T) {
	a := newArena(t)
	a.init("--up")
	if s := a.status(); !s.OK() {
		t.Fatalf("broken %q", broken(s.Results))
	}
	a.must(0, "down")
	c := a.command("init", "--plain")
	c.Env = append(c.Env, "CI=1")
	term, err := ptytest.Start(c, 80, 40)
	check(t, err)
	check(t, term.Expect("What is to be changed?"))
	check(t, term.Type("all\r"))
	for _, step := range []string{"cloud.ru API key", "Which models", "Where are the secrets", "proxy image", "Port of the proxy", "How is OpenClaw"} {
		if err := term.Expect(step); err != nil {
			t.Fatalf("%v\n%s", err, term.Screen())
		}
		check(t, term.Type("\r"))
	}
	if err := term.Expect("Start the proxy now?"); err != nil {
		t.Fatalf("%v\n%s", err, term.Screen())
	}
	check(t, term.Type("up\r"))
	if err := term.ExpectRaw("running and proved"); err != nil {
		t.Fatalf("%v\n%s", err, term.Screen())
	}
	if code, err := term.Wait(); err != nil || code != 0 {
		t.Errorf("exit %d (%v)\n%s", code, err, term.Screen())
	}
}

// TestOnLogin: what starts the stack at login is a part of the set-up: planned,
// journaled, and taken back.
func TestOnLogin(t *testing.T) {
	a := newArena(t)
	a.init()
	unit, wants := a.path("config/systemd/user/clawsetup.service"), a.path("config/systemd/user/default.target.d/clawsetup.conf")
	a.up("--on-login")
	b, err := os.ReadFile(unit)
	check(t, err)
	for _, want := range []string{"ExecStart=\"" + a.program + "\" up --plain", "Environment=\"DOCKER_HOST=" + engineOf(t) + "\""} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is missing in:\n%s", want, b)
		}
	}
	if _, err := os.Stat(wants); err != nil {
		t.Error(err)
	}
	verifyUnit(t, unit)
	// The unit's own command, as systemd runs it: nobody to ask, nothing to change.
	a.must(0, "down")
	c := exec.Command("sh", "-c", strings.TrimPrefix(line(string(b), "ExecStart="), "ExecStart="))
	c.Env, c.Dir = a.command().Env, "/"
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if s := a.status(); !s.OK() {
		t.Errorf("broken %q", broken(s.Results))
	}
	// init keeps it; down --on-login takes it back.
	a.must(0, "init", "--yes")
	if _, err := os.Stat(unit); err != nil {
		t.Error(err)
	}
	if out := a.must(0, "down", "--on-login", "--yes"); !strings.Contains(out, "systemctl --user stop clawsetup.service\n  systemctl --user daemon-reload") {
		t.Errorf("not said how the unit is stopped: %s", out)
	}
	for _, path := range []string{unit, wants, filepath.Dir(wants)} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	if strings.Contains(a.read("setup.yaml"), "\nlogin:") || len(a.containers()) > 0 {
		t.Error("something is left")
	}
	a.must(0, "config-history", "verify")
}

func line(text, prefix string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// verifyUnit asks systemd itself, where it is installed, whether the unit is one.
func verifyUnit(t *testing.T, unit string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Log("not checked by systemd-analyze: it is not installed")
		return
	}
	c := exec.Command(analyze, "--user", "verify", unit)
	c.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), filepath.Base(unit)) {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}

// TestEngines: contexts and versions of the API, against a real engine and ones that
// only say who they are.
func TestEngines(t *testing.T) {
	a := newArena(t)
	a.init()
	socket := engineOf(t)
	t.Run("a context", func(t *testing.T) {
		dir := a.path("docker")
		check(t, os.MkdirAll(dir, 0o700))
		// The docker command itself makes it; its plugins come along.
		check(t, os.Symlink(filepath.Join(os.Getenv("DOCKER_CONFIG"), "cli-plugins"), filepath.Join(dir, "cli-plugins")))
		for _, args := range [][]string{{"context", "create", "ours", "--docker", "host=" + socket}, {"context", "use", "ours"}} {
			c := exec.Command("docker", args...)
			c.Env = []string{"PATH=" + os.Getenv("PATH"), "DOCKER_CONFIG=" + dir, "HOME=" + a.home}
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		env := a.env
		a.env = []string{"DOCKER_CONFIG=" + dir}
		defer func() { a.env = env }()
		a.up()
		if s := a.status(); !s.OK() {
			t.Errorf("broken %q", broken(s.Results))
		}
		a.env = []string{"DOCKER_CONFIG=" + dir, "DOCKER_CONTEXT=default"}
		if out := a.must(1, "status"); !strings.Contains(out, "no container engine answers") {
			t.Errorf("another context: %s", out)
		}
	})
	t.Run("loopback TCP", func(t *testing.T) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		check(t, err)
		defer func() { _ = l.Close() }()
		go relay(l, "unix", strings.TrimPrefix(socket, "unix://"))
		env := a.env
		a.env = []string{"DOCKER_HOST=tcp://" + l.Addr().String()}
		defer func() { a.env = env }()
		if s := a.status(); !s.OK() {
			t.Errorf("broken %q", broken(s.Results))
		}
	})
	for name, tt := range map[string]struct {
		version, os string
		env         []string
		want        string
	}{
		"too old":            {version: "1.40", os: "linux", want: "speaks API 1.40; 1.41 or later"},
		"Windows":            {version: "1.51", os: "windows", want: "runs windows containers"},
		"a pinned version":   {version: "1.41", os: "linux", env: []string{"DOCKER_API_VERSION=1.51"}, want: "Unset DOCKER_API_VERSION"},
		"a pinned old one":   {version: "1.51", os: "linux", env: []string{"DOCKER_API_VERSION=1.30"}, want: "speaks API 1.30"},
		"no engine at all":   {want: "no container engine answers"},
		"answers in riddles": {version: "?", os: "linux", want: "error:"},
	} {
		t.Run(name, func(t *testing.T) {
			env := a.env
			a.env = append([]string{"DOCKER_HOST=tcp://" + sayWho(t, tt.version, tt.os)}, tt.env...)
			defer func() { a.env = env }()
			if out := a.must(1, "up", "--yes"); !strings.Contains(out, tt.want) {
				t.Errorf("%q is missing in:\n%s", tt.want, out)
			}
		})
	}
	t.Run("pinned version that fits", func(*testing.T) {
		env := a.env
		a.env = append([]string{"DOCKER_API_VERSION=1.41"}, env...)
		defer func() { a.env = env }()
		a.up()
	})
}

// sayWho is an engine that tells its version and nothing else.
func sayWho(t *testing.T, version, system string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", version)
		w.Header().Set("Ostype", system)
		var asked string
		if n, _ := fmt.Sscanf(r.URL.Path, "/v%4s", &asked); n == 1 && strings.Compare(asked, version) > 0 {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"message":"client version %s is too new. Maximum supported API version is %s"}`, asked, version)
			return
		}
		switch version {
		case "":
			w.WriteHeader(http.StatusNotFound)
		case "?":
			fmt.Fprint(w, "<html>")
		default:
			fmt.Fprintf(w, `{"Version":"20.10.24","ApiVersion":%q,"Os":%q,"Arch":"amd64"}`, version, system)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestPace: what is promised of the time that up and status take.
func TestPace(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up() // the image is in the engine, and tried
	a.must(0, "down")
	start := time.Now()
	a.up()
	up := time.Since(start)
	var statuses []time.Duration
	for range 5 {
		start = time.Now()
		a.must(0, "status")
		statuses = append(statuses, time.Since(start))
	}
	slices.Sort(statuses)
	t.Logf("up of a local image %s; status %s (median of 5)", up.Round(time.Millisecond), statuses[2].Round(time.Millisecond))
	if up > 5*time.Second {
		t.Errorf("up took %s, more than 5 s", up)
	}
	if statuses[2] > 300*time.Millisecond {
		t.Errorf("status took %s, more than 300 ms", statuses[2])
	}
}

// TestCanaryOfTheStack: marked secrets go through the life of a stack; nothing that
// is printed, written, passed to a program or shown by the engine holds them, but for the
// store and the container's own process.
func TestCanaryOfTheStack(t *testing.T) {
	a := newArena(t)
	a.init()
	var outputs strings.Builder
	for _, args := range [][]string{
		{"up", "--yes"}, {"up", "--json", "--yes"}, {"status"}, {"status", "--json"}, {"status", "--all"}, {"config-history", "list", "--all", "--json"},
	} {
		out, _ := a.run(args...)
		outputs.WriteString(out)
	}
	token := a.token()
	for name, mark := range map[string]string{"key": arenaKey, "token": token} {
		if hit := find([]byte(outputs.String()), mark); hit != "" {
			t.Errorf("the %s is in the output, %s", name, hit)
		}
		for _, c := range a.containers() {
			if hit := find(c.Raw, mark); hit != "" {
				t.Errorf("docker inspect shows the %s of %s, %s", name, c.Name, hit)
			}
			if log := docker(t, "logs", c.ID); find([]byte(log), mark) != "" {
				t.Errorf("the log of %s holds the %s", c.Name, name)
			}
		}
		if cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline"); len(cmdlines) > 0 {
			for _, p := range cmdlines {
				if b, err := os.ReadFile(p); err == nil && find(b, mark) != "" {
					t.Errorf("the %s is in %s: %s", name, p, b)
				}
			}
		}
		for _, dir := range []string{"config", "state"} {
			tree, err := readTree(a.path(dir))
			check(t, err)
			for path, content := range tree {
				if strings.HasSuffix(path, "secrets/cloudru_api_key") || strings.HasSuffix(path, "secrets/proxy_token") {
					continue
				}
				if hit := find([]byte(content), mark); hit != "" {
					t.Errorf("the %s is in %s, %s", name, path, hit)
				}
			}
		}
	}
	a.must(0, "down")
	if n := a.haunts(arenaKey); n != 1 {
		t.Errorf("after down the key is in %d places, not in the store alone", n)
	}
}

// TestPrivateRegistry: the engine pulls with the operator's own docker login.
func TestPrivateRegistry(t *testing.T) {
	a := newArena(t)
	dir := a.path("docker")
	check(t, os.MkdirAll(dir, 0o700))
	check(t, os.Symlink(filepath.Join(os.Getenv("DOCKER_CONFIG"), "cli-plugins"), filepath.Join(dir, "cli-plugins")))
	login := func(password string) {
		auth := base64.StdEncoding.EncodeToString([]byte("anna:" + password))
		check(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, a.registry.Host(), auth), 0o600))
	}
	a.env = append(a.env, "DOCKER_CONFIG="+dir)
	a.registry.RequireLogin("anna", "correct horse")
	login("correct horse")
	a.init()
	login("wrong horse")
	if out := a.must(1, "up", "--yes"); !strings.Contains(out, "docker login") || strings.Contains(out, "wrong horse") {
		t.Errorf("a wrong login: %s", out)
	}
	login("correct horse")
	a.up()
}

// TestUpgradeOfTheProgram: nobody is there to see another gateway: it stays. With
// consent the new program's takes its place.
func TestUpgradeOfTheProgram(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	before := a.status().Containers[0].ID
	newer := a.path("clawsetup")
	c := exec.Command("go", "build", "-ldflags", "-X main.version=9.9.9", "-o", newer, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a.program = newer
	a.must(0, "up")
	if s := a.status(); !s.OK() || s.Containers[0].ID != before {
		t.Errorf("unattended, the gateway changed; broken %q", broken(s.Results))
	}
	load := a.load(10, false)
	a.up()
	s := a.status()
	if !s.OK() || s.Containers[0].ID == before {
		t.Errorf("with consent the gateway did not change; broken %q", broken(s.Results))
	}
	close(load.stop) // the gateway itself was replaced: a gap that is said in the README
	load.wg.Wait()
}

// TestForeignService: a container that is no part of the compose file.
func TestForeignService(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	gateway := a.containers()[0].Image
	id := docker(t, "run", "--detach", "--label", "com.docker.compose.project="+a.project(), "--label", "com.docker.compose.service=miner", gateway, "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	t.Cleanup(func() { docker(t, "rm", "--force", id) })
	if got := broken(a.status().Results); !slices.Equal(got, []string{"E-01 services"}) {
		t.Errorf("broken %q", got)
	}
}

// TestOtherNameOfTheGateway: an engine that names images by their manifest has another
// id for the same image. Nobody needs to be asked.
func TestOtherNameOfTheGateway(t *testing.T) {
	a := newArena(t)
	a.init()
	g, err := engine.ProgramImage(a.program, a.project())
	check(t, err)
	for _, name := range []string{"setup.yaml", "docker-compose.cloudru-proxy.yml"} {
		was := a.read(name)
		now := strings.ReplaceAll(was, g.ID(), g.ManifestID())
		if now == was {
			t.Fatalf("%s does not name the gateway's image", name)
		}
		check(t, os.WriteFile(a.config(name), []byte(now), 0o600))
	}
	a.must(0, "up")
	if s := a.status(); !s.OK() || !strings.Contains(a.read("setup.yaml"), g.ID()) {
		t.Errorf("broken %q", broken(s.Results))
	}
}

// TestInitKnowsTheStack: run again, init says what runs, and whose port it is.
func TestInitKnowsTheStack(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	out := a.must(0, "init", "--yes")
	for _, want := range []string{"Docker ", "our own running proxy", "Nothing to change"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	docker(t, "stop", a.project()+"-gateway-1")
	l, err := net.Listen("tcp4", "127.0.0.1:"+a.port)
	check(t, err)
	defer func() { _ = l.Close() }()
	if out := a.must(1, "init", "--yes"); !strings.Contains(out, "taken by another program") {
		t.Errorf("a rogue on our port: %s", out)
	}
}
