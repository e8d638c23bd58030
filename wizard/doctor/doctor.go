// Package doctor grades an installation, made by clawsetup or by hand, against the
// threats of CONTROLS.md.
//
// A Check is one question with a stable id: what is looked at, why it matters, how bad a
// finding is and how it is put right. Its words are in the message catalogue of package
// ui, under "check.<id>". A Host says where to look; Examine runs the checks on it and
// makes a Report. Nothing here writes, asks the operator, or reads more of a foreign
// file or folder than its bound. What could not be looked at is NotChecked, never OK.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Severity tells how bad a finding is.
type Severity int

// The severities, the mildest first.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{Info: "info", Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// String is the severity's name in English, as flags and JSON have it.
func (s Severity) String() string { return severityNames[s] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Severities are their names, the mildest first.
func Severities() []string { return slices.Clone(severityNames[:]) }

// ParseSeverity reads a severity's name.
func ParseSeverity(s string) (Severity, error) {
	i := slices.Index(severityNames[:], s)
	if i < 0 {
		return 0, fmt.Errorf("%q is no severity: %s", text.Clean(s, 40), strings.Join(severityNames[:], ", "))
	}
	return Severity(i), nil
}

// Category is a class of threats: of STRIDE, or of the agent review (gap 23).
type Category string

// The categories. Information disclosure and denial of service are in both lists.
const (
	Spoofing    Category = "spoofing"
	Tampering   Category = "tampering"
	Repudiation Category = "repudiation"
	Disclosure  Category = "information-disclosure"
	Denial      Category = "denial-of-service"
	Elevation   Category = "elevation-of-privilege"

	PromptInjection   Category = "prompt-injection"
	Exfiltration      Category = "data-exfiltration"
	UnsafeShell       Category = "unsafe-shell"
	CredentialLeak    Category = "credential-leak" //nolint:gosec // the name of a category
	ExcessPermission  Category = "excessive-permission"
	UnvalidatedInput  Category = "unvalidated-input"
	SupplyChain       Category = "supply-chain"
	CrossAgent        Category = "cross-agent-access"
	IndirectInjection Category = "indirect-prompt-injection"
	CostAbuse         Category = "cost-abuse"
)

// Categories are all of them: STRIDE, then those of the agent review.
func Categories() []Category {
	return []Category{
		Spoofing, Tampering, Repudiation, Disclosure, Denial, Elevation, PromptInjection, Exfiltration, UnsafeShell, CredentialLeak,
		ExcessPermission, UnvalidatedInput, SupplyChain, CrossAgent, IndirectInjection, CostAbuse,
	}
}

// Area is the part of the installation that a check looks at: how a table is grouped.
type Area string

// The areas, in the order of a table.
const (
	AreaStack    Area = "stack"
	AreaImage    Area = "image"
	AreaPort     Area = "port"
	AreaSecrets  Area = "secrets"
	AreaOpenClaw Area = "openclaw"
	AreaClaude   Area = "claude"
	AreaSkills   Area = "skills"
	AreaMCP      Area = "mcp"
	AreaData     Area = "data"
	AreaRecord   Area = "record"
	AreaUpstream Area = "upstream"
)

// Areas are all of them, in order.
func Areas() []Area {
	return []Area{AreaStack, AreaImage, AreaPort, AreaSecrets, AreaOpenClaw, AreaClaude, AreaSkills, AreaMCP, AreaData, AreaRecord, AreaUpstream}
}

// Check is one question to an installation.
type Check struct {
	// ID is stable: flags, waivers, JSON and SARIF name the check by it.
	ID string
	// Area is what is looked at.
	Area Area
	// Controls are the rows of CONTROLS.md that it answers, the first above all.
	Controls []string
	// Categories are at least one of STRIDE and, where one fits, of the agent review.
	Categories []Category
	// Severity is that of a finding.
	Severity Severity
	// Fix is the command that puts a finding right, in which {path} is the finding's file;
	// doctor --fix for one that has a Repair.
	Fix string

	// look asks the question. It tells what it looked at, found or could not see.
	look func(context.Context, *Host, *answer)
}

// Location is where a finding is.
type Location struct {
	// Path is a file or folder, Line counts from 1 and is 0 where there is none.
	Path string `json:"path,omitempty"`
	Line int    `json:"line,omitempty"`
	// Key is a setting inside the file, with dots between its parts.
	Key string `json:"key,omitempty"`
	// Container is a container's name, PID a process.
	Container string `json:"container,omitempty"`
	PID       int    `json:"pid,omitempty"`
}

// String shows the place in one line.
func (l Location) String() string {
	out := text.Clean(l.Path, longestPath)
	if l.Line > 0 {
		out += fmt.Sprintf(":%d", l.Line)
	}
	for _, part := range []struct{ name, value string }{{"", l.Key}, {"container ", l.Container}} {
		if part.value != "" {
			out = strings.TrimSpace(out + " " + part.name + text.Clean(part.value, longestPath))
		}
	}
	if l.PID > 0 {
		out = strings.TrimSpace(fmt.Sprintf("%s process %d", out, l.PID))
	}
	return out
}

const (
	longestPath   = 300
	longestDetail = 300
)

// Finding is one thing that is wrong.
type Finding struct {
	Where Location `json:"where"`
	// Detail says what was found, in English, redacted and fit to be shown.
	Detail string `json:"detail"`
	// Severity is that of the check, or milder.
	Severity Severity `json:"severity"`
	// Fix is the command that puts it right.
	Fix string `json:"fix"`
	// Fixable says that doctor --fix can do it.
	Fixable bool `json:"fixable"`
	// Waiver is why the operator accepts it; nil when nobody does.
	Waiver *Waiver `json:"waiver,omitempty"`

	// Holds names the secret of this installation whose value is there; empty for another.
	Holds string `json:"-"`
	// Repair is how; nil when there is none that is safe.
	Repair *Repair `json:"-"`
}

// Gap is something that could not be looked at, and why.
type Gap struct {
	Where string `json:"where"`
	Why   string `json:"why"`
}

// Outcome is what a check came to.
type Outcome int

// The outcomes. Absent: there is nothing of the kind on this host.
const (
	OK Outcome = iota
	Found
	Waived
	NotChecked
	Absent
)

var outcomeNames = [...]string{OK: "ok", Found: "finding", Waived: "waived", NotChecked: "not checked", Absent: "absent"}

// String is the outcome's name in English.
func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText implements encoding.TextMarshaler.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Result is the answer to one check.
type Result struct {
	Check    Check
	Outcome  Outcome
	LookedAt []string
	Findings []Finding
	Gaps     []Gap
}

// Severity is that of the worst finding that nobody waived.
func (r Result) Severity() Severity {
	worst := Info
	for _, f := range r.Findings {
		if f.Waiver == nil {
			worst = max(worst, f.Severity)
		}
	}
	return worst
}

// MarshalJSON puts the check's own data beside the answer.
func (r Result) MarshalJSON() ([]byte, error) {
	c := r.Check
	return json.Marshal(struct {
		ID         string     `json:"id"`
		Area       Area       `json:"area"`
		Controls   []string   `json:"controls"`
		Categories []Category `json:"categories"`
		Severity   Severity   `json:"severity"`
		Outcome    Outcome    `json:"outcome"`
		LookedAt   []string   `json:"looked_at"`
		Findings   []Finding  `json:"findings"`
		Gaps       []Gap      `json:"not_checked,omitempty"`
	}{c.ID, c.Area, c.Controls, c.Categories, c.Severity, r.Outcome, notNil(r.LookedAt), notNil(r.Findings), r.Gaps})
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// Report is what an examination came to.
type Report struct {
	// Version is the program's own.
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	// Made is false for an installation without clawsetup's set-up.
	Made    bool     `json:"made_by_clawsetup"`
	Results []Result `json:"checks"`
	// Audit is what OpenClaw's own audit says; nil when it was not asked for.
	Audit *Audit `json:"openclaw_audit,omitempty"`

	// Config is the openclaw.json that was looked at, Waivers those that counted.
	Config  string   `json:"-"`
	Waivers []Waiver `json:"-"`
}

// Count is how many checks came to o.
func (r *Report) Count(o Outcome) int {
	n := 0
	for _, c := range r.Results {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// Unchecked tells whether a check whose findings may be at least that bad was not made.
func (r *Report) Unchecked(least Severity) bool {
	return slices.ContainsFunc(r.Results, func(c Result) bool { return c.Outcome == NotChecked && c.Check.Severity >= least })
}

// Reaches tells whether a finding that nobody waived is at least that bad.
func (r *Report) Reaches(least Severity) bool {
	for _, c := range r.Results {
		if c.Outcome == Found && c.Severity() >= least {
			return true
		}
	}
	return r.Audit.reaches(least)
}
