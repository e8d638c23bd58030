package proof

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/compose"
)

func unless(detail string, ok func(*subject) bool) func(*subject) string {
	return func(s *subject) string {
		return differs(ok(s), detail)
	}
}

// rules hold for every container. The names are those of package compose, where it
// has a check of the same thing.
var rules = []rule{
	{control: "S-03", name: "image-digest", engine: unless("it does not run the pinned image",
		func(s *subject) bool { return s.Image.ID != "" && s.got.Image == s.Image.ID })},
	{control: "S-03", name: "image-content", engine: content},
	{control: "S-01", name: "running", engine: running},
	{control: "S-01", name: "loopback-port", engine: ports},
	{control: "S-01", name: "token-wrapper", engine: entrypoint},
	{control: "S-01", name: "working-dir", engine: unless("it starts in another folder than the file or the image says", func(s *subject) bool {
		return cmp.Or(s.got.Config.WorkingDir, "/") == cmp.Or(s.Service.WorkingDir, s.Image.WorkingDir, "/")
	})},
	{control: "E-01", name: "cap-drop", engine: unless("capabilities are not dropped",
		func(s *subject) bool { return slices.Contains(s.got.HostConfig.CapDrop, "ALL") }), kernel: capabilities},
	{control: "E-01", name: "cap-add", engine: unless("capabilities are added",
		func(s *subject) bool { return len(s.got.HostConfig.CapAdd) == 0 })},
	{control: "E-01", name: "privileged", engine: unless("it is privileged",
		func(s *subject) bool { return !s.got.HostConfig.Privileged })},
	{control: "E-01", name: "network-mode", engine: unless("it uses the network of the host or of another container", func(s *subject) bool {
		m := s.got.HostConfig.NetworkMode
		return !m.IsHost() && !m.IsContainer() && m.IsNone() == (s.Service.NetworkMode == "none")
	})},
	{control: "E-01", name: "networks", engine: networks},
	{control: "E-01", name: "name-lookup", engine: unless("it looks names up elsewhere than the file says",
		func(s *subject) bool { return sameWords(s.got.HostConfig.DNS, s.Service.DNS) })},
	{control: "E-01", name: "pid", engine: unless("it sees the processes of the host or of another container",
		func(s *subject) bool { return s.got.HostConfig.PidMode == "" })},
	{control: "E-01", name: "cgroup", engine: unless("it sees the control groups of the host",
		func(s *subject) bool { return string(s.got.HostConfig.CgroupnsMode) == s.Service.Cgroup }), kernel: cgroupNamespace},
	{control: "E-01", name: "ipc", engine: unless("its shared memory is not private",
		func(s *subject) bool { return s.got.HostConfig.IpcMode.IsPrivate() })},
	{control: "E-01", name: "engine-socket", engine: engineSocket},
	{control: "E-01", name: "mounts", engine: mounts, kernel: kernelMounts},
	{control: "E-01", name: "read-only", engine: unless("the root file system is writable",
		func(s *subject) bool { return s.got.HostConfig.ReadonlyRootfs }), kernel: readOnlyRoot},
	{control: "E-01", name: "no-new-privileges", engine: unless("a program in it can gain privileges",
		func(s *subject) bool { return compose.SwitchesOn(s.got.HostConfig.SecurityOpt) }), kernel: noNewPrivileges},
	{control: "E-01", name: "seccomp", engine: seccompProfile, kernel: seccompFilter},
	{control: "E-01", name: "confinement", engine: confined},
	{control: "E-01", name: "user", engine: unless("it runs as another user than the file says",
		func(s *subject) bool { return s.got.Config.User == s.Service.User }), kernel: user},
	{control: "E-01", name: "tmpfs", engine: tmpfs, kernel: tmpfsMounts},
	{control: "E-01", name: "unexpected", engine: unexpected},
	{control: "I-01", name: "secret-files", engine: secretFiles},
	{control: "I-01", name: "secret-in-environment", engine: secretInEnvironment},
	{control: "I-01", name: "secret-in-inspect", engine: secretInInspect},
	{control: "I-01", name: "core-dump", engine: ulimit("core", "a core file could be written"), kernel: kernelLimit("core", "Max core file size", "a core file could be written")},
	{control: "T-02", name: "model-mapping", engine: variables("BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL")},
	{control: "T-02", name: "environment", engine: otherVariables},
	{control: "E-01", name: "egress", engine: variables("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")},
	{control: "R-01", name: "log-level", engine: variables("LOG_LEVEL")},
	{control: "S-04", name: "certificates", engine: variables("SSL_VERIFY")},
	{control: "D-03", name: "request-timeout", engine: variables("REQUEST_TIMEOUT")},
	{control: "D-02", name: "memory", engine: limited(func(s *subject) string {
		return differs(s.got.HostConfig.Memory == int64(s.Service.MemLimit), "its memory limit is another")
	}), kernel: limited(func(s *subject) string {
		return differs(s.kernel.group.Memory == number(int64(s.Service.MemLimit)), "the kernel limits its memory otherwise")
	})},
	{control: "D-02", name: "swap", engine: limited(swap), kernel: limited(func(s *subject) string {
		same := !s.kernel.group.SwapKnown || s.kernel.group.MemorySwap == number(int64(s.Service.MemSwapLimit))
		return differs(same, "the kernel limits its swap otherwise")
	})},
	{control: "D-02", name: "cpus", engine: limited(func(s *subject) string {
		return differs(near(float64(s.got.HostConfig.NanoCPUs)/1e9, float64(s.Service.CPUS)), "its processor limit is another")
	}), kernel: limited(func(s *subject) string {
		return differs(near(s.kernel.group.CPUs, float64(s.Service.CPUS)), "the kernel limits its processors otherwise")
	})},
	{control: "D-02", name: "pids", engine: limited(func(s *subject) string {
		got := s.got.HostConfig.PidsLimit
		return differs(got != nil && *got == s.Service.PidsLimit, "its limit of processes is another")
	}), kernel: limited(func(s *subject) string {
		return differs(s.kernel.group.Pids == number(s.Service.PidsLimit), "the kernel limits its processes otherwise")
	})},
	{control: "D-02", name: "nofile", engine: ulimit("nofile", "its limit of open files is another"),
		kernel: kernelLimit("nofile", "Max open files", "the kernel limits its open files otherwise")},
	{control: "D-02", name: "oom", engine: unless("the kernel would end the host's programs first", func(s *subject) bool {
		off := s.got.HostConfig.OomKillDisable
		return int64(s.got.HostConfig.OomScoreAdj) == s.Service.OomScoreAdj && (off == nil || !*off)
	}), kernel: oomScore},
	{control: "D-02", name: "restart", engine: restart},
	{control: "D-02", name: "stop", engine: stop},
	{control: "D-02", name: "init", engine: unless("no init process reaps its children",
		func(s *subject) bool { return s.got.HostConfig.Init != nil && *s.got.HostConfig.Init })},
	{control: "D-02", name: "health", engine: health},
	{control: "R-01", name: "log-rotation", engine: unless("its log is not bounded as the file says", func(s *subject) bool {
		return s.Service.Logging != nil && s.got.HostConfig.LogConfig.Type == s.Service.Logging.Driver &&
			sameMap(s.got.HostConfig.LogConfig.Config, s.Service.Logging.Options)
	})},
}

// number is a claimed limit as the kernel counts; a negative one is none of ours.
func number(n int64) uint64 {
	if n < 0 {
		return 0
	}
	return uint64(n)
}

func near(a, b float64) bool { return a-b < 0.005 && b-a < 0.005 }

func sameWords(a, b []string) bool { return len(a) == 0 && len(b) == 0 || slices.Equal(a, b) }

func orImage(claimed, image []string) []string {
	if len(claimed) > 0 {
		return claimed
	}
	return image
}

func sameMap(a map[string]string, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range b {
		if a[k] != v {
			return false
		}
	}
	return true
}

// content compares what the engine made of the pin with what was looked at before it
// was pinned. An image that was made here is named by its content.
func content(s *subject) string {
	if s.Image.ID == "" || s.Content.Pin == "" {
		return "" // image-digest says so
	}
	if err := s.Image.Compare(s.Content); err != nil {
		return strings.TrimPrefix(err.Error(), "S-03: ")
	}
	return ""
}

// entrypoint wants the command that the file names and, of the proxy, that this is one of
// the two which read the secrets and become the image's own command, to the last word.
func entrypoint(s *subject) string {
	if !sameWords(s.got.Config.Entrypoint, orImage(s.Service.Entrypoint, s.Image.Entrypoint)) || !sameWords(s.got.Config.Cmd, s.Service.Command) {
		return "it was not started by the command that the file names"
	}
	if s.Service.Name != templates.Service || s.Image.ID == "" {
		return ""
	}
	wrapped, launched, err := templates.Entrypoints(s.Image.Entrypoint, s.Image.Cmd, s.Image.WorkingDir)
	if err != nil || !slices.Equal(s.got.Config.Entrypoint, wrapped) && !slices.Equal(s.got.Config.Entrypoint, launched) {
		return "the command that the file names does not insist on the secrets, or is not the image's own"
	}
	return ""
}

func running(s *subject) string {
	st := s.got.State
	switch {
	case st.Restarting:
		return fmt.Sprintf("it is being started again, %d times so far", s.got.RestartCount)
	case st.OOMKilled && !st.Running:
		return "it was ended because it used more memory than it may"
	case !st.Running:
		return fmt.Sprintf("it does not run; it ended with exit code %d", st.ExitCode)
	case st.Paused:
		return "it is paused"
	}
	return ""
}

// ports compares what is published now, not what was asked for: a port that somebody
// else held is asked for and not published.
func ports(s *subject) string {
	want := map[string]bool{}
	for _, p := range s.Service.Ports {
		want[fmt.Sprintf("%d/%s %s:%s", p.Target, p.Protocol, p.HostIP, p.Published)] = true
	}
	if s.got.NetworkSettings == nil {
		return "the engine says nothing of its ports"
	}
	for inner, bindings := range s.got.NetworkSettings.Ports {
		for _, b := range bindings {
			key := fmt.Sprintf("%s %s:%s", inner, b.HostIP, b.HostPort)
			if !want[key] {
				return fmt.Sprintf("port %s is published on %s:%s", inner, b.HostIP, b.HostPort)
			}
			delete(want, key)
		}
	}
	for key := range want {
		return "it is not published as the file says: " + key
	}
	return ""
}

func networks(s *subject) string {
	if s.got.NetworkSettings == nil {
		return "the engine says nothing of its networks"
	}
	for name := range s.got.NetworkSettings.Networks {
		inner, ours := strings.CutPrefix(name, s.Project.Name+"_")
		_, claimed := s.Service.Networks[inner]
		if alone := name == "none" && s.Service.NetworkMode == "none"; !alone && (!ours || !claimed) {
			return "it is on the network " + name
		}
	}
	for name := range s.Service.Networks {
		if s.got.NetworkSettings.Networks[s.Project.Name+"_"+name] == nil {
			return "it is not on the network " + name
		}
	}
	return ""
}

func engineSocket(s *subject) string {
	for _, m := range s.got.Mounts {
		if isSocket(m) {
			return "it can reach the socket of a container engine"
		}
	}
	return ""
}

// isSocket tells whether a mount leads to a container engine.
func isSocket(m container.MountPoint) bool {
	return m.Type == mount.TypeBind && compose.ReachesEngine(m.Source) || strings.HasSuffix(m.Destination, ".sock")
}

// isSecret tells whether a mount is at the place of one of the two secret files. What
// else is mounted among them is a mount like any other.
func isSecret(m container.MountPoint) bool {
	return m.Destination == secretPath(templates.SecretAPIKey) || m.Destination == secretPath(templates.SecretProxyToken)
}

func secretPath(name string) string { return templates.SecretsPath + "/" + name }

// mounts allows the secret files, the launcher, and nothing else of the host.
func mounts(s *subject) string {
	for _, m := range s.got.Mounts {
		if isSecret(m) || isSocket(m) {
			continue
		}
		launcher := func(v types.ServiceVolumeConfig) bool {
			return v.Target == templates.LauncherPath && v.Source == m.Source
		}
		if m.Destination == templates.LauncherPath && !m.RW && slices.ContainsFunc(s.Service.Volumes, launcher) {
			continue
		}
		return fmt.Sprintf("it mounts %s at %s", cmp.Or(m.Source, m.Name), m.Destination)
	}
	return ""
}

// secretFiles wants the two secret files of the set-up in the proxy, and none elsewhere:
// what the compose file says of them is its own word.
func secretFiles(s *subject) string {
	wanted := map[string]string{}
	for _, c := range s.Service.Secrets {
		if c.Source != templates.SecretAPIKey && c.Source != templates.SecretProxyToken {
			return "the file gives it " + c.Source + ", which is none of the set-up's two secrets"
		}
		wanted[secretPath(c.Source)] = filepath.Join(s.SecretsDir, c.Source)
	}
	for _, m := range s.got.Mounts {
		if !isSecret(m) {
			continue
		}
		source, ok := wanted[m.Destination]
		switch {
		case !ok:
			return "it holds a secret that the file does not name: " + m.Destination
		case m.RW:
			return m.Destination + " can be written to"
		case m.Source != source:
			return m.Destination + " comes from another file than the set-up's"
		}
		delete(wanted, m.Destination)
	}
	for name := range wanted {
		return name + " is not mounted"
	}
	return ""
}

func confined(s *subject) string {
	for _, o := range s.got.HostConfig.SecurityOpt {
		if !strings.HasPrefix(o, "seccomp") && !strings.HasPrefix(o, "no-new-privileges") {
			return "the security option " + o + " is none of the file's"
		}
	}
	if s.got.HostConfig.Privileged {
		return ""
	}
	for _, p := range compose.HiddenPaths {
		if !slices.Contains(s.got.HostConfig.MaskedPaths, p) {
			return "the kernel's " + p + " is not masked"
		}
	}
	for _, p := range compose.KeptPaths {
		if !slices.Contains(s.got.HostConfig.ReadonlyPaths, p) {
			return "the kernel's " + p + " can be written to"
		}
	}
	return ""
}

// unexpected finds what the file never asks for and no other rule looks at.
func unexpected(s *subject) string {
	h := s.got.HostConfig
	for what, there := range map[string]bool{
		"devices": len(h.Devices)+len(h.DeviceRequests)+len(h.DeviceCgroupRules) > 0, "host names": len(h.ExtraHosts) > 0,
		"groups": len(h.GroupAdd) > 0, "links": len(h.Links) > 0, "volumes of other containers": len(h.VolumesFrom) > 0,
		"kernel settings": len(h.Sysctls) > 0, "the host's users": h.UsernsMode.IsHost(), "the host's name": h.UTSMode.IsHost(),
		"annotations": len(h.Annotations) > 0, "search domains": len(h.DNSSearch) > 0, "a control group of its own": !compose.UsualCgroupParent(h.CgroupParent), "all its ports": h.PublishAllPorts, "another runtime": !compose.UsualRuntime(h.Runtime),
	} {
		if there {
			return "it was given " + what
		}
	}
	return ""
}

func restart(s *subject) string {
	want, count, _ := strings.Cut(s.Service.Restart, ":")
	p := s.got.HostConfig.RestartPolicy
	never := string(container.RestartPolicyDisabled)
	if cmp.Or(string(p.Name), never) != cmp.Or(want, never) || want == string(container.RestartPolicyOnFailure) && fmt.Sprint(p.MaximumRetryCount) != count {
		return "it is not restarted as the file says"
	}
	return ""
}

// stop compares how the container is asked to end, before it is killed.
func stop(s *subject) string {
	want, got := s.Service.StopGracePeriod, s.got.Config.StopTimeout
	switch {
	case s.got.Config.StopSignal != cmp.Or(s.Service.StopSignal, s.Image.StopSignal):
		return "it is asked to stop by another signal than the file or the image says"
	case (want == nil) != (got == nil) || want != nil && time.Duration(*got)*time.Second != time.Duration(*want):
		return "it gets another time to stop than the file says"
	}
	return ""
}

func health(s *subject) string {
	want, got := s.Service.HealthCheck, s.got.Config.Healthcheck
	switch {
	case want == nil && got == nil:
		return ""
	case want == nil && strings.Contains(strings.Join(got.Test, " "), "test-connection"):
		return "the image's own health check makes a paid call"
	case want == nil && s.got.Health() == "unhealthy":
		return "the image's own health check fails"
	case want == nil:
		return ""
	case got == nil || !slices.Equal(got.Test, want.Test):
		return "its health is not checked as the file says"
	case want.Interval == nil || got.Interval.String() != want.Interval.String():
		return "its health is checked at another pace than the file says"
	case s.got.Health() == "unhealthy":
		return "its health check fails"
	}
	return ""
}
