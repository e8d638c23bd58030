package hint

// Word is a part of an error's text that has words in the catalogue.
type Word struct {
	// Text is the part as the error says it.
	Text string
	// Hint names the message "said.<ID>" and its arguments.
	Hint Hint
}

type said struct {
	err  error
	word Word
	// doing is true where the word stands before err's own text.
	doing bool
}

func (s *said) Error() string {
	if s.doing {
		return s.word.Text + ": " + s.err.Error()
	}
	return s.err.Error()
}

func (s *said) Unwrap() error { return s.err }

// Say returns err carrying the message "said.<id>" of the catalogue, which package ui shows
// in place of err's own text; what wraps err is kept. It is for the errors that
// operators meet often. A nil err stays nil.
func Say(err error, id string, args ...any) error {
	if err == nil {
		return nil
	}
	return &said{err: err, word: Word{Text: err.Error(), Hint: Hint{ID: id, Args: args}}}
}

// Doing returns err with what was being done before it, for which the catalogue has the
// message "said.<id>". A nil err stays nil.
func Doing(err error, doing, id string, args ...any) error {
	if err == nil {
		return nil
	}
	return &said{err: err, word: Word{Text: doing, Hint: Hint{ID: id, Args: args}}, doing: true}
}

// Words are the parts of err's text that have words in the catalogue, outermost first.
func Words(err error) []Word {
	var out []Word
	if s, ok := err.(*said); ok { //nolint:errorlint // the chain is walked here
		out = append(out, s.word)
	}
	switch e := err.(type) { //nolint:errorlint // the chain is walked here
	case interface{ Unwrap() error }:
		return append(out, Words(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			out = append(out, Words(inner)...)
		}
	}
	return out
}
