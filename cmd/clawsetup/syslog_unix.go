//go:build unix

package main

import (
	"fmt"
	"io"
	"log/syslog"
)

// systemLog tells the system's log. Where it does not answer the lines go to standard
// output, which the service manager keeps.
func systemLog(out io.Writer, lines []string) error {
	log, err := syslog.New(syslog.LOG_WARNING|syslog.LOG_DAEMON, "clawsetup-doctor")
	if err != nil {
		for _, l := range lines {
			_, _ = fmt.Fprintln(out, l)
		}
		return nil
	}
	for _, l := range lines {
		if err := log.Warning(l); err != nil {
			return fmt.Errorf("telling the system's log: %w", err)
		}
	}
	return log.Close()
}
