package cloudru_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

const (
	canary = "ZmFrZS1jYW5hcnkta2V5LW9mLXRlc3Rz.c0ffee-9931" // a made-up key
	model  = "zai-org/GLM-5.1"
)

func goodKey() secrets.Secret { return secrets.New([]byte(canary)) }

// start runs a simulator that knows the good key, and a client of it over a real socket.
func start(t *testing.T, opts ...cloudru.Option) (*cloudrutest.Server, *cloudru.Client) {
	t.Helper()
	sim := cloudrutest.NewHandler(cloudrutest.WithKey(goodKey()))
	e, err := sim.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, cloudru.New(e.URL, safedial.Policy{AllowPrivate: true}.Client(), opts...)
}

// checkNoKey fails when the key, or an encoding of it, can be had from err by printing.
func checkNoKey(t *testing.T, err error) {
	t.Helper()
	var all strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(&all, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
		slog.New(slog.NewTextHandler(&all, nil)).Error("x", "err", err)
		switch u := any(err).(type) {
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	var e *cloudru.Error
	if errors.As(err, &e) {
		fmt.Fprintf(&all, "%+v %#v", *e, *e)
	}
	if h, ok := hint.Of(err); ok {
		fmt.Fprintf(&all, "%+v", h)
	}
	for _, form := range []string{
		canary, canary[:20], canary[len(canary)-12:], hex.EncodeToString([]byte(canary)),
		base64.StdEncoding.EncodeToString([]byte(canary))[:24], base64.StdEncoding.EncodeToString([]byte(":" + canary))[:24],
	} {
		if strings.Contains(all.String(), form) {
			t.Errorf("the error tells %q of the key:\n%s", form, all.String())
		}
	}
}

func kindOf(err error) cloudru.Kind {
	var e *cloudru.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestProve(t *testing.T) {
	sim, c := start(t)
	p, err := c.Prove(t.Context(), goodKey(), model)
	if err != nil {
		t.Fatal(err)
	}
	if p.Model != model || p.Latency <= 0 {
		t.Errorf("%+v", p)
	}
	if n := sim.Count("/v1/chat/completions"); n != 1 {
		t.Errorf("%d requests", n)
	}
	if r := sim.Requests()[0]; r.KeySHA256 == "" || strings.Contains(fmt.Sprintf("%+v", r), canary) {
		t.Errorf("remembered %+v", r)
	}
}

// Every refusal of the API is told apart, and none but the temporary ones is asked again.
func TestRefusals(t *testing.T) {
	wrong := secrets.New([]byte("some-other-key-1234567890"))
	for name, c := range map[string]struct {
		key    secrets.Secret
		model  string
		prep   func(*cloudrutest.Server)
		kind   cloudru.Kind
		status int
		hint   string
		detail string
	}{
		"wrong key":        {key: wrong, kind: cloudru.WrongKey, status: 400, hint: "key-refused", detail: "invalid api key secret"},
		"wrong key, 401":   {prep: fault(cloudrutest.Refuse(401, "", "no")), kind: cloudru.WrongKey, status: 401, hint: "key-refused", detail: "no"},
		"revoked":          {prep: func(s *cloudrutest.Server) { s.RevokeKey(goodKey()) }, kind: cloudru.WrongKey, status: 400, hint: "key-refused"},
		"no key":           {key: secrets.New([]byte{}), kind: cloudru.WrongKey, hint: "key-refused"},
		"key with a break": {key: secrets.New([]byte(canary + "\r\nX: y")), kind: cloudru.WrongKey, hint: "key-refused"},
		"not connected":    {prep: func(s *cloudrutest.Server) { s.Disconnect(model) }, kind: cloudru.NotConnected, status: 403, hint: "model-not-connected"},
		"unknown model":    {model: "nobody/knows", kind: cloudru.UnknownModel, status: 404, hint: "model-unknown"},
		"case of model":    {model: "zai-org/glm-5.1", kind: cloudru.UnknownModel, status: 404, hint: "model-near"},
		"model to inject":  {model: "a\x1b[2J\nb", kind: cloudru.UnknownModel, hint: "model-unknown"},
		"other 400":        {prep: fault(cloudrutest.Refuse(400, "InvalidArgument", "max_tokens is too low")), kind: cloudru.BadRequest, status: 400, hint: "api-refused", detail: "max_tokens is too low"},
		"402":              {prep: fault(cloudrutest.Refuse(402, "Payment", "no money")), kind: cloudru.BadRequest, status: 402, hint: "api-refused", detail: "no money"},
		"portal":           {prep: fault(cloudrutest.Body(200, "text/html", []byte("<html>log in"))), kind: cloudru.Malformed, status: 200, hint: "api-not-cloudru"},
		"portal, 403":      {prep: fault(cloudrutest.Body(403, "text/html", []byte("<html>blocked"))), kind: cloudru.Malformed, status: 403, hint: "api-not-cloudru", detail: "a web page"},
		"garbage":          {prep: fault(cloudrutest.Body(200, "application/json", []byte(`{"choices":[{"x"`))), kind: cloudru.Malformed, status: 200, hint: "api-not-cloudru"},
		"no choices":       {prep: fault(cloudrutest.Body(200, "application/json", []byte(`{"choices":[]}`))), kind: cloudru.Malformed, status: 200, hint: "api-not-cloudru"},
		"204":              {prep: fault(cloudrutest.Body(204, "", nil)), kind: cloudru.Malformed, status: 204, hint: "api-not-cloudru"},
		"huge":             {prep: fault(cloudrutest.Huge(2 << 20)), kind: cloudru.TooLarge, status: 200, hint: "api-not-cloudru"},
		"redirect":         {prep: fault(cloudrutest.Redirect("https://evil.example/v1?k=v")), kind: cloudru.Redirect, status: 307, hint: "api-not-cloudru", detail: "to evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			sim, client := start(t)
			if c.prep != nil {
				c.prep(sim)
			}
			key, id := goodKey(), model
			if c.key.Len() > 0 || name == "no key" {
				key = c.key
			}
			if c.model != "" {
				id = c.model
			}
			_, err := client.Prove(t.Context(), key, id)
			checkNoKey(t, err)
			var e *cloudru.Error
			if !errors.As(err, &e) || e.Kind != c.kind || e.Status != c.status {
				t.Fatalf("%v: %+v, want %s %d", err, e, c.kind, c.status)
			}
			if e.Detail != c.detail && c.detail != "" {
				t.Errorf("detail %q", e.Detail)
			}
			if h, _ := hint.Of(err); h.ID != c.hint {
				t.Errorf("hint %+v", h)
			}
			if errors.Is(err, cloudru.ErrUnknownModel) != (c.kind == cloudru.UnknownModel) {
				t.Error("ErrUnknownModel")
			}
			if n := sim.Count("/v1/chat/completions"); n > 1 {
				t.Errorf("asked %d times", n)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
		})
	}
}

func fault(f cloudrutest.Fault) func(*cloudrutest.Server) {
	return func(s *cloudrutest.Server) { s.Fail(1, f) }
}

func TestNearModelIsNamed(t *testing.T) {
	_, c := start(t)
	_, err := c.Prove(t.Context(), goodKey(), "GLM-5.1")
	if h, _ := hint.Of(err); h.ID != "model-near" || len(h.Args) != 1 || h.Args[0] != model {
		t.Errorf("%+v of %v", h, err)
	}
}

// A server that repeats what it got must not make us print it (I-02).
func TestEchoedKey(t *testing.T) {
	key := []byte(canary)
	for name, f := range map[string]cloudrutest.Fault{
		"400": cloudrutest.Echo(400), "403": cloudrutest.Echo(403), "404": cloudrutest.Echo(404), "418": cloudrutest.Echo(418),
		"plain":     cloudrutest.Body(400, "text/plain", []byte("got Bearer "+canary+" and "+canary)),
		"part":      cloudrutest.Body(400, "text/plain", []byte("got "+canary[:30]+"…")),
		"hex":       cloudrutest.Body(400, "text/plain", []byte("got "+hex.EncodeToString(key))),
		"base64":    cloudrutest.Body(400, "text/plain", []byte("got "+base64.StdEncoding.EncodeToString(key))),
		"basic":     cloudrutest.Body(400, "text/plain", []byte("got "+base64.StdEncoding.EncodeToString([]byte(":"+canary)))),
		"cut":       cloudrutest.Body(400, "text/plain", []byte(strings.Repeat("x", 180)+canary)),
		"far":       cloudrutest.Body(400, "text/plain", []byte(strings.Repeat(" ", 8<<10-30)+canary)),
		"json name": cloudrutest.Body(400, "application/json", []byte(`{"error":{"code":"`+canary+`"}}`)),
		"redirect":  cloudrutest.Redirect("https://" + canary + ".example/" + canary),
		"ok":        cloudrutest.Body(200, "application/json", []byte(`{"echo":"`+canary+`"}`)),
	} {
		t.Run(name, func(t *testing.T) {
			sim, c := start(t)
			sim.Fail(1, f)
			_, err := c.Prove(t.Context(), goodKey(), model)
			if err == nil {
				t.Fatal("no error")
			}
			checkNoKey(t, err)
		})
	}
}

// A peer that speaks no HTTP gets its words quoted by net/http.
func TestEchoedKeyBelowHTTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = fmt.Fprintf(conn, "Bearer %s\r\n\r\n", canary)
			_ = conn.Close()
		}
	}()
	c := cloudru.New(&url.URL{Scheme: "http", Host: l.Addr().String()}, safedial.Policy{AllowPrivate: true}.Client())
	_, err = c.Prove(t.Context(), goodKey(), model)
	if kindOf(err) != cloudru.Malformed {
		t.Errorf("%v", err)
	}
	checkNoKey(t, err)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var touched atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	defer other.Close()
	sim := cloudrutest.NewHandler(cloudrutest.WithKey(goodKey()))
	e, err := sim.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	// Even a client that would follow, with the header, does not.
	eager := &http.Client{Transport: safedial.Policy{AllowPrivate: true}.Transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
		r.Header = via[0].Header.Clone()
		return nil
	}}
	c := cloudru.New(e.URL, eager)
	sim.Fail(2, cloudrutest.Redirect(other.URL))
	if _, err := c.Prove(t.Context(), goodKey(), model); kindOf(err) != cloudru.Redirect {
		t.Errorf("prove: %v", err)
	}
	if _, err := c.Models(t.Context()); kindOf(err) != cloudru.Redirect {
		t.Errorf("models: %v", err)
	}
	if touched.Load() != 0 {
		t.Error("the other host was asked")
	}
}

func TestForbiddenAddress(t *testing.T) {
	sim := cloudrutest.NewHandler(cloudrutest.WithKey(goodKey()))
	e, err := sim.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for _, hc := range []*http.Client{nil, safedial.Policy{}.Client()} {
		_, err := cloudru.New(e.URL, hc).Prove(t.Context(), goodKey(), model)
		checkNoKey(t, err)
		if h, _ := hint.Of(err); kindOf(err) != cloudru.ForbiddenAddress || !errors.Is(err, safedial.ErrForbiddenAddress) || h.ID != "allow-private-api" {
			t.Errorf("%v, hint %v", err, h)
		}
	}
	if n := len(sim.Requests()); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

func TestTLSFaults(t *testing.T) {
	for name, c := range map[string]struct {
		cert     cloudrutest.Certificate
		distrust bool
		want     cloudru.TLSFault
	}{
		"good":      {},
		"expired":   {cert: cloudrutest.Certificate{NotAfter: time.Now().Add(-time.Hour)}, want: cloudru.TLSExpired},
		"authority": {distrust: true, want: cloudru.TLSAuthority},
		"host":      {cert: cloudrutest.Certificate{Hosts: []string{"evil.example"}}, want: cloudru.TLSHost},
		"protocol":  {cert: cloudrutest.Certificate{MaxVersion: tls.VersionTLS11}, want: cloudru.TLSProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			sim := cloudrutest.NewHandler(cloudrutest.WithKey(goodKey()))
			e, err := sim.StartTLS(c.cert)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			tr := safedial.Policy{AllowPrivate: true}.Transport()
			defer tr.CloseIdleConnections()
			if !c.distrust {
				tr.TLSClientConfig.RootCAs = e.Roots
			}
			_, err = cloudru.New(e.URL, &http.Client{Transport: tr}).Prove(t.Context(), goodKey(), model)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkNoKey(t, err)
			var failed *cloudru.Error
			if !errors.As(err, &failed) || failed.Kind != cloudru.TLS || failed.TLS != c.want {
				t.Errorf("%v: %+v", err, failed)
			}
			if h, _ := hint.Of(err); h.ID != "api-tls-"+strings.ReplaceAll(string(c.want), "_", "-") {
				t.Errorf("hint %v", h)
			}
			if n := len(sim.Requests()); n != 0 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestPlainServerBehindHTTPS(t *testing.T) {
	e, err := cloudrutest.NewHandler().Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	u := *e.URL
	u.Scheme = "https"
	_, err = cloudru.New(&u, safedial.Policy{AllowPrivate: true}.Client()).Models(t.Context())
	var failed *cloudru.Error
	if !errors.As(err, &failed) || failed.TLS != cloudru.TLSAbsent {
		t.Errorf("%v", err)
	}
}

func TestGivingUp(t *testing.T) {
	sim, c := start(t)
	arrived := make(chan struct{})
	sim.Fail(1, func(_ http.ResponseWriter, r *http.Request) bool {
		close(arrived)
		<-r.Context().Done()
		return true
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := c.Prove(ctx, goodKey(), model)
	if kindOf(err) != cloudru.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, hinted := hint.Of(err); hinted {
		t.Error("advice for somebody who gave up")
	}
}

func TestModelsSendsNoKeyAndIsFiltered(t *testing.T) {
	sim, c := start(t)
	models, err := c.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := sim.Requests()[0]; r.KeySHA256 != "" {
		t.Error("a key was sent")
	}
	abroad := 0
	for i, m := range models {
		if !m.FunctionCalling || strings.Contains(m.ID, "whisper") || strings.Contains(m.ID, "T-lite") || strings.Contains(m.ID, "mbedd") {
			t.Errorf("%+v", m)
		}
		if m.LeavesRussia() {
			abroad++
		} else if abroad > 0 {
			t.Errorf("%s stays in Russia and comes at %d, after one that leaves", m.ID, i)
		}
	}
	if len(models) != 13 || abroad != 2 {
		t.Errorf("%d models, %d abroad", len(models), abroad)
	}
	m, ok := cloudru.Find(models, model)
	if !ok || m.Context != 202_752 || m.PromptPrice != 120 || m.OutputPrice != 240 || !m.Billable || m.Provider != "cloud.ru" {
		t.Errorf("%+v", m)
	}
}

func TestModelsRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		fault cloudrutest.Fault
		kind  cloudru.Kind
	}{
		"other API":   {cloudrutest.Refuse(404, "", "not found"), cloudru.Malformed},
		"no list":     {cloudrutest.Body(200, "application/json", []byte(`{}`)), cloudru.Malformed},
		"bad entries": {cloudrutest.Body(200, "application/json", []byte(`{"data":[{"id":"a\u001b[2J"},7]}`)), cloudru.Malformed},
		"huge":        {cloudrutest.Huge(5 << 20), cloudru.TooLarge},
		"too many":    {cloudrutest.Body(200, "application/json", []byte(`{"data":[`+strings.Repeat("0,", 5000)+`0]}`)), cloudru.TooLarge},
		"html":        {cloudrutest.Body(200, "text/html", []byte(`<html>`)), cloudru.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			sim, client := start(t)
			sim.Fail(1, c.fault)
			if models, err := client.Models(t.Context()); kindOf(err) != c.kind {
				t.Errorf("%v, %v", models, err)
			}
			if n := len(sim.Requests()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}
