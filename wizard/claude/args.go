package claude

// Args are the arguments that lock Claude Code down for a turn of OpenClaw,
// before the model, the session and the prompt (control E-02; also S-02 and I-03).
// Measured with zero tools on the wire; 22 tool names offered by the server were
// not executed. settingsPath is the file that Settings made. Without persist no
// transcript is written and a session cannot be resumed. The answer comes as a stream
// of JSON objects, or as one.
func Args(settingsPath string, persist, stream bool) []string {
	args := []string{"-p", "--output-format", "json"}
	if stream {
		args = []string{"-p", "--output-format", "stream-json", "--include-partial-messages", "--verbose"}
	}
	args = append(args,
		// No user, project or local settings: a project directory could set
		// ANTHROPIC_BASE_URL, apiKeyHelper, hooks and MCP servers.
		"--setting-sources", "", "--settings", settingsPath,
		"--tools", "", "--disallowedTools", "mcp__*", "--strict-mcp-config",
		"--disable-slash-commands", "--no-chrome", "--permission-mode", "default",
	)
	if !persist {
		args = append(args, "--no-session-persistence")
	}
	return args
}

// ClearEnv names the variables that OpenClaw must not pass on to Claude Code:
// other credentials, other addresses, and telemetry that carries prompts
// (controls S-02, I-02, gap 19).
func ClearEnv() []string {
	return []string{
		"ANTHROPIC_API_KEY", "ANTHROPIC_API_KEY_OLD", "ANTHROPIC_API_TOKEN", "ANTHROPIC_AUTH_TOKEN",
		"ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_UNIX_SOCKET",
		"CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
		"CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_VERTEX",
		"CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_REMOTE", "CLAUDE_CODE_PLUGIN_CACHE_DIR", "CLAUDE_CODE_PLUGIN_SEED_DIR",
		"CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER", "OTEL_LOG_USER_PROMPTS",
		"NODE_OPTIONS", "IS_SANDBOX",
	}
}
