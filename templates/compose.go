package templates

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"
)

const (
	// DefaultMemoryMiB is the container's memory limit in MiB (D-02).
	DefaultMemoryMiB = 512
	// DefaultCPUs is the share of processors the container may use (D-02).
	DefaultCPUs = 1.0
	// DefaultPids bounds processes and threads in the container (D-02).
	DefaultPids = 100
	// DefaultMaxTokens replaces the proxy's clamp of 4096 output tokens, which cuts
	// off answers: Claude Code asks for up to 64000.
	DefaultMaxTokens = 65536
	// DefaultRequestTimeout is how long the proxy waits for the next bytes of
	// cloud.ru's answer. The budget of D-03 is UpstreamTries times this.
	DefaultRequestTimeout = 60 * time.Second
	// MostMemoryMiB is the highest limit of memory that still is one (D-02).
	MostMemoryMiB = 1 << 20
	// MostCPUs is the highest such limit of processors (D-02).
	MostCPUs = 64
	// MostPids is the highest such limit of processes (D-02).
	MostPids = 4096
	// MostTimeout is the longest wait for an answer that still is bounded (D-03).
	MostTimeout = time.Hour
	// UpstreamTries is how often the proxy calls cloud.ru for one request: its OpenAI
	// client repeats twice and has no setting for it.
	UpstreamTries = 3
)

// Compose is what the rendered compose file depends on. A zero limit means its
// default; of the others only the image's own configuration may be empty.
type Compose struct {
	// Project is the compose project's name: lower-case letters, digits, "-", "_".
	Project string
	// Image is the pinned reference, repository@sha256:… (S-03).
	Image string
	// Entrypoint, Cmd, WorkingDir and User are the image's own configuration.
	Entrypoint, Cmd  []string
	WorkingDir, User string
	// RunAs is the "uid:gid" the container runs as, in numbers (E-01); empty means
	// User, which must then have that form.
	RunAs string
	// AllowRoot permits RunAs with uid 0, for an image that was shown to need it.
	AllowRoot bool
	// Port is the TCP port on the host's 127.0.0.1.
	Port int
	// APIBase is cloud.ru's base URL, including /v1.
	APIBase string
	// SecretsDir is the absolute host folder of the two secret files.
	SecretsDir string
	// Gateway is the proxy's only way out (E-01). Without one the container reaches
	// the whole Internet and publishes its port itself.
	Gateway *Gateway
	// Tmpfs are further absolute paths that the image was shown to write to: each
	// becomes a temporary file system of 64 MiB.
	Tmpfs []string
	// DefaultSeccomp leaves the engine's own system call filter in place of ours, for an
	// image that was shown to need it.
	DefaultSeccomp bool
	// Launcher is the absolute host path of a Linux clawsetup that reads the secret
	// files in place of /bin/sh, for an image that has none.
	Launcher string
	// Alone renders the proxy's container by itself: no network, no port, no restart.
	// Hardening is negotiated with it.
	Alone bool
	// Writable leaves the root file system open, to see what an image writes. Only
	// together with Alone.
	Writable bool
	// SeccompFile is the profile's path, relative to the compose file; empty means
	// "./seccomp.json".
	SeccompFile string
	// MemoryMiB is the memory limit in MiB, swap included; at least 128.
	MemoryMiB int
	// CPUs is the processor limit; 0.1 to 64.
	CPUs float64
	// Pids is the limit of processes and threads; 32 to 4096.
	Pids int
	// MaxTokens is the largest answer the proxy lets through, in tokens.
	MaxTokens int
	// RequestTimeout is the proxy's upstream timeout; whole seconds, at least one.
	RequestTimeout time.Duration
}

// Gateway is the small container between the proxy and everything else.
type Gateway struct {
	// Image is the id of the local image, sha256:….
	Image string
	// AllowPrivate lets it dial private addresses, as --allow-private-api does.
	AllowPrivate bool
}

//go:embed compose.yaml.tmpl
var composeText string

// composeTemplate is parsed when it is needed: a start of the program does not pay for it.
var composeTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("compose").Funcs(template.FuncMap{
		"q": quoteCompose, "list": quoteList, "script": quoteScript, "decimal": decimal,
	}).Parse(composeText))
})

// ComposeFile renders docker-compose.cloudru-proxy.yml. The file takes BIG_MODEL,
// MIDDLE_MODEL and SMALL_MODEL from .env beside it and refuses to start without
// them; it holds no secret. An error names the value that cannot be rendered.
func ComposeFile(c Compose) ([]byte, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	values, err := c.values()
	if err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	var b bytes.Buffer
	if err := composeTemplate().Execute(&b, values); err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	return b.Bytes(), nil
}

// values are what the template asks for.
func (c Compose) values() (map[string]any, error) {
	argv, err := command(c.Entrypoint, c.Cmd, c.WorkingDir)
	if err != nil {
		return nil, err
	}
	entrypoint, err := Wrapper(c.Entrypoint, c.Cmd, c.WorkingDir)
	if err != nil {
		return nil, err
	}
	if c.Launcher != "" {
		entrypoint = Launched(argv)
	}
	v := map[string]any{
		"C": c, "Entrypoint": entrypoint, "Health": healthCommand(argv),
		"Service": Service, "Inner": strconv.Itoa(ContainerPort), "Tries": UpstreamTries,
		"Publish":      "127.0.0.1:" + strconv.Itoa(c.Port) + ":" + strconv.Itoa(ContainerPort),
		"Timeout":      strconv.Itoa(int(c.RequestTimeout / time.Second)),
		"MaxTokens":    strconv.Itoa(c.MaxTokens),
		"SecretAPIKey": SecretAPIKey, "SecretProxyToken": SecretProxyToken,
		"APIKeyFile":   filepath.Join(c.SecretsDir, SecretAPIKey),
		"TokenFile":    filepath.Join(c.SecretsDir, SecretProxyToken),
		"LabelManaged": LabelManaged, "LauncherTarget": LauncherPath,
		"Root": isRoot(c.RunAs), "Tmpfs": c.tmpfs(), "Limits": c.limits(), "ProxyLabels": labels(Service),
	}
	if c.Gateway != nil {
		v["GatewayService"], v["GatewayUser"] = GatewayService, GatewayUser
		v["Proxy"] = "http://" + GatewayService + ":" + strconv.Itoa(GatewayProxyPort)
		v["GatewayCommand"], v["GatewayHealth"] = GatewayCommand(c.APIBase, c.Gateway.AllowPrivate), []string{"CMD", GatewayProgram, "egress", "--health"}
		v["GatewayLimits"], v["GatewayLabels"] = c.gatewayLimits(), labels(GatewayService)
	}
	return v, nil
}

// limits are the values of the part of a service that is the same for all.
type limits struct {
	Writable        bool
	Seccomp         string
	MemoryMiB, Pids int
	CPUs            float64
}

func (c Compose) limits() limits {
	l := limits{Writable: c.Writable, Seccomp: c.SeccompFile, MemoryMiB: c.MemoryMiB, Pids: c.Pids, CPUs: c.CPUs}
	if c.DefaultSeccomp {
		l.Seccomp = ""
	}
	return l
}

func labels(role string) map[string]string {
	return map[string]string{"LabelManaged": LabelManaged, "LabelRole": LabelRole, "Role": role}
}

// tmpfs are the options of the paths that the image writes to: they belong to the
// user that the container runs as.
func (c Compose) tmpfs() []string {
	uid, gid, _ := strings.Cut(c.RunAs, ":")
	out := make([]string, len(c.Tmpfs))
	for i, p := range c.Tmpfs {
		out[i] = p + ":rw,noexec,nosuid,nodev,size=64m,mode=0700,uid=" + uid + ",gid=" + gid
	}
	return out
}

func (c Compose) withDefaults() Compose {
	if c.RunAs == "" {
		c.RunAs = c.User
	}
	if c.SeccompFile == "" {
		c.SeccompFile = "./seccomp.json"
	}
	if c.MemoryMiB == 0 {
		c.MemoryMiB = DefaultMemoryMiB
	}
	if c.CPUs == 0 {
		c.CPUs = DefaultCPUs
	}
	if c.Pids == 0 {
		c.Pids = DefaultPids
	}
	if c.MaxTokens == 0 {
		c.MaxTokens = DefaultMaxTokens
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = DefaultRequestTimeout
	}
	return c
}

var (
	projectName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`) })
	// pinned is deliberately narrower than a reference: the digest is required and
	// the registry checks the rest.
	pinned = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9\[][A-Za-z0-9._:/\[\]-]{0,400}@sha256:[0-9a-f]{64}$`)
	})
	ids     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$`) })
	imageID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`) })
	profile = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\./[A-Za-z0-9._-]{1,100}$`) })
)

func isRoot(runAs string) bool { return strings.HasPrefix(runAs, "0:") }

// check names the first field that cannot be rendered. It repeats no value that
// could hold a credential.
func (c Compose) check() error {
	switch {
	case !projectName().MatchString(c.Project):
		return fmt.Errorf("the project name: %w: want lower-case letters, digits, - and _", ErrValue)
	case !pinned().MatchString(c.Image):
		return fmt.Errorf("the image: %w: want repository@sha256:… (S-03)", ErrValue)
	case !ids().MatchString(c.RunAs):
		return fmt.Errorf("the user: %w: want uid:gid in numbers (E-01)", ErrValue)
	case isRoot(c.RunAs) && !c.AllowRoot:
		return fmt.Errorf("the user: %w: root, and the set-up does not allow it (E-01)", ErrValue)
	case strings.HasSuffix(c.RunAs, ":0") && !c.AllowRoot:
		return fmt.Errorf("the group: %w: root's, and the set-up does not allow it (E-01)", ErrValue)
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("the port %d: %w: want 1 to 65535", c.Port, ErrValue)
	case !filepath.IsAbs(c.SecretsDir):
		return fmt.Errorf("the secrets folder: %w: not an absolute path", ErrValue)
	case !profile().MatchString(c.SeccompFile):
		return fmt.Errorf("the seccomp profile: %w: want ./ and a file name", ErrValue)
	case c.Gateway != nil && !imageID().MatchString(c.Gateway.Image):
		return fmt.Errorf("the gateway's image: %w: want its id, sha256:… (S-03)", ErrValue)
	case c.Writable && !c.Alone:
		return fmt.Errorf("the root file system: %w: writable outside of a trial (E-01)", ErrValue)
	case c.Launcher != "" && !filepath.IsAbs(c.Launcher):
		return fmt.Errorf("the launcher: %w: not an absolute path", ErrValue)
	}
	// What is wrong with the command besides is told where it is read.
	if argv, err := command(c.Entrypoint, c.Cmd, c.WorkingDir); err == nil && !keepsToken(argv) {
		return fmt.Errorf("the image's command: %w: it takes variables out of the environment, and could take the proxy's token (S-01)", ErrValue)
	}
	for _, p := range c.Tmpfs {
		if err := CheckTmpfs(p); err != nil {
			return err
		}
	}
	if err := c.checkLimits(); err != nil {
		return err
	}
	return checkBase(c.APIBase)
}

func (c Compose) checkLimits() error {
	switch {
	case c.MemoryMiB < 128 || c.MemoryMiB > MostMemoryMiB:
		return fmt.Errorf("the memory limit %d MiB: %w: want 128 to %d (D-02)", c.MemoryMiB, ErrValue, MostMemoryMiB)
	case !(c.CPUs >= 0.1 && c.CPUs <= MostCPUs): // also refuses NaN
		return fmt.Errorf("the processor limit: %w: want 0.1 to 64 (D-02)", ErrValue)
	case c.Pids < 32 || c.Pids > MostPids:
		return fmt.Errorf("the process limit %d: %w: want 32 to 4096 (D-02)", c.Pids, ErrValue)
	case c.MaxTokens < 1 || c.MaxTokens > 1<<24:
		return fmt.Errorf("the token limit %d: %w: want 1 to %d", c.MaxTokens, ErrValue, 1<<24)
	case c.RequestTimeout < time.Second || c.RequestTimeout > MostTimeout || c.RequestTimeout%time.Second != 0:
		return fmt.Errorf("the request timeout %s: %w: want whole seconds up to an hour (D-03)", c.RequestTimeout, ErrValue)
	}
	return nil
}

// checkBase keeps credentials out of the environment (I-01): a base URL may carry
// them as user information or in its query.
func checkBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		// The parser's message repeats the text.
		return fmt.Errorf("the API base URL: %w: cannot be read", ErrValue)
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("the API base URL: %w: want https://…", ErrValue)
	case u.Hostname() == "":
		return fmt.Errorf("the API base URL: %w: names no host", ErrValue)
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "", strings.Contains(base, "#"):
		return fmt.Errorf("the API base URL: %w: user, query or fragment (I-01)", ErrValue)
	}
	return nil
}
