package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// anchors are the heads found outside of the journal itself.
type anchors struct {
	sidecar    Head
	sidecarErr error
	// given is false when there is no second place.
	given     bool
	anchor    Head
	anchorErr error
}

func (p paths) loadAnchors(ctx context.Context, anchor Anchor) anchors {
	var a anchors
	if anchor != nil {
		a.given = true
		a.anchor, a.anchorErr = anchor.Load(ctx)
	}
	a.sidecar, a.sidecarErr = p.readSidecar()
	return a
}

// readSidecar returns the zero Head when there is no sidecar.
func (p paths) readSidecar() (Head, error) {
	f, err := p.disk.Read(p.head(), maxHead+1)
	if err != nil || !f.Exists {
		return Head{}, err
	}
	text, ok := strings.CutSuffix(string(f.Data), "\n")
	h, err := ParseHead(text)
	if err == nil && (!ok || h.IsZero()) {
		err = ErrHead
	}
	if err != nil {
		return Head{}, fmt.Errorf("reading %s: %w", p.head(), err)
	}
	return h, nil
}

func (p paths) writeSidecar(h Head) error {
	return p.disk.WriteFile(p.head(), []byte(h.String()+"\n"), 0o600)
}

// check compares what c has read with the heads.
func (a anchors) check(r *Report, c *chain) {
	if r.Chain.State == Failed {
		r.Sidecar = Check{State: NotChecked, Reason: NotReached}
		r.Anchor = r.Sidecar
		return
	}
	r.Sidecar = headCheck(r, c, 0, a.sidecar)
	switch {
	case a.sidecarErr != nil:
		r.Sidecar = Check{State: Failed, Reason: BadHead}
	case r.Sidecar.Ahead > MaxBatch:
		// The sidecar follows every batch: a crash leaves it one batch behind.
		r.Sidecar = Check{State: Failed, Reason: TooFarAhead, Ahead: r.Sidecar.Ahead}
	}
	r.Anchor = headCheck(r, c, 1, a.anchor)
	switch {
	case !a.given:
		r.Anchor = Check{State: NotChecked, Reason: NotGiven}
	case errors.Is(a.anchorErr, ErrHead):
		r.Anchor = Check{State: Failed, Reason: BadHead}
	case a.anchorErr != nil:
		r.Anchor, r.AnchorErr = Check{State: NotChecked, Reason: Unreachable}, a.anchorErr
	case a.anchor.Log != r.Log && r.Records == 1 && a.anchor.String() == c.replaces:
		// Create ended between the first record and the anchor.
		r.Anchor = Check{State: OK, Ahead: 1}
	}
	if r.Sidecar.State == Failed {
		r.Problems = append(r.Problems, Problem{Part: PartSidecar, Reason: r.Sidecar.Reason, Seq: a.sidecar.Seq})
	}
	if r.Anchor.State == Failed {
		r.Problems = append(r.Problems, Problem{Part: PartAnchor, Reason: r.Anchor.Reason, Seq: a.anchor.Seq})
	}
}

// headCheck compares h, whose sequence number c watched as number i.
func headCheck(r *Report, c *chain, i int, h Head) Check {
	bad := Reason("")
	switch {
	case h.IsZero():
		// Create writes the first record before the heads.
		if r.Records > 1 {
			bad = NoHead
		}
	case h.forged(c.seal):
		bad = WrongMAC
	case h.Log != r.Log:
		bad = WrongLog
	case h.Seq > r.Records:
		bad = Behind
	case h.Hash != c.seen[i]:
		bad = Rewritten
	}
	if bad != "" {
		return Check{State: Failed, Reason: bad}
	}
	out := Check{State: OK, Ahead: r.Records - h.Seq}
	switch {
	case c.seal.mac != nil || h.IsZero():
	case r.MACs.State == Failed:
		out.State, out.Reason = NotChecked, NotReached
	default:
		// Anybody can write a head that fits a journal that was cut.
		out.State, out.Reason = NotChecked, NotGiven
	}
	return out
}
