package ui

// openclawEnglish are the messages about OpenClaw's own configuration.
var openclawEnglish = map[string]string{
	"q.hardening.title": "Which parts of OpenClaw itself are hardened?",
	"q.hardening.help": "all, none, or some of gateway, channels, tools, browser, plugins, skills, sessions, logging. What sends the agent to the proxy without tools always holds.\n" +
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

	"q.managed-settings.title":       "Are all Claude Code programs of this host locked down?",
	"q.managed-settings.help":        "yes writes settings of the administrator: no Claude Code of any user of this host has tools, hooks or MCP servers any more, whatever its own settings say (threat E-02). For a host that does nothing else. It names no address: other users keep theirs.",
	"option.managed-settings.no":     "no: only the one that OpenClaw runs",
	"option.managed-settings.yes":    "yes: every one, of every user",
	"note.managed-needs-root":        "only root may write {0}",
	"note.managed-settings":          "every Claude Code of every user of this host loses its tools, hooks and MCP servers",
	"why.file-managed-settings":      "takes tools, hooks and MCP servers from every Claude Code of this host",
	"flag.managed-settings":          "every Claude Code of this host without tools: no or yes; needs root",
	"hint.managed-root":              "Run clawsetup init as root, where root runs OpenClaw, or leave it at no: the Claude Code that OpenClaw runs has no tools either way.",
	"note.openclaw-outgrown":         "OpenClaw is {0} now and refuses what was written for {1}: this run writes it anew",
	"review.why":                     "why: {0}",
	"why.openclaw.shell-env":         "the shell's own variables, credentials among them, stay out",
	"why.openclaw.secret-provider":   "clawsetup serves the tokens: no secret in this file",
	"why.openclaw.base-url":          "requests go to the local proxy, by its literal address",
	"why.openclaw.provider":          "how the proxy is spoken to, and which models it has",
	"why.openclaw.secret-ref":        "the token is asked for, not written here",
	"why.openclaw.model":             "the models that you chose, with one to fall back on",
	"why.openclaw.model-policy":      "no other model than these may be asked for",
	"why.openclaw.utility-model":     "titles and summaries do not go past the proxy",
	"why.openclaw.timeout":           "a turn and all its retries end in time",
	"why.openclaw.plugin":            "our backend runs Claude Code by fixed arguments, without tools",
	"why.openclaw.plugin-allow":      "your list of allowed plugins gets ours as well",
	"why.openclaw.deny-anthropic":    "no Claude Code without our arguments, and no public API",
	"why.openclaw.claude-config":     "Claude Code finds our settings, not the user's",
	"why.openclaw.backend":           "Claude Code by an absolute path and fixed arguments, without tools",
	"why.openclaw.gateway":           "hardening, gateway: this host only, with a token, and nothing that nobody asked for",
	"why.openclaw.channels":          "hardening, channels: no strangers, no configuration from chats",
	"why.openclaw.tools":             "hardening, tools: OpenClaw's own tools are off",
	"why.openclaw.browser":           "hardening, browser: off",
	"why.openclaw.plugins":           "hardening, plugins: no apps and hooks of others",
	"why.openclaw.skills":            "hardening, skills: none that you did not review",
	"why.openclaw.sessions":          "hardening, sessions: one conversation does not see another",
	"why.openclaw.logging":           "hardening, logging: little is written down, and no messages",
	"why.file-claude-launcher":       "runs Claude Code with the variables that it needs, and no others",
	"note.openclaw-builtin":          "the built-in contract passes variables on to Claude Code: whoever can put a file .env into the folder where OpenClaw is started decides what it runs (S-02, E-02); the plugin contract does not",
	"q.section.title":                "What is to be changed?",
	"q.section.help":                 "There is a set-up already. repair keeps every answer and puts right what was edited; a part asks about that part alone; all goes through every answer.\nIn any case the key is proved, the image is looked up and the files are compared again. Nothing is written before the last step.",
	"option.section.repair":          "nothing: put right what was edited",
	"option.section.all":             "go through every answer",
	"option.section.key":             "the API key",
	"option.section.models":          "the models",
	"option.section.secrets":         "where the secrets are kept",
	"option.section.image":           "the proxy image",
	"option.section.agent":           "port, OpenClaw, Claude Code",
	"flag.section":                   "on a set-up that is there, ask about this alone: repair (nothing), all, key, models, secrets, image or agent",
	"note.answer-fell":               "the present answer does not hold any more: {0}",
	"note.drift-not-checked":         "whether files were edited was not checked: the journal cannot be read",
	"screen.left":                    "{0} {0:question|questions}, about {1} {1:minute|minutes}. Nothing is written before the last step.",
	"note.openclaw-contract-plugin":  "openclaw.json is written for {0} with a backend of our own (plugin): since 2026.8 cliBackends is refused",
	"note.openclaw-contract-builtin": "openclaw.json is written for {0} with its own claude-cli backend (builtin)",
	"note.openclaw-contract-legacy":  "openclaw.json is written for {0} with cliBackends (legacy): it knows no backends of plugins",
	"note.drift-unreadable":          "whether {0} was edited was not checked: it cannot be read",
}
