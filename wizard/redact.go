package wizard

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// concealed tells a name below which everything is hidden (A4).
func concealed(name string) bool {
	return secrets.MayHoldCredential(name) || strings.Contains(strings.ToLower(name), "headers")
}

// setupSecrets reads what the set-up has in a store, one item after the other; one that is
// not there is left out.
func setupSecrets(ctx context.Context, store secrets.Store) iter.Seq2[sought, error] {
	return func(yield func(sought, error) bool) {
		for _, name := range storedNames {
			value, err := store.Get(ctx, name)
			if errors.Is(err, secrets.ErrNotFound) {
				continue
			}
			if err != nil {
				err = Unread(name, store.Kind(), err)
			}
			if !yield(sought{name, value}, err) {
				return
			}
		}
	}
}

// storedValues are those that the set-up has, in its own store and in the journal's, which
// stays where it was when the secrets move. One that cannot be read now cannot be hidden
// either.
func (w *Wizard) storedValues(ctx context.Context, v *vault) []secrets.Secret {
	if v == nil || v.fresh {
		return nil
	}
	stores := []secrets.Store{v.store}
	if s := w.readableSetup(); s != nil && s.Store != "" {
		dir := s.StackDir(w.Paths)
		if s.Store != v.store.Kind() || filepath.Clean(storeDir(s.Store, dir)) != filepath.Clean(v.dir) {
			stores = append(stores, w.store(s.Store, dir))
		}
	}
	var out []secrets.Secret
	for _, store := range stores {
		for item, err := range setupSecrets(ctx, store) {
			if err == nil && item.value.Len() >= shortestSecret {
				out = append(out, item.value)
			}
		}
	}
	return out
}

// shortestSecret is the length from which on a value is worth hiding wherever it
// stands; shorter ones would hide half of the file.
const shortestSecret = 8

// redactor makes the lines of a file safe to show. It knows the texts that stand under
// credential-like names on lines of their own, too, and those that look like a credential
// whatever they are called.
type redactor struct {
	values []string
	stored []secrets.Secret
}

// newRedactor learns from all versions of a file; stored are values of ours, which are
// hidden wherever somebody wrote them.
func newRedactor(stored *[]secrets.Secret, versions ...[]byte) redactor {
	var r redactor
	if stored != nil {
		r.stored = *stored
	}
	for _, b := range versions {
		doc, err := json5.Parse(b)
		if err != nil {
			r.collectAll(b)
			continue
		}
		r.collect(doc.Tree(), false)
	}
	// A value may be the beginning of another.
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
	r.values = slices.Compact(r.values)
	return r
}

// quotedValue matches a text in quotes that is no name.
var quotedValue = text.Pattern(`("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')(\s*:)?`)

// collectAll remembers every text of a file that is meant to be JSON5 and is not: of what
// belongs below which name nothing is known. What is no such file is our own, with one
// setting a line.
func (r *redactor) collectAll(b []byte) {
	if b = bytes.TrimSpace(b); !bytes.HasPrefix(b, []byte("{")) && !bytes.HasPrefix(b, []byte("/")) {
		return
	}
	for _, m := range quotedValue().FindAllSubmatch(b, -1) {
		if len(m[2]) == 0 {
			r.hide(string(m[1][1:len(m[1])-1]), m[1])
		}
	}
}

// collect remembers every text below a credential-like name. A reference to a
// secret elsewhere ({source, provider, id}) is none.
func (r *redactor) collect(v json5.Value, secret bool) {
	if s, ok := v.Scalar.(string); ok {
		if secret || secrets.CredentialValue(s) {
			r.hide(s, v.Raw)
		}
		return
	}
	named := false // by the argument before it, as in ["--token", "…"]
	for _, e := range v.Elements {
		r.collect(e, secret || named)
		arg, _ := e.Scalar.(string)
		named = strings.HasPrefix(arg, "-") && concealed(arg)
	}
	if isReference(v) {
		return
	}
	for _, m := range v.Members {
		r.collect(m.Value, secret || concealed(m.Key))
	}
}

func isReference(v json5.Value) bool {
	has := func(key string) bool {
		return slices.ContainsFunc(v.Members, func(m json5.Member) bool { return m.Key == key && m.Value.Scalar != nil })
	}
	return has("source") && has("provider")
}

// hide remembers a text as it is and as the file has it: with escapes, and over several
// lines when each ends in a backslash.
func (r *redactor) hide(value string, raw []byte) {
	if len(value) < shortestSecret {
		return
	}
	r.values = append(r.values, value)
	for line := range strings.Lines(string(raw[1 : len(raw)-1])) {
		if line = strings.TrimSpace(line); len(line) > len(`\`) {
			r.values = append(r.values, line)
		}
	}
}

// line is one line as it may be shown.
func (r redactor) line(s string) string {
	s = strings.TrimRight(s, "\r\n")
	trimmed := strings.TrimLeft(s, " \t")
	indent := strings.Repeat(" ", len(s)-len(trimmed))
	for _, k := range r.stored {
		trimmed = k.Hide(trimmed, "[hidden]")
	}
	for _, v := range r.values {
		trimmed = strings.ReplaceAll(trimmed, v, "[hidden]")
	}
	return indent + text.Clean(secrets.HideCredentials(trimmed), widestLine)
}
