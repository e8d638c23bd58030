package doctor

import "io/fs"

// Repair is how a finding is put right as a change of a Plan: exactly one of its forms.
type Repair struct {
	// Restore writes a file of ours as clawsetup wrote it last.
	Restore string
	// Private takes the rights of group and others from a file, leaving its content.
	Private string
	// Mode is the mode that it gets.
	Mode fs.FileMode
	// Set gives a key in the file at In the value.
	In    string
	Key   []string
	Value any
	// Remove takes the key away instead.
	Remove bool
	// End is a process that nobody waits for, and when it began.
	End *Process
}

// Process names one process so that another one under the same number is not meant.
type Process struct {
	PID int `json:"pid"`
	// Start is when it began, in the kernel's units.
	Start string `json:"-"`
	// Program is what it runs, fit to be shown.
	Program string `json:"program"`
}
