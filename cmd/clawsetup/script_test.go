//go:build unix

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

// The keys that the simulator of cloud.ru accepts; in a script, where they are $KEY and
// $KEY2, with an ending of its own: doctor and uninstall look into the environments of
// all processes, those of other scripts among them.
const (
	scriptKey  = "script-key-one-0123456789"
	scriptKey2 = "script-key-two-9876543210"
)

// beforeTests and afterTests belong to tests that one system alone can run.
var (
	beforeTests = func() (code int, ends bool) { return 0, false }
	afterTests  = func() {}
)

func TestMain(m *testing.M) {
	if code, ends := beforeTests(); ends {
		os.Exit(code)
	}
	testscript.Main(cleaned{m}, map[string]func(){
		"clawsetup": func() { os.Exit(start(mortalApp(), os.Args[1:])) },
		"replace":   func() { tool(replaceText) }, "age": func() { tool(age) },
	})
}

// cleaned runs the tests and clears up after them.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	defer afterTests()
	return c.M.Run()
}

// mortalApp is the program; KILL_AT makes it die, as by kill -9, right before its
// n-th step on the disk.
func mortalApp() *app {
	a := newApp()
	a.gateway = os.Getenv("CLAWSETUP_TEST_GATEWAY")
	a.managed = filepath.Join(os.Getenv("HOME"), "etc", "managed-settings.d", "50-clawsetup.json")
	at, err := strconv.Atoi(os.Getenv("KILL_AT"))
	if err != nil {
		return a
	}
	n := 0
	a.disk.Before = func(files.Op) error {
		if n++; n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	}
	return a
}

// tool is a program for scripts, and for the shell scripts in them, where those of the
// systems differ: sed -i and touch -d are not the same everywhere.
func tool(run func(args []string) error) {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// replaceText OLD NEW FILE: puts NEW in the place of every OLD in the file, which must
// hold one.
func replaceText(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: replace OLD NEW FILE")
	}
	b, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	if !strings.Contains(string(b), args[0]) {
		return fmt.Errorf("%s does not hold %q", args[2], args[0])
	}
	return os.WriteFile(args[2], []byte(strings.ReplaceAll(string(b), args[0], args[1])), 0o600)
}

// age DURATION PATH: what is at the path, and below it, was last written that long ago;
// links themselves, not what they point to.
func age(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: age DURATION PATH")
	}
	ago, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	at, err := unix.TimeToTimespec(time.Now().Add(-ago))
	if err != nil {
		return err
	}
	return filepath.WalkDir(args[1], func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

func TestScript(t *testing.T) {
	// A folder with a short name on every system: a socket's path has a limit, and lines
	// with paths in them are wrapped.
	t.Setenv("GOTMPDIR", "/tmp")
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: newStageFor,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "cloud": cmdCloud, "registry": cmdRegistry, "listen": cmdListen, "lines": cmdLines,
			"snapshot": cmdSnapshot, "unchanged": cmdUnchanged, "tui": cmdTUI, "hold": cmdHold, "mode": cmdMode,
			"make": cmdMake,
		},
	})
}

// parts are the real programs that .ci/parts starts, and the variables that tell.
var parts = map[string]string{
	"keyring": "CLAWSETUP_TEST_SECRET_SERVICE", "registry": "CLAWSETUP_TEST_REGISTRY", "openclaw": "CLAWSETUP_TEST_OPENCLAW",
}

// condition knows [root] and the real parts. In CI a missing part is an error.
func condition(cond string) (bool, error) {
	if cond == "root" {
		return os.Getuid() == 0, nil
	}
	name, known := parts[cond]
	if !known {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	there := os.Getenv(name) != ""
	if !there && os.Getenv("CI") == "true" {
		return false, fmt.Errorf("%s is not set: this part may not be skipped in CI", name)
	}
	return there, nil
}

// theatre is what one script plays on.
type theatre struct {
	cloud    *cloudrutest.Server
	registry *imagetest.Registry
	image    imagetest.Pushed
	trees    map[string]map[string]string
}

type theatreKey struct{}

func newStageFor(e *testscript.Env) error {
	th := &theatre{trees: map[string]map[string]string{}, registry: imagetest.NewRegistry()}
	key, key2 := ownKey(scriptKey), ownKey(scriptKey2)
	if err := replaceInFiles(e.WorkDir, strings.NewReplacer(scriptKey, key, scriptKey2, key2)); err != nil {
		return err
	}
	th.cloud = cloudrutest.NewHandler(cloudrutest.WithKey(secrets.New([]byte(key))), cloudrutest.WithKey(secrets.New([]byte(key2))))
	api, err := th.cloud.Start()
	if err != nil {
		return err
	}
	e.Defer(func() { _ = api.Close() })
	if err := th.registry.Start(); err != nil {
		return err
	}
	e.Defer(func() { _ = th.registry.Close() })
	image, err := th.registry.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{})
	if err != nil {
		return err
	}
	port, err := unusedPort()
	if err != nil {
		return err
	}
	e.Values[theatreKey{}], th.image = th, image
	return th.environment(e, map[string]string{
		"API": api.URL.String(), "IMAGE": image.Reference, "DIGEST": image.Digest, "PORT": port, "KEY": key, "KEY2": key2,
		"REGISTRY": th.registry.Host(), "ESCAPE": "zai-org/\x1b[2J\x1b]0;title\x07",
	})
}

// ownKey is a key that begins like another one and is nobody else's.
func ownKey(key string) string { return key[:strings.LastIndexByte(key, '-')+1] + rand.Text()[:10] }

// replaceInFiles replaces in the files that a script brings.
func replaceInFiles(dir string, r *strings.Replacer) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if now := r.Replace(string(b)); now != string(b) {
			return os.WriteFile(path, []byte(now), 0o666)
		}
		return nil
	})
}

// environment is a home of the script's own: no bus, no real program.
func (th *theatre) environment(e *testscript.Env, vars map[string]string) error {
	home := filepath.Join(e.WorkDir, "home")
	if err := os.MkdirAll(filepath.Join(home, "bin"), 0o700); err != nil {
		return err
	}
	claude := filepath.Join(home, "bin", "claude")
	if err := os.WriteFile(claude, []byte("#!/bin/sh\necho '2.1.330 (Claude Code)'\n"), 0o700); err != nil {
		return err
	}
	for name, v := range vars {
		e.Setenv(name, v)
	}
	e.Setenv("HOME", home)
	e.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	e.Setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
	e.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	e.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	e.Setenv("PATH", filepath.Join(home, "bin")+":"+e.Getenv("PATH"))
	e.Setenv("TERM", "dumb")
	e.Setenv("LANG", "C")
	e.Setenv("CONFIG", filepath.Join(home, ".config", "clawsetup"))
	e.Setenv("STATE", filepath.Join(home, ".local", "state", "clawsetup"))
	program, err := exec.LookPath("clawsetup")
	if err != nil {
		return err
	}
	e.Setenv("PROGRAM", program)
	e.Setenv("CLAWSETUP_TEST_GATEWAY", filepath.Join(home, "bin", "gateway"))
	if err := os.WriteFile(filepath.Join(home, "bin", "gateway"), staticELF(), 0o700); err != nil {
		return err
	}
	// Scripts start nothing: the engine of this machine is not theirs.
	e.Setenv("DOCKER_HOST", "unix://"+filepath.Join(home, "no-engine.sock"))
	e.Setenv("BUS", os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	e.Setenv("OPENCLAW_BIN", filepath.Dir(os.Getenv("CLAWSETUP_TEST_OPENCLAW")))
	return nil
}

// staticELF is the head of a static Linux executable for this architecture without any
// program: enough to make the gateway's image of, on any system, where nobody runs it.
func staticELF() []byte {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16], head[20], head[52], head[54], head[58] = 2, 1, 64, 56, 64
	head[18] = byte(map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH])
	return head
}

func of(ts *testscript.TestScript) *theatre { return ts.Value(theatreKey{}).(*theatre) }

// code N CMD ARGS... runs CMD and wants exit code N. "<FILE" as the first argument
// after N is its standard input; $FULL stands for all flags that answer init.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N [<FILE] CMD ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	args = args[1:]
	var stdin *os.File
	if in, ok := strings.CutPrefix(args[0], "<"); ok {
		stdin, err = os.Open(ts.MkAbs(in))
		ts.Check(err)
		defer func() { _ = stdin.Close() }()
		args = args[1:]
	}
	args = expandFull(ts, args)
	path, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(out.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), []byte(errOut.String()), 0o600))
	got := cmd.ProcessState.ExitCode()
	ts.Logf("[exit %d]\n--- stdout\n%s--- stderr\n%s", got, out.String(), errOut.String())
	if got != want {
		ts.Fatalf("exit code %d, want %d (%v)", got, want, err)
	}
}

// expandFull replaces the word FULL by the flags that answer every question of
// init but the key.
func expandFull(ts *testscript.TestScript, args []string) []string {
	var out []string
	for _, a := range args {
		if a != "FULL" {
			out = append(out, a)
			continue
		}
		out = append(out, "--yes", "--api-base", ts.Getenv("API"), "--allow-private-api", "--image", ts.Getenv("IMAGE"),
			"--trust-first-use", "--store", "docker", "--port", ts.Getenv("PORT"))
	}
	return out
}

func scriptEnv(ts *testscript.TestScript) []string {
	env := []string{noRaceSleep}
	for _, name := range []string{
		"PATH", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TERM", "LANG", "KILL_AT",
		"OPENCLAW_CONFIG_PATH", "DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_API_VERSION", "NO_COLOR", "CLAWSETUP_JOURNAL_KEYS", "TMPDIR", "CLAWSETUP_TEST_GATEWAY",
	} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// cloud revoke|add KEY, disconnect|connect MODEL, fail N limited|server|drop|garbage,
// heal: changes what the simulator of cloud.ru answers.
func cmdCloud(ts *testscript.TestScript, _ bool, args []string) {
	c := of(ts).cloud
	switch args[0] {
	case "revoke":
		c.RevokeKey(secrets.New([]byte(args[1])))
	case "disconnect":
		c.Disconnect(args[1])
	case "fail":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		c.Fail(n, map[string]cloudrutest.Fault{
			"limited": cloudrutest.RateLimit(0), "server": cloudrutest.Refuse(503, "unavailable", "try later"),
			"drop": cloudrutest.Drop(), "garbage": cloudrutest.Body(200, "application/json", []byte("{")),
			"escape": cloudrutest.Refuse(418, "teapot", "\x1b[2Jgone\u202e"),
		}[args[2]])
	case "heal":
		c.Heal()
	case "asked":
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		if got := len(c.Requests()); got != want {
			ts.Fatalf("cloud.ru was asked %d times, want %d", got, want)
		}
	default:
		ts.Fatalf("cloud %v?", args)
	}
}

// registry repush SEED: the tag names another image from now on, $DIGEST2.
// registry lie NAME: it serves something else than it should. registry real SEED
// pushes to Debian's registry instead, $IMAGE and $DIGEST. registry sign
// bundle|legacy FILE signs the image with a new key, its public half in FILE.
func cmdRegistry(ts *testscript.TestScript, _ bool, args []string) {
	r := of(ts).registry
	switch args[0] {
	case "repush":
		seed, err := strconv.ParseUint(args[1], 10, 64)
		ts.Check(err)
		p, err := r.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{Seed: seed})
		ts.Check(err)
		ts.Setenv("DIGEST2", p.Digest)
	case "sign":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644))
		sign := map[string]func(imagetest.Pushed, crypto.Signer, imagetest.Claims) error{"bundle": r.SignBundle, "legacy": r.SignLegacy}[args[1]]
		ts.Check(sign(of(ts).image, key, imagetest.Claims{}))
	case "real":
		repo := fmt.Sprintf("%s/clawsetup-test/proxy-%d", os.Getenv("CLAWSETUP_TEST_REGISTRY"), os.Getpid())
		tag, err := name.NewTag(repo + ":latest")
		ts.Check(err)
		seed, err := strconv.ParseUint(args[1], 10, 64)
		ts.Check(err)
		p, err := imagetest.PushProxyTo(tag, http.DefaultTransport, imagetest.ProxyOptions{Seed: seed})
		ts.Check(err)
		ts.Setenv("IMAGE", p.Reference)
		ts.Setenv("DIGEST", p.Digest)
	case "lie":
		r.Tell(map[string]imagetest.Lie{
			"header": imagetest.FalseHeader, "manifest": imagetest.SwappedManifest, "blob": imagetest.SwappedBlob,
			"huge": imagetest.HugeManifest, "type": imagetest.ConfusedType, "truth": imagetest.Truth,
		}[args[1]])
	default:
		ts.Fatalf("registry %v?", args)
	}
}

// listen PORT: somebody else listens on 127.0.0.1:PORT until the script ends.
func cmdListen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp4", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// lines FILE N: the file has N lines.
func cmdLines(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); got != want {
		ts.Fatalf("%s has %d lines, want %d", args[0], got, want)
	}
}

// snapshot NAME DIR remembers every file under DIR; unchanged NAME DIR wants them
// and no others, with the same modes and contents.
func cmdSnapshot(ts *testscript.TestScript, _ bool, args []string) {
	tree, err := readTree(ts.MkAbs(args[1]))
	ts.Check(err)
	of(ts).trees[args[0]] = tree
}

func cmdUnchanged(ts *testscript.TestScript, _ bool, args []string) {
	now, err := readTree(ts.MkAbs(args[1]))
	ts.Check(err)
	before := of(ts).trees[args[0]]
	for name, v := range before {
		if now[name] != v {
			ts.Fatalf("%s changed", name)
		}
	}
	for name := range now {
		if _, ok := before[name]; !ok {
			ts.Fatalf("%s is new", name)
		}
	}
}

// readTree maps what is under root, folders included, to mode and content.
func readTree(root string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		content := ""
		if st.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, os.ErrPermission) {
				return err
			}
			content = string(b)
		}
		out[strings.TrimPrefix(path, root)] = st.Mode().String() + " " + content
		return nil
	})
	return out, err
}

// hold FILE: somebody holds the lock FILE until the script ends.
func cmdHold(ts *testscript.TestScript, _ bool, args []string) {
	me := files.Holder{PID: 4242, User: "anna", Command: "clawsetup", Since: time.Now()}
	l, err := (&files.Disk{}).Acquire(context.Background(), ts.MkAbs(args[0]), me, 0, nil)
	ts.Check(err)
	ts.Defer(func() { _ = l.Release() })
}

// mode PERM FILE: the file has exactly these permissions.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	st, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// make huge|fifo|foreign|unreadable|bytes FILE [TEXT]: awkward files.
func cmdMake(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	switch args[0] {
	case "huge":
		ts.Check(os.WriteFile(path, make([]byte, 9<<20), 0o600))
	case "fifo":
		ts.Check(syscall.Mkfifo(path, 0o600))
	case "foreign":
		ts.Check(os.WriteFile(path, []byte("{}\n"), 0o644))
		ts.Check(os.Chown(path, 12345, 12345))
	case "unreadable":
		ts.Check(os.WriteFile(path, []byte("{}\n"), 0o000))
	case "bytes":
		s, err := strconv.Unquote(`"` + args[2] + `"`)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(s), 0o600))
	case "megabyte":
		ts.Check(os.WriteFile(path, []byte(strings.Repeat("k", 1<<20)), 0o600))
	default:
		ts.Fatalf("make %v?", args)
	}
}

// unusedPort is none of those that the system gives to who asks for any: a simulator that
// starts later would get it.
func unusedPort() (string, error) {
	for range 100 {
		port := strconv.Itoa(20000 + mathrand.IntN(12000))
		l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return "", errors.New("no unused port in 100 tries")
}
