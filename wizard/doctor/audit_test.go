//go:build unix

package doctor

import (
	"os"
	"slices"
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
	ids := strings.Fields(string(b))
	for pattern, checks := range sameChecks {
		if !slices.ContainsFunc(ids, func(id string) bool { return begins(id, pattern) }) {
			t.Errorf("no id of OpenClaw's begins with %s", pattern)
		}
		for _, id := range checks {
			if _, ok := Find(id); !ok {
				t.Errorf("%s: %s is no check", pattern, id)
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
	// One of ours that is only told hides none that OpenClaw takes for serious.
	s.Made.Kept = []string{"gateway.bind"}
	report = Examine(t.Context(), s.Host, Selection{})
	report.Join(&Audit{Findings: slices.Clone(list[:1])}, nil)
	if report.Audit.Count() != 1 {
		t.Errorf("%+v", report.Audit.Findings)
	}
	// Without a finding of ours theirs is not the same as anything.
	report = Examine(t.Context(), newScene(t).Host, Selection{})
	report.Join(&Audit{Findings: list[:1]}, nil)
	if report.Audit.Count() != 1 || !report.Reaches(Critical) {
		t.Errorf("%+v", report.Audit.Findings)
	}
}

func TestBegins(t *testing.T) {
	for id, pattern := range map[string]string{
		"gateway.bind_no_auth": "gateway.bind", "channels.slack.dm.open": "channels.*.dm.open", "gateway.token_placeholder_value": "gateway.*_placeholder_value",
		"tools.elevated.allowFrom.x.wildcard": "tools.elevated.allowFrom.*.wildcard",
	} {
		if !begins(id, pattern) {
			t.Errorf("%s does not begin with %s", id, pattern)
		}
	}
	for id, pattern := range map[string]string{
		"gateway.tailscale": "gateway.bind", "channels.dm.open": "channels.*.dm.open", "channels.a.b.dm.open": "channels.*.dm.open", "channels..dm.open": "channels.*.dm.open",
		"gateway.auth.mode_too_short": "gateway.*_too_short", "gateway.": "gateway.*_too_short",
	} {
		if begins(id, pattern) {
			t.Errorf("%s begins with %s", id, pattern)
		}
	}
}

// A finding of OpenClaw's is meant by one pattern: which check it counts with is no chance.
// What its scan of code found never counts as content that somebody accepted.
func TestSameIsOne(t *testing.T) {
	b, err := os.ReadFile("testdata/openclaw-audit-ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range strings.Fields(string(b)) {
		var by []string
		for pattern := range sameChecks {
			if begins(id, pattern) {
				by = append(by, pattern)
			}
		}
		if len(by) > 1 || strings.Contains(id, "code_safety") && len(by) > 0 {
			t.Errorf("%s is meant by %v", id, by)
		}
	}
}
