package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// anthropic is a server of the shape of Anthropic's API. It stands where the proxy
// would stand, and lets in who has the token.
type anthropic struct {
	url string

	mu sync.Mutex
	// token is the only one that is let in; everybody is when it is empty.
	token string
	// tools are what the next answer asks for.
	tools []toolUse
	seen  traffic
}

// traffic is what came to the server.
type traffic struct {
	// asked are the requests for an answer that were let in.
	asked []question
	// refused and other requests, in words.
	refused, other []string
	connections    int
}

// question is the body of a request for an answer.
type question struct {
	Model    string          `json:"model"`
	Tools    json.RawMessage `json:"tools"`
	Messages []struct {
		Content json.RawMessage `json:"content"`
	} `json:"messages"`

	body string
}

// toolUse is a block of an answer that asks for the use of a tool.
type toolUse struct {
	Name  string
	Input map[string]any
}

// toolResult is a block of a question that tells what came of it.
type toolResult struct {
	Type    string          `json:"type"`
	ID      string          `json:"tool_use_id"`
	Content json.RawMessage `json:"content"`
	IsError bool            `json:"is_error"`
}

// answerText is what every answer says that asks for no tool.
const answerText = "ANSWER-OF-THE-TEST-SERVER"

// serveAnthropic listens on 127.0.0.1:port until the test ends.
func serveAnthropic(t *testing.T, port string) *anthropic {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:"+port)
	check(t, err)
	a := &anthropic{url: "http://" + l.Addr().String()}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: a, ConnState: a.connected}}
	s.Start()
	t.Cleanup(s.Close)
	return a
}

// connected counts who connects, whatever is said then.
func (a *anthropic) connected(_ net.Conn, state http.ConnState) {
	if state != http.StateNew {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen.connections++
}

// ServeHTTP implements http.Handler.
func (a *anthropic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	a.mu.Lock()
	defer a.mu.Unlock()
	line := r.Method + " " + r.URL.Path
	q := question{body: string(body)}
	switch key, bearer := r.Header.Get("X-Api-Key"), r.Header.Get("Authorization"); {
	case r.URL.Path == "/api/hello":
		// Claude Code looks whether somebody is there, without a token.
		a.seen.other = append(a.seen.other, line)
	case !a.lets(key, bearer):
		a.seen.refused = append(a.seen.refused, fmt.Sprintf("%s x-api-key %q authorization %q", line, key, bearer))
		refuse(w, http.StatusUnauthorized, "authentication_error")
	case err != nil, line != "POST /v1/messages", json.Unmarshal(body, &q) != nil:
		a.seen.other = append(a.seen.other, line)
		refuse(w, http.StatusNotFound, "not_found_error")
	default:
		a.seen.asked = append(a.seen.asked, q)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, answer(q.Model, a.tools))
		a.tools = nil
	}
}

// lets checks the token wherever it is given: one place at least, and no other value.
func (a *anthropic) lets(key, bearer string) bool {
	if a.token == "" {
		return true
	}
	return key+bearer != "" && (key == "" || key == a.token) && (bearer == "" || bearer == "Bearer "+a.token)
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"error","error":{"type":%q,"message":"the test server says no"}}`, kind)
}

// let changes the token.
func (a *anthropic) let(token string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.token = token
}

// ask lets the next answer ask for the use of tools.
func (a *anthropic) ask(tools []toolUse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tools = tools
}

// take gives what came since the last take.
func (a *anthropic) take() traffic {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen
	a.seen = traffic{}
	return seen
}

// answer is a message as a stream of events: a text, or the uses of tools.
func answer(model string, tools []toolUse) string {
	var b strings.Builder
	event := func(kind string, data map[string]any) {
		data["type"] = kind
		line, err := json.Marshal(data)
		if err != nil {
			panic(err) // The test's own data.
		}
		fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", kind, line)
	}
	block := func(i int, start, delta map[string]any) {
		event("content_block_start", map[string]any{"index": i, "content_block": start})
		event("content_block_delta", map[string]any{"index": i, "delta": delta})
		event("content_block_stop", map[string]any{"index": i})
	}
	event("message_start", map[string]any{"message": map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []any{}, "stop_reason": nil,
		"stop_sequence": nil, "usage": map[string]int{"input_tokens": 11, "output_tokens": 1},
	}})
	reason := "tool_use"
	if len(tools) == 0 {
		reason = "end_turn"
		block(0, map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": answerText})
	}
	for i, use := range tools {
		input, err := json.Marshal(use.Input)
		if err != nil {
			panic(err)
		}
		block(i, map[string]any{"type": "tool_use", "id": fmt.Sprintf("toolu_%d", i), "name": use.Name, "input": map[string]any{}},
			map[string]any{"type": "input_json_delta", "partial_json": string(input)})
	}
	event("message_delta", map[string]any{"delta": map[string]any{"stop_reason": reason, "stop_sequence": nil}, "usage": map[string]int{"output_tokens": 7}})
	event("message_stop", map[string]any{})
	return b.String()
}

// results are the tool_result blocks of the question's messages.
func (q question) results() []toolResult {
	var out []toolResult
	for _, m := range q.Messages {
		var blocks []toolResult
		// A message that is a plain text has none.
		if json.Unmarshal(m.Content, &blocks) != nil || !bytes.Contains(m.Content, []byte(`"tool_result"`)) {
			continue
		}
		for _, b := range blocks {
			if b.Type == "tool_result" {
				out = append(out, b)
			}
		}
	}
	return out
}
