package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// weakening takes one control out of the running stack, by a change of the rendered
// compose file that the set-up knows nothing of. Exactly want turns red.
type weakening struct {
	old, new string
	want     []string
	// more says that the change also brings down what hangs on it.
	more bool
	// fresh stops the stack before: networks are made anew only then.
	fresh bool
}

// weakenings of the proxy; the first occurrence in the file is the proxy's.
var weakenings = []weakening{
	{old: `        unset v\n\` + "\n", want: []string{"S-01 token-wrapper (proxy)"}},
	{old: `cap_drop: ["ALL"]`, new: `cap_drop: []`, want: []string{"E-01 cap-drop (proxy)"}},
	{old: `cap_drop: ["ALL"]`, new: `cap_drop: ["NET_RAW"]`, want: []string{"E-01 cap-drop (proxy)"}},
	{old: `cap_drop: ["ALL"]`, new: "cap_drop: [\"ALL\"]\n    cap_add: [\"NET_RAW\"]", want: []string{"E-01 cap-add (proxy)"}},
	{old: "    init: true", new: "    privileged: true\n    init: true", want: []string{"E-01 privileged (proxy)"}, more: true},
	{old: `dns: ["127.0.0.1"]`, new: `dns: ["127.0.0.2"]`, want: []string{"E-01 name-lookup (proxy)"}},
	{old: "    init: true", new: "    pid: host\n    init: true", want: []string{"E-01 confinement (proxy)", "E-01 pid (proxy)"}},
	{old: "cgroup: private", new: "cgroup: host", want: []string{"E-01 cgroup (proxy)"}},
	{old: "    init: true", new: "    working_dir: /tmp\n    init: true", want: []string{"S-01 working-dir (proxy)"}},
	{old: "stop_grace_period: 10s", new: "stop_grace_period: 600s", want: []string{"D-02 stop (proxy)"}},
	{old: "    init: true", new: "    stop_signal: SIGKILL\n    init: true", want: []string{"D-02 stop (proxy)"}},
	{old: "ipc: private", new: "ipc: host", want: []string{"E-01 confinement (proxy)", "E-01 ipc (proxy)"}},
	{old: "    init: true", new: "    volumes: [\"$SOCKET:/tmp/engine.sock\"]\n    init: true", want: []string{"E-01 engine-socket (proxy)"}},
	{old: "    init: true", new: "    volumes: [\"/srv:/host:ro\"]\n    init: true", want: []string{"E-01 mounts (proxy)"}},
	{old: "read_only: true", new: "read_only: false", want: []string{"E-01 read-only (proxy)"}},
	{old: `      - "no-new-privileges:true" # E-01` + "\n", want: []string{"E-01 no-new-privileges (proxy)"}},
	{old: `      - "seccomp=./seccomp.json" # E-01` + "\n", want: []string{"E-01 seccomp (proxy)"}},
	{old: `seccomp=./seccomp.json`, new: "seccomp=unconfined", want: []string{"E-01 seccomp (proxy)"}},
	{old: `      - "seccomp=`, new: "      - \"label:disable\"\n      - \"seccomp=", want: []string{"E-01 confinement (proxy)"}},
	{old: `user: "65532:65532"`, new: `user: "1000:1000"`, want: []string{"E-01 user (proxy)"}},
	{old: `user: "65532:65532"`, new: `user: "0:0"`, want: []string{"E-01 user (proxy)"}},
	{old: "rw,noexec,nosuid,nodev,size=64m", new: "rw,nosuid,nodev,size=64m", want: []string{"E-01 tmpfs (proxy)"}},
	{old: "size=64m", new: "size=128m", want: []string{"E-01 tmpfs (proxy)"}},
	{old: "    init: true", new: "    extra_hosts: [\"elsewhere:192.0.2.1\"]\n    init: true", want: []string{"E-01 unexpected (proxy)"}},
	{old: "    init: true", new: "    group_add: [\"0\"]\n    init: true", want: []string{"E-01 unexpected (proxy)", "E-01 user (proxy)"}},
	{old: "secrets/proxy_token\"}", new: "other_token\"}", want: []string{"I-01 secret-files (proxy)"}},
	{old: "    environment:\n", new: "    environment:\n      DB_PASSWORD: x\n", want: []string{"I-01 secret-in-environment (proxy)"}},
	{old: "      clawsetup.managed: \"true\"", new: "      clawsetup.managed: \"true\"\n      note: \"$TOKEN\"", want: []string{"I-01 secret-in-inspect (proxy)"}},
	{old: "core: 0", new: "core: 1000", want: []string{"I-01 core-dump (proxy)"}},
	{old: `BIG_MODEL: "${BIG_MODEL:?is missing in .env}"`, new: `BIG_MODEL: "evil/model"`, want: []string{"T-02 model-mapping (proxy)"}},
	{old: `PYTHONUNBUFFERED: "1"`, new: `PYTHONUNBUFFERED: "0"`, want: []string{"T-02 environment (proxy)"}},
	{old: `PYTHONUNBUFFERED: "1"`, new: "PYTHONUNBUFFERED: \"1\"\n      LD_PRELOAD: /x.so", want: []string{"T-02 environment (proxy)"}},
	{old: `HTTPS_PROXY: "http://gateway:3128"`, new: `HTTPS_PROXY: "http://elsewhere:3128"`, want: []string{"E-01 egress (proxy)"}},
	{old: `LOG_LEVEL: "WARNING"`, new: `LOG_LEVEL: "DEBUG"`, want: []string{"R-01 log-level (proxy)"}},
	{old: `SSL_VERIFY: "true"`, new: `SSL_VERIFY: "false"`, want: []string{"S-04 certificates (proxy)"}},
	{old: `REQUEST_TIMEOUT: "60"`, new: `REQUEST_TIMEOUT: "600"`, want: []string{"D-03 request-timeout (proxy)"}},
	{old: "    mem_limit: 512m", new: "    mem_limit: 256m", want: []string{"D-02 memory (proxy)"}},
	{old: "memswap_limit: 512m", new: "memswap_limit: 600m", want: []string{"D-02 swap (proxy)"}},
	{old: "    cpus: 1 ", new: "    cpus: 1.5 ", want: []string{"D-02 cpus (proxy)"}},
	{old: "pids_limit: 100", new: "pids_limit: 90", want: []string{"D-02 pids (proxy)"}},
	{old: "nofile: {soft: 4096, hard: 4096}", new: "nofile: {soft: 8192, hard: 8192}", want: []string{"D-02 nofile (proxy)"}},
	{old: "oom_score_adj: 500", new: "oom_score_adj: 0", want: []string{"D-02 oom (proxy)"}},
	{old: `restart: "on-failure:5"`, new: `restart: "always"`, want: []string{"D-02 restart (proxy)"}},
	{old: "init: true", new: "init: false", want: []string{"D-02 init (proxy)"}},
	{old: `max-file: "3"`, new: `max-file: "9"`, want: []string{"R-01 log-rotation (proxy)"}},
	{old: "interval: 10s", new: "interval: 30s", want: []string{"D-02 health (gateway)"}},
	{old: `command: ["egress", "--allow", "https://` + apiHost + `:443"`, new: `command: ["egress", "--allow", "https://` + otherHost + `:443"`, want: []string{"S-01 token-wrapper (gateway)"}},
	{old: `ports: ["127.0.0.1:$PORT:8082"]`, new: `ports: ["0.0.0.0:$PORT:8082"]`, want: []string{"S-01 loopback-port (gateway)", "S-01 port-others", "S-01 port-owner"}},
	{old: "    networks: [\"inner\"] # E-01: no way to the host, the Internet or another container\n", new: "    network_mode: host\n", want: []string{"E-01 network-mode (proxy)"}, more: true},
	{old: `networks: ["inner"]`, new: `networks: ["inner", "edge"]`, want: []string{"E-01 networks (proxy)"}, more: true},
	{old: "    internal: true\n", new: "    internal: false\n", want: []string{"E-01 network-internal"}, fresh: true},
	{old: "      com.docker.network.bridge.inhibit_ipv4: \"true\" # E-01: else the host's services stay reachable\n", new: "      x: \"y\"\n", want: []string{"E-01 network-host"}, fresh: true},
	{old: `enable_icc: "false"`, new: `enable_icc: "true"`, want: []string{"E-01 network-isolated"}, fresh: true},
	{old: `host_binding_ipv4: "127.0.0.1"`, new: `host_binding_ipv4: "127.0.0.2"`, want: []string{"S-01 network-binding"}, fresh: true},
	{old: "  inner: # E-01: no route to anywhere; the host has no address on it\n    driver: bridge\n", new: "  inner:\n    driver: bridge\n    attachable: true\n", want: []string{"E-01 network-own"}, fresh: true},
}

// elsewhere are proofs that a change of the compose file cannot break: other tests do.
var elsewhere = map[string]string{
	"S-03 image-digest": "TestProofOfTheImage", "S-03 image-content": "TestProofOfTheContent", "S-01 running": "TestProofOfWhatEnds", "D-02 restarts": "TestProofOfWhatEnds", "D-02 answers": "TestProofOfWhatEnds",
	"E-01 hardening-tried": "TestOpenEgress", "E-01 network-members": "TestProofOfStrangers", "I-02 one-proxy": "TestProofOfStrangers", "T-02 files-as-written": "TestProofOfTheFile",
	"S-01 token-accepted": "TestProofOfTheToken", "S-01 token-wrong": "TestUnfitImages", "S-01 token-empty": "TestUnfitImages", "S-01 token-none": "TestUnfitImages",
}

// weakened runs docker compose with another file than the set-up's.
func (a *arena) weakened(file string) {
	a.t.Helper()
	path := a.path("weakened.yml")
	check(a.t, os.WriteFile(path, []byte(file), 0o600))
	c := exec.Command("docker", "compose", "--project-name", a.project(), "--project-directory", a.config(""), "--file", path, "--env-file", a.config(".env"), "up", "--detach", "--yes")
	c.Env = append(os.Environ(), "DOCKER_HOST="+engineOf(a.t))
	if out, err := c.CombinedOutput(); err != nil {
		a.t.Fatalf("docker compose: %v\n%s", err, out)
	}
}

// TestEveryProofCanFail takes one control after the other away from a running stack.
func TestEveryProofCanFail(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	if got := broken(a.status().Results); len(got) > 0 {
		t.Fatalf("broken from the start: %q", got)
	}
	a.mustCoverEveryProof()
	check(t, os.WriteFile(a.config("other_token"), []byte(a.token()), 0o444))
	fill := strings.NewReplacer("$SOCKET", strings.TrimPrefix(engineOf(t), "unix://"), "$PORT", a.port, "$TOKEN", a.token())
	base := a.read("docker-compose.cloudru-proxy.yml")
	for _, w := range weakenings {
		name := w.want[0] + " " + strings.TrimSpace(w.new)
		t.Run(name, func(t *testing.T) {
			old, now := fill.Replace(w.old), fill.Replace(w.new)
			if !strings.Contains(base, old) {
				t.Fatalf("%q is not in the file:\n%s", old, base)
			}
			if w.fresh {
				a.must(0, "down")
			}
			a.weakened(strings.Replace(base, old, now, 1))
			got := broken(a.status().Results)
			if w.more {
				if !slices.Contains(got, w.want[0]) {
					t.Errorf("broken %q, want %q among them", got, w.want)
				}
			} else if !slices.Equal(got, w.want) {
				t.Errorf("broken %q, want %q", got, w.want)
			}
		})
	}
	// up puts it right again.
	a.up()
	if got := broken(a.status().Results); len(got) > 0 {
		t.Errorf("broken after up: %q", got)
	}
}

// mustCoverEveryProof fails when there is a proof that no test breaks.
func (a *arena) mustCoverEveryProof() {
	a.t.Helper()
	for _, r := range a.status().Results {
		name := r.Control + " " + r.Rule
		covered := elsewhere[name] != "" || slices.ContainsFunc(weakenings, func(w weakening) bool {
			return slices.ContainsFunc(w.want, func(s string) bool { s, _, _ = strings.Cut(s, " ("); return s == name })
		})
		if !covered {
			a.t.Errorf("no weakening breaks %s", name)
		}
	}
}

// TestProofOfTheImage: the same repository, another content.
func TestProofOfTheImage(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	pinned := a.image.Digest
	a.push(imagetest.ProxyOptions{Cmd: []string{"/proxy", "-bind-after", "1ms"}}, true)
	a.weakened(strings.Replace(a.read("docker-compose.cloudru-proxy.yml"), pinned, a.image.Digest, 1))
	if got := broken(a.status().Results); !slices.Contains(got, "S-03 image-digest (proxy)") {
		t.Errorf("broken %q", got)
	}
}

// TestProofOfTheContent: an engine that has another image under the pin than the one that
// was looked at is told by status, and gets no stack from up. A set-up that does not say
// which it was leaves that open.
func TestProofOfTheContent(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	// The test's image has no index: without its manifest's digest the engine's id decides.
	none := "  platform_digest: sha256:" + strings.Repeat("e", 64) + "\n"
	good := regexp.MustCompile(`  platform_digest: .*\n`).ReplaceAllString(a.read("setup.yaml"), none)
	line := regexp.MustCompile(`  config_digest: sha256:.*\n`).FindString(good)
	if line == "" || !strings.Contains(good, none) {
		t.Fatalf("the set-up does not say what was looked at:\n%s", good)
	}
	outcome := func() proof.Outcome {
		results := a.status().Results
		i := slices.IndexFunc(results, func(r proof.Result) bool { return r.Rule == "image-content" && r.Service == "proxy" })
		if i < 0 {
			t.Fatal("the image is not compared")
		}
		return results[i].Outcome
	}
	for now, want := range map[string]proof.Outcome{
		line: proof.Held, "": proof.Unknown, "  config_digest: sha256:" + strings.Repeat("e", 64) + "\n": proof.Broken,
	} {
		check(t, os.WriteFile(a.config("setup.yaml"), []byte(strings.Replace(good, line, now, 1)), 0o600))
		if got := outcome(); got != want {
			t.Errorf("with %q it is %s, want %s", now, got, want)
		}
	}
	check(t, os.WriteFile(a.config("setup.yaml"), []byte(strings.Replace(good, line, "  config_digest: sha256:"+strings.Repeat("e", 64)+"\n", 1)), 0o600))
	if out := a.must(1, "up", "--yes"); !strings.Contains(out, "not the one that was looked at") {
		t.Errorf("up starts it: %s", out)
	}
}

// TestProofOfWhatEnds: a container that stops, and one that ends again and again.
func TestProofOfWhatEnds(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	for range 4 {
		docker(t, "kill", a.project()+"-proxy-1")
		docker(t, "start", a.project()+"-proxy-1")
	}
	if got := broken(a.status().Results); !slices.Equal(got, []string{"D-02 restarts (proxy)"}) {
		t.Errorf("after four deaths: %q", got)
	}
	docker(t, "stop", a.project()+"-proxy-1")
	s := a.status()
	if got := broken(s.Results); s.OK() || !slices.Contains(got, "S-01 running (proxy)") || !slices.Contains(got, "D-02 answers") {
		t.Errorf("stopped: %q", got)
	}
	a.must(0, "down")
	if s := a.status(); s.Running || len(s.Containers) > 0 {
		t.Errorf("after down: %+v", s)
	}
}

// docker runs the docker command on the test's engine.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", append([]string{"--host", engineOf(t)}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestProofOfStrangers: another container on the inner network, and an older proxy
// that was to be removed.
func TestProofOfStrangers(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	gateway := a.containers()[0].Image
	id := docker(t, "run", "--detach", "--network", a.project()+"_inner", gateway, "egress", "--allow", "https://"+apiHost+":443", "--forward", "x:1")
	got := broken(a.status().Results)
	docker(t, "rm", "--force", id)
	if !slices.Equal(got, []string{"E-01 network-members"}) {
		t.Errorf("a stranger on the network: %q", got)
	}
	c := exec.Command("docker", "compose", "--project-name", a.project(), "--project-directory", a.config(""), "--file", a.config("docker-compose.cloudru-proxy.yml"),
		"--env-file", a.config(".env"), "up", "--detach", "--no-recreate", "--scale", "proxy=2", "proxy")
	c.Env = append(os.Environ(), "DOCKER_HOST="+engineOf(t))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("docker compose: %v\n%s", err, out)
	}
	if got := broken(a.status().Results); !slices.Equal(got, []string{"I-02 one-proxy"}) {
		t.Errorf("two proxies: %q", got)
	}
	a.up()
	if s := a.status(); !s.OK() || len(s.Containers) != 2 {
		t.Errorf("up left %d containers, broken %q", len(s.Containers), broken(s.Results))
	}
}

// TestProofOfTheFile: a weakened file on the disk is found even when the containers
// are what it says.
func TestProofOfTheFile(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	path := a.config("docker-compose.cloudru-proxy.yml")
	weak := strings.Replace(a.read("docker-compose.cloudru-proxy.yml"), "read_only: true", "read_only: false", 1)
	check(t, os.WriteFile(path, []byte(weak), 0o600))
	a.weakened(weak)
	if got := broken(a.status().Results); !slices.Equal(got, []string{"E-01 read-only (proxy)", "T-02 files-as-written"}) {
		t.Errorf("broken %q", got)
	}
	// Unattended, up shows what it would put right and asks for consent; with it, it does.
	out := a.must(2, "up", "--json")
	if !strings.Contains(out, "--yes") || a.read("docker-compose.cloudru-proxy.yml") != weak {
		t.Errorf("without consent: %s", out)
	}
	out = a.up()
	if !strings.Contains(out, "read_only: true") {
		t.Errorf("up did not show the file put right:\n%s", out)
	}
	if s := a.status(); !s.OK() {
		t.Errorf("broken after up: %q", broken(s.Results))
	}
}

// TestProofOfWhatTheFileClaims: a file that keeps every control but names another API,
// another wrapper or wider limits is none of ours, and neither is its container.
func TestProofOfWhatTheFileClaims(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	good := a.read("docker-compose.cloudru-proxy.yml")
	for old, now := range map[string]string{
		apiHost + ":443": otherHost + ":443", "https://" + apiHost + "/v1": "https://" + otherHost + "/v1", "mem_limit: 512m": "mem_limit: 64g", "exec /proxy": "exec /proxy -ignore-token",
	} {
		weak := strings.Replace(good, old, now, 1)
		if weak == good {
			t.Fatalf("%q is not in the file", old)
		}
		check(t, os.WriteFile(a.config("docker-compose.cloudru-proxy.yml"), []byte(weak), 0o600))
		if got := broken(a.status().Results); !slices.Contains(got, "T-02 files-as-written") {
			t.Errorf("%s: broken %q", now, got)
		}
	}
	check(t, os.WriteFile(a.config("docker-compose.cloudru-proxy.yml"), []byte(good), 0o600))
	if s := a.status(); !s.OK() {
		t.Errorf("broken %q", broken(s.Results))
	}
	// What was changed in the container behind everybody's back, up makes anew.
	docker(t, "update", "--memory", "1g", "--memory-swap", "1g", a.project()+"-proxy-1")
	if got := broken(a.status().Results); !slices.Equal(got, []string{"D-02 memory (proxy)", "D-02 swap (proxy)"}) {
		t.Errorf("broken %q", got)
	}
	a.up()
	if s := a.status(); !s.OK() {
		t.Errorf("broken after up: %q", broken(s.Results))
	}
}

// TestProofOfTheToken: the token in the store is another than the container's.
func TestProofOfTheToken(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	path := a.config("secrets/proxy_token")
	check(t, os.Remove(path))
	check(t, os.WriteFile(path, []byte("cst_"+strings.Repeat("x", 43)), 0o444))
	if got := broken(a.status().Results); !slices.Equal(got, []string{"S-01 token-accepted"}) {
		t.Errorf("broken %q", got)
	}
	// The container is older than the secret: up replaces it.
	a.up()
	if s := a.status(); !s.OK() {
		t.Errorf("broken after up: %q", broken(s.Results))
	}
}
