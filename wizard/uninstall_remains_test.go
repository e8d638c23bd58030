package wizard_test

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// TestDamagedRemains: when the list of what an uninstall had still to delete is damaged, the
// hint leads out, wherever the uninstall had stopped: without the list, a set-up made anew in
// the same store and taken back leaves nothing of either.
func TestDamagedRemains(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		stops := 0
		for step := 0; ; step += 6 {
			h := newHost(t)
			h.write("openclaw/openclaw.json", "// mine\n{ \"channels\": {} }\n")
			before := h.tree()
			h.mustInit(map[string]string{"store": store})
			file := filepath.Join(h.Paths.State, "uninstalling")
			if !h.uninstallTo(file, step) {
				break
			}
			stops++
			must(t, os.WriteFile(file, []byte(`{"stores":[{"ki`), 0o600))
			tree := h.tree()
			for name, start := range map[string]func() error{
				"uninstall": func() error {
					_, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
					return err
				},
				"init": func() error { _, err := h.NewInit(context.Background(), h.given(nil)); return err },
			} {
				err := start()
				if got, _ := hint.Of(err); !reflect.DeepEqual(got, hint.Hint{ID: "uninstall-list", Args: []any{file}}) {
					t.Fatalf("%s, step %d: %v, hint %v", name, step, err, got)
				}
			}
			same(t, tree, h.tree())
			must(t, os.Remove(file))
			given := h.given(map[string]string{"store": store})
			given.NewJournal = true
			anew, err := h.NewInit(context.Background(), given)
			must(t, err)
			_, _, err = finish(t, anew)
			must(t, err)
			h.verify()
			s, _ := h.uninstall(wizard.UninstallOptions{})
			same(t, before, h.tree())
			if len(h.keyring.items) > 0 || len(s.Found()) > 0 {
				t.Errorf("%s, step %d: in the keyring %v, found %v", store, step, h.keyring.items, s.Found())
			}
		}
		if stops < 4 {
			t.Errorf("%s: stopped at %d steps only", store, stops)
		}
	}
}

// uninstallTo uninstalls until the disk refuses everything, that many steps after file is
// there; false when it came to its end before.
func (h *host) uninstallTo(file string, step int) bool {
	h.t.Helper()
	defer func() { h.Wizard = h.wizard(&files.Disk{}) }()
	h.Wizard = h.wizard(&files.Disk{Before: func(files.Op) error {
		if _, err := os.Lstat(file); err != nil {
			return nil //nolint:nilerr // it is not there yet
		}
		if step--; step < 0 {
			return syscall.ENOSPC
		}
		return nil
	}})
	s, err := h.NewUninstall(context.Background(), wizard.UninstallOptions{})
	must(h.t, err)
	_, _, err = finish(h.t, s)
	return err != nil
}
