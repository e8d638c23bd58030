package engine

import (
	"os"
	"testing"
)

// TestOwnImage: it is the image of the program that asks, or what that one lacks.
func TestOwnImage(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, wantErr := ProgramImage(self, "clawsetup-0a1b2c3d")
	got, err := OwnImage("clawsetup-0a1b2c3d")
	if got.ID() != want.ID() || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Errorf("%q, %v; want %q, %v", got.ID(), err, want.ID(), wantErr)
	}
}
