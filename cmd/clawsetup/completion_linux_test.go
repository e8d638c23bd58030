package main

import (
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/adrg/xdg"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// TestCompletionAsksNoKeyring: whoever presses the tabulator sees records, and no prompt of
// a keyring, whichever store the journal's keys are in.
func TestCompletionAsksNoKeyring(t *testing.T) {
	t.Cleanup(xdg.Reload) // after the variables are what they were
	home := t.TempDir()
	bus := filepath.Join(home, "bus")
	listener, err := net.Listen("unix", bus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var asked atomic.Int32
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			_ = c.Close()
		}
	}()
	for name, value := range map[string]string{"XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home, "DBUS_SESSION_BUS_ADDRESS": "unix:path=" + bus} {
		t.Setenv(name, value)
	}
	xdg.Reload()
	for _, kind := range []secrets.Kind{secrets.KindKeyring, secrets.KindDocker} {
		keys, err := journal.NewKeys()
		if err != nil {
			t.Fatal(err)
		}
		state := filepath.Join(home, string(kind))
		t.Setenv("XDG_STATE_HOME", state)
		xdg.Reload()
		g := journal.Genesis{Store: string(kind), Detail: map[string]string{"dir": wizard.DefaultPaths().Config}}
		if _, err := journal.Create(t.Context(), &files.Disk{}, wizard.DefaultPaths().State, keys, nil, g); err != nil {
			t.Fatal(err)
		}
		a := newApp()
		a.disk = &files.Disk{}
		c := testRoot()
		c.SetContext(t.Context())
		if offered, _ := a.completeRecord(c, nil, ""); len(offered) != 1 {
			t.Errorf("%s: %q is offered", kind, offered)
		}
		if offered, _ := a.completeRecord(c, []string{"1"}, ""); len(offered) != 0 {
			t.Errorf("%s: %q is offered after the number", kind, offered)
		}
		if n := asked.Load(); n != 0 {
			t.Errorf("%s: the keyring was asked %d times", kind, n)
		}
	}
}
