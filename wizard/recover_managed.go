package wizard

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// ErrForeignPath says that an unfinished transaction of the journal names something that no
// transaction of ours changes.
var ErrForeignPath = errors.New("is nothing that clawsetup manages")

// managed is what a transaction of this installation may change: the second line of defence
// behind the seals, when a recovery does what a record says without anybody looking.
type managed struct {
	// trees are folders of our own, files single ones, stores folders of docker stores.
	trees, files, stores []string
}

// onlyManaged refuses the recovery of an intent that names anything else (ErrForeignPath).
func (w *Wizard) onlyManaged(l *journal.Log, v *vault, snaps *journal.Snapshots, intent journal.Record, in intention) error {
	m, err := w.managedBy(l, v, snaps, intent)
	if err != nil {
		return err
	}
	for _, c := range intent.Files {
		// A change of the mode alone, of a file that doctor --fix closed, has its content.
		if sameContent := c.Before == c.After && c.Before != ""; !sameContent && !m.holds(c.Path) {
			return foreignPath(intent, c.Path)
		}
	}
	for _, s := range intent.Secrets {
		ours := s.Store == string(secrets.KindKeyring) || filepath.IsAbs(s.Dir) && slices.Contains(m.stores, s.Dir)
		if !ours || !slices.Contains(storedNames, s.Name) {
			return foreignPath(intent, filepath.Join(s.Dir, "secrets", s.Name))
		}
	}
	for _, dir := range in.Made {
		holdsFile := slices.ContainsFunc(intent.Files, func(c journal.FileChange) bool { return within(dir, c.Path) })
		holdsSecret := slices.ContainsFunc(intent.Secrets, func(s journal.SecretChange) bool {
			return s.Dir != "" && within(dir, filepath.Join(s.Dir, "secrets", s.Name))
		})
		if !holdsFile && !holdsSecret {
			return foreignPath(intent, dir)
		}
	}
	return nil
}

func foreignPath(intent journal.Record, path string) error {
	path = text.Clean(path, 300)
	return hint.With(fmt.Errorf("settling the transaction of record %d: %s %w", intent.Seq, path, ErrForeignPath), "recover-foreign", path)
}

// managedBy computes what is ours from the paths of this installation, the set-up before and
// after the intent, and what committed records name.
func (w *Wizard) managedBy(l *journal.Log, v *vault, snaps *journal.Snapshots, intent journal.Record) (managed, error) {
	m := managed{trees: []string{w.Paths.Config, w.Paths.State, w.Paths.Runtime}, stores: []string{w.Paths.Config, v.dir}}
	if w.ManagedFile != "" {
		m.files = append(m.files, w.ManagedFile)
	}
	for _, paths := range []func() ([]string, error){w.loginPaths, w.watchPaths} {
		list, err := paths()
		if err != nil && !errors.Is(err, ErrNoLogin) {
			return m, err
		}
		m.files = append(m.files, list...)
	}
	present := w.readableSetup()
	for _, path := range append(w.knownConfigs(present), w.namedConfig) {
		m.agent(path)
	}
	if present != nil {
		m.stack(present.StackDir(w.Paths))
	}
	for _, c := range intent.Files {
		if c.Path == w.Paths.SetupFile() {
			m.intended(w, snaps, c)
		}
	}
	return m, m.recorded(l, intent.Seq)
}

// stack takes in the files of a stack in dir, and its docker store.
func (m *managed) stack(dir string) {
	m.stores = append(m.stores, dir)
	for _, name := range []string{composeName, seccompName, envName, ignoreName} {
		m.files = append(m.files, filepath.Join(dir, name))
	}
}

// knownConfigs are the openclaw.json that this host names: OpenClaw's own variables, and the
// present set-up if there is one.
func (w *Wizard) knownConfigs(present *Setup) []string {
	var out []string
	if path, err := openclaw.ConfigPath(w.Getenv); err == nil {
		out = append(out, path)
	}
	if present != nil {
		out = append(out, present.OpenClaw.Config)
	}
	return out
}

// isConfigName tells whether path may be an openclaw.json that nothing names but a new set-up.
// What init takes on its word, a recovery takes on that of the intent: the one must not write
// what the other refuses to settle.
func isConfigName(path string) bool {
	return slices.Contains([]string{".json", ".json5", ".jsonc"}, strings.ToLower(filepath.Ext(path)))
}

// agent takes in an openclaw.json and our folder beside it.
func (m *managed) agent(config string) {
	if config != "" {
		m.files, m.trees = append(m.files, config), append(m.trees, filepath.Dir(agentFiles(config).claudeDir))
	}
}

// intended takes in the set-ups that the intent itself has, before and after: no more than what
// init would, since the intent is what is being judged.
func (m *managed) intended(w *Wizard, snaps *journal.Snapshots, c journal.FileChange) {
	for _, id := range []string{c.SnapshotBefore, c.SnapshotAfter} {
		b, err := snaps.Get(id)
		if id == "" || err != nil {
			continue // then its paths are not known, and not ours
		}
		s, err := ParseSetup(b)
		if err != nil {
			continue
		}
		m.stack(s.StackDir(w.Paths))
		if isConfigName(s.OpenClaw.Config) {
			m.agent(s.OpenClaw.Config)
		}
	}
}

// recorded takes in what the committed records before seq name.
func (m *managed) recorded(l *journal.Log, seq uint64) error {
	records, err := recordsOf(l)
	if err != nil {
		return err
	}
	records = slices.DeleteFunc(records, func(r journal.Record) bool { return r.Seq >= seq })
	done := committed(records)
	for _, r := range records {
		if !done[r.Tx] {
			continue
		}
		for _, f := range r.Files {
			m.files = append(m.files, f.Path)
		}
		for _, s := range r.Secrets {
			m.stores = append(m.stores, s.Dir)
		}
	}
	return nil
}

// holds tells whether path is ours, or a copy that an uninstall keeps beside what is.
func (m *managed) holds(path string) bool {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return false
	}
	beside := path
	if i := strings.LastIndex(path, keptSuffix); i > 0 && strings.Trim(path[i+len(keptSuffix):], "0123456789") == "" {
		beside = path[:i]
	}
	return slices.Contains(m.files, path) || slices.Contains(m.files, beside) ||
		slices.ContainsFunc(m.trees, func(dir string) bool { return within(dir, path) })
}

// within tells whether path is below dir.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}
