//go:build unix

package doctor

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

var errUnreachable = errors.New("connection refused")

// A waiver holds for its check and place until its day, and for a year at most.
func TestWaiver(t *testing.T) {
	spoilt := func(s *scene) { says("read_only: true", "read_only: false")(s) }
	for name, c := range map[string]struct {
		waiver Waiver
		want   Outcome
	}{
		"of the check":       {Waiver{Check: "container-writable", Reason: "r", Expires: "2026-12-31"}, Waived},
		"of the place":       {Waiver{Check: "container-writable", Where: "docker-compose", Reason: "r", Expires: "2026-12-31"}, Waived},
		"of another place":   {Waiver{Check: "container-writable", Where: "elsewhere", Reason: "r", Expires: "2026-12-31"}, Found},
		"of another check":   {Waiver{Check: "container-root", Reason: "r", Expires: "2026-12-31"}, Found},
		"over since today":   {Waiver{Check: "container-writable", Reason: "r", Expires: "2026-11-25"}, Found},
		"for ever":           {Waiver{Check: "container-writable", Reason: "r", Expires: "9999-12-31"}, Found},
		"without a real day": {Waiver{Check: "container-writable", Reason: "r", Expires: "soon"}, Found},
	} {
		got := examined(t, func(s *scene) { spoilt(s); s.Made.Waivers = []Waiver{c.waiver} })["container-writable"]
		if got.Outcome != c.want {
			t.Errorf("%s: %s, want %s", name, got.Outcome, c.want)
		}
	}
}

func TestCheckWaivers(t *testing.T) {
	good := Waiver{Check: "container-root", Reason: "the image", Expires: "2026-12-31"}
	if err := CheckWaivers([]Waiver{good, {Check: AuditWord, Where: "models.weak_tier", Reason: "r", Expires: "2026-12-31"}}); err != nil {
		t.Error(err)
	}
	for name, w := range map[string]Waiver{
		"no such check": {Check: "nothing", Reason: "r", Expires: "2026-12-31"}, "no reason": {Check: "container-root", Reason: " ", Expires: "2026-12-31"},
		"no end": {Check: "container-root", Reason: "r"}, "control characters": {Check: "container-root", Reason: "r\x1b[31m", Expires: "2026-12-31"},
	} {
		if err := CheckWaivers([]Waiver{good, w}); err == nil || !strings.Contains(err.Error(), "entry 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, end := range []string{"2026-11-25", "2027-12-31"} {
		if err := (Waiver{Check: "container-root", Reason: "r", Expires: end}).Acceptable(sceneTime); err == nil {
			t.Errorf("a new waiver until %s is accepted", end)
		}
	}
}

func TestReaches(t *testing.T) {
	s := newScene(t)
	says("init: true", "init: false")(s)
	report := Examine(t.Context(), s.Host, Selection{})
	if !report.Reaches(Low) || report.Reaches(Medium) {
		t.Error("a low finding reaches low and no more")
	}
	report.Join(&Audit{Findings: []AuditFinding{{ID: "models.weak_tier", Severity: Medium}}}, []Waiver{{Check: AuditWord, Where: "models.weak_tier", Reason: "r", Expires: "2026-12-31"}})
	if report.Reaches(Medium) || report.Audit.Count() != 0 {
		t.Error("a waived finding of OpenClaw's counts")
	}
	report.Join(&Audit{Findings: []AuditFinding{{ID: "models.weak_tier", Severity: Medium}}}, nil)
	if !report.Reaches(Medium) || report.Audit.Count() != 1 {
		t.Error("a finding of OpenClaw's alone does not count")
	}
}

func TestSelection(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		take  Selection
		check func(Check) bool
	}{
		"id":       {Selection{Only: []string{"container-root"}}, func(c Check) bool { return c.ID == "container-root" }},
		"control":  {Selection{Only: []string{"D-02"}}, func(c Check) bool { return c.Controls[0] == "D-02" }},
		"area":     {Selection{Only: []string{"port"}}, func(c Check) bool { return c.Area == AreaPort }},
		"severity": {Selection{Least: Critical}, func(c Check) bool { return c.Severity == Critical }},
		"skip":     {Selection{Skip: []string{"stack"}}, func(c Check) bool { return c.Area != AreaStack }},
	} {
		results := Examine(t.Context(), s.Host, c.take).Results
		if len(results) == 0 {
			t.Errorf("%s: nothing is asked", name)
		}
		for _, r := range results {
			if !c.check(r.Check) {
				t.Errorf("%s: %s is asked", name, r.Check.ID)
			}
		}
	}
	if err := (Selection{Only: []string{"nothing"}}).Check(); err == nil {
		t.Error("a word that means nothing is taken")
	}
}

// A check that fails was not made; what it failed with is not shown, since it may be
// anything.
func TestFailedCheck(t *testing.T) {
	s := newScene(t)
	s.Containers = nil
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"image-architecture"}}).Results {
		if r.Outcome != NotChecked || strings.Contains(r.Gaps[0].Why, "nil") {
			t.Errorf("%s %+v", r.Outcome, r.Gaps)
		}
	}
}

func FuzzParseAudit(f *testing.F) {
	f.Add([]byte(`{"findings":[{"checkId":"a","severity":"warn","title":"t","detail":"d"}]}`))
	f.Add([]byte(`{"findings":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ParseAudit(b)
		if err != nil {
			return
		}
		for _, a := range list {
			if strings.ContainsAny(a.ID+a.Title+a.Detail+a.Fix, "\x1b\n\r") {
				t.Errorf("%+v is not fit to be shown", a)
			}
		}
	})
}

// TestHungFile: a file system that hangs holds up those alone who ask for its file.
func TestHungFile(t *testing.T) {
	s := newScene(t)
	release := make(chan struct{})
	hangs := sync.OnceValue(func() *reading { <-release; return &reading{} })
	s.reads = map[string]func() *reading{"hung": hangs}
	hung, other := make(chan *reading, 1), make(chan *reading, 1)
	go func() { hung <- s.read("hung") }()
	time.Sleep(10 * time.Millisecond) // until it holds what it holds
	go func() { other <- s.read(s.SetupFile) }()
	select {
	case r := <-other:
		if !r.exists || r != s.read(s.SetupFile) {
			t.Errorf("%+v", r)
		}
	case <-time.After(5 * time.Second):
		t.Error("another file waits for the one that hangs")
	}
	close(release)
	<-hung
}
