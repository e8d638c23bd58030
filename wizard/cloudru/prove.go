package cloudru

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// nearBudget bounds the search for the model that was meant.
const nearBudget = 3 * time.Second

// Proof says that a key works with a model.
type Proof struct {
	// Model is the id that answered.
	Model string
	// Latency is the time from the request to the whole answer, without earlier tries.
	Latency time.Duration
}

// Prove asks the model for one token with the key: the API looks at a key nowhere
// else. The token is charged. Failures are an Error in the chain.
func (c *Client) Prove(ctx context.Context, key secrets.Secret, model string) (Proof, error) {
	p, e := c.prove(ctx, key, model)
	if e == nil {
		return p, nil
	}
	near := ""
	if e.Kind == UnknownModel {
		near = c.nearest(ctx, model)
	}
	model = text.Clean(model, maxID)
	err := hint.Doing(e.say(), fmt.Sprintf("proving the key with %s on %s", model, c.base.Host), "proving-key", model, c.base.Host)
	return Proof{}, e.advise(err, c.base.Host, model, near)
}

func (c *Client) prove(ctx context.Context, key secrets.Secret, model string) (Proof, *Error) {
	if key.IsZero() {
		return Proof{}, &Error{Kind: WrongKey, Detail: "there is no key"}
	}
	if !validID(model) {
		return Proof{}, &Error{Kind: UnknownModel, Detail: "no model has such an id"}
	}
	body, err := json.Marshal(map[string]any{
		"model":      model,
		"messages":   []map[string]string{{"role": "user", "content": "ping"}},
		"max_tokens": 1,
		"stream":     false,
	})
	if err != nil {
		return Proof{}, &Error{Kind: BadRequest, Err: err}
	}
	return retry(ctx, c.budget, func(ctx context.Context) (Proof, *Error) {
		start := time.Now()
		answer, e := c.once(ctx, call{
			method: http.MethodPost, path: "chat/completions", body: body, key: key, limit: maxCompletion,
		})
		if e == nil {
			e = checkCompletion(answer)
		}
		return Proof{Model: model, Latency: time.Since(start)}, e
	})
}

// checkCompletion tells a completion from anything else that is 200: a portal, another
// API. The content may be empty: reasoning models spend the token on thinking.
func checkCompletion(body []byte) *Error {
	var answer struct {
		Choices []struct {
			Message map[string]json.RawMessage `json:"message"`
		} `json:"choices"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Choices) == 0 || answer.Choices[0].Message == nil {
		return &Error{Kind: Malformed, Status: http.StatusOK, Detail: "there is no completion in it"}
	}
	return nil
}

// nearest is the model of the catalogue that was probably meant; "" when there is
// none, or the catalogue cannot be had: it only improves an error.
func (c *Client) nearest(ctx context.Context, id string) string {
	limited, cancel := context.WithTimeout(ctx, min(nearBudget, c.budget))
	defer cancel()
	models, e := c.catalogue(limited)
	if e != nil {
		return ""
	}
	return Suggest(models, id)
}
