package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Selection says which checks are asked.
type Selection struct {
	// Only and Skip are ids of checks, areas, controls or categories.
	Only, Skip []string
	// Least leaves out checks whose findings are milder.
	Least Severity
}

// longestExamination bounds all checks together, longestCheck one of them. A normal host
// takes well under two seconds.
const (
	longestExamination = 20 * time.Second
	longestCheck       = 10 * time.Second
)

// Catalogue are all checks, ordered by area.
func Catalogue() []Check { return slices.Clone(catalogue) }

var catalogue = ordered(
	stackChecks(), portChecks(), secretChecks(), openClawChecks(), claudeChecks(), skillChecks(), mcpChecks(), dataChecks(), recordChecks(), upstreamChecks(),
)

func ordered(groups ...[]Check) []Check {
	all := slices.Concat(groups...)
	areas := Areas()
	slices.SortStableFunc(all, func(a, b Check) int { return slices.Index(areas, a.Area) - slices.Index(areas, b.Area) })
	return all
}

// Find is the check with that id.
func Find(id string) (Check, bool) {
	i := slices.IndexFunc(catalogue, func(c Check) bool { return c.ID == id })
	if i < 0 {
		return Check{}, false
	}
	return catalogue[i], true
}

// named tells whether a word of a Selection means the check.
func (c Check) named(word string) bool {
	return c.ID == word || string(c.Area) == word || slices.Contains(c.Controls, word) || slices.Contains(c.Categories, Category(word))
}

// Check refuses a word that means nothing.
func (s Selection) Check() error {
	for _, word := range slices.Concat(s.Only, s.Skip) {
		if slices.Contains(Selectable(), word) {
			continue
		}
		word = text.Clean(word, 60)
		return hint.Say(fmt.Errorf("%q is no check, area, control or category", word), "no-selection", word)
	}
	return nil
}

// Selectable are all words that a Selection understands, sorted.
func Selectable() []string {
	words := []string{AuditWord}
	for _, c := range catalogue {
		words = append(append(words, c.ID, string(c.Area)), c.Controls...)
		for _, k := range c.Categories {
			words = append(words, string(k))
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func (s Selection) takes(c Check) bool {
	names := func(list []string) bool { return slices.ContainsFunc(list, c.named) }
	return c.Severity >= s.Least && (len(s.Only) == 0 || names(s.Only)) && !names(s.Skip)
}

// TakesAudit tells whether OpenClaw's own audit is asked for.
func (s Selection) TakesAudit() bool {
	return (len(s.Only) == 0 || slices.Contains(s.Only, AuditWord)) && !slices.Contains(s.Skip, AuditWord)
}

// Examine asks the chosen checks. It writes nothing.
func Examine(ctx context.Context, h *Host, s Selection) *Report {
	ctx, cancel := context.WithTimeout(ctx, longestExamination)
	defer cancel()
	report := &Report{Time: h.Now().UTC(), Made: h.Made != nil, Config: h.OpenClawConfig}
	var chosen []Check
	for _, c := range catalogue {
		if s.takes(c) {
			chosen = append(chosen, c)
		}
	}
	report.Results = make([]Result, len(chosen))
	if h.Made != nil {
		report.Waivers = h.Made.Waivers
	}
	var wg sync.WaitGroup
	for _, area := range Areas() {
		wg.Go(func() {
			for i, c := range chosen {
				if c.Area == area {
					report.Results[i] = waive(h.repairable(ask(ctx, h, c)), report.Waivers, report.Time)
				}
			}
		})
	}
	wg.Wait()
	return report
}

// repairable takes the repairs from what was found on a host without a set-up: there is
// no journal that would record them, and the one command of ours that helps makes one.
func (h *Host) repairable(r Result) Result {
	if h.Made != nil {
		return r
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Repair, f.Fixable = nil, false
		if strings.HasPrefix(f.Fix, "clawsetup ") {
			f.Fix = "clawsetup init"
		}
	}
	return r
}

// ask runs one check within its time; a check that fails to end, or fails, was not made.
func ask(ctx context.Context, h *Host, c Check) Result {
	ctx, cancel := context.WithTimeout(ctx, longestCheck)
	defer cancel()
	done := make(chan Result, 1)
	go func() {
		a := &answer{check: c}
		defer func() {
			if recover() != nil {
				// What it failed with may hold anything.
				a = &answer{check: c, gaps: []Gap{{Where: c.ID, Why: "the check itself failed: please report it"}}}
			}
			done <- a.result()
		}()
		if err := ctx.Err(); err != nil {
			a.cannot(c.ID, errLate)
			return
		}
		c.look(ctx, h, a)
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		return Result{Check: c, Outcome: NotChecked, Gaps: []Gap{{Where: c.ID, Why: errLate.Error()}}}
	}
}

var errLate = fmt.Errorf("it takes longer than %s, or everything before it did", longestCheck)
