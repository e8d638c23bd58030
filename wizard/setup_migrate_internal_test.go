package wizard

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestMigrations: the table has a way from every version to this one, in steps of one.
func TestMigrations(t *testing.T) {
	for i, m := range migrations {
		if m.from != i+1 || m.to != m.from+1 || m.do == nil {
			t.Errorf("step %d goes from %d to %d", i, m.from, m.to)
		}
	}
	if last := migrations[len(migrations)-1]; last.to != SetupVersion {
		t.Errorf("the last step ends at %d, not at %d", last.to, SetupVersion)
	}
}

// TestMigrationKeepsWords: a step changes the version and what it is about; the
// operator's words, their order and what nobody knows stay for the strict reading.
func TestMigrationKeepsWords(t *testing.T) {
	const in = "# mine\nport: 8082 # why\nversion: 1\nfuture: {a: [b]}\n"
	for _, c := range []struct {
		step migration
		want string
	}{
		{migrations[0], "# mine\nport: 8082 # why\nversion: 2\nfuture: {a: [b]}\n"},
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(in), &doc); err != nil {
			t.Fatal(err)
		}
		if err := c.step.do(&doc); err != nil {
			t.Fatal(err)
		}
		setVersion(&doc, c.step.to)
		if out, err := yaml.Marshal(&doc); err != nil || string(out) != c.want {
			t.Errorf("%d to %d: %v\n%s", c.step.from, c.step.to, err, out)
		}
	}
}
