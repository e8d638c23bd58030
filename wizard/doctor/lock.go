package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// Lock is what the operator looked at: the content of skills and plugins, by hash.
type Lock struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

// Entry is one skill or plugin.
type Entry struct {
	// Kind is skill or plugin, Name what it calls itself, Path its folder or file.
	Kind string `json:"kind"`
	Name string `json:"name"`
	Path string `json:"path"`
	// Hash is of all files below Path, as Go hashes a module ("h1:…").
	Hash string `json:"hash"`
	// Files is how many there are.
	Files int `json:"files"`

	// engine says that Claude Code loads it, not OpenClaw.
	engine bool
	// shell and scripts are what it can run, injections what of its text speaks to the
	// model against the operator.
	shell, scripts, injections []string
}

// The kinds of entries.
const (
	kindSkill  = "skill"
	kindPlugin = "plugin"
)

const (
	lockVersion = 1
	// largestLock and mostEntries bound a lock file, as it is written and as it is read.
	largestLock = mostConfig
	mostEntries = 10_000
)

var contentHash = text.Pattern(`^h1:[A-Za-z0-9+/]{43}=$`)

// ParseLock reads a lock file strictly; nothing is an empty one.
func ParseLock(b []byte) (Lock, error) {
	l := Lock{Version: lockVersion}
	if len(b) == 0 {
		return l, nil
	}
	if len(b) > largestLock {
		return l, errors.New("it is too large")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Lock{}, errors.New("it is no lock file: " + text.Clean(err.Error(), 100))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Lock{}, errors.New("something follows the lock file's end")
	}
	if l.Version != lockVersion {
		return Lock{}, fmt.Errorf("its version is %d, this program knows %d", l.Version, lockVersion)
	}
	return l, l.check()
}

func (l Lock) check() error {
	if len(l.Entries) > mostEntries {
		return fmt.Errorf("it has more than %d entries", mostEntries)
	}
	seen := map[string]bool{}
	for i, e := range l.Entries {
		switch {
		case e.Kind != kindSkill && e.Kind != kindPlugin, !contentHash().MatchString(e.Hash), e.Path == "", e.Files < 1:
			return fmt.Errorf("entry %d is not whole", i+1)
		case e.Path != text.Clean(e.Path, 4096) || e.Name != text.Clean(e.Name, 200):
			return fmt.Errorf("entry %d holds control or invisible characters", i+1)
		case seen[e.Path]:
			return fmt.Errorf("entry %d names a path for the second time", i+1)
		}
		seen[e.Path] = true
	}
	return nil
}

// Marshal is the content of the lock file: the same entries give the same bytes.
func (l Lock) Marshal() ([]byte, error) {
	l.Entries = slices.Clone(notNil(l.Entries))
	slices.SortFunc(l.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	b, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the lock file: %w", err)
	}
	if len(b) >= largestLock {
		return nil, errors.New("the lock file would be too large to be read again")
	}
	return append(b, '\n'), nil
}

// find is the entry of a path.
func (l Lock) find(path string) (Entry, bool) {
	i := slices.IndexFunc(l.Entries, func(e Entry) bool { return e.Path == path })
	if i < 0 {
		return Entry{}, false
	}
	return l.Entries[i], true
}

// AcceptChange is what a new lock file has otherwise than the old one: new, changed or
// gone.
type AcceptChange struct{ What, Kind, Name, Path string }

// changes compares two lock files.
func (l Lock) changes(now Lock) []AcceptChange {
	var out []AcceptChange
	for _, e := range now.Entries {
		switch old, ok := l.find(e.Path); {
		case !ok:
			out = append(out, AcceptChange{"new", e.Kind, e.Name, e.Path})
		case old.Hash != e.Hash || old.Kind != e.Kind:
			out = append(out, AcceptChange{"changed", e.Kind, e.Name, e.Path})
		}
	}
	for _, e := range l.Entries {
		if _, ok := now.find(e.Path); !ok {
			out = append(out, AcceptChange{"gone", e.Kind, e.Name, e.Path})
		}
	}
	return out
}
