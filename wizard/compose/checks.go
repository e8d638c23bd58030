package compose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/clawsetup/clawsetup/templates"
)

// serviceChecks hold for every container of the stack.
var serviceChecks = []check[service]{
	{control: "S-03", rule: "image-digest", find: imageDigest},
	{control: "S-01", rule: "loopback-port", find: loopbackPort},
	{control: "E-01", rule: "cap-drop", find: unless("capabilities are not dropped",
		func(s service) bool { return slices.Contains(s.CapDrop, "ALL") })},
	{control: "E-01", rule: "cap-add", find: unless("capabilities are added",
		func(s service) bool { return len(s.CapAdd) == 0 })},
	{control: "E-01", rule: "privileged", find: unless("it is privileged",
		func(s service) bool { return !s.Privileged })},
	{control: "E-01", rule: "network-mode", find: unless("it uses the network of the host or of another container",
		func(s service) bool { return s.NetworkMode == "" && s.Net == "" })},
	{control: "E-01", rule: "pid", find: unless("it sees the processes of the host or of another container",
		func(s service) bool { return s.Pid == "" })},
	{control: "E-01", rule: "cgroup", find: unless("it sees the control groups of the host",
		func(s service) bool { return s.Cgroup == "private" })},
	{control: "E-01", rule: "ipc", find: unless("its shared memory is not private",
		func(s service) bool { return s.Ipc == "private" })},
	{control: "E-01", rule: "engine-socket", find: unless("it can reach the socket of a container engine",
		func(s service) bool { return !s.UseAPISocket && !slices.ContainsFunc(s.Volumes, isSocket) })},
	{control: "E-01", rule: "mounts", find: unless("it mounts a volume or a folder of the host", func(s service) bool {
		return !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return !isSocket(v) && !isLauncher(s, v) })
	})},
	{control: "E-01", rule: "read-only", find: unless("the root file system is writable",
		func(s service) bool { return s.ReadOnly })},
	{control: "E-01", rule: "no-new-privileges", find: unless("a program in it can gain privileges",
		func(s service) bool { return SwitchesOn(s.SecurityOpt) })},
	{control: "E-01", rule: "seccomp", relaxedBy: DefaultSeccomp, find: unless("our seccomp profile does not limit its system calls", seccompProfile)},
	{control: "E-01", rule: "confinement", find: unless("a security option switches confinement off", confined)},
	{control: "E-01", rule: "user", relaxedBy: AllowRoot, find: unless("it runs as root, in root's group, or as whatever the image says", notRoot)},
	{control: "E-01", rule: "tmpfs", find: tmpfs},
	{control: "E-01", rule: "unexpected", find: unexpected},
	{control: "I-01", rule: "secret-in-environment", find: secretInEnvironment},
	{control: "T-02", rule: "environment", find: environment},
	{control: "E-01", rule: "proxy-variables", find: proxyVariables},
	{control: "I-01", rule: "core-dump", find: unless("a core file could be written",
		func(s service) bool { return noCore(s.Ulimits["core"]) })},
	{control: "D-02", rule: "memory", find: unless("there is no memory limit, or one that limits nothing",
		func(s service) bool { return between(float64(s.MemLimit), templates.MostMemoryMiB<<20) })},
	{control: "D-02", rule: "swap", find: unless("swap is not limited to the memory limit",
		func(s service) bool { return s.MemSwapLimit > 0 && (s.MemLimit == 0 || s.MemSwapLimit == s.MemLimit) })},
	{control: "D-02", rule: "cpus", find: unless("there is no processor limit, or one that limits nothing",
		func(s service) bool { return between(float64(s.CPUS), templates.MostCPUs) })},
	{control: "D-02", rule: "pids", find: unless("the number of processes is not limited",
		func(s service) bool { return between(float64(s.PidsLimit), templates.MostPids) })},
	{control: "D-02", rule: "nofile", find: unless("the number of open files is not limited",
		func(s service) bool {
			u := s.Ulimits["nofile"]
			return u != nil && between(float64(max(u.Single, u.Hard)), largestNofile)
		})},
	{control: "D-02", rule: "oom", find: unless("the kernel would end the host's programs first",
		func(s service) bool { return s.OomScoreAdj > 0 && !s.OomKillDisable })},
	{control: "D-02", rule: "restart", find: restart},
	{control: "D-02", rule: "init", find: unless("no init process reaps its children",
		func(s service) bool { return s.Init != nil && *s.Init })},
	{control: "D-02", rule: "health", find: health},
	{control: "R-01", rule: "log-rotation", find: unless("its log is not bounded", bounded)},
}

// proxyChecks hold for the container that has the API key.
var proxyChecks = []check[service]{
	{control: "S-01", rule: "token-wrapper", find: unless("its entrypoint does not insist on the secrets; without a token every client is served",
		func(s service) bool {
			return (templates.IsWrapper(s.Entrypoint) || templates.IsLaunched(s.Entrypoint)) && len(s.Command) == 0
		})},
	{control: "S-04", rule: "api-address", find: apiAddress},
	{control: "I-01", rule: "secret-files", find: unless("the key and the token, and they alone, are not mounted as secret files at their places", secretFiles)},
	{control: "R-01", rule: "log-level", find: unless("its log level is not WARNING or stricter; DEBUG logs whole prompts", func(s service) bool {
		return slices.Contains([]string{"WARNING", "ERROR", "CRITICAL"}, strings.ToUpper(variable(s, "LOG_LEVEL")))
	})},
	{control: "T-02", rule: "model-mapping", find: unless("a model is missing from its environment", func(s service) bool {
		return !slices.ContainsFunc(modelNames, func(name string) bool { return variable(s, name) == "" })
	})},
	{control: "S-04", rule: "certificates", find: unless("certificate checks are not forced on",
		func(s service) bool { return variable(s, "SSL_VERIFY") == "true" })},
	{control: "D-03", rule: "request-timeout", find: unless("there is no request timeout, or one of more than an hour",
		func(s service) bool {
			n, err := strconv.Atoi(variable(s, "REQUEST_TIMEOUT"))
			return err == nil && between(float64(n), templates.MostTimeout.Seconds())
		})},
}

// gatewayChecks hold for the container that is the only way out.
var gatewayChecks = []check[service]{
	{control: "I-01", rule: "gateway-secrets", find: unless("it holds a secret, which it has no use for",
		func(s service) bool { return len(s.Secrets) == 0 })},
}

// projectChecks look at how the services lie together.
var projectChecks = []check[stack]{
	{control: "S-01", rule: "proxy-service", find: func(p stack) string {
		if _, ok := p.Services[templates.Service]; !ok {
			return "there is no service " + templates.Service
		}
		return ""
	}},
	{control: "E-01", rule: "services", find: strangers},
	{control: "E-01", rule: "allow-list", find: allowList},
	{control: "E-01", rule: "egress", relaxedBy: OpenEgress, find: openEgress},
	{control: "E-01", rule: "name-lookup", relaxedBy: OpenEgress, find: func(p stack) string {
		if s, ok := p.Services[templates.Service]; ok && !slices.Equal(s.DNS, []string{"127.0.0.1"}) {
			return "the engine would look up any name for the proxy, which carries data out"
		}
		return ""
	}},
}

var networkChecks = []check[*types.NetworkConfig]{
	{control: "E-01", rule: "network-own", find: func(n *types.NetworkConfig) string {
		if bool(n.External) || n.Attachable || (n.Driver != "" && n.Driver != "bridge") {
			return "it is not a bridge of this stack alone"
		}
		if n.EnableIPv6 != nil && *n.EnableIPv6 {
			return "it has IPv6, which none of its rules look at"
		}
		for _, name := range sortedKeys(n.DriverOpts) {
			if !slices.Contains(networkOptions, name) {
				return "it has the option " + clean(name) + ", which is no part of the stack"
			}
		}
		return ""
	}},
	{control: "E-01", rule: "network-isolated", find: func(n *types.NetworkConfig) string {
		if !n.Internal && n.DriverOpts["com.docker.network.bridge.enable_icc"] != "false" {
			return "its containers can reach each other"
		}
		return ""
	}},
	{control: "E-01", rule: "network-host", find: func(n *types.NetworkConfig) string {
		if n.Internal && n.DriverOpts["com.docker.network.bridge.inhibit_ipv4"] != "true" {
			return "the host's own services can be reached through it"
		}
		return ""
	}},
	{control: "S-01", rule: "network-binding", find: func(n *types.NetworkConfig) string {
		if !n.Internal && n.DriverOpts["com.docker.network.bridge.host_binding_ipv4"] != "127.0.0.1" {
			return "ports are not bound to 127.0.0.1 by default"
		}
		return ""
	}},
}

// networkOptions are those of a bridge that the templates set, and what a network may
// have without being weaker.
var networkOptions = []string{
	"com.docker.network.bridge.inhibit_ipv4", "com.docker.network.bridge.host_binding_ipv4", "com.docker.network.bridge.enable_icc", "com.docker.network.driver.mtu",
}

var secretChecks = []check[secret]{
	{control: "I-01", rule: "secret-source", find: func(s secret) string {
		want := s.made.secretFile(s.name)
		switch {
		case s.File == "" || s.Environment != "" || s.Content != "" || bool(s.External) || s.Driver != "":
			return "it does not come from a file"
		case ReachesEngine(s.File): // the next check's
		case !slices.Contains(secretNames, s.name):
			return "it is none of the stack's two"
		case want != "" && s.File != want:
			return "it comes from another file than the set-up's"
		case !isSecretFile(s.File, s.name):
			return "it comes from a file of another name"
		}
		return ""
	}},
	{control: "E-01", rule: "secret-socket", find: func(s secret) string {
		if ReachesEngine(s.File) {
			return "it is a socket, or a folder with a container engine's"
		}
		return ""
	}},
}
