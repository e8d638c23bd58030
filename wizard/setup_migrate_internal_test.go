package wizard

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
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

// TestFieldsOfVersion: the keys of setup.yaml go with its version. One that is added, renamed
// or removed needs a new version, or an older program takes the file for a damaged one.
func TestFieldsOfVersion(t *testing.T) {
	list := fmt.Sprintf("testdata/setup/v%d-fields.txt", SetupVersion)
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatalf("%v: every version of setup.yaml has a list of its keys", err)
	}
	want, got := strings.Fields(string(b)), fieldsOf(reflect.TypeFor[Setup](), "")
	var diff []string
	for _, f := range got {
		if !slices.Contains(want, f) {
			diff = append(diff, "+"+f)
		}
	}
	for _, f := range want {
		if !slices.Contains(got, f) {
			diff = append(diff, "-"+f)
		}
	}
	if len(diff) > 0 {
		t.Errorf("the keys of setup.yaml are not those of version %d any more: %s.\nRaise SetupVersion, add a step to migrations, an example of the version before to testdata/setup, "+
			"and write the new list to testdata/setup/v%d-fields.txt; %s stays as it is, unless no release has that version yet",
			SetupVersion, strings.Join(diff, " "), SetupVersion+1, list)
	}
}

// fieldsOf are the keys of a type in YAML, one path for each value.
func fieldsOf(t reflect.Type, path string) []string {
	switch t.Kind() { //nolint:exhaustive // the others have no parts
	case reflect.Pointer:
		return fieldsOf(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		return fieldsOf(t.Elem(), path+"[]")
	case reflect.Map:
		return fieldsOf(t.Elem(), path+"{}")
	case reflect.Struct:
		var out []string
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch {
			case name == "-" || !f.IsExported():
			case strings.Contains(options, "inline"):
				out = append(out, fieldsOf(f.Type, path)...)
			default:
				out = append(out, fieldsOf(f.Type, strings.TrimPrefix(path+"."+cmp.Or(name, strings.ToLower(f.Name)), "."))...)
			}
		}
		if out != nil {
			return out
		}
	}
	return []string{path + ":" + t.Kind().String()}
}
