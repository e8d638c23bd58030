package secrets

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const goodKey = "YjU1ZGE1.4f0c-9d2e_77ab=="

func TestParseAPIKeyAccepts(t *testing.T) {
	for name, raw := range map[string]string{
		"plain":               goodKey,
		"newline":             goodKey + "\n",
		"CRLF":                goodKey + "\r\n",
		"blanks and tabs":     " \t" + goodKey + "\t \n\n",
		"byte order mark":     "\uFEFF" + goodKey + "\n",
		"no-break blanks":     "\u00A0" + goodKey + "\u202F\u3000",
		"zero-width":          "\u200B\u2060" + goodKey + "\u200D\u200E",
		"mark behind a blank": " \uFEFF " + goodKey,
	} {
		s, err := ParseAPIKey([]byte(raw))
		if err != nil || string(s.Expose()) != goodKey {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"longest":          "ab" + strings.Repeat("c", MaxAPIKey-2),
		"quotes are kept":  `"` + goodKey + `"`,
		"all visible":      "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
		"test inside":      "test-4f0c9d2e",
		"hex":              "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
		"short but opaque": "k7",
	} {
		s, err := ParseAPIKey([]byte(raw))
		if err != nil || string(s.Expose()) != raw {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseAPIKeyRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		want      error
		position  int
	}{
		{"nothing", "", ErrEmpty, 0},
		{"blanks alone", " \r\n\t\uFEFF\u200B", ErrEmpty, 0},
		{"too long", strings.Repeat("ab", MaxAPIKey/2) + "c", ErrTooLong, 0},
		{"blank inside", "abc def", ErrBlank, 4},
		{"two lines", "\nabc\ndef\n", ErrBlank, 4},
		{"no-break blank inside", "ab\u00A0cd", ErrBlank, 3},
		{"line separator inside", "ab\u2028cd", ErrBlank, 3},
		{"NUL", "ab\x00cd", ErrControl, 3},
		{"escape", "\x1b[200~abcd\x1b[201~", ErrControl, 1},
		{"delete", "abcd\x7f", ErrControl, 5},
		{"cyrillic", "abсd", ErrNotASCII, 3},
		{"zero-width inside", "ab\u200Bcd", ErrNotASCII, 3},
		{"invalid UTF-8", "ab\xffcd", ErrNotASCII, 3},
		{"UTF-16 file", "\xff\xfea\x00b\x00", ErrNotASCII, 1},
	} {
		s, err := ParseAPIKey([]byte(tt.raw))
		var ke *KeyError
		if !errors.Is(err, tt.want) || !errors.As(err, &ke) || ke.Position != tt.position || !s.IsZero() {
			t.Errorf("%s: got %v, want %v at %d", tt.name, err, tt.want, tt.position)
		}
	}
}

func TestParseAPIKeyRefusesSentinels(t *testing.T) {
	for _, raw := range []string{
		"changeme", "CHANGE_ME", "change-me!", "test", "Dummy", "your-api-key", "YOUR_API_KEY", "your_api_key_here", "sk-placeholder",
		"sk-test", "sk-ant-dummy", "sk-ant-api03-xxxx", "sk-proj-0000", "sk-...", "xxxxxxxxxxxx", "****", "00000000", "sk", "sk-",
		"<your-api-key>", "${CLOUDRU_API_KEY}", "$(key)", "{{apiKey}}", "not-needed", "none", "NULL", "cloudru_api_key",
	} {
		if _, err := ParseAPIKey([]byte(raw)); !errors.Is(err, ErrSentinel) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestKeyErrorsDoNotTellTheKey(t *testing.T) {
	for _, raw := range []string{canary + " " + canary, canary + "\x01", canary + "é", strings.Repeat(canary, 300)} {
		_, err := ParseAPIKey([]byte(raw))
		if err == nil || leaks(err.Error()) {
			t.Errorf("the error of a bad key: %v", err != nil)
		}
	}
	_, err := ParseAPIKey([]byte("abc def"))
	if want := "the API key has a blank or a line break inside (byte 4 of 7)"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func FuzzParseAPIKey(f *testing.F) {
	for _, s := range []string{goodKey, " " + goodKey + "\r\n", "\uFEFFchangeme", "a b", "a\x00b", "é", "\xff", "sk-", "${A}", "", strings.Repeat("ab", 3000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		s, err := ParseAPIKey(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			checkRefusal(t, raw, s, err)
			return
		}
		key := s.Expose()
		if len(key) == 0 || len(key) > MaxAPIKey || !bytes.Contains(raw, key) {
			t.Fatalf("%d bytes accepted", len(key))
		}
		for _, c := range key {
			if c <= ' ' || c > '~' {
				t.Fatalf("byte %#x accepted", c)
			}
		}
		again, err := ParseAPIKey(key)
		if err != nil || !again.Equal(s) {
			t.Fatalf("what was accepted is not accepted again: %v", err)
		}
	})
}

func checkRefusal(t *testing.T, raw []byte, s Secret, err error) {
	t.Helper()
	var ke *KeyError
	if !errors.As(err, &ke) || !s.IsZero() || ke.Position < 0 || ke.Position > ke.Length || ke.Length > len(raw) {
		t.Fatalf("refusal %v", err)
	}
}

// endless is a reader that counts what is taken from it.
type endless struct{ taken int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a' + byte(i%2)
	}
	e.taken += len(p)
	return len(p), nil
}

func TestReadAPIKey(t *testing.T) {
	s, err := ReadAPIKey(iotest.OneByteReader(strings.NewReader("\n" + goodKey + "\r\n")))
	if err != nil || string(s.Expose()) != goodKey {
		t.Errorf("slow reader: %v", err)
	}
	var e endless
	if _, err := ReadAPIKey(&e); !errors.Is(err, ErrTooLong) {
		t.Errorf("endless reader: %v", err)
	}
	if e.taken > 64<<10+1 {
		t.Errorf("%d bytes were read", e.taken)
	}
	if _, err := ReadAPIKey(strings.NewReader("")); !errors.Is(err, ErrEmpty) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := ReadAPIKey(io.MultiReader(strings.NewReader(goodKey), iotest.ErrReader(io.ErrClosedPipe))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("half a key of a broken reader: %v", err)
	}
}
