package templates

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvFileGolden(t *testing.T) {
	got, err := EnvFile(Env{Big: "zai-org/GLM-5.1", Middle: "deepseek-ai/DeepSeek-V4-Pro", Small: "openai/gpt-oss-120b"})
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "env.golden")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("got:\n%s", got)
	}
}

func TestEnvFileRefuses(t *testing.T) {
	for _, id := range []string{"", " a", "a b", "a\nB=c", "a#b", "a$b", "a'b", `a"b`, "a\x1b[0m", "модель", "-a", "a\\n", strings.Repeat("a", 257)} {
		for _, e := range []Env{{id, "m", "s"}, {"b", id, "s"}, {"b", "m", id}} {
			if b, err := EnvFile(e); !errors.Is(err, ErrValue) || b != nil {
				t.Errorf("%q: %q, %v", e, b, err)
			}
		}
	}
}
