//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

var recordPairs = map[string]pair{
	"setup-made": {bad: map[string]func(*scene){"by hand": func(s *scene) { s.Made, s.list = nil, nil; s.must(os.RemoveAll(s.openClawDir())) }}},
	"journal-sealed": {bad: map[string]func(*scene){
		"changed": func(s *scene) {
			s.record.Report.Problems = []journal.Problem{{Part: journal.PartChain, Reason: journal.WrongHash, Seq: 3, Line: 3}}
		},
		"key gone": func(s *scene) { s.record.KeysErr = fmt.Errorf("reading the journal's key: %w", secrets.ErrNotFound) },
		"torn":     func(s *scene) { s.record.Report.Torn = 17 },
		"unvouched": func(s *scene) {
			s.record.KeysErr, s.record.Unvouched = errors.New("only the journal itself says that its keys are there"), true
		},
		"gone": func(s *scene) { s.recordErr = journal.ErrJournalMissing },
	}},
	"journal-anchored": {bad: map[string]func(*scene){"no anchor": func(s *scene) {
		s.record.Report.Anchor = journal.Check{State: journal.NotChecked, Reason: journal.NotGiven}
	}}},
	"journal-snapshots": {bad: map[string]func(*scene){"gone": func(s *scene) { s.record.Missing = 2 }}},
	"journal-pending":   {bad: map[string]func(*scene){"crashed": func(s *scene) { s.record.Pending = true }}},
	"files-drift": {bad: map[string]func(*scene){"edited": func(s *scene) { s.drifted[1].Edited = true }, "setup.yaml": func(s *scene) { s.drifted[0].Edited = true },
		"planted": func(s *scene) { s.Made.Refused = []string{"waivers: claude-hooks"} }}},
	"shared-files-drift": {bad: map[string]func(*scene){"edited": func(s *scene) { s.drifted[len(s.drifted)-1].Edited = true }}},
	"files-private":      {bad: map[string]func(*scene){"readable": func(s *scene) { s.must(os.Chmod(s.Made.SetupFile, 0o644)) }, "writable": func(s *scene) { s.must(os.Chmod(s.composeFile(), 0o660)) }}},
	"folders-private":    {bad: map[string]func(*scene){"open": func(s *scene) { s.must(os.Chmod(s.Made.StateDir, 0o755)) }}},
}

// A journal whose anchor cannot be asked is not checked, and no finding.
func TestUnreachableAnchor(t *testing.T) {
	r := examined(t, func(s *scene) {
		s.record.Report.Anchor = journal.Check{State: journal.NotChecked, Reason: journal.Unreachable}
	})
	if got := r["journal-anchored"].Outcome; got != NotChecked {
		t.Errorf("it is %s", got)
	}
}

// A keyring that cannot be asked whether it knows another journal is not "ok".
func TestKeyringNotAsked(t *testing.T) {
	r := examined(t, func(s *scene) { s.record.KeyringErr = errors.New("no bus") })["journal-anchored"]
	if r.Outcome != NotChecked || len(r.Gaps) != 1 || r.Gaps[0].Where != "keyring" {
		t.Errorf("%+v", r)
	}
}

// What was written into setup.yaml while the journal cannot be read does not count, and is told
// as something that was not looked at.
func TestRefusedUnread(t *testing.T) {
	r := examined(t, func(s *scene) {
		s.Made.Refused, s.Made.RefusedErr = []string{"waivers: claude-hooks"}, errors.New("locked")
	})["files-drift"]
	if r.Outcome != NotChecked || len(r.Gaps) != 1 {
		t.Errorf("%+v", r)
	}
}

// The operator may edit setup.yaml: a word, and nothing that is taken back unasked.
func TestEditedSetupIsNoDrift(t *testing.T) {
	r := examined(t, func(s *scene) { s.drifted[0].Edited = true })["files-drift"]
	if r.Severity() != Info || r.Findings[0].Fixable {
		t.Errorf("%+v", r.Findings)
	}
}
