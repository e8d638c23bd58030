package wizard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/safedial"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// WrongGiven is an answer given beforehand that cannot be taken.
type WrongGiven struct {
	// Flag is what it was given with, such as "--port".
	Flag string
	Err  error
}

// GivenError names every answer given beforehand that cannot be taken. Nothing was
// asked and nothing was changed.
type GivenError struct{ Wrong []WrongGiven }

// Error implements error.
func (e *GivenError) Error() string {
	all := make([]string, len(e.Wrong))
	for i, w := range e.Wrong {
		all[i] = w.Flag + ": " + w.Err.Error()
	}
	return strings.Join(all, "; ")
}

// Unwrap gives what is wrong with each.
func (e *GivenError) Unwrap() []error {
	all := make([]error, len(e.Wrong))
	for i, w := range e.Wrong {
		all[i] = w.Err
	}
	return all
}

// CheckGiven finds the answers that no run of init could take, as far as that can be told
// without the network and without running a program, in the order of the questions. The
// API key and the file of Base are read by whoever makes g.
func (w *Wizard) CheckGiven(g Given) []WrongGiven {
	s := &InitSession{w: w, given: g}
	if current, _, err := w.loadSetup(w.Paths.SetupFile()); err == nil {
		s.current = current // one that cannot be read is an error of its own, later
	}
	s.draft = s.startingPoint()
	s.base = s.draft
	var out []WrongGiven
	check := func(flag, v string, form func(*InitSession, string) error) {
		if v == "" || form == nil {
			return
		}
		if err := form(s, v); err != nil {
			out = append(out, WrongGiven{Flag: flag, Err: err})
		}
	}
	for _, d := range initQuestions {
		check("--"+d.id, g.Values[d.id], d.form)
		if d.id == "image" {
			check("--image-digest", g.Values["image-digest"], func(_ *InitSession, v string) error { _, err := image.ParseDigest(v); return err })
		}
	}
	check("--key-label", g.KeyLabel, func(_ *InitSession, v string) error { return checkLabel(v) })
	return out
}

// oneOf is the form of an answer that is one of few values.
func oneOf(values func() []string) func(*InitSession, string) error {
	return func(_ *InitSession, v string) error {
		if slices.Contains(values(), v) {
			return nil
		}
		return noSuchOption(v, values())
	}
}

// noSuchOption says that v is none of the values.
func noSuchOption(v string, values []string) error {
	v = text.Clean(v, 40)
	return hint.Say(fmt.Errorf("%w: %q is none of %s", ErrNoSuchOption, v, strings.Join(values, ", ")), "no-such-option", v, values)
}

func formSection(_ *InitSession, v string) error { return oneOf(SectionNames)(nil, v) }

func formPreset(s *InitSession, v string) error {
	if v == presetKeep && s.base.Models.Small.ID == "" {
		return hint.Say(fmt.Errorf("%w: there are no models to keep yet", ErrNoSuchOption), "no-models-to-keep")
	}
	return oneOf(PresetNames)(s, v)
}

func formStore(_ *InitSession, v string) error { return oneOf(secrets.Kinds)(nil, v) }

func formAPIBase(s *InitSession, v string) error {
	_, err := safedial.Policy{AllowPrivate: s.draft.API.AllowPrivate}.CheckURL(v)
	return err
}

// formDir wants a folder whose files nobody else can change.
func formDir(s *InitSession, v string) error {
	dir, err := s.w.absolute(v)
	if err != nil {
		return err
	}
	return s.w.Disk.CheckTarget(filepath.Join(dir, composeName))
}

func formImage(_ *InitSession, v string) error {
	_, err := image.ParseReference(v)
	return err
}

func formCosignKey(s *InitSession, v string) error {
	path, err := s.w.absolute(v)
	if err != nil {
		return err
	}
	if _, err = s.publicKey(path); errors.Is(err, os.ErrNotExist) {
		return NoSuchFile(v)
	}
	return err
}

func formPort(_ *InitSession, v string) error {
	_, err := parsePort(v)
	return err
}

func parsePort(v string) (int, error) {
	port, err := strconv.Atoi(v)
	if err != nil || port < 1 || port > 65535 {
		v = text.Clean(v, 20)
		return 0, hint.Say(fmt.Errorf("%w: %q is no port from 1 to 65535", ErrBadValue, v), "bad-port", v)
	}
	return port, nil
}

func formRetention(_ *InitSession, v string) error {
	_, err := parseRetention(v)
	return err
}

func parseRetention(v string) (int, error) {
	days, err := strconv.Atoi(v)
	if err != nil || days < 0 || days > longestRetention {
		v = text.Clean(v, 20)
		return 0, hint.Say(fmt.Errorf("%w: %q is no number of days from 0 to %d", ErrBadValue, v, longestRetention), "bad-days", v, longestRetention)
	}
	return days, nil
}

func formHardening(_ *InitSession, v string) error {
	_, err := openclaw.ParseParts(v)
	return err
}

// formOpenClawConfig wants a name that a recovery would believe in as well.
func formOpenClawConfig(s *InitSession, v string) error {
	path, err := s.w.absolute(v)
	if err != nil || isConfigName(path) || slices.Contains(s.w.knownConfigs(s.current), path) {
		return err
	}
	err = fmt.Errorf("%w: the name of %s does not end in .json or .json5", ErrBadValue, path)
	return hint.Say(err, "no-config-name", text.Clean(path, 200))
}

// formClaude looks at the file; its version is asked for when its turn comes.
func formClaude(_ *InitSession, v string) error {
	if _, err := os.Stat(v); errors.Is(err, os.ErrNotExist) {
		return hint.With(NoSuchFile(v), "claude-not-installed")
	}
	_, err := claude.Inspect(v)
	return err
}

// NoSuchFile says that what an answer names is not there.
func NoSuchFile(path string) error {
	path = text.Clean(path, 200)
	return hint.Say(fmt.Errorf("there is no file %s", path), "no-such-file", path)
}

// longestLabel bounds the name of a key, in characters.
const longestLabel = 64

func checkLabel(v string) error {
	if v = strings.Join(strings.Fields(v), " "); v != text.Clean(v, len(v)+1) {
		return hint.Say(errors.New("it holds control or invisible characters"), "invisible")
	}
	if utf8.RuneCountInString(v) > longestLabel {
		return hint.Say(fmt.Errorf("it is longer than %d characters", longestLabel), "too-long", longestLabel)
	}
	return nil
}

// falls tells whether an answer given beforehand that was refused becomes a question
// again: the operator is there, and may have another one. A run that was stopped, or that
// has nobody to ask, ends with err.
func (s *InitSession) falls(ctx context.Context, d question) bool {
	return s.given.CanAsk && ctx.Err() == nil && (s.given.Values[d.id] != "" || d.kind == SecretText)
}
