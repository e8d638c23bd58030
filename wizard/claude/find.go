// Package claude finds the Claude Code command line program and writes the
// settings and arguments that let it talk to one local proxy and to nothing
// else, without tools.
//
// What holds against a hostile project directory was measured on Claude Code
// 2.1.197 and 2.1.330: `--tools ""` alone stops neither MCP servers nor hooks, and with -p the
// .claude/settings.json of an untrusted directory is honoured unless
// `--setting-sources ""` is given. Args and Settings hold the whole set.
package claude

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrNotInstalled says that no Claude Code was found where it was looked for.
var ErrNotInstalled = errors.New("claude is not installed")

// versionTimeout bounds `claude --version`, which takes 0.1 s warm and about 1 s
// on the first start.
const versionTimeout = 10 * time.Second

// CLI is an installed Claude Code.
type CLI struct {
	// Path is absolute and is what gets configured: the stable name, which may
	// be a symbolic link that an update points elsewhere.
	Path string
	// Target is the file behind Path, links resolved.
	Target string
	// Version is like "2.1.330".
	Version string
}

// Find takes override, or looks claude up in PATH, and asks for its version. The
// error wraps ErrNotInstalled when nothing is there; any other error means that
// something is there which must not be run (controls T-03, E-04).
func Find(ctx context.Context, override string) (CLI, error) {
	path := override
	if path == "" {
		found, err := exec.LookPath("claude")
		if err != nil && !errors.Is(err, exec.ErrDot) {
			return CLI{}, hint.With(fmt.Errorf("look for claude in PATH: %w", ErrNotInstalled), "claude-not-installed")
		}
		if path, err = filepath.Abs(found); err != nil {
			return CLI{}, fmt.Errorf("look for claude in PATH: %w", err)
		}
	}
	cli, err := Inspect(path)
	if err != nil {
		return CLI{}, fmt.Errorf("use %s as claude: %w", text.Clean(path, 200), err)
	}
	if cli.Version, err = version(ctx, cli.Path); err != nil {
		return CLI{}, fmt.Errorf("ask %s for its version: %w", cli.Path, err)
	}
	return cli, nil
}

// CheckCommand is the rule for a command that OpenClaw may start (controls T-03,
// E-04): an absolute path without shell metacharacters to a program named claude
// or codex. It looks at the words alone, not at the file.
func CheckCommand(path string) error {
	return checkName(path, "the command is neither claude nor codex", "claude", "codex")
}

// CheckPath is the same rule for the program that clawsetup configures, whose settings
// and arguments codex does not know.
func CheckPath(path string) error {
	return checkName(path, "the program is not named claude", "claude")
}

func checkName(path, other string, names ...string) error {
	if err := command.CheckPath(path); err != nil {
		return hint.With(err, "claude-path")
	}
	name := filepath.Base(path)
	for _, suffix := range []string{".exe", ".cmd"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if !slices.Contains(names, name) {
		return hint.With(errors.New(other), "claude-path")
	}
	return nil
}

// Inspect looks at the file alone and runs nothing, so that CLI.Version stays empty. The
// error wraps ErrNotInstalled when nothing is there; any other one says why the program
// must not be run (controls T-03, E-04).
func Inspect(path string) (CLI, error) {
	if err := CheckPath(path); err != nil {
		return CLI{}, err
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		return CLI{}, hint.With(ErrNotInstalled, "claude-not-installed")
	}
	if err != nil {
		return CLI{}, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return CLI{}, err
	}
	if !info.Mode().IsRegular() {
		return CLI{}, hint.With(errors.New("not a regular file"), "claude-path")
	}
	if err := checkOwner(path, target, info); err != nil {
		return CLI{}, hint.With(err, "claude-permissions", target)
	}
	return CLI{Path: filepath.Clean(path), Target: target}, nil
}

// versionPattern fits "2.1.330 (Claude Code)".
var versionPattern = regexp.MustCompile(`^(\d{1,5}\.\d{1,5}\.\d{1,5})\b`)

func version(ctx context.Context, path string) (string, error) {
	result, err := command.Run(ctx, command.Command{
		Path: path, Args: []string{"--version"}, Timeout: versionTimeout, Limit: 4096,
		Env: command.Environment(nil, "DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1"),
	})
	if err != nil {
		return "", err
	}
	if result.Code != 0 {
		return "", fmt.Errorf("exit code %d: %s", result.Code, text.Clean(string(result.Stderr), 200))
	}
	m := versionPattern.FindSubmatch(result.Stdout)
	if m == nil {
		return "", fmt.Errorf("not a version: %s", text.Clean(string(result.Stdout), 80))
	}
	return string(m[1]), nil
}

// SHA256 gives the digest of the program file in hexadecimal. A native Claude
// Code is 245 MB: expect a few tenths of a second.
func (c CLI) SHA256(ctx context.Context) (string, error) {
	f, err := os.Open(c.Target)
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", c.Target, err)
	}
	defer func() { _ = f.Close() }() // Only read.
	h := sha256.New()
	if _, err := io.Copy(h, reader{ctx, f}); err != nil {
		return "", fmt.Errorf("hash %s: %w", c.Target, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reader stops at the end of its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
