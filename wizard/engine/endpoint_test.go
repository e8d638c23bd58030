package engine

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// desktop is the context that Docker Desktop makes, and desktopID its folder: the
// SHA-256 of "desktop-linux".
const (
	desktop   = `{"Name":"desktop-linux","Metadata":{"Description":"Docker Desktop"},"Endpoints":{"docker":{"Host":"unix:///home/me/.docker/desktop/docker.sock","SkipTLSVerify":false}}}`
	desktopID = "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e"
)

// dockerFolder makes a folder of the docker command line.
func dockerFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".docker")
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// TestFindEndpoint: the same engine as the docker command line finds.
func TestFindEndpoint(t *testing.T) {
	dir := dockerFolder(t, map[string]string{
		"config.json": `{"auths":{},"currentContext":"desktop-linux"}`, "contexts/meta/" + desktopID + "/meta.json": desktop,
		// SHA-256 of "other".
		"contexts/meta/d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa/meta.json":      `{"Name":"other","Endpoints":{"docker":{"Host":"tcp://127.0.0.1:2376"}}}`,
		"contexts/tls/d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa/docker/cert.pem": "",
	})
	tls := filepath.Join(dir, "contexts", "tls", "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa", "docker")
	home, usual := "HOME", "unix:///var/run/docker.sock"
	if runtime.GOOS == "windows" {
		home, usual = "USERPROFILE", "npipe:////./pipe/docker_engine"
	}
	byDefault := Endpoint{Host: usual, Source: "default"}
	byContext := Endpoint{Host: "unix:///home/me/.docker/desktop/docker.sock", Source: "context desktop-linux"}
	broken := dockerFolder(t, map[string]string{"config.json": "{"})
	for name, c := range map[string]struct {
		vars map[string]string
		want Endpoint
	}{
		"nothing":               {map[string]string{home: t.TempDir()}, byDefault},
		"the current context":   {map[string]string{home: filepath.Dir(dir)}, byContext},
		"another folder":        {map[string]string{home: t.TempDir(), "DOCKER_CONFIG": dir}, byContext},
		"the default by name":   {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "default"}, byDefault},
		"the default, kept":     {map[string]string{"DOCKER_CONFIG": dockerFolder(t, map[string]string{"config.json": `{"currentContext":"default"}`})}, byDefault},
		"no current context":    {map[string]string{"DOCKER_CONFIG": dockerFolder(t, map[string]string{"config.json": `{"auths":{}}`})}, byDefault},
		"a host":                {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "other"}, Endpoint{Host: "unix:///x.sock", Source: "DOCKER_HOST"}},
		"a host, broken config": {map[string]string{"DOCKER_CONFIG": broken, "DOCKER_HOST": "unix:///x.sock"}, Endpoint{Host: "unix:///x.sock", Source: "DOCKER_HOST"}},
		"a context with certificates": {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CONTEXT": "other"}, Endpoint{Host: "tcp://127.0.0.1:2376", Source: "context other",
			ca: filepath.Join(tls, "ca.pem"), cert: filepath.Join(tls, "cert.pem"), key: filepath.Join(tls, "key.pem")}},
		"a host with certificates": {map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2376", "DOCKER_CERT_PATH": tls, "DOCKER_TLS_VERIFY": "1"},
			Endpoint{Host: "tcp://127.0.0.1:2376", Source: "DOCKER_HOST", ca: filepath.Join(tls, "ca.pem"), cert: filepath.Join(tls, "cert.pem"), key: filepath.Join(tls, "key.pem")}},
		"certificates, not asked for":   {map[string]string{"DOCKER_HOST": "tcp://127.0.0.1:2375", "DOCKER_CERT_PATH": tls}, Endpoint{Host: "tcp://127.0.0.1:2375", Source: "DOCKER_HOST"}},
		"certificates, of another host": {map[string]string{"DOCKER_CONFIG": dir, "DOCKER_CERT_PATH": tls, "DOCKER_TLS_VERIFY": "1"}, byContext},
	} {
		if got, err := FindEndpoint(env(c.vars)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// TestFindEndpointRefuses: an engine that was named and is not found is an error;
// the default must not be started instead.
func TestFindEndpointRefuses(t *testing.T) {
	meta := func(content string) map[string]string {
		return map[string]string{"config.json": `{"currentContext":"desktop-linux"}`, "contexts/meta/" + desktopID + "/meta.json": content}
	}
	for name, c := range map[string]struct {
		files   map[string]string
		context string
		hint    string
	}{
		"no such context":           {nil, "gone", "engine-context"},
		"not even a name":           {nil, "../../\x1b[2J\u202e", "engine-context"},
		"no current context":        {map[string]string{"config.json": `{"currentContext":"gone"}`}, "", "engine-context"},
		"a broken configuration":    {map[string]string{"config.json": `{"currentContext":`}, "", "engine-config"},
		"a configuration that lies": {map[string]string{"config.json": `{"currentContext":1}`}, "", "engine-config"},
		"a broken description":      {meta("{"), "", "engine-context"},
		"an empty description":      {meta(""), "", "engine-context"},
		"another kind of engine":    {meta(`{"Name":"desktop-linux","Endpoints":{"kubernetes":{"Host":"https://127.0.0.1:6443"}}}`), "", "engine-context"},
		"a description without end": {meta(desktop[:len(desktop)-1] + strings.Repeat(" ", largestContext) + "}"), "", "engine-context"},
	} {
		got, err := FindEndpoint(env(map[string]string{"DOCKER_CONFIG": dockerFolder(t, c.files), "DOCKER_CONTEXT": c.context}))
		if err == nil || got != (Endpoint{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if h, _ := hint.Of(err); h.ID != c.hint {
			t.Errorf("%s: hint %q, want %q", name, h.ID, c.hint)
		}
		if strings.ContainsAny(err.Error(), "\x1b\u202e\n") {
			t.Errorf("%s: %q steers the terminal", name, err)
		}
	}
	_, err := FindEndpoint(env(map[string]string{"DOCKER_CONFIG": t.TempDir(), "DOCKER_CONTEXT": "gone"}))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("no such context: %v", err)
	}
}

func TestLocal(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///var/run/docker.sock": "", "unix:///run/user/1000/docker.sock": "", "npipe:////./pipe/docker_engine": "",
		"tcp://127.0.0.1:2375": "", "tcp://127.8.9.10:2375": "", "tcp://[::1]:2376": "", "http://127.0.0.1:2375": "", "https://[::1]:2376": "",
		"tcp://me:hunter2@127.0.0.1:2375": "",

		// Names are not looked up: what they mean may change.
		"tcp://localhost:2375": "engine-remote", "tcp://docker:2375": "engine-remote", "https://engine.example.com": "engine-remote",
		"tcp://10.0.0.5:2376": "engine-remote", "tcp://0.0.0.0:2375": "engine-remote", "tcp://[::]:2375": "engine-remote",
		"tcp://[fe80::1%25eth0]:2375": "engine-remote", "tcp://127.0.0.1.example.com:2375": "engine-remote", "tcp://2130706433:2375": "engine-remote",
		"tcp://0x7f.1:2375": "engine-remote", "tcp://:2375": "engine-remote", "tcp://": "engine-remote",
		"tcp://127.0.0.1@evil.example:2375": "engine-remote", "tcp://127.0.0.1:2375@evil.example": "engine-remote",
		"ssh://me@127.0.0.1": "engine-remote", "ssh://me:hunter2@engine.example.com:22": "engine-remote", "SSH://me:hunter2@engine.example.com": "engine-remote",
		"https://me:hunter2@10.0.0.5": "engine-remote",

		"": "engine-address", "/var/run/docker.sock": "engine-address", "docker.sock": "engine-address", "127.0.0.1:2375": "engine-address",
		"fd://": "engine-address", "ftp://127.0.0.1": "engine-address", "tcp://127.0.0.1:port": "engine-address", "tcp://[::1": "engine-address",
		"tcp://127.0.0.1\x1b[2J": "engine-address", "ftp://me:hunter2@127.0.0.1": "engine-address", "ssh://me:hunter2@[::1": "engine-address",
		"ssh://me:hunter2@host:port": "engine-address", "me:hunter2@engine.example.com": "engine-address", "ssh://me:hunter2%zz@host": "engine-address",
		"me/hunter2@engine.example.com": "engine-address", "tcp://me:hunter2/@127.0.0.1:2375": "engine-address",
	} {
		err := Endpoint{Host: host, Source: "DOCKER_HOST"}.Local()
		h, _ := hint.Of(err)
		if (err == nil) != (want == "") || h.ID != want || errors.Is(err, ErrRemote) != (want == "engine-remote") {
			t.Errorf("%q: hint %q, %v; want %q", host, h.ID, err, want)
			continue
		}
		if err == nil {
			continue
		}
		if s := err.Error(); strings.Contains(s, "hunter2") || strings.Contains(s, "\x1b") || !strings.Contains(s, "DOCKER_HOST") {
			t.Errorf("%q: %q", host, s)
		}
	}
}

// TestAddress: a password is not shown, also where it was put into what is no
// address.
func TestAddress(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///var/run/docker.sock": "unix:///var/run/docker.sock", "npipe:////./pipe/docker_engine": "npipe:////./pipe/docker_engine",
		"unix:///run/me@home/docker.sock": "unix:///run/me@home/docker.sock", "tcp://127.0.0.1:2375": "tcp://127.0.0.1:2375",
		"tcp://me:hunter2@127.0.0.1:2375": "tcp://127.0.0.1:2375", "ssh://me@engine.example.com:22": "ssh://engine.example.com:22",
		"SSH://me:hunter2@engine.example.com": "SSH://engine.example.com", "ssh://me:hunter@2@host": "ssh://host", "ssh://me:hunter2@[::1": "ssh://[::1",
		"ssh://hunter2://@host": "ssh://host", "ssh://me:22/hunter2@host": "ssh://host", "ssh://me:\nhunter2@host": "ssh://host", "me:hunter2@host": "host",
		"hunter2@ssh://host": "ssh://host", "unix://me:hunter2@host/x.sock": "unix://host/x.sock", "tcp://127.0.0.1\x1b[2J": "tcp://127.0.0.1·[2J",
		"tcp://" + strings.Repeat("a", 100): "tcp://" + strings.Repeat("a", 93) + "…",
	} {
		if got := (Endpoint{Host: host}).Address(); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

// FuzzParseContext: whatever a description names, it is refused or on this host, and
// fit to be shown.
func FuzzParseContext(f *testing.F) {
	f.Add([]byte(desktop))
	for _, host := range []string{"tcp://127.0.0.1:2375", "ssh://me:hunter2@host", "tcp://[::ffff:127.0.0.1]:1", "unix:x", "npipe:////./pipe/x", "http://127.1", "\x1b[2J@"} {
		f.Add(described(f, host))
	}
	f.Add([]byte(`{"endpoints":{"docker":{"host":"x","Host":""}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		host, err := parseContext(b)
		if err != nil {
			if host != "" {
				t.Fatalf("%q: %q and %v", b, host, err)
			}
			return
		}
		if again, err := parseContext(described(t, host)); host == "" || err != nil || again != host {
			t.Fatalf("%q names %q, which becomes %q, %v", b, host, again, err)
		}
		e := Endpoint{Host: host, Source: "context x"}
		socket := strings.HasPrefix(host, "unix:///") || strings.HasPrefix(host, "npipe:///")
		if shown := e.Address(); utf8.RuneCountInString(shown) > 100 || !socket && strings.Contains(shown, "@") {
			t.Fatalf("%q is shown as %q", host, shown)
		}
		if e.Local() != nil {
			return
		}
		u, err := url.Parse(host)
		if err != nil {
			t.Fatalf("%q is here: %v", host, err)
		}
		if a, err := netip.ParseAddr(u.Hostname()); u.Scheme != "unix" && u.Scheme != "npipe" && (err != nil || !a.Unmap().IsLoopback()) {
			t.Fatalf("%q is here", host)
		}
	})
}

// described is a context that names host.
func described(t testing.TB, host string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"Name": "x", "Endpoints": map[string]any{"docker": map[string]any{"Host": host}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
