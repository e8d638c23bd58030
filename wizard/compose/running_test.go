package compose

import (
	"maps"
	"slices"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"

	"github.com/clawsetup/clawsetup/templates"
)

// hardened is a container that somebody started by hand as the templates would: it lacks
// a gateway alone.
func hardened(t *testing.T) container.InspectResponse {
	t.Helper()
	entrypoint, err := templates.Wrapper(nil, []string{"python", "x.py"}, "/app")
	if err != nil {
		t.Fatal(err)
	}
	pids, on := int64(100), true
	return container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{
			ReadonlyRootfs: true, Init: &on, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true", "seccomp=" + string(templates.Seccomp())},
			CgroupnsMode: "private", IpcMode: "private", OomScoreAdj: 500, Runtime: "runc", ShmSize: 64 << 20, DNS: []string{"127.0.0.1"},
			Tmpfs:       map[string]string{"/tmp": "rw,noexec,nosuid,nodev,size=64m"},
			MaskedPaths: slices.Concat(HiddenPaths, []string{"/proc/acpi"}), ReadonlyPaths: KeptPaths,
			RestartPolicy: container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 5},
			LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
			PortBindings:  nat.PortMap{"8082/tcp": {{HostIP: "127.0.0.1", HostPort: "8082"}}},
			Resources: container.Resources{Memory: 1 << 29, MemorySwap: 1 << 29, NanoCPUs: 1e9, PidsLimit: &pids, Ulimits: []*container.Ulimit{
				{Name: "core"}, {Name: "nofile", Soft: 4096, Hard: 4096},
			}},
		}},
		Config: &container.Config{Image: "x/claude-code-proxy@" + digest, User: "65532:65532", Entrypoint: entrypoint, Env: []string{
			"PATH=/usr/bin", "PYTHON_VERSION=3.12", "BIG_MODEL=a", "MIDDLE_MODEL=b", "SMALL_MODEL=c", "LOG_LEVEL=WARNING", "SSL_VERIFY=true", "REQUEST_TIMEOUT=60",
			"OPENAI_BASE_URL=" + apiBase,
		}},
		Mounts: []container.MountPoint{
			{Type: mount.TypeBind, Source: "/s/cloudru_api_key", Destination: "/run/secrets/cloudru_api_key"},
			{Type: mount.TypeBind, Source: "/s/proxy_token", Destination: "/run/secrets/proxy_token"},
		},
		NetworkSettings: &container.NetworkSettings{},
	}
}

// TestDescribe: each weakening of a container that was made by hand turns exactly its
// rule red.
func TestDescribe(t *testing.T) {
	host := func(f func(*container.HostConfig)) func(*container.InspectResponse) {
		return func(c *container.InspectResponse) { f(c.HostConfig) }
	}
	variable := func(v string) func(*container.InspectResponse) {
		return func(c *container.InspectResponse) { c.Config.Env = append(c.Config.Env, v) }
	}
	mounted := func(m container.MountPoint) func(*container.InspectResponse) {
		return func(c *container.InspectResponse) { c.Mounts = append(c.Mounts, m) }
	}
	secret := func(i int, source string, rw bool) func(*container.InspectResponse) {
		return func(c *container.InspectResponse) { c.Mounts[i].Source, c.Mounts[i].RW = source, rw }
	}
	for name, tt := range map[string]struct {
		spoil func(*container.InspectResponse)
		want  []string
	}{
		"nothing":                      {func(*container.InspectResponse) {}, nil},
		"an engine that does not tell": {host(func(h *container.HostConfig) { h.MaskedPaths, h.ReadonlyPaths = nil, nil }), nil},
		"options at last": {host(func(h *container.HostConfig) {
			h.SecurityOpt = append([]string{"no-new-privileges:false"}, h.SecurityOpt...)
		}), []string{"confinement"}},
		"privileges at last":             {host(func(h *container.HostConfig) { h.SecurityOpt = append(h.SecurityOpt, "no-new-privileges:0") }), []string{"no-new-privileges"}},
		"a filter that lets all through": {host(func(h *container.HostConfig) { h.SecurityOpt[1] = `seccomp={"defaultAction":"SCMP_ACT_ALLOW"}` }), []string{"seccomp"}},
		"another filter at last":         {host(func(h *container.HostConfig) { h.SecurityOpt = append(h.SecurityOpt, "seccomp=unconfined") }), []string{"seccomp"}},
		"system paths":                   {host(func(h *container.HostConfig) { h.MaskedPaths, h.ReadonlyPaths = []string{}, []string{} }), []string{"confinement"}},
		"a path that is not masked":      {host(func(h *container.HostConfig) { h.MaskedPaths = h.MaskedPaths[1:] }), []string{"confinement"}},
		"a path that can be written":     {host(func(h *container.HostConfig) { h.ReadonlyPaths = h.ReadonlyPaths[1:] }), []string{"confinement"}},
		"device rules":                   {host(func(h *container.HostConfig) { h.DeviceCgroupRules = []string{"a *:* rwm"} }), []string{"unexpected"}},
		"device requests":                {host(func(h *container.HostConfig) { h.DeviceRequests = []container.DeviceRequest{{Count: -1}} }), []string{"unexpected"}},
		"kernel settings":                {host(func(h *container.HostConfig) { h.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"} }), []string{"unexpected"}},
		"names":                          {host(func(h *container.HostConfig) { h.ExtraHosts = []string{"api:192.0.2.1"} }), []string{"unexpected"}},
		"search domains":                 {host(func(h *container.HostConfig) { h.DNSSearch = []string{"evil.example"} }), []string{"unexpected"}},
		"another runtime":                {host(func(h *container.HostConfig) { h.Runtime = "evil" }), []string{"unexpected"}},
		"a control group":                {host(func(h *container.HostConfig) { h.CgroupParent = "/x" }), []string{"unexpected"}},
		"Podman's control group":         {host(func(h *container.HostConfig) { h.CgroupParent = "user.slice" }), nil},
		"Podman's, of root":              {host(func(h *container.HostConfig) { h.CgroupParent = "machine.slice" }), nil},
		"a group in Podman's":            {host(func(h *container.HostConfig) { h.CgroupParent = "user.slice/x" }), []string{"unexpected"}},
		"a runtime with its own kernel":  {host(func(h *container.HostConfig) { h.Runtime = "runsc" }), nil},
		"a runtime with a machine":       {host(func(h *container.HostConfig) { h.Runtime = "kata" }), nil},
		"annotations":                    {host(func(h *container.HostConfig) { h.Annotations = map[string]string{"run.oci.keep_original_groups": "1"} }), []string{"unexpected"}},
		"links":                          {host(func(h *container.HostConfig) { h.Links = []string{"/a:/b"} }), []string{"unexpected"}},
		"shared memory":                  {host(func(h *container.HostConfig) { h.ShmSize = 1 << 40 }), []string{"unexpected"}},
		"all ports":                      {host(func(h *container.HostConfig) { h.PublishAllPorts = true }), []string{"loopback-port"}},
		"processes":                      {host(func(h *container.HostConfig) { *h.PidsLimit = 1e9 }), []string{"pids"}},
		"no end of a log":                {host(func(h *container.HostConfig) { h.LogConfig.Config["max-size"] = "-1" }), []string{"log-rotation"}},
		"programs in a temporary folder": {host(func(h *container.HostConfig) { h.Tmpfs["/tmp"] += ",exec" }), []string{"tmpfs"}},
		"a temporary folder as it comes": {host(func(h *container.HostConfig) { h.Tmpfs["/tmp"] = "" }), []string{"tmpfs"}},
		"no end of a temporary folder":   {host(func(h *container.HostConfig) { h.Tmpfs["/tmp"] += ",size=9999g" }), []string{"tmpfs"}},
		"root's group":                   {func(c *container.InspectResponse) { c.Config.User = "65532:0" }, []string{"user"}},
		"code":                           {variable("LD_PRELOAD=/tmp/x.so"), []string{"environment"}},
		"certificates":                   {variable("SSL_CERT_FILE=/tmp/ca.pem"), []string{"environment"}},
		"a way out":                      {variable("https_proxy=http://evil.example"), []string{"proxy-variables"}},
		"another API":                    {variable("OPENAI_BASE_URL=http://evil.example/v1"), []string{"api-address"}},
		"a patience":                     {variable("REQUEST_TIMEOUT=999999"), []string{"request-timeout"}},
		"the host among the secrets":     {mounted(container.MountPoint{Type: mount.TypeBind, Source: "/", Destination: "/run/secrets/x", RW: true}), []string{"engine-socket"}},
		"a socket among the secrets":     {mounted(container.MountPoint{Type: mount.TypeBind, Source: "/var/run/docker.sock", Destination: "/run/secrets/x"}), []string{"engine-socket"}},
		"a folder among the secrets":     {mounted(container.MountPoint{Type: mount.TypeBind, Source: "/home", Destination: "/run/secrets/x"}), []string{"mounts"}},
		"a volume among the secrets":     {mounted(container.MountPoint{Type: mount.TypeVolume, Name: "v", Destination: "/run/secrets/x"}), []string{"mounts"}},
		"the host as a secret":           {secret(1, "/", false), []string{"engine-socket", "secret-files"}},
		"a folder as a secret":           {secret(1, "/home", false), []string{"mounts", "secret-files"}},
		"a secret to write to":           {secret(0, "/s/cloudru_api_key", true), []string{"mounts", "secret-files"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := hardened(t)
			tt.spoil(&c)
			red := map[string]bool{}
			for _, v := range Violations(Describe(c, templates.Service), Made{Relaxed: []Relaxation{OpenEgress}}) {
				red[v.Rule] = true
			}
			if got := slices.Sorted(maps.Keys(red)); !slices.Equal(got, tt.want) {
				t.Errorf("red are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReachesEngine(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/run": true, "/run/": true, "/var": true, "/var/run": true, "/var/run/docker.sock": true, "/run/containerd": true, "/run/user": true,
		"/run/user/1000": true, "/run/user/1000/podman/podman.sock": true, "//run/../run": true, "relative.sock": true,
		"/run/user/1000/podman": true, "/var/run/user/1000/docker": true, "/run/user/1000/containerd-rootless": true, "/run/k3s/containerd": true, "/var/run/buildkit": true,
		"/home/me/.docker/run": true, "/home/me/.docker/desktop": true, "/Users/me/.colima": true, "/Users/me/.colima/default": true, "~/.orbstack/run": true, "~/.rd": true,
		`\\.\pipe\docker_engine`: true, "//./pipe/docker_engine": true, "/Users/me/.rd/": true,
		"/private": true, "/private/var": true, "/private/var/run": true, "/private/var/run/docker.sock": true, "/private/tmp": false, "/privates": false,
		"/run/media/me": false, "/run/user/1000/pulse": false, "/home/me/.rdp": false, "/srv/docker": false, "/home/me/.docker/contexts": false,
		"": false, "/home": false, "/run/user/1000/clawsetup": false, "/runner": false, "/run/secrets": false, "volume": false, "/srv/secrets/proxy_token": false,
	} {
		if got := ReachesEngine(path); got != want {
			t.Errorf("%q: %v", path, got)
		}
	}
}
