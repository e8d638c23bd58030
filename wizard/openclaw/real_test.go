//go:build unix

package openclaw

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

func script(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openclaw")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDetect(t *testing.T) {
	tests := []struct {
		says, version string
		release       int
		contract      Contract
		canValidate   bool
	}{
		{"OpenClaw 2026.9.6 (eb377ac)", "2026.9.6", 202609, Plugin, true},
		{"OpenClaw 2026.8.1 (x)", "2026.8.1", 202608, Plugin, true},
		{"OpenClaw 2026.7.35 (aa94808)", "2026.7.35", 202607, Legacy, true},
		{"OpenClaw 2026.7.2-beta.6 (x)", "2026.7.2-beta.6", 202607, Legacy, true},
		{"2026.2.26", "2026.2.26", 202602, Legacy, false},
		{"2026.1.30", "2026.1.30", 202601, Legacy, false},
		{"2027.1.1", "2027.1.1", 202701, Plugin, true},
	}
	for _, tt := range tests {
		file := script(t, `[ "$1" = --version ] && echo 'noise' >&2 && echo '`+tt.says+`'`)
		in, err := Detect(context.Background(), file)
		if want := (Install{file, tt.version, tt.release, tt.contract, tt.canValidate}); err != nil || in != want {
			t.Errorf("%s: got %+v, %v", tt.says, in, err)
		}
	}
	beta := script(t, `[ "$1" = --version ] && echo 2026.8.1-beta.1 || echo '{"properties":{"agents":{"properties":{"defaults":{"properties":{"cliBackends":{}}}}}}}'`)
	if in, err := Detect(context.Background(), beta); err != nil || in.Contract != Legacy {
		t.Errorf("a pre-release with cliBackends: %+v, %v", in, err)
	}
}

func TestDetectRefuses(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, override := range []string{"", filepath.Join(t.TempDir(), "openclaw")} {
		if _, err := Detect(context.Background(), override); !errors.Is(err, ErrNotInstalled) {
			t.Errorf("Detect(%q): %v", override, err)
		}
	}
	for _, body := range []string{"echo hi", "exit 1", "printf '\\033[31m2026'", "echo 1999.1.1"} {
		_, err := Detect(context.Background(), script(t, body))
		if err == nil || errors.Is(err, ErrNotInstalled) || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: %v", body, err)
		}
		if h, _ := hint.Of(err); h.ID != "openclaw-version" {
			t.Errorf("%s: hint %+v", body, h)
		}
	}
	old := Install{CanValidate: true, Release: 202603}
	if _, err := Validate(context.Background(), old, "/x", []byte(`{a:[{$include:"./b"}]}`), nil); !errors.Is(err, ErrCannotValidate) {
		t.Errorf("an old one with included files: %v", err)
	}
	if _, err := Validate(context.Background(), Install{}, "/x", []byte("{}"), nil); !errors.Is(err, ErrCannotValidate) {
		t.Errorf("got %v", err)
	}
}

// TestAuditCanAskForSecrets: without the variables by which our provider finds the keyring,
// OpenClaw takes the gateway for one without a token. No other variable comes along.
func TestAuditCanAskForSecrets(t *testing.T) {
	config := filepath.Join(t.TempDir(), "openclaw.json")
	for _, name := range append([]string{"ANTHROPIC_API_KEY", "NODE_OPTIONS"}, passEnv...) {
		t.Setenv(name, "value-of-"+name)
	}
	out, err := Install{Path: script(t, "env")}.Audit(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"OPENCLAW_CONFIG_PATH"}, passEnv...) {
		if !strings.Contains(string(out), name+"=") {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"ANTHROPIC_API_KEY", "NODE_OPTIONS"} {
		if strings.Contains(string(out), name) {
			t.Errorf("%s is passed on", name)
		}
	}
}

// TestValidateWords shows what becomes of OpenClaw's words and of its environment,
// with a script in its place.
func TestValidateWords(t *testing.T) {
	t.Setenv("TELEGRAM_BOT_TOKEN", "mark-in-environment")
	seen := filepath.Join(t.TempDir(), "env")
	in := Install{CanValidate: true, Path: script(t, `env > `+seen+`
d=$(dirname "$OPENCLAW_CONFIG_PATH")
printf '{"valid":false,"issues":[{"path":"a","message":"%s/files/p/x hunter2 \\u001b[2J in %s"}]}' "$d" "$OPENCLAW_CONFIG_PATH"
exit 1`)}
	_, err := Validate(context.Background(), in, "/home/op/openclaw.json", []byte(`{a:{botToken:"hunter2",b:"${TELEGRAM_BOT_TOKEN}"}}`), nil)
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if want := "/p/x [hidden] ·[2J in /home/op/openclaw.json"; refused.Issues[0].Message != want {
		t.Errorf("got %q, want %q", refused.Issues[0].Message, want)
	}
	env, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "mark-in") || !strings.Contains(string(env), "TELEGRAM_BOT_TOKEN=clawsetup-placeholder") {
		t.Errorf("the environment was\n%s", env)
	}
}

func realInstall(t *testing.T, variable string) Install {
	t.Helper()
	file := parttest.Need(t, variable)
	t.Setenv("HOME", t.TempDir())
	in, err := Detect(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("openclaw %+v", in)
	return in
}

// realParams point into a home that does not hold the files yet.
func realParams(t *testing.T, in Install, c Contract) (Params, map[string][]byte, string) {
	t.Helper()
	p := params(c)
	p.Release = in.Release
	if c == Legacy {
		schema, err := in.Schema(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		p.OneAnswer = !schema.KnowsStream()
	}
	home := filepath.Join(os.Getenv("HOME"), ".openclaw")
	p.ClaudeConfigDir = filepath.Join(home, "clawsetup", "claude")
	p.ClaudeSettings = filepath.Join(p.ClaudeConfigDir, "settings.json")
	p.PluginDir = filepath.Join(home, "clawsetup", BackendID)
	p.TokenCommand = []string{filepath.Join(home, "clawsetup", "secrets")}
	files, err := PluginFiles(p)
	if err != nil {
		t.Fatal(err)
	}
	launcher, err := Launcher([]string{"/usr/bin/clawsetup", "secrets"})
	if err != nil {
		t.Fatal(err)
	}
	extra := map[string][]byte{p.TokenCommand[0]: launcher}
	for name, b := range files {
		extra[filepath.Join(p.PluginDir, name)] = b
	}
	return p, extra, filepath.Join(home, "openclaw.json")
}

// TestRealOpenClaw lets the OpenClaw in CLAWSETUP_TEST_OPENCLAW judge what Merge
// makes, before any of our files exists.
func TestRealOpenClaw(t *testing.T) {
	in := realInstall(t, "CLAWSETUP_TEST_OPENCLAW")
	if in.Contract != Plugin || !in.CanValidate {
		t.Fatalf("got %+v", in)
	}
	acceptsMerged(t, in, Plugin, Builtin)
	refusesBroken(t, in)
}

// TestRealLegacyOpenClaw is the same for CLAWSETUP_TEST_OPENCLAW_LEGACY, a version
// before 2026.8.1.
func TestRealLegacyOpenClaw(t *testing.T) {
	in := realInstall(t, "CLAWSETUP_TEST_OPENCLAW_LEGACY")
	if in.Contract != Legacy {
		t.Fatalf("got %+v", in)
	}
	acceptsMerged(t, in, Legacy)
}

func acceptsMerged(t *testing.T, in Install, contracts ...Contract) {
	schema, err := in.Schema(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if schema.Has(path("agents.defaults.cliBackends")) != (in.Contract == Legacy) {
		t.Error("the schema does not fit the contract")
	}
	for _, c := range contracts {
		p, extra, file := realParams(t, in, c)
		all, err := Settings(p)
		if err != nil {
			t.Fatal(err)
		}
		kept, dropped, err := Prune(schema, all)
		if err != nil || len(dropped) > 0 {
			t.Fatalf("%s: dropped %+v, %v", c, dropped, err)
		}
		including := []byte(`{ $include: "./more.json5", plugins: { allow: ["telegram"] } }`)
		for name, current := range map[string][]byte{"none": nil, "rich": []byte(rich), "including": including} {
			if name == "including" {
				more := filepath.Join(filepath.Dir(file), "more.json5")
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(more, []byte("{ gateway: { port: 18790 } }"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			after, _, err := Merge(current, kept)
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := Validate(context.Background(), in, file, after, extra)
			if old := name == "including" && in.Release < release2605; old != errors.Is(err, ErrCannotValidate) || !old && err != nil {
				t.Errorf("%s, %s: %v\n%s", c, name, err, after)
			}
			for _, w := range warnings {
				if strings.Contains(w.Path+w.Message, BackendID) || strings.Contains(w.Path+w.Message, SecretProvider) {
					t.Errorf("%s, %s: warning %+v", c, name, w)
				}
			}
		}
	}
}

func refusesBroken(t *testing.T, in Install) {
	p, extra, file := realParams(t, in, Plugin)
	all, err := Settings(p)
	if err != nil {
		t.Fatal(err)
	}
	after, _, err := Merge(nil, all)
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(after), `"minimal"`, `"everything"`, 1)
	_, err = Validate(context.Background(), in, file, []byte(broken), extra)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Issues[0].Path != "tools.profile" {
		t.Errorf("got %v", err)
	}
	// Without the launcher to come, the secret command does not exist.
	if _, err = Validate(context.Background(), in, file, after, nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), p.TokenCommand[0]) {
		t.Errorf("got %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "clawsetup-validate-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
