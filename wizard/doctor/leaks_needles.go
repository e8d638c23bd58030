package doctor

import (
	"bytes"
	"context"
	"errors"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// needles are what must not be found: the values of this installation, and whatever is
// clearly the credential of a model service. Close clears the values.
type needles struct {
	values []needle
}

type needle struct {
	name  string
	value []byte
}

// needles are those of the installation. That its values cannot be had is a gap of the
// check; the forms of credentials are looked for all the same.
func (h *Host) needles(ctx context.Context, a *answer) *needles {
	values, err := h.secretValues(ctx)
	if err != nil {
		a.cannot("the values of the secrets", err)
	}
	n := &needles{}
	for name, v := range values {
		// A value that is this short is in every file.
		if v.Len() >= shortestValue {
			n.values = append(n.values, needle{name, v.Expose()})
		}
	}
	return n
}

const shortestValue = 8

// longestLine is the length, in bytes, up to which a line is searched for the forms of
// credentials.
const longestLine = 64 << 10

func (n *needles) close() {
	for _, v := range n.values {
		clear(v.value)
	}
}

// value is the name of the secret of this installation that b holds.
func (n *needles) value(b []byte) string {
	for _, v := range n.values {
		if bytes.Contains(b, v.value) {
			return v.name
		}
	}
	return ""
}

// providerKeys are the variables in which credentials of model services are handed on.
var providerKeys = []string{"CLOUDRU_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}

// The forms of a credential in a line: a variable that is given a value in a shell, in
// fish or in a file of settings; a header; and what services put in front of their keys.
var (
	assigned = text.Pattern(`(?:^|[^A-Za-z0-9_])(CLOUDRU_API_KEY|OPENAI_API_KEY|ANTHROPIC_API_KEY|ANTHROPIC_AUTH_TOKEN)["']?(?:\s*[=:]\s*|\s+)["']?([^\s"';&|]{8,})`)
	header   = text.Pattern(`(?i)(?:authorization:\s*bearer|x-api-key:)\s+([A-Za-z0-9_.=+/-]{20,})`)
	prefixed = text.Pattern(`\b(?:cst_[A-Za-z0-9_-]{43}|sk-ant-[A-Za-z0-9_-]{20,})`)
)

// find says what kind of credential a line holds, in words that hold nothing of it, and
// the name of it when it is one of the installation.
func (n *needles) find(line []byte) (kind, name string) {
	if name := n.value(line); name != "" {
		return "it holds the value of " + name, name
	}
	return form(line), ""
}

// form says what form of a credential a line holds.
func form(line []byte) string {
	if len(line) > longestLine {
		return "" // nobody typed it: only the values themselves are looked for
	}
	for _, m := range assigned().FindAllSubmatch(line, -1) {
		separated := bytes.ContainsAny(m[0], "=:") || bytes.Contains(line, []byte("set "))
		if separated && literal(m[2]) {
			return "it gives " + string(m[1]) + " a value in the clear"
		}
	}
	if m := header().FindSubmatch(line); m != nil && literal(m[1]) {
		return "it holds a credential in a header of a request"
	}
	if prefixed().Match(line) {
		return "it holds what has the form of a key"
	}
	return ""
}

// literal tells a value from a reference to one, a command or a placeholder.
func literal(value []byte) bool {
	if bytes.IndexByte([]byte("$`<{("), value[0]) >= 0 || bytes.Contains(value, []byte("://")) {
		return false
	}
	_, err := secrets.ParseAPIKey(value)
	return !errors.Is(err, secrets.ErrSentinel)
}

// lines looks through the lines of a file; without numbers when its beginning is missing.
func (n *needles) lines(a *answer, path string, data []byte, numbered bool) {
	line := 0
	for content := range bytes.Lines(data) {
		line++
		if kind, name := n.find(content); kind != "" {
			where := Location{Path: path}
			if numbered {
				where.Line = line
			}
			a.found(where, kind).Holds = name
		}
	}
}

// files looks through small files that are there.
func (n *needles) files(h *Host, a *answer, paths ...string) {
	for _, path := range paths {
		r := h.read(path)
		switch {
		case r.err != nil:
			a.cannot(path, r.err)
		case r.exists:
			a.saw(path)
			n.lines(a, path, r.data, true)
		}
	}
}
