package templates

import (
	"errors"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

func TestIsLaunched(t *testing.T) {
	for _, c := range []struct {
		entrypoint []string
		want       bool
	}{
		{Launched([]string{"/proxy"}), true},
		{Launched([]string{"python", "-m", "proxy", "--", "-x"}), true},
		{[]string{"/run/clawsetup", "launch", "--", "launch"}, true},
		{Launched(nil), false},
		{nil, false},
		{[]string{"/run/clawsetup"}, false},
		{[]string{"/run/clawsetup", "launch", "/proxy", "x"}, false},
		{[]string{"/run/clawsetup", "--lang=ru", "launch", "--", "/proxy"}, false},
		{[]string{"/run/clawsetup", "token", "--", "/proxy"}, false},
		{[]string{"clawsetup", "launch", "--", "/proxy"}, false},
		{[]string{"/run/../run/clawsetup", "launch", "--", "/proxy"}, false},
		{[]string{"/bin/sh", "-c", "/run/clawsetup launch -- /proxy"}, false},
		{[]string{"tini", "/run/clawsetup", "launch", "--", "/proxy"}, false},
	} {
		if got := IsLaunched(c.entrypoint); got != c.want {
			t.Errorf("%q: %v", c.entrypoint, got)
		}
	}
}

// proxyOf is the proxy's service as compose reads it, with the strings of its entrypoint.
func proxyOf(t *testing.T, c Compose) (service map[string]any, entrypoint []string) {
	t.Helper()
	b, err := ComposeFile(c)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Services map[string]map[string]any `yaml:"services"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%v in:\n%s", err, b)
	}
	service = doc.Services[Service]
	for _, word := range service["entrypoint"].([]any) {
		entrypoint = append(entrypoint, unescape(t, word.(string)))
	}
	return service, entrypoint
}

// TestLauncherInPlaceOfShell: an image without a shell is started by clawsetup, which is
// there for reading alone; nothing else of the host is, and one with a shell gets none.
func TestLauncherInPlaceOfShell(t *testing.T) {
	words := []string{"", "a b", "$HOME", "${X}", "$$", "it's", `"\`, "a\nb", "--", "ключ", "- x: y"}
	for name, c := range map[string]struct {
		cmd  []string
		want []string
	}{
		"as it is": {[]string{"/proxy", "--quiet"}, []string{"/proxy", "--quiet"}},
		"uv":       {[]string{"uv", "run", "start_proxy.py"}, []string{"/app/.venv/bin/python", "/app/start_proxy.py"}},
		"awkward":  {append([]string{"/proxy"}, words...), append([]string{"/proxy"}, words...)},
	} {
		for layout, compose := range map[string]Compose{"open": uvRoot(), "behind the gateway": guarded(), "alone": alone()} {
			compose.Cmd, compose.Launcher = c.cmd, launcher+` $x: y "z"#`
			service, entrypoint := proxyOf(t, compose)
			if !slices.Equal(entrypoint, Launched(c.want)) || !IsLaunched(entrypoint) || IsWrapper(entrypoint) {
				t.Errorf("%s, %s: %q", name, layout, entrypoint)
			}
			volumes := service["volumes"].([]any)
			source, _ := volumes[0].(map[string]any)["source"].(string)
			volumes[0].(map[string]any)["source"] = unescape(t, source)
			want := []any{map[string]any{"type": "bind", "source": compose.Launcher, "target": LauncherPath, "read_only": true, "bind": map[string]any{"create_host_path": false}}}
			if !reflect.DeepEqual(volumes, want) {
				t.Errorf("%s, %s: mounts %v", name, layout, volumes)
			}

			compose.Launcher = ""
			service, entrypoint = proxyOf(t, compose)
			if IsLaunched(entrypoint) || !IsWrapper(entrypoint) || service["volumes"] != nil {
				t.Errorf("%s, %s, with a shell: %q, mounts %v", name, layout, entrypoint, service["volumes"])
			}
		}
	}
	for name, l := range map[string]string{"NUL": launcher + "\x00", "not UTF-8": launcher + "\xff", "relative": "./clawsetup"} {
		c := uvRoot()
		c.Launcher = l
		if b, err := ComposeFile(c); b != nil || !errors.Is(err, ErrValue) {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}
}

func TestCheckTmpfs(t *testing.T) {
	for p, want := range map[string]bool{
		"/var/cache": true, "/app": true, "/app/.cache/uv": true, "/tmp/x": true, "/etc/app": true, "/home/a-b_c.d+e@f": true, "/processes": true, "/...": true,
		"/" + strings.Repeat("a", longestTmpfs-1): true,
		"": false, "/": false, "app": false, "./app": false, "/app/": false, "//app": false, "/app/./x": false, "/app/..": false, "/..": false,
		"/tmp": false, "/run": false, "/proc": false, "/proc/sys": false, "/sys/fs": false, "/dev": false, "/dev/shm": false, "/run/secrets": false,
		"/run/secrets/proxy_token": false, "/bin": false, "/lib64": false, "/usr": false, "/etc": false,
		"/a:exec": false, "/a,exec": false, "/a b": false, "/a\n/b": false, "/a\n": false, "/a$b": false, "/a\x00": false, "/ключ": false, `/a\b`: false, "/a'": false,
		"/" + strings.Repeat("a", longestTmpfs): false,
	} {
		if err := CheckTmpfs(p); (err == nil) != want || (err != nil && !errors.Is(err, ErrValue)) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// FuzzCheckTmpfs: an accepted path is one temporary file system, with our options and
// no others, over nothing that the container lives from; a refused one is never
// rendered.
func FuzzCheckTmpfs(f *testing.F) {
	for _, p := range []string{
		"/var/cache", "/", "/a:exec", "/a:rw,exec", "/a,exec", "/a\n      - /b", "/a\" # ", "/a/../usr", "/run/secrets/x", "/usr", "/lib/x", "$HOME", "/${X}",
		"/proc/1", "/dev/shm", "/.../x", "//", "/a/", "/\xff", "/a\x00b", "/" + strings.Repeat("a/", 99),
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		c := guarded()
		c.Tmpfs = []string{p}
		b, err := ComposeFile(c)
		if refused := CheckTmpfs(p); refused != nil {
			if !errors.Is(refused, ErrValue) || !errors.Is(err, ErrValue) || b != nil {
				t.Fatalf("%q: %v, %v\n%s", p, refused, err, b)
			}
			if strings.ContainsFunc(refused.Error(), unicode.IsControl) {
				t.Fatalf("the error repeats the value: %q", refused)
			}
			return
		}
		service, _ := proxyOf(t, c)
		plain, _ := proxyOf(t, guarded())
		list := service["tmpfs"].([]any)
		if len(list) != 2 || list[0] != plain["tmpfs"].([]any)[0] {
			t.Fatalf("%q became %q", p, list)
		}
		service["tmpfs"], plain["tmpfs"] = nil, nil
		if !reflect.DeepEqual(service, plain) {
			t.Fatalf("%q changed the rest of the service: %v", p, service)
		}
		folder, options, _ := strings.Cut(unescape(t, list[1].(string)), ":")
		if folder != p || options != "rw,noexec,nosuid,nodev,size=64m,mode=0700,uid=65532,gid=65532" {
			t.Fatalf("%q became %q with %q", p, folder, options)
		}
		if !path.IsAbs(p) || path.Clean(p) != p {
			t.Fatalf("%q is not a plain absolute path", p)
		}
		for _, needed := range []string{"/tmp", "/run/secrets", "/proc", "/sys", "/dev", "/bin", "/sbin", "/lib", "/usr", "/etc"} {
			if strings.HasPrefix(needed+"/", p+"/") {
				t.Fatalf("%q hides %s", p, needed)
			}
		}
	})
}
