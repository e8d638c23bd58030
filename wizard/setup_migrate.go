package wizard

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// migration turns a setup.yaml of one version into the next one's. It works on the
// document: what it does not know stays for the strict reading that follows.
type migration struct {
	from, to int
	do       func(doc *yaml.Node) error
}

// migrations are all steps there are, oldest first: from each version that a clawsetup
// ever wrote to SetupVersion. A file is read through them in memory; it is only rewritten
// as a part of a Plan.
var migrations = []migration{
	// Version 1 is what clawsetup wrote until it named the program in the file. What was
	// added to it meanwhile (egress, login, hardening) was optional from the beginning.
	{from: 1, to: 2, do: func(*yaml.Node) error { return nil }},
}

// firstLook is what every version of the file says in the same way.
type firstLook struct {
	Version   int    `yaml:"version"`
	WrittenBy string `yaml:"written_by"`
}

// released matches the version of a program that can be installed.
var released = text.Pattern(`^v?\d{1,5}\.\d{1,5}\.\d{1,5}(-[0-9A-Za-z.-]{1,40})?$`)

// newer refuses a file of a version that this program does not know, and says which one
// does.
func (l firstLook) newer() error {
	if l.Version <= SetupVersion {
		return nil
	}
	err := fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSetup, l.Version, SetupVersion)
	if released().MatchString(l.WrittenBy) {
		return hint.With(err, "newer-setup-version", l.WrittenBy)
	}
	return hint.With(err, "newer-setup")
}

// migrated brings the one document of b to SetupVersion. One that is there already stays
// as it is, to the byte: an error then names the right line.
func migrated(b []byte) ([]byte, error) {
	doc, look, err := lookAt(b)
	if err != nil {
		return nil, err
	}
	version := look.Version
	for _, m := range migrations {
		if version != m.from {
			continue
		}
		if err := m.do(doc); err != nil {
			return nil, fmt.Errorf("bringing the file from version %d to %d: %w", m.from, m.to, err)
		}
		setVersion(doc, m.to)
		version = m.to
	}
	if version == look.Version {
		return b, nil
	}
	out, err := yaml.Marshal(doc)
	if err != nil {
		return nil, errors.New(text.Clean(err.Error(), 300))
	}
	return out, nil
}

// lookAt reads the one document of b and what it says of its version.
func lookAt(b []byte) (*yaml.Node, firstLook, error) {
	var look firstLook
	doc, d := &yaml.Node{}, yaml.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, look, errors.New("the file is empty")
		}
		return nil, look, errors.New(text.Clean(err.Error(), 300))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, look, errors.New("there is a second YAML document in the file")
	}
	if err := doc.Decode(&look); err != nil {
		return doc, firstLook{}, nil //nolint:nilerr // the strict reading says it better, and where
	}
	return doc, look, look.newer()
}

// setVersion changes the version of a document that has one.
func setVersion(doc *yaml.Node, version int) {
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return
	}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == "version" {
			line, column := pairs[i+1].Line, pairs[i+1].Column
			pairs[i+1] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(version), Line: line, Column: column}
		}
	}
}

// versionOf is the version that the file of b has; 0 when it says none.
func versionOf(b []byte) int {
	var look firstLook
	_ = yaml.Unmarshal(b, &look) // what cannot be read has no version
	return look.Version
}

// setup plans that setup.yaml says s. A file of an older version is brought to this one
// by it, which the Plan says and the journal records.
func (p *planner) setup(s *Setup, c Change) error {
	s.WrittenBy = cmp.Or(s.WrittenBy, p.w.Version)
	b, err := s.Marshal()
	if err != nil {
		return err
	}
	path, n := p.w.Paths.SetupFile(), len(p.plan.Changes)
	if err := p.file(path, b, c); err != nil {
		return err
	}
	from := versionOf(p.plan.basis.Data)
	if !p.plan.basis.Exists || from == SetupVersion || len(p.plan.Changes) == n {
		return nil
	}
	p.detail(journal.SetupMigrated, map[string]string{"from": strconv.Itoa(from), "to": strconv.Itoa(SetupVersion)})
	p.plan.Notes = append(p.plan.Notes, Note{ID: "setup-migrated", State: Attention, Args: []any{from, SetupVersion}})
	return nil
}

// migrates tells whether a Plan brings setup.yaml to a newer version.
func (p *Plan) migrates() bool {
	return slices.ContainsFunc(p.Notes, func(n Note) bool { return n.ID == "setup-migrated" })
}
