package doctor

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// most bounds how many findings and places one check reports; a hostile host has more.
const most = 100

// answer collects what a check says.
type answer struct {
	check    Check
	lookedAt []string
	findings []Finding
	gaps     []Gap
	// more counts findings beyond the bound.
	more int
}

// saw notes something that was looked at.
func (a *answer) saw(where string) {
	where = text.Clean(where, longestPath)
	if len(a.lookedAt) < most && !slices.Contains(a.lookedAt, where) {
		a.lookedAt = append(a.lookedAt, where)
	}
}

// found reports something that is wrong. detail must hold no secret.
func (a *answer) found(where Location, detail string, args ...any) *Finding {
	if len(a.findings) == most {
		a.more++
		return &Finding{}
	}
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	a.findings = append(a.findings, Finding{
		Where: where, Detail: text.Clean(detail, longestDetail), Severity: a.check.Severity, Fix: fixCommand(a.check.Fix, where.Path),
	})
	return &a.findings[len(a.findings)-1]
}

// milder lowers the severity of one finding.
func (f *Finding) milder(s Severity) *Finding {
	f.Severity = min(f.Severity, s)
	return f
}

// repairedBy says how doctor --fix puts the finding right.
func (f *Finding) repairedBy(r Repair) *Finding {
	f.Repair, f.Fixable = &r, true
	return f
}

// cannot notes something that could not be looked at.
func (a *answer) cannot(where string, err error) {
	if len(a.gaps) < most {
		a.gaps = append(a.gaps, Gap{Where: text.Clean(where, longestPath), Why: text.Clean(reason(err), longestDetail)})
	}
}

// reason leaves the path out of a file's error, which stands beside it.
func reason(err error) string {
	if p, ok := err.(*fs.PathError); ok { //nolint:errorlint // a wrapped one says more than the path
		return p.Err.Error()
	}
	return err.Error()
}

// result is the answer as a whole.
func (a *answer) result() Result {
	r := Result{Check: a.check, LookedAt: a.lookedAt, Findings: a.findings, Gaps: a.gaps}
	if a.more > 0 {
		r.Gaps = append(r.Gaps, Gap{Where: a.check.ID, Why: fmt.Sprintf("%d more findings are not listed", a.more)})
	}
	switch {
	case len(a.findings) > 0:
		r.Outcome = Found
	case len(a.gaps) > 0:
		r.Outcome = NotChecked
	case len(a.lookedAt) > 0:
		r.Outcome = OK
	default:
		r.Outcome = Absent
	}
	return r
}

// fixCommand is the command of a check for one file.
func fixCommand(fix, path string) string {
	if !strings.Contains(fix, "{path}") {
		return fix
	}
	return strings.ReplaceAll(fix, "{path}", quoteWord(path))
}

// quoteWord makes a path one word of a POSIX shell, fit to be shown.
func quoteWord(s string) string {
	s = text.Clean(s, longestPath)
	plain := func(r rune) bool {
		return r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
