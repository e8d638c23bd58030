package templates

import (
	"bytes"
	"strings"
	"testing"
)

func TestGitIgnore(t *testing.T) {
	entries := []string{".env", "secrets/"}
	block := ignoreBegin + "\n.env\nsecrets/\n" + ignoreEnd + "\n"
	for _, tt := range []struct {
		name, current, want string
		entries             []string
	}{
		{"no file", "", block, entries},
		{"operator's lines", "node_modules\n", "node_modules\n" + block, entries},
		{"no last line break", "node_modules", "node_modules\n" + block, entries},
		{"present", "a\n" + block + "b\n", "a\n" + block + "b\n", entries},
		{"present at the end without line break", "a\n" + strings.TrimSuffix(block, "\n"), "a\n" + block, entries},
		{"changed entries", "a\n" + ignoreBegin + "\nold\n" + ignoreEnd + "\nb\n", "a\n" + block + "b\n", entries},
		{"already the operator's", "secrets/\n", "secrets/\n" + ignoreBegin + "\n.env\n" + ignoreEnd + "\n", entries},
		{"all the operator's", ".env\nsecrets/ \n", ".env\nsecrets/ \n", entries},
		{"nothing to add", "a\n" + block, "a\n", nil},
		{"CRLF", "a\r\n", "a\r\n" + strings.ReplaceAll(block, "\n", "\r\n"), entries},
		{"begin without end", ignoreBegin + "\nmine\n", "mine\n" + block, entries},
		{"begin without end, then a block", ignoreBegin + "\nmine\n" + block, "mine\n" + block, entries},
		{"end without begin", ignoreEnd + "\nmine\n", "mine\n" + block, entries},
		{"two blocks", block + "mine\n" + block, block + "mine\n", entries},
		{"hostile entries", "", block, []string{"", "# no", ".env", "x\n!.env", " secrets/ ", ".env"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := GitIgnore([]byte(tt.current), tt.entries)
			if string(got) != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if again := GitIgnore(got, tt.entries); !bytes.Equal(again, got) {
				t.Errorf("the second time gave %q", again)
			}
		})
	}
}

// TestGitIgnoreOfNoFile: no file stays none when there is nothing to ignore; an empty one
// stays empty.
func TestGitIgnoreOfNoFile(t *testing.T) {
	if got := GitIgnore(nil, nil); got != nil {
		t.Errorf("%q", got)
	}
	if got := GitIgnore([]byte{}, nil); got == nil || len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func FuzzGitIgnore(f *testing.F) {
	f.Add("a\n", ".env", "secrets/")
	f.Add(ignoreBegin+"\nx\n"+ignoreEnd, "a\r\nb", "#")
	f.Add(ignoreBegin+"\n"+ignoreBegin+"\r\n"+ignoreEnd+"\n"+ignoreEnd, "", "\r")
	f.Add("a\r\nb\r", "a", "b")
	f.Add("\r", "0", "")
	f.Fuzz(func(t *testing.T, current, one, two string) {
		got := GitIgnore([]byte(current), []string{one, two})
		if again := GitIgnore(got, []string{one, two}); !bytes.Equal(again, got) {
			t.Fatalf("not idempotent: %q, then %q", got, again)
		}
		if !strings.Contains(current, "# clawsetup ") && !bytes.HasPrefix(got, []byte(current)) {
			t.Fatalf("lost operator's lines: %q became %q", current, got)
		}
	})
}
