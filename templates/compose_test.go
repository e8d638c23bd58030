package templates

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// uvRoot is the default proxy image as its likely source builds it.
func uvRoot() Compose {
	return Compose{
		Project: "clawsetup-proxy", Image: "docker.io/legard/claude-code-proxy@" + digest,
		Cmd: []string{"uv", "run", "start_proxy.py"}, WorkingDir: "/app",
		RunAs: "0:0", AllowRoot: true, Port: 8082,
		APIBase: "https://foundation-models.api.cloud.ru/v1", SecretsDir: secretsDir,
	}
}

func nonRoot() Compose {
	c := uvRoot()
	c.Image, c.WorkingDir, c.RunAs, c.AllowRoot, c.User = "registry.example:5000/team/proxy@"+digest, "/srv", "", false, "10001:10001"
	c.Entrypoint = []string{"/usr/local/bin/python3.12", "-m", "proxy"}
	c.Cmd = []string{"--greeting", "it's $5", "--quiet"}
	return c
}

func unusualPort() Compose {
	c := uvRoot()
	c.Project, c.Port, c.Cmd = "second_stack", 49317, []string{"/bin/sh", "-c", "exec /proxy --port=$PORT"}
	c.RunAs, c.AllowRoot = "65532:65532", false
	c.MemoryMiB, c.CPUs, c.Pids, c.MaxTokens, c.RequestTimeout = 1024, 0.5, 200, 8192, 30*time.Second
	return c
}

// guarded is the usual layout: the proxy behind its gateway.
func guarded() Compose {
	c := uvRoot()
	c.RunAs, c.AllowRoot = "65532:65532", false
	c.Gateway = &Gateway{Image: digest}
	return c
}

// relaxed gives up everything that can be given up.
func relaxed() Compose {
	c := guarded()
	c.RunAs, c.AllowRoot, c.DefaultSeccomp, c.Tmpfs, c.Launcher = "0:0", true, true, []string{"/var/cache", "/app/logs"}, launcher
	c.Gateway.AllowPrivate, c.APIBase = true, "http://10.1.2.3/v1"
	return c
}

func alone() Compose {
	c := uvRoot()
	c.Alone = true
	return c
}

func TestComposeFileGolden(t *testing.T) {
	for name, c := range map[string]Compose{
		"uv-root": uvRoot(), "non-root": nonRoot(), "unusual-port": unusualPort(), "gateway": guarded(), "relaxed": relaxed(), "alone": alone(),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ComposeFile(c)
			if err != nil {
				t.Fatal(err)
			}
			// The folder of the secrets is the only part that is the host's own.
			text := strings.ReplaceAll(string(got), quotedDir(t, c.SecretsDir), "SECRETS/")
			text = strings.ReplaceAll(text, strings.TrimSuffix(quotedDir(t, launcher), quotedDir(t, "")), "LAUNCHER")
			golden := filepath.Join("testdata", "compose-"+name+".golden.yml")
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("differs from %s (run with -update):\n%s", golden, text)
			}
		})
	}
}

// quotedDir is the folder with its separator, as it stands inside the quotes.
func quotedDir(t *testing.T, dir string) string {
	t.Helper()
	q, err := quoteCompose(dir + string(filepath.Separator))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(q, `"`)
}

// TestComposeFileNamesControls keeps the promise of the file's header.
func TestComposeFileNamesControls(t *testing.T) {
	got, err := ComposeFile(nonRoot())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"image: .* # S-03", "entrypoint: # I-01", "BIG_MODEL: .* # T-02", "LOG_LEVEL: .* # R-01", "REQUEST_TIMEOUT: .* # D-03",
		"ports: .* # S-01", "secrets: .* # I-01", "user: .* # E-01", "cap_drop: .* # E-01", `"no-new-privileges:true" # E-01`,
		`"seccomp=./seccomp.json" # E-01`, "read_only: true # E-01", "tmpfs: # E-01", "mem_limit: .* # D-02", "memswap_limit: .* # D-02",
		"cpus: .* # D-02", "pids_limit: .* # D-02", "nofile: .* # D-02", "restart: .* # D-02", "healthcheck: # D-02", "host_binding_ipv4: .* # S-01",
	} {
		if !regexp.MustCompile(line).Match(got) {
			t.Errorf("no line matches %q", line)
		}
	}
	if strings.Contains(strings.ReplaceAll(string(got), "never the paid /test-connection", ""), "test-connection") {
		t.Error("the health check makes a paid call")
	}
}

func TestComposeFileRefuses(t *testing.T) {
	for name, change := range map[string]func(*Compose){
		"project empty":      func(c *Compose) { c.Project = "" },
		"project upper case": func(c *Compose) { c.Project = "Claw" },
		"image by tag":       func(c *Compose) { c.Image = "legard/claude-code-proxy:latest" },
		"image short digest": func(c *Compose) { c.Image = "a@sha256:abc" },
		"image two lines":    func(c *Compose) { c.Image = "a\nb@" + digest },
		"user by name":       func(c *Compose) { c.RunAs = "app" },
		"user without group": func(c *Compose) { c.RunAs = "1000" },
		"user missing":       func(c *Compose) { c.RunAs = "" },
		"image user a name":  func(c *Compose) { c.RunAs, c.User = "", "app:app" },
		"root not allowed":   func(c *Compose) { c.AllowRoot = false },
		"root's group":       func(c *Compose) { c.RunAs, c.AllowRoot = "1000:0", false },
		"root disguised":     func(c *Compose) { c.RunAs, c.AllowRoot = "00:1", false },
		"port zero":          func(c *Compose) { c.Port = 0 },
		"port too high":      func(c *Compose) { c.Port = 65536 },
		"base not a URL":     func(c *Compose) { c.APIBase = "foundation-models.api.cloud.ru" },
		"base unreadable":    func(c *Compose) { c.APIBase = "https://a b/%zz" },
		"base other scheme":  func(c *Compose) { c.APIBase = "file:///etc/passwd" },
		"base without host":  func(c *Compose) { c.APIBase = "https:///v1" },
		"base with user":     func(c *Compose) { c.APIBase = "https://me:hunter2@host/v1" },
		"base with query":    func(c *Compose) { c.APIBase = "https://host/v1?key=hunter2" },
		"base with fragment": func(c *Compose) { c.APIBase = "https://host/v1#" },
		"secrets relative":   func(c *Compose) { c.SecretsDir = "secrets" },
		"seccomp elsewhere":  func(c *Compose) { c.SeccompFile = "/etc/unconfined" },
		"seccomp unconfined": func(c *Compose) { c.SeccompFile = "unconfined" },
		"memory tiny":        func(c *Compose) { c.MemoryMiB = 16 },
		"memory negative":    func(c *Compose) { c.MemoryMiB = -1 },
		"cpus NaN":           func(c *Compose) { c.CPUs = math.NaN() },
		"cpus none":          func(c *Compose) { c.CPUs = 0.01 },
		"pids unlimited":     func(c *Compose) { c.Pids = -1 },
		"tokens negative":    func(c *Compose) { c.MaxTokens = -1 },
		"timeout fraction":   func(c *Compose) { c.RequestTimeout = 1500 * time.Millisecond },
		"no command":         func(c *Compose) { c.Cmd = nil },
		"clears variables":   func(c *Compose) { c.Cmd = []string{"nice", "env", "-i", "python"} },
		"gateway by tag":     func(c *Compose) { c.Gateway = &Gateway{Image: "clawsetup:latest"} },
		"writable stack":     func(c *Compose) { c.Writable = true },
		"launcher relative":  func(c *Compose) { c.Launcher = "clawsetup" },
		"tmpfs relative":     func(c *Compose) { c.Tmpfs = []string{"cache"} },
		"tmpfs over all":     func(c *Compose) { c.Tmpfs = []string{"/"} },
		"tmpfs over usr":     func(c *Compose) { c.Tmpfs = []string{"/usr"} },
		"tmpfs over run":     func(c *Compose) { c.Tmpfs = []string{"/run"} },
		"tmpfs over secrets": func(c *Compose) { c.Tmpfs = []string{"/run/secrets"} },
		"tmpfs in secrets":   func(c *Compose) { c.Tmpfs = []string{"/run/secrets/x"} },
		"tmpfs with options": func(c *Compose) { c.Tmpfs = []string{"/a:exec"} },
		"tmpfs upwards":      func(c *Compose) { c.Tmpfs = []string{"/a/../usr"} },
		"tmpfs two lines":    func(c *Compose) { c.Tmpfs = []string{"/a\n/b"} },
		"tmpfs too long":     func(c *Compose) { c.Tmpfs = []string{"/" + strings.Repeat("a", 300)} },
		"NUL in secrets dir": func(c *Compose) { c.SecretsDir += "\x00" },
		"secrets not UTF-8":  func(c *Compose) { c.SecretsDir += "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			c := uvRoot()
			change(&c)
			b, err := ComposeFile(c)
			if err == nil || b != nil {
				t.Fatalf("rendered:\n%s", b)
			}
			if name != "no command" && !errors.Is(err, ErrValue) {
				t.Errorf("not ErrValue: %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a credential: %v", err)
			}
		})
	}
}

// skeleton is what YAML reads, with the values that come from c's strings left
// out: it may not depend on what the strings hold.
func skeleton(t *testing.T, b []byte) (map[string]any, []any, string) {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%v in:\n%s", err, b)
	}
	service := doc["services"].(map[string]any)[Service].(map[string]any)
	entrypoint, base := service["entrypoint"].([]any), service["environment"].(map[string]any)["OPENAI_BASE_URL"].(string)
	service["entrypoint"], service["environment"].(map[string]any)["OPENAI_BASE_URL"] = nil, nil
	delete(service, "healthcheck") // tested by its own test; depends on the first word
	return doc, entrypoint, base
}

func FuzzComposeFile(f *testing.F) {
	for _, s := range []string{
		"python", "", "a\"\nprivileged: true\n#", "x\n    privileged: true", "${HOME}", "$$", "$(id)", "`id`", "'; id; '", "\\", "*anchor", "!!binary",
		"\u2028", "\u0085", "\ufeff", "\x1b[2J", "{{.C}}", "]", "- a: b", "<<: *hard", "ключ", "\U0001f600", "\xff", "a\x00b", "\r", "'",
	} {
		f.Add(s, "https://host/"+s, s, "org/"+s)
	}
	plain, err := ComposeFile(uvRoot())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, word, base, user, model string) {
		c := uvRoot()
		c.Entrypoint, c.Cmd, c.WorkingDir, c.User, c.APIBase = []string{"run", word}, []string{word, user}, "/"+word, user, base
		fuzzEnv(t, model)
		b, err := ComposeFile(c)
		if err != nil {
			return
		}
		want, _, _ := skeleton(t, plain)
		got, entrypoint, gotBase := skeleton(t, b)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("the values changed the file's structure:\n%s", b)
		}
		// Without one lone "$" compose has nothing to replace.
		if unescape(t, gotBase) != base {
			t.Errorf("base URL %q became %q", base, gotBase)
		}
		if len(entrypoint) != 3 {
			t.Fatalf("entrypoint of %d words", len(entrypoint))
		}
		wrapper, err := Wrapper(c.Entrypoint, c.Cmd, c.WorkingDir)
		if err != nil || unescape(t, entrypoint[2].(string)) != wrapper[2] {
			t.Errorf("wrapper %q became %q (%v)", wrapper, entrypoint, err)
		}
	})
}

// fuzzEnv shows that a model id cannot add a line to .env or leave its value.
func fuzzEnv(t *testing.T, model string) {
	b, err := EnvFile(Env{model, "m", "s"})
	if err != nil {
		return
	}
	if want := envHeader + "BIG_MODEL=" + model + "\nMIDDLE_MODEL=m\nSMALL_MODEL=s\n"; string(b) != want {
		t.Fatalf("got %q", b)
	}
	if strings.ContainsAny(model, "\n\r \t\"'`$#\\;&|<>(){}") {
		t.Fatalf("model %q was accepted", model)
	}
}

// unescape does what compose does with "$$", and fails on a "$" that it would
// take for a variable.
func unescape(t *testing.T, s string) string {
	t.Helper()
	if strings.Contains(strings.ReplaceAll(s, "$$", ""), "$") {
		t.Fatalf("%q holds a variable", s)
	}
	return strings.ReplaceAll(s, "$$", "$")
}

func BenchmarkComposeFile(b *testing.B) {
	for b.Loop() {
		if _, err := ComposeFile(uvRoot()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestOrigin(t *testing.T) {
	for base, want := range map[string]string{
		"https://foundation-models.api.cloud.ru/v1": "https://foundation-models.api.cloud.ru:443",
		"https://API.Example:8443/v1":               "https://api.example:8443",
		"http://10.0.0.1":                           "http://10.0.0.1:80",
		"https://[2001:db8::1]/v1":                  "https://[2001:db8::1]:443",
	} {
		if got := Origin(base); got != want {
			t.Errorf("%s: %q, want %q", base, got, want)
		}
	}
}

// TestGatewaySharesTheHardening: what is taken from the one service is taken from the
// other as well.
func TestGatewaySharesTheHardening(t *testing.T) {
	b, err := ComposeFile(guarded())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`cap_drop: ["ALL"]`, "no-new-privileges:true", "seccomp=./seccomp.json", "read_only: true", "ipc: private", "cgroup: private", "mem_limit:", "pids_limit:", "core: 0", "max-size"} {
		if strings.Count(string(b), line) != 2 {
			t.Errorf("%q is there %d times", line, strings.Count(string(b), line))
		}
	}
	if strings.Count(string(b), "ports:") != 1 {
		t.Error("the proxy publishes a port past the gateway")
	}
}
