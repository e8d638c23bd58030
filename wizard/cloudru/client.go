// Package cloudru asks the API of cloud.ru Foundation Models which models there
// are, and proves that a key works with one of them.
//
// The API is the OpenAI one: GET /models and POST /chat/completions. What this
// package knows of its answers beyond that was measured or read (2026-09): GET /models
// answers without looking at the key, so that only a completion proves one; a wrong
// key is 400 "invalid api key secret", a model that is not connected 403, an
// unknown one 404. https://cloud.ru/docs/foundation-models
package cloudru

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// DefaultBase is the address of the API.
const DefaultBase = "https://foundation-models.api.cloud.ru/v1"

const (
	// defaultBudget is what one question may take, retries and waits included.
	defaultBudget = 20 * time.Second
	userAgent     = "clawsetup"

	maxCatalogue  = 4 << 20
	maxCompletion = 1 << 20
	// maxRefusal is how much of a refusal is read; the rest is not looked at.
	maxRefusal = 64 << 10
)

// Client asks one API. It is safe for concurrent use.
type Client struct {
	base   url.URL
	http   http.Client
	budget time.Duration
}

// Option changes a Client.
type Option func(*Client)

// WithBudget sets what one question may take in all, retries and waits included.
// The default is 20 seconds.
func WithBudget(d time.Duration) Option { return func(c *Client) { c.budget = d } }

// New returns a client of the API at base, as safedial's CheckURL accepted it.
// Requests go through hc, which must dial safely (safedial.Policy.Client); nil
// stands for the public Internet alone. Whatever hc says, no redirect is followed
// and no cookie is kept: the key goes to base and nowhere else (S-04).
func New(base *url.URL, hc *http.Client, opts ...Option) *Client {
	c := &Client{budget: defaultBudget}
	if base != nil {
		c.base = url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path}
	}
	if hc == nil {
		hc = safedial.Policy{}.Client()
	}
	c.http = http.Client{
		Transport:     hc.Transport,
		Timeout:       hc.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, o := range opts {
		o(c)
	}
	return c
}

// call is one question to the API.
type call struct {
	method, path string
	body         []byte
	// key is sent when there is one.
	key secrets.Secret
	// limit bounds the answer, in bytes.
	limit int64
}

// once asks once and returns the body of a 200.
func (c *Client) once(ctx context.Context, q call) ([]byte, *Error) {
	scrub := newScrubber(q.key)
	resp, err := c.send(ctx, q)
	if err != nil {
		return nil, transportError(err, scrub)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		// What was read of a refusal before the connection broke is still its reason.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		return nil, refusal(resp, body, scrub)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, q.limit+1))
	if err != nil {
		return nil, transportError(fmt.Errorf("reading the answer: %w", err), scrub)
	}
	if int64(len(body)) > q.limit {
		return nil, &Error{Kind: TooLarge, Status: resp.StatusCode, Detail: fmt.Sprintf("more than %d bytes", q.limit)}
	}
	return body, nil
}

func (c *Client) send(ctx context.Context, q call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, c.base.JoinPath(q.path).String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if len(q.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if err := authorize(req, q.key); err != nil {
		return nil, err
	}
	return c.http.Do(req)
}

var errNotAKey = errors.New("the key holds characters that no key has")

// authorize puts the key into the one place it travels in (I-01, I-02).
func authorize(req *http.Request, key secrets.Secret) error {
	b := key.Expose()
	defer clear(b)
	if len(b) == 0 {
		return nil
	}
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return errNotAKey
		}
	}
	var header strings.Builder
	header.WriteString("Bearer ")
	header.Write(b)
	req.Header.Set("Authorization", header.String())
	return nil
}
