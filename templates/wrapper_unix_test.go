//go:build !windows

package templates

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// run executes the wrapper with dir in the place of /run/secrets, which is the
// only thing that differs from the container.
func run(t *testing.T, dir string, argv ...string) (stdout, stderr string, code int) {
	t.Helper()
	w, err := Wrapper(argv[:1], argv[1:], "/")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(w[0], w[1], strings.ReplaceAll(w[2], "/run/secrets/", dir+"/"))
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		code = exit.ExitCode()
	}
	return out.String(), errs.String(), code
}

func secretFiles(t *testing.T, key, token string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{SecretAPIKey: key, SecretProxyToken: token} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWrapperExports(t *testing.T) {
	for name, ending := range map[string]string{"no line break": "", "line break": "\n"} {
		t.Run(name, func(t *testing.T) {
			dir := secretFiles(t, `MARK k\ey "$1" `+ending, "MARK-token"+ending)
			out, errs, code := run(t, dir, "env")
			if code != 0 || errs != "" {
				t.Fatalf("exit %d: %s", code, errs)
			}
			for _, want := range []string{`OPENAI_API_KEY=MARK k\ey "$1" ` + "\n", "ANTHROPIC_API_KEY=MARK-token\n"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			if strings.Count(out, "MARK") != 2 {
				t.Errorf("a secret is in another variable too:\n%s", out)
			}
		})
	}
}

// An empty token would switch the proxy's client authentication off.
func TestWrapperFailsWithoutSecrets(t *testing.T) {
	for name, dir := range map[string]string{
		"empty key":   secretFiles(t, "", "MARK"),
		"empty token": secretFiles(t, "MARK", ""),
		"blank line":  secretFiles(t, "MARK", "\n"),
		"no folder":   filepath.Join(t.TempDir(), "none"),
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, code := run(t, dir, "echo", "started")
			if code != 78 || out != "" || !strings.Contains(errs, "is empty or cannot be read") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
			}
			if strings.Contains(errs, "MARK") {
				t.Errorf("a secret was printed: %q", errs)
			}
		})
	}
}

func TestWrapperKeepsArguments(t *testing.T) {
	words := []string{"", " ", "it's", `"`, "$HOME", "$(id)", "`id`", "\\", "a\nb", "*", "~", "-n", ";", "#x", "${OPENAI_API_KEY}", "é"}
	out, errs, code := run(t, secretFiles(t, "k", "t"), append([]string{"printf", `[%s]\n`}, words...)...)
	if want := "[" + strings.Join(words, "]\n[") + "]\n"; code != 0 || out != want {
		t.Errorf("exit %d, got %q, want %q (%s)", code, out, want, errs)
	}
}

// TestHealthCommandRuns asks a real server with a real Python, on the server's
// port instead of the container's.
func TestHealthCommandRuns(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		parttest.Missing(t, err.Error())
	}
	var status atomic.Int32
	status.Store(http.StatusOK)
	asked := make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path
		w.WriteHeader(int(status.Load()))
	}))
	defer s.Close()
	health := func() error {
		argv := healthCommand([]string{"python3"})
		script := strings.ReplaceAll(argv[len(argv)-1], strconv.Itoa(ContainerPort), s.URL[strings.LastIndex(s.URL, ":")+1:])
		cmd := exec.Command(python, append(argv[2:len(argv)-1:len(argv)-1], script)...)
		cmd.Env = append(os.Environ(), "HTTP_PROXY=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9")
		return cmd.Run()
	}
	if err := health(); err != nil {
		t.Errorf("healthy: %v", err)
	}
	status.Store(http.StatusInternalServerError)
	if err := health(); err == nil {
		t.Error("a failing proxy was called healthy")
	}
	for range 2 {
		if got := <-asked; got != "GET /health" {
			t.Errorf("asked %q", got)
		}
	}
}
