package ui

// openclawEnglish are the messages about OpenClaw's own configuration.
var openclawEnglish = map[string]string{
	"q.hardening.title": "Which parts of OpenClaw itself are hardened?",
	"q.hardening.help": "all, none, or names with commas between them. What sends the agent to the proxy without tools always holds.\n" +
		"gateway: loopback only, a token, limits, no web hooks, no timed jobs, no announcements (S-01).\n" +
		"channels: strangers are paired or listed, chats cannot change the configuration (gap 12).\n" +
		"tools: OpenClaw's own tools off, few subagents (E-02).\n" +
		"browser: off, no scripts, no private network (gaps 13, 14).\n" +
		"plugins: no apps and hooks of others (gaps 5, 15).\n" +
		"skills: none bundled, none uploaded, new ones wait for you (gaps 8, 9).\n" +
		"sessions: each conversation sees itself alone, no transcripts, no heartbeat that costs (gap 17, I-03).\n" +
		"logging: warnings only, audit without messages (I-02, R-01).\n" +
		"Values of yours that are stricter stay.",
	"q.conflicts.title":             "Your openclaw.json says otherwise. What shall stand?",
	"q.conflicts.help":              "keep leaves your values where only the hardening is concerned; they are named in setup.yaml and not asked about again (--conflicts asks anew). What the agent needs is replaced either way. A rollback brings your values back.",
	"option.conflicts.keep":         "keep mine, where the agent can do without",
	"option.conflicts.replace":      "replace all of them",
	"note.openclaw-conflict":        "{0} is {1}, hardened it would be {2} ({3})",
	"note.openclaw-conflict-needed": "{0} is {1}; the agent needs {2} ({3})",
	"note.openclaw-replaced":        "your own value in openclaw.json is replaced: {0} was {1}, becomes {2} ({3})",
	"note.openclaw-kept":            "your own value in openclaw.json stays: {0}",
	"note.openclaw-unknown-keys":    "OpenClaw {0} does not have these keys, which are left out: {1}",
	"note.openclaw-hardening":       "OpenClaw itself is hardened in part: {0}",

	"q.managed-settings.title":    "Are all Claude Code programs of this host locked down?",
	"q.managed-settings.help":     "yes writes settings of the administrator: no Claude Code of any user of this host has tools, hooks or MCP servers any more, whatever its own settings say (threat E-02). For a host that does nothing else. It names no address: other users keep theirs.",
	"option.managed-settings.no":  "no: only the one that OpenClaw runs",
	"option.managed-settings.yes": "yes: every one, of every user",
	"note.managed-needs-root":     "only root may write {0}",
	"note.managed-settings":       "every Claude Code of every user of this host loses its tools, hooks and MCP servers",
	"why.file-managed-settings":   "takes tools, hooks and MCP servers from every Claude Code of this host",
	"flag.managed-settings":       "every Claude Code of this host without tools: no or yes; needs root",
	"hint.managed-root":           "Run clawsetup init as root, where root runs OpenClaw, or leave it at no: the Claude Code that OpenClaw runs has no tools either way.",
	"note.openclaw-outgrown":      "OpenClaw is {0} now and refuses what was written for {1}: this run writes it anew",
}
