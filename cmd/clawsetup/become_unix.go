//go:build unix

package main

import "syscall"

// become replaces this program by another; it returns only when that fails.
func become(path string, args, env []string) error {
	return syscall.Exec(path, args, env) //nolint:gosec // launch starts what the compose file gives it
}
