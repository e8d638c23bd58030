package ui

// browserEnglish are the words of the history browser.
var browserEnglish = map[string]string{
	"keys.browse":            "enter detail   d diff   b roll back to here   / filter   v verify   q leave",
	"keys.browse-busy":       "esc stop   ctrl+c leave",
	"keys.browse-filter":     "enter keep the filter   esc show all   ↑↓ move   ctrl+c leave",
	"keys.browse-record":     "esc back   ↑↓ scroll   d diff   b roll back to here   v verify   q leave",
	"keys.browse-diff":       "esc back   ↑↓ scroll   enter detail   b roll back to here   q leave",
	"keys.browse-verify":     "esc back   ↑↓ scroll   v verify again   q leave",
	"keys.browse-unreadable": "v try again   ? help   q leave",

	"browse.title":       "history",
	"browse.at-record":   "history › record {0}",
	"browse.at-diff":     "history › diff of record {0}",
	"browse.at-verify":   "history › verification",
	"browse.more-keys":   "a all   ? help",
	"browse.sound":       "{0} {0:record|records}, sealed, anchored",
	"browse.failed":      "{0} {0:record|records}: {1}",
	"browse.missing":     "{0} {0:record|records}, {1} {1:content is|contents are} missing",
	"browse.torn":        "{0} {0:record|records}, an incomplete last line",
	"browse.keyless":     "{0} {0:record|records}, seals not checked",
	"browse.partly":      "{0} {0:record|records}, not all checked",
	"browse.unreadable":  "cannot be read",
	"browse.until-there": "what comes after it is not shown",
	"browse.no-keys":     "The keys of the journal cannot be reached: its seals are not checked, and the contents of files cannot be shown.",
	"browse.today":       "today {0}",
	"browse.yesterday":   "yesterday {0}",
	"browse.more":        "{0} more {0:line|lines}: enter",
	"browse.stopped":     "Stopped; nothing was changed.",
	"browse.rolled-back": "The files are rolled back; journal {1:record|records} {0}.",

	"busy.browse-journal":  "reading and verifying …",
	"busy.browse-verify":   "verifying …",
	"busy.browse-record":   "reading the record …",
	"busy.browse-rollback": "preparing the rollback …",

	"q.history.title": "The journal",
	"q.history.help": "Every change that clawsetup made, newest first. At the top right is what verification found: ✓ sealed and anchored, ! something to know, ✗ something is wrong, ○ not checked.\n" +
		"enter shows a record whole, d what it changed in files. Secrets are shown as fingerprints alone.\n" +
		"b puts the files back to what they were after the chosen record: the difference is shown first, nothing is written until you press a there, and the rollback is a record like any other. Secrets are not rolled back.\n" +
		"/ filters by event, user, path, setting or number; several words must all be there. a also shows the bookkeeping of transactions. v reads and verifies the whole journal again.\n" +
		"↑↓ or j and k move, page up and page down move by pages, home and end (g and G) to the newest and the oldest record.",
}
