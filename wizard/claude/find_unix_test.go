//go:build unix

package claude

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func program(t *testing.T, name, body string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const sayVersion = "echo '2.1.330 (Claude Code)'"

func TestFind(t *testing.T) {
	target := program(t, "2.1.330", sayVersion)
	dir := t.TempDir()
	link := filepath.Join(dir, "claude")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, override := range []string{"", link} {
		cli, err := Find(context.Background(), override)
		if err != nil {
			t.Fatal(err)
		}
		resolved, _ := filepath.EvalSymlinks(target)
		if want := (CLI{Path: link, Target: resolved, Version: "2.1.330"}); cli != want {
			t.Errorf("got %+v, want %+v", cli, want)
		}
		sum, err := cli.SHA256(context.Background())
		if err != nil || len(sum) != 64 {
			t.Errorf("SHA256: %q, %v", sum, err)
		}
	}
}

func TestFindNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, override := range []string{"", filepath.Join(t.TempDir(), "claude")} {
		if _, err := Find(context.Background(), override); !errors.Is(err, ErrNotInstalled) {
			t.Errorf("Find(%q): %v", override, err)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	worldWritable := program(t, "claude", sayVersion)
	if err := os.Chmod(worldWritable, 0o777); err != nil {
		t.Fatal(err)
	}
	openDir := program(t, "claude", sayVersion)
	if err := os.Chmod(filepath.Dir(openDir), 0o777); err != nil {
		t.Fatal(err)
	}
	notExecutable := program(t, "claude", sayVersion)
	if err := os.Chmod(notExecutable, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "claude")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(t.TempDir(), "a;b")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, want string }{
		"other name":     {program(t, "bash", sayVersion), "not named claude"},
		"codex":          {program(t, "codex", "echo codex-cli 0.80.0"), "not named claude"},
		"codex's answer": {program(t, "claude", "echo codex-cli 0.80.0"), "not a version"},
		"relative":       {"claude", "not an absolute path"},
		"metacharacter":  {filepath.Join(odd, "claude"), "not allowed"},
		"world-writable": {worldWritable, "writable by every user"},
		"open folder":    {openDir, "writable by every user"},
		"not executable": {notExecutable, "not executable"},
		"folder":         {folder, "not a regular file"},
		"no version":     {program(t, "claude", "printf 'hi \\033[31m'"), "not a version: hi ·[31m"},
		"failure":        {program(t, "claude", "echo broken >&2; exit 1"), "exit code 1: broken"},
	}
	for name, tt := range tests {
		_, err := Find(context.Background(), tt.path)
		if err == nil || errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
	}
}
