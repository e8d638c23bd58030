package secrets

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeyringStore(t *testing.T) {
	m := &memory{}
	k := testKeyring(t, "0123456789abcdef", m)
	if k.Kind() != KindKeyring {
		t.Errorf("kind %s", k.Kind())
	}
	storeContract(t, k)
	if m.len() != 0 {
		t.Errorf("left behind: %d items", m.len())
	}
}

func TestKeyringItems(t *testing.T) {
	m := &memory{}
	a, b := testKeyring(t, "a", m), testKeyring(t, "b", m)
	ctx := context.Background()
	if err := a.Set(ctx, APIKey, New([]byte("of a"))); err != nil {
		t.Fatal(err)
	}
	if _, err := m.get("a/cloudru_api_key"); err != nil {
		t.Errorf("the item has another name: %v", err)
	}
	if _, err := b.Get(ctx, APIKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("b sees the item of a: %v", err)
	}
	if err := b.Delete(ctx, APIKey); err != nil || m.len() != 1 {
		t.Errorf("b deleted the item of a: %v", err)
	}
}

func TestKeyringValues(t *testing.T) {
	ctx := context.Background()
	m := &memory{}
	k := testKeyring(t, "s", m)
	if err := k.Set(ctx, APIKey, New([]byte(strings.Repeat("a", 2049)))); !errors.Is(err, ErrTooLarge) || m.len() != 0 {
		t.Errorf("2049 bytes: %v", err)
	}
	_ = m.set("s/"+APIKey, strings.Repeat("a", 2049))
	if _, err := k.Get(ctx, APIKey); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a foreign value of 2049 bytes: %v", err)
	}
	_ = m.set("s/"+APIKey, "")
	if _, err := k.Get(ctx, APIKey); !errors.Is(err, ErrNotFound) {
		t.Errorf("an empty item: %v", err)
	}
	forgetful := testKeyring(t, "s", &hooked{onSet: func(string, string) error { return nil }})
	if err := forgetful.Set(ctx, APIKey, New([]byte("v"))); !errors.Is(err, ErrNotFound) {
		t.Errorf("a keyring that forgets: %v", err)
	}
	other := testKeyring(t, "s", &hooked{onGet: func(string) (string, error) { return "other", nil }})
	if err := other.Set(ctx, APIKey, New([]byte("v"))); !errors.Is(err, errChanged) {
		t.Errorf("a keyring that gives back another value: %v", err)
	}
}

// The time in a synctest bubble passes only when all in it wait, and exactly.
func TestLockedKeyringEndsInTime(t *testing.T) {
	for _, tt := range []struct {
		name      string
		call      func(context.Context, *Keyring) error
		ctx       time.Duration // 0 = none
		want      time.Duration
		unsettled bool
	}{
		{"Get", getAPIKey, 0, patience, false},
		{"Set", setAPIKey, 0, patience, true},
		{"Delete", deleteAPIKey, 0, patience, true},
		{"Probe", probeIt, 0, patience, true},
		{"Reachable", reach, 0, glance, false},
		{"Get of a short context", getAPIKey, time.Second, time.Second, false},
		{"Set of a short context", setAPIKey, time.Second, time.Second, true},
		{"Reachable of a short context", reach, time.Second, time.Second, false},
		{"Reachable of a long context", reach, time.Hour, glance, false},
		{"Get of a long context", getAPIKey, time.Hour, patience, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &locked{unlocked: make(chan struct{})}
				defer close(l.unlocked)
				ctx := context.Background()
				if tt.ctx > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.ctx)
					defer cancel()
				}
				start := time.Now()
				err := tt.call(ctx, testKeyring(t, "s", l))
				if took := time.Since(start); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
				if !errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnsettled) != tt.unsettled || !strings.HasPrefix(err.Error(), "keyring: ") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func getAPIKey(ctx context.Context, k *Keyring) error { _, err := k.Get(ctx, APIKey); return err }
func setAPIKey(ctx context.Context, k *Keyring) error {
	return k.Set(ctx, APIKey, New([]byte("v")))
}
func deleteAPIKey(ctx context.Context, k *Keyring) error { return k.Delete(ctx, APIKey) }
func probeIt(ctx context.Context, k *Keyring) error      { return k.Probe(ctx) }
func reach(ctx context.Context, k *Keyring) error        { return k.Reachable(ctx) }

func TestCancelledWhileLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &locked{unlocked: make(chan struct{})}
		k := testKeyring(t, "s", l)
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- setAPIKey(ctx, k) }()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnsettled) || errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
		close(l.unlocked)
		synctest.Wait()
		if l.len() != 1 {
			t.Error("the error said that the change may still take effect, and it could not")
		}
	})
}

// A set that was given up must not undo what came after it.
func TestLateSetComesBeforeLaterOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &locked{unlocked: make(chan struct{})}
		k := testKeyring(t, "s", l)
		ctx := context.Background()
		if err := k.Set(ctx, APIKey, New([]byte("first"))); !errors.Is(err, ErrUnsettled) {
			t.Fatalf("first: %v", err)
		}
		err := k.Set(ctx, APIKey, New([]byte("refused")))
		if !errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnsettled) {
			t.Errorf("a set behind one that has not ended was never begun: %v", err)
		}
		ended := make(chan error)
		go func() { ended <- k.Set(ctx, APIKey, New([]byte("last"))) }()
		synctest.Wait()
		close(l.unlocked)
		if err := <-ended; err != nil {
			t.Errorf("last: %v", err)
		}
		if v, err := l.get("s/" + APIKey); err != nil || v != "last" {
			t.Errorf("the keyring holds %q (%v)", v, err)
		}
	})
}

func TestOtherItemsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		h := &hooked{}
		h.onSet = func(user, value string) error {
			if user == "s/"+APIKey {
				<-release
			}
			return h.memory.set(user, value)
		}
		k := testKeyring(t, "s", h)
		if err := setAPIKey(context.Background(), k); !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		start := time.Now()
		if err := k.Set(context.Background(), ProxyToken, New([]byte("v"))); err != nil || time.Since(start) != 0 {
			t.Errorf("another item: %v after %v", err, time.Since(start))
		}
	})
}

func TestProbe(t *testing.T) {
	m := &hooked{}
	seen := map[string]bool{}
	m.onSet = func(user, value string) error {
		seen[user] = true
		seen[value] = true
		return m.memory.set(user, value)
	}
	k := testKeyring(t, "s", m)
	for range 2 {
		if err := k.Probe(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 4 || m.len() != 0 {
		t.Errorf("names and values of two probes: %d different; items left: %d", len(seen), m.len())
	}
	if err := k.Reachable(context.Background()); err != nil || len(seen) != 4 {
		t.Errorf("Reachable: %v; it must not write", err)
	}
}

func TestFailedProbesAreTakenBack(t *testing.T) {
	refused := errors.New("refused")
	removeFails := &hooked{}
	removeFails.onRemove = func(string) error { return refused }
	keeps := &hooked{}
	keeps.onRemove = func(string) error { return nil }
	changes := &hooked{onGet: func(string) (string, error) { return "other", nil }}
	for _, tt := range []struct {
		name string
		h    *hooked
		left int
		says string
	}{
		{"gives back another value", changes, 0, errChanged.Error()},
		{"does not delete", removeFails, 1, "may be left in the keyring"},
		{"only says that it deleted", keeps, 1, "is still there"},
	} {
		err := testKeyring(t, "s", tt.h).Probe(context.Background())
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.name, err)
		}
		if tt.h.len() != tt.left {
			t.Errorf("%s: %d items left", tt.name, tt.h.len())
		}
	}
}

// A probe whose prompt is answered after the deadline still leaves nothing.
func TestLateProbeIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &locked{unlocked: make(chan struct{})}
		sets := 0
		h := &hooked{}
		h.onSet = func(user, value string) error {
			<-l.unlocked
			sets++
			return h.memory.set(user, value)
		}
		if err := testKeyring(t, "s", h).Probe(context.Background()); !errors.Is(err, ErrUnsettled) {
			t.Fatalf("got %v", err)
		}
		close(l.unlocked)
		synctest.Wait()
		if sets != 1 || h.len() != 0 {
			t.Errorf("%d sets came through, %d items left", sets, h.len())
		}
	})
}

func TestBackendErrors(t *testing.T) {
	ctx := context.Background()
	foreign := errors.New("bad\x1b[31m\nvalue " + canary + strings.Repeat("x", 1000))
	k := testKeyring(t, "s", brokenBackend{foreign})
	err := k.Set(ctx, APIKey, New([]byte(canary)))
	if err == nil || leaks(err.Error()) || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 300 {
		t.Errorf("the keyring's text is shown raw: %q", err)
	}
	if !strings.HasPrefix(err.Error(), "keyring: storing cloudru_api_key: bad·[31m·value [secret]x") {
		t.Errorf("got %v", err)
	}
	for what, err := range map[string]error{"Get": getAPIKey(ctx, k), "Delete": deleteAPIKey(ctx, k), "Reachable": k.Reachable(ctx), "Probe": k.Probe(ctx)} {
		if err == nil || !strings.HasPrefix(err.Error(), "keyring: ") || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %q", what, err)
		}
	}
	for _, want := range []error{ErrUnavailable, ErrLocked} {
		k := testKeyring(t, "s", brokenBackend{want})
		for what, err := range map[string]error{"Get": getAPIKey(ctx, k), "Set": setAPIKey(ctx, k), "Reachable": k.Reachable(ctx), "Probe": k.Probe(ctx)} {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

func TestPanicOfTheBackendIsAnError(t *testing.T) {
	k := testKeyring(t, "s", &hooked{
		onGet: func(string) (string, error) { var p *int; return string(rune(*p)), nil },
		onSet: func(_, value string) error { panic("cannot take " + value) },
	})
	if err := getAPIKey(context.Background(), k); err == nil || !strings.Contains(err.Error(), "unexpected answer") {
		t.Errorf("Get: %v", err)
	}
	err := k.Set(context.Background(), APIKey, New([]byte(canary)))
	if err == nil || leaks(err.Error()) {
		t.Error("Set: no error, or one with the value")
	}
	if err := k.Delete(context.Background(), APIKey); err != nil {
		t.Errorf("the panic kept the item's turn: %v", err)
	}
}
