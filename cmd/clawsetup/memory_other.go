//go:build !linux && !windows

package main

import "golang.org/x/sys/unix"

// closeMemory forbids core dumps.
func closeMemory() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
