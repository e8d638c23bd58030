//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCanary: marked keys go through init, rotate-key and the history; every file,
// every output, and the arguments and environment of every child are searched for the
// marks, in clear and as base64 and hex. Only the secret store may hold the present
// ones, and nothing the old ones.
func TestCanary(t *testing.T) {
	const first, second = "canary-KEY-one-1f3d5b7a", "canary-KEY-two-9c8e6a4f"
	s := newScratch(t, first, second)
	// Every program that clawsetup runs writes down how it was called.
	spy := `{ printf '%s\n' "$0" "$@"; env; cat; } >>"` + s.home + `/spy" 2>/dev/null </dev/null; `
	s.program("claude", spy+"echo '2.1.330 (Claude Code)'")
	s.program("openclaw", spy+`case "$*" in *version*) echo "OpenClaw 2026.2.26 (abc)";; *) echo '{"valid":true}';; esac`)
	s.program("docker", spy+"exit 0")

	var outputs strings.Builder
	say := func(stdin string, args ...string) {
		out, code, _ := s.run(stdin, "", args...)
		outputs.WriteString(out)
		if code != 0 {
			t.Fatalf("%v: exit %d\n%s", args, code, out)
		}
	}
	say(first, append(s.flags, "--json")...)
	token1 := s.stored("proxy_token")
	say(second, "rotate-key", "--yes", "--key-stdin", "--json")
	token2 := s.stored("proxy_token")
	for _, args := range [][]string{
		{"init", "--yes"}, {"init", "--yes", "--dry-run"}, {"config-history"}, {"config-history", "list", "--all", "--json"},
		{"config-history", "diff", "4"}, {"config-history", "export"}, {"config-history", "export", "--format", "ocsf"}} {
		say("", args...)
	}
	// There is no engine here: see TestCanaryOfTheStack.
	for _, args := range [][]string{{"up"}, {"down"}, {"status"}} {
		out, code, _ := s.run("", "", args...)
		outputs.WriteString(out)
		if code != exitFailed {
			t.Fatalf("%v without an engine: exit %d\n%s", args, code, out)
		}
	}
	// A refused key must not be repeated either.
	const wrong = "canary-KEY-wrong-5e5e5e5e"
	out, code, _ := s.run(wrong, "", "rotate-key", "--yes", "--key-stdin")
	outputs.WriteString(out)
	if code != exitRefused {
		t.Fatalf("a wrong key: exit %d\n%s", code, out)
	}

	marks := map[string]string{"first key": first, "second key": second, "wrong key": wrong, "first token": token1, "second token": token2}
	for name, mark := range marks {
		if hit := find([]byte(outputs.String()), mark); hit != "" {
			t.Errorf("the %s is in the output, %s", name, hit)
		}
		allowed := map[string]string{"second key": "cloudru_api_key", "second token": "proxy_token"}[name]
		s.search(name, mark, allowed)
	}
	if spied, err := os.ReadFile(filepath.Join(s.home, "spy")); err != nil || !bytes.Contains(spied, []byte("PATH=")) {
		t.Fatalf("the spy saw no child: %v", err)
	}
}

func (s *scratch) stored(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.home, "config/clawsetup/secrets", name))
	check(s.t, err)
	return string(b)
}

// search looks for mark in the content of every file but the one of the store.
func (s *scratch) search(name, mark, allowed string) {
	s.t.Helper()
	found := 0
	check(s.t, filepath.WalkDir(s.home, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if allowed != "" && path == filepath.Join(s.home, "config/clawsetup/secrets", allowed) {
			found++
			return nil
		}
		if hit := find(b, mark); hit != "" {
			s.t.Errorf("the %s is in %s, %s", name, path, hit)
		}
		return nil
	}))
	if allowed != "" && found != 1 {
		s.t.Errorf("the %s is not in the store", name)
	}
}

// find tells in which form mark is in b.
func find(b []byte, mark string) string {
	if bytes.Contains(b, []byte(mark)) {
		return "in clear"
	}
	if low := bytes.ToLower(b); bytes.Contains(low, []byte(hex.EncodeToString([]byte(mark)))) {
		return "as hex"
	}
	// Base64 of a text depends on where it begins: look for what all three have in
	// common.
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{0}, shift), mark...)
		padded = padded[:len(padded)-len(padded)%3]
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := enc.EncodeToString(padded)
			if shift > 0 {
				text = text[4:]
			}
			if bytes.Contains(b, []byte(text)) {
				return "as base64"
			}
		}
	}
	return ""
}

// TestFind: the search itself finds what it is for.
func TestFind(t *testing.T) {
	const mark = "canary-KEY-one-1f3d5b7a"
	for prefix := range 4 {
		text := strings.Repeat("x", prefix) + mark + "tail"
		for form, in := range map[string]string{
			"in clear": text, "as hex": strings.ToUpper(hex.EncodeToString([]byte(text))),
			"as base64": base64.StdEncoding.EncodeToString([]byte(text)),
		} {
			if got := find([]byte(in), mark); got != form {
				t.Errorf("prefix %d: %q, want %q", prefix, got, form)
			}
		}
	}
	if got := find([]byte("nothing here"), mark); got != "" {
		t.Errorf("found %q in nothing", got)
	}
}
