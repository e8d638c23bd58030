package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	units "github.com/docker/go-units"

	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// capabilities wants none, in any process of the container. What was added is
// another rule's.
func capabilities(s *subject) string {
	if len(s.got.HostConfig.CapAdd) > 0 {
		return ""
	}
	for _, p := range s.kernel.members {
		if all := p.CapInh | p.CapPrm | p.CapEff | p.CapBnd | p.CapAmb; all != 0 {
			return fmt.Sprintf("process %d has the capabilities %#x", p.PID, all)
		}
	}
	return ""
}

// usual are the mounts that an engine makes in every container.
var usual = []string{"/", "/proc", "/dev", "/sys", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/sbin/docker-init", "/run/podman-init", "/run/.containerenv"}

// kernelMounts finds what was mounted behind the engine's back, or by an engine that
// does not tell.
func kernelMounts(s *subject) string {
	allowed := append([]string{}, usual...)
	for _, t := range s.Service.Tmpfs {
		path, _ := splitTmpfs(t)
		allowed = append(allowed, path)
	}
	for _, m := range s.got.Mounts {
		allowed = append(allowed, m.Destination) // the engine tells of it: the engine's side looks at it
	}
	for _, m := range s.kernel.mounts {
		system := strings.HasPrefix(m.Point, "/proc/") || strings.HasPrefix(m.Point, "/dev/") || strings.HasPrefix(m.Point, "/sys/")
		if !system && !slices.Contains(allowed, m.Point) {
			return "something is mounted at " + m.Point
		}
	}
	return ""
}

// cgroupNamespace: a container that shares it sees how the host's services are named
// and limited.
func cgroupNamespace(s *subject) string {
	own, err := s.kernel.system.Namespace(s.kernel.first, "cgroup")
	if err != nil {
		return "" // the engine's word stands
	}
	for _, other := range []int{1, os.Getpid()} {
		if theirs, err := s.kernel.system.Namespace(other, "cgroup"); err == nil && theirs == own {
			return "the kernel shows it the control groups of the host"
		}
	}
	return ""
}

func readOnlyRoot(s *subject) string {
	if !slices.Contains(effective(s.kernel.mounts, "/").Options, "ro") {
		return "the kernel has its root file system mounted for writing"
	}
	return ""
}

func noNewPrivileges(s *subject) string {
	for _, p := range s.kernel.members {
		if !p.NoNewPrivs {
			return fmt.Sprintf("process %d can gain privileges", p.PID)
		}
	}
	return ""
}

// seccompProfile compares the profile that the engine was given: compose passes the
// content, not the path.
func seccompProfile(s *subject) string {
	var got string
	for _, o := range s.got.HostConfig.SecurityOpt {
		if v, ok := strings.CutPrefix(o, "seccomp="); ok {
			got = v
		} else if v, ok := strings.CutPrefix(o, "seccomp:"); ok {
			got = v
		}
	}
	switch {
	case s.Seccomp == nil && (got == "" || got == "builtin"):
		return ""
	case got == "":
		return "its system calls are not filtered by our profile"
	case got == "unconfined":
		return "its system calls are not filtered at all"
	case !compose.SameJSON([]byte(got), s.Seccomp):
		return "its system calls are filtered by another profile than ours"
	}
	return ""
}

// seccompFilter: mode 2 of /proc/PID/status is a filter.
func seccompFilter(s *subject) string {
	for _, p := range s.kernel.members {
		if p.Seccomp != 2 {
			return fmt.Sprintf("the system calls of process %d are not filtered", p.PID)
		}
	}
	return ""
}

// user wants every process of the container to have the claimed ids, as the
// container sees them, and no further groups.
func user(s *subject) string {
	uid, gid, _ := strings.Cut(s.Service.User, ":")
	for _, p := range s.kernel.members {
		for _, outer := range p.UID {
			if inner, ok, err := s.kernel.system.InnerUID(s.kernel.first, outer); err != nil || !ok || decimal(inner) != uid {
				return fmt.Sprintf("process %d runs as user %d of the host", p.PID, outer)
			}
		}
		for _, outer := range append(p.GID[:], p.Groups...) {
			if inner, ok, err := s.kernel.system.InnerGID(s.kernel.first, outer); err != nil || !ok || decimal(inner) != gid {
				return fmt.Sprintf("process %d is in the group %d of the host", p.PID, outer)
			}
		}
	}
	return ""
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func splitTmpfs(s string) (path, options string) {
	path, options, _ = strings.Cut(s, ":")
	return path, options
}

func tmpfs(s *subject) string {
	want := map[string]string{}
	for _, t := range s.Service.Tmpfs {
		path, options := splitTmpfs(t)
		want[path] = options
	}
	if len(s.got.HostConfig.Tmpfs) != len(want) {
		return "its temporary file systems are not those of the file"
	}
	for path, options := range want {
		if got, ok := s.got.HostConfig.Tmpfs[path]; !ok || got != options {
			return "the temporary file system at " + path + " has other options than the file says"
		}
	}
	return ""
}

// effective is the mount that is seen at path: the last one.
func effective(mounts []proc.Mount, path string) proc.Mount {
	for _, m := range slices.Backward(mounts) {
		if m.Point == path {
			return m
		}
	}
	return proc.Mount{}
}

func tmpfsMounts(s *subject) string {
	for _, t := range s.Service.Tmpfs {
		path, options := splitTmpfs(t)
		m := effective(s.kernel.mounts, path)
		if m.Type != "tmpfs" {
			return "there is no temporary file system at " + path
		}
		for _, o := range []string{"noexec", "nosuid", "nodev"} {
			if !m.Has(o) {
				return path + " is mounted without " + o
			}
		}
		for o := range strings.SplitSeq(options, ",") {
			size, ok := strings.CutPrefix(o, "size=")
			if !ok {
				continue
			}
			// The kernel shows kibibytes.
			n, err := units.RAMInBytes(size)
			if err != nil || !m.Has(fmt.Sprintf("size=%dk", n/1024)) {
				return "the size of " + path + " is not limited as the file says"
			}
		}
	}
	return ""
}

func oomScore(s *subject) string {
	n, err := s.kernel.system.OOMScore(s.kernel.first)
	if err != nil {
		return "" // the engine's word stands
	}
	if int64(n) != s.Service.OomScoreAdj {
		return "the kernel would end the host's programs first"
	}
	return ""
}

// notCounted makes a proof Unknown: nobody can tell.
const notCounted = "the kernel of the engine does not count swap: it is not limited"

// notLimited makes a proof Unknown: the operator was told, and consented.
const notLimited = "the engine runs without control groups: it is not limited"

// limited proves a limit that control groups keep: an engine without them says that
// it does, and limits nothing.
func limited(find func(*subject) string) func(*subject) string {
	return func(s *subject) string {
		switch {
		case s.ControlGroups:
			return find(s)
		case s.Unlimited:
			return notLimited
		default:
			return "nothing limits it: the engine runs without control groups"
		}
	}
}

func differs(same bool, detail string) string {
	if same {
		return ""
	}
	return detail
}

func swap(s *subject) string {
	got, want := s.got.HostConfig.MemorySwap, int64(s.Service.MemSwapLimit)
	switch {
	case got == want:
		return ""
	case !s.SwapCounted:
		return notCounted
	}
	return "its swap is not limited as the file says"
}

func ulimit(name, detail string) func(*subject) string {
	return func(s *subject) string {
		soft, hard, ok := claimedLimit(s, name)
		for _, u := range s.got.HostConfig.Ulimits {
			if u.Name == name && ok && u.Soft == soft && u.Hard == hard {
				return ""
			}
		}
		return detail
	}
}

func claimedLimit(s *subject, name string) (soft, hard int64, ok bool) {
	u := s.Service.Ulimits[name]
	if u == nil {
		return 0, 0, false
	}
	if u.Soft == 0 && u.Hard == 0 {
		return int64(u.Single), int64(u.Single), true
	}
	return int64(u.Soft), int64(u.Hard), true
}

func kernelLimit(name, kernelName, detail string) func(*subject) string {
	return func(s *subject) string {
		soft, hard, ok := claimedLimit(s, name)
		got, there := s.kernel.limits[kernelName]
		if !ok || !there || got != [2]uint64{number(soft), number(hard)} {
			return detail
		}
		return ""
	}
}

// environment is a container's environment by name.
func environment(list []string) map[string]string {
	out := map[string]string{}
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		out[name] = value
	}
	return out
}

func (s *subject) claimed(name string) (string, bool) {
	v, ok := s.Service.Environment[name]
	if !ok || v == nil {
		return "", false
	}
	return *v, true
}

// named are the variables that rules of their own look at.
var named = []string{"BIG_MODEL", "MIDDLE_MODEL", "SMALL_MODEL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "LOG_LEVEL", "SSL_VERIFY", "REQUEST_TIMEOUT"}

// variables compares some variables with what the file says.
func variables(names ...string) func(*subject) string {
	return func(s *subject) string {
		got := environment(s.got.Config.Env)
		for _, name := range names {
			want, claimed := s.claimed(name)
			if v, there := got[name]; there != claimed || v != want {
				return fmt.Sprintf("%s is %q, not %q", name, text.Clean(v, 60), text.Clean(want, 60))
			}
		}
		return ""
	}
}

// otherVariables are those that neither the file nor the image sets, or that were
// changed. A name that looks like a credential's is another rule's.
func otherVariables(s *subject) string {
	image, got := environment(s.Image.Env), environment(s.got.Config.Env)
	for name := range s.Service.Environment {
		if slices.Contains(named, name) {
			continue
		}
		want, _ := s.claimed(name)
		if v, there := got[name]; !there || v != want {
			return text.Clean(name, 60) + " is not what the file says"
		}
	}
	for name, v := range got {
		if _, claimed := s.claimed(name); claimed || slices.Contains(named, name) || compose.SecretName(name) {
			continue
		}
		if own, there := image[name]; !there || own != v {
			return text.Clean(name, 60) + " is set, which neither the file nor the image does"
		}
	}
	return ""
}

// secretInEnvironment: a variable that looks like a credential's and that the image
// did not bring. The image's own are public.
func secretInEnvironment(s *subject) string {
	image := environment(s.Image.Env)
	for name, v := range environment(s.got.Config.Env) {
		if own, there := image[name]; compose.SecretName(name) && (!there || own != v) {
			return "its environment sets " + text.Clean(name, 60) + ", which docker inspect shows"
		}
	}
	return ""
}

// secretInInspect looks for the secrets themselves in all that docker inspect shows.
func secretInInspect(s *subject) string {
	for _, secret := range s.Hidden {
		value := secret.Expose()
		quoted, err := json.Marshal(string(value))
		found := len(value) > 0 && (bytes.Contains(s.got.Raw, value) || err == nil && bytes.Contains(s.got.Raw, quoted[1:len(quoted)-1]))
		clear(value)
		clear(quoted)
		if found {
			return "docker inspect shows a secret"
		}
	}
	return ""
}
