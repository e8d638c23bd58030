// Package parttest gives tests the real parts that .ci/parts fetches and starts. Where a
// part is missing a test is skipped; with CI=true, which promises all of them, it fails.
package parttest

import (
	"os"
	"testing"
)

// Need is the value of the variable CLAWSETUP_TEST_… that says where a part is.
func Need(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		Missing(t, variable+" is not set")
	}
	return value
}

// Missing ends a test that lacks something.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s: with CI=true no part may be missing", what)
	}
	t.Skip(what)
}
