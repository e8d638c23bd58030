package journal

import (
	"context"
	"crypto/hmac"
	"errors"
	"strconv"
	"strings"
)

// Head is the end of a journal at some moment: what an anchor keeps, so that a
// journal cut back or replaced is noticed.
type Head struct {
	Log  string `json:"log"`
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
	MAC  string `json:"mac"`
}

// Anchor keeps a Head outside the journal's folder.
type Anchor interface {
	// Load returns the Head saved last, the zero Head when there is none.
	Load(context.Context) (Head, error)
	Save(context.Context, Head) error
}

// headPrefix names the format of a Head as text.
const headPrefix = "clawsetup-head:v1:"

// maxHead bounds a Head as text, in bytes.
const maxHead = 256

// IsZero is true for the Head of no journal.
func (h Head) IsZero() bool { return h == Head{} }

// String is the Head as an anchor keeps it: one line of less than 256 bytes that
// holds no secret. The zero Head is the empty string.
func (h Head) String() string {
	if h.IsZero() {
		return ""
	}
	return headPrefix + h.Log + ":" + strconv.FormatUint(h.Seq, 10) + ":" + h.Hash + ":" + h.MAC
}

// ErrHead says that a text is no Head.
var ErrHead = errors.New("not the head of a journal")

// ParseHead reads what String wrote, to the byte.
func ParseHead(s string) (Head, error) {
	if s == "" {
		return Head{}, nil
	}
	rest, ok := strings.CutPrefix(s, headPrefix)
	if !ok || len(s) > maxHead {
		return Head{}, ErrHead
	}
	parts := strings.Split(rest, ":")
	if len(parts) != 4 || len(parts[0]) != logLen || len(parts[2]) != hashLen || len(parts[3]) != hashLen {
		return Head{}, ErrHead
	}
	for _, i := range []int{0, 2, 3} {
		if !isHex([]byte(parts[i])) {
			return Head{}, ErrHead
		}
	}
	n := scanner{[]byte(parts[1]), true}
	seq := n.decimal()
	if !n.ok || len(n.b) != 0 {
		return Head{}, ErrHead
	}
	return Head{Log: parts[0], Seq: seq, Hash: parts[2], MAC: parts[3]}, nil
}

// forged tells whether h was not made with the key of s. Without a key it cannot be
// told: a head that is not forged is not authentic for that.
func (h Head) forged(s *sealer) bool {
	return s.mac != nil && !hmac.Equal([]byte(h.MAC), []byte(s.headMAC(h)))
}
