package openclaw

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestReadSecretRequest(t *testing.T) {
	// As OpenClaw 2026.9.6 sends it.
	req, err := ReadSecretRequest(strings.NewReader(`{"protocolVersion":1,"provider":"clawsetup","ids":["proxy_token"]}`))
	if err != nil || !reflect.DeepEqual(req, SecretRequest{1, "clawsetup", []string{"proxy_token"}}) {
		t.Errorf("got %+v, %v", req, err)
	}
	for name, in := range map[string]string{
		"empty": ``, "version": `{"protocolVersion":2,"provider":"a","ids":["b"]}`, "provider": `{"protocolVersion":1,"provider":"A","ids":["b"]}`,
		"no ids": `{"protocolVersion":1,"provider":"a","ids":[]}`, "traversal": `{"protocolVersion":1,"provider":"a","ids":["a/../b"]}`,
		"escape": "{\"protocolVersion\":1,\"provider\":\"a\",\"ids\":[\"\\u001b[2J\"]}", "two": `{"protocolVersion":1,"provider":"a","ids":["b"]}{}`,
		"long": `{"x":"` + strings.Repeat("x", maxSecretRequest) + `"}`,
	} {
		if req, err := ReadSecretRequest(strings.NewReader(in)); err == nil || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: %+v, %v", name, req, err)
		}
	}
}

func TestWriteSecretResponse(t *testing.T) {
	var b bytes.Buffer
	err := WriteSecretResponse(&b, map[string][]byte{"proxy_token": []byte(`cst_a"\b`)}, map[string]SecretErrorCode{"other": SecretNotFound})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"protocolVersion":1,"values":{"proxy_token":"cst_a\"\\b"},"errors":{"other":{"code":"NOT_FOUND"}}}` + "\n"
	if b.String() != want || !json.Valid(b.Bytes()) {
		t.Errorf("got %s", b.String())
	}
	b.Reset()
	for _, bad := range []string{"line\nbreak", "é", "\x00"} {
		if err := WriteSecretResponse(&b, map[string][]byte{"a": []byte(bad)}, nil); err == nil || strings.Contains(err.Error(), bad) || b.Len() > 0 {
			t.Errorf("%q: %v, wrote %q", bad, err, b.String())
		}
	}
	if err := WriteSecretResponse(&b, map[string][]byte{`a"`: nil}, nil); err == nil {
		t.Error("a foreign id was written")
	}
}

func FuzzSecretRequest(f *testing.F) {
	f.Add([]byte(`{"protocolVersion":1,"provider":"clawsetup","ids":["proxy_token"]}`))
	f.Add([]byte(`{"protocolVersion":1,"provider":"a","ids":["a/..","\u0000"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := ReadSecretRequest(bytes.NewReader(b))
		if err != nil {
			return
		}
		values := map[string][]byte{}
		for _, id := range req.IDs {
			values[id] = []byte("v")
		}
		var out bytes.Buffer
		if err := WriteSecretResponse(&out, values, nil); err != nil || !json.Valid(out.Bytes()) {
			t.Fatalf("%v: %s", err, out.Bytes())
		}
	})
}

func TestLauncher(t *testing.T) {
	if runtime.GOOS == "windows" {
		if need, err := NeedsLauncher(os.Args[0]); need || err != nil {
			t.Errorf("got %v, %v", need, err)
		}
		return
	}
	dir := t.TempDir()
	script, err := Launcher([]string{"/bin/echo", "it's", "$HOME"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "secrets")
	if err := os.WriteFile(file, script, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(file, "more words").Output(); err != nil || string(out) != "it's $HOME more words\n" {
		t.Errorf("got %q, %v", out, err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o720); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]bool{file: false, link: true, open: true, dir: true} {
		if need, err := NeedsLauncher(p); err != nil || need != want {
			t.Errorf("NeedsLauncher(%s) = %v, %v", p, need, err)
		}
	}
	if _, err := NeedsLauncher(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file needs no launcher")
	}
}

// What stands in index.js before and after its datum never changes, and the datum
// is JSON that gives the strings back: no path can break out.
func FuzzPluginFiles(f *testing.F) {
	f.Add("/usr/bin/claude", "/x/settings.json")
	f.Add("'\"`;\n}\u2028\u2029</script>", "${a}\\u0022*/")
	f.Fuzz(func(t *testing.T, claudePath, settingsPath string) {
		p := params(Plugin)
		p.ClaudePath, p.ClaudeSettings = strings.ToValidUTF8(claudePath, "?"), strings.ToValidUTF8(settingsPath, "?")
		files, err := pluginFiles(p)
		if err != nil {
			t.Fatal(err)
		}
		js := string(files["index.js"])
		head, rest, _ := strings.Cut(pluginIndex, "%s")
		tail := strings.ReplaceAll(rest, "%[2]q", `"`+BackendID+`"`)
		if !strings.HasPrefix(js, head) || !strings.HasSuffix(js, tail) || strings.ContainsAny(js, "\u2028\u2029") {
			t.Fatalf("the program changed:\n%s", js)
		}
		var datum struct {
			Command string
			Args    []string
		}
		body := js[len(head) : len(js)-len(tail)]
		if err := json.Unmarshal([]byte(body), &datum); err != nil || datum.Command != p.ClaudePath || datum.Args[8] != p.ClaudeSettings {
			t.Fatalf("the datum is not the strings given: %v\n%s", err, body)
		}
	})
}
