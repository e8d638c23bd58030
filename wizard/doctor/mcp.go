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
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/clawsetup/clawsetup/secrets"
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
