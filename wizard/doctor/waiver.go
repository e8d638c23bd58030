package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Waiver is a finding that the operator accepts for a while.
type Waiver struct {
	// Check is the check's id.
	Check string `yaml:"check" json:"check"`
	// Where limits it to findings whose place holds this text; empty for all of the check.
	Where string `yaml:"where,omitempty" json:"where,omitempty"`
	// Reason is why, in the operator's words.
	Reason string `yaml:"reason" json:"reason"`
	// Expires is the first day on which it does not hold any more, like 2027-01-31.
	Expires string `yaml:"expires" json:"expires"`
}

// Bounds of a waiver: a year, and texts in characters.
const (
	longestWaiver = 366 * 24 * time.Hour
	longestReason = 300
	mostWaivers   = 200
)

// CheckWaivers refuses a waiver that names no check, gives no reason or no end.
func CheckWaivers(list []Waiver) error {
	if len(list) > mostWaivers {
		return fmt.Errorf("waivers: more than %d", mostWaivers)
	}
	for i, w := range list {
		if err := w.Valid(); err != nil {
			return fmt.Errorf("waivers, entry %d: %w", i+1, err)
		}
	}
	return nil
}

// Valid refuses a waiver that names no check, gives no reason or no end.
func (w Waiver) Valid() error {
	if _, ok := Find(w.Check); !ok && w.Check != AuditWord {
		return fmt.Errorf("%q is no check", text.Clean(w.Check, 60))
	}
	if strings.TrimSpace(w.Reason) == "" {
		return errors.New("a waiver needs a reason")
	}
	for _, s := range []string{w.Where, w.Reason} {
		if s != text.Clean(s, longestReason) {
			return errors.New("a text is too long or holds control or invisible characters")
		}
	}
	if _, err := time.Parse(time.DateOnly, w.Expires); err != nil {
		return fmt.Errorf("expires: %q is not a date like 2027-01-31", text.Clean(w.Expires, 40))
	}
	return nil
}

// Acceptable refuses a new waiver that does not hold now, or for too long.
func (w Waiver) Acceptable(now time.Time) error {
	if err := w.Valid(); err != nil {
		return err
	}
	if err := w.Barred(); err != nil {
		return err
	}
	end, err := time.Parse(time.DateOnly, w.Expires)
	switch {
	case err != nil:
		return err
	case !now.Before(end):
		return fmt.Errorf("expires: %s is over already", w.Expires)
	case end.Sub(now) > longestWaiver:
		return fmt.Errorf("expires: %s is more than a year away: nobody would look at it again", w.Expires)
	}
	return nil
}

// Barred says why a waiver holds for nothing although its form is right: what tells that
// the record, or a file, was changed behind the operator's back cannot be accepted as a
// whole, because whoever changed it would have that accepted first. It is nil for any other.
func (w Waiver) Barred() error {
	switch {
	case strings.HasPrefix(w.Check, "journal-"):
		return fmt.Errorf("%s cannot be waived: it tells whether anything else can be believed", w.Check)
	case w.Check == driftCheck && w.Where == "":
		return fmt.Errorf("%s cannot be waived as a whole: name one file by --where, with its whole path", w.Check)
	default:
		return nil
	}
}

// covers tells whether a waiver holds for a finding now. One that is to hold for more
// than a year from now on does not hold at all: nobody would look at it again.
func (w Waiver) covers(id string, f Finding, now time.Time) bool {
	end, err := time.Parse(time.DateOnly, w.Expires)
	if err != nil || w.Check != id || !now.Before(end) || end.Sub(now) > longestWaiver {
		return false
	}
	if w.Barred() != nil {
		return false
	}
	if w.Check == driftCheck {
		return f.Where.Path == w.Where && f.Where.Key == ""
	}
	return w.Where == "" || strings.Contains(f.Where.String(), w.Where)
}

// waive marks the findings that a waiver covers.
func waive(r Result, waivers []Waiver, now time.Time) Result {
	open := 0
	for i, f := range r.Findings {
		j := slices.IndexFunc(waivers, func(w Waiver) bool { return w.covers(r.Check.ID, f, now) })
		if j < 0 {
			open++
			continue
		}
		r.Findings[i].Waiver = &waivers[j]
	}
	if len(r.Findings) > 0 && open == 0 && r.Outcome == Found {
		r.Outcome = Waived
	}
	return r
}
