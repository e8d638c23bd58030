package wizard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// Why an uninstall did not begin or end; errors.Is tells them apart.
var (
	// ErrNoRecord says that there is a set-up and no journal that says what to take back.
	ErrNoRecord = errors.New("the journal, which says what to take back, is not there")
	// ErrUninstallIncomplete says that something that was to be gone is still there.
	ErrUninstallIncomplete = errors.New("not everything is gone")
)

// UninstallOptions say how to uninstall.
type UninstallOptions struct {
	// KeepJournal leaves the journal, its snapshots and its keys.
	KeepJournal bool
	DryRun      bool
}

// UninstallSession takes back what the journal says that clawsetup did. What can be undone
// is one transaction like any other; only after its commit goes what cannot: what is in
// the engines, the copies of the secrets and, unless it is kept, the journal with its
// keys. Everything is found by looking, so that the next run finishes what a crash left.
type UninstallSession struct {
	noQuestions
	w     *Wizard
	opts  UninstallOptions
	start []Note
	// setup and basis are setup.yaml, whatever is in it: nil when it cannot be read. The
	// journal says what to do; the first programs did not record the image there.
	setup *Setup
	basis files.File
	// known is what the journal knows; remains what is left to delete without it, nil
	// before that is the only thing left.
	known   known
	remains *remains
	// sought are the secrets that must not be anywhere any more.
	sought []sought
	// host is where people and programs leave keys besides; nil when that is not known.
	host *doctor.Host
	// asked are the engines that may hold something, once there is a Plan.
	asked []*askedEngine
	// stayed are images that others need.
	stayed []string
	// found is what a search found, once searched.
	found    []Trace
	searched bool
}

// known is what all committed records say together, and of folders all intents.
type known struct {
	stores []storePlace
	// touched are the files, since the first set-up.
	touched []touched
	// made are folders that were missing before.
	made []string
	// held are the secrets of the set-up that a store ever held.
	held []string
	// images are pinned references.
	images []string
	// used are the engines, and the folders of the copies.
	used  used
	vault *vault
}

// NewUninstall starts clawsetup uninstall. A dry run leaves an interrupted transaction as
// it is. The errors are those of a journal that cannot be believed: nothing is guessed.
func (w *Wizard) NewUninstall(ctx context.Context, opts UninstallOptions) (*UninstallSession, error) {
	s := &UninstallSession{w: w, opts: opts}
	err := s.load()
	if err != nil {
		return nil, err
	}
	if s.remains, err = w.loadRemains(); err != nil {
		return nil, err
	}
	if s.remains != nil {
		return s, s.resume(ctx)
	}
	there, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil {
		return nil, err
	}
	if !there {
		return s, s.withoutJournal(ctx)
	}
	if err := s.read(ctx); err != nil {
		return nil, unknown(err)
	}
	notes, err := w.recoverOrTell(ctx, opts.DryRun)
	if err != nil {
		return nil, err
	}
	// Recovering may have written or removed what was read.
	if err := s.load(); err != nil {
		return nil, err
	}
	s.start = append(s.start, notes...)
	if err := s.read(ctx); err != nil {
		return nil, unknown(err)
	}
	return s, nil
}

// load reads setup.yaml, and begins what is to be said anew.
func (s *UninstallSession) load() error {
	setup, f, err := s.w.loadSetup(s.w.Paths.SetupFile())
	if otherProgram(err) {
		return err
	}
	s.setup, s.basis, s.start = setup, f, nil
	if err != nil {
		s.start = []Note{{ID: "uninstall-setup-unread", State: NotChecked, Args: []any{s.w.Paths.SetupFile(), reason(err)}}}
	}
	s.host = s.w.searchedHost(setup)
	return nil
}

// unknown says that the journal cannot be believed, or does not know enough.
func unknown(err error) error {
	return remedied(fmt.Errorf("what is to be taken back is not known: %w", err))
}

// remedied adds what can be done when what the journal kept is lost; another fault keeps its
// own remedy.
func remedied(err error) error {
	_, known := hint.Of(err)
	for _, lost := range []error{journal.ErrTampered, journal.ErrJournalMissing, journal.ErrSnapshotMissing, journal.ErrSnapshotCorrupt, secrets.ErrNotFound} {
		known = known && !errors.Is(err, lost)
	}
	if known {
		return err
	}
	return hint.With(err, "uninstall-unknown")
}

// resume begins where the journal is going already.
func (s *UninstallSession) resume(ctx context.Context) error {
	if s.opts.KeepJournal {
		return hint.With(fmt.Errorf("%w: it cannot be kept any more", ErrUninstalling), "uninstall-again")
	}
	s.start = append(s.start, Note{ID: "uninstall-resumed", State: Attention})
	for _, at := range s.remains.Stores {
		if err := s.seek(ctx, at, slices.Concat(storedNames, keyNames)); err != nil {
			return hint.With(err, "uninstall-store", string(at.Kind))
		}
	}
	return nil
}

// withoutJournal tells a host without a set-up from one whose journal is gone.
func (s *UninstallSession) withoutJournal(ctx context.Context) error {
	if s.basis.Exists {
		err := s.w.journalGone(ctx)
		if err == nil {
			err = ErrNoRecord
		}
		return unknown(fmt.Errorf("%s is there: %w", s.w.Paths.SetupFile(), err))
	}
	if s.w.deserted() {
		s.remains = &remains{Own: []string{s.w.Paths.State}}
		return nil
	}
	var anchor journal.Anchor
	if s.w.reachable(ctx) == nil {
		anchor = storeAnchor{s.w.Keyring}
	}
	if err := journal.Missing(ctx, s.w.Disk, s.w.Paths.State, anchor); err != nil {
		return unknown(err)
	}
	return s.w.noSetup()
}

// read learns what the journal knows, and remembers the secrets before they go.
func (s *UninstallSession) read(ctx context.Context) error {
	h, records, err := s.w.records(ctx)
	if err != nil {
		return err
	}
	s.known = known{vault: h.vault, touched: touchedSince(records, journal.Record{})}
	if s.known.used, err = usedBy(records); err != nil {
		return err
	}
	done := committed(records)
	holds := map[storePlace]map[string]bool{}
	own := storePlace{h.vault.store.Kind(), h.vault.dir}
	holds[own] = map[string]bool{secrets.JournalKey: true}
	for _, r := range records {
		// The keys of the journal stay in a folder that an undone transaction made.
		if !done[r.Tx] && r.Phase != journal.PhaseIntent {
			continue
		}
		if err := s.known.add(r, holds); err != nil {
			return err
		}
	}
	if s.setup != nil {
		s.known.addImage(s.setup.Image.Reference, s.setup.Image.Digest)
		for _, dir := range s.w.mountedFrom(ctx, *s.setup) {
			s.known.used.addRuntime(dir)
		}
	}
	return s.lookIntoStores(ctx, holds)
}

// add takes in one record of a committed transaction, or an intent.
func (k *known) add(r journal.Record, holds map[storePlace]map[string]bool) error {
	if r.Phase == journal.PhaseIntent {
		in, err := decodeIntention(r.Detail)
		k.made = append(k.made, in.Made...)
		return err
	}
	if r.Phase != journal.PhaseEvent {
		return nil
	}
	for _, c := range r.Secrets {
		at := storePlace{secrets.Kind(c.Store), storeDir(secrets.Kind(c.Store), c.Dir)}
		if holds[at] == nil {
			holds[at] = map[string]bool{}
		}
		holds[at][c.Name] = c.New != ""
		if c.New != "" && slices.Contains(storedNames, c.Name) && !slices.Contains(k.held, c.Name) {
			k.held = append(k.held, c.Name)
		}
	}
	if r.Event == journal.ImagePinned {
		k.addImage(r.Detail["reference"], r.Detail["digest"])
	}
	return nil
}

func (k *known) addImage(reference, digest string) {
	ref, err := image.Pin(reference, digest)
	if err == nil && !slices.Contains(k.images, ref) {
		k.images = append(k.images, ref)
	}
}

// lookIntoStores keeps the stores that can be asked. One that cannot, and that holds
// something, is an error: its secrets would stay.
func (s *UninstallSession) lookIntoStores(ctx context.Context, holds map[storePlace]map[string]bool) error {
	// A journal begun anew elsewhere leaves the keys of the lost one in the keyring.
	if ring := (storePlace{Kind: secrets.KindKeyring}); holds[ring] == nil && s.w.reachable(ctx) == nil {
		holds[ring] = map[string]bool{}
	}
	places := slices.SortedFunc(maps.Keys(holds), func(a, b storePlace) int {
		return slices.Compare([]string{string(a.Kind), a.Dir}, []string{string(b.Kind), b.Dir})
	})
	s.sought = nil
	for _, at := range places {
		names := storedNames
		if !s.opts.KeepJournal {
			names = slices.Concat(storedNames, keyNames)
		}
		err := s.seek(ctx, at, names)
		switch {
		case err == nil:
			s.known.stores = append(s.known.stores, at)
		case slices.Contains(slices.Collect(maps.Values(holds[at])), true):
			return hint.With(err, "uninstall-store", string(at.Kind))
		default:
			s.start = append(s.start, Note{ID: "uninstall-store-unchecked", State: NotChecked, Args: []any{string(at.Kind), reason(err)}})
		}
	}
	return nil
}

// seek remembers the values that a store holds under these names.
func (s *UninstallSession) seek(ctx context.Context, at storePlace, names []string) error {
	store := s.w.store(at.Kind, at.Dir)
	for _, name := range secrets.WithKept(names) {
		value, err := store.Get(ctx, name)
		if errors.Is(err, secrets.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s from the %s store: %w", name, at.Kind, err)
		}
		if known := func(o sought) bool { return o.value.Equal(value) }; !slices.ContainsFunc(s.sought, known) && !isHead(name) {
			s.sought = append(s.sought, sought{name, decoded(name, value)})
		}
	}
	return nil
}

// isHead tells the head of the journal, which is no secret, from the keys.
func isHead(name string) bool {
	return slices.Contains(secrets.WithKept([]string{secrets.JournalHead}), name)
}

// decoded is a key of the journal as it is used: a store holds it in hex.
func decoded(name string, value secrets.Secret) secrets.Secret {
	if !slices.Contains(secrets.WithKept(keyNames), name) {
		return value
	}
	raw, err := hex.DecodeString(string(value.Expose()))
	if err != nil {
		return value
	}
	return secrets.New(raw)
}

// Preflight implements Session.
func (s *UninstallSession) Preflight(context.Context) []Note { return s.start }

// Missing implements Session.
func (s *UninstallSession) Missing(context.Context) [][]string { return nil }

// Found is what is left of the secrets after Apply, and where.
func (s *UninstallSession) Found() []Trace { return s.found }

// claudeDirs are the folders that were given to Claude Code, ownDirs those of ours beside
// an openclaw.json.
func (k known) claudeDirs() (claudeDirs, ownDirs []string) {
	for _, t := range k.touched {
		if t.shared {
			at := agentFiles(t.first.Path)
			claudeDirs, ownDirs = append(claudeDirs, at.claudeDir), append(ownDirs, filepath.Dir(at.claudeDir))
		}
	}
	return claudeDirs, ownDirs
}
