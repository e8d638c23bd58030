package engine

import (
	"debug/elf"
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

func TestProgramImage(t *testing.T) {
	program := executable(t, elf.PT_LOAD)
	g, err := ProgramImage(written(t, program), "clawsetup-0a1b2c3d")
	if err != nil || g.ID() != gateway(t, string(program), runtime.GOARCH).ID() {
		t.Errorf("%q, %v", g.ids(), err)
	}
}

func TestProgramImageRefuses(t *testing.T) {
	for name, program := range map[string][]byte{
		"a script": []byte("#!/bin/sh\n"), "nothing": nil, "a linked program": executable(t, elf.PT_LOAD, elf.PT_INTERP), "half": executable(t, elf.PT_LOAD)[:100],
	} {
		path := written(t, program)
		g, err := ProgramImage(path, "clawsetup-0a1b2c3d")
		if h, _ := hint.Of(err); !errors.Is(err, ErrNoProgram) || h.ID != "gateway-static" || !strings.Contains(err.Error(), path) || g != (GatewayImage{}) {
			t.Errorf("%s: hint %q, %v", name, h.ID, err)
		}
	}
	// A program that cannot be read is no reason to go without the gateway.
	if _, err := ProgramImage(filepath.Join(t.TempDir(), "none"), "clawsetup-0a1b2c3d"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNoProgram) {
		t.Errorf("no file: %v", err)
	}
}
