package templates

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Limits of the gateway's container: it copies bytes.
const (
	gatewayMemoryMiB = 64
	gatewayCPUs      = 0.5
	gatewayPids      = 64
)

func (c Compose) gatewayLimits() limits {
	// The filter of system calls is ours also when the proxy's image needs another.
	return limits{Seccomp: c.SeccompFile, MemoryMiB: gatewayMemoryMiB, Pids: gatewayPids, CPUs: gatewayCPUs}
}

// GatewayCommand lets the proxy out to the API alone, and requests in; private says that
// the API may be at a private address.
func GatewayCommand(base string, private bool) []string {
	out := []string{"egress", "--allow", Origin(base), "--forward", Service + ":" + strconv.Itoa(ContainerPort)}
	if private {
		out = append(out, "--allow-private-api")
	}
	return out
}

// Origin is scheme, host and port of an API base URL that checkBase accepts: what
// the gateway lets through.
func Origin(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// Launched returns the entrypoint that runs argv with the secrets in its
// environment, as Wrapper does with a shell.
func Launched(argv []string) []string {
	return append([]string{LauncherPath, "launch", "--"}, argv...)
}

// IsLaunched reports whether a container's entrypoint is what Launched makes of a command
// that keeps the token.
func IsLaunched(entrypoint []string) bool {
	return len(entrypoint) > 3 && entrypoint[0] == LauncherPath && entrypoint[1] == "launch" && entrypoint[2] == "--" && keepsToken(entrypoint[3:])
}

const longestTmpfs = 200

var tmpfsPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/[A-Za-z0-9._@+-]+)+$`) })

// CheckTmpfs refuses a path that cannot become a temporary file system: one that is not
// plain and absolute, or that would hide what the container lives from.
func CheckTmpfs(p string) error {
	if len(p) > longestTmpfs || !tmpfsPath().MatchString(p) || path.Clean(p) != p {
		return fmt.Errorf("the temporary folder: %w: not a plain absolute path", ErrValue)
	}
	for _, taken := range []string{"/tmp", "/run/secrets", "/run", LauncherPath, "/proc", "/sys", "/dev", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc"} {
		if p == taken || strings.HasPrefix(taken, p+"/") {
			return fmt.Errorf("the temporary folder %s: %w: it would hide what the container needs", p, ErrValue)
		}
	}
	for _, system := range []string{"/proc/", "/sys/", "/dev/", "/run/secrets/"} {
		if strings.HasPrefix(p, system) {
			return fmt.Errorf("the temporary folder %s: %w: it belongs to the system", p, ErrValue)
		}
	}
	return nil
}
