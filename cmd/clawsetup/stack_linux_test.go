package main

import "testing"

// TestUp: from nothing to a proved stack, and back.
func TestUp(t *testing.T) {
	a := newArena(t)
	a.init()
	a.up()
	s := a.status()
	t.Logf("%+v", s)
}
