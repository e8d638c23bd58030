package compose

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/templates"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// secretsDir is where the rendered files have their secrets.
func secretsDir() string {
	if runtime.GOOS == "windows" {
		return `C:\Users\op\clawsetup\secrets`
	}
	return "/home/op/.config/clawsetup/secrets"
}

const apiBase = "https://foundation-models.api.cloud.ru/v1"

// expected is the set-up that the rendered files are of.
func expected(relax ...Relaxation) Made {
	return Made{APIBase: apiBase, SecretsDir: secretsDir(), Relaxed: relax}
}

func rendered(t testing.TB, change func(*templates.Compose)) []byte {
	t.Helper()
	c := templates.Compose{
		Project: "clawsetup-test", Image: "docker.io/legard/claude-code-proxy@" + digest,
		Cmd: []string{"uv", "run", "start_proxy.py"}, WorkingDir: "/app", RunAs: "65532:65532", Port: 8082,
		APIBase: apiBase, SecretsDir: secretsDir(),
	}
	if change != nil {
		change(&c)
	}
	b, err := templates.ComposeFile(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// guarded is the layout with the gateway.
func guarded(c *templates.Compose) { c.Gateway = &templates.Gateway{Image: digest} }

func mapping(t testing.TB) []byte {
	t.Helper()
	b, err := templates.EnvFile(templates.Env{Big: "zai-org/GLM-5.1", Middle: "zai-org/GLM-4.7", Small: "openai/gpt-oss-120b"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// found lists "control rule" of every Violation joined in err; any other error
// ends the test.
func found(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatal(err)
	}
	var out []string
	for _, e := range joined.Unwrap() {
		var v Violation
		if !errors.As(e, &v) {
			t.Fatal(e)
		}
		if !strings.HasPrefix(v.Error(), v.Control+": ") || v.Detail == "" {
			t.Errorf("%+v does not name its control: %v", v, v)
		}
		out = append(out, v.Control+" "+v.Rule)
	}
	return out
}

func TestValidateAccepts(t *testing.T) {
	for name, change := range map[string]func(*templates.Compose){
		"default":                           guarded,
		"no interpreter for a health check": func(c *templates.Compose) { guarded(c); c.Cmd = []string{"/proxy"} },
		"another port":                      func(c *templates.Compose) { guarded(c); c.Port = 65535 },
		"small": func(c *templates.Compose) {
			guarded(c)
			c.MemoryMiB, c.CPUs, c.Pids = 128, 0.1, 32
		},
		"folders that it writes to": func(c *templates.Compose) { guarded(c); c.Tmpfs = []string{"/var/cache"} },
		"no shell":                  func(c *templates.Compose) { guarded(c); c.Launcher = filepath.Join(c.SecretsDir, "clawsetup") },
	} {
		t.Run(name, func(t *testing.T) {
			// The folder does not exist: nothing may be read from it or made in it.
			dir := filepath.Join(t.TempDir(), "none")
			if err := Validate(t.Context(), dir, rendered(t, change), mapping(t), expected()); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder appeared: %v", err)
			}
		})
	}
}

// TestValidateRelaxed: what is given up is a violation without its name, and none
// with it.
func TestValidateRelaxed(t *testing.T) {
	for relax, tt := range map[Relaxation]struct {
		change func(*templates.Compose)
		want   []string
	}{
		AllowRoot:      {func(c *templates.Compose) { guarded(c); c.RunAs, c.AllowRoot = "0:0", true }, []string{"E-01 user"}},
		DefaultSeccomp: {func(c *templates.Compose) { guarded(c); c.DefaultSeccomp = true }, []string{"E-01 seccomp"}},
		OpenEgress:     {nil, []string{"E-01 egress", "E-01 name-lookup"}},
	} {
		b := rendered(t, tt.change)
		if got := found(t, Validate(t.Context(), t.TempDir(), b, mapping(t), Made{})); !slices.Equal(got, tt.want) {
			t.Errorf("%s without consent: %q", relax, got)
		}
		if err := Validate(t.Context(), t.TempDir(), b, mapping(t), Made{Relaxed: []Relaxation{relax}}); err != nil {
			t.Errorf("%s with consent: %v", relax, err)
		}
	}
}

// mutation takes one control out of the rendered file. Exactly that check turns red.
type mutation struct{ want, old, new string }

var mutations = []mutation{
	{"S-03 image-digest", "@" + digest, ":latest"},
	{"S-03 image-digest", "    pull_policy: missing", "    build: ."},
	{"S-01 loopback-port", `"127.0.0.1:8082:8082"`, `"8082:8082"`},
	{"S-01 loopback-port", `"127.0.0.1:8082:8082"`, `"0.0.0.0:8082:8082"`},
	{"S-01 loopback-port", `"127.0.0.1:8082:8082"`, `"127.0.0.1:8082:8082", "[::1]:8082:8082"`},
	{"E-01 cap-drop", `    cap_drop: ["ALL"]`, ``},
	{"E-01 cap-drop", `cap_drop: ["ALL"]`, `cap_drop: ["NET_RAW"]`},
	{"E-01 cap-add", `cap_drop: ["ALL"]`, `cap_drop: ["ALL"]` + "\n" + `    cap_add: ["SYS_ADMIN"]`},
	{"E-01 privileged", "init: true", "init: true\n    privileged: true"},
	{"E-01 network-mode", `networks: ["isolated"]`, `network_mode: host`},
	{"E-01 network-mode", `networks: ["isolated"]`, `network_mode: "container:other"`},
	{"E-01 pid", "init: true", "init: true\n    pid: host"},
	{"E-01 cgroup", "cgroup: private", "cgroup: host"},
	{"E-01 cgroup", "    cgroup: private # E-01\n", ""},
	{"E-01 ipc", "ipc: private", "ipc: host"},
	{"E-01 ipc", "    ipc: private # E-01\n", ""},
	{"E-01 engine-socket", "init: true", "init: true\n    volumes: [\"/var/run/docker.sock:/tmp/x\"]"},
	{"E-01 engine-socket", "init: true", "init: true\n    use_api_socket: true"},
	{"E-01 mounts", "init: true", "init: true\n    volumes: [\"/home:/host\"]"},
	{"E-01 engine-socket", "init: true", "init: true\n    volumes: [\"/:/host\"]"},
	{"E-01 engine-socket", "init: true", "init: true\n    volumes: [\"/var/run:/host:ro\"]"},
	{"E-01 engine-socket", "init: true", "init: true\n    volumes: [\"/run/user/1000:/host\"]"},
	{"E-01 read-only", "read_only: true", "read_only: false"},
	{"E-01 read-only", "    read_only: true # E-01\n", ""},
	{"E-01 no-new-privileges", `      - "no-new-privileges:true" # E-01` + "\n", ""},
	{"E-01 no-new-privileges", `"no-new-privileges:true"`, "\"no-new-privileges:true\"\n      - \"no-new-privileges:0\""},
	{"E-01 seccomp", `      - "seccomp=./seccomp.json" # E-01` + "\n", ""},
	{"E-01 seccomp", `seccomp=./seccomp.json`, "seccomp=/tmp/allow-all.json"},
	{"E-01 seccomp", `seccomp=./seccomp.json`, "seccomp:./allow-all.json"},
	{"E-01 seccomp", `seccomp=./seccomp.json"`, "seccomp=./seccomp.json\"\n      - \"seccomp=./allow-all.json\""},
	{"E-01 seccomp", `seccomp=./seccomp.json`, "seccomp=unconfined"},
	{"E-01 seccomp", `seccomp=./seccomp.json`, "seccomp=builtin"},
	{"E-01 confinement", `      - "seccomp=`, "      - \"apparmor=unconfined\"\n      - \"seccomp="},
	{"E-01 confinement", `      - "seccomp=`, "      - \"label:disable\"\n      - \"seccomp="},
	{"E-01 user", `user: "65532:65532"`, `user: "0:0"`},
	{"E-01 user", `user: "65532:65532"`, `user: root`},
	{"E-01 user", `    user: "65532:65532" # E-01` + "\n", ``},
	{"E-01 user", `user: "65532:65532"`, `user: "65532:0"`},
	{"E-01 user", `user: "65532:65532"`, `user: "65532"`},
	{"E-01 tmpfs", "noexec,", ""},
	{"E-01 tmpfs", "nosuid,", ""},
	{"E-01 tmpfs", "nodev,", ""},
	{"E-01 tmpfs", "size=64m,", ""},
	{"E-01 tmpfs", "size=64m", "size=9999g"},
	{"E-01 tmpfs", "size=64m", "size=64m,size=0"},
	{"E-01 tmpfs", "size=64m", "size=100%"},
	{"E-01 tmpfs", "size=64m", "size=64m,nr_blocks=0"},
	{"E-01 tmpfs", "noexec,", "noexec,exec,"},
	{"E-01 tmpfs", "nosuid,", "nosuid,suid,"},
	{"E-01 tmpfs", "nodev,", "nodev,dev,"},
	{"E-01 unexpected", "init: true", "init: true\n    devices: [\"/dev/kmsg\"]"},
	{"E-01 unexpected", "init: true", "init: true\n    env_file: [\"/nonexistent/env\"]"},
	{"E-01 unexpected", "init: true", "init: true\n    label_file: [\"/nonexistent/labels\"]"},
	{"E-01 unexpected", "init: true", "init: true\n    extends: {file: other.yml, service: x}"},
	{"E-01 unexpected", "init: true", "init: true\n    userns_mode: host"},
	{"E-01 unexpected", "init: true", "init: true\n    group_add: [docker]"},
	{"E-01 unexpected", "init: true", "init: true\n    profiles: [hidden]"},
	{"E-01 unexpected", "init: true", "init: true\n    post_start: [{command: [id], privileged: true}]"},
	{"E-01 unexpected", "init: true", "init: true\n    x-y: z"},
	{"I-01 secret-in-environment", "HOST: ", "OPENAI_API_KEY: \"x\"\n      HOST: "},
	{"I-01 secret-in-environment", "HOST: ", "db-password: \"x\"\n      HOST: "},
	{"I-01 secret-in-environment", "HOST: ", "ANTHROPIC_AUTH_TOKEN:\n      HOST: "},
	{"I-01 secret-in-environment", "https://foundation", "https://me:pw@foundation"},
	{"T-02 environment", "HOST: ", "LD_PRELOAD: /tmp/x.so\n      HOST: "},
	{"T-02 environment", "HOST: ", "PYTHONPATH: /tmp\n      HOST: "},
	{"T-02 environment", "HOST: ", "SSL_CERT_FILE: /tmp/ca.pem\n      HOST: "},
	{"T-02 environment", "HOST: ", "ANYTHING: x\n      HOST: "},
	{"E-01 proxy-variables", "HOST: ", "HTTPS_PROXY: http://evil.example:3128\n      HOST: "},
	{"E-01 proxy-variables", "HOST: ", "all_proxy: socks5://evil.example\n      HOST: "},
	{"S-04 api-address", apiBase, "http://foundation-models.api.cloud.ru/v1"},
	{"S-04 api-address", apiBase, "https://evil.example/v1"},
	{"S-04 api-address", apiBase, ""},
	{"I-01 core-dump", "      core: 0 # I-01: a core file would hold the key\n", ""},
	{"I-01 core-dump", "core: 0", "core: -1"},
	{"I-01 secret-files", `secrets: ["cloudru_api_key", "proxy_token"]`, `secrets: ["cloudru_api_key"]`},
	{"I-01 secret-files", `secrets: ["cloudru_api_key", "proxy_token"]`, `secrets: ["cloudru_api_key", {source: proxy_token, target: /tmp/t}]`},
	{"I-01 secret-files", `secrets: ["cloudru_api_key", "proxy_token"]`, `secrets: ["cloudru_api_key", {source: cloudru_api_key, target: proxy_token}]`},
	{"I-01 secret-source", "\nsecrets:\n", "\nsecrets:\n  home: {file: /home}\n"},
	{"I-01 secret-source", "  proxy_token: {file: ", "  proxy_token: {file: /home/op/.ssh/proxy_token} #"},
	{"I-01 secret-source", "  proxy_token: {file: ", "  proxy_token: {file: /home/op/.ssh/id_ed25519} #"},
	{"E-01 secret-socket", "\nsecrets:\n", "\nsecrets:\n  hostroot: {file: /}\n"},
	{"E-01 secret-socket", "  proxy_token: {file: ", "  proxy_token: {file: /} #"},
	{"E-01 secret-socket", "  proxy_token: {file: ", "  proxy_token: {file: /var/run} #"},
	{"I-01 secret-source", "  proxy_token: {file: ", "  proxy_token: {environment: HOME} #"},
	{"E-01 secret-socket", "/secrets/proxy_token\"", "/docker.sock\""},
	{"D-02 memory", "    mem_limit: 512m # D-02\n", ""},
	{"D-02 swap", "    memswap_limit: 512m # D-02: no swap beyond memory\n", ""},
	{"D-02 swap", "memswap_limit: 512m", "memswap_limit: -1"},
	{"D-02 cpus", "    cpus: 1 # D-02\n", ""},
	{"D-02 cpus", "cpus: 1", "cpus: 1000"},
	{"D-02 pids", "pids_limit: 100", "pids_limit: -1"},
	{"D-02 pids", "pids_limit: 100", "pids_limit: 1000000000"},
	{"D-02 pids", "    pids_limit: 100", "    #"},
	{"D-02 nofile", "      nofile: {soft: 4096, hard: 4096} # D-02\n", ""},
	{"D-02 nofile", "nofile: {soft: 4096, hard: 4096}", "nofile: {soft: 4096, hard: 1073741816}"},
	{"D-02 oom", "    oom_score_adj: 500", "    #"},
	{"D-02 oom", "init: true", "init: true\n    oom_kill_disable: true"},
	{"D-02 restart", `restart: "on-failure:5"`, "restart: always"},
	{"D-02 restart", `restart: "on-failure:5"`, "restart: on-failure"},
	{"D-02 init", "init: true", "init: false"},
	{"D-02 health", `\"/health\"`, `\"/test-connection\"`},
	{"D-02 health", "interval: 10s", "interval: 30s"},
	{"D-02 health", "interval: 10s", "disable: true"},
	{"R-01 log-rotation", `options: {max-size: "10m", max-file: "3"}`, `options: {max-file: "3"}`},
	{"R-01 log-rotation", `max-size: "10m"`, `max-size: "-1"`},
	{"R-01 log-rotation", `max-size: "10m"`, `max-size: "10t"`},
	{"R-01 log-rotation", `max-file: "3"`, `max-file: "1000000"`},
	{"R-01 log-rotation", `max-file: "3"`, `max-file: "0"`},
	{"R-01 log-rotation", `driver: json-file`, `driver: syslog`},
	{"R-01 log-level", `LOG_LEVEL: "WARNING"`, `LOG_LEVEL: "debug"`},
	{"R-01 log-level", `      LOG_LEVEL: "WARNING" # R-01: DEBUG would log whole prompts` + "\n", ``},
	{"T-02 model-mapping", `BIG_MODEL: "${BIG_MODEL:?is missing in .env}"`, `BIG_MODEL: ""`},
	{"T-02 model-mapping", `      SMALL_MODEL: "${SMALL_MODEL:?is missing in .env}" # T-02` + "\n", ``},
	{"S-04 certificates", `SSL_VERIFY: "true"`, `SSL_VERIFY: "false"`},
	{"D-03 request-timeout", `      REQUEST_TIMEOUT: "60"`, `      #`},
	{"D-03 request-timeout", `REQUEST_TIMEOUT: "60"`, `REQUEST_TIMEOUT: "999999"`},
	{"S-01 token-wrapper", "exec /app", "exec env -u ANTHROPIC_API_KEY /app"},
	{"S-01 token-wrapper", "exec /app", "exec /usr/bin/env -i /app"},
	{"S-01 token-wrapper", "exec /app", "exec env ANTHROPIC_API_KEY= /app"},
	{"S-01 token-wrapper", "exec /app", "unset ANTHROPIC_API_KEY; exec /app"},
	{"S-01 token-wrapper", "exec /app", "exec true; /app"},
	{"S-01 token-wrapper", "        load proxy_token\\n\\\n", ""},
	{"S-01 token-wrapper", "init: true", "init: true\n    command: [\"x\"]"},
	{"E-01 network-own", "    driver: bridge", "    driver: macvlan"},
	{"E-01 network-own", "    driver: bridge", "    attachable: true\n    driver: bridge"},
	{"E-01 network-own", "    driver: bridge", "    enable_ipv6: true\n    driver: bridge"},
	{"E-01 network-own", "    driver_opts:\n", "    driver_opts:\n      com.docker.network.bridge.name: docker0\n"},
	{"E-01 network-isolated", `      com.docker.network.bridge.enable_icc: "false" # E-01` + "\n", ""},
	{"S-01 network-binding", `      com.docker.network.bridge.host_binding_ipv4: "127.0.0.1" # S-01` + "\n", ""},
}

// guardedMutations are of the layout with the gateway.
var guardedMutations = []mutation{
	{"S-03 image-digest", `image: "` + digest + `"`, `image: "clawsetup:latest"`},
	{"S-03 image-digest", `image: "docker.io/legard/claude-code-proxy@` + digest + `"`, `image: "` + digest + `"`},
	{"E-01 egress", `networks: ["inner"]`, `networks: ["inner", "edge"]`},
	{"E-01 egress", "    internal: true\n    driver_opts:\n", "    internal: false\n    driver_opts:\n      com.docker.network.bridge.host_binding_ipv4: \"127.0.0.1\"\n      com.docker.network.bridge.enable_icc: \"false\"\n"},
	{"E-01 egress", `    dns: ["127.0.0.1"]`, `    ports: ["127.0.0.1:9:9"]` + "\n" + `    dns: ["127.0.0.1"]`},
	{"E-01 name-lookup", `    dns: ["127.0.0.1"] # E-01: names outside the stack are not looked up` + "\n", ``},
	{"E-01 network-own", "    internal: true\n", "    internal: true\n    enable_ipv6: true\n"},
	{"E-01 allow-list", `"https://foundation-models.api.cloud.ru:443"`, `"https://evil.example:443"`},
	{"E-01 allow-list", `"--forward"`, `"--allow", "https://evil.example:443", "--forward"`},
	{"E-01 allow-list", `"proxy:8082"]`, `"proxy:8082", "--allow-private-api"]`},
	{"E-01 proxy-variables", `HTTPS_PROXY: "http://gateway:3128"`, `HTTPS_PROXY: "http://evil.example:3128"`},
	{"E-01 proxy-variables", `NO_PROXY: "127.0.0.1,localhost"`, `NO_PROXY: "*"`},
	{"E-01 proxy-variables", `      HTTP_PROXY:`, `      #`},
	{"S-04 api-address", apiBase, "https://evil.example/v1"},
	{"T-02 environment", `    networks: ["inner", "edge"]`, "    environment: {SSL_CERT_FILE: /tmp/ca.pem}\n" + `    networks: ["inner", "edge"]`},
	{"E-01 network-host", `inhibit_ipv4: "true"`, `inhibit_ipv4: "false"`},
	{"E-01 allow-list", `command: ["egress", "--allow", `, `command: ["egress", "--all", `},
	{"E-01 allow-list", `    command: ["egress"`, "    entrypoint: [\"/x\"]\n" + `    command: ["egress"`},
	{"I-01 gateway-secrets", `    networks: ["inner", "edge"]`, "    secrets: [\"proxy_token\"]\n" + `    networks: ["inner", "edge"]`},
	{"S-01 loopback-port", `"127.0.0.1:8082:8082"`, `"8082:8082"`},
	{"E-01 user", `    user: "65532:65532" # E-01` + "\n    cap_drop: [\"ALL\"] # E-01\n    security_opt:\n      - \"no-new-privileges:true\" # E-01\n      - \"seccomp=./seccomp.json\" # E-01\n    read_only: true # E-01\n    ipc: private # E-01\n    cgroup: private # E-01\n    init: true # D-02: reaps what the health check leaves\n    mem_limit: 64m",
		"    cap_drop: [\"ALL\"] # E-01\n    security_opt:\n      - \"no-new-privileges:true\" # E-01\n      - \"seccomp=./seccomp.json\" # E-01\n    read_only: true # E-01\n    ipc: private # E-01\n    cgroup: private # E-01\n    init: true # D-02: reaps what the health check leaves\n    mem_limit: 64m"},
}

func TestViolationsByMutation(t *testing.T) {
	for layout, tt := range map[string]struct {
		change    func(*templates.Compose)
		mutations []mutation
		relax     []Relaxation
	}{"open": {nil, mutations, []Relaxation{OpenEgress}}, "guarded": {guarded, guardedMutations, nil}} {
		base, env := string(rendered(t, tt.change)), mapping(t)
		for _, m := range tt.mutations {
			// A path is written as JSON.
			if runtime.GOOS == "windows" && strings.HasPrefix(m.old, "/secrets/") {
				m.old = strings.ReplaceAll(m.old, "/", `\\`)
			}
			t.Run(layout+" "+m.want+" "+strings.TrimSpace(m.new), func(t *testing.T) {
				if strings.Count(base, m.old) != 1 {
					t.Fatalf("%q is in the file %d times", m.old, strings.Count(base, m.old))
				}
				mutated := strings.Replace(base, m.old, m.new, 1)
				if got := found(t, Validate(t.Context(), t.TempDir(), []byte(mutated), env, expected(tt.relax...))); !slices.Equal(got, []string{m.want}) {
					t.Errorf("got %q in:\n%s", got, mutated)
				}
			})
		}
	}
}

// TestLauncherIsTheOnlyMount: the program that reads the secrets may be mounted, for
// reading, at its place; nothing else.
func TestLauncherIsTheOnlyMount(t *testing.T) {
	base := string(rendered(t, func(c *templates.Compose) { guarded(c); c.Launcher = filepath.Join(c.SecretsDir, "clawsetup") }))
	for old, now := range map[string]string{"read_only: true, bind": "read_only: false, bind", `target: "/run/clawsetup"`: `target: "/run/other"`} {
		mutated := strings.Replace(base, old, now, 1)
		if got := found(t, Validate(t.Context(), t.TempDir(), []byte(mutated), mapping(t), Made{})); mutated == base || !slices.Contains(got, "E-01 mounts") {
			t.Errorf("%s: %q", now, got)
		}
	}
}

// TestEveryCheckIsMutated fails when a check is added that no mutation shows red.
func TestEveryCheckIsMutated(t *testing.T) {
	covered := func(control, rule string) {
		if !slices.ContainsFunc(slices.Concat(mutations, guardedMutations), func(m mutation) bool { return m.want == control+" "+rule }) {
			t.Errorf("no mutation shows %s %s", control, rule)
		}
	}
	for _, c := range slices.Concat(serviceChecks, proxyChecks, gatewayChecks) {
		covered(c.control, c.rule)
	}
	for _, c := range projectChecks {
		if c.rule != "proxy-service" && c.rule != "services" { // see TestViolationsOfTheProject
			covered(c.control, c.rule)
		}
	}
	for _, c := range networkChecks {
		covered(c.control, c.rule)
	}
	for _, c := range secretChecks {
		covered(c.control, c.rule)
	}
}

// Changes that take away several controls at once, or reach beyond one service.
func TestViolationsOfTheProject(t *testing.T) {
	base := string(rendered(t, nil))
	for name, tt := range map[string]struct {
		mutation
		want []string
	}{
		"default network": {mutation{old: `    networks: ["isolated"] # E-01` + "\n"}, []string{"E-01 network-isolated", "S-01 network-binding"}},
		"proxy renamed":   {mutation{old: "\n  proxy:\n", new: "\n  other:\n"}, []string{"S-01 proxy-service"}},
		"second service hidden by a profile": {mutation{old: "\nservices:\n", new: "\nservices:\n  helper:\n    image: busybox\n    profiles: [x]\n    privileged: true\n"},
			[]string{"S-03 image-digest", "E-01 privileged", "E-01 unexpected", "E-01 services"}},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(base, tt.old) != 1 {
				t.Fatalf("%q is in the file %d times", tt.old, strings.Count(base, tt.old))
			}
			got := found(t, Validate(t.Context(), t.TempDir(), []byte(strings.Replace(base, tt.old, tt.new, 1)), mapping(t), Made{}))
			for _, want := range tt.want {
				if !slices.Contains(got, want) {
					t.Errorf("%s is missing in %q", want, got)
				}
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	base := string(rendered(t, nil))
	secret := "MARK-hunter2"
	for name, tt := range map[string]struct{ compose, env string }{
		"empty":                   {" \n", ""},
		"not YAML":                {"a: [", ""},
		"not a mapping":           {"- a", ""},
		"unknown service key":     {strings.Replace(base, "init: true", "innit: true", 1), string(mapping(t))},
		"unknown key":             {base + "\nfoo: bar\n", string(mapping(t))},
		"include":                 {base + "\ninclude: [other.yml]\n", string(mapping(t))},
		"volumes":                 {base + "\nvolumes: {v: {}}\n", string(mapping(t))},
		"extension":               {base + "\nx-a: {}\n", string(mapping(t))},
		"duplicate key":           {base + "\nname: other\n", string(mapping(t))},
		"wrong type":              {strings.Replace(base, "pids_limit: 100", "pids_limit: many", 1), string(mapping(t))},
		"panic in compose-go":     {strings.Replace(base, "nofile: {soft: 4096", "nofile: {soft: 09", 1), string(mapping(t))},
		"unknown network":         {strings.Replace(base, `networks: ["isolated"]`, `networks: ["elsewhere"]`, 1), string(mapping(t))},
		"model missing":           {base, "BIG_MODEL=a\nMIDDLE_MODEL=b\n"},
		"model empty":             {base, "BIG_MODEL=a\nMIDDLE_MODEL=b\nSMALL_MODEL=\n"},
		"env broken":              {base, "BIG_MODEL=a\n" + secret + " " + secret + "\n"},
		"env quote":               {base, "BIG_MODEL='" + secret + "\n"},
		"too large":               {base + strings.Repeat("#", largestCompose), string(mapping(t))},
		"env too large":           {base, strings.Repeat("#", largestEnv+1)},
		"terminal escape in text": {base + "\n\"\\e[2J\": x\n", string(mapping(t))},
	} {
		t.Run(name, func(t *testing.T) {
			err := Validate(t.Context(), t.TempDir(), []byte(tt.compose), []byte(tt.env), Made{})
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), secret) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1500 {
				t.Errorf("the error is not fit to be shown: %q", err)
			}
		})
	}
}

// An included file that exists is not read either: it may change after the check.
func TestValidateIncludesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "other.yml"), []byte("name: clawsetup-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := append(rendered(t, nil), "\ninclude: [other.yml]\n"...)
	if err := Validate(t.Context(), dir, b, mapping(t), Made{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestEnvViolations(t *testing.T) {
	for line, want := range map[string]string{
		"OPENAI_API_KEY=x":    "I-01 secret-in-env-file",
		"proxy_token=x":       "I-01 secret-in-env-file",
		"COMPOSE_FILE=x.yml":  "T-02 env-file",
		"DOCKER_HOST=tcp://x": "T-02 env-file",
	} {
		env := append(mapping(t), []byte(line+"\n")...)
		if got := found(t, Validate(t.Context(), t.TempDir(), rendered(t, guarded), env, Made{})); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q", line, got)
		}
	}
}

// FuzzRendered shows with compose's own parser that a hostile image, address or
// model keeps its exact text and changes nothing else.
func FuzzRendered(f *testing.F) {
	for _, s := range []string{"python", "a\"\nprivileged: true\n#", "${HOME}", "$$", "$(id)", "\\", "!!binary", "\u2028", "\ufeff", "\x1b[2J", "<<: *hard", "\r", "\n  x"} {
		f.Add(s, "https://host/"+s, "org/"+s)
	}
	f.Fuzz(func(t *testing.T, word, base, model string) {
		env, err := templates.EnvFile(templates.Env{Big: model, Middle: "m", Small: "s"})
		if err != nil {
			model = "b"
			env = []byte("BIG_MODEL=b\nMIDDLE_MODEL=m\nSMALL_MODEL=s\n")
		}
		c := templates.Compose{
			Project: "p", Image: "a@" + digest, Entrypoint: []string{"run", word}, WorkingDir: "/" + word, RunAs: "1:1", Port: 1,
			APIBase: base, SecretsDir: t.TempDir(), Gateway: &templates.Gateway{Image: digest, AllowPrivate: true},
		}
		b, err := templates.ComposeFile(c)
		if err != nil {
			return
		}
		if err := Validate(t.Context(), t.TempDir(), b, env, Made{APIBase: c.APIBase, AllowPrivate: true, SecretsDir: c.SecretsDir}); err != nil && !strings.Contains(word, "ANTHROPIC_API_KEY") {
			t.Fatalf("%v in:\n%s", err, b)
		}
		vars, err := parseEnv(env)
		if err != nil {
			t.Fatal(err)
		}
		p, err := loadProject(t.Context(), t.TempDir(), b, vars, topLevel)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Services[templates.Service]
		wrapper, err := templates.Wrapper(c.Entrypoint, c.Cmd, c.WorkingDir)
		if err != nil || !reflect.DeepEqual([]string(s.Entrypoint), wrapper) {
			t.Errorf("entrypoint %q, want %q (%v)", s.Entrypoint, wrapper, err)
		}
		if variable(service{ServiceConfig: &s}, "OPENAI_BASE_URL") != base || variable(service{ServiceConfig: &s}, "BIG_MODEL") != model {
			t.Errorf("environment %v", s.Environment)
		}
	})
}

// FuzzValidate feeds a file that somebody edited: an error, never a panic.
func FuzzValidate(f *testing.F) {
	base, env := rendered(f, nil), mapping(f)
	f.Add(base, env)
	for _, m := range mutations {
		f.Add([]byte(strings.Replace(string(base), m.old, m.new, 1)), env)
	}
	f.Add([]byte(strings.Replace(string(base), "nofile: {soft: 4096", "nofile: {soft: 09", 1)), env)
	f.Add([]byte("a: &a [*a]"), []byte("A=${B"))
	f.Add([]byte("services: {proxy: null}"), []byte{})
	f.Fuzz(func(t *testing.T, compose, env []byte) {
		_ = Validate(t.Context(), t.TempDir(), compose, env, Made{})
	})
}

func BenchmarkValidate(b *testing.B) {
	compose, env, dir := rendered(b, guarded), mapping(b), b.TempDir()
	for b.Loop() {
		if err := Validate(b.Context(), dir, compose, env, Made{}); err != nil {
			b.Fatal(err)
		}
	}
}

// none is the content of every file that a compose file names.
func none(string) []byte { return nil }

// A file that clawsetup did not write is read as far as it can be, and never makes the
// reader fail.
func FuzzCheckForeign(f *testing.F) {
	f.Add([]byte("version: '3'\nservices:\n  claude-code-proxy:\n    image: legard/claude-code-proxy:latest\n    ports: ['8082:8082']\nvolumes: {}\n"), []byte("OPENAI_API_KEY=x\n"))
	f.Add([]byte("services: {a: {image: x}, b: {build: .}}"), []byte(""))
	f.Fuzz(func(t *testing.T, file, env []byte) {
		violations, err := CheckForeign(t.Context(), "/srv", file, env, none)
		for _, v := range violations {
			if v.Rule == "" || v.Control == "" || v.Detail == "" || strings.ContainsAny(v.Detail, "\x1b\n") {
				t.Errorf("%+v (%v) is not whole", v, err)
			}
		}
	})
}

// A file as the guides give it is judged: the service with the proxy's image is the proxy.
func TestCheckForeign(t *testing.T) {
	file := "version: '3.8'\nservices:\n  claude-code-proxy:\n    image: legard/claude-code-proxy:latest\n    ports: ['8082:8082']\n    env_file: .env\nvolumes: {}\n"
	violations, err := CheckForeign(t.Context(), "/srv", []byte(file), []byte("CLOUDRU_API_KEY=x\n"), none)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, v := range violations {
		rules = append(rules, v.Rule)
	}
	for _, want := range []string{"image-digest", "loopback-port", "cap-drop", "user", "token-wrapper", "secret-in-env-file", "unexpected", "egress"} {
		if !slices.Contains(rules, want) {
			t.Errorf("%s is missing among %v", want, rules)
		}
	}
	if slices.Contains(rules, "proxy-service") {
		t.Error("the proxy was not known by its image")
	}
}

// TestForeignWeakenings: the same weakenings in a file that no set-up made. A stranger
// beside the proxy, and what the file includes, are told as well.
func TestForeignWeakenings(t *testing.T) {
	base := string(rendered(t, guarded))
	ours := func(string) []byte { return templates.Seccomp() }
	relay := "\n  relay:\n    image: x@" + digest + "\n    networks: [\"inner\", \"edge\"]\n\nnetworks:\n"
	for name, tt := range map[string]struct {
		old, new string
		read     func(string) []byte
		want     string // a rule; empty for none
		err      error
	}{
		"nothing":             {"", "", ours, "", nil},
		"a profile of others": {"", "", none, "seccomp", nil},
		"a profile that allows everything": {"", "", func(string) []byte { return []byte(`{"defaultAction":"SCMP_ACT_ALLOW"}`) },
			"seccomp", nil},
		"our profile under another name": {"./seccomp.json", "/srv/strict.json", ours, "", nil},
		"privileges":                     {"no-new-privileges:true\"", "no-new-privileges:true\"\n      - \"no-new-privileges:0\"", ours, "no-new-privileges", nil},
		"privileges switched on last":    {"no-new-privileges:true\"", "no-new-privileges\"\n      - \"no-new-privileges:true\"", ours, "", nil},
		"the host's root as a secret":    {"\nsecrets:\n", "\nsecrets:\n  hostroot: {file: /}\n", ours, "secret-socket", nil},
		"a key of the host as a secret":  {"\nsecrets:\n", "\nsecrets:\n  key: {file: /etc/shadow}\n", ours, "secret-source", nil},
		"code from elsewhere":            {"HOST: ", "LD_PRELOAD: /tmp/x.so\n      HOST: ", ours, "environment", nil},
		"a variable of the image's":      {"HOST: ", "MAX_RETRIES: \"2\"\n      HOST: ", ours, "", nil},
		"the key in the clear":           {apiBase, "http://evil.example/v1", ours, "api-address", nil},
		"another API than is allowed":    {apiBase, "https://evil.example/v1", ours, "allow-list", nil},
		"a relay":                        {"\nnetworks:\n", relay, ours, "services", nil},
		"a neighbour on no network of its": {"\nnetworks:\n", strings.Replace(relay, `"inner", "edge"`, `"other"`, 1) + "  other: {}\n", ours,
			"network-isolated", nil},
		"other files": {"\nservices:\n", "\ninclude: [evil.yml]\nservices:\n", ours, "", ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			file := base
			if tt.old != "" {
				if file = strings.Replace(base, tt.old, tt.new, 1); file == base {
					t.Fatalf("%q is not in the file", tt.old)
				}
			}
			violations, err := CheckForeign(t.Context(), "/srv", []byte(file), mapping(t), tt.read)
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, want %v", err, tt.err)
			}
			var rules []string
			for _, v := range violations {
				rules = append(rules, v.Rule)
			}
			if tt.want == "" && len(rules) > 0 || tt.want != "" && !slices.Contains(rules, tt.want) {
				t.Errorf("red are %v, want %q", rules, tt.want)
			}
			if (tt.want == "services") != slices.Contains(rules, "services") {
				t.Errorf("strangers are told wrongly: %v", rules)
			}
		})
	}
}
