package compose

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	units "github.com/docker/go-units"

	"github.com/clawsetup/clawsetup/templates"
)

// ourProfile is the profile of the templates, where one of another content is not.
const (
	ourProfile   = "./seccomp.json"
	otherProfile = "another profile"
)

// SwitchesOn tells whether security options keep a program in a container from gaining
// privileges: of several the engine takes the last.
func SwitchesOn(options []string) bool {
	on := false
	for _, o := range options {
		if o == "no-new-privileges" {
			on = true
		} else if v, ok := option(o, "no-new-privileges"); ok {
			b, err := strconv.ParseBool(v)
			on = err == nil && b
		}
	}
	return on
}

// seccompProfile accepts the templates' own: what a file of another name lets through is
// not known, and "unconfined" and the engine's "builtin" are none of ours.
func seccompProfile(s service) bool {
	found := false
	for _, o := range s.SecurityOpt {
		if name, ok := option(o, "seccomp"); ok {
			found = name == ourProfile
		}
	}
	return found
}

// profiles gives each seccomp profile among options the name of ours when its content is
// that. The engine's own, or none, is no profile.
func profiles(options []string, content func(value string) []byte) []string {
	var out []string
	for _, o := range options {
		if v, ok := option(o, "seccomp"); ok && v != "unconfined" && v != "builtin" {
			o = "seccomp=" + otherProfile
			if SameJSON(content(v), templates.Seccomp()) {
				o = "seccomp=" + ourProfile
			}
		}
		out = append(out, o)
	}
	return out
}

// SameJSON tells whether two texts are JSON and mean the same.
func SameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// largestTmpfs bounds a temporary file system, in bytes: it is memory.
const largestTmpfs = 1 << 30

// tmpfsNames are the options that are understood; nr_blocks, for one, is another way to
// give a size.
var tmpfsNames = strings.Fields("rw ro exec noexec suid nosuid dev nodev atime noatime relatime norelatime diratime nodiratime size mode uid gid nr_inodes")

// tmpfs reads the options as the engine does: the last of several counts.
func tmpfs(s service) string {
	for _, t := range s.Tmpfs {
		_, list, _ := strings.Cut(t, ":")
		on := map[string]string{}
		for o := range strings.SplitSeq(list, ",") {
			name, value, _ := strings.Cut(o, "=")
			if name == "" { // none at all: it is not limited
				continue
			}
			if !slices.Contains(tmpfsNames, name) {
				return "a temporary file system has the option " + clean(name) + ", which nobody looked at"
			}
			bare := strings.TrimPrefix(name, "no")
			on[bare] = name
			if name == "size" {
				on[bare] = value
			}
		}
		size, err := units.RAMInBytes(on["size"])
		if err != nil || size <= 0 || size > largestTmpfs || on["exec"] != "noexec" || on["suid"] != "nosuid" || on["dev"] != "nodev" {
			return "a temporary file system is not limited in size, or can hold programs or devices"
		}
	}
	return ""
}

// largestLog bounds all files of a log together, in bytes.
const largestLog = 1 << 30

// bounded wants a size and a count: the engine takes a size of -1 for none.
func bounded(s service) bool {
	if s.Logging == nil || s.Logging.Driver != "json-file" {
		return false
	}
	// units.FromHumanSize is what the engine reads it by.
	size, sizeErr := units.FromHumanSize(s.Logging.Options["max-size"])
	files, filesErr := strconv.ParseInt(s.Logging.Options["max-file"], 10, 32)
	return sizeErr == nil && filesErr == nil && size > 0 && files > 0 && size <= largestLog/files
}

// notRoot wants numbers: a name means what the image's /etc/passwd says, and a user
// without a group gets the one that stands there, or root's.
func notRoot(s service) bool {
	uid, gid, _ := strings.Cut(s.User, ":")
	for _, id := range []string{uid, gid} {
		if n, err := strconv.ParseUint(id, 10, 32); err != nil || n == 0 {
			return false
		}
	}
	return true
}

// between tells whether a limit is one, and not so high that it limits nothing.
func between(n, most float64) bool { return n > 0 && n <= most }

// largestNofile is a limit of open files that still is one.
const largestNofile = 1 << 20
