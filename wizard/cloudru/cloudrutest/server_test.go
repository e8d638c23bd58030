package cloudrutest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
)

const (
	key   = "a-made-up-key-0123456789"
	model = "zai-org/GLM-5.1"
	ask   = `{"model":"` + model + `","messages":[{"role":"user","content":"hi"}],"max_tokens":1}`
)

func start(t *testing.T) (*cloudrutest.Server, string) {
	t.Helper()
	s := cloudrutest.NewHandler(cloudrutest.WithKey(secrets.New([]byte(key))))
	e, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // closing again is harmless
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return s, e.URL.String()
}

func do(t *testing.T, method, url, authorization, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

// The answers are those of the real API, as far as they are known.
func TestAnswers(t *testing.T) {
	s, base := start(t)
	s.Disconnect("zai-org/GLM-4.7")
	chat := base + "/chat/completions"
	for name, c := range map[string]struct {
		method, url, authorization, body string
		status                           int
		says                             string
	}{
		"catalogue, no key":      {"GET", base + "/models", "", "", 200, `"id":"zai-org/GLM-5.1"`},
		"catalogue, garbage key": {"GET", base + "/models", "Bearer nonsense", "", 200, `"prompt_tokens_cost":120`},
		"completion":             {"POST", chat, "Bearer " + key, ask, 200, `"choices"`},
		"no key":                 {"POST", chat, "", ask, 400, "invalid api key secret"},
		"wrong key":              {"POST", chat, "Bearer x" + key, ask, 400, "invalid api key secret"},
		"basic":                  {"POST", chat, "Basic " + key, ask, 403, "basic"},
		"not connected":          {"POST", chat, "Bearer " + key, strings.Replace(ask, "5.1", "4.7", 1), 403, "not connected"},
		"unknown model":          {"POST", chat, "Bearer " + key, strings.Replace(ask, "GLM", "glm", 1), 404, "model not found"},
		"no llm":                 {"POST", chat, "Bearer " + key, strings.Replace(ask, model, "BAAI/bge-reranker-v2-m3", 1), 404, "model not found"},
		"no JSON":                {"POST", chat, "Bearer " + key, "{", 400, "InvalidArgument"},
		"no messages":            {"POST", chat, "Bearer " + key, `{"model":"` + model + `"}`, 400, "messages"},
		"no tokens":              {"POST", chat, "Bearer " + key, strings.Replace(ask, ":1}", ":0}", 1), 400, "max_tokens"},
		"stream":                 {"POST", chat, "Bearer " + key, strings.Replace(ask, ":1}", `:1,"stream":true}`, 1), 400, "stream"},
		"huge question":          {"POST", chat, "Bearer " + key, strings.Repeat(" ", 2<<20), 400, "InvalidArgument"},
		"other endpoint":         {"GET", base + "/embeddings", "", "", 404, "NotFound"},
	} {
		if status, body := do(t, c.method, c.url, c.authorization, c.body); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestKeysAndModelsChangeWhileItRuns(t *testing.T) {
	s, base := start(t)
	chat := base + "/chat/completions"
	status := func() int {
		got, _ := do(t, http.MethodPost, chat, "Bearer "+key, ask)
		return got
	}
	secret := secrets.New([]byte(key))
	var got []int
	for _, change := range []func(){
		func() {}, func() { s.RevokeKey(secret) }, func() { s.AddKey(secret) }, func() { s.Disconnect(model) }, func() { s.Connect(model) },
		func() { s.Fail(2, cloudrutest.RateLimit(0)) }, func() { s.Heal() },
	} {
		change()
		got = append(got, status())
	}
	if fmt.Sprint(got) != "[200 400 200 403 200 429 200]" {
		t.Error(got)
	}
}

func TestNoKeyIsKept(t *testing.T) {
	s, base := start(t)
	do(t, http.MethodPost, base+"/chat/completions", "Bearer "+key, ask)
	do(t, http.MethodGet, base+"/models", "", "")
	if all := fmt.Sprintf("%+v %#v", s.Requests(), s); strings.Contains(all, key) {
		t.Errorf("the key is in %s", all)
	}
	r := s.Requests()
	if len(r) != 2 || len(r[0].KeySHA256) != 64 || r[1].KeySHA256 != "" || s.Count("/v1/models") != 1 {
		t.Errorf("%+v", r)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s, base := start(t)
	for range 1005 {
		do(t, http.MethodGet, base+"/models", "", "")
	}
	if n := len(s.Requests()); n != 1000 {
		t.Errorf("%d requests remembered", n)
	}
}

func TestHangEndsWithTheCaller(t *testing.T) {
	s, base := start(t)
	gone := make(chan struct{})
	s.Fail(1, func(w http.ResponseWriter, r *http.Request) bool {
		defer close(gone)
		return cloudrutest.Hang()(w, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/chat/completions", strings.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	<-gone
}

func TestWithModels(t *testing.T) {
	s := cloudrutest.NewHandler(cloudrutest.WithModels())
	e, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	if _, body := do(t, http.MethodGet, e.URL.String()+"/models", "", ""); !strings.Contains(body, `"data":[]`) {
		t.Error(body)
	}
}
