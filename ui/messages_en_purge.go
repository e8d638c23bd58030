package ui

// purgeEnglish are the words of session-purge.
var purgeEnglish = map[string]string{
	"cmd.session-purge.short": "Delete transcripts of Claude Code",
	"cmd.session-purge.long": "Deletes conversations that Claude Code keeps in the folder that this set-up gives it: the transcript of a session and all that carries its id. Exactly one of --older-than, --session and --all says which; --all also takes the memory of projects and the prompts that were typed by hand.\n\n" +
		"What is deleted is gone: no copy of it is kept, and no rollback brings it back. The journal records how many sessions, files and bytes went, and hashes of the ids.\n\n" +
		"A session that a Claude Code is at work on, or that was written to in the last minute, stays; --session and --all take it with --yes. Links and files of other users are not touched, and named. Exit code 1 when something that was to be deleted is still there.",

	"flag.older-than":   "sessions whose newest file is at least this old, in days or hours: 30d, 720h",
	"flag.session":      "the session with this id",
	"flag.all-sessions": "every session, the memory of projects and typed prompts",
	"flag.yes-purge":    "consent: delete without asking; with --session and --all also sessions in use",

	"work.session-purge":   "Transcripts of Claude Code",
	"progress.purge-look":  "transcripts looked through",
	"progress.purge":       "transcripts deleted",
	"q.purge.title":        "Delete this for good?",
	"q.purge.help":         "Nothing keeps a copy of it, and config-history rollback does not bring it back. --dry-run shows the same without asking.",
	"option.purge.delete":  "delete it",
	"option.purge.keep":    "keep it",
	"purge.nothing":        "Nothing to delete in {0}",
	"purge.title":          "To delete in {0}: {1} {1:session|sessions}, {2} {2:file|files}, {3}",
	"purge.rest":           "beside them {0} {0:file|files} of no session, {1}",
	"purge.more":           "and {0} more",
	"purge.final":          "Deletion is final: no copy is kept, and no rollback brings it back.",
	"purge.done":           "Deleted: {0} {0:session|sessions}, {1} {1:file|files}, {2}",
	"purge.left":           "stays: {0}: {1}",
	"hint.purge-no-claude": "clawsetup init --openclaw-mode auto gives Claude Code a folder of its own; what it keeps elsewhere is not touched.",
	"hint.purge-list":      "clawsetup session-purge --all --dry-run --json lists the sessions.",

	"history.sessions":             "{0} {0:session|sessions}",
	"event.TranscriptsPurged":      "transcripts deleted",
	"note.purge-in-use":            "{0} {0:session is|sessions are} in use and {0:stays|stay}; end Claude Code first, or take {0:it|them} with --yes",
	"note.purge-in-use-age":        "{0} {0:session|sessions} of that age {0:is|are} in use and {0:stays|stay}",
	"note.purge-typed":             "{0} holds prompts that were typed by hand, of any session; only --all deletes it",
	"note.purge-recovered":         "a session-purge interrupted on {0} had deleted {1} of {2} {2:session|sessions}; run it again for the rest",
	"note.purge-recovered-unknown": "a session-purge of {1} {1:session|sessions} was interrupted on {0}; what it had deleted is not known: {2}",
	"note.rollback-purge-stays":    "transcripts that were deleted since do not come back",
}
