package egress

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// forwarder sends what comes in to the container in use.
type forwarder struct {
	// name is where the container is found when none was chosen.
	name  string
	slots chan struct{}

	mu sync.Mutex
	// now takes new requests; old ones only finish what they began.
	now *target
	old []*target
}

// target is one container that requests go to.
type target struct {
	address string
	busy    int
	handler http.Handler
}

func newForwarder(name string) *forwarder {
	return &forwarder{name: name, slots: make(chan struct{}, mostConnections), now: newTarget(name)}
}

// startTime is how long a request waits for a container that does not listen yet.
const startTime = 10 * time.Second

// newTarget makes a connection for each request: one that is kept could be closed by
// the container just when the next request is sent.
func newTarget(address string) *target {
	t := &target{address: address}
	to := &url.URL{Scheme: "http", Host: address}
	t.handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		Transport: &http.Transport{
			Proxy: nil, DisableKeepAlives: true, DisableCompression: true, DialContext: dialPatiently, MaxResponseHeaderBytes: 64 << 10,
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // what broke off is told to the client
		ErrorHandler:  unavailable,
	}
	return t
}

// dialPatiently waits for a container that is being made or started again: nothing
// was sent yet, so that nothing is lost.
func dialPatiently(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	d := net.Dialer{Timeout: 2 * time.Second}
	for {
		conn, err := d.DialContext(ctx, network, address)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// unavailable is an error in the form of the Anthropic API, which its clients
// repeat. https://docs.anthropic.com/en/api/errors
func unavailable(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the client is gone
	}
	const body = `{"type":"error","error":{"type":"overloaded_error","message":"clawsetup: the proxy cannot be reached"}}`
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, body)
}

// ServeHTTP forwards one request to the container that is in use when it comes.
func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		unavailable(w, r, errors.New("too many requests"))
		return
	}
	f.mu.Lock()
	t := f.now
	t.busy++
	f.mu.Unlock()
	defer f.done(t)
	t.handler.ServeHTTP(w, r)
}

func (f *forwarder) done(t *target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t.busy--
	kept := f.old[:0]
	for _, o := range f.old {
		if o.busy > 0 {
			kept = append(kept, o)
		}
	}
	f.old = kept
}

// use sends new requests to address from now on; an empty one is the container's
// name again.
func (f *forwarder) use(address string) {
	if address == "" {
		address = f.name
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now.address == address {
		return
	}
	if f.now.busy > 0 {
		f.old = append(f.old, f.now)
	}
	f.now = newTarget(address)
}

// Status is what a gateway says of itself.
type Status struct {
	// Target is where new requests go.
	Target string `json:"target"`
	// Busy counts the requests under way there, Old those that still run in
	// containers that were in use before, by their address.
	Busy int            `json:"busy"`
	Old  map[string]int `json:"old"`
}

// Draining counts the requests under way in the earlier container at address; in all
// of them when that is empty.
func (s Status) Draining(address string) int {
	n := 0
	for a, busy := range s.Old {
		if address == "" || a == address {
			n += busy
		}
	}
	return n
}

func (f *forwarder) status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Target: f.now.address, Busy: f.now.busy, Old: map[string]int{}}
	for _, o := range f.old {
		if o.address != f.now.address {
			s.Old[o.address] += o.busy
		}
	}
	return s
}
