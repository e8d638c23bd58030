package ui

// uninstallEnglish are the words of uninstall, and of an upgrade.
var uninstallEnglish = map[string]string{
	"cmd.uninstall.short": "Take back everything that clawsetup did",
	"cmd.uninstall.long": "Takes back what the journal says was done. Files are again what they were before the first set-up, or removed; of openclaw.json only our settings go, and what you changed there since stays. What you edited in a file of ours is kept beside it, with .kept after its name. The difference is shown first, and this part is one transaction like any other.\n\n" +
		"Then goes what no rollback brings back: containers, networks, volumes and images of this set-up, the copies of the secrets, the items in the keyring or the secret files and, at last, the journal with its snapshots and keys. --keep-journal leaves those: the journal key, the snapshot key and the journal's head stay in the store, since without them nobody could read or verify it. They open nothing else.\n\n" +
		"At the end the secrets are searched for: in what is left of our folders, in the folders that our files were in and all of OpenClaw's, in what docker inspect shows, in the processes of this host, and where doctor looks for keys (histories of shells, profiles, .env files, settings of Claude Code, what git tracks). Exit code 1 when one is found; what could not be looked into is said. After a crash, run it again: it finishes. Conversations of Claude Code are yours and stay; session-purge deletes them.",
	"flag.keep-journal": "leave the journal, its snapshots and its keys",

	"review.counts-removals": "{0} {0:file|files}, {1} {1:secret|secrets}, {2} {2:thing|things} removed after that, for good",
	"removal.container":      "container {0}",
	"removal.network":        "network {0}",
	"removal.volume":         "volume {0} with all that is in it",
	"removal.image":          "image {0}",
	"removal.runtime":        "copies of secrets in {0}",
	"removal.journal":        "journal and snapshots in {0}",
	"removal.keys":           "keys of the journal, {0}",
	"removal.folder":         "empty folder {0}",

	"progress.remove-container": "container {0}",
	"progress.remove-network":   "network {0}",
	"progress.remove-volume":    "volume {0}",
	"progress.remove-image":     "image {0}",
	"progress.remove-runtime":   "copies of secrets in {0}",
	"progress.remove-journal":   "journal and snapshots in {0}",
	"progress.remove-keys":      "keys of the journal, {0}",
	"progress.remove-folder":    "empty folder {0}",

	"why.file-uninstalled": "as it was before clawsetup",
	"why.file-kept-aside":  "what you made of a file of ours is yours",

	"note.uninstall-engine":               "{0} {0:container|containers} and {1} {1:image|images} in the engine are removed, with networks and volumes; an image that another container needs stays",
	"note.uninstall-final":                "The journal in {0}, its snapshots and keys are deleted: no rollback, and nothing proves afterwards what was changed. --keep-journal leaves them.",
	"note.uninstall-keeps":                "The journal and its snapshots stay in {0}; journal_key, snapshot_key and journal_head stay in {1}: without them nobody could read or verify it. They open nothing else. clawsetup uninstall without --keep-journal deletes them later.",
	"note.uninstall-key-valid":            "The API key itself stays valid at cloud.ru: delete it there, under Users → Service accounts → API keys",
	"note.uninstall-engine-unchecked":     "the engine could not be asked ({0}): containers, networks and volumes of the project {1} and images of the gateway stay if they are there",
	"note.uninstall-images-unchecked":     "the image stays if the engine has it: {0}",
	"note.uninstall-conversations":        "{0} holds files of Claude Code itself, conversations perhaps: they are yours and stay. clawsetup session-purge --all deletes them, before the uninstall",
	"note.uninstall-kept-aside":           "{0} was edited since clawsetup wrote it: what it holds now is kept as {1}",
	"note.uninstall-setup-unread":         "{0} cannot be read ({1}); the journal alone says what to take back",
	"note.uninstall-store-unchecked":      "the {0} store could not be asked ({1}); as the journal has it, nothing of ours is in it",
	"note.uninstall-resumed":              "an uninstall was interrupted when everything had been taken back; the rest of the journal and its keys go now",
	"note.uninstall-image-in-use":         "the image {0} stays: another container needs it",
	"note.uninstall-folder-stays":         "{0} stays: it holds {2} {2:thing that is|things that are} not ours: {1}",
	"note.uninstall-found":                "{0} is still in {1} ({2})",
	"note.uninstall-searched":             "{0} {0:secret|secrets} searched for in {1} {1:file|files} of our folders, of OpenClaw's and of those that our files were in, in processes, and where doctor looks for keys: nothing found",
	"note.uninstall-unsought":             "not searched for: {0}. The store did not hold the value any more when this run began",
	"form.clear":                          "in the clear",
	"form.hex":                            "in hex",
	"form.base64":                         "in Base64",
	"form.item":                           "as an item of that store",
	"note.uninstall-not-searched":         "not searched for secrets: an earlier run had deleted them, and what they were is not known any more",
	"note.uninstall-skipped":              "not searched: {1} {1:place|places} could not be read: {0}",
	"note.uninstall-containers-searched":  "docker inspect of {0} {0:container that is|containers that are} left: searched",
	"note.uninstall-containers-unchecked": "docker inspect of what is left: not checked ({0})",

	// An upgrade.
	"hint.newer-setup-version":   "Install clawsetup {0} or a newer one. Nothing was changed.",
	"hint.journal-newer-version": "{0} was written by a newer clawsetup: install version {1} of it, or a newer one. Nothing was changed.",
	"note.setup-migrated":        "setup.yaml is brought from version {0} of its form to {1}; an older clawsetup cannot read it then",
	"event.SetupMigrated":        "setup.yaml brought to a newer form",

	"hint.uninstall-again":   "Run clawsetup uninstall again: it goes on where it stopped.",
	"hint.uninstall-found":   "Secrets were found in {0} {0:place|places}; above is where, and in what form. Delete them, or what they are in.",
	"hint.uninstall-list":    "Everything had been taken back; the list of what was still to be deleted is damaged. Delete {0}, run clawsetup init --new-journal with the secret store and the folder that the set-up had, then clawsetup uninstall: it removes what is left of both.",
	"hint.uninstall-store":   "Secrets of this set-up are in the {0} store: unlock it and run again. Nothing was changed.",
	"hint.uninstall-unknown": "Nothing was changed. clawsetup config-history verify says what is wrong, and clawsetup config-history list what can still be read of what was written; clawsetup down --purge stops the stack and removes the copies of the secrets. Restore the journal and its keys from a backup; else clawsetup init --new-journal begins a new one, once what is left of the old is moved away, and an uninstall after that knows what it wrote, not what was there before.",
}
