// Package command asks a foreign program something: with an environment that
// holds no secret, a deadline, and an output that cannot grow without bound.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Command is one run of a program.
type Command struct {
	// Path is absolute.
	Path string
	Args []string
	// Env is the whole environment, as Environment builds it.
	Env []string
	// Dir is the working directory; empty means the root directory, so that
	// no file of the current directory takes part.
	Dir string
	// Timeout ends the program and what it started.
	Timeout time.Duration
	// Limit is how many bytes of each of stdout and stderr are kept.
	Limit int
}

// Result is what the program left.
type Result struct {
	Stdout, Stderr []byte
	// Truncated says that one of them was longer than the limit.
	Truncated bool
	// Code is the exit code.
	Code int
}

// Run starts c and waits. A non-zero exit is no error here: it is in Code. The
// error says that the program could not be started or did not end in time.
func Run(ctx context.Context, c Command) (Result, error) {
	if !filepath.IsAbs(c.Path) {
		return Result{}, fmt.Errorf("run %s: not an absolute path", filepath.Base(c.Path))
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	stdout, stderr := &bounded{limit: c.Limit}, &bounded{limit: c.Limit}
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	if cmd.Dir == "" {
		cmd.Dir = filepath.VolumeName(c.Path) + string(filepath.Separator)
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A child that keeps the pipes open must not keep us.
	cmd.WaitDelay = time.Second
	group(cmd)
	err := cmd.Run()
	result := Result{
		Stdout: stdout.b.Bytes(), Stderr: stderr.b.Bytes(),
		Truncated: stdout.over || stderr.over, Code: cmd.ProcessState.ExitCode(),
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return result, fmt.Errorf("run %s: no answer within %s: %w", filepath.Base(c.Path), c.Timeout, ctx.Err())
	case errors.As(err, &exit), err == nil:
		return result, nil
	}
	return result, fmt.Errorf("run %s: %w", filepath.Base(c.Path), err)
}

type bounded struct {
	b     bytes.Buffer
	limit int
	over  bool
}

// Write keeps what fits and swallows the rest, so that the program never blocks.
func (w *bounded) Write(p []byte) (int, error) {
	n := min(len(p), w.limit-w.b.Len())
	w.over = w.over || n < len(p)
	w.b.Write(p[:n])
	return len(p), nil
}

// needed are the variables a Node or native program needs to start at all.
// Anything else, NODE_OPTIONS and every credential among it, stays behind.
var needed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR",
	"SystemRoot", "SystemDrive", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "ProgramData", "PATHEXT", "ComSpec", "TEMP", "TMP",
}

// Environment takes the needed variables of the current process and adds extra,
// each NAME=value; names lists more of the current process's to keep.
func Environment(names []string, extra ...string) []string {
	env := []string{"LC_ALL=C", "NO_COLOR=1"}
	for _, name := range append(append([]string(nil), needed...), names...) {
		if v, ok := os.LookupEnv(name); ok && !strings.ContainsRune(v, 0) {
			env = append(env, name+"="+v)
		}
	}
	return append(env, extra...)
}

// CheckPath refuses a path that a shell would read as more than one word of
// letters, digits and harmless marks, and one that is not absolute (controls
// T-03, E-04). A blank is allowed: the path is never given to a shell.
func CheckPath(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("not an absolute path")
	}
	return CheckWord(path)
}

// CheckWord refuses shell metacharacters, control characters and the ${ of
// OpenClaw's variable substitution.
func CheckWord(s string) error {
	bad := "`$&|;<>(){}[]*?!\"'\\#^"
	if runtime.GOOS == "windows" {
		bad = "`$&|;<>{}*?!\"'#^%"
	}
	for _, r := range s {
		if strings.ContainsRune(bad, r) || r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return fmt.Errorf("the character %q is not allowed", r)
		}
	}
	if s == "" {
		return errors.New("empty")
	}
	return nil
}
