//go:build unix

package doctor

import (
	"os"
	"testing"
)

// serves writes a file with one server.
func serves(json string) func(*scene) {
	return func(s *scene) { s.write("work/.mcp.json", `{"mcpServers":{"files":`+json+`}}`, 0o600) }
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
	"mcp-shell":       {good: serves(localServer), bad: map[string]func(*scene){"sh": serves(`{"command":"sh","args":["-c","files"]}`), "pipe": serves(`{"command":"/bin/files|tee"}`)}},
	"mcp-unpinned":    {good: serves(`{"command":"npx","args":["-y","files@1.2.3"]}`), bad: map[string]func(*scene){"none": serves(`{"command":"npx","args":["-y","files"]}`), "latest": serves(`{"command":"uvx","args":["files@latest"]}`), "range": serves(`{"command":"npx","args":["files@^1.2.3"]}`)}},
	"mcp-secrets":     {good: serves(localServer), bad: map[string]func(*scene){"env": serves(`{"command":"/usr/bin/files","env":{"API_KEY":"a-real-credential-0123456789"}}`), "argument": serves(`{"command":"/usr/bin/files","args":["--token=a-real-credential-0123456789"]}`), "address": serves(`{"url":"https://me:word@mcp.example.com/","headers":{"X":"y"}}`), "header": serves(`{"url":"https://mcp.example.com/","headers":{"Authorization":"Bearer abcdefghijklmnop0123"}}`)}},
	"mcp-plain-http":  {good: serves(remoteServer), bad: map[string]func(*scene){"http": serves(`{"url":"http://mcp.example.com/","headers":{"Authorization":"${MCP_TOKEN}"}}`)}},
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
			for _, ask := range []func(*answer, server){relativeCommand, throughShell, unpinned, serverSecrets, plainHTTP, remoteAuth} {
				ask(a, s)
			}
		}
	})
}
