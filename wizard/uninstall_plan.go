package wizard

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// detailUninstall marks the record by which everything was taken back; its value says
// what became of the journal.
const detailUninstall = "uninstall"

// The kinds of Removals.
const (
	removeContainer = "container"
	removeNetwork   = "network"
	removeVolume    = "volume"
	removeImage     = "image"
	removeRuntime   = "runtime"
	removeJournal   = "journal"
	removeKeys      = "keys"
	removeFolder    = "folder"
)

// lookTime bounds asking an engine what it holds.
const lookTime = 20 * time.Second

// Plan implements Session.
func (s *UninstallSession) Plan(ctx context.Context) (*Plan, error) {
	if s.remains != nil {
		return s.planRemains(), nil
	}
	p, err := s.w.newPlanner(ctx, s.known.vault, s.basis)
	if err != nil {
		return nil, unknown(err)
	}
	for _, t := range slices.Concat(p.past, s.known.ignored(p)) {
		if err := s.takeBack(p, t); err != nil {
			return nil, remedied(fmt.Errorf("nothing was changed: taking back %s: %w", t.first.Path, err))
		}
	}
	for _, at := range s.known.stores {
		store := s.w.store(at.Kind, at.Dir)
		for _, name := range storedNames {
			if err := p.secret(ctx, store, at.Dir, name, secrets.Secret{}, "", journal.SecretForgotten); err != nil {
				return nil, err
			}
		}
	}
	if !p.plan.settled() {
		p.detail(journal.SetupRemoved, map[string]string{detailUninstall: map[bool]string{true: "journal kept", false: "journal deleted"}[s.opts.KeepJournal]})
		p.plan.Notes = append(p.plan.Notes, Note{ID: "uninstall-key-valid", State: Attention})
	}
	s.planEngines(ctx, p.plan)
	s.planRuntime(p.plan)
	for _, dir := range hollow(s.left().Folders) {
		p.plan.Removals = append(p.plan.Removals, Removal{removeFolder, dir})
	}
	s.planJournal(p.plan)
	s.noteConversations(p.plan)
	s.planUnasked(p.plan)
	p.plan.Next = slices.Concat(s.w.stopNext(p.plan), s.nextLeft())
	return p.plan, nil
}

// ignored are the .gitignore files that an earlier uninstall left, since it kept the keys
// of the journal beside them.
func (k known) ignored(p *planner) []touched {
	return slices.DeleteFunc(slices.Clone(k.touched), func(t touched) bool {
		return filepath.Base(t.first.Path) != ignoreName || p.known(t.first.Path)
	})
}

// takeBack plans that a file is again what it was before clawsetup. What somebody else
// made of a file of ours is kept beside it; in a file that is shared it stays.
func (s *UninstallSession) takeBack(p *planner, t touched) error {
	path := t.first.Path
	if t.givenBack() {
		return nil // whatever is there now is the operator's
	}
	if filepath.Base(path) == ignoreName && s.opts.KeepJournal && filepath.Dir(path) == s.known.vault.dir {
		return nil // the journal's keys are still there and must stay ignored
	}
	c := Change{Why: "file-uninstalled", Controls: []string{"R-02"}, event: journal.SetupRemoved}
	now, err := s.w.Disk.Read(path, largestFile)
	if err != nil {
		return err
	}
	if now.Exists && !t.shared && filepath.Base(path) != ignoreName && s.w.digest(p.vault, now, t.last.After) != t.last.After {
		c.aside = true
		kept, err := s.free(path, now.Data)
		if err != nil {
			return err
		}
		aside := Change{Why: "file-kept-aside", Controls: []string{"R-02"}, mode: now.Mode, Sensitive: true, restored: true, event: journal.SetupRemoved}
		if err := p.file(kept, now.Data, aside); err != nil {
			return err
		}
		p.plan.Notes = append(p.plan.Notes, Note{ID: "uninstall-kept-aside", State: Attention, Args: []any{path, kept}})
	}
	return p.restore(t, c)
}

// keptSuffix marks a copy of a file of ours that somebody else had edited. No program
// reads a file of that name.
const keptSuffix = ".kept"

// mostKeptCopies bounds how many copies of one file there may be.
const mostKeptCopies = 100

// free is a name beside path under which nothing else is.
func (s *UninstallSession) free(path string, data []byte) (string, error) {
	for n := range mostKeptCopies {
		name := path + keptSuffix
		if n > 0 {
			name += fmt.Sprint(n + 1)
		}
		f, err := s.w.Disk.Read(name, largestFile)
		if err != nil {
			return "", err
		}
		if !f.Exists || string(f.Data) == string(data) {
			return name, nil
		}
	}
	return "", fmt.Errorf("keeping what was edited in %s: there are %d copies already", path, mostKeptCopies)
}

// planRuntime lists the copies of the secrets that up made, and the files of a trial.
func (s *UninstallSession) planRuntime(plan *Plan) {
	for _, dir := range append(s.runtimes(), s.w.trialDir()) {
		if _, err := os.Lstat(dir); err == nil {
			plan.Removals = append(plan.Removals, Removal{removeRuntime, dir})
		}
	}
}

// planJournal says what becomes of the journal and of its keys.
func (s *UninstallSession) planJournal(plan *Plan) {
	v := s.known.vault
	where := string(v.store.Kind())
	if v.dir != "" {
		where = filepath.Join(v.dir, "secrets")
	}
	if s.opts.KeepJournal {
		plan.Notes = append(plan.Notes, Note{ID: "uninstall-keeps", State: Attention, Args: []any{s.w.Paths.State, where}})
		return
	}
	plan.Removals = append(plan.Removals, Removal{removeJournal, s.w.Paths.State}, Removal{removeKeys, where})
	plan.Consents = append(plan.Consents, Note{ID: "uninstall-final", State: Attention, Args: []any{s.w.Paths.State}})
}

// noteConversations names the folders in which Claude Code has files of its own: they are
// the operator's.
func (s *UninstallSession) noteConversations(plan *Plan) {
	dirs, _ := s.known.claudeDirs()
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // there is none
		}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), "settings.json") }) {
			plan.Notes = append(plan.Notes, Note{ID: "uninstall-conversations", State: Attention, Args: []any{dir}})
		}
	}
}

// planRemains is the Plan of a run that finishes an interrupted one.
func (s *UninstallSession) planRemains() *Plan {
	plan := &Plan{basis: s.basis, Next: s.nextLeft()}
	if len(s.remains.Stores) == 0 {
		plan.Removals = []Removal{{removeFolder, s.w.Paths.State}}
		return plan
	}
	plan.Removals = append(plan.Removals, Removal{removeJournal, s.w.Paths.State})
	for _, at := range s.remains.Stores {
		where := string(at.Kind)
		if at.Dir != "" {
			where = filepath.Join(at.Dir, "secrets")
		}
		plan.Removals = append(plan.Removals, Removal{removeKeys, where})
	}
	plan.Consents = append(plan.Consents, Note{ID: "uninstall-final", State: Attention, Args: []any{s.w.Paths.State}})
	return plan
}
