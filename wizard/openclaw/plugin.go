package openclaw

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/clawsetup/clawsetup/wizard/claude"
)

// backend is the command line of Claude Code as OpenClaw knows it: the same for
// the plugin and for legacy cliBackends, where an id of our own keeps OpenClaw from
// merging its defaults and from rewriting --setting-sources and --permission-mode.
func (p Params) backend() map[string]any {
	args := claude.Args(p.ClaudeSettings, p.Transcripts, !p.OneAnswer)
	out := map[string]any{
		"command": p.ClaudePath, "args": args, "input": "stdin",
		"modelArg": "--model", "sessionMode": "none", "systemPromptMode": "append", "systemPromptWhen": "always",
		"env":      map[string]string{"CLAUDE_CONFIG_DIR": p.ClaudeConfigDir},
		"clearEnv": claude.ClearEnv(), "serialize": true,
	}
	if p.OneAnswer {
		out["output"], out["resumeOutput"], out["systemPromptArg"] = "json", "json", "--append-system-prompt"
	} else {
		out["output"], out["resumeOutput"], out["jsonlDialect"] = "jsonl", "jsonl", "claude-stream-json"
		out["systemPromptFileArg"] = "--append-system-prompt-file"
	}
	if p.Transcripts {
		out["resumeArgs"] = append(append([]string{}, args...), "--resume", "{sessionId}")
		out["sessionArgs"] = []string{"--session-id", "{sessionId}"}
		out["sessionMode"] = "always"
		out["sessionIdFields"] = []string{"session_id"}
	}
	return out
}

// Backend is what settings and plugin of p hold of Claude Code's command line, decoded as
// from a file. Of p it depends on Contract, ClaudePath, ClaudeConfigDir, ClaudeSettings,
// OneAnswer and Transcripts.
func Backend(p Params) (map[string]any, error) { return decoded(p.backend()) }

// pluginIndex is the plugin's program around its one datum, which is JSON and so
// cannot end the statement it stands in. The hooks say that no tool is ever on:
// what OpenClaw asks for a restricted run already holds for every run.
const pluginIndex = `// Written by clawsetup. "clawsetup init" shows edits and takes them back.
const config = %s;

export default {
  id: %[2]q,
  name: "Claude Code through the local cloud.ru proxy",
  description: "Claude Code with tools off, talking to the local cloud.ru proxy only",
  register(api) {
    api.registerCliBackend({
      id: %[2]q,
      bundleMcp: false,
      nativeToolMode: "selectable",
      toolAvailabilityEnforcement: "execution-args",
      sideQuestionToolMode: "disabled",
      ownsNativeCompaction: true,
      resolveExecutionArgs: (context) => [...context.baseArgs],
      prepareExecution: () => ({ env: {}, isolatedCompletionEnforced: true }),
      config,
    });
  },
};
`

// PluginFiles makes the plugin backend: file name to content, for the folder
// Params.PluginDir.
func PluginFiles(p Params) (map[string][]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("openclaw plugin: %w", err)
	}
	return pluginFiles(p)
}

func pluginFiles(p Params) (map[string][]byte, error) {
	files, err := PluginManifests()
	if err != nil {
		return nil, err
	}
	config, err := indented(p.backend())
	if err != nil {
		return nil, fmt.Errorf("openclaw plugin: index.js: %w", err)
	}
	files["index.js"] = fmt.Appendf(nil, pluginIndex, config, BackendID)
	return files, nil
}

// PluginManifests are the files of the plugin that lead OpenClaw to its program: file name
// to content, the same for every set-up.
func PluginManifests() (map[string][]byte, error) {
	manifest := map[string]any{
		"id": BackendID, "name": "Claude Code through the local cloud.ru proxy",
		"description": "Claude Code with tools off, talking to the local cloud.ru proxy only",
		"cliBackends": []string{BackendID},
		"setup":       map[string]any{"cliBackends": []string{BackendID}, "requiresRuntime": false},
		"activation":  map[string]any{"onStartup": false},
		"configSchema": map[string]any{
			"type": "object", "additionalProperties": false,
		},
	}
	pkg := map[string]any{
		"name": BackendID, "version": "1.0.0", "private": true, "type": "module",
		"openclaw": map[string]any{"extensions": []string{"./index.js"}},
	}
	files := map[string][]byte{}
	for name, v := range map[string]any{"openclaw.plugin.json": manifest, "package.json": pkg} {
		b, err := indented(v)
		if err != nil {
			return nil, fmt.Errorf("openclaw plugin: %s: %w", name, err)
		}
		files[name] = append(b, '\n')
	}
	return files, nil
}

// indented encodes v; encoding/json escapes U+2028 and U+2029, which end a line in
// older JavaScript.
func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
