//go:build unix

package doctor

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// pair shows that a check tells good from bad: the scene, changed by good, makes it OK;
// each of bad turns exactly it red.
type pair struct {
	// good adds what the check looks at, where the scene has nothing of the kind.
	good func(*scene)
	bad  map[string]func(*scene)
	// with are checks that cannot but turn red together with it.
	with []string
}

// pairs has one for every check, by id.
var pairs = merged(stackPairs, recordPairs, upstreamPairs, openClawPairs, skillPairs, mcpPairs, claudePairs, processPairs, dataPairs, leakPairs)

func merged(all ...map[string]pair) map[string]pair {
	out := map[string]pair{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

// soon is how long a hostile host may hold an examination up; with the race detector on a
// busy machine everything takes some times as long.
const soon = 8 * time.Second

func TestEveryCheckTellsGoodFromBad(t *testing.T) {
	for id := range pairs {
		if _, ok := Find(id); !ok {
			t.Errorf("%s is no check", id)
		}
	}
	for _, c := range Catalogue() {
		p, ok := pairs[c.ID]
		if !ok || len(p.bad) == 0 {
			t.Errorf("%s: no scene turns it red", c.ID)
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			t.Run("good", func(t *testing.T) {
				r := examined(t, p.good)
				if got := r[c.ID]; got.Outcome != OK {
					t.Errorf("it is %s on a good host: %+v %+v", got.Outcome, got.Findings, got.Gaps)
				}
				for id, got := range r {
					if got.Outcome == Found && got.Severity() > Info {
						t.Errorf("%s is red on a good host: %+v", id, got.Findings)
					}
				}
			})
			before := red(examined(t, p.good))
			for name, spoil := range p.bad {
				t.Run(name, func(t *testing.T) { exactly(t, c.ID, slices.Concat(before, p.with), p.good, spoil) })
			}
		})
	}
}

// exactly wants spoil to turn one check red, and no other that was not red before: a good
// host has findings that are only told.
func exactly(t *testing.T, id string, before []string, good, spoil func(*scene)) {
	t.Helper()
	after := examined(t, func(s *scene) {
		if good != nil {
			good(s)
		}
		spoil(s)
	})
	if after[id].Outcome != Found {
		t.Errorf("it is %s: %+v", after[id].Outcome, after[id].Gaps)
	}
	for _, now := range red(after) {
		if now != id && !slices.Contains(before, now) {
			t.Errorf("%s is red as well: %+v", now, after[now].Findings)
		}
	}
}

func red(results map[string]Result) []string {
	var out []string
	for id, r := range results {
		if r.Outcome == Found {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// examined asks all checks of a scene, and looks for its secrets in the answers.
func examined(t *testing.T, change func(*scene)) map[string]Result {
	t.Helper()
	s := newScene(t)
	if change != nil {
		change(s)
	}
	report := Examine(t.Context(), s.Host, Selection{})
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{sceneKey, sceneToken} {
		if strings.Contains(string(b), secret) {
			t.Errorf("the report holds a secret")
		}
	}
	out := map[string]Result{}
	for _, r := range report.Results {
		out[r.Check.ID] = r
	}
	return out
}

// A check belongs to a row of the controls, and to a class of STRIDE.
func TestChecksAreWhole(t *testing.T) {
	stride := Categories()[:6]
	seen := map[string]bool{}
	for _, c := range Catalogue() {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		if len(c.Controls) == 0 || c.Fix == "" || c.look == nil || !slices.Contains(Areas(), c.Area) {
			t.Errorf("%s is not whole: %+v", c.ID, c)
		}
		if !slices.ContainsFunc(c.Categories, func(k Category) bool { return slices.Contains(stride, k) }) {
			t.Errorf("%s: no category of STRIDE among %v", c.ID, c.Categories)
		}
		for _, k := range c.Categories {
			if !slices.Contains(Categories(), k) {
				t.Errorf("%s: %q is no category", c.ID, k)
			}
		}
	}
	if len(seen) < 70 {
		t.Errorf("there are %d checks, fewer than 70", len(seen))
	}
}

// Every category has a check (gap 23).
func TestEveryCategoryIsCovered(t *testing.T) {
	for _, k := range Categories() {
		if !slices.ContainsFunc(Catalogue(), func(c Check) bool { return slices.Contains(c.Categories, k) }) {
			t.Errorf("no check belongs to %s", k)
		}
	}
}
