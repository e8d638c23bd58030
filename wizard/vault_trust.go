package wizard

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// ErrUnvouched says that nothing but the journal itself names the place of its keys:
// whoever replaces the journal can name one of his own.
var ErrUnvouched = errors.New("only the journal itself says that its keys are there")

// KeysVariable is the environment variable by which the operator names the folder of the
// docker store that holds the journal's keys, when nothing else does.
const KeysVariable = "CLAWSETUP_JOURNAL_KEYS"

// Voucher is what, beside the journal, says that its keys are where they were found.
type Voucher string

// The vouchers, as `config-history verify --json` prints them.
const (
	// VouchedKeyring: the keyring of this installation holds them.
	VouchedKeyring Voucher = "keyring"
	// VouchedSetup: it is the folder of the stack in setup.yaml.
	VouchedSetup Voucher = "setup"
	// VouchedDefault: it is the folder where the stack is unless --dir says otherwise.
	VouchedDefault Voucher = "default"
	// VouchedMove: the journal tells how the secrets moved from there to where setup.yaml
	// has them, with fingerprints that only somebody who knows those secrets can make.
	VouchedMove Voucher = "move"
	// VouchedOperator: the operator named the folder, by --dir or KeysVariable.
	VouchedOperator Voucher = "operator"
)

// Root is where the journal's keys, and so all trust in it, came from.
type Root struct {
	Store secrets.Kind `json:"store"`
	// Dir is the folder of a docker store.
	Dir string `json:"dir,omitempty"`
	// VouchedBy is empty when nothing does (ErrUnvouched).
	VouchedBy Voucher `json:"vouched_by"`
	// Keyring tells whether the keyring was asked for a journal of its own, which would
	// come first. What it knows is in the journal.Report.
	Keyring journal.Check `json:"keyring"`
	// KeyringErr is why it could not be asked.
	KeyringErr error `json:"-"`
}

// root finds the keys of the journal that is there. The first record of it, g, which nobody
// has verified yet, never decides alone: a keyring that knows a journal comes first,
// and a folder must be named by somebody else. The error is that of a keyring that
// has to be asked and cannot; a folder that nobody vouches for is a Root without Voucher.
func (w *Wizard) root(ctx context.Context, g journal.Genesis) (Root, error) {
	ring := Root{Store: secrets.KindKeyring, VouchedBy: VouchedKeyring, Keyring: journal.Check{State: journal.OK}}
	switch secrets.Kind(g.Store) {
	case secrets.KindKeyring:
		return ring, nil
	case secrets.KindDocker:
	default:
		return Root{Store: secrets.Kind(g.Store)}, fmt.Errorf("the journal's keys: %w in a store of the kind %q", ErrUnvouched, g.Store)
	}
	out := Root{Store: secrets.KindDocker, Dir: g.Detail["dir"], Keyring: journal.Check{State: journal.OK}}
	setup := w.readableSetup()
	needed := setup != nil && setup.Store == secrets.KindKeyring
	knows, err := w.keyringKnows(ctx, needed)
	switch {
	case knows:
		return ring, nil
	case err != nil && needed:
		out.Keyring, out.KeyringErr = journal.Check{State: journal.NotChecked, Reason: journal.Unreachable}, err
		return out, hint.With(fmt.Errorf("asking the keyring for the journal's keys: %w", err), "journal-key-unreachable", string(secrets.KindKeyring))
	case err != nil:
		out.Keyring, out.KeyringErr = journal.Check{State: journal.NotChecked, Reason: journal.Unreachable}, err
	}
	switch dir := filepath.Clean(out.Dir); {
	case setup != nil && dir == filepath.Clean(setup.StackDir(w.Paths)):
		out.VouchedBy = VouchedSetup
	case dir == filepath.Clean(w.Paths.Config):
		out.VouchedBy = VouchedDefault
	case dir == w.namedDir(), dir == w.keysDir:
		out.VouchedBy = VouchedOperator
	}
	return out, nil
}

// readableSetup is nil when there is no setup.yaml, or none that can be read.
func (w *Wizard) readableSetup() *Setup {
	s, _, err := w.loadSetup(w.Paths.SetupFile())
	if err != nil {
		return nil
	}
	return s
}

// namedDir is the folder that the operator's environment names.
func (w *Wizard) namedDir() string {
	if dir := w.Getenv(KeysVariable); filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return ""
}

// keyringKnows tells whether the keyring holds a key or the head of a journal of this
// installation. Where the keyring is not in use otherwise it must answer soon.
func (w *Wizard) keyringKnows(ctx context.Context, patient bool) (bool, error) {
	if !patient {
		if err := w.reachable(ctx); err != nil {
			return false, err
		}
	}
	for _, name := range []string{secrets.JournalHead, secrets.JournalKey} {
		_, err := w.Keyring.Get(ctx, name)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, secrets.ErrNotFound) {
			return false, err
		}
	}
	return false, nil
}

// unreachableFor is how long a keyring that did not answer is not asked again: a command asks
// several times, and one that hangs is waited for 3 seconds each time.
const unreachableFor = time.Minute

// silence remembers that the keyring did not answer.
type silence struct {
	sync.Mutex
	err error
	at  time.Time
}

// reachable tells, without writing, whether the keyring answers. What it said when it did is
// not remembered: it may be locked by the next time.
func (w *Wizard) reachable(ctx context.Context) error {
	w.silent.Lock()
	defer w.silent.Unlock()
	if w.silent.err != nil && w.Now().Sub(w.silent.at) < unreachableFor {
		return w.silent.err
	}
	err := w.Keyring.Reachable(ctx)
	if w.silent.err = nil; err != nil && ctx.Err() == nil {
		w.silent.err, w.silent.at = err, w.Now()
	}
	return err
}

// forget lets the keyring be asked again, however short ago it did not answer.
func (s *silence) forget() {
	s.Lock()
	defer s.Unlock()
	s.err = nil
}

// movedFrom tells whether the journal of v, which must verify with the keys of v, is the one
// of the present set-up although that keeps its secrets elsewhere: it holds
// fingerprints, made with those keys, of the secrets that are in use. A journal that
// somebody made without knowing the secrets cannot.
func (w *Wizard) movedFrom(ctx context.Context, v *vault) (bool, error) {
	setup := w.readableSetup()
	if setup == nil || setup.Store == "" {
		return false, nil
	}
	log, err := journal.OpenReadOnly(ctx, w.Disk, w.Paths.State, &v.keys, storeAnchor{v.store})
	if err != nil || log.Report().Failed() {
		return false, err
	}
	at := storePlace{setup.Store, storeDir(setup.Store, setup.StackDir(w.Paths))}
	known, err := fingerprintsAt(log, at)
	if err != nil {
		return false, err
	}
	fits := false
	for item, err := range setupSecrets(ctx, w.store(at.Kind, at.Dir)) {
		if err != nil {
			return false, err
		}
		if !slices.Contains(known[item.name], v.fingerprint(item.value)) {
			return false, nil
		}
		fits = true
	}
	return fits, nil
}

// fingerprintsAt are those that any record, of an unfinished transaction too, has of the
// items of a store.
func fingerprintsAt(log *journal.Log, at storePlace) (map[string][]string, error) {
	records, err := recordsOf(log)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, r := range records {
		for _, c := range r.Secrets {
			if (storePlace{secrets.Kind(c.Store), storeDir(secrets.Kind(c.Store), c.Dir)}) == at {
				out[c.Name] = append(out[c.Name], c.Old, c.New)
			}
		}
	}
	return out, nil
}

// lost tells whether an earlier journal of this installation is gone, which store or the
// keyring knows (journal.ErrJournalMissing). A keyring that cannot be asked is asked only
// when it is the store.
func (w *Wizard) lost(ctx context.Context, store secrets.Store) error {
	if store.Kind() != secrets.KindKeyring && w.reachable(ctx) == nil {
		if err := journal.Missing(ctx, w.Disk, w.Paths.State, storeAnchor{w.Keyring}); err != nil {
			return err
		}
	}
	return journal.Missing(ctx, w.Disk, w.Paths.State, storeAnchor{store})
}

// retireKeyring sets aside what the keyring knows of a lost journal, before one begins whose
// keys are elsewhere: it would come first. Nothing is deleted that has no copy.
func (w *Wizard) retireKeyring(ctx context.Context) error {
	if w.reachable(ctx) != nil {
		return nil //nolint:nilerr // root does not ask it, either
	}
	for _, name := range []string{secrets.JournalKey, secrets.SnapshotKey, secrets.JournalHead} {
		if err := setAside(ctx, w.Keyring, name); err != nil {
			return err
		}
		if err := w.Keyring.Delete(ctx, name); err != nil {
			return fmt.Errorf("forgetting %s of the lost journal: %w", name, err)
		}
	}
	return nil
}

// setAside keeps an item of a lost journal under another name.
func setAside(ctx context.Context, store secrets.Store, name string) error {
	old, err := store.Get(ctx, name)
	if errors.Is(err, secrets.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = store.Set(ctx, name+secrets.Lost, old)
	}
	if err != nil {
		return fmt.Errorf("keeping the keys of the lost journal: %w", err)
	}
	return nil
}
