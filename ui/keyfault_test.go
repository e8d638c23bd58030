package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
)

// TestKeyFault: what is wrong with a key is said in the operator's language, for every way
// of it, with what stands before it, and nothing of the key.
func TestKeyFault(t *testing.T) {
	for raw, want := range map[string]string{
		"": "API-ключ пуст", strings.Repeat("k", secrets.MaxAPIKey+1): "больше 4096 байт", "one two": "пробел или перевод строки (байт 4 из 7)",
		"a\x01b": "управляющий символ (байт 2 из 3)", "ключ": "символ не из ASCII (байт 1 из 8)", "changeme": "слово из примеров",
	} {
		_, err := secrets.ParseAPIKey([]byte(raw))
		if err == nil {
			t.Fatalf("%q is taken", raw)
		}
		message, _ := New(Options{Lang: "ru"}).explain(fmt.Errorf("--key-file: %w", err))
		if !strings.HasPrefix(message, "--key-file: ") || !strings.Contains(message, want) || strings.Contains(message, "API key") {
			t.Errorf("%.20q: %s", raw, message)
		}
		if english, _ := New(Options{Lang: "en"}).explain(err); english != err.Error() {
			t.Errorf("%.20q: %s, and the error says %s", raw, english, err)
		}
	}
}
