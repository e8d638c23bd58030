package templates

// watchArguments are what the watch units run: nobody is there to be asked.
const watchArguments = "doctor --report"

const watchComment = "# Written by clawsetup doctor --watch-unit; clawsetup doctor --no-watch-unit takes it away.\n"

// SystemdWatch is a unit of the user's own service manager that runs doctor once. What it
// finds is a failure of the unit (exit code 3), and stands in the journal and the
// system's log.
func SystemdWatch(l Login) ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return []byte(watchComment + `[Unit]
Description=Examination of OpenClaw's proxy and configuration (clawsetup doctor)

[Service]
Type=oneshot
` + l.environment() + `ExecStart=` + l.commandLine(watchArguments) + `
TimeoutStartSec=120
NoNewPrivileges=yes
UMask=0077
`), nil
}

// SystemdTimer starts the unit of the same name every day, and soon after a day that
// was missed. https://www.freedesktop.org/software/systemd/man/systemd.timer.html
func SystemdTimer() []byte {
	return []byte(watchComment + `[Unit]
Description=Daily examination by clawsetup doctor

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true
`)
}

// SystemdTimerWants makes the user's timers include the one of that name.
func SystemdTimerWants(timer string) []byte {
	return []byte(watchComment + "[Unit]\nWants=" + timer + "\n")
}

// WatchAgent is a job for launchd, with that label, that runs doctor every day at noon,
// or when the machine wakes up after that.
func WatchAgent(l Login, label string) ([]byte, error) {
	return l.propertyList(label, "Written by clawsetup doctor -watch-unit; clawsetup doctor -no-watch-unit takes it away.", []string{"doctor", "--report"}, `	<key>StartCalendarInterval</key>
	<dict>
		<key>Hour</key>
		<integer>12</integer>
		<key>Minute</key>
		<integer>0</integer>
	</dict>
`)
}
