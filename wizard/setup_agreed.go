package wizard

import (
	"errors"
	"fmt"
	"slices"

	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// errNoAgreement says that no committed record holds a setup.yaml.
var errNoAgreement = errors.New("the journal holds no set-up")

// agreement is what doctor takes for the operator's word. Whoever can write setup.yaml can
// write concessions into it; those count that the journal holds, where a consent stands
// beside them.
type agreement struct {
	// setup is the Setup that was journaled last; where that cannot be read, the present one
	// without any concession.
	setup Setup
	// refused names the concessions of setup.yaml that do not count.
	refused []string
	// err is why the journal could not be asked.
	err error
}

// agreed compares the Setup of this host, whose file is basis, with that of the journal h;
// err is why that could not be opened.
func (w *Wizard) agreed(h *History, err error, s Setup, basis files.File) agreement {
	out := agreement{}
	var last *Setup
	if last, out.err = w.journaledSetup(h, err, basis); out.err != nil {
		out.setup = s.strict()
		out.refused = names(concessions(s))
	} else {
		out.setup = *last
		out.refused = names(unagreed(s, *last))
	}
	out.setup.Waivers = slices.DeleteFunc(slices.Clone(out.setup.Waivers), func(v doctor.Waiver) bool {
		barred := v.Barred() != nil
		if barred {
			out.refused = append(out.refused, concession{waiver: &v}.String())
		}
		return barred
	})
	return out
}

// journaledSetup is the Setup that was written last through a transaction; basis is the file
// as it is now.
func (w *Wizard) journaledSetup(h *History, err error, basis files.File) (*Setup, error) {
	records, err := keyed(h, err)
	if err != nil {
		return nil, err
	}
	past := touchedSince(records, lastUninstall(records))
	i := slices.IndexFunc(past, func(t touched) bool { return t.first.Path == w.Paths.SetupFile() })
	if i < 0 || past[i].last.After == "" {
		return nil, errNoAgreement
	}
	data := basis.Data
	if last := past[i].last; w.digest(h.vault, basis, last.After) != last.After {
		if data, err = h.vault.content(h.snaps, last.SnapshotAfter, last.After); err != nil {
			return nil, err
		}
	}
	s, err := ParseSetup(data)
	return &s, err
}

// concession is one thing in a Setup that makes doctor milder.
type concession struct {
	waiver  *doctor.Waiver
	relaxed *Relaxed
	kept    string
	left    openclaw.Part
	egress  bool
}

// String names it as setup.yaml does, for a finding.
func (c concession) String() string {
	switch {
	case c.waiver != nil:
		return "waivers: " + c.waiver.Check
	case c.relaxed != nil:
		return "image.hardening.relaxed: " + relaxedName(*c.relaxed)
	case c.kept != "":
		return "openclaw.kept: " + c.kept
	case c.left != "":
		return "openclaw.hardening: without " + string(c.left)
	default:
		return "egress.open"
	}
}

// concessions are those of s.
func concessions(s Setup) []concession {
	var out []concession
	for _, v := range s.Waivers {
		out = append(out, concession{waiver: &v})
	}
	for _, r := range s.Image.Hardening.Relaxed {
		out = append(out, concession{relaxed: &r})
	}
	for _, k := range s.OpenClaw.Kept {
		out = append(out, concession{kept: k})
	}
	parts, err := openclaw.ParseParts(orElse(s.OpenClaw.Hardening, hardeningDefault))
	for _, p := range openclaw.Parts() {
		if err == nil && !slices.Contains(parts, p) {
			out = append(out, concession{left: p})
		}
	}
	if s.Egress.Open {
		out = append(out, concession{egress: true})
	}
	return out
}

// unagreed are the concessions of s that before does not have.
func unagreed(s, before Setup) []concession {
	had := concessions(before)
	return slices.DeleteFunc(concessions(s), func(c concession) bool {
		return slices.ContainsFunc(had, c.same)
	})
}

func (c concession) same(o concession) bool {
	switch {
	case c.waiver != nil:
		return o.waiver != nil && *c.waiver == *o.waiver
	case c.relaxed != nil:
		return o.relaxed != nil && c.relaxed.same(*o.relaxed)
	default:
		return o.waiver == nil && o.relaxed == nil && c.kept == o.kept && c.left == o.left && c.egress == o.egress
	}
}

// strict is s without any concession.
func (s Setup) strict() Setup {
	s.Waivers, s.Image.Hardening.Relaxed, s.OpenClaw.Kept = nil, nil, nil
	s.OpenClaw.Hardening, s.Egress.Open = hardeningDefault, false
	return s
}

func names(list []concession) []string {
	var out []string
	for _, c := range list {
		out = append(out, text.Clean(c.String(), 120))
	}
	return out
}

// agree makes consents of the concessions that a new setup.yaml takes over from one that
// somebody edited: journaled, they would count, and the diff does not show them.
func (p *planner) agree(before, after []byte) error {
	was, errBefore := ParseSetup(before)
	will, errAfter := ParseSetup(after)
	if errBefore != nil || errAfter != nil {
		return nil //nolint:nilerr // what cannot be read concedes nothing
	}
	var last Setup
	i := slices.IndexFunc(p.past, func(t touched) bool { return t.first.Path == p.w.Paths.SetupFile() })
	if i >= 0 && p.past[i].last.After != "" {
		data, err := p.snapshot(p.past[i].last.SnapshotAfter, p.past[i].last.After)
		if err != nil {
			return fmt.Errorf("reading setup.yaml as it was written last: %w", err)
		}
		if last, err = ParseSetup(data); err != nil {
			return fmt.Errorf("reading setup.yaml as it was written last: %w", err)
		}
	}
	had := concessions(was)
	for _, c := range unagreed(will, last) {
		if slices.ContainsFunc(had, c.same) {
			p.plan.Consents = append(p.plan.Consents, Note{ID: "concession", State: Attention, Args: []any{text.Clean(c.String(), 120)}})
		}
	}
	return nil
}
