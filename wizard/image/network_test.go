package image_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

func TestResolveRefusals(t *testing.T) {
	for _, c := range []struct {
		refusal imagetest.Refusal
		hint    string
	}{
		{imagetest.Refusal{Status: 401, Code: "UNAUTHORIZED", Message: "no"}, "image-login"},
		{imagetest.Refusal{Status: 403, Code: "DENIED", Message: "no\x1b[2J"}, "image-login"},
		{imagetest.Refusal{Status: 404, Code: "MANIFEST_UNKNOWN", Message: "no"}, "image-not-found"},
		{imagetest.Refusal{Status: 429, Code: "TOOMANYREQUESTS", Message: "You have reached your pull rate limit"}, "image-rate-limit"},
		{imagetest.Refusal{Status: 418, Code: "TEAPOT", Message: strings.Repeat("x", 10000)}, "image-registry-failed"},
	} {
		r := start(t)
		p := push(t, r, imagetest.ProxyOptions{})
		r.Refuse(&c.refusal)
		_, err := resolver(t).Resolve(t.Context(), p.Reference)
		wantHint(t, err, c.hint)
		var e *image.RegistryError
		if !errors.As(err, &e) || e.Status != c.refusal.Status {
			t.Errorf("%d: %v", c.refusal.Status, err)
		}
		if c.refusal.Status == 429 && r.Requests() > 2 {
			t.Errorf("a rate limit was answered with %d requests", r.Requests())
		}
	}
}

func TestResolveUnknown(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	_, err := resolver(t).Resolve(t.Context(), p.Repository+":absent")
	wantHint(t, err, "image-not-found")
}

// TestResolveRetries checks that a registry in trouble gets another chance.
func TestResolveRetries(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	failures := 2
	res := resolver(t)
	inner := res.Transport
	res.Transport = roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Scheme == "http" && strings.Contains(req.URL.Path, "/manifests/latest") && failures > 0 {
			failures--
			rec := httptest.NewRecorder()
			rec.WriteHeader(http.StatusBadGateway)
			return rec.Result(), nil
		}
		return inner.RoundTrip(req)
	})
	if img, err := res.Resolve(t.Context(), p.Reference); err != nil || img.Digest != p.Digest || failures != 0 {
		t.Fatalf("%v, %d failures left", err, failures)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestResolveNetwork(t *testing.T) {
	r := imagetest.NewRegistry()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	host := r.Host()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := resolver(t).Resolve(t.Context(), host+"/a/b")
	wantHint(t, err, "image-network")
}

func TestResolveTime(t *testing.T) {
	block := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-block:
		case <-req.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(block)
	ref := strings.TrimPrefix(srv.URL, "http://") + "/a/b"
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := resolver(t).Resolve(ctx, ref)
	wantHint(t, err, "image-timeout")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := resolver(t).Resolve(ctx, ref); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestResolveTLS checks that a certificate nobody vouches for and plain HTTP beyond this
// machine are refused, each in its own words.
func TestResolveTLS(t *testing.T) {
	srv := httptest.NewTLSServer(imagetest.NewRegistry())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	defer srv.Close()
	res := resolver(t)
	res.Transport = redirectDial(srv.Listener.Addr().String())
	_, err := res.Resolve(t.Context(), "registry.example/a/b")
	wantHint(t, err, "image-tls")

	plain := start(t)
	push(t, plain, imagetest.ProxyOptions{})
	for _, host := range []string{"registry.example", "10.1.2.3", "192.168.1.1:5000", "evil.localhost:5000"} {
		res.Transport = redirectDial(plain.Host())
		_, err := res.Resolve(t.Context(), host+"/"+repo)
		wantHint(t, err, "image-plain-http")
		if n := plain.Requests(); n != 0 {
			t.Fatalf("%s: %d requests reached the plain registry", host, n)
		}
	}
}

// redirectDial connects every name to one address, as a liar in the network would.
func redirectDial(addr string) http.RoundTripper {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}}
}

func TestResolveRedirectToPlainHTTP(t *testing.T) {
	plain := start(t)
	push(t, plain, imagetest.ProxyOptions{})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/v2/" {
			http.Redirect(w, req, "http://"+plain.Host()+req.URL.Path, http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	res := resolver(t)
	// The server's own client trusts its certificate, which is for example.com.
	res.Transport = srv.Client().Transport
	_, err := res.Resolve(t.Context(), "example.com/"+repo)
	wantHint(t, err, "image-plain-http")
	if plain.Requests() != 0 {
		t.Fatal("the plain registry was asked")
	}
}
