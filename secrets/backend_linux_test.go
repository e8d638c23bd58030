package secrets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// noSession takes every way to a session bus away and puts a dbus-launch in its
// place that tells when it is run.
func noSession(t *testing.T) (launched func() bool) {
	t.Helper()
	dir := t.TempDir()
	mark := filepath.Join(dir, "launched")
	script := "#!/bin/sh\n: >" + mark + "\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	t.Setenv(busVariable, "")
	old := runUser
	runUser = filepath.Join(dir, "user")
	t.Cleanup(func() { runUser = old })
	return func() bool { _, err := os.Stat(mark); return err == nil }
}

func TestNoBusIsUnavailableAtOnce(t *testing.T) {
	for _, address := range []string{"", "autolaunch:", "autolaunch:scope=*user", "tcp:host=127.0.0.1,port=1", "unix:path=/nowhere;tcp:host=127.0.0.1", "nonsense"} {
		t.Run(address, func(t *testing.T) {
			launched := noSession(t)
			t.Setenv(busVariable, address)
			k := NewKeyring("test")
			start := time.Now()
			for what, err := range map[string]error{
				"Get": getAPIKey(t.Context(), k), "Set": setAPIKey(t.Context(), k), "Delete": deleteAPIKey(t.Context(), k),
				"Reachable": k.Reachable(t.Context()), "Probe": k.Probe(t.Context()),
			} {
				if !errors.Is(err, ErrUnavailable) || !strings.HasPrefix(err.Error(), "keyring: ") {
					t.Errorf("%s: %v", what, err)
				}
			}
			if took := time.Since(start); took > glance {
				t.Errorf("took %v", took)
			}
			if launched() {
				t.Error("dbus-launch was run")
			}
			if got := os.Getenv(busVariable); got != address {
				t.Errorf("the environment was changed to %q", got)
			}
		})
	}
}

func TestFindBus(t *testing.T) {
	run, others := t.TempDir(), t.TempDir()
	old := runUser
	runUser = others
	defer func() { runUser = old }()
	for _, dir := range []string{run, filepath.Join(others, fmt.Sprint(os.Getuid()))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(dir, "bus"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
	}
	noSocket := t.TempDir()
	if err := os.WriteFile(filepath.Join(noSocket, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	user := "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(others, fmt.Sprint(os.Getuid()), "bus"))
	for _, tt := range []struct{ name, variable, run, want string }{
		{"the variable first", "unix:path=/x", run, "unix:path=/x"},
		{"abstract socket", "unix:abstract=/tmp/dbus-x,guid=1", run, "unix:abstract=/tmp/dbus-x,guid=1"},
		{"then XDG_RUNTIME_DIR", "", run, "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(run, "bus"))},
		{"autolaunch counts as nothing", "autolaunch:", run, "unix:path=" + dbus.EscapeBusAddressValue(filepath.Join(run, "bus"))},
		{"then /run/user", "", "", user},
		{"a relative folder counts as nothing", "", ".", user},
		{"a file counts as nothing", "", noSocket, user},
	} {
		got, err := findBus(func(name string) string {
			return map[string]string{busVariable: tt.variable, "XDG_RUNTIME_DIR": tt.run}[name]
		})
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

func TestSocketIsHandedToTheLibrary(t *testing.T) {
	noSession(t)
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	if got, want := os.Getenv(busVariable), "unix:path="+dbus.EscapeBusAddressValue(filepath.Join(dir, "bus")); got != want {
		t.Errorf("%s is %q, want %q", busVariable, got, want)
	}
}

func TestForeignSocketIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if !ownSocket(path) {
		t.Error("our own socket is refused")
	}
	if os.Getuid() != 0 {
		return // only root can give a socket away
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if ownSocket(path) {
		t.Error("the socket of another user is used")
	}
}

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		err, want error
	}{
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, ErrUnavailable},
		{dbus.ErrClosed, ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Spawn.ChildExited"}, ErrUnavailable},
		{fmt.Errorf("wrapped: %w", dbus.Error{Name: "org.freedesktop.DBus.Error.AccessDenied"}), ErrUnavailable},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}, ErrTimeout},
		{dbus.Error{Name: "org.freedesktop.Secret.Error.IsLocked"}, ErrLocked},
		{errors.New("failed to unlock correct collection '/org/freedesktop/secrets/aliases/default'"), ErrLocked},
		{dbus.Error{Name: "org.freedesktop.DBus.Error.Failed"}, nil},
		{errors.New("anything"), nil},
	} {
		if got := classify(tt.err); !errors.Is(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
	k := testKeyring(t, "s", brokenBackend{dbus.Error{Name: "org.freedesktop.DBus.Error.NoReply"}})
	if err := setAPIKey(t.Context(), k); !errors.Is(err, ErrTimeout) || !errors.Is(err, ErrUnsettled) {
		t.Errorf("a set without an answer may still take effect: %v", err)
	}
}
