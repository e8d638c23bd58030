package wizard_test

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

const digest = "sha256:9f2c41aa07d39f2c41aa07d39f2c41aa07d39f2c41aa07d39f2c41aa07d39f2c"

var goodSetup = here(`version: 1
api:
  base: https://foundation-models.api.cloud.ru/v1
key:
  label: ops
  fingerprint: fp:hmac-sha256:0123456789abcdef
  added: "2026-11-22"
store: docker
models:
  preset: balanced
  big: {id: zai-org/GLM-5.1, context: 202752}
  middle: {id: zai-org/GLM-4.7, context: 202752}
  small: {id: zai-org/GLM-4.7, context: 202752}
image:
  reference: docker.io/legard/claude-code-proxy:latest
  digest: ` + digest + `
  known_good: [` + digest + `]
port: 8082
openclaw: {mode: auto, config: /home/anna/.openclaw/openclaw.json}
claude: {path: /usr/local/bin/claude}
`)

// here is the setup.yaml with paths that are absolute on this system.
func here(setup string) string {
	if runtime.GOOS != "windows" {
		return setup
	}
	return strings.NewReplacer(": /home/", ": C:/home/", ": /usr/", ": C:/usr/").Replace(setup)
}

func TestParseSetup(t *testing.T) {
	s, err := wizard.ParseSetup([]byte(goodSetup))
	must(t, err)
	b, err := s.Marshal()
	must(t, err)
	again, err := wizard.ParseSetup(b)
	must(t, err)
	if !reflect.DeepEqual(s, again) {
		t.Fatalf("not the same again: %+v", again)
	}
}

func TestParseSetupRefuses(t *testing.T) {
	replace := func(old, now string) string { return strings.Replace(goodSetup, old, now, 1) }
	for name, c := range map[string]struct{ in, want string }{
		"empty":          {"", "empty"},
		"unknown key":    {replace("port:", "prot:"), "line 18"},
		"repeated key":   {goodSetup + "port: 1\n", "line"},
		"wrong form":     {replace("port: 8082", "port: {}"), "line 18"},
		"two documents":  {goodSetup + "---\nversion: 1\n", "second"},
		"no version":     {replace("version: 1", "version: 0"), "version"},
		"newer version":  {replace("version: 1", "version: 3"), "newer"},
		"bad digest":     {replace("digest: sha256:9f", "digest: sha256:ZZ"), "digest"},
		"bad known-good": {replace("[sha256:9f", "[sha512:9f"), "entry 1"},
		"bad store":      {replace("store: docker", "store: floppy"), "neither"},
		"bad port":       {replace("8082", "99999"), "port"},
		"bad date":       {replace("2026-11-22", "yesterday"), "date"},
		"relative path":  {replace(here(": /usr/local/bin/claude"), ": bin/claude"), "absolute"},
		"escape":         {replace("label: ops", `label: "\e[2J"`), "control"},
		"huge":           {strings.Repeat("#", 300<<10), "too large"},
		"retention":      {replace("claude: {", "claude: {retention_days: 9999, "), "retention"},
		"alias bomb":     {"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nversion: 1\n", "line"},
	} {
		_, err := wizard.ParseSetup([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, err := wizard.ParseSetup([]byte("version: 7\nfuture: true\n"))
	if h, ok := hint.Of(err); !errors.Is(err, wizard.ErrNewerSetup) || !ok || h.ID != "newer-setup" {
		t.Errorf("a newer version: %v %v", err, h)
	}
}

func TestKeyAge(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		added string
		days  int
		ok    bool
	}{{"2026-11-22", 0, true}, {"2026-11-21", 1, true}, {"2026-08-24", 90, true}, {"", 0, false}, {"soon", 0, false}} {
		if d, ok := (wizard.KeySetup{Added: c.added}).Age(now); d != c.days || ok != c.ok {
			t.Errorf("%q: %d %v", c.added, d, ok)
		}
	}
}

// TestStoreOf: asking for the store of another set-up leaves the Wizard with its own.
func TestStoreOf(t *testing.T) {
	h := newHost(t)
	h.mustInit(map[string]string{"store": "keyring"})
	own, other := h.Paths, h.path("other/setup.yaml")
	b, err := os.ReadFile(own.SetupFile())
	must(t, err)
	must(t, os.MkdirAll(h.path("other"), 0o700))
	must(t, os.WriteFile(other, b, 0o600))
	for path, ours := range map[string]bool{"": true, own.SetupFile(): true, other: false} {
		st, err := h.StoreOf(path)
		must(t, err)
		if st.Kind() != secrets.KindKeyring || (st == secrets.Store(h.keyring)) != ours {
			t.Errorf("%q: %T", path, st)
		}
		if h.Paths != own {
			t.Errorf("%q moved the set-up to %s", path, h.Paths.Config)
		}
	}
	if _, err := h.StoreOf(h.path("other/else.yaml")); err == nil {
		t.Error("a file of another name was taken")
	}
}

func FuzzParseSetup(f *testing.F) {
	f.Add([]byte(goodSetup))
	f.Add([]byte("version: 1\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wizard.ParseSetup(b)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Fatalf("the error is not safe to print: %q", err)
			}
			return
		}
		out, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := wizard.ParseSetup(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if twice, err := again.Marshal(); err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("writing is not stable: %v\n%s\n%s", err, out, twice)
		}
	})
}
