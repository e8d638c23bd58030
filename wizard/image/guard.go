package image

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
)

const (
	maxRequests  = 256
	maxRedirects = 10
)

// guard stands closest to the network and bounds what a registry can make this
// process do: no plain HTTP beyond this machine, no endless requests, no endless
// bodies.
type guard struct {
	inner http.RoundTripper
	count atomic.Int64
}

// plainHTTPError refuses a request that would leave this machine unencrypted.
type plainHTTPError struct{ host string }

func (e *plainHTTPError) Error() string {
	return fmt.Sprintf("%s offers plain http, which is accepted only from this machine itself", e.host)
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	// go-containerregistry takes private addresses for plain HTTP registries;
	// anyone on such a network could then replace the image.
	if req.URL.Scheme != "https" && !loopback(req.URL.Hostname()) {
		return nil, &plainHTTPError{host: req.URL.Host}
	}
	if g.count.Add(1) > maxRequests {
		return nil, fmt.Errorf("the registry asks for more than %d requests", maxRequests)
	}
	resp, err := g.inner.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	// One byte beyond the largest accepted body, so that the reader can tell.
	resp.Body = &bounded{Reader: io.LimitReader(resp.Body, maxConfig+1), Closer: resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkRedirect lets a registry send blobs from elsewhere, but never over a
// weaker connection. Addresses are the transport's to judge (A6).
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("the registry redirects more than %d times", maxRedirects)
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return &plainHTTPError{host: req.URL.Host}
	}
	return nil
}
