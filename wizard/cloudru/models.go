package cloudru

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

const (
	maxModels = 4096
	// maxID and maxProvider bound foreign names, in bytes.
	maxID       = 128
	maxProvider = 64
	// maxTokens and maxPrice are beyond what any model has; a larger number is an error of
	// the catalogue.
	maxTokens = 1 << 30
	maxPrice  = 1e9
	// insideRussia is the provider of the models that cloud.ru hosts itself.
	insideRussia = "cloud.ru"
)

// Model is a language model of the catalogue that can call functions.
type Model struct {
	// ID is what a request names: printable ASCII, case and prefix matter.
	ID string
	// Provider is who runs the model; "" when the catalogue does not say.
	Provider string
	// Context is the window in tokens; 0 when the catalogue does not say.
	Context int
	// FunctionCalling is true of every model that Client.Models returns.
	FunctionCalling bool
	// PromptPrice and OutputPrice are roubles per million tokens; 0 when the model
	// costs nothing or the catalogue does not say.
	PromptPrice, OutputPrice float64
	// Billable tells whether use is charged. Unless the catalogue denies it, it is.
	Billable bool
}

// LeavesRussia tells whether what is sent to the model may leave Russia. cloud.ru
// hosts the models of provider "cloud.ru" itself and passes the others on to their
// providers. A model without a provider counts as leaving: nobody vouches for it.
func (m Model) LeavesRussia() bool { return m.Provider != insideRussia }

// Models returns the language models that can call functions: those that stay in
// Russia first, each group by id. An entry that cannot be read, or whose id cannot
// be trusted on a terminal or in a file, is left out; it is an error when that leaves
// nothing of a catalogue. The API does not look at a key here, and none is sent.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	models, e := retry(ctx, c.budget, c.catalogue)
	if e != nil {
		return nil, e.advise(hint.Doing(e.say(), "listing the models of "+c.base.Host, "listing-models", c.base.Host), c.base.Host, "", "")
	}
	return models, nil
}

// catalogue asks for the models once.
func (c *Client) catalogue(ctx context.Context) ([]Model, *Error) {
	body, e := c.once(ctx, call{method: http.MethodGet, path: "models", limit: maxCatalogue})
	if e != nil {
		if e.Kind == UnknownModel {
			e.Kind = Malformed // no model was asked for: there is no such API at that address
		}
		return nil, e
	}
	return parseCatalogue(body)
}

// entry is one model as the API writes it.
type entry struct {
	ID              string `json:"id"`
	ContextLength   amount `json:"context_length"`
	FunctionCalling bool   `json:"function_calling"`
	Metadata        struct {
		Type        string `json:"type"`
		Provider    string `json:"provider"`
		IsBillable  *bool  `json:"is_billable"`
		PromptCost  amount `json:"prompt_tokens_cost"`
		OutputCosts amount `json:"generated_tokens_cost"`
	} `json:"metadata"`
}

// amount is a number that is not negative; null and "" stand for 0, and a number may
// be quoted.
type amount float64

var errAmount = errors.New("not an amount")

func (a *amount) UnmarshalJSON(raw []byte) error {
	s := string(bytes.Trim(raw, `"`))
	if s == "null" || s == "" {
		*a = 0
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > max(maxPrice, maxTokens) {
		return errAmount
	}
	*a = amount(f)
	return nil
}

// parseCatalogue reads the body of GET /models.
func parseCatalogue(body []byte) ([]Model, *Error) {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil || list.Data == nil {
		return nil, &Error{Kind: Malformed, Status: http.StatusOK, Detail: "there is no list of models in it"}
	}
	if len(list.Data) > maxModels {
		return nil, &Error{Kind: TooLarge, Status: http.StatusOK, Detail: fmt.Sprintf("more than %d models", maxModels)}
	}
	seen := map[string]bool{}
	models, bad := []Model{}, 0
	for _, raw := range list.Data {
		m, kind, ok := readModel(raw)
		switch {
		case !ok || seen[m.ID]:
			bad++
		case kind == "llm" && m.FunctionCalling:
			models = append(models, m)
		}
		seen[m.ID] = true
	}
	if bad > 0 && bad == len(list.Data) {
		return nil, &Error{Kind: Malformed, Status: http.StatusOK, Detail: fmt.Sprintf("none of its %d models can be read", bad)}
	}
	slices.SortFunc(models, byPlaceAndID)
	return models, nil
}

func byPlaceAndID(a, b Model) int {
	if a.LeavesRussia() != b.LeavesRussia() {
		if b.LeavesRussia() {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(strings.ToLower(a.ID), strings.ToLower(b.ID)), strings.Compare(a.ID, b.ID))
}

// readModel reads one entry and its type; not ok when anything in it is off.
func readModel(raw json.RawMessage) (m Model, kind string, ok bool) {
	var e entry
	if json.Unmarshal(raw, &e) != nil || !validID(e.ID) || e.ContextLength > maxTokens {
		return Model{}, "", false
	}
	m = Model{
		ID: e.ID, Context: int(e.ContextLength), FunctionCalling: e.FunctionCalling,
		PromptPrice: float64(e.Metadata.PromptCost), OutputPrice: float64(e.Metadata.OutputCosts),
		Billable: e.Metadata.IsBillable == nil || *e.Metadata.IsBillable,
	}
	if p := e.Metadata.Provider; len(p) <= maxProvider && printable(p) {
		m.Provider = p
	}
	return m, e.Metadata.Type, true
}

// validID accepts what can be shown, written to any file and given to any program
// as it is: a letter or digit, then letters, digits and . _ : / @ + -.
func validID(id string) bool {
	if len(id) > maxID {
		return false
	}
	for i, c := range []byte(id) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._:/@+-", rune(c))) {
			return false
		}
	}
	return id != ""
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
