//go:build unix

package doctor

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

// A report with findings, gaps, waivers and OpenClaw's own is valid SARIF 2.1.0.
func TestSARIF(t *testing.T) {
	s := newScene(t)
	s.breaks("privileged", "it is privileged")
	says("read_only: true", "read_only: false")(s)
	s.config("plugins.allow", []string{"cloudru-claude"})
	s.shakeErr = errUnreachable
	s.Made.Waivers = []Waiver{{Check: "container-writable", Reason: "the image needs it", Expires: "2026-12-31"}}
	report := Examine(t.Context(), s.Host, Selection{Skip: []string{"sandbox-mode"}})
	findings, err := ParseAudit([]byte(`{"findings":[{"checkId":"models.weak_tier","severity":"warn","title":"Weak","detail":"a\nb","remediation":"c"}]}`))
	s.must(err)
	report.Join(&Audit{Version: "2026.9.6", Findings: findings}, nil)
	var b bytes.Buffer
	s.must(report.WriteSARIF(&b, func(id string) (string, string) { return "title of " + id, "why" }))
	read, err := sarif.FromBytes(b.Bytes())
	s.must(err)
	if err := read.Validate(); err != nil {
		t.Errorf("not valid: %v", err)
	}
	var doc struct {
		Runs []struct {
			Tool    struct{ Driver struct{ Rules []any } }
			Results []struct {
				RuleID       string
				Level        string
				Suppressions []any
			}
			Invocations []struct{ ToolExecutionNotifications []any }
		}
	}
	s.must(json.Unmarshal(b.Bytes(), &doc))
	run := doc.Runs[0]
	suppressed := map[string]bool{}
	for _, r := range run.Results {
		suppressed[r.RuleID] = len(r.Suppressions) > 0
	}
	if !suppressed["container-writable"] || suppressed["container-privileged"] || len(suppressed) != 3 {
		t.Errorf("results %+v", run.Results)
	}
	if len(run.Tool.Driver.Rules) != len(Catalogue()) || len(run.Invocations[0].ToolExecutionNotifications) < 2 {
		t.Errorf("%d rules, %d notifications", len(run.Tool.Driver.Rules), len(run.Invocations[0].ToolExecutionNotifications))
	}
}
