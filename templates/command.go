package templates

import (
	"errors"
	"fmt"
	"path"
	"regexp"
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

// IsWrapper reports whether a container's entrypoint begins with what Wrapper
// makes: reading both secrets and refusing to start without them.
func IsWrapper(entrypoint []string) bool {
	return len(entrypoint) == 3 && entrypoint[0] == "/bin/sh" && entrypoint[1] == "-c" && strings.HasPrefix(entrypoint[2], readSecrets)
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
