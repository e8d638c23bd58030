package proof_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/proof"
)

func TestOutcomeAsText(t *testing.T) {
	for outcome, want := range map[proof.Outcome]string{proof.Held: "held", proof.Broken: "broken", proof.Unknown: "not checked"} {
		b, err := json.Marshal(proof.Result{Outcome: outcome})
		if err != nil || string(b) != fmt.Sprintf(`{"control":"","rule":"","outcome":%q}`, want) {
			t.Errorf("%s, %v", b, err)
		}
		var back proof.Result
		if err := json.Unmarshal(b, &back); err != nil || back.Outcome != outcome {
			t.Errorf("%s becomes %v, %v", b, back.Outcome, err)
		}
	}
}

// TestUnknownOutcome: what an older or a newer gateway says must not count as held.
func TestUnknownOutcome(t *testing.T) {
	for _, s := range []string{`""`, `"Held"`, `"held "`, `"ok"`, `"unknown"`, `0`, `{}`} {
		r := proof.Result{Outcome: proof.Broken}
		if err := json.Unmarshal([]byte(`{"outcome":`+s+`}`), &r); err == nil || r.Outcome != proof.Broken {
			t.Errorf("%s: %v, %v", s, r.Outcome, err)
		}
	}
}

func TestResultAsError(t *testing.T) {
	for want, r := range map[string]proof.Result{
		"E-01: service proxy: capabilities are added": {Control: "E-01", Service: "proxy", Detail: "capabilities are added"},
		"S-01: nothing listens":                       {Control: "S-01", Detail: "nothing listens"},
	} {
		if got := r.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFailed(t *testing.T) {
	got := proof.Failed([]proof.Result{{Rule: "a"}, {Rule: "b", Outcome: proof.Broken}, {Rule: "c", Outcome: proof.Unknown}})
	if len(got) != 1 || got[0].Rule != "b" {
		t.Errorf("%+v", got)
	}
}
