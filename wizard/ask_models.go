package wizard

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/clawsetup/clawsetup/wizard/cloudru"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/safedial"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// client reaches the cloud.ru API of the draft.
func (s *InitSession) client() (*cloudru.Client, error) {
	return newClient(s.draft.API)
}

func newClient(api APISetup) (*cloudru.Client, error) {
	u, err := url.Parse(api.Base)
	if err != nil {
		return nil, fmt.Errorf("reading the API address: %w", err)
	}
	return cloudru.New(u, safedial.Policy{AllowPrivate: api.AllowPrivate}.Client()), nil
}

// models is the live catalogue, fetched once a session.
func (s *InitSession) models(ctx context.Context) ([]cloudru.Model, error) {
	if s.catalogue != nil {
		return s.catalogue, nil
	}
	c, err := s.client()
	if err != nil {
		return nil, err
	}
	models, err := c.Models(ctx)
	if err != nil {
		return nil, err
	}
	if len(models) == 0 {
		return nil, hint.With(fmt.Errorf("%s lists no language model that can call functions", s.draft.API.Base), "no-models")
	}
	s.catalogue = models
	return models, nil
}

// PresetNames are the values of --preset.
func PresetNames() []string {
	var out []string
	for _, p := range cloudru.Presets() {
		out = append(out, p.Name)
	}
	return append(out, presetKeep, presetCustom)
}

func (s *InitSession) choosePreset(ctx context.Context, name string) (cloudru.Mapping, error) {
	models, err := s.models(ctx)
	if err != nil {
		return cloudru.Mapping{}, err
	}
	for _, p := range cloudru.Presets() {
		if p.Name == name {
			return p.Choose(models)
		}
	}
	return cloudru.Mapping{}, noSuchOption(name, PresetNames())
}

// modelsGiven is true when flags name models: the preset then only fills the gaps.
func (s *InitSession) modelsGiven() bool {
	v := s.given.Values
	return v["preset"] == "" && (v["big-model"] != "" || v["middle-model"] != "" || v["small-model"] != "")
}

// presetChosen is true when nothing is left to choose model by model.
func (s *InitSession) presetChosen() bool {
	if s.modelsGiven() {
		return false
	}
	v := s.given.Values
	if v["big-model"] != "" || v["middle-model"] != "" || v["small-model"] != "" {
		return false
	}
	return !s.choosing
}

func buildPreset(ctx context.Context, s *InitSession, q *Question) error {
	if m := s.base.Models; m.Small.ID != "" {
		q.Options = append(q.Options, Option{Value: presetKeep, Columns: []string{m.Big.ID, m.Middle.ID, m.Small.ID}})
		q.Default = presetKeep
	}
	for _, p := range cloudru.Presets() {
		m, err := s.choosePreset(ctx, p.Name)
		if err != nil {
			if s.catalogue == nil {
				return err // the catalogue cannot be had: no preset can
			}
			q.Options = append(q.Options, Option{Value: p.Name, Disabled: true})
			continue
		}
		q.Options = append(q.Options, Option{Value: p.Name, Columns: []string{m.Big.ID, m.Middle.ID, m.Small.ID}})
		if q.Default == "" && p.Name == presetDefault {
			q.Default = p.Name
		}
	}
	q.Options = append(q.Options, Option{Value: presetCustom})
	return nil
}

func acceptPreset(ctx context.Context, s *InitSession, a Answer) error {
	switch a.Value {
	case presetCustom:
		s.draft.Models.Preset, s.choosing = presetCustom, true
		return nil
	case presetKeep:
		if err := formPreset(s, a.Value); err != nil {
			return err
		}
		s.draft.Models, s.choosing = s.base.Models, false
		return s.keepModels(ctx)
	}
	m, err := s.choosePreset(ctx, a.Value)
	if err != nil {
		return err
	}
	if v := s.given.Values["small-model"]; v == "" {
		if err := s.prove(ctx, "preset", m.Small.ID); err != nil {
			return err
		}
	}
	s.choosing = false
	s.draft.Models = ModelsSetup{Preset: a.Value, Big: modelSetup(m.Big), Middle: modelSetup(m.Middle), Small: modelSetup(m.Small)}
	return nil
}

func modelSetup(m cloudru.Model) ModelSetup {
	return ModelSetup{ID: m.ID, Context: m.Context, LeavesRussia: m.LeavesRussia()}
}

// keepModels checks that the models of the present set-up are still offered.
func (s *InitSession) keepModels(ctx context.Context) error {
	for _, m := range []*ModelSetup{&s.draft.Models.Big, &s.draft.Models.Middle, &s.draft.Models.Small} {
		found, err := s.find(ctx, m.ID)
		if err != nil {
			return err
		}
		*m = modelSetup(found)
	}
	return s.prove(ctx, "preset", s.draft.Models.Small.ID)
}

func (s *InitSession) find(ctx context.Context, id string) (cloudru.Model, error) {
	models, err := s.models(ctx)
	if err != nil {
		return cloudru.Model{}, err
	}
	if m, ok := cloudru.Find(models, id); ok {
		return m, nil
	}
	err = fmt.Errorf("%w: %q", cloudru.ErrUnknownModel, text.Clean(id, 80))
	if near := cloudru.Suggest(models, id); near != "" {
		return cloudru.Model{}, hint.With(err, "model-near", near)
	}
	return cloudru.Model{}, hint.With(err, "model-unknown")
}

func buildModel(ctx context.Context, s *InitSession, q *Question) error {
	models, err := s.models(ctx)
	if err != nil {
		return err
	}
	for _, m := range models {
		data := "russia"
		if m.LeavesRussia() {
			data = "abroad"
		}
		q.Options = append(q.Options, Option{
			Value: m.ID, Label: m.ID, Attention: m.LeavesRussia(),
			Columns: []string{tokens(m.Context), price(m), data},
		})
	}
	q.Default = s.modelDefault(ctx, q.ID)
	return nil
}

// modelDefault is the present model of that size, or the one of the preset that
// was named, or of the default one.
func (s *InitSession) modelDefault(ctx context.Context, id string) string {
	have := map[string]string{"big-model": s.draft.Models.Big.ID, "middle-model": s.draft.Models.Middle.ID, "small-model": s.draft.Models.Small.ID}[id]
	if have != "" {
		if _, err := s.find(ctx, have); err == nil {
			return have
		}
	}
	preset := orElse(s.given.Values["preset"], presetDefault)
	if preset == presetKeep || preset == presetCustom {
		preset = presetDefault
	}
	m, err := s.choosePreset(ctx, preset)
	if err != nil {
		return "" // no preset fits this catalogue: the operator chooses
	}
	return map[string]string{"big-model": m.Big.ID, "middle-model": m.Middle.ID, "small-model": m.Small.ID}[id]
}

// acceptModel keeps one model; the last one asked also proves the key.
func acceptModel(slot func(*ModelsSetup) *ModelSetup, last bool) func(context.Context, *InitSession, Answer) error {
	return func(ctx context.Context, s *InitSession, a Answer) error {
		m, err := s.find(ctx, a.Value)
		if err != nil {
			return err
		}
		if last {
			if err := s.prove(ctx, "small-model", m.ID); err != nil {
				return err
			}
		}
		s.draft.Models.Preset = presetCustom
		*slot(&s.draft.Models) = modelSetup(m)
		return nil
	}
}

func tokens(n int) string {
	if n <= 0 {
		return "?"
	}
	return strconv.Itoa(n/1024) + "k"
}

// price is roubles per million tokens, in and out.
func price(m cloudru.Model) string {
	if !m.Billable && m.PromptPrice == 0 && m.OutputPrice == 0 {
		return "0"
	}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return f(m.PromptPrice) + " / " + f(m.OutputPrice)
}
