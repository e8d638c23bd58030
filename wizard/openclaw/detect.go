// Package openclaw edits OpenClaw's configuration: it adds the keys that send
// OpenClaw's agent through Claude Code to one local proxy, with tools off, and
// leaves every other byte of the operator's openclaw.json alone.
//
// The contract was measured on OpenClaw 2026.9.6 and 2026.7.35; see
// https://docs.openclaw.ai/gateway/cli-backends.
package openclaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrNotInstalled says that no OpenClaw was found where it was looked for.
var ErrNotInstalled = errors.New("openclaw is not installed")

// Contract is a way to tell OpenClaw which command line program to run.
type Contract string

const (
	// Plugin is a backend of our own, registered by a plugin: 2026.8.1 and
	// later, recommended.
	Plugin Contract = "plugin"
	// Builtin is OpenClaw's claude-cli backend with our Claude settings: 2026.8.1
	// and later.
	Builtin Contract = "builtin"
	// Legacy is agents.defaults.cliBackends: before 2026.8.1, which rejects it.
	Legacy Contract = "legacy"
)

// BackendID names our backend, its plugin and the provider in model references.
const BackendID = "cloudru-claude"

const (
	versionTimeout  = 5 * time.Second
	validateTimeout = 60 * time.Second
	// schemaLimit bounds `config schema`, 2.4 MB in 2026.9.6.
	schemaLimit = 16 << 20
)

// Install is an OpenClaw on this machine.
type Install struct {
	// Path is absolute, links not resolved.
	Path string
	// Version is like "2026.9.6" or "2026.8.1-beta.2".
	Version string
	// Release is the version's year and month, such as 202609.
	Release int
	// Contract is Plugin or Legacy; Builtin works wherever Plugin does.
	Contract Contract
	// CanValidate says whether there is a `config validate` (2026.3.31).
	CanValidate bool
}

// Detect takes override, or looks openclaw up in PATH, and asks for its version.
// The error wraps ErrNotInstalled when nothing is there.
func Detect(ctx context.Context, override string) (Install, error) {
	path := override
	if path == "" {
		found, err := exec.LookPath("openclaw")
		if err != nil && !errors.Is(err, exec.ErrDot) {
			return Install{}, fmt.Errorf("look for openclaw in PATH: %w", ErrNotInstalled)
		}
		path = found
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Install{}, fmt.Errorf("find openclaw: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return Install{}, fmt.Errorf("find openclaw at %s: %w", text.Clean(path, 200), ErrNotInstalled)
	}
	in := Install{Path: path}
	result, err := in.run(ctx, versionTimeout, 4096, nil, "--version")
	if err != nil {
		return Install{}, hint.With(fmt.Errorf("ask openclaw for its version: %w", err), "openclaw-version")
	}
	if err := in.setVersion(result.Stdout); err != nil {
		err = fmt.Errorf("ask openclaw for its version: exit code %d: %w", result.Code, err)
		return Install{}, hint.With(err, "openclaw-version")
	}
	if strings.HasPrefix(in.Version, "2026.8.1-") {
		// The contract changed between these pre-releases; the schema tells.
		in.Contract = Plugin
		if schema, err := in.Schema(ctx); err == nil && schema.Has([]string{"agents", "defaults", "cliBackends"}) {
			in.Contract = Legacy
		}
	}
	return in, nil
}

var versionPattern = text.Pattern(`(?m)^(?:OpenClaw )?v?(20\d{2})\.(\d{1,2})\.(\d{1,4})(-[0-9A-Za-z.]{1,20})?(?:\s|$)`)

func (in *Install) setVersion(output []byte) error {
	m := versionPattern().FindSubmatch(output)
	if m == nil {
		return fmt.Errorf("not a version: %s", text.Clean(string(output), 80))
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(string(m[i+1])) // The pattern allows digits only.
	}
	at := n[0]*1e6 + n[1]*1e4 + n[2]
	in.Version = fmt.Sprintf("%d.%d.%d%s", n[0], n[1], n[2], m[4])
	in.Release = n[0]*100 + n[1]
	in.Contract = Legacy
	if at >= 2026*1e6+8*1e4+1 {
		in.Contract = Plugin
	}
	in.CanValidate = at >= 2026*1e6+3*1e4+31
	return nil
}

// run starts OpenClaw with an environment that holds no credential.
func (in Install) run(ctx context.Context, timeout time.Duration, limit int, env []string, args ...string) (command.Result, error) {
	keep := []string{"OPENCLAW_HOME", "OPENCLAW_STATE_DIR"}
	return command.Run(ctx, command.Command{
		Path: in.Path, Args: args, Timeout: timeout, Limit: limit, Env: command.Environment(keep, env...),
	})
}

// ConfigPath gives the openclaw.json that OpenClaw would read: the file named by
// OPENCLAW_CONFIG_PATH, else openclaw.json in OPENCLAW_STATE_DIR, else in
// ~/.openclaw. getenv is os.Getenv outside of tests.
func ConfigPath(getenv func(string) string) (string, error) {
	home := strings.TrimSpace(getenv("OPENCLAW_HOME"))
	if home == "" {
		dir, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find openclaw.json: %w", err)
		}
		home = dir
	}
	expand := func(path string) (string, error) {
		if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
			path = filepath.Join(home, path[1:])
		}
		return filepath.Abs(path)
	}
	if path := strings.TrimSpace(getenv("OPENCLAW_CONFIG_PATH")); path != "" {
		return expand(path)
	}
	if dir := strings.TrimSpace(getenv("OPENCLAW_STATE_DIR")); dir != "" {
		return expand(filepath.Join(dir, "openclaw.json"))
	}
	return expand(filepath.Join(home, ".openclaw", "openclaw.json"))
}

// Schema is OpenClaw's own description of its configuration.
type Schema struct{ root any }

// Schema asks for `config schema`, which exists where CanValidate is true.
func (in Install) Schema(ctx context.Context) (*Schema, error) {
	result, err := in.run(ctx, validateTimeout, schemaLimit, nil, "config", "schema")
	if err != nil {
		return nil, fmt.Errorf("ask openclaw for its schema: %w", err)
	}
	if result.Code != 0 || result.Truncated {
		return nil, fmt.Errorf("ask openclaw for its schema: exit code %d: %s", result.Code, text.Clean(string(result.Stderr), 200))
	}
	return ParseSchema(result.Stdout)
}

// ParseSchema reads a JSON schema as `config schema` prints it.
func ParseSchema(b []byte) (*Schema, error) {
	var root map[string]any
	if err := json.Unmarshal(b, &root); err != nil {
		return nil, fmt.Errorf("read openclaw's schema: %w", err)
	}
	return &Schema{root: root}, nil
}

// Has says whether the configuration knows the key at path.
func (s *Schema) Has(path []string) bool {
	return known(s.root, path)
}

// KnowsStream says whether a backend's answer may be Claude Code's stream.
func (s *Schema) KnowsStream() bool {
	return s.Has([]string{"agents", "defaults", "cliBackends", BackendID, "jsonlDialect"})
}

func known(node any, path []string) bool {
	m, ok := node.(map[string]any)
	if !ok {
		return false
	}
	for _, union := range []string{"anyOf", "oneOf", "allOf"} {
		options, _ := m[union].([]any)
		for _, option := range options {
			if known(option, path) {
				return true
			}
		}
	}
	if len(path) == 0 {
		return true
	}
	if properties, ok := m["properties"].(map[string]any); ok {
		if next, ok := properties[path[0]]; ok {
			return known(next, path[1:])
		}
	}
	switch extra := m["additionalProperties"].(type) {
	case map[string]any:
		return len(extra) == 0 || known(extra, path[1:])
	case bool:
		return extra
	}
	return false
}
