package templates

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Login is what the operator's own service manager starts: the stack at login, or doctor
// every day.
type Login struct {
	// Executable is the absolute path of clawsetup.
	Executable string
	// DockerHost is the engine that the operator's shell names, which a login does
	// not know; empty for the usual one.
	DockerHost string
}

func (l Login) check() error {
	for name, v := range map[string]string{"the program's path": l.Executable, "DOCKER_HOST": l.DockerHost} {
		if !utf8.ValidString(v) || strings.ContainsFunc(v, unwritable) {
			return fmt.Errorf("the unit: %s: %w: more than one line, or what neither systemd nor XML can hold", name, ErrValue)
		}
	}
	if !strings.HasPrefix(l.Executable, "/") {
		return fmt.Errorf("the unit: the program's path: %w: not absolute", ErrValue)
	}
	return nil
}

// unwritable are the characters that a unit file or XML has no way to write: control
// characters and Unicode's noncharacters.
func unwritable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// SystemdUnit is a unit of the user's own service manager. It tries again for some
// minutes: the engine may start later than the session. Stopping the session leaves
// the stack as it is. https://www.freedesktop.org/software/systemd/man/systemd.service.html
func SystemdUnit(l Login) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return []byte(`# Written by clawsetup up --on-login; clawsetup down --on-login takes it away.
[Unit]
Description=OpenClaw's proxy to cloud.ru (clawsetup)
StartLimitIntervalSec=600
StartLimitBurst=20

[Service]
Type=oneshot
RemainAfterExit=yes
` + l.environment() + `ExecStart=` + l.commandLine("up --plain") + `
Restart=on-failure
RestartSec=15
NoNewPrivileges=yes
UMask=0077
`), nil
}

// environment is the engine that the operator's shell names.
func (l Login) environment() string {
	if l.DockerHost == "" {
		return ""
	}
	return "Environment=" + quoteUnit("DOCKER_HOST="+l.DockerHost) + "\n"
}

// SystemdWants makes the user's default target start the unit of that name: what
// "systemctl --user enable" would do with a link.
func SystemdWants(unit string) []byte {
	return []byte("# Written by clawsetup up --on-login; clawsetup down --on-login takes it away.\n[Unit]\nWants=" + unit + "\n")
}

// commandLine is what systemd starts. It refuses a program whose path has a quote or a
// backslash, however quoted ("Executable name contains special characters"); a shell
// does not. "$" begins a variable in an argument, not in the program's path
// (systemd.service: "Command lines").
func (l Login) commandLine(arguments string) string {
	if strings.ContainsAny(l.Executable, `"'\`) {
		return `/bin/sh -c "exec \"$$0\" ` + arguments + `" ` + quoteUnit(strings.ReplaceAll(l.Executable, "$", "$$"))
	}
	return quoteUnit(l.Executable) + " " + arguments
}

// quoteUnit is one word of a unit file, where "%" begins a specifier (systemd.unit,
// systemd.syntax: "Quoting").
func quoteUnit(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(s) + `"`
}

// LaunchAgent is a property list for launchd, with that label.
// https://developer.apple.com/library/archive/documentation/MacOSX/Conceptual/BPSystemStartup/Chapters/CreatingLaunchdJobs.html
func LaunchAgent(l Login, label string) ([]byte, error) {
	return l.propertyList(label, "Written by clawsetup up -on-login; clawsetup down -on-login takes it away.", []string{"up", "--plain"}, `	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>30</integer>
`)
}

// propertyList is one job of launchd; when says when it runs. Flags in the
// comment have one dash, since XML allows no "--" in it (XML 1.0, 2.5).
func (l Login) propertyList(label, comment string, arguments []string, when string) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	text := func(s string) string {
		var e bytes.Buffer
		_ = xml.EscapeText(&e, []byte(s)) // a buffer takes everything
		return e.String()
	}
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ` + comment + ` -->
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + text(label) + `</string>
	<key>ProgramArguments</key>
	<array>
`)
	for _, word := range append([]string{l.Executable}, arguments...) {
		b.WriteString("\t\t<string>" + text(word) + "</string>\n")
	}
	b.WriteString(`	</array>
	<key>EnvironmentVariables</key>
	<dict>
		<key>PATH</key>
		<string>/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin</string>
`)
	if l.DockerHost != "" {
		b.WriteString("\t\t<key>DOCKER_HOST</key>\n\t\t<string>" + text(l.DockerHost) + "</string>\n")
	}
	b.WriteString("\t</dict>\n" + when + "</dict>\n</plist>\n")
	return b.Bytes(), nil
}
