package cloudru

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/hint"
)

func simulated(t *testing.T) []Model {
	t.Helper()
	body, err := json.Marshal(map[string]any{"data": cloudrutest.Catalogue()})
	if err != nil {
		t.Fatal(err)
	}
	models, e := parseCatalogue(body)
	if e != nil {
		t.Fatal(e)
	}
	return models
}

// The prices are the simulator's; see its Catalogue.
func TestPresets(t *testing.T) {
	want := map[string][3]string{
		"balanced":    {"deepseek-ai/DeepSeek-V4-Pro", "zai-org/GLM-4.7", "openai/gpt-oss-120b"},
		"economy":     {"zai-org/GLM-4.7", "Qwen/Qwen3-Coder-Next", "openai/gpt-oss-120b"},
		"max-context": {"deepseek-ai/DeepSeek-V4-Pro", "Qwen/Qwen3.6-35B-A3B", "Qwen/Qwen3.6-35B-A3B"},
	}
	models := simulated(t)
	if len(Presets()) != len(want) || Presets()[0].Name != "balanced" {
		t.Errorf("%v", Presets())
	}
	for _, p := range Presets() {
		for range 20 { // the order of the catalogue does not matter
			rand.Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
			m, err := p.Choose(models)
			if err != nil {
				t.Fatal(err)
			}
			if got := [3]string{m.Big.ID, m.Middle.ID, m.Small.ID}; got != want[p.Name] {
				t.Fatalf("%s: %v", p.Name, got)
			}
		}
	}
}

func fits(id string, price float64) Model {
	return Model{ID: id, Provider: "cloud.ru", Context: 200_000, FunctionCalling: true, PromptPrice: price, OutputPrice: price, Billable: price > 0}
}

func TestPresetsOfSmallCatalogues(t *testing.T) {
	for _, p := range Presets() {
		for n := 1; n <= 5; n++ {
			var models []Model
			for i := range n {
				models = append(models, fits(string(rune('a'+i)), float64(i)))
			}
			m, err := p.Choose(models)
			if err != nil || m.Small.PromptPrice > m.Middle.PromptPrice || m.Middle.PromptPrice > m.Big.PromptPrice {
				t.Errorf("%s of %d: %+v, %v", p.Name, n, m, err)
			}
		}
	}
}

func TestPresetNeverLeavesRussia(t *testing.T) {
	abroad := fits("abroad", 1)
	abroad.Provider, abroad.Context = "anthropic", 1<<20
	for _, p := range Presets() {
		m, err := p.Choose([]Model{abroad, fits("home", 5)})
		if err != nil || m.Big.ID != "home" || m.Middle.ID != "home" || m.Small.ID != "home" {
			t.Errorf("%s: %+v, %v", p.Name, m, err)
		}
	}
}

func TestPresetSaysWhyNothingFits(t *testing.T) {
	abroad, narrow, unpriced, mute := fits("abroad", 1), fits("narrow", 1), fits("unpriced", 0), fits("mute", 1)
	abroad.Provider, narrow.Context, unpriced.Billable, mute.FunctionCalling = "", minContext-1, true, false
	_, err := Preset{Name: "balanced"}.Choose([]Model{abroad, narrow, narrow, unpriced, mute})
	if !errors.Is(err, ErrNoFit) {
		t.Fatal(err)
	}
	for _, why := range []string{"balanced", "of 5", "1 leave Russia", "2 have a context below 128000 tokens", "1 have no price", "1 cannot call functions"} {
		if !strings.Contains(err.Error(), why) {
			t.Errorf("%q lacks %q", err, why)
		}
	}
	if h, _ := hint.Of(err); h.ID != "preset-none" {
		t.Error(h)
	}
	if _, err := (Preset{Name: "balanced"}).Choose(nil); !errors.Is(err, ErrNoFit) {
		t.Error(err)
	}
	if _, err := (Preset{Name: "no\x1bsuch"}).Choose([]Model{fits("a", 1)}); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Error(err)
	}
}

func TestSuggest(t *testing.T) {
	models := simulated(t)
	for id, want := range map[string]string{
		"zai-org/glm-5.1": "zai-org/GLM-5.1", "GLM-5.1": "zai-org/GLM-5.1", "zai-org/GLM-5": "zai-org/GLM-5.1", "gpt-oss-120b": "openai/gpt-oss-120b",
		"openai/gpt-oss-120": "openai/gpt-oss-120b", "zia-org/GLM-5.1": "zai-org/GLM-5.1",
		"zai-org/GLM-4.7-Flash": "", // too far: it was another model
		"zai-org/GLM-5.1":       "", // it exists
		"":                      "", "x": "", "ab": "", "something/else": "", strings.Repeat("a", 1<<20): "",
	} {
		if got := Suggest(models, id); got != want {
			t.Errorf("%.40q: %q, want %q", id, got, want)
		}
	}
	if got := Suggest(nil, "a"); got != "" {
		t.Error(got)
	}
}

func TestFindIsExact(t *testing.T) {
	models := simulated(t)
	if _, ok := Find(models, "zai-org/GLM-5.1"); !ok {
		t.Error("not found")
	}
	if m, ok := Find(models, "zai-org/glm-5.1"); ok {
		t.Errorf("found %+v", m)
	}
}
