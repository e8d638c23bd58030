//go:build !linux

package proc

import (
	"errors"
	"testing"
)

// TestHostIsHidden: another system's kernel shows nothing, whatever lies at /proc.
func TestHostIsHidden(t *testing.T) {
	if _, err := Host().Status(1); !errors.Is(err, ErrHidden) {
		t.Error(err)
	}
	if _, err := Host().Listeners(8082); !errors.Is(err, ErrHidden) {
		t.Error(err)
	}
	if owners, complete := Host().Owners(1); len(owners) != 0 || complete {
		t.Errorf("%+v, complete: %v", owners, complete)
	}
}
