package wizard

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/semver"

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
	// Version is 0 when the file says none.
	Version   int
	WrittenBy string
}

// released matches the version of a program that can be installed.
var released = text.Pattern(`^v?\d{1,5}\.\d{1,5}\.\d{1,5}(-[0-9A-Za-z.-]{1,40})?$`)

// laterRelease tells whether the release a came after the release b; false when one of
// them is no release.
func laterRelease(a, b string) bool {
	if !released().MatchString(a) || !released().MatchString(b) {
		return false
	}
	return semver.Compare("v"+strings.TrimPrefix(a, "v"), "v"+strings.TrimPrefix(b, "v")) > 0
}

// newerSetup is the error for a file that this program does not know enough of, with the
// program to install.
func newerSetup(writtenBy, format string, args ...any) error {
	err := fmt.Errorf("%w: "+format, append([]any{ErrNewerSetup}, args...)...)
	if released().MatchString(writtenBy) {
		return hint.With(err, "newer-setup-version", writtenBy)
	}
	return hint.With(err, "newer-setup")
}

// otherProgram tells that a file is one to leave alone, since it may be another program's;
// any other fault of it is damage.
func otherProgram(err error) bool {
	return errors.Is(err, ErrNewerSetup) || errors.Is(err, ErrSetupVersion)
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
	without(doc, "written_by") // whoever wrote the older version does not know this one
	out, err := yaml.Marshal(doc)
	if err != nil {
		return nil, errors.New(text.Clean(err.Error(), 300))
	}
	return out, nil
}

// lookAt reads the one document of b and what it says of its version. That comes before
// all else: to this program the rest of a newer file may look damaged.
func lookAt(b []byte) (*yaml.Node, firstLook, error) {
	docs, broken := documents(b)
	looked := docs
	if broken != nil {
		looked = slices.Concat(docs, firstLines(b))
	}
	look, err := lookInto(looked)
	switch {
	case err != nil:
		return nil, look, err
	case len(docs) > 1, len(docs) == 1 && broken != nil:
		return nil, look, errors.New("there is a second YAML document in the file")
	case broken != nil:
		return nil, look, errors.New(text.Clean(broken.Error(), 300))
	case len(docs) == 0:
		return nil, look, errors.New("the file is empty")
	}
	return docs[0], look, nil
}

// documents are those of b that can be read, and why the one after them cannot be.
func documents(b []byte) ([]*yaml.Node, error) {
	var out []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(b)); ; {
		doc := &yaml.Node{}
		err := d.Decode(doc)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, doc)
	}
}

// lookLine matches what a firstLook is made of, in a file that is no YAML.
var lookLine = text.Pattern(`(?m)^\x{FEFF}?(?:\{[ \t]*)?(["']?(?:version|written_by)["']?[ \t]*:[ \t]*[^,}\r\n]*)`)

// firstLines are the lines of b that a firstLook is made of, each as a document.
func firstLines(b []byte) []*yaml.Node {
	var out []*yaml.Node
	for _, line := range lookLine().FindAllSubmatch(b, -1) {
		if docs, err := documents(line[1]); err == nil {
			out = append(out, docs...)
		}
	}
	return out
}

// lookInto is what documents say of their version. Said several times, it is refused when
// any of them is.
func lookInto(docs []*yaml.Node) (firstLook, error) {
	var versions, writers []*yaml.Node
	for _, doc := range docs {
		versions = append(versions, valuesOf(doc, "version", map[*yaml.Node]bool{})...)
		writers = append(writers, valuesOf(doc, "written_by", map[*yaml.Node]bool{})...)
	}
	var look firstLook
	for _, n := range writers {
		if n.Kind == yaml.ScalarNode {
			look.WrittenBy = cmp.Or(look.WrittenBy, n.Value)
		}
	}
	var strange error
	for _, n := range versions {
		v, ok := versionIn(n)
		switch {
		case v > SetupVersion:
			return look, newerSetup(look.WrittenBy, "version %s, this one knows %d", text.Clean(n.Value, 40), SetupVersion)
		case !ok:
			strange = hint.With(fmt.Errorf("%w: %q", ErrSetupVersion, text.Clean(n.Value, 40)), "setup-version", SetupVersion)
		default:
			look.Version = cmp.Or(look.Version, int(v))
		}
	}
	return look, strange
}

// versionIn is the number that n says; ok is false when that is not a whole one, written
// as a number.
func versionIn(n *yaml.Node) (version float64, ok bool) {
	if n.Kind != yaml.ScalarNode {
		return 0, false
	}
	var whole int
	if n.ShortTag() == "!!int" && n.Decode(&whole) == nil {
		return float64(whole), true
	}
	var number float64
	if n.Decode(&number) == nil {
		return number, false
	}
	number, _ = strconv.ParseFloat(n.Value, 64) // 0 for what is no number
	return number, false
}

// valuesOf are all values of a key in the mapping that n is, or that is merged into it.
func valuesOf(n *yaml.Node, key string, seen map[*yaml.Node]bool) []*yaml.Node {
	if seen[n] {
		return nil
	}
	seen[n] = true
	var out []*yaml.Node
	switch n.Kind {
	case yaml.AliasNode:
		return valuesOf(n.Alias, key, seen)
	case yaml.DocumentNode, yaml.SequenceNode: // a sequence is a list of what is merged
		for _, c := range n.Content {
			if n.Kind == yaml.SequenceNode || c.Kind == yaml.MappingNode {
				out = append(out, valuesOf(c, key, seen)...)
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch k, v := target(n.Content[i]), target(n.Content[i+1]); {
			case k.Kind == yaml.ScalarNode && k.Value == key:
				out = append(out, v)
			case k.ShortTag() == "!!merge":
				out = append(out, valuesOf(v, key, seen)...)
			}
		}
	case yaml.ScalarNode: // has no keys
	}
	return out
}

// target is the node itself, or the one that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
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

// without removes a key from a document.
func without(doc *yaml.Node, key string) {
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return
	}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == key {
			doc.Content[0].Content = slices.Delete(pairs, i, i+2)
			return
		}
	}
}

// versionOf is the version that the file of b has; 0 when it says none.
func versionOf(b []byte) int {
	_, look, _ := lookAt(b) // what cannot be read has no version
	return look.Version
}

// parseSetup is ParseSetup for this program: what it refuses in a file that a later
// release wrote is not damage (ErrNewerSetup).
func (w *Wizard) parseSetup(b []byte) (Setup, error) {
	s, err := ParseSetup(b)
	if err == nil || otherProgram(err) {
		return s, err
	}
	if _, look, lookErr := lookAt(b); lookErr == nil && laterRelease(look.WrittenBy, w.Version) {
		return s, newerSetup(look.WrittenBy, "%w", err)
	}
	return s, err
}

// setup plans that setup.yaml says s. A file of an older version is brought to this one
// by it, which the Plan says and the journal records. A later release than the one named
// in the file puts its own name there once it changes anything else: what it wrote may be
// more than the other knows.
func (p *planner) setup(s *Setup, c Change) error {
	s.WrittenBy = cmp.Or(s.WrittenBy, p.w.Version)
	b, err := s.Marshal()
	if err == nil && laterRelease(p.w.Version, s.WrittenBy) && !bytes.Equal(b, p.plan.basis.Data) {
		s.WrittenBy = p.w.Version
		b, err = s.Marshal()
	}
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
