package wizard

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// vault is the journal's keys and the store that holds them. Before the first
// transaction the keys exist in memory alone.
type vault struct {
	store secrets.Store
	dir   string // of the docker store
	keys  journal.Keys
	fresh bool
	// root says where the keys of a journal that is there came from.
	root Root
	// restart says that the loss of an earlier journal is known.
	restart bool
}

// openVault reads the keys of this host's journal. When there is no journal yet,
// it makes keys for one that kind and dir would hold. It writes nothing.
func (w *Wizard) openVault(ctx context.Context, kind secrets.Kind, dir string) (*vault, error) {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil {
		return nil, err
	}
	if !exists {
		keys, err := journal.NewKeys()
		return &vault{store: w.store(kind, dir), dir: storeDir(kind, dir), fresh: true, keys: keys}, err
	}
	return w.existingVault(ctx)
}

// existingVault reads the keys of the journal that is there, from a place that root vouches
// for. With an error the vault has no keys, and says where they were looked for.
func (w *Wizard) existingVault(ctx context.Context) (*vault, error) {
	g, err := journal.Peek(w.Disk, w.Paths.State)
	if err != nil {
		return &vault{}, err
	}
	root, err := w.root(ctx, g)
	v := &vault{dir: root.Dir, root: root}
	if err != nil {
		return v, err
	}
	v.store = w.store(root.Store, root.Dir)
	keys, err := w.readKeys(ctx, v.store)
	if err != nil && v.store.Kind() == secrets.KindKeyring && !errors.Is(err, secrets.ErrNotFound) {
		v.root.Keyring = journal.Check{State: journal.NotChecked, Reason: journal.Unreachable}
	}
	if root.VouchedBy != "" {
		v.keys = keys
		return v, err
	}
	// Whatever is in that folder, it is not ours before the journal proves to be.
	moved := false
	if err == nil {
		moved, err = w.movedFrom(ctx, &vault{store: v.store, keys: keys})
	}
	if err != nil || !moved {
		return v, hint.With(fmt.Errorf("the journal's keys, %s: %w", filepath.Join(root.Dir, "secrets"), ErrUnvouched), "journal-unvouched", w.Paths.State, text.Clean(root.Dir, 300))
	}
	v.keys, v.root.VouchedBy = keys, VouchedMove
	return v, nil
}

// readKeys reads the journal's keys from a store.
func (w *Wizard) readKeys(ctx context.Context, store secrets.Store) (journal.Keys, error) {
	var keys journal.Keys
	for name, key := range map[string]*secrets.Secret{secrets.JournalKey: &keys.MAC, secrets.SnapshotKey: &keys.Snapshot} {
		stored, err := store.Get(ctx, name)
		if errors.Is(err, secrets.ErrNotFound) {
			return keys, hint.With(fmt.Errorf("the journal's keys: %w", err), "journal-key-gone", w.Paths.State)
		}
		if err != nil {
			return keys, hint.With(fmt.Errorf("reading the journal's keys: %w", err), "journal-key-unreachable", string(store.Kind()))
		}
		raw, err := hex.DecodeString(string(stored.Expose()))
		if err != nil {
			return keys, hint.With(fmt.Errorf("the journal's keys: %s is damaged", name), "journal-key-gone", w.Paths.State)
		}
		*key = secrets.New(raw)
	}
	return keys, nil
}

// storeDir is the folder that a store of that kind has.
func storeDir(kind secrets.Kind, dir string) string {
	if kind == secrets.KindDocker {
		return dir
	}
	return ""
}

// content is what a record says a file held: of the snapshot id it is refused
// (journal.ErrSnapshotCorrupt) unless it has the record's digest. An empty digest is that of
// no file, and its content nil.
func (v *vault) content(snaps *journal.Snapshots, id, digest string) ([]byte, error) {
	if digest == "" {
		return nil, nil
	}
	data, err := snaps.Get(id)
	if err == nil && v.keys.Digest(data, isKeyed(digest)) != digest {
		err = fmt.Errorf("%w: it is not what record and digest say", journal.ErrSnapshotCorrupt)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

func (v *vault) fingerprint(s secrets.Secret) string { return v.keys.Fingerprint(s) }

// openJournal opens the journal for writing, making it (and storing its keys) the
// first time. The caller holds the lock.
func (w *Wizard) openJournal(ctx context.Context, v *vault) (*journal.Log, error) {
	anchor := storeAnchor{v.store}
	if v.fresh {
		if err := w.mayCreate(ctx, v); err != nil {
			return nil, err
		}
	}
	opts := []journal.Option{journal.WithTool("clawsetup " + w.Version), journal.WithClock(w.Now)}
	if !v.fresh {
		return journal.Open(ctx, w.Disk, w.Paths.State, v.keys, anchor, opts...)
	}
	for name, key := range map[string]secrets.Secret{secrets.JournalKey: v.keys.MAC, secrets.SnapshotKey: v.keys.Snapshot} {
		if err := v.store.Set(ctx, name, secrets.New([]byte(hex.EncodeToString(key.Expose())))); err != nil {
			return nil, fmt.Errorf("storing the journal's keys: %w", err)
		}
	}
	if v.restart {
		opts = append(opts, journal.WithRestart())
	}
	g := journal.Genesis{Store: string(v.store.Kind()), Detail: map[string]string{"dir": v.dir}}
	l, err := journal.Create(ctx, w.Disk, w.Paths.State, v.keys, anchor, g, opts...)
	if err != nil {
		return nil, err
	}
	v.fresh = false
	return l, nil
}

// mayCreate refuses to begin a journal beside one that appeared since the Plan was
// made, or in place of one that is gone: its keys must not be replaced.
func (w *Wizard) mayCreate(ctx context.Context, v *vault) error {
	exists, err := journal.Exists(w.Disk, w.Paths.State)
	if err != nil {
		return err
	}
	if exists {
		return hint.With(fmt.Errorf("the journal %w", ErrStalePlan), "run-again")
	}
	// The operator may have opened the keyring while he was asked; what it knows of a journal
	// comes before the one that begins.
	w.silent.forget()
	if !v.restart {
		if err := w.lost(ctx, v.store); err != nil {
			return err
		}
	}
	if v.store.Kind() != secrets.KindKeyring {
		// Without a head there was no journal, only a run that ended before it began one.
		if err := w.retireKeyring(ctx); err != nil {
			return err
		}
	}
	if !v.restart {
		return nil
	}
	for _, name := range []string{secrets.JournalKey, secrets.SnapshotKey} {
		if err := setAside(ctx, v.store, name); err != nil {
			return err
		}
	}
	return nil
}

// storeAnchor keeps the journal's head a second time, in the secret store.
type storeAnchor struct{ store secrets.Store }

// Load implements journal.Anchor.
func (a storeAnchor) Load(ctx context.Context) (journal.Head, error) {
	s, err := a.store.Get(ctx, secrets.JournalHead)
	if errors.Is(err, secrets.ErrNotFound) {
		return journal.Head{}, nil
	}
	if err != nil {
		return journal.Head{}, err
	}
	return journal.ParseHead(string(s.Expose()))
}

// Save implements journal.Anchor.
func (a storeAnchor) Save(ctx context.Context, h journal.Head) error {
	return a.store.Set(ctx, secrets.JournalHead, secrets.New([]byte(h.String())))
}
