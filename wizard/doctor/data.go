package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/openclaw/json5"
)

// dataChecks ask what conversations leave behind, and for whom.
func dataChecks() []Check {
	data := func(id string, severity Severity, fix string, controls []string, look func(context.Context, *Host, *answer), categories ...Category) Check {
		return Check{ID: id, Area: AreaData, Controls: controls, Categories: categories, Severity: severity, Fix: fix, look: look}
	}
	i03 := []string{"I-03"}
	return []Check{
		data("transcripts-age", Medium, "clawsetup session-purge --older-than 30d", i03, transcriptsAge, Disclosure),
		data("transcripts-amount", Low, "clawsetup session-purge --older-than 30d", i03, transcriptsAmount, Disclosure, Denial),
		data("transcripts-private", High, "chmod -R go-rwx {path}", i03, private(transcriptFolders), Disclosure, Exfiltration),
		data("openclaw-sessions-private", High, "chmod -R go-rwx {path}", i03, private(sessionFolders), Disclosure, CrossAgent),
		data("openclaw-logs-private", Medium, "chmod -R go-rwx {path}", []string{"I-03", "R-01"}, logsPrivate, Disclosure),
		data("temporary-files", Medium, "rm -r {path}", []string{"gap 20"}, temporaryFiles, Disclosure, Tampering),
		data("config-backups", High, "rm {path}", []string{"I-02", "I-03"}, configBackups, Disclosure, CredentialLeak),
	}
}

// mostData bounds how many entries below one folder are looked at.
const mostData = 100_000

// claudeDirs are the folders of Claude Code: the agent's, and the operator's own.
func (h *Host) claudeDirs() []string {
	out := []string{filepath.Join(h.Home, ".claude")}
	if h.Made != nil && h.Made.ClaudeDir != "" {
		out = append([]string{h.Made.ClaudeDir}, out...)
	}
	return out
}

func transcriptFolders(h *Host) []string {
	var out []string
	for _, dir := range h.claudeDirs() {
		out = append(out, filepath.Join(dir, "projects"))
	}
	return out
}

func sessionFolders(h *Host) []string {
	agents := filepath.Join(h.openClawDir(), "agents")
	names, _ := listNames(agents, mostWorkspaces) // a folder that cannot be listed is told by what is in it
	var out []string
	for _, name := range names {
		out = append(out, filepath.Join(agents, name, "sessions"))
	}
	return out
}

func logFolders(h *Host) []string {
	return []string{filepath.Join(h.openClawDir(), "logs"), filepath.Join(h.temporary(), "openclaw")}
}

// logsPrivate looks at the folders of logs, and at the file that the configuration names
// instead.
func logsPrivate(ctx context.Context, h *Host, a *answer) {
	private(logFolders)(ctx, h, a)
	aboutConfig(h, a, func(c *config) {
		name := c.text("logging.file")
		if name == "" || h.OS == "windows" {
			return
		}
		path := h.expand(name, h.openClawDir())
		a.saw(path)
		dir := filepath.Dir(path)
		folder, errFolder := os.Stat(dir)
		file, errFile := os.Lstat(path)
		switch {
		case h.closed(dir):
		case errFolder == nil && folder.Mode().Perm()&0o022 != 0:
			a.found(c.at("logging", "file"), "other users may put a file or a link in the place of the log")
		case errFile == nil && file.Mode().IsRegular() && h.private(file.Mode()):
		default:
			a.found(c.at("logging", "file"), "other users may look into the folder of the log")
		}
	})
}

// temporary is the folder of temporary files.
func (h *Host) temporary() string {
	if dir := h.Getenv("TMPDIR"); filepath.IsAbs(dir) {
		return dir
	}
	return "/tmp"
}

// walked asks about everything below a folder, without following links. A missing folder
// holds nothing.
func walked(ctx context.Context, a *answer, dir string, ask func(path string, st fs.FileInfo)) {
	budget := mostData
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			a.cannot(path, err)
			return nil
		case ctx.Err() != nil:
			return errLate
		}
		if budget--; budget < 0 {
			return errTooMany
		}
		if path == dir {
			a.saw(dir)
		}
		if st, err := d.Info(); err == nil {
			ask(path, st)
		}
		return nil
	})
	if err != nil {
		a.cannot(dir, err)
	}
}

// private finds files that others may open: in a folder that lets them in.
func private(folders func(*Host) []string) func(context.Context, *Host, *answer) {
	return func(ctx context.Context, h *Host, a *answer) {
		if h.OS == "windows" {
			return
		}
		for _, dir := range folders(h) {
			if h.closed(dir) {
				a.saw(dir)
				continue
			}
			walked(ctx, a, dir, func(path string, st fs.FileInfo) {
				if !st.Mode().IsRegular() || st.Mode().Perm()&0o077 == 0 {
					return
				}
				f := a.found(Location{Path: path}, "other users may open it (mode %04o)", st.Mode().Perm())
				if owner, known := ownerOf(st); known && owner == h.UID {
					f.repairedBy(Repair{Private: path, Mode: st.Mode().Perm() &^ 0o077})
				}
			})
		}
	}
}

// closed tells whether a folder, or one above it up to the home, keeps others out.
func (h *Host) closed(dir string) bool {
	if _, err := os.Lstat(dir); err != nil {
		return false
	}
	for d := dir; ; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil {
			return false
		}
		if owner, known := ownerOf(st); st.IsDir() && st.Mode().Perm()&0o077 == 0 && known && owner == h.UID {
			return true
		}
		if d == h.Home || d == filepath.Dir(d) {
			return false
		}
	}
}

// unlimited is how long conversations may lie where nobody said.
const unlimited = 90 * 24 * time.Hour

// transcriptsAge: what is older than the retention was to be deleted.
func transcriptsAge(ctx context.Context, h *Host, a *answer) {
	for _, dir := range h.claudeDirs() {
		most, fix := unlimited, "rm {path}"
		if h.Made != nil && dir == h.Made.ClaudeDir {
			// The day that is not over yet counts as none.
			most = time.Duration(h.Made.RetentionDays+1) * 24 * time.Hour
			fix = fmt.Sprintf("clawsetup session-purge --older-than %dd", max(h.Made.RetentionDays, 1))
		}
		old, first, oldest := 0, "", time.Duration(0)
		walked(ctx, a, filepath.Join(dir, "projects"), func(path string, st fs.FileInfo) {
			age := h.Now().Sub(st.ModTime())
			if st.Mode().IsRegular() && strings.HasSuffix(path, ".jsonl") && age > most {
				if old++; age > oldest {
					first, oldest = path, age
				}
			}
		})
		if old > 0 {
			f := a.found(Location{Path: first}, "%d conversations are older than %d days, the oldest %d days", old, int(most/(24*time.Hour)), int(oldest/(24*time.Hour)))
			f.Fix = fixCommand(fix, first)
			if h.Made == nil || dir != h.Made.ClaudeDir {
				f.milder(Low)
			}
		}
	}
}

// manyTranscripts and largeTranscripts are how many conversations, and how many bytes of
// them, are not worth a word.
const (
	manyTranscripts  = 10_000
	largeTranscripts = 2 << 30
)

// transcriptsAmount: what nobody looks through can hold anything, and fills the disk.
func transcriptsAmount(ctx context.Context, h *Host, a *answer) {
	for _, dir := range transcriptFolders(h) {
		count, size := 0, int64(0)
		walked(ctx, a, dir, func(path string, st fs.FileInfo) {
			if !st.Mode().IsRegular() {
				return
			}
			size += st.Size()
			if strings.HasSuffix(path, ".jsonl") {
				count++
			}
		})
		if count > manyTranscripts || size > largeTranscripts {
			f := a.found(Location{Path: dir}, "%d conversations of %d MiB together lie here", count, size>>20)
			if h.Made == nil || !within(dir, h.Made.ClaudeDir) {
				f.Fix = fixCommand("du -sh {path}", dir)
			}
		}
	}
}

// temporaryFiles: what a delegation leaves in a folder that everybody reads.
func temporaryFiles(_ context.Context, h *Host, a *answer) {
	if h.OS == "windows" {
		return
	}
	dir := h.temporary()
	names, err := listNames(dir, mostData)
	if err != nil {
		a.cannot(dir, err)
	}
	a.saw(dir)
	for _, name := range names {
		ours := strings.HasPrefix(name, "clawsetup-validate-")
		if !ours && !strings.HasPrefix(name, "openclaw") && !strings.HasPrefix(name, "claude") && !strings.HasPrefix(name, "mcp-config") {
			continue
		}
		path := filepath.Join(dir, name)
		st, err := os.Lstat(path)
		if err != nil {
			continue // it is temporary
		}
		owner, known := ownerOf(st)
		if known && owner != h.UID || st.Mode()&fs.ModeSymlink != 0 || name == "openclaw" {
			continue // of somebody else; the logs have a check of their own
		}
		switch {
		case ours && h.Now().Sub(st.ModTime()) > longestValidation:
			a.found(Location{Path: path}, "a run that was killed left a copy of openclaw.json in it")
		case !ours && st.Mode().Perm()&0o077 != 0:
			a.found(Location{Path: path}, "other users may open it (mode %04o)", st.Mode().Perm())
		}
	}
}

// longestValidation is more than OpenClaw is ever given to look at such a copy.
const longestValidation = time.Hour

// backupMarks are how copies of a configuration are called.
var backupMarks = []string{".bak", ".old", ".orig", ".backup", ".save", "~", ".last-good"}

// configBackups: a copy keeps the credentials that the file itself has no more.
func configBackups(_ context.Context, h *Host, a *answer) {
	dir := h.openClawDir()
	names, err := listNames(dir, mostBeside)
	if err != nil && !errors.Is(err, errTooMany) {
		a.cannot(dir, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, filepath.Base(h.OpenClawConfig)) || name == filepath.Base(h.OpenClawConfig) || !backup(name) {
			continue
		}
		path := filepath.Join(dir, name)
		r := h.read(path)
		if r.err != nil {
			a.cannot(path, r.err)
			continue
		}
		a.saw(path)
		if h.OS != "windows" && !h.private(r.mode) {
			a.found(Location{Path: path}, "other users may open this copy (mode %04o)", r.mode.Perm()).repairedBy(Repair{Private: path, Mode: r.mode.Perm() &^ 0o077})
			continue
		}
		h.backupSecrets(a, path, r.data)
	}
}

func backup(name string) bool {
	for _, mark := range backupMarks {
		if strings.Contains(name, mark) {
			return true
		}
	}
	return false
}

func (h *Host) backupSecrets(a *answer, path string, data []byte) {
	doc, err := json5.Parse(data)
	if err != nil {
		return // what is no configuration is none of ours
	}
	tree, _ := doc.Get(nil)
	var leaves []leaf
	collect(tree, nil, &leaves)
	for _, l := range leaves {
		if l.credential() && !sentinel(l.value) && !fromEnvironment(l.value) {
			a.found(Location{Path: path, Key: l.key()}, "this copy holds a credential in the clear")
			return
		}
	}
}

// mostBeside bounds how many entries of OpenClaw's folder are looked at.
const mostBeside = 1000
