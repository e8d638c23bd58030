package compose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/clawsetup/clawsetup/templates"
)

// Describe says what a compose file would have to say for a container to be as the
// engine describes it, so that Violations judges one that nobody's file made by the same
// rules. Its networks are not described: what they are is not in a container's
// description. service is the name that it counts as.
func Describe(c container.InspectResponse, service string) *types.Project {
	s := types.ServiceConfig{Name: service}
	if c.Config != nil {
		describeImage(&s, c.Config)
	}
	if c.ContainerJSONBase != nil && c.HostConfig != nil {
		describeHost(&s, c.HostConfig)
	}
	for _, m := range c.Mounts {
		name, _ := strings.CutPrefix(m.Destination, templates.SecretsPath+"/")
		// Anything else at such a place is a mount like any other.
		if slices.Contains(secretNames, name) && m.Type == mount.TypeBind && !m.RW && isSecretFile(m.Source, name) {
			s.Secrets = append(s.Secrets, types.ServiceSecretConfig{Source: name, Target: name})
			continue
		}
		s.Volumes = append(s.Volumes, types.ServiceVolumeConfig{Type: string(m.Type), Source: cmp.Or(m.Source, m.Name), Target: m.Destination, ReadOnly: !m.RW})
	}
	describePorts(&s, c)
	return &types.Project{Name: service, Services: types.Services{service: s}}
}

func describeImage(s *types.ServiceConfig, c *container.Config) {
	s.Image, s.User = c.Image, c.User
	s.Entrypoint, s.Command = types.ShellCommand(c.Entrypoint), types.ShellCommand(c.Cmd)
	s.Environment = types.MappingWithEquals{}
	for _, v := range c.Env {
		name, value, _ := strings.Cut(v, "=")
		s.Environment[name] = &value
	}
	if h := c.Healthcheck; h != nil {
		interval := types.Duration(cmp.Or(h.Interval, 30*time.Second)) // the engine's default
		s.HealthCheck = &types.HealthCheckConfig{Test: h.Test, Interval: &interval, Disable: len(h.Test) > 0 && h.Test[0] == "NONE"}
	}
}

func describeHost(s *types.ServiceConfig, h *container.HostConfig) {
	s.Privileged, s.ReadOnly, s.Init = h.Privileged, h.ReadonlyRootfs, h.Init
	s.CapAdd, s.CapDrop = []string(h.CapAdd), []string(h.CapDrop)
	s.SecurityOpt = describeOptions(h)
	if h.NetworkMode.IsHost() || h.NetworkMode.IsContainer() {
		s.NetworkMode = string(h.NetworkMode)
	}
	s.Pid, s.Cgroup, s.Ipc = string(h.PidMode), string(h.CgroupnsMode), string(h.IpcMode)
	s.Uts, s.UserNSMode = string(h.UTSMode), string(h.UsernsMode)
	s.MemLimit, s.MemSwapLimit = types.UnitBytes(h.Memory), types.UnitBytes(h.MemorySwap)
	s.CPUS = float32(h.NanoCPUs) / 1e9
	if h.NanoCPUs == 0 && h.CPUQuota > 0 && h.CPUPeriod > 0 {
		s.CPUS = float32(h.CPUQuota) / float32(h.CPUPeriod)
	}
	if h.PidsLimit != nil {
		s.PidsLimit = *h.PidsLimit
	}
	s.OomScoreAdj = int64(h.OomScoreAdj)
	s.OomKillDisable = h.OomKillDisable != nil && *h.OomKillDisable
	if p := h.RestartPolicy; p.Name != "" && !p.IsNone() {
		s.Restart = string(p.Name)
		if p.IsOnFailure() {
			s.Restart = fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
		}
	}
	s.Logging = &types.LoggingConfig{Driver: h.LogConfig.Type, Options: h.LogConfig.Config}
	s.Ulimits = map[string]*types.UlimitsConfig{}
	for _, u := range h.Ulimits {
		s.Ulimits[u.Name] = &types.UlimitsConfig{Soft: int(u.Soft), Hard: int(u.Hard)}
	}
	for path, options := range h.Tmpfs {
		s.Tmpfs = append(s.Tmpfs, path+":"+options)
	}
	for _, d := range h.Devices {
		s.Devices = append(s.Devices, types.DeviceMapping{Source: d.PathOnHost, Target: d.PathInContainer, Permissions: d.CgroupPermissions})
	}
	s.GroupAdd, s.VolumesFrom = h.GroupAdd, h.VolumesFrom
	describeRest(s, h)
}

// describeRest is what no check of its own looks at: a stack has none of it. What every
// container has without being asked is left out.
func describeRest(s *types.ServiceConfig, h *container.HostConfig) {
	s.DeviceCgroupRules, s.Links = h.DeviceCgroupRules, h.Links
	if !UsualCgroupParent(h.CgroupParent) {
		s.CgroupParent = h.CgroupParent
	}
	for range h.DeviceRequests {
		s.Gpus = append(s.Gpus, types.DeviceRequest{Count: 1})
	}
	s.Sysctls, s.Annotations, s.StorageOpt = h.Sysctls, h.Annotations, h.StorageOpt
	s.DNS, s.DNSSearch, s.DNSOpts = h.DNS, h.DNSSearch, h.DNSOptions
	for _, host := range h.ExtraHosts {
		if s.ExtraHosts == nil {
			s.ExtraHosts = types.HostsList{}
		}
		s.ExtraHosts[host] = nil
	}
	if !UsualRuntime(h.Runtime) {
		s.Runtime = h.Runtime
	}
	if h.ShmSize > usualShm {
		s.ShmSize = types.UnitBytes(h.ShmSize)
	}
}

// UsualRuntime tells whether an engine runs containers with that unless told otherwise: the
// runtimes of Docker and Podman, and those that put a kernel of its own around each, which
// an administrator makes the default.
func UsualRuntime(name string) bool {
	return slices.Contains([]string{
		"", "runc", "io.containerd.runc.v2", "crun", "oci", "runsc", "io.containerd.runsc.v1", "kata", "kata-runtime", "io.containerd.kata.v2",
	}, name)
}

// UsualCgroupParent tells whether an engine puts containers into that control group unless
// told otherwise: Docker names none, Podman one of these (libpod, DefaultSystemdCgroupParent,
// DefaultRootlessCgroupParent and DefaultCgroupfsParent).
func UsualCgroupParent(name string) bool {
	return slices.Contains([]string{"", "machine.slice", "user.slice", "/libpod_parent"}, name)
}

// usualShm is the shared memory that engines give, in bytes.
const usualShm = 64 << 20

// describeOptions gives the profile back its form in a file: compose hands the engine
// its content. What is switched off by empty lists gets the option that does it.
func describeOptions(h *container.HostConfig) []string {
	out := profiles(h.SecurityOpt, func(content string) []byte { return []byte(content) })
	if unmasked(h) {
		out = append(out, "systempaths=unconfined")
	}
	return out
}

// unmasked tells whether a container sees what the engine hides of the kernel. Podman
// says nothing of it, nor does Docker of a privileged container.
func unmasked(h *container.HostConfig) bool {
	lacks := func(got, want []string) bool {
		return slices.ContainsFunc(want, func(p string) bool { return !slices.Contains(got, p) })
	}
	return h.MaskedPaths != nil && lacks(h.MaskedPaths, HiddenPaths) || h.ReadonlyPaths != nil && lacks(h.ReadonlyPaths, KeptPaths)
}

// HiddenPaths and KeptPaths are what the engine hides of the kernel, and what it lets be
// read alone, in every container that is not told otherwise.
var (
	HiddenPaths = []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"}
	KeptPaths   = []string{"/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// describePorts takes what is published, or what was asked for where nothing runs.
func describePorts(s *types.ServiceConfig, c container.InspectResponse) {
	published := map[string][2]string{}
	if c.ContainerJSONBase != nil && c.HostConfig != nil {
		if c.HostConfig.PublishAllPorts {
			published["all"] = [2]string{} // on every address, whatever the image exposes
		}
		for port, bindings := range c.HostConfig.PortBindings {
			for _, b := range bindings {
				published[port.Port()+"/"+b.HostPort+"/"+b.HostIP] = [2]string{port.Port(), b.HostIP}
			}
		}
	}
	if c.NetworkSettings != nil {
		for port, bindings := range c.NetworkSettings.Ports {
			for _, b := range bindings {
				published[port.Port()+"/"+b.HostPort+"/"+b.HostIP] = [2]string{port.Port(), b.HostIP}
			}
		}
	}
	for _, key := range sortedKeys(published) {
		var target uint32
		_, _ = fmt.Sscan(published[key][0], &target)
		s.Ports = append(s.Ports, types.ServicePortConfig{Target: target, HostIP: published[key][1], Protocol: "tcp"})
	}
}
