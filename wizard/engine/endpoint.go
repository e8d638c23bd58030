package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/docker/cli/cli/config"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Endpoint is where an engine listens.
type Endpoint struct {
	// Host is the address, such as unix:///var/run/docker.sock.
	Host string
	// Source says what named it: FromEnvironment, "context NAME", FromRecords or Default.
	Source string
	// ca, cert and key are files for TLS; empty without.
	ca, cert, key string
}

// The Sources of an endpoint that are no context.
const (
	// FromEnvironment: the environment names it.
	FromEnvironment = "DOCKER_HOST"
	// Default: nothing does; it is the platform's own.
	Default = "default"
	// FromRecords: the journal does, or setup.yaml.
	FromRecords = "recorded"
)

// ErrRemote says that the engine runs on another host, where a port that is bound to
// 127.0.0.1 would be that host's own.
var ErrRemote = errors.New("the engine is on another host")

const (
	defaultContext = Default
	// largestContext bounds a context's description, in bytes.
	largestContext = 256 << 10
)

// FindEndpoint follows the rules of the docker command line, so that both speak to
// the same engine: DOCKER_HOST, then DOCKER_CONTEXT, then the current context of
// the Docker configuration, then the platform's default.
// https://docs.docker.com/engine/manage-resources/contexts/
func FindEndpoint(getenv func(string) string) (Endpoint, error) {
	if host := getenv(FromEnvironment); host != "" {
		e := Endpoint{Host: host, Source: FromEnvironment}
		if dir := getenv("DOCKER_CERT_PATH"); dir != "" && getenv("DOCKER_TLS_VERIFY") != "" {
			e.ca, e.cert, e.key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		}
		return e, nil
	}
	dir := dockerConfig(getenv)
	name := getenv("DOCKER_CONTEXT")
	if name == "" {
		c, err := config.Load(dir)
		if err != nil {
			return Endpoint{}, hint.With(fmt.Errorf("reading the Docker configuration in %s: %s", dir, text.Clean(err.Error(), 200)), "engine-config", dir)
		}
		name = c.CurrentContext
	}
	if name == "" || name == defaultContext {
		return Endpoint{Host: defaultHost, Source: defaultContext}, nil
	}
	return contextEndpoint(dir, name)
}

// Named is the address for programs that have neither the shell's variables nor its
// Docker context; empty for the platform's own, which they find.
func (e Endpoint) Named() string {
	if e.Source == Default {
		return ""
	}
	return e.Host
}

func dockerConfig(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home := "HOME"
	if runtime.GOOS == "windows" {
		home = "USERPROFILE"
	}
	return filepath.Join(getenv(home), ".docker")
}

// contextEndpoint reads one context of the docker command line's store, which
// keeps each in a folder named by the SHA-256 of its name.
func contextEndpoint(dir, name string) (Endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	f, err := os.Open(filepath.Join(dir, "contexts", "meta", id, "meta.json"))
	if err != nil {
		return Endpoint{}, hint.With(fmt.Errorf("the Docker context %q: %w", text.Clean(name, 60), err), "engine-context")
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, largestContext))
	if err != nil {
		return Endpoint{}, hint.With(fmt.Errorf("the Docker context %q: %w", text.Clean(name, 60), err), "engine-context")
	}
	host, err := parseContext(b)
	if err != nil {
		return Endpoint{}, hint.With(fmt.Errorf("the Docker context %q: %w", text.Clean(name, 60), err), "engine-context")
	}
	e := Endpoint{Host: host, Source: "context " + text.Clean(name, 60)}
	tls := filepath.Join(dir, "contexts", "tls", id, "docker")
	if _, err := os.Stat(filepath.Join(tls, "cert.pem")); err == nil {
		e.ca, e.cert, e.key = filepath.Join(tls, "ca.pem"), filepath.Join(tls, "cert.pem"), filepath.Join(tls, "key.pem")
	}
	return e, nil
}

// parseContext returns the engine's address of a context's description.
func parseContext(b []byte) (string, error) {
	var meta struct {
		Endpoints map[string]struct {
			Host string
		}
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		return "", errors.New("its description cannot be read")
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return "", errors.New("it names no engine")
	}
	return host, nil
}

// The names under which Recorded keeps an endpoint.
const (
	recordedHost         = "engine"
	recordedCertificates = "engine_certificates"
)

// Recorded is what a journal keeps of an endpoint, by stable names: its address without a
// user or a password, neither of which an engine is asked with, and the folder of the
// files for TLS. FromRecord reads it.
func (e Endpoint) Recorded() map[string]string {
	out := map[string]string{recordedHost: e.Bare()}
	if e.cert != "" {
		out[recordedCertificates] = filepath.Dir(e.cert)
	}
	return out
}

// FromRecord is the endpoint of a record; false when that names none.
func FromRecord(detail map[string]string) (Endpoint, bool) {
	e := Endpoint{Host: detail[recordedHost], Source: FromRecords}
	if dir := detail[recordedCertificates]; dir != "" {
		e.ca, e.cert, e.key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	}
	return e, e.Host != ""
}

// At is the endpoint with that address.
func At(host string) Endpoint { return Endpoint{Host: host, Source: FromRecords} }

// Same tells whether two endpoints are one address: a socket may have several names.
func (e Endpoint) Same(other Endpoint) bool { return e.place() == other.place() }

// place is the address, for a socket with its links followed.
func (e Endpoint) place() string {
	path, isSocket := strings.CutPrefix(e.Host, "unix://")
	if !isSocket {
		return e.Bare()
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return "unix://" + path
}

// Local refuses an engine that is on another host (ErrRemote), or whose address is
// none. A Unix socket, a named pipe and a literal loopback address pass; whether
// something behind them leads elsewhere shows when the port is proved.
func (e Endpoint) Local() error {
	u, err := url.Parse(e.Host)
	if err != nil {
		return hint.With(fmt.Errorf("%s names no engine: %q", e.Source, e.Address()), "engine-address")
	}
	switch u.Scheme {
	case "unix", "npipe":
		return nil
	case "tcp", "http", "https":
		host := u.Hostname()
		if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
			return nil
		}
		return e.remote(net.JoinHostPort(host, u.Port()))
	case "ssh":
		return e.remote(u.Host)
	default:
		return hint.With(fmt.Errorf("%s names no engine: %q", e.Source, e.Address()), "engine-address")
	}
}

func (e Endpoint) remote(host string) error {
	return hint.With(fmt.Errorf("%w: %s (%s)", ErrRemote, text.Clean(host, 100), e.Source), "engine-remote")
}

// userinfo is what may hold a password, also in what is no address at all; group 1 is
// the scheme before it.
var userinfo = regexp.MustCompile(`(?is)^([a-z]+://)?.*@`)

// Address is the endpoint as it may be shown: without a user or a password.
func (e Endpoint) Address() string { return text.Clean(e.Bare(), 100) }

// Bare is the whole address, without a user or a password: as it may be recorded, not as
// it may be shown.
func (e Endpoint) Bare() string {
	if strings.HasPrefix(e.Host, "unix:///") || strings.HasPrefix(e.Host, "npipe:///") {
		return e.Host // a path, which may have an "@"
	}
	return userinfo.ReplaceAllString(e.Host, "$1")
}
