package templates

import (
	"bytes"
	"slices"
	"strings"
)

const (
	ignoreBegin = "# clawsetup begin: written by clawsetup init"
	ignoreEnd   = "# clawsetup end"
)

// GitIgnore returns current with one block that ignores entries (T-02). Lines that
// the operator wrote stay as they are; an entry that already has its own line
// outside the block is not repeated. An existing block is replaced where it
// stands, so applying the result again changes nothing. Blank entries, comments
// and entries with a line break are left out. A nil current is no file, and stays so
// when there is nothing to ignore.
func GitIgnore(current []byte, entries []string) []byte {
	own, at := withoutBlocks(string(current))
	var add []string
	for _, e := range entries {
		e = strings.TrimSpace(e)
		same := func(line string) bool { return strings.TrimRight(line, " \t\r\n") == e }
		if e == "" || e[0] == '#' || strings.ContainsAny(e, "\r\n\x00") || slices.ContainsFunc(own, same) || slices.Contains(add, e) {
			continue
		}
		add = append(add, e)
	}
	before, after := strings.Join(own[:at], ""), strings.Join(own[at:], "")
	if len(add) == 0 {
		if current == nil {
			return nil
		}
		return []byte(before + after)
	}
	newline := "\n"
	if bytes.Contains(current, []byte("\r\n")) || strings.HasSuffix(before, "\r") {
		newline = "\r\n"
	}
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += newline
	}
	block := strings.Join(append(append([]string{ignoreBegin}, add...), ignoreEnd), newline) + newline
	return []byte(before + block + after)
}

// withoutBlocks returns the lines of s outside our blocks, each with its line
// break, and the index among them where the first block stood, or their number. A
// begin or end that lost its partner goes alone: lines beside it may be the
// operator's.
func withoutBlocks(s string) (own []string, at int) {
	at, begin := -1, -1
	for line := range strings.Lines(s) {
		switch strings.TrimRight(line, " \t\r\n") {
		case ignoreBegin:
			begin = len(own)
		case ignoreEnd:
			if begin < 0 {
				continue
			}
			own = own[:begin]
			if at < 0 {
				at = begin
			}
			begin = -1
		default:
			own = append(own, line)
		}
	}
	if at < 0 {
		at = len(own)
	}
	return own, at
}
