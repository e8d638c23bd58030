package ui

import (
	"testing"

	"github.com/clawsetup/clawsetup/wizard"
)

// TestFormOfAFoundSecret: the form in which a secret was found is said in words; one that
// has none stands as it is.
func TestFormOfAFoundSecret(t *testing.T) {
	for _, c := range []struct{ lang, form, want string }{
		{english, "clear", "k is still in /p (in the clear)"},
		{english, "item", "k is still in /p (as an item of that store)"},
		{english, "rot13", "k is still in /p (rot13)"},
		{russian, "hex", "k всё ещё в /p (в виде hex)"},
		{russian, "base64", "k всё ещё в /p (в виде Base64)"},
		{russian, "item", "k всё ещё в /p (записью этого хранилища)"},
	} {
		u := &UI{lang: c.lang}
		n := wizard.Note{ID: "uninstall-found", Args: []any{"k", "/p", c.form}}
		if got := u.T("note."+n.ID, u.inWords(n)...); got != c.want || n.Args[2] != c.form {
			t.Errorf("%q, %v; want %q", got, n.Args, c.want)
		}
	}
	if n := (wizard.Note{ID: "setup-gone", Args: []any{"clear"}}); (&UI{lang: russian}).inWords(n)[0] != "clear" {
		t.Error("a path was taken for a form")
	}
}
