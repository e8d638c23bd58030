package claude

import (
	"fmt"
	"strings"
)

// kept are the variables that Claude Code and our token helper need: who runs, where,
// in which language, and how the keyring is found.
var kept = []string{"HOME", "USER", "LOGNAME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"}

// Launcher makes a POSIX shell script that runs Claude Code with the few variables that
// it needs and no others (controls S-02, I-02, gap 19). OpenClaw passes its own on, and
// reads a file .env in the folder where it is started: over a thousand names change what
// Claude Code does, so that a list of those to clear would never be whole.
func Launcher(path, configDir string) ([]byte, error) {
	line, err := Quote([]string{"CLAUDE_CONFIG_DIR=" + configDir, path})
	if err != nil {
		return nil, fmt.Errorf("write the launcher of claude: %w", err)
	}
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# Written by clawsetup: runs Claude Code with these variables and no others.\nexec /usr/bin/env -i")
	for _, name := range kept {
		fmt.Fprintf(&b, ` ${%[1]s+"%[1]s=$%[1]s"}`, name)
	}
	b.WriteString(" " + line + " \"$@\"\n")
	return []byte(b.String()), nil
}
