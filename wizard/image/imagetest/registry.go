// Package imagetest serves a container registry from memory with images that
// look like the proxy's: for the tests of package image and for "clawsetup demo".
// Beside telling the truth it can be told to lie, to refuse and to ask for a
// login.
package imagetest

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry is an OCI registry in memory. It is an http.Handler, safe for
// concurrent use; Start serves it.
type Registry struct {
	inner http.Handler

	mu       sync.Mutex
	lie      Lie
	refusal  *Refusal
	user     string
	password string
	served   int

	server   *http.Server
	listener net.Listener
}

// Refusal is an answer given instead of every other, in the words of the
// distribution API.
type Refusal struct {
	Status        int
	Code, Message string
}

// NewRegistry returns an empty registry without the referrers API, as Docker Hub
// and Debian's docker-registry have none.
func NewRegistry() *Registry { return newRegistry(false) }

// NewRegistryWithReferrers returns an empty registry with the referrers API.
func NewRegistryWithReferrers() *Registry { return newRegistry(true) }

func newRegistry(referrers bool) *Registry {
	return &Registry{inner: registry.New(
		registry.Logger(log.New(io.Discard, "", 0)),
		registry.WithReferrersSupport(referrers),
	)}
}

// Start serves the registry over plain HTTP on a free port of 127.0.0.1.
func (r *Registry) Start() error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the registry: %w", err)
	}
	r.listener = listener
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = r.server.Serve(listener) }()
	return nil
}

// Host is the address to use in references, such as "127.0.0.1:40000". It is
// empty before Start.
func (r *Registry) Host() string {
	if r.listener == nil {
		return ""
	}
	return r.listener.Addr().String()
}

// Close stops the server and breaks open connections. Closing a registry that was
// not started does nothing.
func (r *Registry) Close() error {
	if r.server == nil {
		return nil
	}
	return wrap("stopping the registry", r.server.Close())
}

// RequireLogin makes the registry private: basic authentication with these values.
func (r *Registry) RequireLogin(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user, r.password = user, password
}

// Refuse makes the registry answer every request with refusal; nil ends it.
func (r *Registry) Refuse(refusal *Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusal = refusal
}

// Tell makes the registry lie from now on; Truth ends it.
func (r *Registry) Tell(l Lie) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lie = l
}

// Requests counts the requests served so far.
func (r *Registry) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.served++
	lie, refusal, user, password := r.lie, r.refusal, r.user, r.password
	r.mu.Unlock()
	if refusal != nil {
		writeRefusal(w, *refusal)
		return
	}
	if user != "" && !authorised(req, user, password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="imagetest"`)
		writeRefusal(w, Refusal{Status: http.StatusUnauthorized, Code: "UNAUTHORIZED", Message: "authentication required"})
		return
	}
	if lie == Truth {
		r.inner.ServeHTTP(w, req)
		return
	}
	answer := &recorder{header: http.Header{}}
	r.inner.ServeHTTP(answer, req)
	lie.tell(w, req, answer)
}

func authorised(req *http.Request, user, password string) bool {
	u, p, ok := req.BasicAuth()
	return ok && subtle.ConstantTimeCompare([]byte(u), []byte(user)) == 1 &&
		subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1
}

func writeRefusal(w http.ResponseWriter, r Refusal) {
	type diagnostic struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	body, err := json.Marshal(map[string][]diagnostic{"errors": {{r.Code, r.Message}}})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_, _ = w.Write(body)
}
