package main

import "golang.org/x/sys/unix"

// closeMemory forbids core dumps, and lets nobody but root attach to the process or read
// its memory and environment in /proc (prctl(2), PR_SET_DUMPABLE). Where the kernel
// refuses, the program does without (I-01).
func closeMemory() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
