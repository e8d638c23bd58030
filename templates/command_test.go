package templates

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		name            string
		entrypoint, cmd []string
		dir             string
		want            []string
	}{
		{"command alone", nil, []string{"python", "a.py"}, "/app", []string{"python", "a.py"}},
		{"entrypoint alone", []string{"/proxy"}, nil, "", []string{"/proxy"}},
		{"entrypoint with its arguments", []string{"tini", "--"}, []string{"python", "a.py"}, "/app", []string{"tini", "--", "python", "a.py"}},
		{"shell form", nil, []string{"/bin/sh", "-c", "uv run a.py"}, "/app", []string{"/bin/sh", "-c", "uv run a.py"}},
		{"uv", nil, []string{"uv", "run", "start_proxy.py"}, "/app", []string{"/app/.venv/bin/python", "/app/start_proxy.py"}},
		{"uv by path and below", nil, []string{"/usr/bin/uv", "run", "src/main.py"}, "/app/", []string{"/app/.venv/bin/python", "/app/src/main.py"}},
		{"uv split", []string{"uv", "run"}, []string{"a.py"}, "", []string{"/.venv/bin/python", "/a.py"}},
		{"uv absolute script", nil, []string{"uv", "run", "/opt/a.py"}, "/app", []string{"/app/.venv/bin/python", "/opt/a.py"}},
		{"uv with an option", nil, []string{"uv", "run", "--frozen", "a.py"}, "/app", []string{"uv", "run", "--frozen", "a.py"}},
		{"uv with an argument", nil, []string{"uv", "run", "a.py", "-v"}, "/app", []string{"uv", "run", "a.py", "-v"}},
		{"uv with a module", nil, []string{"uv", "run", "uvicorn"}, "/app", []string{"uv", "run", "uvicorn"}},
		{"another runner", nil, []string{"npm", "run", "a.py"}, "/app", []string{"npm", "run", "a.py"}},
		{"uv with a dash", nil, []string{"uv", "run", "-x.py"}, "/app", []string{"uv", "run", "-x.py"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := command(tt.entrypoint, tt.cmd, tt.dir)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestWrapperRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		cmd []string
		dir string
	}{
		"no command":            {nil, "/"},
		"empty program":         {[]string{"", "x"}, "/"},
		"program like option":   {[]string{"-c", "x"}, "/"},
		"NUL":                   {[]string{"a", "b\x00c"}, "/"},
		"too long":              {[]string{"a", strings.Repeat("x", longestCommand)}, "/"},
		"uv in a relative path": {[]string{"uv", "run", "a.py"}, "app"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Wrapper(nil, tt.cmd, tt.dir)
			if err == nil {
				t.Fatalf("got %q", got)
			}
			if name != "no command" && !errors.Is(err, ErrValue) {
				t.Errorf("not ErrValue: %v", err)
			}
		})
	}
}

func TestHealthCommand(t *testing.T) {
	for program, known := range map[string]bool{
		"python": true, "/usr/bin/python3": true, "/app/.venv/bin/python3.12": true,
		"/bin/sh": false, "uvicorn": false, "/usr/bin/python2.7": false, "pythonista": false, "/python/node": false,
	} {
		got := healthCommand([]string{program, "x.py"})
		if known != (got != nil) {
			t.Errorf("%s: %q", program, got)
		}
		if known && (got[0] != "CMD" || got[1] != program) {
			t.Errorf("%s: asks with %q", program, got[:2])
		}
	}
	c := uvRoot()
	c.Cmd = []string{"/proxy"}
	b, err := ComposeFile(c)
	if err != nil || strings.Contains(string(b), "\n    healthcheck:") || !strings.Contains(string(b), "# No healthcheck: ") {
		t.Errorf("an unknown interpreter has to be said, not guessed (%v):\n%s", err, b)
	}
}

func TestQuoteShell(t *testing.T) {
	for in, want := range map[string]string{
		"": "''", "a": "a", "/a-b_c.d:e,f+g@h%i": "/a-b_c.d:e,f+g@h%i", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'",
		"~": "'~'", "a=b": "'a=b'", "*": "'*'", "#": "'#'", "a\nb": "'a\nb'", "é": "'é'", "!": "'!'",
	} {
		if got := quoteShell(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// TestIsWrapper: the wrapper is known by all of it. What comes after the secrets were
// read must be one command that keeps the token.
func TestIsWrapper(t *testing.T) {
	for _, argv := range [][]string{{"python", "x.py"}, {"/bin/sh", "-c", "exec /proxy --port=$PORT"}, {"env", "python"}, {"/usr/bin/env", "-S", "python x"}, {"env", "-C", "/app", "-v", "A=-i", "python", "-i", "-u"},
		{"sh", "-c", "env A=b python -u x.py"}, {"env", "TZ=Asia/Singapore", "python"}, {"env", "PATH=/usr/bin:/usr/Scripts", "python"}, {"env", "-Spython -u x.py"}, {"env", "-C/usr/Sites", "python"},
		{"env", "--argv0", "unit", "--split-string=A=b", "python", "-i"}, {"it's", "", "a b", `a\b`, "'", "ключ"}} {
		wrapped, launched, err := Entrypoints(nil, argv, "/app")
		if err != nil || !IsWrapper(wrapped) || !IsLaunched(launched) {
			t.Errorf("%q is not known again: %q, %q, %v", argv, wrapped, launched, err)
		}
	}
	for _, rest := range []string{
		"", " python", "env -u ANTHROPIC_API_KEY python", "/usr/bin/env -i python", "env ANTHROPIC_API_KEY= python", "sh -c 'unset ANTHROPIC_API_KEY; python'",
		"python; id", "python && id", "python\nid", "python > /tmp/x", "$(id)", "`id`", "python  x", "'python' x", `py\thon`, "'python", "-a x python", "python *", "\"python\"",
	} {
		if IsWrapper([]string{"/bin/sh", "-c", readSecrets + rest}) {
			t.Errorf("%q passes", rest)
		}
	}
	for _, argv := range [][]string{
		{"nice", "env", "-i", "python"}, {"sh", "-c", "exec env -i python"}, {"env", "-vi", "python"}, {"env", "-S", "-i python"}, {"env", "-S-i python"},
		{"env", "A=b", "-", "python"}, {"env", "--unset=X", "python"}, {"env", "--ig", "python"}, {"env", "-C", "/app", "-uX", "python"},
		{"env", "--split-string=-i python"}, {"env", "--chd", "/app", "-i", "python"}, {"env", "-a", "name", "-i", "python"}, {"env", "-vSA=b -i python"}, {"sh", "-c", "(/bin/env -u X python)"},
		{"env", "-u", "ANTHROPIC_API_KEY", "python"}, {""}, {"-x"}, nil,
	} {
		wrapped, _ := Wrapper(nil, argv, "/app")
		if IsWrapper(wrapped) {
			t.Errorf("%q passes", argv)
		}
		if IsLaunched(Launched(argv)) {
			t.Errorf("%q passes", argv)
		}
	}
}
