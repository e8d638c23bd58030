package templates

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// longestCommand bounds an image's own command, in bytes of all its words.
const longestCommand = 64 << 10

// readSecrets is the start of the wrapper: it reads both secret files with the
// shell's own read, so that no other process sees a value and the image needs no
// cat, and ends the container when one is empty: the proxy would switch client
// authentication off without a token (S-01). Exit status 78 is EX_CONFIG of
// sysexits.h.
const readSecrets = `set -eu
load() {
  v=
  IFS= read -r v <"/run/secrets/$1" || :
  [ -n "$v" ] || { echo "clawsetup: secret $1 is empty or cannot be read" >&2; exit 78; }
}
load ` + SecretAPIKey + `
export OPENAI_API_KEY="$v"
load ` + SecretProxyToken + `
export ANTHROPIC_API_KEY="$v"
unset v
exec `

// Wrapper returns the entrypoint that reads the two secret files, exports them to
// the proxy alone, and becomes the image's own command (I-01: docker inspect shows
// neither, though /proc/PID/environ inside the container does). Setting an entrypoint makes Docker drop the image's CMD, so the result
// holds the whole command line. The words are not escaped for compose.
func Wrapper(entrypoint, cmd []string, workingDir string) ([]string, error) {
	argv, err := command(entrypoint, cmd, workingDir)
	if err != nil {
		return nil, err
	}
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = quoteShell(a)
	}
	return []string{"/bin/sh", "-c", readSecrets + strings.Join(words, " ")}, nil
}

// Entrypoints are the two that a container of an image may have: what Wrapper makes, and
// what Launched makes of the same command.
func Entrypoints(entrypoint, cmd []string, workingDir string) (wrapped, launched []string, err error) {
	argv, err := command(entrypoint, cmd, workingDir)
	if err != nil {
		return nil, nil, err
	}
	wrapped, err = Wrapper(entrypoint, cmd, workingDir)
	return wrapped, Launched(argv), err
}

// IsWrapper reports whether a container's entrypoint is what Wrapper makes: reading both
// secrets, refusing to start without them, and becoming one command that keeps the
// token. Which command is the image's own only the image can tell: see Entrypoints.
func IsWrapper(entrypoint []string) bool {
	if len(entrypoint) != 3 || entrypoint[0] != "/bin/sh" || entrypoint[1] != "-c" {
		return false
	}
	rest, ok := strings.CutPrefix(entrypoint[2], readSecrets)
	if !ok {
		return false
	}
	words, ok := shellWords(rest)
	return ok && keepsToken(words)
}

// keepsToken refuses a command that takes the token out of the environment again,
// without which the proxy serves every client (S-01): env that clears it, wherever that
// stands, and any word that names the variable. No command that an image was seen to have
// does. A program can do so unseen as well: that the command is the image's own is what the
// proof of a running stack compares.
func keepsToken(argv []string) bool {
	if len(argv) == 0 || argv[0] == "" || argv[0][0] == '-' {
		return false
	}
	return !clearsEnvironment(argv) && !slices.ContainsFunc(argv, func(w string) bool { return strings.Contains(w, "ANTHROPIC_API_KEY") })
}

// clearsEnvironment tells whether env is run with an option that takes variables away: by a
// word, or by the text of a shell or of env -S in one.
func clearsEnvironment(argv []string) bool {
	var words []string
	for _, w := range argv {
		words = append(words, strings.FieldsFunc(w, func(c rune) bool { return strings.ContainsRune(" \t\r\n'\"`;&|()", c) })...)
	}
	for i, w := range words {
		if path.Base(w) == "env" && clearing(words[i+1:]) {
			return true
		}
	}
	return false
}

// clearing tells whether env takes variables away by the words before its program: -, -i or
// -u, alone or among other letters, or a long form of them. What is given to -S are words of
// env's again; a variable that is set is none of its options.
func clearing(words []string) bool {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		name, value, joined := strings.Cut(word, "=")
		taken := false
		switch at := strings.IndexAny(word, "iuSCa"); {
		case word == "-", cutShort(name, "--ignore-environment"), cutShort(name, "--unset"):
			return true
		case cutShort(name, "--split-string"):
			words = slices.Concat(strings.Fields(value), words)
		case cutShort(name, "--chdir"), cutShort(name, "--argv0"):
			taken = !joined
		case strings.HasPrefix(word, "--"):
		case !strings.HasPrefix(word, "-"):
			if !joined {
				return false // the program
			}
		case at < 0:
		case word[at] == 'i', word[at] == 'u':
			return true
		case word[at] == 'S':
			words = slices.Concat(strings.Fields(word[at+1:]), words)
		default: // a folder or a name follows
			taken = at == len(word)-1
		}
		if taken {
			words = words[min(1, len(words)):]
		}
	}
	return false
}

// cutShort tells whether env takes a word for that long option.
func cutShort(word, long string) bool { return len(word) > len("--") && strings.HasPrefix(long, word) }

// shellWords takes apart what quoteShell put together, and nothing else.
func shellWords(line string) (words []string, ok bool) {
	var word strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted = !quoted
		case !quoted && c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case !quoted && c == ' ':
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	words = append(words, word.String())
	again := make([]string, len(words))
	for i, w := range words {
		again[i] = quoteShell(w)
	}
	return words, strings.Join(again, " ") == line
}

// command is what the container runs: the exec-form ENTRYPOINT followed by CMD, as
// Docker joins them (a shell form is stored in the image as "/bin/sh -c …").
func command(entrypoint, cmd []string, workingDir string) ([]string, error) {
	argv := append(append([]string{}, entrypoint...), cmd...)
	if len(argv) == 0 {
		return nil, errors.New("the image names no command: it has neither ENTRYPOINT nor CMD")
	}
	size := 0
	for i, a := range argv {
		size += len(a)
		// Also keeps the shell from ending a word early.
		if strings.ContainsRune(a, 0) {
			return nil, fmt.Errorf("the image's command, word %d: %w: contains a NUL", i+1, ErrValue)
		}
	}
	if size > longestCommand {
		return nil, fmt.Errorf("the image's command: %w: %d bytes, more than %d", ErrValue, size, longestCommand)
	}
	// A shell could take a leading dash for an option of exec.
	if argv[0] == "" || argv[0][0] == '-' {
		return nil, fmt.Errorf("the image's command: %w: the program's name is empty or starts with a dash", ErrValue)
	}
	if script, ok := uvScript(argv); ok {
		return withoutUV(script, workingDir)
	}
	return argv, nil
}

// uvScript recognises "uv run X.py", nothing more and nothing less.
func uvScript(argv []string) (string, bool) {
	if len(argv) != 3 || path.Base(argv[0]) != "uv" || argv[1] != "run" {
		return "", false
	}
	script := argv[2]
	return script, strings.HasSuffix(script, ".py") && script[0] != '-'
}

// withoutUV runs the script with the interpreter of the project's environment: uv
// itself wants a writable file system on every start, which E-01 takes away.
func withoutUV(script, workingDir string) ([]string, error) {
	if workingDir == "" {
		workingDir = "/"
	}
	if !path.IsAbs(workingDir) {
		return nil, fmt.Errorf("the image's working directory: %w: not an absolute path", ErrValue)
	}
	if !path.IsAbs(script) {
		script = path.Join(workingDir, script)
	}
	return []string{path.Join(workingDir, ".venv/bin/python"), script}, nil
}

var pythonName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^python(3(\.[0-9]+)?)?$`) })

// healthCommand asks GET /health with the interpreter that the container runs
// anyway, because images rarely have curl; nil when the command names no Python.
// It uses http.client and not urllib, which would follow HTTP_PROXY, and never
// asks /test-connection: that makes a paid call to cloud.ru. A Python image without
// the standard library does not exist; -I and -S keep foreign modules out.
func healthCommand(argv []string) []string {
	if len(argv) == 0 || !pythonName().MatchString(path.Base(argv[0])) {
		return nil
	}
	return []string{"CMD", argv[0], "-I", "-S", "-c",
		`import http.client as h; c = h.HTTPConnection("127.0.0.1", ` + strconv.Itoa(ContainerPort) +
			`, timeout=2); c.request("GET", "/health"); raise SystemExit(c.getresponse().status != 200)`}
}
