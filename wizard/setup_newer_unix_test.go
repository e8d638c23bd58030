//go:build unix

package wizard_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
)

// TestNewerRunUnfinished: what a newer program left unfinished is neither undone nor
// finished by an older one.
func TestNewerRunUnfinished(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	must(t, os.MkdirAll(h.path("openclaw/clawsetup/claude/projects/-srv"), 0o700))
	for n := range 5 {
		must(t, os.WriteFile(h.path(fmt.Sprintf("openclaw/clawsetup/claude/projects/-srv/%08d-1111-4222-8333-444444444444.jsonl", n)), []byte("x"), 0o600))
	}
	h.clock = time.Now().Add(time.Hour)
	if h.interrupt(7) {
		t.Fatal("it was not interrupted")
	}
	must(t, os.WriteFile(h.Paths.SetupFile(), []byte("version: 99\n"), 0o600))
	before := h.tree()
	if _, err := h.Recover(context.Background()); !errors.Is(err, wizard.ErrNewerSetup) {
		t.Errorf("recovering: %v", err)
	}
	same(t, before, h.tree())
}
