//go:build unix

package ui

import (
	"os"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/sys/unix"
)

// suspend gives the terminal back to the shell until that lets the program go on. Where
// nobody would, the key does nothing: the kernel does not stop a program whose parent is
// not in another group of its session.
func suspend() tea.Cmd {
	parent := os.Getppid()
	session, err := unix.Getsid(parent)
	own, ownErr := unix.Getsid(0)
	group, groupErr := unix.Getpgid(parent)
	if err != nil || ownErr != nil || groupErr != nil || session != own || group == unix.Getpgrp() {
		return nil
	}
	return tea.Suspend
}
