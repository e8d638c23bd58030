//go:build unix

package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunBoundsOutputAndReportsCode(t *testing.T) {
	c := Command{Path: script(t, "echo 123456789; echo oops >&2; exit 3"), Timeout: time.Minute, Limit: 4}
	r, err := Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Stdout) != "1234" || string(r.Stderr) != "oops" || r.Code != 3 || !r.Truncated {
		t.Errorf("got %+v", r)
	}
}

func TestRunEndsTheWholeGroup(t *testing.T) {
	// The child of the script holds stdout open far longer than the deadline.
	c := Command{Path: script(t, "sleep 600 & wait"), Timeout: 50 * time.Millisecond, Limit: 10, Env: Environment(nil)}
	start := time.Now()
	_, err := Run(context.Background(), c)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %s", d)
	}
}

func TestRunErrors(t *testing.T) {
	for _, path := range []string{"sh", filepath.Join(t.TempDir(), "missing")} {
		if _, err := Run(context.Background(), Command{Path: path, Timeout: time.Second, Limit: 1}); err == nil {
			t.Errorf("Run(%q) succeeded", path)
		}
	}
}

func TestEnvironmentCarriesNoSecret(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-mark")
	t.Setenv("NODE_OPTIONS", "--require /tmp/mark.js")
	t.Setenv("KEPT_ON_REQUEST", "yes")
	env := strings.Join(Environment([]string{"KEPT_ON_REQUEST"}, "EXTRA=1"), "\n")
	if strings.Contains(env, "mark") {
		t.Errorf("a secret or code travels: %s", env)
	}
	for _, want := range []string{"PATH=", "KEPT_ON_REQUEST=yes", "EXTRA=1"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is missing in %s", want, env)
		}
	}
}

func TestCheckPath(t *testing.T) {
	good := []string{"/usr/bin/claude", "/home/Иван Петров/.local/bin/claude", "/opt/a+b@c,d=e~1:2/claude"}
	for _, p := range good {
		if err := CheckPath(p); err != nil {
			t.Errorf("CheckPath(%q): %v", p, err)
		}
	}
	bad := []string{"", "claude", "./claude", "/a;b", "/a|b", "/a&b", "/a$b", "/a`b", "/a\nb", "/a\x00b", "/a'b", "/a\"b", "/a>b", "/a(b", "/a*b", "/a\\b", "/a\x7fb", "/a\u2028b", "/a${B}"}
	for _, p := range bad {
		if CheckPath(p) == nil {
			t.Errorf("CheckPath(%q) accepted", p)
		}
	}
}
