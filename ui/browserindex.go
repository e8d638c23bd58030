package ui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// row is as much of a record as the list shows. A journal may have a hundred
// thousand of them.
type row struct {
	seq              uint64
	at               time.Time
	event, who, size string
	// words is where the index keeps what the filter looks into.
	words int32
	// domain tells a change from the bookkeeping of its transaction.
	domain bool
}

// mostTerms is how many words of a filter count.
const mostTerms = 8

// index is the list of records, newest first, and what shows of it.
type index struct {
	rows []row
	// shown are places in rows.
	shown []int32
	all   bool
	terms []string

	// What records have in common is kept once: names, and what the filter looks into,
	// in lower case. hits says which terms are in it, a bit each.
	names  map[string]string
	places map[string]int32
	words  []string
	hits   []uint8
}

// add puts an older record at the end of the list; size is how much it is about.
func (x *index) add(r journal.Record, size string) {
	if x.names == nil {
		x.names, x.places = map[string]string{}, map[string]int32{}
	}
	entry := row{
		seq: r.Seq, at: r.Time, event: x.once(text.Clean(string(r.Event), 40)), who: x.once(shortWho(r.Actor)),
		size: x.once(size), domain: wizard.IsDomainEvent(r), words: x.place(haystack(r)),
	}
	x.rows = append(x.rows, entry)
	if x.shows(entry) {
		x.shown = append(x.shown, int32(len(x.rows)-1)) //nolint:gosec // a journal has no 2³¹ records
	}
}

// once is s, sharing the memory of an equal one.
func (x *index) once(s string) string {
	if known, ok := x.names[s]; ok {
		return known
	}
	x.names[s] = s
	return s
}

// place is where words are kept.
func (x *index) place(words string) int32 {
	i, ok := x.places[words]
	if !ok {
		i = int32(len(x.words)) //nolint:gosec // no more than records
		x.places[words] = i
		x.words, x.hits = append(x.words, words), append(x.hits, x.within(words))
	}
	return i
}

// haystack is what the filter looks into beside the number: event, actor, paths,
// settings and names of secrets.
func haystack(r journal.Record) string {
	parts := []string{string(r.Event), r.Actor.User, r.Actor.SudoUser}
	for _, f := range r.Files {
		parts = append(parts, f.Path)
	}
	for _, k := range r.Keys {
		parts = append(parts, k.Path)
	}
	for _, s := range r.Secrets {
		parts = append(parts, s.Name)
	}
	return strings.ToLower(strings.Join(parts, "\n"))
}

// within are the terms that words hold, a bit each.
func (x *index) within(words string) uint8 {
	var bits uint8
	for i, term := range x.terms {
		if strings.Contains(words, term) {
			bits |= 1 << i
		}
	}
	return bits
}

// shows tells whether a row is among what is asked for: each term is in its words,
// or in its number.
func (x *index) shows(r row) bool {
	if !x.all && !r.domain {
		return false
	}
	bits := x.hits[r.words]
	for i, term := range x.terms {
		if bits&(1<<i) == 0 && !strings.Contains(strconv.FormatUint(r.seq, 10), term) {
			return false
		}
	}
	return true
}

// narrow shows what holds every word of query, with the bookkeeping if all says so.
func (x *index) narrow(query string, all bool) {
	x.all, x.terms = all, strings.Fields(strings.ToLower(query))
	x.terms = x.terms[:min(len(x.terms), mostTerms)]
	for i, words := range x.words {
		x.hits[i] = x.within(words)
	}
	x.shown = x.shown[:0]
	for i, r := range x.rows {
		if x.shows(r) {
			x.shown = append(x.shown, int32(i))
		}
	}
}

// clear forgets the rows, not what is asked for.
func (x *index) clear() { *x = index{all: x.all, terms: x.terms} }

// at is the n-th row that shows.
func (x *index) at(n int) row { return x.rows[x.shown[n]] }

// find is the place of record seq among what shows, or of the next older one.
func (x *index) find(seq uint64) int {
	n, _ := slices.BinarySearchFunc(x.shown, seq, func(i int32, seq uint64) int {
		switch have := x.rows[i].seq; {
		case have > seq:
			return -1
		case have < seq:
			return 1
		default:
			return 0
		}
	})
	return min(n, max(len(x.shown)-1, 0))
}

// shortWho is the user of a record, and whether sudo made him another.
func shortWho(a journal.Actor) string {
	if a.SudoUser != "" {
		return text.Clean(a.SudoUser, 40) + " (sudo)"
	}
	return who(a)
}
