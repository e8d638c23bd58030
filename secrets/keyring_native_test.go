//go:build windows || darwin

package secrets

import (
	"crypto/rand"
	"errors"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// TestNativeKeyring runs against the keyring of this account: Windows' Credential
// Manager or the macOS keychain. It is asked for by hand and by the workflow of CI, by
// CLAWSETUP_TEST_KEYRING=1, because the keyring is the developer's own.
func TestNativeKeyring(t *testing.T) {
	parttest.Need(t, "CLAWSETUP_TEST_KEYRING")
	k := NewKeyring("test-" + rand.Text())
	t.Run("contract", func(t *testing.T) { storeContract(t, k) })
	t.Run("reachable and proved", func(t *testing.T) {
		if err := errors.Join(k.Reachable(t.Context()), k.Probe(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Run("the largest value", func(t *testing.T) {
		want := make([]byte, maxKeyringValue)
		for i := range want {
			want[i] = byte('a' + i%26)
		}
		if err := k.Set(t.Context(), APIKey, New(want)); err != nil {
			t.Fatal(err)
		}
		if s, err := k.Get(t.Context(), APIKey); err != nil || !s.Equal(New(want)) {
			t.Errorf("%v", err)
		}
		if err := k.Delete(t.Context(), APIKey); err != nil {
			t.Error(err)
		}
	})
	t.Run("two scopes", func(t *testing.T) {
		other := NewKeyring(k.scope + "-b")
		if err := k.Set(t.Context(), ProxyToken, New([]byte("ours"))); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Get(t.Context(), ProxyToken); !errors.Is(err, ErrNotFound) {
			t.Errorf("another scope sees it: %v", err)
		}
		if err := errors.Join(other.Delete(t.Context(), ProxyToken), k.Delete(t.Context(), ProxyToken)); err != nil {
			t.Error(err)
		}
		if _, err := k.Get(t.Context(), ProxyToken); !errors.Is(err, ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	})
}
