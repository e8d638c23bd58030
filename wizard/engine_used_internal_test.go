package wizard

import (
	"slices"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// TestUsedBy: which engines an uninstall has to ask, by the records of a journal in
// their order.
func TestUsedBy(t *testing.T) {
	text := func(s string) *string { return &s }
	up := func(host string) journal.Record {
		return journal.Record{Event: journal.EngineUsed, Phase: journal.PhaseEvent, Detail: map[string]string{"engine": host}}
	}
	set := func(tx, key, value string) journal.Record {
		return journal.Record{Event: journal.SetupRecorded, Phase: journal.PhaseEvent, Tx: tx, Keys: []journal.KeyChange{{Path: key, New: text(value)}}}
	}
	commit := func(tx string) journal.Record {
		return journal.Record{Event: journal.TransactionCommitted, Phase: journal.PhaseCommit, Tx: tx}
	}
	removed := func(emptied, left string) journal.Record {
		return journal.Record{Event: journal.SetupRemoved, Phase: journal.PhaseEvent, Detail: map[string]string{detailUninstall: "journal kept", detailEmptied: emptied, detailLeft: left}}
	}
	older := journal.Record{Event: journal.SetupRemoved, Phase: journal.PhaseEvent, Detail: map[string]string{detailUninstall: "journal kept", "engine": "emptied"}}
	tried, login := set("t", "image.hardening.tried", `"sha256:1"`), set("t", "login.docker_host", `"unix:///l"`)
	for name, c := range map[string]struct {
		records []journal.Record
		want    string
		unsaid  bool
	}{
		"no up":                             {[]journal.Record{set("t", "port", "1"), commit("t")}, "", false},
		"up":                                {[]journal.Record{up("unix:///a"), tried, commit("t")}, "unix:///a", false},
		"two":                               {[]journal.Record{up("unix:///a"), up("unix:///b")}, "unix:///a unix:///b", false},
		"up of an older program":            {[]journal.Record{tried, commit("t")}, "", true},
		"and one of this":                   {[]journal.Record{tried, commit("t"), up("unix:///a")}, "unix:///a", true},
		"a login of an older program":       {[]journal.Record{tried, login, commit("t")}, "unix:///l", true},
		"what was undone":                   {[]journal.Record{tried, login}, "", false},
		"emptied":                           {[]journal.Record{up("unix:///a"), up("unix:///b"), removed(`["unix:///a"]`, `["unix:///b"]`)}, "unix:///b", false},
		"emptied, older":                    {[]journal.Record{tried, login, commit("t"), removed(`["unix:///l"]`, `[]`)}, "", false},
		"one of them left":                  {[]journal.Record{tried, commit("t"), removed(`[]`, `["unix:///l"]`)}, "", true},
		"emptied by an older program":       {[]journal.Record{up("unix:///a"), older}, "unix:///a", false},
		"emptied and used again":            {[]journal.Record{up("unix:///a"), removed(`["unix:///a"]`, `[]`), up("unix:///a")}, "unix:///a", false},
		"what says nothing of it is not it": {[]journal.Record{{Event: journal.EngineUsed, Phase: journal.PhaseEvent}, removed("", "")}, "", false},
	} {
		got, err := usedBy(c.records)
		var hosts []string
		for _, e := range slices.Concat(got.recorded, got.logins) {
			hosts = append(hosts, e.Host)
		}
		if err != nil || strings.Join(hosts, " ") != c.want || got.unsaid != c.unsaid {
			t.Errorf("%s: %q, unsaid %v, %v", name, hosts, got.unsaid, err)
		}
	}
	for _, bad := range []string{"[", `{"a":1}`, `[1]`} {
		if _, err := usedBy([]journal.Record{removed(bad, "[]")}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestRecordedEndpoint: a journal keeps the way to an engine, and no password.
func TestRecordedEndpoint(t *testing.T) {
	for host, want := range map[string]string{
		"unix:///var/run/docker.sock": "unix:///var/run/docker.sock", "tcp://me:secret@127.0.0.1:2375": "tcp://127.0.0.1:2375", "unix:///home/a@b/docker.sock": "unix:///home/a@b/docker.sock",
	} {
		e, err := engine.FindEndpoint(func(name string) string {
			return map[string]string{"DOCKER_HOST": host, "DOCKER_CERT_PATH": "/certificates", "DOCKER_TLS_VERIFY": "1"}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		kept := e.Recorded()
		again, ok := engine.FromRecord(kept)
		if !ok || kept["engine"] != want || kept["engine_certificates"] != "/certificates" || again.Host != want || again.Recorded()["engine_certificates"] != "/certificates" || !again.Same(e) {
			t.Errorf("%s: %v, %+v", host, kept, again)
		}
	}
	if _, ok := engine.FromRecord(nil); ok {
		t.Error("an endpoint of nothing")
	}
}
