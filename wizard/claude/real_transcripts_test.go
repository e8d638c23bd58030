//go:build unix

package claude

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// TestRealTranscripts runs turns of the Claude Code in CLAWSETUP_TEST_CLAUDE with our
// settings and a transcript, and wants it found, in use while it runs, and gone with
// every word of it afterwards.
func TestRealTranscripts(t *testing.T) {
	program := parttest.Need(t, "CLAWSETUP_TEST_CLAUDE")
	d := newDen(t)
	asked := make(chan bool, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			found, err := FindTranscripts(r.Context(), &files.Disk{}, d.dir)
			asked <- err == nil && slices.ContainsFunc(found.Sessions, func(s Session) bool { return s.ID == idA && s.Running })
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, stream)
	}))
	t.Cleanup(proxy.Close)
	home, project := t.TempDir(), t.TempDir()
	helper := filepath.Join(home, "token")
	d.ok(os.WriteFile(helper, []byte("#!/bin/sh\necho cst_test\n"), 0o700))
	b, err := Settings(SettingsParams{ProxyURL: proxy.URL, TokenHelper: []string{helper}, RetentionDays: 1, TurnSeconds: 60})
	d.ok(err)
	d.ok(os.WriteFile(d.path("settings.json"), b, 0o600))
	turn := func(args ...string) {
		t.Helper()
		result, err := command.Run(context.Background(), command.Command{
			Path: program, Dir: project, Timeout: 90 * time.Second, Limit: 1 << 20,
			Args: append([]string{
				"-p", "--output-format", "stream-json", "--verbose", "--setting-sources", "", "--settings", d.path("settings.json"), "--tools=",
				"--strict-mcp-config", "--debug", "--model", "claude-haiku",
			}, args...),
			Env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "CLAUDE_CONFIG_DIR=" + d.dir, "HTTP_PROXY=" + proxy.URL, "HTTPS_PROXY=" + proxy.URL},
		})
		if err != nil || result.Code != 0 || !strings.Contains(string(result.Stdout), "FAKE-OK") {
			t.Fatalf("exit %d, %v\n%s\n%s", result.Code, err, result.Stdout, result.Stderr)
		}
	}
	turn("--session-id", idA, "PROMPT-ONE")
	turn("--resume", idA, "PROMPT-TWO")
	close(asked)
	seen := false
	for running := range asked {
		seen = seen || running
	}
	if !seen {
		t.Error("it was never seen at work")
	}
	s := d.session(idA)
	if s.Running || s.Bytes == 0 || len(s.Refused) > 0 {
		t.Errorf("%+v", s)
	}
	for _, p := range s.parts {
		t.Logf("%s/%s", p.dir, p.st.Name())
	}
	got := d.erase(t.Context(), &files.Disk{}, s)
	if got.Files != s.Files || len(got.Left) > 0 {
		t.Errorf("%+v", got)
	}
	d.ok(filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Type()&os.ModeSymlink != 0 {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "PROMPT") || strings.Contains(path, idA) {
			t.Errorf("%s is left", path)
		}
		return err
	}))
	e, err := NewEraser(&files.Disk{}, d.dir)
	d.ok(err)
	defer func() { _ = e.Close() }()
	for _, name := range s.Projects() {
		if gone, err := e.Folder(name); !gone || err != nil {
			t.Errorf("the project's folder %s: %v, %v", name, gone, err)
		}
	}
}
