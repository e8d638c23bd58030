//go:build unix

package doctor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// says changes what the compose file says.
func says(old, now string) func(*scene) {
	return func(s *scene) { s.replace(s.composeFile(), old, now) }
}

// adds puts a line into the proxy's service.
func adds(line string) func(*scene) {
	return says("    user: \"65532:65532\" # E-01\n    cap_drop", "    "+line+"\n    user: \"65532:65532\" # E-01\n    cap_drop")
}

// runs makes a proof of the running stack fail.
func runs(rule string) func(*scene) {
	return func(s *scene) { s.breaks(rule, "the engine says otherwise") }
}

// relay is a service, hardened as the others are, that leads past the gateway.
const relay = `
  relay:
    image: "x@` + sceneDigest + `"
    networks: ["inner", "edge"]
    user: "65532:65532"
    cap_drop: ["ALL"]
    security_opt: ["no-new-privileges:true", "seccomp=./seccomp.json"]
    read_only: true
    ipc: private
    cgroup: private
    init: true
    mem_limit: 64m
    memswap_limit: 64m
    cpus: 0.5
    pids_limit: 64
    oom_score_adj: 500
    ulimits: {nofile: {soft: 4096, hard: 4096}, core: 0}
    restart: "on-failure:5"
    logging: {driver: json-file, options: {max-size: "10m", max-file: "3"}}
`

var stackPairs = map[string]pair{
	"container-privileged":        {bad: map[string]func(*scene){"file": adds("privileged: true"), "running": runs("privileged")}},
	"container-capabilities":      {bad: map[string]func(*scene){"kept": says(`cap_drop: ["ALL"]`, `cap_drop: ["NET_RAW"]`), "added": adds(`cap_add: ["SYS_ADMIN"]`), "running": runs("cap-add")}},
	"container-root":              {bad: map[string]func(*scene){"zero": says(`user: "65532:65532"`, `user: "0:0"`), "by name": says(`user: "65532:65532"`, `user: "app"`), "root's group": says(`user: "65532:65532"`, `user: "65532:0"`), "running": runs("user")}},
	"container-writable":          {bad: map[string]func(*scene){"file": says("read_only: true", "read_only: false"), "executable tmpfs": says("rw,noexec,nosuid", "rw,nosuid"), "executable at last": says("rw,noexec,", "rw,noexec,exec,"), "running": runs("read-only")}},
	"container-no-new-privileges": {bad: map[string]func(*scene){"file": says(`      - "no-new-privileges:true" # E-01`+"\n", ""), "off at last": says(`"no-new-privileges:true"`, "\"no-new-privileges:true\"\n      - \"no-new-privileges:0\""), "running": runs("no-new-privileges")}},
	"container-seccomp":           {bad: map[string]func(*scene){"unconfined": says("seccomp=./seccomp.json", "seccomp=unconfined"), "another": says("seccomp=./seccomp.json", "seccomp=/tmp/all.json"), "running": runs("seccomp")}},
	"container-confinement":       {bad: map[string]func(*scene){"apparmor": says(`- "seccomp=./seccomp.json"`, `- "seccomp=./seccomp.json"`+"\n      - \"apparmor=unconfined\""), "running": runs("confinement")}},
	"container-engine-socket":     {bad: map[string]func(*scene){"mounted": adds(`volumes: ["/var/run/docker.sock:/var/run/docker.sock"]`), "the host as a secret": says(`  cloudru_api_key: {file: `, `  hostroot: {file: "/"}`+"\n  cloudru_api_key: {file: "), "by its switch": adds("use_api_socket: true"), "as a secret": says(`  cloudru_api_key: {file: `, `  engine: {file: "/run/user/1000/docker.sock"}`+"\n  cloudru_api_key: {file: "), "running": runs("engine-socket")}},
	"container-mounts":            {bad: map[string]func(*scene){"home": adds(`volumes: ["/home:/home:ro"]`), "running": runs("mounts")}},
	"container-host-network":      {bad: map[string]func(*scene){"running": runs("network-mode")}},
	"container-host-processes":    {bad: map[string]func(*scene){"file": adds("pid: host"), "running": runs("pid")}},
	"container-host-groups":       {bad: map[string]func(*scene){"file": says("cgroup: private", "cgroup: host"), "running": runs("cgroup")}},
	"container-shared-memory":     {bad: map[string]func(*scene){"file": says("ipc: private", "ipc: host"), "running": runs("ipc")}},
	"container-unexpected":        {bad: map[string]func(*scene){"device": adds(`devices: ["/dev/kvm:/dev/kvm"]`), "env file": adds(`env_file: ["other.env"]`), "a relay": says("\nnetworks:", relay+"\nnetworks:"), "running": runs("unexpected")}},
	"stack-egress":                {bad: map[string]func(*scene){"past the gateway": says(`    networks: ["inner"] # E-01`, `    networks: ["inner", "edge"] # E-01`), "names": says(`dns: ["127.0.0.1"]`, `dns: ["192.0.2.53"]`), "another API": says(`OPENAI_BASE_URL: "https://foundation-models.api.cloud.ru`, `OPENAI_BASE_URL: "https://evil.example`), "another way": says(`HTTPS_PROXY: "http://gateway:3128"`, `HTTPS_PROXY: "http://evil.example"`), "more allowed": says(`"--forward"`, `"--allow", "https://evil.example:443", "--forward"`), "everything allowed": says(`"--allow", "https://foundation-models.api.cloud.ru:443"`, `"--anything"`), "running": runs("egress")}},
	"stack-networks":              {bad: map[string]func(*scene){"IPv6": says("internal: true", "internal: true\n    enable_ipv6: true"), "host": says(`inhibit_ipv4: "true"`, `inhibit_ipv4: "false"`), "each other": says(`enable_icc: "false"`, `enable_icc: "true"`), "a stranger": runs("network-members")}},
	"container-memory":            {bad: map[string]func(*scene){"none": says("    mem_limit: 512m # D-02\n", ""), "swap": says("memswap_limit: 512m", "memswap_limit: -1"), "running": runs("memory")}},
	"container-processors":        {bad: map[string]func(*scene){"file": says("    cpus: 1 # D-02\n", ""), "running": runs("cpus")}},
	"container-processes":         {bad: map[string]func(*scene){"file": says("pids_limit: 100", "pids_limit: -1"), "no end": says("pids_limit: 100", "pids_limit: 1000000000"), "running": runs("pids")}},
	"container-open-files":        {bad: map[string]func(*scene){"file": says("nofile: {soft: 4096, hard: 4096}", "nproc: 100"), "running": runs("nofile")}},
	"container-oom":               {bad: map[string]func(*scene){"file": says("oom_score_adj: 500", "oom_score_adj: -500"), "running": runs("oom")}},
	"container-restart":           {bad: map[string]func(*scene){"always": says(`restart: "on-failure:5"`, `restart: always`), "running": runs("restart")}},
	"container-restarts":          {bad: map[string]func(*scene){"again and again": runs("restarts"), "ended": runs("running")}},
	"container-init":              {bad: map[string]func(*scene){"file": says("init: true", "init: false"), "running": runs("init")}},
	"container-health":            {bad: map[string]func(*scene){"off": says("healthcheck: # D-02; /health is local, never the paid /test-connection", "healthcheck:\n      disable: true"), "paid": says(`\"/health\"`, `\"/test-connection\"`), "running": runs("health")}},
	"container-log-size":          {bad: map[string]func(*scene){"file": says(`options: {max-size: "10m", max-file: "3"}`, "options: {}"), "no end": says(`max-size: "10m"`, `max-size: "-1"`), "running": runs("log-rotation")}},
	"proxy-log-level":             {bad: map[string]func(*scene){"debug": says(`LOG_LEVEL: "WARNING"`, `LOG_LEVEL: "DEBUG"`), "running": runs("log-level")}},
	"proxy-timeout":               {bad: map[string]func(*scene){"no end": says(`REQUEST_TIMEOUT: "60"`, `REQUEST_TIMEOUT: "999999"`), "none": says("      REQUEST_TIMEOUT: \"60\" # D-03: seconds of silence; the proxy tries at most 3 times\n", ""), "running": runs("request-timeout")}},
	"proxy-certificates":          {bad: map[string]func(*scene){"off": says(`SSL_VERIFY: "true"`, `SSL_VERIFY: "false"`), "running": runs("certificates")}},
	"proxy-environment": {bad: map[string]func(*scene){"compose's own": func(s *scene) {
		s.write(filepath.Join(s.Made.StackDir, ".env"), s.text(filepath.Join(s.Made.StackDir, ".env"))+"COMPOSE_FILE=other.yml\n", 0o600)
	}, "code": says(`      HOST: "0.0.0.0"`, "      LD_PRELOAD: /tmp/x.so\n      HOST: \"0.0.0.0\""), "no stack": says("services:", "volumes: {x: {}}\n\nservices:"), "gone": func(s *scene) { s.must(os.Remove(s.composeFile())) }, "running": runs("environment")}},
	"proxy-models": {bad: map[string]func(*scene){"missing": says("      SMALL_MODEL: \"${SMALL_MODEL:?is missing in .env}\" # T-02\n", ""), "running": runs("model-mapping")}},
	"stack-relaxed": {bad: map[string]func(*scene){
		"image":  func(s *scene) { s.Made.Relaxed = []Relaxed{{"root", "E-01", "the image runs as root alone"}} },
		"egress": func(s *scene) { s.Made.EgressOpen = true },
	}},
	"image-pinned":       {bad: map[string]func(*scene){"tag": says("claude-code-proxy@"+sceneDigest, "claude-code-proxy:latest"), "running": runs("image-digest"), "another of the index": runs("image-content")}},
	"image-tried":        {bad: map[string]func(*scene){"never": runs("hardening-tried")}},
	"image-architecture": {bad: map[string]func(*scene){"emulated": func(s *scene) { s.built["sha256:proxy"] = "arm64" }}},

	"port-loopback": {bad: map[string]func(*scene){"everywhere": says("127.0.0.1:8082:8082", "8082:8082"), "by name": says(`host_binding_ipv4: "127.0.0.1"`, `host_binding_ipv4: "0.0.0.0"`), "running": runs("loopback-port")}},
	"port-owner":    {bad: map[string]func(*scene){"rogue": runs("port-owner")}},
	"port-others":   {bad: map[string]func(*scene){"on ::1": runs("port-others")}},
	"proxy-token":   {bad: map[string]func(*scene){"no wrapper": says("exit 78;", ":;"), "taken out again": says("exec /", "exec env -u ANTHROPIC_API_KEY /"), "takes anything": runs("token-none")}},
	"one-proxy":     {bad: map[string]func(*scene){"old one": runs("one-proxy")}},

	"key-in-inspect": {bad: map[string]func(*scene){"variable": says(`      HOST: "0.0.0.0"`, "      OPENAI_API_KEY: \"x\"\n      HOST: \"0.0.0.0\""), "address": says(`OPENAI_BASE_URL: "https://`, `OPENAI_BASE_URL: "https://user:word@`), "running": runs("secret-in-inspect")}},
	"key-in-env-file": {bad: map[string]func(*scene){"key": func(s *scene) {
		s.write(filepath.Join(s.Made.StackDir, ".env"), s.text(filepath.Join(s.Made.StackDir, ".env"))+"CLOUDRU_API_KEY=x\n", 0o600)
	}}},
	"secret-files": {bad: map[string]func(*scene){"a third": says(`  cloudru_api_key: {file: `, `  home: {file: "/home"}`+"\n  cloudru_api_key: {file: "), "from elsewhere": says(`run/clawsetup/proxy_token"`, `run/other/proxy_token"`), "not mounted": says(`secrets: ["cloudru_api_key", "proxy_token"]`, `secrets: ["cloudru_api_key"]`), "from the environment": func(s *scene) {
		s.replace(s.composeFile(), `  proxy_token: {file: "`+s.Made.RuntimeDir+`/proxy_token"}`, `  proxy_token: {environment: "TOKEN"}`)
	}, "running": runs("secret-files")}},
	"core-dumps": {bad: map[string]func(*scene){"file": says("core: 0", "core: -1"), "running": runs("core-dump")}},
}

// Every rule of packages compose and proof belongs to exactly one check, so that nothing
// that is proved is dropped.
func TestEveryRuleHasACheck(t *testing.T) {
	rules := compose.Rules()
	for _, r := range held() {
		rules = append(rules, r.Rule)
	}
	rules = append(rules, "working-dir", "stop", "services")
	slices.Sort(rules)
	for _, rule := range slices.Compact(rules) {
		var asked []string
		s := newScene(t)
		s.results = []proof.Result{{Control: "X", Rule: rule, Outcome: proof.Broken, Detail: "spoilt"}}
		for _, r := range Examine(t.Context(), s.Host, Selection{}).Results {
			if r.Outcome == Found && slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Detail == "spoilt" }) {
				asked = append(asked, r.Check.ID)
			}
		}
		if len(asked) != 1 {
			t.Errorf("rule %s belongs to %v", rule, asked)
		}
	}
}

// What does not run is not proved: that is said, and is no finding.
func TestStoppedStackIsNotChecked(t *testing.T) {
	s := newScene(t)
	s.results, s.running = nil, false
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"container-root", "port-owner", "key-in-env-file"}}).Results {
		want := NotChecked
		if r.Check.ID == "key-in-env-file" {
			want = OK
		}
		if r.Outcome != want {
			t.Errorf("%s is %s, want %s", r.Check.ID, r.Outcome, want)
		}
	}
}

// A file that includes others was not looked at as a whole: that is said.
func TestIncludedFilesAreNotChecked(t *testing.T) {
	s := newScene(t)
	s.replace(s.composeFile(), "\nservices:", "\ninclude: [evil.yml]\n\nservices:")
	s.write("work/docker-compose.cloudru-proxy.yml", s.text(s.composeFile()), 0o600)
	s.write("work/.env", s.text(filepath.Join(s.Made.StackDir, ".env")), 0o600)
	s.Made = nil
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"container-privileged"}}).Results {
		if r.Outcome != NotChecked || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Why, "includes other files") {
			t.Errorf("it is %s: %+v", r.Outcome, r.Gaps)
		}
	}
}

// A container that was made by hand is judged by the rules for a file.
func TestContainerByHand(t *testing.T) {
	b, err := os.ReadFile("testdata/by-hand-inspect.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	s.Made = nil
	s.list = []engine.Container{{Raw: b}}
	if err := json.Unmarshal(b, &s.list[0].InspectResponse); err != nil {
		t.Fatal(err)
	}
	s.built[s.list[0].Image] = "amd64"
	want := strings.Fields(`container-capabilities container-host-groups container-init container-log-size container-memory container-no-new-privileges
		container-oom container-open-files container-processes container-processors container-restart container-root container-seccomp container-writable core-dumps image-pinned
		key-in-inspect port-loopback proxy-certificates proxy-log-level proxy-models proxy-timeout proxy-token secret-files setup-made stack-egress`)
	var got []string
	for _, r := range Examine(t.Context(), s.Host, Selection{Skip: []string{"openclaw", "claude", "skills", "mcp", "data"}}).Results {
		if r.Outcome == Found {
			got = append(got, r.Check.ID)
		}
		for _, f := range r.Findings {
			if strings.Contains(f.Detail, "sk-by-hand") {
				t.Errorf("%s shows the key", r.Check.ID)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("red are\n%v, want\n%v", got, want)
	}
}

// The stack of another set-up of clawsetup, or of one that an interrupted uninstall left, is
// none that was made by hand: its gateway is no proxy without a token.
func TestContainerOfAnotherSetup(t *testing.T) {
	b, err := os.ReadFile("testdata/by-hand-inspect.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	file := s.composeFile()
	s.Made = nil
	s.list = []engine.Container{{Raw: b}}
	if err := json.Unmarshal(b, &s.list[0].InspectResponse); err != nil {
		t.Fatal(err)
	}
	s.built[s.list[0].Image] = "amd64"
	s.list[0].Config.Labels = map[string]string{engine.LabelProject: "clawsetup-0123abcd", "com.docker.compose.project.config_files": file}
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"container-privileged", "proxy-token", "stack-egress", "key-in-inspect"}}).Results {
		if r.Outcome != NotChecked || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Why, "clawsetup-0123abcd") {
			t.Errorf("%s is %s: %+v %+v", r.Check.ID, r.Outcome, r.Findings, r.Gaps)
		}
	}
}
