//go:build unix

package openclaw

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/claude/command"
	"github.com/clawsetup/clawsetup/wizard/parttest"
)

// wire is what one request to the proxy carried.
type wire struct {
	Key   string
	Model string
	Tools []struct{ Name string }
}

const turnStream = `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"FAKE-OK"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}}

event: message_stop
data: {"type":"message_stop"}

`

func fakeProxy(t *testing.T) (url string, requests func() []wire) {
	var mu sync.Mutex
	var seen []wire
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/v1/messages") {
			q := wire{Key: r.Header.Get("X-Api-Key")}
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(&q); err == nil {
				mu.Lock()
				seen = append(seen, q)
				mu.Unlock()
			}
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, turnStream)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []wire {
		mu.Lock()
		defer mu.Unlock()
		return append([]wire(nil), seen...)
	}
}

// TestRealTurn lets the real OpenClaw run a turn through the real Claude Code with
// the files that this package and package claude make, and looks at the wire.
func TestRealTurn(t *testing.T) {
	claudePath := parttest.Need(t, "CLAWSETUP_TEST_CLAUDE")
	for _, c := range []Contract{Plugin, Builtin} {
		t.Run(string(c), func(t *testing.T) {
			realTurn(t, realInstall(t, "CLAWSETUP_TEST_OPENCLAW"), c, claudePath)
		})
	}
	t.Run(string(Legacy), func(t *testing.T) {
		realTurn(t, realInstall(t, "CLAWSETUP_TEST_OPENCLAW_LEGACY"), Legacy, claudePath)
	})
}

func realTurn(t *testing.T, in Install, c Contract, claudePath string) {
	p, extra, file := realParams(t, in, c)
	var requests func() []wire
	p.ProxyURL, requests = fakeProxy(t)
	p.ClaudePath = claudePath
	set, err := Settings(p)
	if err != nil {
		t.Fatal(err)
	}
	if extra[file], _, err = Merge(nil, set); err != nil {
		t.Fatal(err)
	}
	files, err := PluginFiles(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		extra[filepath.Join(p.PluginDir, name)] = b
	}
	helper := filepath.Join(os.Getenv("HOME"), "token")
	extra[helper] = []byte("#!/bin/sh\necho cst_test\n")
	extra[p.TokenCommand[0]] = []byte("#!/bin/sh\ncat >/dev/null\necho '{\"protocolVersion\":1,\"values\":{\"proxy_token\":\"cst_test\"}}'\n")
	extra[p.ClaudeSettings], err = claude.Settings(claude.SettingsParams{
		ProxyURL: p.ProxyURL, TokenHelper: []string{helper}, RetentionDays: 1, TurnSeconds: p.TurnSeconds,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range extra {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for turn := range 2 {
		// The built-in backend looks claude up in PATH.
		env := command.Environment(nil, "PATH="+filepath.Dir(claudePath)+":"+os.Getenv("PATH"))
		result, err := command.Run(context.Background(), command.Command{
			Path: in.Path, Args: []string{"agent", "--local", "--agent", "main", "--message", "hi", "--json"},
			Env: env, Dir: os.Getenv("HOME"), Timeout: 4 * time.Minute, Limit: 1 << 20,
		})
		if err != nil || result.Code != 0 || !strings.Contains(string(result.Stdout), "FAKE-OK") {
			t.Fatalf("turn %d: exit %d, %v\n%s\n%s", turn, result.Code, err, result.Stdout, result.Stderr)
		}
	}
	got := requests()
	model := "claude-opus"
	if c == Builtin {
		model = builtinIDs["opus"]
	}
	for _, q := range got {
		if q.Key != "cst_test" || q.Model != model || len(q.Tools) > 0 {
			t.Errorf("on the wire: %+v", q)
		}
		t.Logf("model %s, tools %v", q.Model, q.Tools)
	}
	if len(got) < 2 {
		t.Errorf("%d requests for two turns", len(got))
	}
}
