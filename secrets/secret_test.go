package secrets

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"sync"
	"testing"
)

func TestSecretKeepsItsOwnCopy(t *testing.T) {
	in := []byte("value")
	s := New(in)
	clear(in)
	out := s.Expose()
	if string(out) != "value" {
		t.Fatalf("the secret changed with the caller's bytes: %q", out)
	}
	clear(out)
	if got := s.Expose(); string(got) != "value" {
		t.Fatalf("the secret changed with an exposed copy: %q", got)
	}
	if s.Len() != 5 || s.IsZero() {
		t.Errorf("Len %d, IsZero %v", s.Len(), s.IsZero())
	}
}

func TestZeroSecret(t *testing.T) {
	for name, s := range map[string]Secret{"declared": {}, "of nil": New(nil), "of no bytes": New([]byte{})} {
		if !s.IsZero() || s.Len() != 0 || s.Expose() != nil || !s.Equal(Secret{}) {
			t.Errorf("%s: IsZero %v, Len %d", name, s.IsZero(), s.Len())
		}
		s.Wipe()
	}
}

func TestEqual(t *testing.T) {
	a := New([]byte("value"))
	for _, tt := range []struct {
		name string
		o    Secret
		want bool
	}{
		{"itself", a, true},
		{"the same value", New([]byte("value")), true},
		{"another value", New([]byte("valuf")), false},
		{"a prefix", New([]byte("valu")), false},
		{"nothing", Secret{}, false},
	} {
		if got := a.Equal(tt.o); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if got := tt.o.Equal(a); got != tt.want {
			t.Errorf("%s, turned round: %v", tt.name, got)
		}
	}
}

func TestWipe(t *testing.T) {
	s := New([]byte("value"))
	var backing []byte
	s.use(func(v *[]byte) { backing = *v })
	twin := s
	s.Wipe()
	if !bytes.Equal(backing, make([]byte, 5)) {
		t.Errorf("the backing array holds %q", backing)
	}
	if !twin.IsZero() {
		t.Error("a copy still holds the value")
	}
	s.Wipe()
}

func TestSecretIsSafeForConcurrentUse(t *testing.T) {
	s := New([]byte("value"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if b := s.Expose(); b != nil && string(b) != "value" {
				t.Errorf("half a secret: %q", b)
			}
			s.Wipe()
		})
	}
	wg.Wait()
}

func TestFingerprint(t *testing.T) {
	key, s := New([]byte("key")), New([]byte("secret"))
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte("secret"))
	want := "fp:hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))[:16]
	if got := Fingerprint(key, s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if Fingerprint(New([]byte("yek")), s) == want || Fingerprint(key, New([]byte("tecret"))) == want {
		t.Error("the fingerprint does not depend on both")
	}
	if got := Fingerprint(key, Secret{}); got != "" {
		t.Errorf("no secret: %q", got)
	}
	if got := Fingerprint(Secret{}, s); got != "" {
		t.Errorf("no key: %q", got)
	}
}

func TestNewTokenAndKey(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func() (Secret, error)
		form string
	}{
		{"token", NewToken, `^cst_[A-Za-z0-9_-]{43}$`},
		{"key", NewKey, `^[0-9a-f]{64}$`},
	} {
		seen := map[string]bool{}
		for range 100 {
			s, err := tt.make()
			if err != nil {
				t.Fatal(err)
			}
			b := string(s.Expose())
			if !regexp.MustCompile(tt.form).MatchString(b) || seen[b] {
				t.Fatalf("%s has the wrong form or came twice (%d bytes)", tt.name, len(b))
			}
			seen[b] = true
		}
	}
}
