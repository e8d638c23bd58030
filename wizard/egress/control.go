package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// controlHandler is for programs inside the gateway's container alone.
func (g *Gateway) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, g.in.status()) })
	mux.HandleFunc("POST /use", func(w http.ResponseWriter, r *http.Request) {
		address := r.URL.Query().Get("address")
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" {
			http.Error(w, "not host:port", http.StatusBadRequest)
			return
		}
		g.in.use(address)
		writeJSON(w, g.in.status())
	})
	return mux
}

func writeJSON(w http.ResponseWriter, s Status) {
	b, err := json.Marshal(s)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

// Control speaks to the gateway at address, ControlAddress in its container.
type Control struct{ Address string }

// Use sends new requests to the container at address.
func (c Control) Use(ctx context.Context, address string) (Status, error) {
	return c.ask(ctx, http.MethodPost, "/use?address="+address)
}

// Status asks what the gateway does.
func (c Control) Status(ctx context.Context) (Status, error) {
	return c.ask(ctx, http.MethodGet, "/status")
}

// ErrStillBusy says that requests outlasted the wait.
var ErrStillBusy = errors.New("requests are still under way in the old container")

// Drain waits until no request is under way in the container at address, when that
// is empty in all that are no longer in use, or ctx ends: then the error is
// ErrStillBusy.
func (c Control) Drain(ctx context.Context, address string) (Status, error) {
	for {
		s, err := c.Status(context.WithoutCancel(ctx))
		if err != nil || s.Draining(address) == 0 {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("%w: %d", ErrStillBusy, s.Draining(address))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answerTime bounds one question to the gateway or to a container.
const answerTime = 3 * time.Second

func (c Control) ask(ctx context.Context, method, path string) (Status, error) {
	var s Status
	body, err := get(ctx, method, "http://"+c.Address+path)
	if err != nil {
		return s, fmt.Errorf("asking the gateway: %w", err)
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, fmt.Errorf("asking the gateway: %w", err)
	}
	return s, nil
}

// Healthy asks the container at address ("host:port") for its /health; the gateway's
// own target when address is empty.
func (c Control) Healthy(ctx context.Context, address string) error {
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if address == "" {
		address = s.Target
	}
	if _, err := get(ctx, http.MethodGet, "http://"+address+"/health"); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	return nil
}

func get(ctx context.Context, method, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	// The proxy variables of the environment are for the proxy, not for this.
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true, DialContext: dialPatiently}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d: %s", resp.StatusCode, text.Clean(string(bytes.TrimSpace(body)), 120))
	}
	return body, nil
}
