package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// mcpChecks ask about the MCP servers that OpenClaw or a Claude Code of this user knows:
// each is a program, or a stranger, whose tools the model is offered.
func mcpChecks() []Check {
	mcp := func(id string, severity Severity, controls []string, ask func(*answer, server), categories ...Category) Check {
		return Check{
			ID: id, Area: AreaMCP, Controls: controls, Categories: categories, Severity: severity, Fix: "${EDITOR:-vi} {path}",
			look: func(_ context.Context, h *Host, a *answer) { eachServer(h, a, ask) },
		}
	}
	g15, g16 := []string{"gap 15"}, []string{"gap 16"}
	files := mcp("mcp-files", High, g15, nil, Tampering, UnvalidatedInput)
	files.look = mcpFiles
	writable := mcp("mcp-writable", High, g16, nil, Tampering, Elevation, SupplyChain)
	writable.look = func(_ context.Context, h *Host, a *answer) { eachServer(h, a, h.writableServer) }
	return []Check{
		files,
		mcp("mcp-relative-command", High, g16, relativeCommand, Elevation, UnsafeShell, UnvalidatedInput),
		mcp("mcp-shell", High, g16, throughShell, Elevation, UnsafeShell),
		mcp("mcp-privileged", High, []string{"gap 16", "E-01"}, privileged, Elevation, ExcessPermission),
		mcp("mcp-environment", High, []string{"gap 15", "gap 16"}, serverLoaders, Elevation, UnsafeShell, Tampering),
		mcp("mcp-unpinned", Medium, []string{"gap 16", "gap 24"}, unpinned, Tampering, SupplyChain),
		mcp("mcp-secrets", High, []string{"gap 15", "I-02"}, serverSecrets, Disclosure, CredentialLeak),
		mcp("mcp-plain-http", High, g15, plainHTTP, Disclosure, Exfiltration),
		writable,
		mcp("mcp-certificates", High, []string{"S-04", "gap 15"}, anyCertificate, Spoofing, Exfiltration),
		mcp("mcp-remote-auth", Medium, g15, remoteAuth, Spoofing, IndirectInjection),
	}
}

// server is one MCP server as a file names it.
type server struct {
	name string
	at   func(key string) Location
	// command and args start a program, url is a server elsewhere.
	command      string
	args         []string
	url          string
	env, headers map[string]string
	// cwd is the folder that it is started in.
	cwd string
	// authorized says that it is told who asks, unverified that it need not show who it is.
	authorized, unverified bool
}

func parseServer(name string, v any, at func(string) Location) server {
	s := server{name: text.Clean(name, 60), at: at, command: textAt(v, "command"), args: wordsAt(v, "args"), url: textAt(v, "url")}
	s.env, s.headers, s.cwd = textsAt(v, "env"), textsAt(v, "headers"), cmp.Or(textAt(v, "cwd"), textAt(v, "workingDirectory"))
	s.unverified = lookAt(v, "sslVerify") == false || lookAt(v, "ssl_verify") == false || s.env["NODE_TLS_REJECT_UNAUTHORIZED"] == "0"
	m, _ := v.(map[string]any)
	for _, key := range []string{"oauth", "auth", "headersHelper"} {
		s.authorized = s.authorized || m[key] != nil
	}
	return s
}

func textsAt(v any, key string) map[string]string {
	m, _ := lookAt(v, key).(map[string]any)
	out := map[string]string{}
	for k, e := range m {
		if s, ok := e.(string); ok {
			out[k] = s
		}
	}
	return out
}

// mcpFile is a file of Claude Code's that names servers.
type mcpFile struct {
	path    string
	servers []server
	err     error
}

// mcpFilesOf are the files in which Claude Code looks for servers.
func (h *Host) mcpFilesOf() []mcpFile {
	list, _ := remembered(h, "mcp", func() ([]mcpFile, error) {
		c, _ := h.config()
		paths := []string{filepath.Join(h.Work, ".mcp.json"), filepath.Join(h.Home, ".claude.json")}
		for _, w := range h.workspaces(c) {
			paths = append(paths, filepath.Join(w, ".mcp.json"))
		}
		if h.Made != nil && h.Made.ClaudeDir != "" {
			paths = append(paths, filepath.Join(h.Made.ClaudeDir, ".claude.json"))
		}
		var out []mcpFile
		for _, path := range slices.Compact(paths) {
			r := h.read(path)
			if !r.exists && r.err == nil {
				continue
			}
			f := mcpFile{path: path, err: r.err}
			if r.err == nil {
				f.servers, f.err = parseServers(path, r.data)
			}
			out = append(out, f)
		}
		return out, nil
	})
	return list
}

var errNoJSON = errors.New("it is no JSON object")

// parseServers reads the servers of a file, and those of single projects in it.
func parseServers(path string, b []byte) ([]server, error) {
	var doc struct {
		Servers  map[string]any `json:"mcpServers"`
		Projects map[string]struct {
			Servers map[string]any `json:"mcpServers"`
		} `json:"projects"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, errNoJSON
	}
	var out []server
	add := func(under string, servers map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(servers)) {
			at := func(key string) Location { return Location{Path: path, Key: under + name + "." + key} }
			out = append(out, parseServer(name, servers[name], at))
		}
	}
	add("mcpServers.", doc.Servers)
	for _, project := range slices.Sorted(maps.Keys(doc.Projects)) {
		add("projects…mcpServers.", doc.Projects[project].Servers)
	}
	return out, nil
}

// eachServer asks of every server that a file names.
func eachServer(h *Host, a *answer, ask func(*answer, server)) {
	for _, f := range h.mcpFilesOf() {
		if f.err != nil {
			a.cannot(f.path, f.err)
			continue
		}
		for _, s := range f.servers {
			a.saw(f.path)
			ask(a, s)
		}
	}
	aboutConfig(h, a, func(c *config) {
		for _, group := range [][]string{{"mcp", "servers"}, {"mcpServers"}} {
			servers := c.object(strings.Join(group, "."))
			for _, name := range slices.Sorted(maps.Keys(servers)) {
				a.saw(c.path)
				at := func(key string) Location { return c.at(append(slices.Clone(group), name, key)...) }
				ask(a, parseServer(name, servers[name], at))
			}
		}
	})
}

// mcpFiles: whoever may write to such a file names a program that runs.
func mcpFiles(_ context.Context, h *Host, a *answer) {
	for _, f := range h.mcpFilesOf() {
		switch {
		case errors.Is(f.err, errNoJSON):
			a.found(Location{Path: f.path}, "it cannot be read: which servers it names is not known")
			continue
		case f.err != nil:
			a.cannot(f.path, f.err)
			continue
		}
		a.saw(f.path)
		if why, err := h.othersWrite(f.path); err != nil {
			a.cannot(f.path, err)
		} else if why != "" {
			a.found(Location{Path: f.path}, why)
		}
	}
}

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

// opening are options of a container engine that let a container out: as a whole word, or
// with these values.
var opening = map[string]func() *regexp.Regexp{
	"--privileged": nil, "--use-api-socket": nil, "--cap-add": nil, "--device": nil, "--pid": text.Pattern(`^host$`), "--ipc": text.Pattern(`^host$`),
	"--network": text.Pattern(`^host$`), "--net": text.Pattern(`^host$`), "--userns": text.Pattern(`^host$`), "--uts": text.Pattern(`^host$`),
	"--security-opt": text.Pattern(`unconfined|disable`),
}

// hostFolder matches folders that are root's, or everybody's.
var hostFolder = text.Pattern(`^/(?:etc|root|proc|sys|dev|boot|usr|home|var/lib)$`)

// drive matches what a path of Windows begins with.
var drive = text.Pattern(`^[A-Za-z]:[/\\]`)

// letsIn tells whether an option mounts the whole host, what is root's or a container
// engine's socket.
func (o engineOption) letsIn() bool {
	var source, target string
	switch o.name {
	case "-v", "--volume":
		source, target, _ = strings.Cut(drive().ReplaceAllString(o.value, "/"), ":")
		target, _, _ = strings.Cut(target, ":")
	case "--mount":
		for field := range strings.SplitSeq(o.value, ",") {
			switch key, value, _ := strings.Cut(field, "="); strings.ToLower(key) {
			case "src", "source":
				source = drive().ReplaceAllString(value, "/")
			case "dst", "destination", "target":
				target = value
			}
		}
	}
	return source != "" && (compose.ReachesEngine(source) || hostFolder().MatchString(path.Clean(source))) || strings.HasSuffix(target, ".sock")
}

// privileged: what runs as root, or in a container that is none, holds the host.
func privileged(a *answer, s server) {
	name := program(s.command)
	if slices.Contains(raising, name) {
		a.found(s.at("command"), "server %s is run with the rights of somebody else", s.name)
		return
	}
	if !slices.Contains(containerEngines, name) {
		return
	}
	options, _ := s.container()
	for _, o := range options {
		opens, known := opening[o.name]
		if known && (opens == nil && o.value != "false" || opens != nil && opens().MatchString(o.value)) || o.letsIn() {
			a.found(s.at("args"), "server %s: its container is let out by %s", s.name, o.name)
		}
	}
}

var containerEngines = []string{"docker", "podman", "nerdctl"}

type engineOption struct{ name, value string }

// alone are the options of a container engine's run that take no value: letters, and
// words. Any other is taken to have one.
const (
	aloneLetters = "ditPq"
	aloneWords   = " --detach --interactive --tty --rm --init --privileged --read-only --publish-all --no-healthcheck --oom-kill-disable --sig-proxy --disable-content-trust --quiet " +
		"--use-api-socket --replace --rmi --no-hosts --no-hostname --tls-verify --http-proxy --env-host --passwd --read-only-tmpfs --rootfs --unsetenv-all "
)

// container are the options that a container engine is given, and the image that it runs:
// what stands behind that belongs to the program in it. Without an image, or with another
// command than run, they are all that look like one.
func (s server) container() (options []engineOption, image string) {
	runs := slices.Index(s.args, "run")
	for i := 0; i < len(s.args); i++ {
		arg := s.args[i]
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case !strings.HasPrefix(arg, "-"):
			if runs >= 0 && i > runs && arg != "run" {
				return options, arg
			}
			continue
		case arg == "--" && runs >= 0 && i > runs: // the image follows
			return options, strings.Join(s.args[i+1:min(i+2, len(s.args))], "")
		case !strings.HasPrefix(arg, "--"):
			name, value, joined = shortOption(arg)
		case strings.Contains(aloneWords, " "+name+" "):
			joined = true
		}
		if !joined && i+1 < len(s.args) {
			i++
			value = s.args[i]
		}
		options = append(options, engineOption{name, value})
	}
	return options, ""
}

// shortOption reads a word of letters: the last of them, and what is joined to it.
func shortOption(word string) (name, value string, joined bool) {
	for i, c := range word[1:] {
		if !strings.ContainsRune(aloneLetters, c) {
			value = strings.TrimPrefix(word[i+2:], "=")
			return "-" + string(c), value, value != ""
		}
	}
	return word, "", true
}

// serverLoaders: the variables that a server is given put code into it.
func serverLoaders(a *answer, s server) {
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		upper := strings.ToUpper(name)
		if !loads(upper) || upper == "NODE_TLS_REJECT_UNAUTHORIZED" {
			continue // mcp-certificates tells of the last
		}
		f := a.found(s.at("env"), "server %s: %s changes what is loaded, or who sees its traffic", s.name, text.Clean(name, 60))
		switch {
		case slices.Contains(usual, upper):
			f.milder(Low)
		case trusting(upper), strings.HasSuffix(upper, "_PROXY"):
			f.milder(Medium)
		}
	}
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

// writableServer: whoever may write to the program, to a script that it is given or to the
// folder that it is started in decides what runs.
func (h *Host) writableServer(a *answer, s server) {
	if s.command == "" {
		return
	}
	for key, paths := range map[string][]string{"command": {s.command}, "args": s.args[:min(len(s.args), most)], "cwd": {s.cwd}} {
		for _, path := range paths {
			if !filepath.IsAbs(path) {
				continue
			}
			switch why, err := h.othersWrite(path); {
			case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			case err != nil:
				a.cannot(path, err)
			case why != "" && !h.shared(path):
				a.found(s.at(key), "server %s: %s", s.name, why)
			}
		}
	}
}

// shared tells whether a path is a folder for everybody, like /tmp: a server may be told
// to work in it, but nothing runs from there by that.
func (h *Host) shared(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir() && st.Mode()&os.ModeSticky != 0
}

// anyCertificate: who is between host and server answers in its place.
func anyCertificate(a *answer, s server) {
	if s.unverified {
		a.found(s.at("sslVerify"), "server %s: its certificate is not looked at", s.name)
	}
}

// serverSecrets: the file, and everybody who reads it, has them.
func serverSecrets(a *answer, s server) {
	tell := func(key, name, value string) {
		secret := secrets.CredentialName(name) && value != "" || secrets.CredentialValue(value)
		if secret && !fromEnvironment(value) && !sentinel(value) {
			a.found(s.at(key), "server %s: %s is in the file in the clear", s.name, text.Clean(name, 60))
		}
	}
	for _, m := range []struct {
		key    string
		values map[string]string
	}{{"env", s.env}, {"headers", s.headers}} {
		for _, name := range slices.Sorted(maps.Keys(m.values)) {
			tell(m.key, name, m.values[name])
		}
	}
	for _, arg := range s.args {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		tell("args", name, value)
	}
	if u, err := url.Parse(s.url); err == nil && u.User != nil {
		a.found(s.at("url"), "server %s: its address holds a user or a password", s.name)
	}
}

// remote tells whether a server is elsewhere than on this host.
func (s server) remote() (*url.URL, bool) {
	u, err := url.Parse(s.url)
	return u, err == nil && s.url != "" && !local(u.Hostname())
}

func plainHTTP(a *answer, s server) {
	if u, ok := s.remote(); ok && u.Scheme != "https" && u.Scheme != "wss" {
		a.found(s.at("url"), "server %s: everything goes over %s in the clear", s.name, text.Clean(u.Scheme, 10))
	}
}

func remoteAuth(a *answer, s server) {
	if _, ok := s.remote(); ok && !s.authorized && len(s.headers) == 0 {
		a.found(s.at("url"), "server %s asks nobody who they are: nor does it show who it is", s.name)
	}
}
