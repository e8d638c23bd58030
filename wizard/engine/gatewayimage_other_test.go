//go:build !linux

package engine

import (
	"errors"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// TestOwnImageElsewhere: this very program cannot be the gateway.
func TestOwnImageElsewhere(t *testing.T) {
	_, err := OwnImage("clawsetup-0a1b2c3d")
	if h, _ := hint.Of(err); !errors.Is(err, ErrNoProgram) || h.ID != "gateway-platform" {
		t.Errorf("hint %q, %v", h.ID, err)
	}
}
