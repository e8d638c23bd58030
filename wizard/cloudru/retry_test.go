package cloudru

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

// pipes is a listener whose connections are in memory: a socket of the kernel would
// stop the clock of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	// broken dials fail, the next ones first.
	broken int
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if p.broken > 0 {
		p.broken--
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var testKey = secrets.New([]byte("made-up-key-0123456789"))

const testModel = "zai-org/GLM-5.1"

// simulate runs test with a simulator and a client of it, all in a synctest bubble.
func simulate(t *testing.T, test func(t *testing.T, sim *cloudrutest.Server, wire *pipes, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := cloudrutest.NewHandler(cloudrutest.WithKey(testKey))
		wire := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: sim, ReadHeaderTimeout: time.Hour, ErrorLog: log.New(io.Discard, "", 0)}
		go func() { _ = srv.Serve(wire) }()
		tr := &http.Transport{DialContext: wire.dial}
		test(t, sim, wire, New(&url.URL{Scheme: "http", Host: "api", Path: "/v1"}, &http.Client{Transport: tr}))
		tr.CloseIdleConnections()
		_ = srv.Close()
	})
}

func TestRetriesUntilItWorks(t *testing.T) {
	for name, f := range map[string]cloudrutest.Fault{
		"429": cloudrutest.RateLimit(0), "500": cloudrutest.Refuse(500, "Internal", "x"), "503": cloudrutest.Refuse(503, "", ""),
		"502 page": cloudrutest.Body(502, "text/html", []byte("<html>")), "dropped": cloudrutest.Drop(), "408": cloudrutest.Refuse(408, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
				sim.Fail(3, f)
				start := time.Now()
				p, err := c.Prove(t.Context(), testKey, testModel)
				if err != nil {
					t.Fatal(err)
				}
				// 0.3, 0.6 and 1.2 s, each by half more or less.
				if took := time.Since(start); took < 1050*time.Millisecond || took > 3150*time.Millisecond {
					t.Errorf("took %v", took)
				}
				if p.Latency > 100*time.Millisecond {
					t.Errorf("the latency %v counts earlier tries", p.Latency)
				}
				// net/http itself repeats what a dropped connection of its pool took; no more.
				if n := len(sim.Requests()); n != 4 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestNetworkIsTriedAgain(t *testing.T) {
	simulate(t, func(t *testing.T, _ *cloudrutest.Server, wire *pipes, c *Client) {
		wire.broken = 2
		if _, err := c.Models(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTriesAreBounded(t *testing.T) {
	simulate(t, func(t *testing.T, sim *cloudrutest.Server, wire *pipes, c *Client) {
		sim.Fail(100, cloudrutest.Refuse(500, "Internal", "broken"))
		_, err := c.Prove(t.Context(), testKey, testModel)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Server || e.Detail != "broken" || len(sim.Requests()) != maxTries {
			t.Errorf("%d requests, %v", len(sim.Requests()), err)
		}
		wire.broken = 100
		c.http.CloseIdleConnections()
		_, err = c.Models(t.Context())
		if h, _ := hint.Of(err); !errors.As(err, &e) || e.Kind != Network || h.ID != "api-network" || wire.broken != 100-maxTries {
			t.Errorf("%d dials, %v", 100-wire.broken, err)
		}
	})
}

func TestMissingNameIsNotTriedAgain(t *testing.T) {
	asked := 0
	_, e := retry(t.Context(), time.Minute, func(context.Context) (int, *Error) {
		asked++
		return 0, transportError(&url.Error{Op: "Get", URL: "x", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}, scrubber{})
	})
	if e == nil || e.Kind != Network || asked != 1 {
		t.Errorf("asked %d times, %v", asked, e)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
		sim.Fail(1, cloudrutest.RateLimit(7*time.Second))
		start := time.Now()
		if _, err := c.Prove(t.Context(), testKey, testModel); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// What the server asks for is beyond the budget: waiting for it would be in vain.
func TestRetryAfterBeyondTheBudget(t *testing.T) {
	simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
		sim.Fail(1, cloudrutest.RateLimit(60*time.Second))
		start := time.Now()
		_, err := c.Prove(t.Context(), testKey, testModel)
		var e *Error
		if !errors.As(err, &e) || e.Kind != RateLimited || e.RetryAfter != time.Minute || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if h, _ := hint.Of(err); h.ID != "api-wait" || h.Args[0] != 60 {
			t.Errorf("%v", h)
		}
	})
}

func TestBudget(t *testing.T) {
	for name, f := range map[string]cloudrutest.Fault{"hang": cloudrutest.Hang(), "slow": cloudrutest.Slow(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
				sim.Fail(10, f)
				start := time.Now()
				_, err := c.Prove(t.Context(), testKey, testModel)
				var e *Error
				if !errors.As(err, &e) || e.Kind != Timeout || time.Since(start) != defaultBudget {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		})
	}
	t.Run("429 every 3 s", func(t *testing.T) {
		simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
			WithBudget(10 * time.Second)(c)
			sim.Fail(100, cloudrutest.RateLimit(3*time.Second))
			start := time.Now()
			_, err := c.Prove(t.Context(), testKey, testModel)
			var e *Error
			if !errors.As(err, &e) || e.Kind != RateLimited || time.Since(start) > 10*time.Second || len(sim.Requests()) != 4 {
				t.Errorf("%d requests, %v after %v", len(sim.Requests()), err, time.Since(start))
			}
		})
	})
	t.Run("caller's deadline", func(t *testing.T) {
		simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
			sim.Fail(100, cloudrutest.Refuse(500, "", "broken"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.Prove(ctx, testKey, testModel)
			var e *Error
			if !errors.As(err, &e) || e.Kind != Timeout || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
}

func TestGivenUpWhileWaiting(t *testing.T) {
	simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
		sim.Fail(1, cloudrutest.RateLimit(10*time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Second, cancel)
		start := time.Now()
		_, err := c.Prove(ctx, testKey, testModel)
		var e *Error
		if !errors.As(err, &e) || e.Kind != Canceled || time.Since(start) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSlowAnswerCounts(t *testing.T) {
	simulate(t, func(t *testing.T, sim *cloudrutest.Server, _ *pipes, c *Client) {
		sim.Fail(1, cloudrutest.Slow(5*time.Second))
		p, err := c.Prove(t.Context(), testKey, testModel)
		if err != nil || p.Latency != 5*time.Second {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 9, 30, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 0 ": 0, "-5": 0, "1.5": 0, "x": 0, "99999999999999999999": 0, "2000000000": maxWait,
		"Wed, 30 Sep 2026 12:00:30 GMT": 30 * time.Second, "Wed, 30 Sep 2026 11:00:00 GMT": 0, "Wed, 30 Sep 2099 11:00:00 GMT": maxWait,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
