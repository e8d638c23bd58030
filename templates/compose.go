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

//go:embed compose.yaml.tmpl
var composeText string

var composeTemplate = template.Must(template.New("compose").Funcs(template.FuncMap{
	"q": quoteCompose, "list": quoteList, "script": quoteScript, "decimal": decimal,
}).Parse(composeText))

// ComposeFile renders docker-compose.cloudru-proxy.yml. The file takes BIG_MODEL,
// MIDDLE_MODEL and SMALL_MODEL from .env beside it and refuses to start without
// them; it holds no secret. An error names the value that cannot be rendered.
func ComposeFile(c Compose) ([]byte, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	argv, err := command(c.Entrypoint, c.Cmd, c.WorkingDir)
	if err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	wrapper, err := Wrapper(c.Entrypoint, c.Cmd, c.WorkingDir)
	if err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	values := map[string]any{
		"C": c, "Wrapper": wrapper, "Health": healthCommand(argv),
		"Service": Service, "Inner": strconv.Itoa(ContainerPort), "Tries": UpstreamTries,
		"Publish":      "127.0.0.1:" + strconv.Itoa(c.Port) + ":" + strconv.Itoa(ContainerPort),
		"Timeout":      strconv.Itoa(int(c.RequestTimeout / time.Second)),
		"MaxTokens":    strconv.Itoa(c.MaxTokens),
		"SecretAPIKey": SecretAPIKey, "SecretProxyToken": SecretProxyToken,
		"APIKeyFile":   filepath.Join(c.SecretsDir, SecretAPIKey),
		"TokenFile":    filepath.Join(c.SecretsDir, SecretProxyToken),
		"LabelManaged": LabelManaged, "LabelRole": LabelRole,
		"Root": isRoot(c.RunAs),
	}
	var b bytes.Buffer
	if err := composeTemplate.Execute(&b, values); err != nil {
		return nil, fmt.Errorf("rendering the compose file: %w", err)
	}
	return b.Bytes(), nil
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
	projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	// pinned is deliberately narrower than a reference: the digest is required and
	// the registry checks the rest.
	pinned  = regexp.MustCompile(`^[A-Za-z0-9\[][A-Za-z0-9._:/\[\]-]{0,400}@sha256:[0-9a-f]{64}$`)
	ids     = regexp.MustCompile(`^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})$`)
	profile = regexp.MustCompile(`^\./[A-Za-z0-9._-]{1,100}$`)
)

func isRoot(runAs string) bool { return strings.HasPrefix(runAs, "0:") }

// check names the first field that cannot be rendered. It repeats no value that
// could hold a credential.
func (c Compose) check() error {
	switch {
	case !projectName.MatchString(c.Project):
		return fmt.Errorf("the project name: %w: want lower-case letters, digits, - and _", ErrValue)
	case !pinned.MatchString(c.Image):
		return fmt.Errorf("the image: %w: want repository@sha256:… (S-03)", ErrValue)
	case !ids.MatchString(c.RunAs):
		return fmt.Errorf("the user: %w: want uid:gid in numbers (E-01)", ErrValue)
	case isRoot(c.RunAs) && !c.AllowRoot:
		return fmt.Errorf("the user: %w: root, and the set-up does not allow it (E-01)", ErrValue)
	case c.Port < 1 || c.Port > 65535:
		return fmt.Errorf("the port %d: %w: want 1 to 65535", c.Port, ErrValue)
	case !filepath.IsAbs(c.SecretsDir):
		return fmt.Errorf("the secrets folder: %w: not an absolute path", ErrValue)
	case !profile.MatchString(c.SeccompFile):
		return fmt.Errorf("the seccomp profile: %w: want ./ and a file name", ErrValue)
	}
	if err := c.checkLimits(); err != nil {
		return err
	}
	return checkBase(c.APIBase)
}

func (c Compose) checkLimits() error {
	switch {
	case c.MemoryMiB < 128 || c.MemoryMiB > 1<<20:
		return fmt.Errorf("the memory limit %d MiB: %w: want 128 to %d (D-02)", c.MemoryMiB, ErrValue, 1<<20)
	case !(c.CPUs >= 0.1 && c.CPUs <= 64): // also refuses NaN
		return fmt.Errorf("the processor limit: %w: want 0.1 to 64 (D-02)", ErrValue)
	case c.Pids < 32 || c.Pids > 4096:
		return fmt.Errorf("the process limit %d: %w: want 32 to 4096 (D-02)", c.Pids, ErrValue)
	case c.MaxTokens < 1 || c.MaxTokens > 1<<24:
		return fmt.Errorf("the token limit %d: %w: want 1 to %d", c.MaxTokens, ErrValue, 1<<24)
	case c.RequestTimeout < time.Second || c.RequestTimeout > time.Hour || c.RequestTimeout%time.Second != 0:
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
