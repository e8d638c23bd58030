package wizard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

// used is what the journal knows of the engines that hold something of ours, and of the
// folders that hold copies of the keyring's secrets.
type used struct {
	// recorded are the engines that up named, logins those that setup.yaml ever named for
	// a start at login.
	recorded, logins []engine.Endpoint
	// runtimes are such folders, absolute paths.
	runtimes []string
	// unsaid says that up ran before clawsetup recorded engines: any may hold something.
	unsaid bool
}

// The names in the detail of journal.EngineUsed, beside those of an engine.Endpoint, and
// in that of an uninstall that kept the journal: JSON lists of addresses.
const (
	detailRuntime = "runtime"
	detailEmptied = "engines_emptied"
	detailLeft    = "engines_left"
)

// The settings in setup.yaml that up alone writes, by their paths in the journal: what
// tells that it ran, and on which engine it starts at login.
const (
	keyTried     = "image.hardening.tried"
	keyLoginHost = "login.docker_host"
)

// add takes one record in. One that was written in a transaction has to be committed.
func (u *used) add(r journal.Record) error {
	if r.Phase != journal.PhaseEvent {
		return nil
	}
	switch r.Event {
	case journal.EngineUsed:
		if at, ok := engine.FromRecord(r.Detail); ok {
			u.recorded = append(u.recorded, at)
		}
		u.addRuntime(r.Detail[detailRuntime])
	case journal.SetupRemoved:
		return u.emptied(r.Detail)
	default:
		for _, k := range r.Keys {
			if k.New == nil {
				continue
			}
			// An engine that is recorded was so before up wrote anything.
			u.unsaid = u.unsaid || k.Path == keyTried && len(u.recorded) == 0
			var host string
			if k.Path == keyLoginHost && json.Unmarshal([]byte(*k.New), &host) == nil && host != "" {
				u.logins = append(u.logins, engine.At(host))
			}
		}
	}
	return nil
}

func (u *used) addRuntime(dir string) {
	if dir != "" && !slices.Contains(u.runtimes, dir) {
		u.runtimes = append(u.runtimes, dir)
	}
}

// emptied drops the engines that an uninstall emptied and leaves the others.
func (u *used) emptied(detail map[string]string) error {
	if detail[detailEmptied] == "" {
		return nil // no uninstall, or one of an older clawsetup
	}
	var emptied, left []string
	err := errors.Join(json.Unmarshal([]byte(detail[detailEmptied]), &emptied), json.Unmarshal([]byte(detail[detailLeft]), &left))
	if err != nil {
		return fmt.Errorf("reading which engines an uninstall emptied: %w", err)
	}
	u.unsaid = u.unsaid && len(left) > 0
	gone := func(e engine.Endpoint) bool {
		return slices.ContainsFunc(emptied, func(host string) bool { return e.Same(engine.At(host)) })
	}
	u.recorded, u.logins = slices.DeleteFunc(u.recorded, gone), slices.DeleteFunc(u.logins, gone)
	return nil
}

// usedBy reads all committed records.
func usedBy(records []journal.Record) (used, error) {
	var u used
	done := committed(records)
	for _, r := range records {
		if r.Tx != "" && !done[r.Tx] {
			continue
		}
		if err := u.add(r); err != nil {
			return u, err
		}
	}
	return u, nil
}

// recordUse journals, before anything of ours gets there, which engine is used and, with
// the keyring, where the copies of its secrets are going to be, unless the journal knows
// both. Without a journal there is nothing to tell it to: the first change begins one.
func (w *Wizard) recordUse(ctx context.Context, s Setup, e *engine.Engine) error {
	if there, err := journal.Exists(w.Disk, w.Paths.State); err != nil || !there {
		return err
	}
	lock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	_, records, err := w.records(ctx)
	if err != nil {
		return err
	}
	known, err := usedBy(records)
	if err != nil {
		return err
	}
	detail := e.Endpoint.Recorded()
	if s.Store == secrets.KindKeyring {
		detail[detailRuntime] = w.runtimeDir()
	}
	same := func(at engine.Endpoint) bool { return maps.Equal(at.Recorded(), e.Endpoint.Recorded()) }
	if slices.ContainsFunc(known.recorded, same) && (detail[detailRuntime] == "" || slices.Contains(known.runtimes, detail[detailRuntime])) {
		return nil
	}
	v, err := w.openVault(ctx, s.Store, s.StackDir(w.Paths))
	if err != nil {
		return err
	}
	log, err := w.openJournal(ctx, v)
	if err != nil {
		return err
	}
	if _, err := log.Append(ctx, journal.Entry{Event: journal.EngineUsed, Phase: journal.PhaseEvent, Detail: detail, Why: []string{"R-02"}}); err != nil {
		return fmt.Errorf("journaling which engine is used: %w", err)
	}
	return log.Seal(ctx)
}

// isRuntime tells whether dir can be nothing but a folder of this installation for
// copies of secrets, whatever it is that names it.
func (w *Wizard) isRuntime(dir string) bool {
	return filepath.IsAbs(dir) && filepath.Clean(dir) == dir && filepath.Base(dir) == w.Paths.Scope() && filepath.Base(filepath.Dir(dir)) == filepath.Base(w.Paths.Runtime)
}

// mountedFrom are the folders of copies that the compose file on the disk names.
func (w *Wizard) mountedFrom(ctx context.Context, s Setup) []string {
	project, err := w.claimed(ctx, s)
	if err != nil {
		return nil // it is gone, or somebody else's by now; the journal may know
	}
	var out []string
	for _, secret := range project.Secrets {
		if dir := filepath.Dir(secret.File); w.isRuntime(dir) && !slices.Contains(out, dir) {
			out = append(out, dir)
		}
	}
	return out
}
