package journal

import (
	"fmt"
	"time"
)

// State is the outcome of a check. What was not looked at is never "ok".
type State string

// The outcomes.
const (
	OK         State = "ok"
	Failed     State = "failed"
	NotChecked State = "not checked"
)

// Reason says what is wrong, as a stable id for the message catalogue.
type Reason string

// The reasons for a failure, and for a check that was not made.
const (
	// The line is no record, or too long for one.
	BadLine Reason = "bad-line"
	// The record was written by a newer clawsetup.
	NewerVersion Reason = "newer-version"
	// The body is not what its hash says: it was edited.
	WrongHash Reason = "wrong-hash"
	// The record was not sealed with this installation's key.
	WrongMAC Reason = "wrong-mac"
	// The record does not follow the one before it: something between was removed, added
	// or moved.
	WrongPrev Reason = "wrong-prev"
	// The sequence number is not the next one.
	WrongSeq Reason = "wrong-seq"
	// The record belongs to another journal.
	WrongLog Reason = "wrong-log"
	// The sealed record cannot be read as one.
	BadBody Reason = "bad-body"
	// The first record is no JournalCreated.
	NoGenesis Reason = "no-genesis"
	// Records are missing at the end: the anchor knows of more.
	Behind Reason = "behind"
	// The anchor knows another record under this number.
	Rewritten Reason = "rewritten"
	// The journal has more records than can be missing in the anchor.
	TooFarAhead Reason = "too-far-ahead"
	// There is no head where there should be one.
	NoHead Reason = "no-head"
	// The head is damaged.
	BadHead Reason = "bad-head"
	// The anchor could not be asked.
	Unreachable Reason = "unreachable"
	// No key, or no anchor, was given.
	NotGiven Reason = "not-given"
	// The check depends on another one that failed.
	NotReached Reason = "not-reached"
)

// Check is the outcome of one check.
type Check struct {
	State State `json:"state"`
	// Reason is empty when State is OK.
	Reason Reason `json:"reason,omitempty"`
	// Ahead is how many records the journal has beyond a head that is fine: what
	// was written since, or what a crash kept from being anchored.
	Ahead uint64 `json:"ahead,omitempty"`
}

// Part names what a Problem is about.
type Part string

// The parts of a verification.
const (
	PartChain   Part = "chain"
	PartMACs    Part = "macs"
	PartSidecar Part = "sidecar"
	PartAnchor  Part = "anchor"
)

// Problem is a failure and where it is.
type Problem struct {
	Part   Part   `json:"part"`
	Reason Reason `json:"reason"`
	// Seq is the sequence number that was expected there; for a head its own.
	Seq uint64 `json:"seq,omitempty"`
	// Line counts from 1; zero for a head.
	Line uint64 `json:"line,omitempty"`
	// Offset is where the line starts, in bytes.
	Offset int64 `json:"offset,omitempty"`
	// Tool is the program that wrote a record of a newer version, as the record has it.
	Tool string `json:"tool,omitempty"`
}

// Error describes the problem for a log; screens use the catalogue.
func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s (record %d)", p.Part, p.Reason, p.Seq)
	}
	return fmt.Sprintf("%s: %s at line %d (record %d expected)", p.Part, p.Reason, p.Line, p.Seq)
}

// Report is what a verification found.
type Report struct {
	Log     string `json:"log"`
	Records uint64 `json:"records"`
	// Bytes is the length of the verified part of the file.
	Bytes int64 `json:"bytes"`
	// First and Last are the times of the first and the last verified record.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// Head is the end of the verified part, to be kept off this host; its MAC is
	// empty when there was no key.
	Head Head `json:"head"`
	// Torn is the length of an incomplete last line, in bytes: what a crash leaves
	// and the next change quarantines.
	Torn int64 `json:"torn,omitempty"`

	Chain   Check `json:"chain"`
	MACs    Check `json:"macs"`
	Sidecar Check `json:"sidecar"`
	Anchor  Check `json:"anchor"`

	Problems []Problem `json:"problems,omitempty"`
	// AnchorErr is why the anchor could not be asked (Unreachable).
	AnchorErr error `json:"-"`
}

func (r *Report) checks() []Check { return []Check{r.Chain, r.MACs, r.Sidecar, r.Anchor} }

// Failed is true when some check failed.
func (r Report) Failed() bool {
	for _, c := range r.checks() {
		if c.State == Failed {
			return true
		}
	}
	return false
}

// OK is true when nothing failed and no line is torn, as a crash leaves the last one. What
// was not checked is for Complete to tell.
func (r Report) OK() bool { return !r.Failed() && r.Torn == 0 }

// Complete is true when every check was made.
func (r Report) Complete() bool {
	for _, c := range r.checks() {
		if c.State == NotChecked {
			return false
		}
	}
	return true
}

func (r *Report) fail(c *Check, p Problem) {
	*c = Check{State: Failed, Reason: p.Reason}
	r.Problems = append(r.Problems, p)
}
