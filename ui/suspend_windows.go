package ui

import tea "github.com/charmbracelet/bubbletea"

// suspend is nothing: there are no jobs of a shell.
func suspend() tea.Cmd { return nil }
