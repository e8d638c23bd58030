package cloudru

import "strings"

// Find returns the model with exactly that id: to the API, case and prefix matter.
func Find(models []Model, id string) (Model, bool) {
	for _, m := range models {
		if m.ID == id {
			return m, true
		}
	}
	return Model{}, false
}

// Suggest returns the id that was probably meant by one that Find does not find:
// another case, the name without its owner, or a few typing errors. It is "" when
// nothing is near, or id itself exists.
func Suggest(models []Model, id string) string {
	if id == "" || len(id) > maxID {
		return ""
	}
	if _, found := Find(models, id); found {
		return ""
	}
	want := strings.ToLower(strings.TrimSpace(id))
	best, distance := "", 1+min(max(2, len(want)/6), len(want)/3)
	for _, m := range models {
		have := strings.ToLower(m.ID)
		_, name, owned := strings.Cut(have, "/")
		d := edits(want, have)
		if owned {
			d = min(d, edits(want, name))
		}
		if d < distance {
			best, distance = m.ID, d
		}
	}
	return best
}

// edits is the Levenshtein distance in bytes: ids are ASCII.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
