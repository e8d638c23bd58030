package wizard

import (
	"slices"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/journal"
)

// TestFirstRecords: a journal of the first programs is understood: where its secrets are,
// what it made, and that such a transaction can only be undone.
func TestFirstRecords(t *testing.T) {
	detail := map[string]string{"dir": "/home/anna/stack", "made": `["/home/anna/.openclaw","/home/anna/.openclaw/clawsetup"]`}
	secret := journal.SecretChange{Store: "docker", Name: "proxy_token", New: "fp:hmac-sha256:539c96fdc9e3206a"}
	records := older([]journal.Record{
		{Phase: journal.PhaseGenesis, Detail: map[string]string{"dir": "/home/anna/stack"}},
		{Phase: journal.PhaseIntent, Tx: "a", Detail: detail, Secrets: []journal.SecretChange{secret, {Store: "keyring", Name: "proxy_token"}}},
		{Phase: journal.PhaseEvent, Tx: "a", Event: journal.SecretStored, Secrets: []journal.SecretChange{secret}},
		{Phase: journal.PhaseEvent, Tx: "b", Event: journal.SecretStored, Secrets: []journal.SecretChange{secret}},
	})
	for i, want := range [][]string{nil, {"/home/anna/stack", ""}, {"/home/anna/stack"}, {""}} {
		var got []string
		for _, s := range records[i].Secrets {
			got = append(got, s.Dir)
		}
		if !slices.Equal(got, want) {
			t.Errorf("record %d: folders %q, want %q", i, got, want)
		}
	}
	in, err := decodeIntention(records[1].Detail)
	if err != nil || !in.first || len(in.Made) != 2 || in.Made[0] != "/home/anna/.openclaw" {
		t.Errorf("%+v %v", in, err)
	}
	for _, bad := range []map[string]string{{}, {"made": "["}, {"intention": "{", "made": "[]"}} {
		if _, err := decodeIntention(bad); err == nil {
			t.Errorf("%v was read", bad)
		}
	}
}
