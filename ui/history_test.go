package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

func TestRecords(t *testing.T) {
	old, now := `"anthropic/x"`, `"cloudru-claude/y"`
	at := time.Date(2026, 11, 22, 14, 2, 3, 0, time.Local)
	records := []journal.Record{
		{Seq: 9, Time: at, Event: journal.ApiKeyRotated, Actor: journal.Actor{User: "root", SudoUser: "anna"},
			Secrets: []journal.SecretChange{{Store: "keyring", Name: "cloudru_api_key", Old: "fp:a", New: "fp:b"}}},
		{Seq: 10, Time: at, Event: journal.CloudruFmProviderConfigured, Tool: "clawsetup 1.0", Hash: "00ff", Why: []string{"S-02", "T-03"},
			Actor: journal.Actor{UID: "1000", User: "anna\x1b[2J", Host: "h", PID: 7},
			Files: []journal.FileChange{{Path: "/home/anna/.openclaw/openclaw.json", ModeBefore: "0644", ModeAfter: "0600"}, {Path: "/x", ModeAfter: "0600"}},
			Keys:  []journal.KeyChange{{Path: "agents.model", Old: &old, New: &now}, {Path: "plugins.deny", New: &now}},
		},
	}
	u, out, _ := testUI(t, Options{}, map[string]string{"HOME": "/home/anna"})
	u.Records(records)
	u.Records(nil)
	u.Record(records[1])
	want := `   9  2026-11-22 14:02:03  ApiKeyRotated                anna (sudo root)  1 secret
  10  2026-11-22 14:02:03  CloudruFmProviderConfigured  anna·[2J          2 files, 2 settings
There are no such records.
10  CloudruFmProviderConfigured
  cloud.ru provider configured
  time        2026-11-22 14:02:03` + at.Format(" -07:00") + `
  who         anna·[2J, uid 1000, h, pid 7, –
  by          clawsetup 1.0
  controls    S-02, T-03
  file        ~/.openclaw/openclaw.json 0644 → 0600
  file        /x – → 0600
  setting     agents.model "anthropic/x" → "cloudru-claude/y"
  setting     plugins.deny – → "cloudru-claude/y"
  hash        00ff
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

func TestVerification(t *testing.T) {
	ok := journal.Check{State: journal.OK}
	u, out, _ := testUI(t, Options{}, nil)
	u.Verification(&wizard.History{Report: journal.Report{Records: 12, Chain: ok, MACs: ok, Sidecar: ok, Anchor: ok}, Root: wizard.Root{
		Store: "docker", Dir: "/srv/stack", VouchedBy: wizard.VouchedSetup, KeyringErr: errors.New("no bus"),
		Keyring: journal.Check{State: journal.NotChecked, Reason: journal.Unreachable},
	}})
	u.Verification(&wizard.History{KeysErr: errWrongKey, Report: journal.Report{
		Records: 3, Torn: 17, AnchorErr: errors.New("locked"),
		Chain: journal.Check{State: journal.Failed, Reason: journal.WrongHash}, MACs: journal.Check{State: journal.NotChecked, Reason: journal.NotGiven},
		Sidecar: journal.Check{State: journal.OK, Ahead: 1}, Anchor: journal.Check{State: journal.NotChecked, Reason: journal.Unreachable},
		Problems: []journal.Problem{{Part: journal.PartChain, Reason: journal.WrongHash, Seq: 4, Line: 4}},
	}})
	want := `○ journal: 12 records
  ✓ chain
  ✓ seals
  ✓ anchor beside the journal
  ✓ anchor in the secret store
  ✓ keys from /srv/stack/secrets: the folder of the stack in setup.yaml
  ○ whether the keyring knows another journal: it could not be asked
    no bus
✗ journal: 3 records
  ✗ chain: a record was edited
  ○ seals: no key to check it with
  ✓ anchor beside the journal (1 record behind, as a crash leaves it)
  ○ anchor in the secret store: it could not be asked
  ✗ a record was edited (record 4, line 4)
  ! an incomplete last line of 17 bytes; the next change sets it aside
    locked
`
	if !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "invalid api key secret. This is a defect") {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

func TestDiffs(t *testing.T) {
	u, out, _ := testUI(t, Options{}, map[string]string{"HOME": "/home/anna"})
	u.Diffs([]wizard.FileDiff{wizard.Diff(newFake().plan.Changes[1])})
	u.Diffs(nil)
	want := `~/.openclaw/openclaw.json  0644 → 0600
  @ line 1
    {
      // mine
  -   "a": 1
  +   "a": 2
    }
This record changed no file.
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

// TestDiffsRussian: a diff has no word of another language.
func TestDiffsRussian(t *testing.T) {
	u, out, _ := testUI(t, Options{Lang: "ru"}, map[string]string{"HOME": "/home/anna"})
	created := wizard.Change{Path: "/home/anna/new", After: file(0o600, "port: 1\n")}
	removed := wizard.Change{Path: "/home/anna/old", Before: file(0o644, "port: 1\n")}
	u.Diffs([]wizard.FileDiff{wizard.Diff(created), wizard.Diff(removed), {Path: "/x", Before: "0600", After: "0600", Incomparable: true}})
	want := `~/new  новый 0600
  @ строка 1
  + port: 1

~/old  удалён
  @ строка 1
  - port: 1

/x  0600
  этот файл нельзя сравнить построчно
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}
