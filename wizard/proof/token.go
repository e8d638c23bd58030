package proof

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Client asks the proxy as Claude Code does.
type Client struct {
	// Base is the proxy's address, http://127.0.0.1:PORT.
	Base string
	http http.Client
}

// askTime bounds one question to the proxy itself, modelTime one to a model.
const (
	askTime   = 5 * time.Second
	modelTime = 60 * time.Second
)

// NewClient returns a client that goes through no other proxy and follows no
// redirect.
func NewClient(base string) *Client {
	return &Client{Base: base, http: http.Client{
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Healthy asks for /health.
func (c *Client) Healthy(ctx context.Context) error {
	status, err := c.ask(ctx, http.MethodGet, "/health", "", secrets.Secret{}, false)
	if err != nil {
		return fmt.Errorf("asking the proxy for its health: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("asking the proxy for its health: it answers %d", status)
	}
	return nil
}

// The two questions that need a token and reach nobody: counting tokens is done by
// the proxy itself, and a message without content is refused after the token was
// checked, before anything is sent. /health needs none, and is no proof.
var asked = []struct{ path, body string }{
	{"/v1/messages/count_tokens", `{"model":"claude-haiku","messages":[{"role":"user","content":"ping"}]}`},
	{"/v1/messages", `{}`},
}

// Token proves that the proxy accepts the token, and refuses a wrong, an empty and
// no token (S-01): an image that is given none lets everybody in. The wrong ones go
// first: the token is shown to nobody who would take any.
func (c *Client) Token(ctx context.Context, token secrets.Secret) []Result {
	wrong, err := secrets.NewToken()
	if err != nil {
		return []Result{{Control: "S-01", Rule: "token-accepted", Outcome: Unknown, Detail: text.Clean(err.Error(), longestDetail)}}
	}
	endpoint := 0
	status, err := c.ask(ctx, http.MethodPost, asked[0].path, asked[0].body, wrong, true)
	if err == nil && (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) {
		endpoint = 1
		status, err = c.ask(ctx, http.MethodPost, asked[1].path, asked[1].body, wrong, true)
	}
	q := asked[endpoint]
	out := []Result{refused("token-wrong", "a wrong token", status, err)}
	status, err = c.ask(ctx, http.MethodPost, q.path, q.body, secrets.Secret{}, true)
	out = append(out, refused("token-empty", "an empty token", status, err))
	status, err = c.ask(ctx, http.MethodPost, q.path, q.body, secrets.Secret{}, false)
	out = append(out, refused("token-none", "a request without a token", status, err))
	accepted := Result{Control: "S-01", Rule: "token-accepted"}
	switch {
	case len(Failed(out)) > 0:
		accepted.Outcome, accepted.Detail = Unknown, "the token was not shown to a proxy that takes others"
		return append(out, accepted)
	case !slices.ContainsFunc(out, func(r Result) bool { return r.Outcome == Held }):
		accepted.Outcome, accepted.Detail = Unknown, "the token was not shown to a proxy that was not seen to refuse another"
		return append(out, accepted)
	}
	status, err = c.ask(ctx, http.MethodPost, q.path, q.body, token, true)
	switch {
	case err != nil:
		accepted.Outcome, accepted.Detail = Broken, "the proxy does not answer: "+text.Clean(err.Error(), longestDetail)
	case isRefusal(status):
		accepted.Outcome, accepted.Detail = Broken, fmt.Sprintf("the proxy refuses the token with %d", status)
	case saysNothing(status) || status/100 == 3:
		accepted.Outcome, accepted.Detail = Unknown, fmt.Sprintf("the proxy answers %d to the token: whether it takes it does not show", status)
	}
	return append(out, accepted)
}

// Answers asks for one answer of a model through the whole chain: token, proxy, API key,
// API. It is the smallest request that there is, and is billed as such; a streaming
// one would begin with 200 whatever becomes of it.
func (c *Client) Answers(ctx context.Context, token secrets.Secret) error {
	const question = `{"model":"claude-haiku","max_tokens":1,"messages":[{"role":"user","content":"ping"}]}`
	for try := 0; ; try++ {
		status, err := c.askFor(ctx, modelTime, http.MethodPost, "/v1/messages", question, token, true)
		switch {
		case err == nil && status == http.StatusOK:
			return nil
		case err == nil:
			err = fmt.Errorf("it answers %d", status)
		}
		busy := status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
		if !busy || try == mostTries-1 {
			return fmt.Errorf("asking a model through the proxy: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// mostTries is how often a busy API is asked.
const mostTries = 3

func isRefusal(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// saysNothing tells whether a status leaves open if the token was looked at.
func saysNothing(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status >= http.StatusInternalServerError
}

func refused(rule, what string, status int, err error) Result {
	r := Result{Control: "S-01", Rule: rule}
	switch {
	case err != nil:
		r.Outcome, r.Detail = Broken, "the proxy does not answer: "+text.Clean(err.Error(), longestDetail)
	case saysNothing(status):
		r.Outcome, r.Detail = Unknown, fmt.Sprintf("the proxy answers %d to %s: whether it checks tokens does not show", status, what)
	case !isRefusal(status):
		r.Outcome, r.Detail = Broken, fmt.Sprintf("the proxy takes %s (it answers %d)", what, status)
	}
	return r
}

// ask sends one question with the token as x-api-key; withHeader says that the header
// is sent, even with an empty token.
func (c *Client) ask(ctx context.Context, method, path, body string, token secrets.Secret, withHeader bool) (int, error) {
	return c.askFor(ctx, askTime, method, path, body, token, withHeader)
}

func (c *Client) askFor(ctx context.Context, limit time.Duration, method, path, body string, token secrets.Secret, withHeader bool) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "clawsetup")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("anthropic-version", "2023-06-01")
	}
	if withHeader {
		b := token.Expose()
		req.Header.Set("x-api-key", string(b))
		clear(b)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, err
}
