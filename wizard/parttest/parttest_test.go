package parttest

import (
	"runtime"
	"testing"
)

// recorder is a test that says how it was ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatalf(string, ...any) { r.ended = "failed"; runtime.Goexit() }
func (r *recorder) Skip(...any)           { r.ended = "skipped"; runtime.Goexit() }

func TestNeed(t *testing.T) {
	for _, c := range []struct{ ci, value, ended string }{
		{"true", "", "failed"}, {"", "", "skipped"}, {"false", "", "skipped"}, {"true", "here", ""}, {"", "here", ""},
	} {
		t.Setenv("CI", c.ci)
		t.Setenv("CLAWSETUP_TEST_SOMETHING", c.value)
		r, got, done := &recorder{TB: t}, "", make(chan struct{})
		go func() {
			defer close(done)
			got = Need(r, "CLAWSETUP_TEST_SOMETHING")
		}()
		<-done
		if r.ended != c.ended || got != c.value {
			t.Errorf("CI=%q, %q: ended %q with %q", c.ci, c.value, r.ended, got)
		}
	}
}
