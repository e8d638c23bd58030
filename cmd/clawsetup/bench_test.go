//go:build unix

package main

import (
	"os"
	"os/exec"
	"testing"
)

// BenchmarkStartUp runs `clawsetup version` as a process of its own.
func BenchmarkStartUp(b *testing.B) {
	path, err := exec.LookPath("clawsetup")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := exec.Command(path, "version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInit is a whole first set-up against the simulators, as a process of its own.
func BenchmarkInit(b *testing.B) {
	s := newScratch(b, scriptKey)
	for b.Loop() {
		b.StopTimer()
		for _, dir := range []string{"config", "state", ".openclaw"} {
			if err := os.RemoveAll(s.home + "/" + dir); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if out, code, _ := s.run(scriptKey, "", s.flags...); code != 0 {
			b.Fatal(out)
		}
	}
}
