package secrets

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// TestSecretService runs against a real Secret Service: a session bus of its own
// with an unlocked gnome-keyring, as .ci starts it.
func TestSecretService(t *testing.T) {
	parttest.Need(t, "CLAWSETUP_TEST_SECRET_SERVICE")
	scope := "test-" + rand.Text()
	k := NewKeyring(scope)
	t.Run("contract", func(t *testing.T) { storeContract(t, k) })
	t.Run("reachable and proved", func(t *testing.T) { testProof(t, k) })
	t.Run("two scopes", func(t *testing.T) { testScopes(t, k) })
	t.Run("socket only", func(t *testing.T) {
		dir := t.TempDir()
		path := strings.TrimPrefix(strings.Split(os.Getenv(busVariable), ",")[0], "unix:path=")
		if err := os.Symlink(path, filepath.Join(dir, "bus")); err != nil {
			t.Fatal(err)
		}
		child(t, "proved", nil, busVariable+"=", "XDG_RUNTIME_DIR="+dir)
	})
	t.Run("a bus without a Secret Service", func(t *testing.T) { child(t, "unavailable", emptyBus(t)) })
	t.Run("a bus that is gone", func(t *testing.T) {
		child(t, "unavailable", nil, busVariable+"=unix:path="+filepath.Join(t.TempDir(), "gone"))
	})
	// These lock the keyring, which other tests may be using: each has its own.
	t.Run("locked, prompt fails", func(t *testing.T) { ownSession(t, "prompt fails") })
	t.Run("locked, nobody answers", func(t *testing.T) { ownSession(t, "nobody answers") })
}

func testProof(t *testing.T, k *Keyring) {
	before := itemCount(t, k.scope)
	if err := k.Reachable(t.Context()); err != nil {
		t.Errorf("Reachable: %v", err)
	}
	if err := k.Probe(t.Context()); err != nil {
		t.Errorf("Probe: %v", err)
	}
	if after := itemCount(t, k.scope); after != before {
		t.Errorf("items: %d before, %d after", before, after)
	}
}

func testScopes(t *testing.T, a *Keyring) {
	b := NewKeyring(a.scope + "-b")
	if err := a.Set(t.Context(), ProxyToken, New([]byte("of a"))); err != nil {
		t.Fatal(err)
	}
	if got := itemCount(t, a.scope); got != 1 {
		t.Errorf("the count sees %d items", got)
	}
	if _, err := b.Get(t.Context(), ProxyToken); !errors.Is(err, ErrNotFound) {
		t.Errorf("b sees the item of a: %v", err)
	}
	if err := b.Delete(t.Context(), ProxyToken); err != nil {
		t.Error(err)
	}
	if s, err := a.Get(t.Context(), ProxyToken); err != nil || !s.Equal(New([]byte("of a"))) {
		t.Errorf("the item of a after b deleted its own: %v", err)
	}
	if err := a.Delete(t.Context(), ProxyToken); err != nil {
		t.Error(err)
	}
}

// testPromptFails: without a display the prompter of gnome-keyring ends at once,
// which counts as a dismissed prompt.
func testPromptFails(t *testing.T, k *Keyring) {
	lock(t)
	start := time.Now()
	want := ErrLocked
	if os.Getenv("DISPLAY")+os.Getenv("WAYLAND_DISPLAY") != "" {
		want = ErrTimeout // there the prompt really shows
	}
	if err := k.Reachable(t.Context()); !errors.Is(err, want) {
		t.Errorf("Reachable: %v, want %v", err, want)
	}
	if took := time.Since(start); took > glance+time.Second {
		t.Errorf("took %v", took)
	}
}

// silentPrompter takes the prompts of gnome-keyring and never answers.
type silentPrompter struct{ asked chan struct{} }

func (p silentPrompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	select {
	case p.asked <- struct{}{}:
	default:
	}
	return nil
}

func testNobodyAnswers(t *testing.T, k *Keyring) {
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	p := silentPrompter{make(chan struct{}, 1)}
	if err := conn.Export(p, "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"); err != nil {
		t.Fatal(err)
	}
	reply, err := conn.RequestName("org.gnome.keyring.SystemPrompter", dbus.NameFlagReplaceExisting)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("taking the prompter's name: %v %v", reply, err)
	}
	lock(t)
	k.glance, k.patience = time.Second, time.Second
	for _, tt := range []struct {
		name      string
		call      func(context.Context, *Keyring) error
		unsettled bool
	}{{"Reachable", reach, false}, {"Get", getAPIKey, false}, {"Set", setAPIKey, true}, {"Probe", probeIt, true}} {
		start := time.Now()
		err := tt.call(t.Context(), k)
		if !errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnsettled) != tt.unsettled {
			t.Errorf("%s: %v", tt.name, err)
		}
		if took := time.Since(start); took < time.Second || took > 3*time.Second {
			t.Errorf("%s took %v", tt.name, took)
		}
	}
	select {
	case <-p.asked:
	default:
		t.Error("nobody was asked: this was another failure")
	}
}

// child runs TestChild in its own process, since godbus keeps one connection for
// all of a process; under is a command to run it with.
func child(t *testing.T, mode string, under []string, env ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := slices.Concat(under, []string{self, "-test.run=^TestChild$", "-test.v"})
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), append(env, "CLAWSETUP_TEST_CHILD="+mode)...)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "child ran "+mode) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestChild is the part of TestSecretService that runs in processes of its own.
func TestChild(t *testing.T) {
	mode := os.Getenv("CLAWSETUP_TEST_CHILD")
	if mode == "" {
		return // TestSecretService starts it
	}
	defer t.Log("child ran " + mode)
	k := NewKeyring("test-" + rand.Text())
	switch mode {
	case "prompt fails":
		testPromptFails(t, k)
	case "nobody answers":
		testNobodyAnswers(t, k)
	default:
		testOutcome(t, mode, k)
	}
}

func testOutcome(t *testing.T, mode string, k *Keyring) {
	t.Helper()
	start := time.Now()
	type outcome struct{ probe, get error }
	want := map[string]outcome{"proved": {nil, ErrNotFound}, "unavailable": {ErrUnavailable, ErrUnavailable}}[mode]
	for what, got := range map[string]outcome{
		"Reachable": {k.Reachable(t.Context()), getAPIKey(t.Context(), k)},
		"Probe":     {k.Probe(t.Context()), getAPIKey(t.Context(), k)},
	} {
		if !errors.Is(got.probe, want.probe) || !errors.Is(got.get, want.get) {
			t.Errorf("%s: %v, want %v; Get: %v, want %v", what, got.probe, want.probe, got.get, want.get)
		}
	}
	if took := time.Since(start); took > 2*glance {
		t.Errorf("took %v", took)
	}
}

// ownSession runs TestChild on a bus and with an unlocked gnome-keyring of its own.
// Both end with it: the bus with its command, the keyring with the bus.
func ownSession(t *testing.T, mode string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ss") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	const start = `printf %s pw | gnome-keyring-daemon --daemonize --unlock --components=secrets >/dev/null 2>&1; exec "$@"`
	child(t, mode, []string{"dbus-run-session", "--", "sh", "-c", start, "sh"}, "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
}

// emptyBus is the command that runs another on a bus on which nobody can offer
// anything.
func emptyBus(t *testing.T) []string {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "bus.conf")
	content := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"dbus-run-session", "--config-file=" + conf, "--"}
}

func secretService(t *testing.T) (*dbus.Conn, dbus.BusObject) {
	t.Helper()
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
}

// lock locks the default collection.
func lock(t *testing.T) {
	t.Helper()
	_, svc := secretService(t)
	var collection, prompt dbus.ObjectPath
	var locked []dbus.ObjectPath
	if err := svc.Call("org.freedesktop.Secret.Service.ReadAlias", 0, "default").Store(&collection); err != nil {
		t.Fatal(err)
	}
	if err := svc.Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{collection}).Store(&locked, &prompt); err != nil {
		t.Fatal(err)
	}
	if len(locked) != 1 {
		t.Fatalf("locking %s gave %v", collection, locked)
	}
}

// itemCount counts the items of one scope.
func itemCount(t *testing.T, scope string) int {
	t.Helper()
	conn, svc := secretService(t)
	var unlocked, locked []dbus.ObjectPath
	err := svc.Call("org.freedesktop.Secret.Service.SearchItems", 0, map[string]string{"service": service}).Store(&unlocked, &locked)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range slices.Concat(unlocked, locked) {
		var attributes map[string]string
		err := conn.Object("org.freedesktop.secrets", path).StoreProperty("org.freedesktop.Secret.Item.Attributes", &attributes)
		if err == nil && strings.HasPrefix(attributes["username"], scope+"/") { // an error: it went away meanwhile
			n++
		}
	}
	return n
}
