package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
)

func TestExportJSONL(t *testing.T) {
	f := sealedFixture(t)
	l, err := OpenReadOnly(t.Context(), f.disk, f.dir, &f.keys, f.anchor)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := l.ExportJSONL(&out); err != nil || !bytes.Equal(out.Bytes(), f.read(f.path())) {
		t.Errorf("%v: %s", err, out.Bytes())
	}
	if err := l.ExportJSONL(full{}); !errors.Is(err, errDead) {
		t.Errorf("into a full pipe: %v", err)
	}
	if err := l.ExportOCSF(full{}); !errors.Is(err, errDead) {
		t.Errorf("into a full pipe: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errDead }

func TestExportOfADamagedJournalEndsInAnError(t *testing.T) {
	f := sealedFixture(t)
	good := f.read(f.path())
	bad := bytes.Clone(good)
	bad[bytes.LastIndex(bad[:len(bad)-1], []byte("\n"))+20] ^= 1
	f.write(f.path(), bad)
	l, err := OpenReadOnly(t.Context(), f.disk, f.dir, &f.keys, f.anchor)
	if err != nil {
		t.Fatal(err)
	}
	var raw, events bytes.Buffer
	for _, err := range []error{l.ExportJSONL(&raw), l.ExportOCSF(&events)} {
		if !errors.Is(err, ErrTampered) {
			t.Errorf("%v", err)
		}
	}
	if !bytes.HasPrefix(good, raw.Bytes()) || bytes.Count(raw.Bytes(), []byte("\n")) != 6 || bytes.Count(events.Bytes(), []byte("\n")) != 6 {
		t.Errorf("%d and %d bytes", raw.Len(), events.Len())
	}
}

func TestExportOCSF(t *testing.T) {
	f := newFixture(t)
	f.transaction("t1")
	rotated := Entry{Event: ApiKeyRotated, Phase: PhaseEvent, Secrets: []SecretChange{{Store: "keyring", Name: "cloudru_api_key", Old: "fp:a", New: "fp:b"}}}
	forgotten := Entry{Event: SecretForgotten, Phase: PhaseEvent, Secrets: []SecretChange{{Store: "docker", Name: "cloudru_api_key", Old: "fp:a"}}}
	stored := Entry{Event: SecretStored, Phase: PhaseEvent, Secrets: []SecretChange{{Store: "docker", Name: "cloudru_api_key", New: "fp:a"}}}
	f.append(rotated, forgotten, stored, Entry{Event: HardeningRelaxed, Phase: PhaseEvent, Detail: map[string]string{"control": "E-01"}})
	var out bytes.Buffer
	if err := f.log.ExportOCSF(&out); err != nil {
		t.Fatal(err)
	}
	var types []int
	n := 0
	for line := range bytes.Lines(out.Bytes()) {
		n++
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		// Required by the class and its base event.
		for _, name := range []string{"activity_id", "category_uid", "class_uid", "entity", "metadata", "severity_id", "time", "type_uid"} {
			if e[name] == nil {
				t.Errorf("event %d has no %s", n, name)
			}
		}
		id := int(e["activity_id"].(float64))
		types = append(types, id)
		if e["class_uid"] != 3004.0 || e["category_uid"] != 3.0 || int(e["type_uid"].(float64)) != 300400+id {
			t.Errorf("event %d: %s", n, line)
		}
	}
	if want := []int{1, 99, 3, 99, 3, 4, 1, 99}; !slices.Equal(types, want) {
		t.Errorf("activities %v instead of %v", types, want)
	}

	third := bytes.Split(out.Bytes(), []byte("\n"))[2]
	var e ocsfEvent
	if err := json.Unmarshal(third, &e); err != nil {
		t.Fatal(err)
	}
	if e.Time != 1767323045003 || e.Actor.User.Name != "op" || e.Actor.Process.PID != 42 || e.Unmapped.SudoUser != "admin" ||
		e.Device.Hostname != "host" || e.Metadata.Sequence != 3 || e.Metadata.Version != "1.8.0" || e.Metadata.Product.Version != "clawsetup 1.2.3" {
		t.Errorf("%s", third)
	}
	if e.Entity.Data.Files[0].Mode != "0644" || e.EntityResult.Data.Files[0].Mode != "0600" ||
		e.Entity.Data.Keys[0].Value != nil || *e.EntityResult.Data.Keys[0].Value != `"https://api.example/v1"` ||
		e.EntityResult.Data.Secrets[0].Fingerprint != "fp:hmac-sha256:0011223344556677" {
		t.Errorf("%s", third)
	}
	if want := "CloudruFmProviderConfigured by admin as op: 1 files, 2 settings, 1 secrets"; e.Message != want {
		t.Errorf("%q", e.Message)
	}
}
