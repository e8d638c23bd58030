package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/parttest"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// The keys that the test's cloud.ru accepts.
const (
	arenaKey  = "arena-key-one-4f6a0b1c2d3e"
	arenaKey2 = "arena-key-two-9e8d7c6b5a40"
	// arenaKeyOnce works once.
	arenaKeyOnce = "arena-key-once-1029384756ab"
)

// arena is one installation against a real engine: a home of its own, a registry in
// this process, and hosts in a network namespace.
type arena struct {
	t        *testing.T
	home     string
	program  string
	registry *imagetest.Registry
	image    imagetest.Pushed
	port     string
	hosts    *hosts
	// socket is the engine's address.
	socket string
	// user is whom commands run as: nil for the test's own.
	user *syscall.Credential
	// env is added to the environment of every command.
	env []string
}

// engineOf is the engine that .ci/parts starts, in the network namespace that this
// test runs in. In CI a missing one is an error.
func engineOf(t *testing.T) string {
	t.Helper()
	return parttest.Need(t, "CLAWSETUP_TEST_ENGINE")
}

// newArena makes the home; nothing is set up in it yet. The image's program has the
// given bad habits.
func newArena(t *testing.T, habits ...string) *arena {
	t.Helper()
	return newArenaOn(t, engineOf(t), habits...)
}

// newArenaOn makes it for another engine than the usual.
func newArenaOn(t *testing.T, socket string, habits ...string) *arena {
	t.Helper()
	a := &arena{t: t, home: t.TempDir(), program: staticProgram(t), registry: imagetest.NewRegistry(), port: freePortOf(t), socket: socket}
	a.env = []string{"DOCKER_HOST=" + socket}
	check(t, a.registry.Start())
	t.Cleanup(func() { _ = a.registry.Close() })
	a.hosts = theHosts(t)
	a.push(imagetest.ProxyOptions{Cmd: append([]string{"/proxy"}, habits...)}, true)
	check(t, os.WriteFile(filepath.Join(a.home, "key"), []byte(arenaKey), 0o600))
	t.Cleanup(a.clear)
	return a
}

// clear takes away what a test left in the engine: the next uninstall would keep what
// this installation may need.
func (a *arena) clear() {
	_, _ = a.run("down", "--purge")
	gateways, _ := exec.Command("docker", "-H", a.socket, "images", "--quiet", "--filter", "label="+templates.LabelInstallation+"="+a.project()).Output()
	for _, id := range strings.Fields(string(gateways)) {
		_ = exec.Command("docker", "-H", a.socket, "rmi", "--force", id).Run()
	}
	if a.t.Failed() {
		out, _ := exec.Command("docker", "-H", a.socket, "ps", "--all").CombinedOutput()
		a.t.Logf("left: %s", out)
	}
}

// built is the folder of buildOnce, once it is there.
var built string

var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clawsetup-static-")
	if err != nil {
		return "", err
	}
	built = dir
	for name, pkg := range map[string]string{"clawsetup": ".", "proxy": "./testdata/proxy"} {
		c := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

// staticProgram is clawsetup as it is released: one static file.
func staticProgram(t *testing.T) string {
	t.Helper()
	dir, err := buildOnce()
	check(t, err)
	return filepath.Join(dir, "clawsetup")
}

// push stores the image of the test under its tag; with a shell, or without.
func (a *arena) push(o imagetest.ProxyOptions, shell bool) {
	a.t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		check(a.t, err)
		return b
	}
	files := []imagetest.File{
		{Name: "proxy", Mode: 0o755, Content: read(filepath.Join(filepath.Dir(a.program), "proxy"))},
		{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Content: a.hosts.authority},
	}
	// The engine keeps layers: each image has one of its own.
	files = append(files, imagetest.File{Name: "etc/made-for", Mode: 0o644, Content: []byte(a.t.Name() + rand.Text())})
	if shell {
		files = append(files, imagetest.File{Name: "bin/sh", Mode: 0o755, Content: read(busybox(a.t))})
	}
	layer, err := imagetest.Layer(files...)
	check(a.t, err)
	o.Layers, o.Single, o.Platforms = []v1.Layer{layer}, true, []v1.Platform{{OS: "linux", Architecture: "amd64"}}
	if o.WorkingDir == "" {
		o.WorkingDir = "/"
	}
	o.Env = []string{"PATH=/bin"}
	a.image, err = a.registry.PushProxy("test/"+strings.Trim(notInNames.ReplaceAllString(strings.ToLower(a.t.Name()), "-"), "-"), "latest", o)
	check(a.t, err)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func busybox(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("busybox")
	check(t, err)
	return path
}

// command is clawsetup with the arena's environment and nothing else.
func (a *arena) command(args ...string) *exec.Cmd {
	c := exec.Command(a.program, args...)
	c.Dir = a.home
	c.SysProcAttr = &syscall.SysProcAttr{Credential: a.user}
	c.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + a.home, "XDG_CONFIG_HOME=" + a.path("config"), "XDG_STATE_HOME=" + a.path("state"),
		"XDG_RUNTIME_DIR=" + a.path("run"), "TERM=dumb", "LANG=C", "SSL_CERT_FILE=" + a.hosts.authorityFile, "DOCKER_CONFIG=" + os.Getenv("DOCKER_CONFIG"),
	}, a.env...)
	return c
}

// run returns what a command printed, and its exit code.
func (a *arena) run(args ...string) (string, int) {
	c := a.command(args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if c.ProcessState == nil {
		a.t.Fatal(err)
	}
	a.t.Logf("clawsetup %s: exit %d\n%s", strings.Join(args, " "), c.ProcessState.ExitCode(), out.String())
	return out.String(), c.ProcessState.ExitCode()
}

// must runs a command that has to end with that exit code.
func (a *arena) must(code int, args ...string) string {
	a.t.Helper()
	out, got := a.run(args...)
	if got != code {
		a.t.Fatalf("clawsetup %s: exit code %d, want %d", strings.Join(args, " "), got, code)
	}
	return out
}

func (a *arena) path(name string) string { return filepath.Join(a.home, name) }

func (a *arena) config(name string) string { return a.path("config/clawsetup/" + name) }

// init sets the arena up with its image, the docker store and no OpenClaw.
func (a *arena) init(more ...string) {
	a.t.Helper()
	a.must(0, append([]string{
		"init", "--yes", "--key-file", a.path("key"), "--store", "docker", "--image", a.image.Reference, "--trust-first-use",
		"--api-base", "https://" + apiHost + "/v1", "--allow-private-api", "--openclaw-mode", "none", "--port", a.port,
	}, more...)...)
}

// up brings the stack up.
func (a *arena) up(more ...string) string {
	a.t.Helper()
	return a.must(0, append([]string{"up", "--yes", "--wait", "20s"}, more...)...)
}

// status is what status --json says; its exit code must fit.
func (a *arena) status() wizard.Status {
	a.t.Helper()
	c := a.command("status", "--json")
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !asExit(err, &exit) {
		a.t.Fatal(err)
	}
	var s wizard.Status
	if err := json.Unmarshal(out, &s); err != nil {
		a.t.Fatalf("%v in:\n%s%s", err, out, exit.Stderr)
	}
	if want := map[bool]int{true: 0, false: 3}[s.OK()]; c.ProcessState.ExitCode() != want {
		a.t.Errorf("status: exit code %d, want %d", c.ProcessState.ExitCode(), want)
	}
	return s
}

func asExit(err error, target **exec.ExitError) bool {
	return errors.As(err, target)
}

// broken lists "control rule (service)" of what does not hold.
func broken(results []proof.Result) []string {
	var out []string
	for _, r := range proof.Failed(results) {
		name := r.Control + " " + r.Rule
		if r.Service != "" {
			name += " (" + r.Service + ")"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// token is the proxy token in the store.
func (a *arena) token() string {
	a.t.Helper()
	b, err := os.ReadFile(a.config("secrets/proxy_token"))
	check(a.t, err)
	return string(b)
}

// ask sends a request to the proxy, as Claude Code would.
func (a *arena) ask(token, body string) (int, string, error) {
	req, err := http.NewRequest(http.MethodPost, "http://127.0.0.1:"+a.port+"/v1/messages", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("x-api-key", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// inside runs one verb of the test image's own eyes inside the proxy's container.
func (a *arena) inside(verb string) string {
	a.t.Helper()
	resp, err := http.Post("http://127.0.0.1:"+a.port+"/debug", "text/plain", strings.NewReader(verb))
	check(a.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	check(a.t, err)
	return strings.TrimSpace(string(b))
}

// engine is a connection to the test's engine.
func (a *arena) engine() *engine.Engine {
	a.t.Helper()
	e, err := engine.Connect(context.Background(), func(name string) string {
		return map[string]string{"DOCKER_HOST": a.socket}[name]
	})
	check(a.t, err)
	a.t.Cleanup(func() { _ = e.Close() })
	return e
}

// containers are those of the arena's stack.
func (a *arena) containers() []engine.Container {
	a.t.Helper()
	list, err := a.engine().Containers(context.Background(), a.project())
	check(a.t, err)
	return list
}

// project is the name of the compose project.
func (a *arena) project() string {
	paths := wizard.Paths{Config: a.path("config/clawsetup")}
	return "clawsetup-" + paths.Scope()[:8]
}

func freePortOf(t *testing.T) string {
	t.Helper()
	port, err := unusedPort()
	check(t, err)
	return port
}

// hosts are the hosts of the test in their network namespace.
type hosts struct {
	authority     []byte
	authorityFile string

	mu    sync.Mutex
	lines []string
}

// seen counts the connections to a place, such as "10.203.7.11:443" or "dns NAME".
func (h *hosts) seen(place string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, l := range h.lines {
		if l == place {
			n++
		}
	}
	return n
}

var hostsOnce sync.Once
var allHosts *hosts

// theHosts starts the hosts once for all tests of this process. They end with it.
func theHosts(t *testing.T) *hosts {
	t.Helper()
	hostsOnce.Do(func() { allHosts = startHosts(t) })
	if allHosts == nil {
		t.Fatal("the hosts of the test did not start")
	}
	return allHosts
}

// arenaNamespace is made by startHosts and removed by TestMain.
const arenaNamespace = "clawsetup-test-hosts"

func startHosts(t *testing.T) *hosts {
	t.Helper()
	removeNamespace()
	for _, args := range [][]string{
		{"netns", "add", arenaNamespace},
		{"link", "add", "cst-host", "type", "veth", "peer", "name", "cst-peer", "netns", arenaNamespace},
		{"addr", "add", hostSide + "/24", "dev", "cst-host"},
		{"link", "set", "cst-host", "up"},
		{"-n", arenaNamespace, "link", "set", "lo", "up"},
		{"-n", arenaNamespace, "addr", "add", apiAddress + "/24", "dev", "cst-peer"},
		{"-n", arenaNamespace, "addr", "add", otherAddress + "/24", "dev", "cst-peer"},
		{"-n", arenaNamespace, "addr", "add", nameServer + "/24", "dev", "cst-peer"},
		{"-n", arenaNamespace, "addr", "add", metadata + "/32", "dev", "cst-peer"},
		{"-n", arenaNamespace, "link", "set", "cst-peer", "up"},
		{"-n", arenaNamespace, "route", "add", "default", "via", hostSide},
		{"route", "add", metadata + "/32", "via", apiAddress},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	pair, authority, err := cloudrutest.Certificate{Hosts: []string{apiHost, otherHost, apiAddress}}.Issue()
	check(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	check(t, err)
	config, err := json.Marshal(map[string]any{
		"Certificate": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		"Key":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), "APIKeys": []string{arenaKey, arenaKey2, arenaKeyOnce},
	})
	check(t, err)
	self, err := os.Executable()
	check(t, err)
	c := exec.Command("nsenter", "--net=/run/netns/"+arenaNamespace, self)
	c.Env = append(os.Environ(), "CLAWSETUP_TEST_HOST=1")
	c.Stdin, c.Stderr = bytes.NewReader(config), os.Stderr
	out, err := c.StdoutPipe()
	check(t, err)
	check(t, c.Start())
	hostProcess = c
	h := &hosts{authority: authority}
	dir, err := buildOnce()
	check(t, err)
	h.authorityFile = filepath.Join(dir, "authority.pem")
	check(t, os.WriteFile(h.authorityFile, authority, 0o644))
	ready := make(chan struct{})
	go h.read(out, ready)
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("the hosts of the test did not start")
	}
	return h
}

func (h *hosts) read(r io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == "ready" {
			close(ready)
			continue
		}
		h.mu.Lock()
		h.lines = append(h.lines, lines.Text())
		h.mu.Unlock()
	}
}

// hostProcess plays the hosts.
var hostProcess *exec.Cmd

// removeNamespace takes away what startHosts made.
func removeNamespace() {
	if hostProcess != nil {
		_ = hostProcess.Process.Kill()
		_ = hostProcess.Wait()
		hostProcess = nil
	}
	_ = exec.Command("ip", "link", "del", "cst-host").Run()
	_ = exec.Command("ip", "netns", "del", arenaNamespace).Run()
}

func init() {
	beforeTests = func() (int, bool) {
		if os.Getenv("CLAWSETUP_TEST_HOST") != "" {
			return testHost(), true
		}
		return 0, false
	}
	afterTests = func() {
		if allHosts != nil {
			removeNamespace()
		}
		if built != "" {
			_ = os.RemoveAll(built)
		}
	}
}
