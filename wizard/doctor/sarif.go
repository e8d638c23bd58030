package doctor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

const (
	toolName = "clawsetup doctor"
	toolURI  = "https://github.com/clawsetup/clawsetup"
)

// levels are SARIF's three, and what GitHub calls security-severity, for ours.
var levels = map[Severity]struct{ level, score string }{
	Info: {"note", "0.0"}, Low: {"note", "3.0"}, Medium: {"warning", "5.5"}, High: {"error", "8.0"}, Critical: {"error", "9.5"},
}

// Words are the texts of a check: what it asks, and why.
type Words func(id string) (title, why string)

// WriteSARIF writes the report as SARIF 2.1.0: a rule for each check that was asked, a
// result for each finding, suppressed where it is waived, and a notification for each
// thing that was not checked.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
func (r *Report) WriteSARIF(w io.Writer, words Words) error {
	run := sarif.NewRunWithInformationURI(toolName, toolURI)
	run.Tool.Driver.WithVersion(r.Version)
	invocation := sarif.NewInvocation().WithExecutionSuccessful(true).WithEndTimeUtc(r.Time.Format(time.RFC3339))
	for _, c := range r.Results {
		r.rule(run, c.Check, words)
		for _, f := range c.Findings {
			run.AddResult(sarifResult(c.Check.ID, f))
		}
		for _, g := range c.Gaps {
			invocation.AddToolExecutionNotification(notChecked(c.Check.ID, g))
		}
	}
	if r.Audit != nil {
		r.sarifAudit(run, invocation)
	}
	run.AddInvocation(invocation)
	out := sarif.NewReport()
	out.AddRun(run)
	if err := out.PrettyWrite(w); err != nil {
		return fmt.Errorf("writing the report as SARIF: %w", err)
	}
	return nil
}

func (r *Report) rule(run *sarif.Run, c Check, words Words) {
	title, why := words(c.ID)
	tags := []string{"security"}
	for _, k := range c.Categories {
		tags = append(tags, string(k))
	}
	properties := sarif.NewPropertyBag().WithTags(append(tags, c.Controls...)).Add("security-severity", levels[c.Severity].score).Add("precision", "high")
	run.AddRule(c.ID).WithShortDescription(multiformat(title)).WithFullDescription(multiformat(why)).
		WithHelp(multiformat("Fix: " + c.Fix)).WithHelpURI(toolURI + "#doctor").
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(levels[c.Severity].level)).WithProperties(properties)
}

func multiformat(s string) *sarif.MultiformatMessageString {
	return sarif.NewMultiformatMessageString().WithText(s)
}

func sarifResult(id string, f Finding) *sarif.Result {
	print256 := sha256.Sum256([]byte(id + "\x00" + f.Where.Path + "\x00" + f.Where.Key + "\x00" + f.Where.Container + "\x00" + f.Detail))
	out := sarif.NewRuleResult(id).WithLevel(levels[f.Severity].level).WithMessage(sarif.NewTextMessage(sentence(f))).
		WithPartialFingerprints(map[string]string{"finding/v1": hex.EncodeToString(print256[:])}).AddLocation(f.Where.sarif())
	suppress(out, f.Waiver)
	return out
}

func sentence(f Finding) string {
	if where := f.Where.String(); where != "" {
		return where + ": " + f.Detail
	}
	return f.Detail
}

func suppress(out *sarif.Result, w *Waiver) {
	if w != nil {
		out.AddSuppression(sarif.NewSuppression().WithKind("external").WithStatus("accepted").WithJustification(w.Reason + " (until " + w.Expires + ")"))
	}
}

// sarif is the place as a file where it has one, and by its name.
func (l Location) sarif() *sarif.Location {
	out := sarif.NewLocation()
	if l.Path != "" && !strings.Contains(l.Path, "://") {
		artifact := sarif.NewSimpleArtifactLocation((&url.URL{Scheme: "file", Path: filepath.ToSlash(l.Path)}).String())
		physical := sarif.NewPhysicalLocation().WithArtifactLocation(artifact)
		if l.Line > 0 {
			physical.WithRegion(sarif.NewSimpleRegion(l.Line, l.Line))
		}
		out.WithPhysicalLocation(physical)
	}
	if name := l.String(); name != "" {
		out.WithLogicalLocations([]*sarif.LogicalLocation{sarif.NewLogicalLocation().WithFullyQualifiedName(name)})
	}
	return out
}

func notChecked(id string, g Gap) *sarif.Notification {
	return sarif.NewNotification().WithLevel("warning").WithMessage(sarif.NewTextMessage("not checked: " + g.Where + ": " + g.Why)).
		WithAssociatedRule(sarif.NewReportingDescriptorReference().WithID(id))
}

// sarifAudit adds OpenClaw's own findings that are not ours as well.
func (r *Report) sarifAudit(run *sarif.Run, invocation *sarif.Invocation) {
	if r.Audit.Outcome == NotChecked {
		invocation.AddToolExecutionNotification(sarif.NewNotification().WithLevel("warning").WithMessage(sarif.NewTextMessage("not checked: " + AuditWord + ": " + r.Audit.Why)))
		return
	}
	var rules []string
	for _, f := range r.Audit.Findings {
		if f.Same != "" {
			continue
		}
		id := AuditWord + "/" + f.ID
		if !slices.Contains(rules, id) {
			rules = append(rules, id)
			run.AddRule(id).WithShortDescription(multiformat(f.Title)).WithHelp(multiformat("Fix: " + f.Fix)).
				WithProperties(sarif.NewPropertyBag().WithTags([]string{"security", "openclaw"}).Add("security-severity", levels[f.Severity].score))
		}
		out := sarif.NewRuleResult(id).WithLevel(levels[f.Severity].level).WithMessage(sarif.NewTextMessage(f.Title + ": " + f.Detail))
		suppress(out, f.Waiver)
		run.AddResult(out)
	}
}
