// Package egress is the gateway of the stack (E-01): the only container that the
// proxy can reach, and the only one that reaches the proxy.
//
// It lets the proxy out to one origin, the API of the set-up: by CONNECT with a
// check of the TLS server name, or, where the operator consented to a private API
// without TLS, by forwarding requests to it. It lets requests for the proxy in, and
// can be told to send new ones to another container while the old one finishes what it
// began, so that a key can be replaced without losing a request. It knows no secret.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/safedial"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// The addresses on which the gateway listens inside its container.
const (
	// OutAddress is where the proxy finds its way out.
	OutAddress = ":3128"
	// InAddress is the published one.
	InAddress = ":8082"
	// ControlAddress can be reached from inside the gateway's own container alone.
	ControlAddress = "127.0.0.1:3129"
)

// mostConnections bounds the tunnels and the requests under way, each (D-01).
const mostConnections = 256

// Gateway is one gateway. Its zero value is not useful: see New.
type Gateway struct {
	// Out, In and Control are the addresses to listen on.
	Out, In, Control string

	origin *url.URL
	policy safedial.Policy
	log    *log.Logger
	in     *forwarder
}

// New makes a gateway that lets out to origin ("https://host:port") alone and
// forwards what comes in to the container at forward ("host:port"). What it refuses
// is written to messages, one line each, without any content.
func New(origin, forward string, policy safedial.Policy, messages io.Writer) (*Gateway, error) {
	u, err := policy.CheckURL(origin)
	if err != nil {
		return nil, fmt.Errorf("the origin to let through: %w", err)
	}
	if u.Port() == "" || u.Path != "" {
		return nil, fmt.Errorf("the origin to let through: %q is not scheme://host:port", text.Clean(origin, 100))
	}
	if _, _, err := net.SplitHostPort(forward); err != nil {
		return nil, fmt.Errorf("the container to forward to: %w", err)
	}
	return &Gateway{
		Out: OutAddress, In: InAddress, Control: ControlAddress,
		origin: u, policy: policy, log: log.New(messages, "", log.LstdFlags|log.LUTC), in: newForwarder(forward),
	}, nil
}

// Serve runs the gateway until ctx ends, then gives requests under way a moment to end.
func (g *Gateway) Serve(ctx context.Context) error {
	parts := []part{
		{"the way out", g.Out, g.outHandler()},
		{"the way in", g.In, g.in},
		{"control", g.Control, g.controlHandler()},
	}
	servers := make([]*http.Server, len(parts))
	listeners := make([]net.Listener, len(parts))
	for i, p := range parts {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.address)
		if err != nil {
			for _, open := range listeners[:i] {
				_ = open.Close()
			}
			return fmt.Errorf("listening for %s: %w", p.name, err)
		}
		listeners[i], servers[i] = l, p.server(g.log)
	}
	g.log.Printf("open: %s", g.origin)
	failed := make(chan error, len(parts))
	for i := range parts {
		go func() { failed <- servers[i].Serve(listeners[i]) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serving: %w", err)
	}
	return errors.Join(err, shutdown(context.WithoutCancel(ctx), servers))
}

// part is one of the addresses of a gateway.
type part struct {
	name, address string
	handler       http.Handler
}

func (p part) server(messages *log.Logger) *http.Server {
	return &http.Server{
		Handler: p.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: messages,
	}
}

// lastMoment is less than the engine's own patience before it kills.
const lastMoment = 8 * time.Second

// shutdown ends the servers from the last to the first: the way out stays open while
// requests that came in are answered.
func shutdown(ctx context.Context, servers []*http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, lastMoment)
	defer cancel()
	var errs []error
	for _, s := range slices.Backward(servers) {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// outHandler lets requests to the origin pass, and nothing else.
func (g *Gateway) outHandler() http.Handler {
	slots := make(chan struct{}, mostConnections)
	plain := g.plainHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			http.Error(w, "too many connections", http.StatusServiceUnavailable)
			return
		}
		switch {
		case r.Method == http.MethodConnect && g.origin.Scheme == "https" && sameHost(r.Host, g.origin.Host):
			g.tunnel(w, r)
		case r.Method != http.MethodConnect && g.origin.Scheme == "http" && r.URL.Scheme == "http" && sameHost(r.URL.Host, g.origin.Host):
			plain.ServeHTTP(w, r)
		default:
			g.refuse(w, r)
		}
	})
}

// sameHost compares host:port; a missing port is never added: clients of a proxy
// name it (RFC 9110, 9.3.6), but for plain HTTP, where 80 is left out.
func sameHost(got, want string) bool {
	if host, found := strings.CutSuffix(want, ":80"); found && strings.EqualFold(got, host) {
		return true
	}
	return strings.EqualFold(got, want)
}

func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request) {
	target := r.Host
	if r.URL.Host != "" {
		target = r.URL.Host
	}
	g.log.Printf("refused: %s %s", text.Clean(r.Method, 20), text.Clean(target, 120))
	w.Header().Set("Connection", "close")
	http.Error(w, "this way leads to the API alone", http.StatusForbidden)
}
