//go:build unix

package claude

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLauncher: what the launched program sees is the list and nothing else, whatever
// it holds.
func TestLauncher(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "it's claude")
	write(t, inner, "#!/bin/sh\n/usr/bin/env -0\nprintf '%s\\0' -- \"$@\"\n")
	if err := os.Chmod(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "conf $(id) 'x'")
	b, err := Launcher(inner, config)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "claude")
	write(t, script, string(b))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(script, "-p", "", "a b")
	c.Env = []string{"HOME=/a b/$(id)", "PATH=/usr/bin:/bin", "LANG=", "CLAUDE_CONFIG_DIR=/evil", "CLAUDE_CODE_EXTRA_BODY={}", "ANTHROPIC_BASE_URL=http://192.0.2.1", "NODE_OPTIONS=--x", "IFS=H"}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	env, args, _ := strings.Cut(string(out), "--\x00")
	if args != "-p\x00\x00a b\x00" {
		t.Errorf("arguments %q", args)
	}
	got := strings.Split(strings.TrimSuffix(env, "\x00"), "\x00")
	// The shell of the inner program adds its own, and so does macOS.
	got = slices.DeleteFunc(got, func(v string) bool {
		return strings.HasPrefix(v, "PWD=") || strings.HasPrefix(v, "SHLVL=") || strings.HasPrefix(v, "_=") || strings.HasPrefix(v, "OLDPWD") || strings.HasPrefix(v, "__CF_USER_TEXT_ENCODING=")
	})
	slices.Sort(got)
	want := []string{"CLAUDE_CONFIG_DIR=" + config, "HOME=/a b/$(id)", "LANG=", "PATH=/usr/bin:/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("variables %q, want %q", got, want)
	}
	if _, err := Launcher("/a\x00b", config); err == nil {
		t.Error("a path with a zero byte is accepted")
	}
}
