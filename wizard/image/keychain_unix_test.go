//go:build unix

package image_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

// TestCredentialHelper asks a program that is a shell script here; the code that calls it is
// the same on every system.
func TestCredentialHelper(t *testing.T) {
	r := start(t)
	p := push(t, r, imagetest.ProxyOptions{})
	r.RequireLogin("anna", "from the helper")
	res := resolver(t)
	res.Keychain = nil
	dockerConfig(t, fmt.Sprintf(`{"credHelpers":{%q:"clawtest"}}`, r.Host()))
	_, err := res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-credential-helper")

	helper(t, `echo '{"ServerURL":"x","Username":"anna","Secret":"from the helper"}'`)
	if _, err := res.Resolve(t.Context(), p.Reference); err != nil {
		t.Fatal(err)
	}
	helper(t, `echo canary-secret; exit 1`)
	_, err = res.Resolve(t.Context(), p.Reference)
	wantHint(t, err, "image-credential-helper")
	if s := fmt.Sprintf("%+v %#v", err, err); strings.Contains(s, "canary") {
		t.Fatalf("the helper's output is in %s", s)
	}
}

// helper puts docker-credential-clawtest first on the PATH.
func helper(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	body := "#!/bin/sh\ncat >/dev/null\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-clawtest"), []byte(body), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}
