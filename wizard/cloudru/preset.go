package cloudru

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// minContext is the smallest window a preset picks, in tokens. Claude Code plans with
// 200,000 and compacts before that; below some 128,000 it compacts all the time.
const minContext = 128_000

// ErrNoFit says that no model of a catalogue satisfies a preset.
var ErrNoFit = errors.New("no model fits the preset")

// Mapping names the models behind Claude Code's opus, sonnet and haiku.
type Mapping struct {
	Big, Middle, Small Model
}

// Preset is a rule that makes a Mapping of whatever the catalogue holds today:
// the ids of the catalogue change within months. No preset picks a model that leaves
// Russia, that has a window below 128,000 tokens, or whose price is not known.
//
// The catalogue says nothing of how good a model is. Its price stands for that: a
// token costs what it takes to compute.
type Preset struct {
	// Name is "balanced", "economy" or "max-context".
	Name string
}

// Presets lists the presets; the first one is the default.
//
// balanced: the dearest model is big, the median one middle, the cheapest small.
//
// economy: among the cheaper half, the dearest is big, the median one middle, the
// cheapest small.
//
// max-context: the widest window is big; the widest of the cheaper half is middle; the
// widest of the cheapest quarter is small.
func Presets() []Preset {
	return []Preset{{Name: "balanced"}, {Name: "economy"}, {Name: "max-context"}}
}

// Choose applies the preset. The same models, in any order, give the same mapping. It
// fails with ErrNoFit, and says why, when no model may be picked.
func (p Preset) Choose(models []Model) (Mapping, error) {
	fit, err := fitting(models)
	if err != nil {
		return Mapping{}, hint.With(fmt.Errorf("preset %s: %w", text.Clean(p.Name, 40), err), "preset-none")
	}
	n := len(fit)
	half, quarter := fit[:(n+1)/2], fit[:(n+3)/4]
	switch p.Name {
	case "balanced":
		return Mapping{Big: fit[n-1], Middle: fit[n/2], Small: fit[0]}, nil
	case "economy":
		h := len(half)
		return Mapping{Big: half[h-1], Middle: half[h/2], Small: half[0]}, nil
	case "max-context":
		return Mapping{Big: widest(fit), Middle: widest(half), Small: widest(quarter)}, nil
	}
	return Mapping{}, fmt.Errorf("there is no preset %q", text.Clean(p.Name, 40))
}

// fitting returns the models a preset may pick, cheapest first.
func fitting(models []Model) ([]Model, error) {
	var fit []Model
	var abroad, mute, narrow, unpriced int
	for _, m := range models {
		switch {
		case m.LeavesRussia():
			abroad++
		case !m.FunctionCalling:
			mute++
		case m.Context < minContext:
			narrow++
		case m.Billable && m.PromptPrice == 0 && m.OutputPrice == 0:
			unpriced++
		default:
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return nil, noFit(len(models), []reason{
			{abroad, "leave Russia"}, {mute, "cannot call functions"},
			{narrow, fmt.Sprintf("have a context below %d tokens", minContext)}, {unpriced, "have no price"},
		})
	}
	slices.SortFunc(fit, func(a, b Model) int {
		// A wider window is worth more at the same price: it comes later.
		return cmp.Or(cmp.Compare(price(a), price(b)), cmp.Compare(a.Context, b.Context), strings.Compare(a.ID, b.ID))
	})
	return fit, nil
}

type reason struct {
	count int
	why   string
}

func noFit(total int, reasons []reason) error {
	var why []string
	for _, r := range reasons {
		if r.count > 0 {
			why = append(why, fmt.Sprintf("%d %s", r.count, r.why))
		}
	}
	if len(why) == 0 {
		return fmt.Errorf("%w: there are none", ErrNoFit)
	}
	return fmt.Errorf("%w: of %d, %s", ErrNoFit, total, strings.Join(why, ", "))
}

// price weighs what an agent pays: it reads some three times what it writes.
func price(m Model) float64 { return (3*m.PromptPrice + m.OutputPrice) / 4 }

// widest is the model with the widest window, the cheapest of equals.
func widest(cheapestFirst []Model) Model {
	best := cheapestFirst[0]
	for _, m := range cheapestFirst[1:] {
		if m.Context > best.Context {
			best = m
		}
	}
	return best
}
