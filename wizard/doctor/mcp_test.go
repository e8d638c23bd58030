//go:build unix

package doctor

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// serves writes a file with one server.
func serves(json string) func(*scene) {
	return func(s *scene) { s.write("work/.mcp.json", `{"mcpServers":{"files":`+json+`}}`, 0o600) }
}

// inContainer is a server in a container that is given one more option.
func inContainer(more ...string) func(*scene) {
	args := append(append([]string{"run", "--rm"}, more...), "mcp/files@sha256:"+strings.Repeat("0", 64))
	b, _ := json.Marshal(args)
	return serves(`{"command":"/usr/bin/docker","args":` + string(b) + `}`)
}

const (
	localServer  = `{"command":"/usr/bin/files","args":["--root","/srv"]}`
	remoteServer = `{"url":"https://mcp.example.com/","headers":{"Authorization":"${MCP_TOKEN}"}}`
)

var mcpPairs = map[string]pair{
	"mcp-files": {good: serves(localServer), bad: map[string]func(*scene){
		"broken": func(s *scene) { s.write("work/.mcp.json", "{", 0o600) }, "open": func(s *scene) { s.must(os.Chmod(s.path("work/.mcp.json"), 0o666)) },
	}},
	"mcp-relative-command": {good: serves(localServer), bad: map[string]func(*scene){
		"folder": serves(`{"command":"./files"}`), "path": serves(`{"command":"files"}`),
		"openclaw": sets("mcp.servers", map[string]any{"x": map[string]any{"command": "files"}}),
		"project": func(s *scene) {
			s.write(".claude.json", `{"projects":{"/p":{"mcpServers":{"x":{"command":"files"}}}}}`, 0o600)
		},
	}},
	"mcp-shell": {good: serves(localServer), bad: map[string]func(*scene){"sh": serves(`{"command":"sh","args":["-c","files"]}`), "pipe": serves(`{"command":"/bin/files|tee"}`),
		"after another": serves(`{"command":"/usr/bin/timeout","args":["10","/bin/sh","-c","x"]}`), "node": serves(`{"command":"/usr/bin/node","args":["-e","require('child_process')"]}`),
		"node, joined": serves(`{"command":"/usr/bin/node","args":["--eval=1"]}`), "python": serves(`{"command":"/usr/bin/python3.12","args":["-I","-c","import os"]}`),
		"python, joined": serves(`{"command":"/usr/bin/python3","args":["-cimport os"]}`), "python, together": serves(`{"command":"/usr/bin/python3","args":["-X","dev","-Ic","import os"]}`),
		"perl, together": serves(`{"command":"/usr/bin/perl","args":["-we","system('id')"]}`), "ruby, behind a folder": serves(`{"command":"/usr/bin/ruby","args":["-C","/srv","-ne","1"]}`),
		"node, behind a module": serves(`{"command":"/usr/bin/node","args":["-r","/opt/a.js","--import","/opt/b.js","-e","1"]}`), "bun": serves(`{"command":"/usr/bin/bun","args":["run","-e","1"]}`),
		"node, a module": serves(`{"command":"/usr/bin/node","args":["--import","data:text/javascript,1","/opt/a.js"]}`), "php": serves(`{"command":"/usr/bin/php","args":["-d","a=b","-r1;"]}`),
		"node, behind a word": serves(`{"command":"/usr/bin/node","args":["--disable-warning","ExperimentalWarning","--unhandled-rejections","strict","-e","1"]}`),
		"perl, debugged":      serves(`{"command":"/usr/bin/perl","args":["-de","system('id')"]}`), "ruby, without warnings": serves(`{"command":"/usr/bin/ruby","args":["-W0e","1"]}`),
		"ruby, without gems": serves(`{"command":"/usr/bin/ruby","args":["--disable","gems","-X","/srv","-e","1"]}`),
		"deno":               sets("mcp.servers", map[string]any{"x": map[string]any{"command": "/usr/bin/deno", "args": []any{"eval", "1"}}})}},
	"mcp-privileged": {good: serves(`{"command":"/usr/bin/docker","args":["run","-i","--rm","-v","/srv/files:/data:ro","mcp/files@sha256:` + strings.Repeat("0", 64) + `"]}`), bad: map[string]func(*scene){
		"root": serves(`{"command":"/usr/bin/sudo","args":["/usr/bin/files"]}`), "container": inContainer("--privileged"), "disk": inContainer("-v", "/:/host"), "joined": inContainer("--volume=/etc:/etc:ro"),
		"mount": inContainer("--mount", "type=bind,source=/,target=/host"), "socket": inContainer("-v", "/var/run/docker.sock:/s"), "processes": inContainer("--pid=host"),
		"network": inContainer("--net", "host"), "right": inContainer("--cap-add", "SYS_ADMIN"), "socket, without root": inContainer("-v", "/run/user/1000/podman:/s"), "socket, in a machine": inContainer("--mount=type=bind,target=/s,src=/Users/me/.colima/default"),
		"a drive": inContainer("-v", `C:\:/host`), "socket by its end": inContainer("-v", "/srv/x:/var/run/docker.sock"), "pipe": inContainer("-v", `\\.\pipe\docker_engine:\\.\pipe\docker_engine`), "calls": inContainer("--security-opt", "seccomp=unconfined"),
		"disk, joined": inContainer("-it", "-v/:/host"), "behind a network": inContainer("--network", "files", "-dit", "-e", "A=b", "--privileged"), "false": inContainer("--privileged=true"),
		"a drive by its mount": inContainer("--mount", `type=bind,source=C:\,target=/host`), "the engine": inContainer("--use-api-socket"),
		"another command": serves(`{"command":"/usr/bin/docker","args":["exec","-i","--privileged","files","/usr/bin/files"]}`),
		"openclaw":        sets("mcp.servers", map[string]any{"x": map[string]any{"command": "/usr/bin/doas", "args": []any{"/usr/bin/files"}}}),
	}},
	"mcp-environment": {good: serves(localServer), bad: map[string]func(*scene){
		"preload": serves(`{"command":"/usr/bin/files","env":{"LD_PRELOAD":"/tmp/x.so"}}`), "node": serves(`{"command":"/usr/bin/files","env":{"NODE_OPTIONS":"--require /tmp/x.js"}}`),
		"a proxy": serves(`{"command":"/usr/bin/files","env":{"https_proxy":"http://192.0.2.1:3128"}}`), "Python": serves(`{"command":"/usr/bin/files","env":{"PYTHONHOME":"/tmp/evil"}}`), "engines": serves(`{"command":"/usr/bin/files","env":{"OPENSSL_ENGINES":"/tmp/evil"}}`), "programs": serves(`{"command":"/usr/bin/files","env":{"PATH":"/tmp/evil"}}`),
	}},
	"mcp-unpinned": {good: serves(`{"command":"npx","args":["-y","files@1.2.3"]}`), bad: map[string]func(*scene){"none": serves(`{"command":"npx","args":["-y","files"]}`), "latest": serves(`{"command":"uvx","args":["files@latest"]}`), "range": serves(`{"command":"npx","args":["files@^1.2.3"]}`),
		"windows": serves(`{"command":"C:\\\\npm\\\\npx.cmd","args":["files"]}`), "npm": serves(`{"command":"/usr/bin/npm","args":["exec","files"]}`), "uv": serves(`{"command":"/usr/bin/uv","args":["tool","run","files"]}`),
		"image":                      serves(`{"command":"/usr/bin/docker","args":["run","-i","--rm","mcp/files:latest"]}`),
		"a digest of something else": serves(`{"command":"/usr/bin/podman","args":["run","--label","a=b@sha256:0","mcp/files","x@sha256:0"]}`)}},
	"mcp-secrets":    {good: serves(localServer), bad: map[string]func(*scene){"env": serves(`{"command":"/usr/bin/files","env":{"API_KEY":"a-real-credential-0123456789"}}`), "argument": serves(`{"command":"/usr/bin/files","args":["--token=a-real-credential-0123456789"]}`), "address": serves(`{"url":"https://me:word@mcp.example.com/","headers":{"X":"y"}}`), "header": serves(`{"url":"https://mcp.example.com/","headers":{"Authorization":"Bearer abcdefghijklmnop0123"}}`)}},
	"mcp-plain-http": {good: serves(remoteServer), bad: map[string]func(*scene){"http": serves(`{"url":"http://mcp.example.com/","headers":{"Authorization":"${MCP_TOKEN}"}}`)}},
	"mcp-certificates": {good: serves(remoteServer), bad: map[string]func(*scene){
		"off":         sets("mcp.servers", map[string]any{"x": map[string]any{"url": "https://mcp.example.com/", "sslVerify": false, "headers": map[string]any{"Authorization": "${MCP_TOKEN}"}}}),
		"older":       both(legacy, sets("mcp.servers", map[string]any{"x": map[string]any{"url": "https://mcp.example.com/", "ssl_verify": false, "auth": "oauth"}})),
		"environment": serves(`{"command":"/usr/bin/files","env":{"NODE_TLS_REJECT_UNAUTHORIZED":"0"}}`),
	}},
	"mcp-writable": {good: serves(localServer), bad: map[string]func(*scene){
		"program": func(s *scene) { serves(`{"command":"` + s.write("tools/files", "#!/bin/sh\n", 0o777) + `"}`)(s) },
		"folder": func(s *scene) {
			serves(`{"command":"` + s.write("tools/files", "#!/bin/sh\n", 0o700) + `"}`)(s)
			s.must(os.Chmod(s.path("tools"), 0o777))
		},
		"script": func(s *scene) {
			serves(`{"command":"/usr/bin/node","args":["` + s.write("tools/files.js", "1", 0o666) + `"]}`)(s)
		},
		"started in": func(s *scene) {
			s.must(os.Mkdir(s.path("tools"), 0o700))
			s.must(os.Chmod(s.path("tools"), 0o777))
			serves(`{"command":"/usr/bin/node","cwd":"` + s.path("tools") + `"}`)(s)
		},
	}},
	"mcp-remote-auth": {good: serves(remoteServer), bad: map[string]func(*scene){"none": serves(`{"url":"https://mcp.example.com/"}`)}},
}

func FuzzParseServers(f *testing.F) {
	f.Add([]byte(`{"mcpServers":{"a":` + localServer + `,"b":` + remoteServer + `},"projects":{"/p":{"mcpServers":{"c":1}}}}`))
	f.Add([]byte(`{"mcpServers":[]}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		servers, err := parseServers("/x", b)
		if err != nil {
			return
		}
		a := &answer{}
		for _, s := range servers {
			for _, ask := range []func(*answer, server){relativeCommand, throughShell, privileged, serverLoaders, unpinned, serverSecrets, plainHTTP, remoteAuth} {
				ask(a, s)
			}
		}
	})
}
