package proof

import (
	"context"
	"fmt"
	"io"
	"net/http"
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

// askTime bounds one question to the proxy.
const askTime = 5 * time.Second

// NewClient returns a client that goes through no other proxy and follows no
// redirect.
func NewClient(base string) *Client {
	return &Client{Base: base, http: http.Client{
		Timeout:       askTime,
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
	if len(Failed(out)) > 0 {
		return append(out, Result{Control: "S-01", Rule: "token-accepted", Outcome: Unknown, Detail: "the token was not shown to a proxy that takes others"})
	}
	status, err = c.ask(ctx, http.MethodPost, q.path, q.body, token, true)
	accepted := Result{Control: "S-01", Rule: "token-accepted"}
	switch {
	case err != nil:
		accepted.Outcome, accepted.Detail = Broken, "the proxy does not answer: "+text.Clean(err.Error(), longestDetail)
	case isRefusal(status):
		accepted.Outcome, accepted.Detail = Broken, fmt.Sprintf("the proxy refuses the token with %d", status)
	case status >= http.StatusInternalServerError:
		accepted.Outcome, accepted.Detail = Unknown, fmt.Sprintf("the proxy answers %d, whatever the token", status)
	}
	return append(out, accepted)
}

func isRefusal(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

func refused(rule, what string, status int, err error) Result {
	r := Result{Control: "S-01", Rule: rule}
	switch {
	case err != nil:
		r.Outcome, r.Detail = Broken, "the proxy does not answer: "+text.Clean(err.Error(), longestDetail)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status >= http.StatusInternalServerError:
		r.Outcome, r.Detail = Unknown, fmt.Sprintf("the proxy answers %d to %s: whether it checks tokens does not show", status, what)
	case !isRefusal(status):
		r.Outcome, r.Detail = Broken, fmt.Sprintf("the proxy takes %s (it answers %d)", what, status)
	}
	return r
}

// ask sends one question with the token as x-api-key; withHeader says that the header
// is sent, even with an empty token.
func (c *Client) ask(ctx context.Context, method, path, body string, token secrets.Secret, withHeader bool) (int, error) {
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
