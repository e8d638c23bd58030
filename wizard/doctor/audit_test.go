//go:build unix

package doctor

import (
	"os"
	"strings"
	"testing"
)

// What is said to be the same is: each beginning is that of an id of OpenClaw's (2026.7.35
// and 2026.9.6), and each check is one of ours.
func TestSameChecksAreReal(t *testing.T) {
	b, err := os.ReadFile("testdata/openclaw-audit-ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	ids := "\n" + string(b)
	for prefix, checks := range sameChecks {
		if !strings.Contains(ids, "\n"+prefix) {
			t.Errorf("no id of OpenClaw's begins with %s", prefix)
		}
		for _, id := range checks {
			if _, ok := Find(id); !ok {
				t.Errorf("%s: %s is no check", prefix, id)
			}
		}
	}
}

// What both found counts once; what OpenClaw alone found counts.
func TestAuditCountsOnce(t *testing.T) {
	s := newScene(t)
	s.config("gateway.bind", "lan")
	report := Examine(t.Context(), s.Host, Selection{})
	list, err := ParseAudit([]byte(`{"findings":[{"checkId":"gateway.bind_no_auth","severity":"critical","title":"t","detail":"d"},{"checkId":"models.weak_tier","severity":"warn","title":"t","detail":"d"}]}`))
	s.must(err)
	report.Join(&Audit{Findings: list}, nil)
	if report.Audit.Findings[0].Same != "gateway-bind" || report.Audit.Findings[1].Same != "" || report.Audit.Count() != 1 {
		t.Errorf("%+v", report.Audit.Findings)
	}
	// Without a finding of ours theirs is not the same as anything.
	report = Examine(t.Context(), newScene(t).Host, Selection{})
	report.Join(&Audit{Findings: list[:1]}, nil)
	if report.Audit.Count() != 1 || !report.Reaches(Critical) {
		t.Errorf("%+v", report.Audit.Findings)
	}
}
