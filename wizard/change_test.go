package wizard_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

func (h *host) rotate(key string, token bool) (*wizard.Plan, wizard.Result, error) {
	h.t.Helper()
	s, err := h.NewRotate(context.Background(), wizard.RotateOptions{APIKey: key != "", Token: token, Key: secrets.New([]byte(key))})
	must(h.t, err)
	return finish(h.t, s)
}

func TestRotate(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		t.Run(store, func(t *testing.T) {
			h := newHost(t)
			h.mustInit(map[string]string{"store": store})
			st, err := h.StoreOf("")
			must(t, err)
			oldToken, err := st.Get(context.Background(), secrets.ProxyToken)
			must(t, err)
			h.clock = h.clock.AddDate(0, 0, 100)
			s, err := h.NewRotate(context.Background(), wizard.RotateOptions{APIKey: true, Token: true, Key: secrets.New([]byte(secondKey))})
			must(t, err)
			if notes := sprint(s.Preflight(context.Background())); !strings.Contains(notes, "key-old") || !strings.Contains(notes, "100") {
				t.Fatalf("no warning about a key of 100 days: %s", notes)
			}
			_, r, err := finish(t, s)
			must(t, err)
			if len(r.Records) != 2 {
				t.Fatalf("records %v", r.Records)
			}
			key, err := st.Get(context.Background(), secrets.APIKey)
			must(t, err)
			token, err := st.Get(context.Background(), secrets.ProxyToken)
			must(t, err)
			if string(key.Expose()) != secondKey || token.Equal(oldToken) || token.IsZero() {
				t.Fatal("not rotated")
			}
			for name, content := range h.tree() {
				if strings.Contains(content, firstKey) || strings.Contains(content, string(oldToken.Expose())) {
					t.Errorf("%s still holds an old secret", name)
				}
			}
			for name, v := range h.keyring.items {
				if v == firstKey || v == string(oldToken.Expose()) {
					t.Errorf("the keyring still holds an old secret as %s", name)
				}
			}
			if setup, err := h.LoadSetup(h.Paths.SetupFile()); err != nil || setup.Key.Added != "2027-03-02" {
				t.Fatalf("the key's date: %+v %v", setup.Key, err)
			}
			h.verify()
		})
	}
}

// TestRefusedKeyChangesNothing: no byte, no record.
func TestRefusedKeyChangesNothing(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	before := h.tree()
	for key, want := range map[string]error{"wrong-key-wrong-key": nil, firstKey: wizard.ErrSameKey} {
		_, _, err := h.rotate(key, true)
		var refused *cloudru.Error
		if want == nil && (!errors.As(err, &refused) || refused.Kind != cloudru.WrongKey) {
			t.Fatalf("%v", err)
		}
		if want != nil && !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		if strings.Contains(err.Error(), key) {
			t.Fatal("the error shows the key")
		}
		same(t, before, h.tree())
	}
}

// TestFullDisk: whichever step fails, everything is put back and the journal says
// so; with space again, the same command succeeds.
func TestFullDisk(t *testing.T) {
	for _, step := range []int{0, 1, 5, 12, 20, 40, 60} {
		h := newHost(t)
		h.mustInit(nil)
		before := h.tree()
		n := 0
		h.Wizard = h.wizard(&files.Disk{Before: func(op files.Op) error {
			if n++; n == step+1 && op.Kind != "remove" {
				return syscall.ENOSPC
			}
			return nil
		}})
		_, _, err := h.init(map[string]string{"preset": "economy", "openclaw-mode": "builtin"})
		if err == nil {
			if n <= step {
				continue // the run has fewer steps
			}
			continue // the failing step was one that may fail, such as a removal
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("step %d: %v", step, err)
		}
		for name, v := range h.tree() {
			if strings.HasPrefix(name, "state/") || strings.HasSuffix(name, "journal_head") {
				continue
			}
			if before[name] != v {
				t.Errorf("step %d: %s changed", step, name)
			}
		}
		h.Wizard = h.wizard(&files.Disk{})
		h.mustInit(map[string]string{"preset": "economy", "openclaw-mode": "builtin"})
		h.verify()
	}
}

func TestRollback(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.path("openclaw"), 0o700))
	must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte("// mine\n{ \"channels\": {} }\n"), 0o600))
	_, first := h.mustInit(nil)
	want := h.tree()
	_, _, err := h.rotate(secondKey, false)
	must(t, err)
	given := h.given(map[string]string{"preset": "economy", "port": freePort(t)})
	given.Key = secrets.Secret{}
	again, err := h.NewInit(context.Background(), given)
	must(t, err)
	_, second, err := finish(t, again)
	must(t, err)
	if !second.Changed {
		t.Fatal("the second set-up is the same")
	}
	last := first.Records[len(first.Records)-1]
	s, err := h.NewRollback(context.Background(), last, false)
	must(t, err)
	_, r, err := finish(t, s)
	must(t, err)
	got := h.tree()
	for name, v := range want {
		if strings.HasPrefix(name, "state/") || strings.Contains(name, "/secrets/") || strings.HasSuffix(name, "setup.yaml") {
			continue
		}
		if got[name] != v {
			t.Errorf("%s is not what it was", name)
		}
	}
	setup, err := h.LoadSetup(h.Paths.SetupFile())
	must(t, err)
	if setup.Models.Preset != "balanced" || setup.Key.Fingerprint == "" {
		t.Errorf("setup.yaml: %+v", setup)
	}
	if key := got["config/clawsetup/secrets/cloudru_api_key"]; !strings.Contains(key, secondKey) {
		t.Error("the rollback brought an old key back")
	}
	hist, err := h.History(context.Background())
	must(t, err)
	rec, err := hist.Record(r.Records[0])
	must(t, err)
	if rec.Event != journal.ConfigRolledBack || rec.Detail["to"] == "" {
		t.Errorf("record %+v", rec)
	}
	h.verify()
}

// TestRollbackKeepsLaterEdits: what the operator changed in openclaw.json after us
// stays, our keys go back.
func TestRollbackKeepsLaterEdits(t *testing.T) {
	h := newHost(t)
	_, first := h.mustInit(nil)
	port := freePort(t)
	h.mustInit(map[string]string{"port": port})
	path := h.path("openclaw/openclaw.json")
	b, err := os.ReadFile(path)
	must(t, err)
	edited := strings.Replace(string(b), "{", "{\n  // added later\n  \"ui\": {\"seamColor\": \"#00aa00\"},", 1)
	must(t, os.WriteFile(path, []byte(edited), 0o600))
	s, err := h.NewRollback(context.Background(), first.Records[0], false)
	must(t, err)
	_, _, err = finish(t, s)
	must(t, err)
	got := h.tree()["openclaw/openclaw.json"]
	if !strings.Contains(got, "// added later") || !strings.Contains(got, "seamColor") {
		t.Error("the operator's edit is gone")
	}
	if strings.Contains(got, ":"+port) || !strings.Contains(got, ":"+h.port) {
		t.Errorf("the port was not rolled back:\n%s", got)
	}
}

func TestRollbackRefuses(t *testing.T) {
	h := newHost(t)
	if _, err := h.NewRollback(context.Background(), 1, false); !errors.Is(err, wizard.ErrNoSetup) {
		t.Fatalf("without a set-up: %v", err)
	}
	h.mustInit(nil)
	for _, seq := range []uint64{1, 2, 999} {
		if _, err := h.NewRollback(context.Background(), seq, false); !errors.Is(err, wizard.ErrNoRollback) {
			t.Errorf("record %d: %v", seq, err)
		}
	}
}

func TestSecondProcessWaits(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	d := &files.Disk{}
	lock, err := d.Acquire(context.Background(), h.Paths.LockFile(), files.Holder{PID: 4242, User: "anna", Command: "clawsetup init", Since: h.clock}, 0, nil)
	must(t, err)
	defer func() { must(t, lock.Release()) }()
	h.LockWait = 50 * time.Millisecond
	_, err = h.NewRotate(context.Background(), wizard.RotateOptions{Token: true})
	var locked *files.LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != 4242 {
		t.Fatalf("%v", err)
	}
}
