package cloudru

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
)

func TestParseCatalogue(t *testing.T) {
	const llm = `"function_calling":true,"metadata":{"type":"llm","provider":"cloud.ru"`
	for name, c := range map[string]struct {
		data string
		want []Model
	}{
		"empty":         {``, []Model{}},
		"null numbers":  {`{"id":"a","context_length":null,` + llm + `,"prompt_tokens_cost":null}}`, []Model{{ID: "a", Provider: "cloud.ru", FunctionCalling: true, Billable: true}}},
		"quoted prices": {`{"id":"a",` + llm + `,"prompt_tokens_cost":"1.5","generated_tokens_cost":"","is_billable":false}}`, []Model{{ID: "a", Provider: "cloud.ru", FunctionCalling: true, PromptPrice: 1.5}}},
		"no provider":   {`{"id":"a","function_calling":true,"metadata":{"type":"llm"}}`, []Model{{ID: "a", FunctionCalling: true, Billable: true}}},
		"long provider": {`{"id":"a","function_calling":true,"metadata":{"type":"llm","provider":"` + strings.Repeat("p", 65) + `"}}`, []Model{{ID: "a", FunctionCalling: true, Billable: true}}},
		"not llm":       {`{"id":"a","function_calling":true,"metadata":{"type":"embedder"}},{"id":"b",` + llm + `}}`, []Model{{ID: "b", Provider: "cloud.ru", FunctionCalling: true, Billable: true}}},
		"mute":          {`{"id":"a","metadata":{"type":"llm"}}`, []Model{}},
		"twice":         {`{"id":"a",` + llm + `}},{"id":"a",` + llm + `,"prompt_tokens_cost":1}}`, []Model{{ID: "a", Provider: "cloud.ru", FunctionCalling: true, Billable: true}}},
		"broken ones": {`7,null,{"id":7},{"id":"ok",` + llm + `}},{"id":"neg",` + llm + `,"prompt_tokens_cost":-1}},{"id":"nan",` + llm + `,"prompt_tokens_cost":"NaN"}},` +
			`{"id":"wide","context_length":1e18,` + llm + `}},{"id":"true","context_length":true,` + llm + `}}`,
			[]Model{{ID: "ok", Provider: "cloud.ru", FunctionCalling: true, Billable: true}}},
	} {
		got, e := parseCatalogue([]byte(`{"object":"list","data":[` + c.data + `]}`))
		if e != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, e)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"zai-org/GLM-5.1": true, "gpt@1+2:x_y": true, strings.Repeat("a", maxID): true,
		"": false, strings.Repeat("a", maxID+1): false, "--model": false, "/x": false, "a b": false, "a\n": false, "a\x1b[0m": false,
		"модель": false, "a$(x)": false, "a'b": false, `a"b`: false, "a\\b": false, "a\u202eb": false, "a=b": false,
	} {
		if validID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestLeavesRussia(t *testing.T) {
	for provider, want := range map[string]bool{"cloud.ru": false, "": true, "anthropic": true, "Cloud.ru": true} {
		if got := (Model{Provider: provider}).LeavesRussia(); got != want {
			t.Errorf("%q: %v", provider, got)
		}
	}
}

func FuzzCatalogue(f *testing.F) {
	whole, err := json.Marshal(map[string]any{"data": cloudrutest.Catalogue()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, s := range []string{`{}`, `{"data":[]}`, `{"data":null}`, `[]`, ``, `{"data":[{"id":"a\u001b[2J","function_calling":true,"metadata":{"type":"llm"}}]}`,
		`{"data":[{"id":"a","context_length":"1e9","function_calling":true,"metadata":{"type":"llm","prompt_tokens_cost":1e308}}]}`,
		`{"data":[{"id":"A","function_calling":true,"metadata":{"type":"llm"}},{"id":"a","function_calling":true,"metadata":{"type":"llm","provider":"cloud.ru"}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		models, e := parseCatalogue(body)
		if (e == nil) == (models == nil) {
			t.Fatalf("%v and %v", models, e)
		}
		seen := map[string]bool{}
		for _, m := range models {
			if seen[m.ID] || !validID(m.ID) || !m.FunctionCalling || !printable(m.Provider) || len(m.Provider) > maxProvider ||
				m.Context < 0 || m.Context > maxTokens || !(m.PromptPrice >= 0) || !(m.OutputPrice >= 0) {
				t.Fatalf("%+v", m)
			}
			seen[m.ID] = true
		}
		if !slices.IsSortedFunc(models, byPlaceAndID) {
			t.Fatal("not sorted")
		}
		for _, p := range Presets() {
			m, err := p.Choose(models)
			if err != nil {
				continue
			}
			for _, chosen := range []Model{m.Big, m.Middle, m.Small} {
				if chosen.LeavesRussia() || chosen.Context < minContext || !seen[chosen.ID] {
					t.Fatalf("%s chose %+v", p.Name, chosen)
				}
			}
		}
	})
}
