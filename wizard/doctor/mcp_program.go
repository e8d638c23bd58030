package doctor

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// runners fetch a package and run it, shells run what they are told.
var (
	runners = []string{"npx", "uvx", "bunx", "pipx", "pnpx", "dlx"}
	shells  = []string{"sh", "bash", "zsh", "dash", "fish", "cmd", "powershell", "pwsh", "env"}
)

func program(command string) string {
	command = command[strings.LastIndexAny(command, `/\`)+1:]
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(command), ".exe"), ".cmd")
}

// relativeCommand: which program it is depends on the folder, or on PATH.
func relativeCommand(a *answer, s server) {
	if s.command != "" && !filepath.IsAbs(s.command) && !slices.Contains(shells, program(s.command)) && !slices.Contains(runners, program(s.command)) {
		a.found(s.at("command"), "server %s: its command is no absolute path", s.name)
	}
}

func throughShell(a *answer, s server) {
	name := program(s.command)
	switch {
	case s.command == "":
	case slices.Contains(shells, name), strings.ContainsAny(s.command, "|&;<>$`"):
		a.found(s.at("command"), "server %s is started through a shell", s.name)
	case slices.Contains(raising, name), slices.Contains(starters, name):
		if slices.ContainsFunc(s.args, func(arg string) bool { return slices.Contains(shells, program(arg)) }) {
			a.found(s.at("args"), "server %s is started through a shell", s.name)
		}
	case inline(name, s.args):
		a.found(s.at("args"), "server %s is told its program in an argument", s.name)
	}
}

// raising are programs that run another one with other rights, starters any that run the
// one which follows.
var (
	raising  = []string{"sudo", "doas", "su", "pkexec", "runuser", "setpriv"}
	starters = []string{"nohup", "nice", "timeout", "setsid", "stdbuf", "xargs", "busybox", "chroot", "unshare", "nsenter"}
)

// language is one that can be told its program in an argument. Options are looked at up to
// the script: what stands behind it is the script's own.
type language struct {
	name func() *regexp.Regexp
	// evaluates are the letters of the options that run their value, valued those that take
	// the rest of their word or the next one, joined those that take the rest alone, ends
	// those behind which the script's own words begin. Letters may stand together.
	evaluates, valued, joined, ends string
	// long are the long options that run their value, longValued those that take one.
	long, longValued []string
	// word is a command that runs what follows; before is one that may stand before the
	// script.
	word, before string
}

var languages = []language{
	{
		name: text.Pattern(`^(?:node|nodejs|bun)$`), evaluates: "ep", valued: "rC", before: "run", long: []string{"--eval", "--print"},
		// Those of Node.js 20 to 24 and of Bun; Node.js takes the value of any of them from the next word.
		longValued: strings.Fields("--require --import --loader --experimental-loader --conditions --env-file --env-file-if-exists --input-type --title " +
			"--allow-fs-read --allow-fs-write --build-snapshot-config --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --debug-port --diagnostic-dir --disable-proto " +
			"--disable-warning --dns-result-order --es-module-specifier-resolution --experimental-config-file --experimental-default-type --experimental-policy " +
			"--experimental-sea-config --heap-prof-dir --heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir " +
			"--inspect-port --inspect-publish-uid --localstorage-file --max-http-header-size --network-family-autoselection-attempt-timeout --openssl-config " +
			"--policy-integrity --redirect-warnings --report-dir --report-directory --report-filename --report-signal --secure-heap --secure-heap-min --snapshot-blob " +
			"--test-concurrency --test-name-pattern --test-reporter --test-reporter-destination --test-shard --test-timeout --tls-cipher-list --tls-keylog " +
			"--trace-event-categories --trace-event-file-pattern --trace-require-module --unhandled-rejections --use-largepages --v8-pool-size --watch-path " +
			"--preload --cwd --config --define --port"),
	},
	{name: text.Pattern(`^deno$`), word: "eval", valued: "L", longValued: []string{"--log-level"}},
	{name: text.Pattern(`^(?:python|pypy)[\d.]*$`), evaluates: "c", valued: "WX", ends: "m", longValued: []string{"--check-hash-based-pycs"}},
	{name: text.Pattern(`^perl[\d.]*$`), evaluates: "eE", valued: "I", joined: "MmxiFDCV"},
	{name: text.Pattern(`^ruby[\d.]*$`), evaluates: "e", valued: "rICEX", joined: "xiFKT", longValued: []string{"--encoding", "--external-encoding", "--internal-encoding", "--enable", "--disable"}},
	{name: text.Pattern(`^lua[\d.]*$`), evaluates: "e", valued: "l"},
	{
		name: text.Pattern(`^php[\d.]*$`), evaluates: "rBRE", valued: "cdtSz", ends: "fF", long: []string{"--run", "--process-code", "--process-begin", "--process-end"},
		longValued: []string{"--php-ini", "--define", "--docroot", "--server", "--zend-extension"},
	},
}

// inline tells whether the arguments of a language hold a program.
func inline(name string, args []string) bool {
	i := slices.IndexFunc(languages, func(l language) bool { return l.name().MatchString(name) })
	return i >= 0 && languages[i].inline(args)
}

func (l language) inline(args []string) bool {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		option, _, joined := strings.Cut(arg, "=")
		switch {
		case arg == "" || arg == "--" || arg == "-":
			return false
		case strings.HasPrefix(arg, "--") && slices.Contains(l.long, option):
			return true
		case strings.HasPrefix(arg, "--"):
			if slices.Contains(l.longValued, option) && !joined {
				i++
			}
		case strings.HasPrefix(arg, "-"):
			code, next, over := l.letters(arg[1:])
			if code || over {
				return code
			}
			if next {
				i++
			}
		case arg == l.word:
			return true
		case arg != l.before || i > 0 && args[i-1] == l.before:
			return false
		}
		// A module that is loaded first may be a program as well.
		if i < len(args) && (strings.HasPrefix(args[i], "data:") || strings.Contains(args[i], "=data:")) {
			return true
		}
	}
	return false
}

// letters reads a word of short options: whether one of them runs its value, takes the
// next word, or is the last one before the script's own.
func (l language) letters(word string) (code, next, over bool) {
	for i, c := range word {
		switch {
		case strings.ContainsRune(l.evaluates, c):
			return true, false, false
		case strings.ContainsRune(l.ends, c):
			return false, false, true
		case strings.ContainsRune(l.valued, c):
			return false, i == len(word)-1, false
		case strings.ContainsRune(l.joined+":=", c): // behind a colon stands the name of a debugger or of warnings
			return false, false, false
		}
	}
	return false, false, false
}

var pinned = text.Pattern(`(?:@|==)v?\d+\.\d+\.\d+[0-9A-Za-z.+-]*$`)

// fetchers are programs that fetch a package when they are asked for it by these words.
var fetchers = map[string][][]string{
	"npm": {{"exec"}, {"x"}}, "pnpm": {{"dlx"}, {"exec"}}, "yarn": {{"dlx"}}, "bun": {{"x"}}, "pipx": {{"run"}}, "uv": {{"tool", "run"}, {"x"}},
}

// fetched are the arguments after which a server names a package that is fetched.
func (s server) fetched() (rest []string, ok bool) {
	name := program(s.command)
	if name != "pipx" && slices.Contains(runners, name) {
		return s.args, true
	}
	for _, how := range fetchers[name] {
		if len(s.args) >= len(how) && slices.Equal(s.args[:len(how)], how) {
			return s.args[len(how):], true
		}
	}
	return nil, false
}

// unpinned: what is fetched today may be another program tomorrow.
func unpinned(a *answer, s server) {
	if slices.Contains(containerEngines, program(s.command)) && slices.Contains(s.args, "run") {
		if _, image := s.container(); !strings.Contains(image, "@sha256:") {
			a.found(s.at("args"), "server %s: the image is not named with its digest", s.name)
		}
		return
	}
	rest, ok := s.fetched()
	if !ok {
		return
	}
	for i, arg := range rest {
		if strings.HasPrefix(arg, "-") || i > 0 && slices.Contains([]string{"-p", "--python"}, rest[i-1]) {
			continue
		}
		if !pinned().MatchString(arg) {
			a.found(s.at("args"), "server %s: the package is not named with an exact version", s.name)
		}
		return
	}
	a.found(s.at("args"), "server %s: no package is named", s.name)
}
