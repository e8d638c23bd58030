package compose

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// enginePaths are where sockets of container engines are, with /run for /var/run; a folder
// that holds one leads to it as well.
var enginePaths = []string{
	"/run/docker.sock", "/run/docker/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock", "/run/user/0/docker.sock",
	"/run/k3s/containerd/containerd.sock", "/run/buildkit/buildkitd.sock",
}

var (
	// engineName matches a socket by its name, and the pipes that Windows has in its place.
	engineName = text.Pattern(`(?i)(?:docker|podman|containerd|crio|buildkitd?)[^/]*\.sock$|^/pipe/(?:docker|podman)[^/]*$`)
	// engineFolder matches the folders in which engines of a user keep their sockets:
	// without root's rights, and in a virtual machine.
	engineFolder = text.Pattern(`^/run/user/[^/]+(?:/(?:podman|docker|containerd[^/]*))?$|` +
		`(?:^|/)(?:\.docker(?:/run|/desktop)?|\.colima(?:/[^/]+)?|\.orbstack(?:/run)?|\.rd)$`)
)

// LeadsToEngine tells whether a path of the host is a container engine's socket, or a
// folder that holds one: the root, /run, /var, a user's runtime folder. Whoever may talk
// to it is root.
func LeadsToEngine(host string) bool {
	p := path.Clean(strings.ReplaceAll(host, `\`, "/"))
	if rest, ok := strings.CutPrefix(p, "/private"); ok && (rest == "" || strings.HasPrefix(rest, "/var")) {
		p = cmp.Or(rest, "/") // where macOS has /var
	}
	if rest, ok := strings.CutPrefix(p, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		p = "/run" + rest
	}
	return p == "/" || p == "/var" || engineName().MatchString(p) || engineFolder().MatchString(p) ||
		path.IsAbs(p) && slices.ContainsFunc(enginePaths, func(s string) bool { return strings.HasPrefix(s, p+"/") })
}

// ReachesEngine tells whether a path leads to a container engine, as far as a name shows
// it: any socket may.
func ReachesEngine(host string) bool {
	return LeadsToEngine(host) || strings.HasSuffix(path.Clean(strings.ReplaceAll(host, `\`, "/")), ".sock")
}
