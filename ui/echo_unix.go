//go:build unix

package ui

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// echoOff keeps the terminal f from showing what is typed, until restore is called.
// term.ReadPassword does not serve: it takes effect after the prompt is seen, and
// does not notice the end of the input.
func echoOff(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	t, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err != nil {
		return nil, fmt.Errorf("reading the terminal's settings: %w", err)
	}
	before := *t
	t.Lflag &^= unix.ECHO
	t.Lflag |= unix.ICANON | unix.ISIG
	t.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, ioctlSetTermios, t); err != nil {
		return nil, fmt.Errorf("turning the terminal's echo off: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, ioctlSetTermios, &before) }, nil
}
