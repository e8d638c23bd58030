//go:build unix

package doctor

import "syscall"

// fifo makes a pipe that nobody writes to.
func (s *scene) fifo(path string) { s.must(syscall.Mkfifo(path, 0o600)) }
