package ui

// wizardEnglish are the words of the wizard itself: questions, choices, screens.
var wizardEnglish = map[string]string{ //nolint:gosec // G101: words about secrets, not secrets
	// Steps and keys.
	"step.check":   "Check",
	"step.key":     "Key",
	"step.models":  "Models",
	"step.secrets": "Secrets",
	"step.image":   "Image",
	"step.agent":   "Agent",
	"step.review":  "Review",

	"keys.check":      "enter continue   ? why   r check again   ctrl+c leave",
	"keys.text":       "enter confirm   esc back   f1 why   ctrl+c leave",
	"keys.default":    "enter confirm   tab edit the default   esc back   f1 why   ctrl+c leave",
	"keys.choice":     "enter choose   ↑↓ move   esc back   ? why   ctrl+c leave",
	"keys.list":       "enter choose   ↑↓ move   / filter   esc back   ? why   ctrl+c leave",
	"keys.filter":     "enter choose   ↑↓ move   esc show all   ctrl+c leave",
	"keys.review":     "a apply   ↑↓ scroll   n/p next/previous file   esc back   ctrl+c leave",
	"keys.review-dry": "enter finish   ↑↓ scroll   n/p next/previous file   esc back   ctrl+c leave",
	"keys.help":       "↑↓ scroll   any other key closes",
	"keys.busy":       "ctrl+c leave",
	"keys.answer":     "esc stop the check   ctrl+c leave",
	"keys.apply":      "ctrl+c stop and undo",
	"keys.leaving":    "please wait",

	"screen.step":        "{0} of {1}",
	"screen.more":        "{0} more {0:line|lines}: ↓",
	"screen.more-notes":  "{0} more {0:line|lines}: page down / page up",
	"screen.nothing-yet": "Nothing is written before the last step.",
	"screen.characters":  "{0} {0:character|characters}",
	"screen.default":     "enter alone: {0}",
	"screen.filter":      "/ filter",
	"screen.first-line":  "Only the first line of what was pasted is kept.",
	"screen.stopped":     "The check was stopped; nothing was kept.",

	"busy.preflight": "looking at this host …",
	"busy.next":      "preparing the next question …",
	"busy.back":      "going back …",
	"busy.answer":    "checking the answer …",
	"busy.plan":      "making the plan and checking it …",
	"busy.apply":     "applying …",
	"busy.waiting":   "Waiting for another clawsetup: {0}, process {1}, by {2}, since {3}.",

	// Plain prompts.
	"plain.answer":         "Answer",
	"plain.choice":         "Choice, 1 to {0}",
	"plain.hidden":         "Answer (it is not shown)",
	"plain.disabled":       "not available",
	"plain.empty":          "an answer is needed here",
	"plain.no-such-choice": "that is none of the {0} {0:choice|choices}; type a number or a value",
	"plain.yes":            "y|yes",
	"plain.first":          "This is the first question.",
	"plain.keys":           "Type ? for this help, < to go back to the question before.",
	"plain.default":        "{0} {1}",

	// Errors of the terminal itself.
	"error.error":     "error:",
	"error.warning":   "warning:",
	"error.missing":   "error: answers are missing and nobody can be asked. Give them as flags:",
	"error.given":     "error: {0} {0:answer|answers} given by flags cannot be taken:",
	"error.unchanged": "Nothing was changed.",
	"error.or":        "or",
	"error.stopped":   "Stopped. No file was changed by that; clawsetup status shows what runs.",
	"error.aborted":   "Left. Nothing was changed.",
	"error.disabled":  "“{0}” is not available now",

	"state.ok":          "ok",
	"state.attention":   "attention",
	"state.failed":      "failed",
	"state.not-checked": "not checked",
	"state.absent":      "none",

	// Review and Apply.
	"action.create":  "new",
	"action.replace": "changed",
	"action.remove":  "removed",

	"diff.hunk":         "line {0}",
	"diff.incomparable": "this file cannot be compared line by line",

	"review.counts": "{0} {0:file|files}, {1} {1:secret|secrets}",
	"review.secret": "secret {0}, {1}, {2}",
	"review.notes":  "What was found",
	"review.where":  "file {0} of {1}",
	"review.dry":    "Dry run: this would be done",
	"consent.title": "By applying you accept",

	"apply.title":   "Applying",
	"apply.leaving": "Stopping: what was done is being undone",
	"apply.undone":  "{0}: undone",

	"progress.secret":  "secret {0}, {1}",
	"progress.file":    "{0}",
	"progress.journal": "journal",
	"progress.undo":    "undoing what was changed so far",
	"progress.undone":  "what was changed so far is undone",

	"done.nothing": "Nothing to change: everything is already as asked.",
	"done.title":   "Done: {0}",
	"done.records": "{1:Journal record|Journal records} {0}",
	"done.next":    "Next:",
	"done.dry":     "Dry run: nothing was written.",

	// Questions.
	"q.check.title": "What is here",
	"q.check.help": "These are quick looks at this host; nothing is changed by them.\n" +
		"✓ means found and in order, ! needs your attention, ✗ fails, ○ was not checked yet, – is not there.",
	"q.review.title": "Review",
	"q.review.help": "This is everything that will be written, as a diff against what is there now. Secrets are shown as fingerprints.\n" +
		"Nothing is written until you press a. All changes are made as one: if one of them fails, all are undone. What was done is recorded in the journal, and clawsetup config-history rollback takes it back.",
	"q.consent.title": "Apply this?",
	"q.consent.help":  "All changes are made as one: if one of them fails, all are undone. Leaving changes nothing.",
	"q.key.title":     "cloud.ru API key",
	"q.key.help": "Created under Users → Service accounts → API keys, service “Foundation Models”. It is proved by one tiny request and sent to cloud.ru only.\n" +
		"The key is kept in the secret store you choose: never in a command line, in what docker inspect shows, in a configuration file or in a log; only the proxy itself, inside its container, has it in its environment (threats I-01, R-04). cloud.ru shows a key only once; about 90 days is a good lifetime.",
	"q.new-key.title": "The new cloud.ru API key",
	"q.new-key.help": "Create it under Users → Service accounts → API keys, service “Foundation Models”. The old key keeps working until the new one is proved and stored.\n" +
		"Delete the old key in the console afterwards: an account holds at most 10 keys (threat R-04).",
	"q.preset.title": "Which models stand behind opus, sonnet and haiku?",
	"q.preset.help": "A preset picks a big, a middle and a small model from the catalogue as it is now: balanced weighs quality and price, economy takes the cheapest that can do the work, max-context the longest context.\n" +
		"Claude Code asks for opus, sonnet or haiku; the proxy answers with the models chosen here. You can also choose each of them yourself.",
	"q.big-model.title":    "The big model, in place of opus",
	"q.big-model.help":     "Used for the hardest work. Prices are in roubles per million tokens, in / out.\nModels marked ! are run by others: what you send them leaves Russia.",
	"q.middle-model.title": "The middle model, in place of sonnet",
	"q.middle-model.help":  "Used for most of the work. Prices are in roubles per million tokens, in / out.\nModels marked ! are run by others: what you send them leaves Russia.",
	"q.small-model.title":  "The small model, in place of haiku",
	"q.small-model.help":   "Used for short background tasks, and to prove the key. Prices are in roubles per million tokens, in / out.\nModels marked ! are run by others: what you send them leaves Russia.",
	"q.store.title":        "Where are the secrets kept?",
	"q.store.help": "The keyring of the operating system keeps them encrypted; Docker secret files are readable by whoever is you or root.\n" +
		"The keyring needs a desktop session or a configured service, which many servers do not have. It is proved by storing, reading and deleting a test item before it is offered (threats I-01, I-03).",
	"q.image.title": "The proxy image",
	"q.image.help": "The image that translates Claude Code's requests for cloud.ru. Its manifest is read from the registry and hashed here; Docker is not needed for that.\n" +
		"The set-up runs exactly the digest that is found now, never a tag that somebody can move (threat S-03).",
	"q.trust.title": "What vouches for this image?",
	"q.trust.help": "Nothing you gave so far vouches for it. Trust on first use fixes this digest, so that a later change stops the set-up.\n" +
		"A digest that you got from the publisher (--image-digest) or a cosign public key (--cosign-key) prove more: first use only trusts the registry and the network of this moment (threat S-03).",
	"q.cosign-key.title": "File with the cosign public key",
	"q.cosign-key.help":  "A PEM file as cosign generate-key-pair writes it (cosign.pub). The image's signature is verified with it, now and on every later run.",
	"q.port.title":       "Port of the proxy on 127.0.0.1",
	"q.port.help": "Claude Code reaches the proxy here; it is not reachable from outside this host.\n" +
		"A port that another program holds is refused: Claude Code would hand it the token (threat S-01).",
	"q.openclaw-mode.title": "How is OpenClaw connected?",
	"q.openclaw-mode.help": "auto picks what the installed OpenClaw understands and is safest.\n" +
		"A plugin backend fixes the command and its arguments and leaves the agent no tools (threats E-02, E-04, T-03). The built-in backend is for those who may not load plugins, legacy for OpenClaw before 2026.8.",
	"q.openclaw-config.title": "OpenClaw's configuration file",
	"q.openclaw-config.help":  "Only the settings shown in the review are changed; your comments, order and other settings stay.",
	"q.claude.title":          "The claude program",
	"q.claude.help":           "An absolute path is written, so that a program of the same name earlier in PATH is never started (threat E-04).",

	"q.api-base.title":       "Address of the API",
	"q.api-base.help":        "The address of cloud.ru Foundation Models. The API key is sent there and nowhere else, so it must be https and public unless you consent to more (threat S-04).",
	"q.dir.title":            "Folder for the proxy's files",
	"q.dir.help":             "The compose file, its seccomp profile and the model mapping are written there, readable by you alone.",
	"q.retention-days.title": "How many days does Claude Code keep transcripts?",
	"q.retention-days.help":  "Transcripts hold what you and the agent wrote, in clear. 0 keeps none, and then no conversation can be resumed (threat I-03).",

	// Choices.
	"option.key.keep":              "keep the stored key",
	"option.preset.keep":           "keep the present",
	"option.preset.balanced":       "balanced",
	"option.preset.economy":        "economy",
	"option.preset.max-context":    "max-context",
	"option.preset.custom":         "custom: choose each",
	"option.store.keyring":         "keyring of the operating system",
	"option.store.docker":          "Docker secret files (in a folder of mode 0700)",
	"option.trust.first-use":       "Trust this digest on first use",
	"option.trust.key":             "Verify with a cosign public key",
	"option.trust.other":           "Enter another image",
	"option.openclaw-mode.auto":    "auto: what the installed OpenClaw does best",
	"option.openclaw-mode.plugin":  "plugin: a backend of its own, without tools",
	"option.openclaw-mode.builtin": "builtin: OpenClaw's own claude-cli backend",
	"option.openclaw-mode.legacy":  "legacy: cliBackends, for OpenClaw before 2026.8",
	"option.openclaw-mode.none":    "none: leave OpenClaw alone",
	"option.consent.apply":         "apply",
	"option.consent.leave":         "leave, change nothing",
	"heading.big-model":            "model|context|₽ / 1M|data",
	"heading.middle-model":         "model|context|₽ / 1M|data",
	"heading.small-model":          "model|context|₽ / 1M|data",
	"heading.preset":               "preset|big|middle|small",
	"column.russia":                "in Russia",
	"column.abroad":                "abroad",
}
