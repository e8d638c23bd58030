package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// runUser is where systemd keeps the folders that XDG_RUNTIME_DIR names.
var runUser = "/run/user"

var busMutex sync.Mutex

// prepare makes sure that there is a session bus to reach. Without one godbus
// v5.2.2 would run dbus-launch, which fails or leaves a bus of its own behind that
// nobody ends.
//
// A bus whose socket alone is known is handed to godbus in this process's own
// DBUS_SESSION_BUS_ADDRESS, as it knows no other way; child processes
// inherit it. This is the only place that changes the environment.
func prepare() error {
	busMutex.Lock()
	defer busMutex.Unlock()
	address, err := findBus(os.Getenv)
	if err != nil {
		return err
	}
	if os.Getenv(busVariable) == address {
		return nil
	}
	if err := os.Setenv(busVariable, address); err != nil {
		return fmt.Errorf("%w: setting %s: %w", ErrUnavailable, busVariable, err)
	}
	return nil
}

// findBus returns the address of the session bus, which must be a Unix socket: values
// go over D-Bus unencrypted.
func findBus(getenv func(string) string) (string, error) {
	address := getenv(busVariable)
	if address != "" && !strings.HasPrefix(address, "autolaunch:") {
		for a := range strings.SplitSeq(address, ";") {
			if !strings.HasPrefix(a, "unix:") {
				return "", fmt.Errorf("%w: %s names something else than a Unix socket", ErrUnavailable, busVariable)
			}
		}
		return address, nil
	}
	folders := []string{getenv("XDG_RUNTIME_DIR"), filepath.Join(runUser, strconv.Itoa(os.Getuid()))}
	for _, dir := range folders {
		if path := filepath.Join(dir, "bus"); filepath.IsAbs(path) && ownSocket(path) {
			return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
		}
	}
	return "", fmt.Errorf("%w: there is no D-Bus session (%s is not set and no bus socket was found)", ErrUnavailable, busVariable)
}

// ownSocket refuses a socket of another user, who could be waiting there for secrets.
func ownSocket(path string) bool {
	st, err := os.Stat(path)
	if err != nil || st.Mode()&fs.ModeSocket == 0 {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Getuid()
}

// classify names the kind of an error of go-keyring, nil if it is none of ours.
// The names are those of the D-Bus and the Secret Service specifications.
func classify(err error) error {
	var network *net.OpError
	if errors.As(err, &network) || errors.Is(err, dbus.ErrClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, keyring.ErrUnsupportedPlatform) {
		return ErrUnavailable
	}
	// secret_service.Unlock of go-keyring v0.2.8 has no other sign for a dismissed
	// prompt and for a keyring that has no default collection.
	if strings.HasPrefix(err.Error(), "failed to unlock correct collection") {
		return ErrLocked
	}
	var answer dbus.Error
	if !errors.As(err, &answer) {
		return nil
	}
	switch name := answer.Name; {
	case name == "org.freedesktop.Secret.Error.IsLocked":
		return ErrLocked
	case name == "org.freedesktop.DBus.Error.NoReply", name == "org.freedesktop.DBus.Error.Timeout", name == "org.freedesktop.DBus.Error.TimedOut":
		return ErrTimeout
	case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner",
		name == "org.freedesktop.DBus.Error.AccessDenied", name == "org.freedesktop.DBus.Error.Disconnected",
		strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn."):
		return ErrUnavailable
	}
	return nil
}
