package wizard_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
)

// counting is a keyring that remembers what it was asked.
type counting struct {
	*memory
	gets    map[string]int
	reached int
}

// countKeyring puts one into h, for all processes to come.
func (h *host) countKeyring() *counting {
	c := &counting{memory: h.keyring, gets: map[string]int{}}
	h.Wizard = h.wizard(&files.Disk{})
	h.Keyring = c
	return c
}

func (c *counting) Get(ctx context.Context, name string) (secrets.Secret, error) {
	c.mu.Lock()
	c.gets[name]++
	c.mu.Unlock()
	return c.memory.Get(ctx, name)
}

func (c *counting) Reachable(ctx context.Context) error {
	c.mu.Lock()
	c.reached++
	c.mu.Unlock()
	return c.memory.Reachable(ctx)
}

// taken are the questions since the last call: those for secrets of the set-up, all, and
// whether the keyring is there.
func (c *counting) taken() (ours, all, reached int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range c.gets {
		all += n
		if slices.Contains(secrets.SetupNames(), name) {
			ours += n
		}
	}
	reached = c.reached
	c.gets, c.reached = map[string]int{}, 0
	return ours, all, reached
}

// TestSecretsAreReadForDiffsAlone: whoever opens the journal reads its keys and its head,
// the first diff the secrets that it hides, and naming records nothing at all.
func TestSecretsAreReadForDiffsAlone(t *testing.T) {
	h := newHost(t)
	c := h.countKeyring()
	h.mustInit(map[string]string{"store": "keyring"})
	c.taken()
	hist, err := h.History(t.Context())
	must(t, err)
	if ours, all, _ := c.taken(); ours != 0 || all != len(secrets.JournalNames()) {
		t.Errorf("the history read %d secrets of the set-up, %d in all", ours, all)
	}
	r, err := hist.Record(hist.Report.Records - 1)
	must(t, err)
	for _, want := range []int{len(secrets.SetupNames()), 0} {
		_, err = hist.Diffs(t.Context(), r)
		must(t, err)
		if ours, all, _ := c.taken(); ours != want || all != want {
			t.Errorf("a diff read %d secrets of %d, want %d", ours, all, want)
		}
	}
	session, err := h.NewWatch(t.Context(), false, true)
	must(t, err)
	c.taken()
	_, err = session.Plan(t.Context())
	must(t, err)
	if ours, all, _ := c.taken(); ours != len(secrets.SetupNames()) || all != ours+len(secrets.JournalNames()) {
		t.Errorf("a plan read %d secrets of the set-up, %d in all", ours, all)
	}
	unsealed, err := h.HistoryWithoutKeys(t.Context())
	must(t, err)
	if ours, all, reached := c.taken(); all != 0 || reached != 0 || unsealed.KeysErr == nil || unsealed.Report.Records != hist.Report.Records {
		t.Errorf("without keys: %d, %d, %d, %v, %d records", ours, all, reached, unsealed.KeysErr, unsealed.Report.Records)
	}
	if _, err := unsealed.Diffs(t.Context(), r); err == nil {
		t.Error("a diff was made without keys")
	}
	cut, stop := context.WithCancel(t.Context())
	again, err := h.History(t.Context())
	must(t, err)
	stop()
	if _, err := again.Diffs(cut, r); err == nil {
		t.Error("a diff was made although its secrets may not all be known")
	}
}

// TestDoctorOpensTheJournalOnce: for what the operator agreed to, for the files, for the
// journal itself and for OpenClaw's audit.
func TestDoctorOpensTheJournalOnce(t *testing.T) {
	h := newHost(t)
	c := h.countKeyring()
	h.mustInit(map[string]string{"store": "keyring"})
	c.taken()
	report, err := h.Examine(t.Context(), doctor.Selection{})
	must(t, err)
	h.JoinAudit(t.Context(), report)
	if ours, all, _ := c.taken(); ours != len(secrets.SetupNames()) || all != ours+len(secrets.JournalNames()) {
		t.Errorf("doctor read %d secrets of the set-up, %d in all", ours, all)
	}
}

// TestSilentKeyringIsAskedOnce: one that hangs costs its 3 seconds once in a command, and is
// asked again when the operator may have opened it.
func TestSilentKeyringIsAskedOnce(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	c := h.countKeyring()
	h.keyring.down = errDown
	for _, want := range []int{1, 0} {
		report, err := h.Examine(t.Context(), doctor.Selection{})
		must(t, err)
		h.JoinAudit(t.Context(), report)
		hist, err := h.History(t.Context())
		must(t, err)
		if hist.Root.KeyringErr == nil {
			t.Error("the journal does not say that the keyring was not asked")
		}
		if _, _, reached := c.taken(); reached != want {
			t.Errorf("asked %d times whether it is there, want %d", reached, want)
		}
	}
	h.clock = h.clock.Add(time.Minute)
	h.keyring.down = nil
	hist, err := h.History(t.Context())
	must(t, err)
	if _, _, reached := c.taken(); reached != 1 || hist.Root.KeyringErr != nil {
		t.Errorf("a minute later: asked %d times, %v", reached, hist.Root.KeyringErr)
	}
}
