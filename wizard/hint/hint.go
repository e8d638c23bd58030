// Package hint attaches to an error what the operator can do next.
//
// The hint is an identifier with arguments; its words live in the message
// catalogue of package ui, so that logic holds no text for people.
package hint

import "errors"

// Hint names the advice that goes with an error.
type Hint struct {
	// ID is the message identifier, without the catalogue's "hint." prefix.
	ID string
	// Args fill the message's placeholders, in order.
	Args []any
}

type hinted struct {
	err  error
	hint Hint
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// With returns err carrying the hint named id. A nil err stays nil.
func With(err error, id string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err: err, hint: Hint{ID: id, Args: args}}
}

// Of returns the outermost hint in err's chain: the one given by the code that
// knew most about what was being done.
func Of(err error) (Hint, bool) {
	var h *hinted
	if errors.As(err, &h) {
		return h.hint, true
	}
	return Hint{}, false
}
