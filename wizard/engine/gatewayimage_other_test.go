//go:build !linux

package engine

import (
	"debug/elf"
	"errors"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// TestProgramImageElsewhere: this very program cannot be the gateway, whatever lies
// at its path.
func TestProgramImageElsewhere(t *testing.T) {
	_, err := ProgramImage(written(t, executable(t, elf.PT_LOAD)), "clawsetup-0a1b2c3d")
	if h, _ := hint.Of(err); !errors.Is(err, ErrNoProgram) || h.ID != "gateway-platform" {
		t.Errorf("hint %q, %v", h.ID, err)
	}
}
