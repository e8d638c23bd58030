package ui

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// echoOff keeps the console f from showing what is typed, until restore is called.
func echoOff(f *os.File) (restore func(), err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("reading the console's mode: %w", err)
	}
	hidden := before&^windows.ENABLE_ECHO_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_LINE_INPUT
	if err := windows.SetConsoleMode(console, hidden); err != nil {
		return nil, fmt.Errorf("turning the console's echo off: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, nil
}
