package egress

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestControlTakesNoNonsense(t *testing.T) {
	g := start(t, "https://localhost:443", nobody)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/use?address=nonsense", http.StatusBadRequest},
		{"POST", "/use?address=a:b:1", http.StatusBadRequest},
		{"POST", "/use?address=[::1]", http.StatusBadRequest},
		{"GET", "/use?address=127.0.0.1:2", http.StatusMethodNotAllowed},
		{"POST", "/status", http.StatusMethodNotAllowed},
		{"GET", "/", http.StatusNotFound},
	} {
		if status, text := ask(t, g.Control, c.method+" "+c.path+" HTTP/1.1\r\nHost: x\r\n\r\n"); status != c.want {
			t.Errorf("%s %s: %d %q", c.method, c.path, status, text)
		}
	}
	if _, err := g.control().Use(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), "400") {
		t.Error(err)
	}
	if s, err := g.control().Status(t.Context()); err != nil || s.Target != nobody || s.Busy != 0 || s.Draining("") != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestHealthy(t *testing.T) {
	answers := func(status int, text string) string {
		return container(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/health" {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		})
	}
	g := start(t, "https://localhost:443", answers(200, "ok"))
	ill := answers(500, "\x1b[2Jout of\norder "+strings.Repeat("x", 1000))
	for address, want := range map[string]string{
		"": "", ill: "asking the proxy: it answers 500: ·[2Jout of order xxx", freeAddresses(t, 1)[0]: "asking the proxy: ",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		err := g.control().Healthy(ctx, address)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want) || len(err.Error()) > 200) {
			t.Errorf("%q: %v, want %q", address, err, want)
		}
	}
	// An empty address follows the gateway.
	if _, err := g.control().Use(t.Context(), ill); err != nil {
		t.Fatal(err)
	}
	if err := g.control().Healthy(t.Context(), ""); err == nil {
		t.Error("the container in use is ill")
	}
}

func TestControlOfWhatIsNoGateway(t *testing.T) {
	for address, want := range map[string]string{
		freeAddresses(t, 1)[0]:                 "context deadline exceeded",
		container(t, says("<html>", nil, nil)): "invalid character '<'",
		container(t, http.NotFound):            "it answers 404: 404 page not found",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		c := Control{Address: address}
		if s, err := c.Status(ctx); err == nil || !strings.HasPrefix(err.Error(), "asking the gateway: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v, want %s", s, err, want)
		}
		if err := c.Healthy(ctx, nobody); err == nil {
			t.Error("it is healthy")
		}
		cancel()
	}
}
