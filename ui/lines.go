package ui

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
)

// longestLine bounds one answer of a pipe. A key with a megabyte of noise is
// refused by its length, not by our memory.
const longestLine = 1 << 20

var errLineTooLong = errors.New("the answer is longer than 1 MiB")

// lineReader reads answers line by line; a read ends early with its context.
type lineReader struct {
	in  *os.File
	buf *bufio.Reader
}

func newLineReader(in *os.File) *lineReader {
	return &lineReader{in: in, buf: bufio.NewReader(in)}
}

type line struct {
	text []byte
	err  error
}

// read returns one line without its end. io.EOF means that there is no further
// line; a last one without a line end counts.
func (r *lineReader) read(ctx context.Context) ([]byte, error) {
	return await(ctx, r.readLine)
}

// hide turns the echo off, where there is one, before a secret is asked for (A5).
// restore gives it back, also when the read was ended by a signal.
func (r *lineReader) hide() (restore func(), err error) {
	if !isTerminal(r.in) {
		return func() {}, nil
	}
	return echoOff(r.in)
}

// await runs read, which cannot be interrupted, until ctx is done. The abandoned
// read dies with the process: every caller ends the run then.
func await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case l := <-got:
		return l.text, l.err
	}
}

func (r *lineReader) readLine() ([]byte, error) {
	var out []byte
	for {
		part, err := r.buf.ReadSlice('\n')
		if len(out)+len(part) > longestLine {
			return nil, errLineTooLong
		}
		out = append(out, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(out) > 0:
			return out, nil
		case err != nil:
			return nil, err
		}
		return out[:len(out)-1], nil
	}
}

// trimmed is an answer without the blanks that pasting adds.
func trimmed(b []byte) string { return strings.TrimSpace(string(b)) }
