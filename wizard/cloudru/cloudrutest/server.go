// Package cloudrutest simulates the API of cloud.ru Foundation Models in this
// process, for the tests and for the demo.
//
// It answers as the API was seen to answer (2026-09): the catalogue for everybody, whatever
// the key; 400 "invalid api key secret" for a wrong one; 403 for a model that is not
// connected and for Basic authentication; 404 for an unknown model. The JSON around
// those words is the OpenAI shape, which is assumed. Faults can be put in its way, and
// it remembers what it was asked; of a key it keeps the SHA-256 alone.
package cloudrutest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/clawsetup/clawsetup/secrets"
)

const (
	maxBody     = 1 << 20
	maxRemember = 1000
	// invalid is the API's word for a bad argument, a key among them.
	invalid = "InvalidArgument"
)

// Server is the simulated API below /v1. It is an http.Handler and safe for
// concurrent use; everything can be changed while it runs.
type Server struct {
	mux *http.ServeMux

	mu           sync.Mutex
	models       []Model
	keys         map[string]bool // by SHA-256
	disconnected map[string]bool // by model id
	faults       []Fault
	requests     []Request
}

// Option changes a new Server.
type Option func(*Server)

// WithModels replaces Catalogue.
func WithModels(models ...Model) Option {
	return func(s *Server) { s.models = append([]Model{}, models...) }
}

// WithKey makes key valid from the start.
func WithKey(key secrets.Secret) Option { return func(s *Server) { s.AddKey(key) } }

// NewHandler returns a Server with the models of Catalogue and no valid key.
func NewHandler(opts ...Option) *Server {
	s := &Server{models: Catalogue(), keys: map[string]bool{}, disconnected: map[string]bool{}, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /v1/models", s.listModels)
	s.mux.HandleFunc("POST "+chatEndpoint, s.complete)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "no such endpoint")
	})
	for _, o := range opts {
		o(s)
	}
	return s
}

// AddKey makes key valid.
func (s *Server) AddKey(key secrets.Secret) { s.set(s.keys, digest(key), true) }

// RevokeKey makes key wrong again.
func (s *Server) RevokeKey(key secrets.Secret) { s.set(s.keys, digest(key), false) }

// Disconnect takes a model of the catalogue from every project.
func (s *Server) Disconnect(id string) { s.set(s.disconnected, id, true) }

// Connect gives it back.
func (s *Server) Connect(id string) { s.set(s.disconnected, id, false) }

func (s *Server) set(m map[string]bool, k string, v bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m[k] = v
}

// Request is one that was answered.
type Request struct {
	Method, Path string
	// KeySHA256 is of the Bearer key, in hex; "" when none came.
	KeySHA256 string
	// Faulty tells that a fault was in the way.
	Faulty bool
}

// Requests returns the last requests, oldest first, at most 1000.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count is how many of Requests went to path, such as "/v1/models".
func (s *Server) Count(path string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Path == path {
			n++
		}
	}
	return n
}

// ServeHTTP answers as the API would, unless a fault is next.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// net/http only notices that a caller is gone once the body was read to its end.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusBadRequest, invalid, "the body cannot be read")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	fault := s.remember(r)
	if fault != nil && fault(w, r) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// remember notes the request and takes the next fault.
func (s *Server) remember(r *http.Request) Fault {
	seen := Request{Method: r.Method, Path: r.URL.Path}
	if key, ok := bearer(r); ok {
		seen.KeySHA256 = sum(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var next Fault
	if len(s.faults) > 0 {
		next, s.faults = s.faults[0], s.faults[1:]
		seen.Faulty = true
	}
	if len(s.requests) == maxRemember {
		s.requests = slices.Delete(s.requests, 0, 1)
	}
	s.requests = append(s.requests, seen)
	return next
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	models := append([]Model{}, s.models...)
	s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": models})
}

// question is what the simulator reads of a completion request.
type question struct {
	Model     string            `json:"model"`
	Messages  []json.RawMessage `json:"messages"`
	MaxTokens *int              `json:"max_tokens"`
	Stream    bool              `json:"stream"`
}

func (s *Server) complete(w http.ResponseWriter, r *http.Request) {
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Basic") {
		refuse(w, http.StatusForbidden, "PermissionDenied", "basic authentication is not supported")
		return
	}
	if key, ok := bearer(r); !ok || !s.is(s.keys, sum(key)) {
		refuse(w, http.StatusBadRequest, invalid, "invalid api key secret")
		return
	}
	var q question
	if json.NewDecoder(r.Body).Decode(&q) != nil {
		refuse(w, http.StatusBadRequest, invalid, "the body is not a JSON object")
		return
	}
	switch {
	case !s.lists(q.Model):
		refuse(w, http.StatusNotFound, "NotFound", "model not found")
	case s.is(s.disconnected, q.Model):
		refuse(w, http.StatusForbidden, "PermissionDenied", "model is not connected to the project")
	case len(q.Messages) == 0:
		refuse(w, http.StatusBadRequest, invalid, "messages must not be empty")
	case q.MaxTokens != nil && *q.MaxTokens < 1:
		refuse(w, http.StatusBadRequest, invalid, "max_tokens must be at least 1")
	case q.Stream:
		refuse(w, http.StatusBadRequest, invalid, "the simulator does not stream")
	default:
		answer(w, http.StatusOK, completion(q))
	}
}

func completion(q question) map[string]any {
	return map[string]any{
		"id":     "chatcmpl-simulated",
		"object": "chat.completion",
		"model":  q.Model,
		"choices": []any{map[string]any{
			"index":         0,
			"finish_reason": "length",
			"message":       map[string]any{"role": "assistant", "content": "pong"},
		}},
		"usage": map[string]int{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
	}
}

func (s *Server) is(m map[string]bool, k string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m[k]
}

// lists tells whether the catalogue holds a language model of that very id.
func (s *Server) lists(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.models, func(m Model) bool { return m.ID == id && m.Metadata.Type == "llm" })
}

func bearer(r *http.Request) (string, bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func sum(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:])
}

func digest(key secrets.Secret) string {
	b := key.Expose()
	defer clear(b)
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
}

func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
