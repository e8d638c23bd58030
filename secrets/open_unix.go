//go:build unix

package secrets

import (
	"os"
	"syscall"
)

const permissionsMeanSomething = true

// openKeyFile neither waits for the writer of a pipe nor makes a terminal ours.
func openKeyFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
