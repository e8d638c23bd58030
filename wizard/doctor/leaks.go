package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
)

// fixRotate replaces the API key and the proxy token.
const fixRotate = "clawsetup rotate-key"

// secretChecks ask where secrets lie open, and how old they are.
func secretChecks() []Check { return slices.Concat(stackSecretChecks(), leakChecks(), storeChecks()) }

func leakChecks() []Check {
	leak := []Category{Disclosure, CredentialLeak}
	made := func(id string, control string, severity Severity, fix string, look func(context.Context, *Host, *answer)) Check {
		return Check{ID: id, Area: AreaSecrets, Controls: []string{control}, Categories: leak, Severity: severity, Fix: fix, look: look}
	}
	return []Check{
		made("key-in-processes", "I-01", Critical, fixRotate, keyInProcesses),
		made("key-in-arguments", "I-01", Critical, fixRotate, keyInArguments),
		made("key-in-history", "I-02", High, fixEdit, keyInHistory),
		made("key-in-profile", "I-02", High, fixEdit, keyInProfile),
		made("key-in-dotenv", "I-01", High, fixEdit, keyInDotenv),
		made("key-in-settings", "I-02", High, fixEdit, keyInSettings),
		made("key-in-git", "I-02", High, "git rm --cached {path}", keyInGit),
		made("secrets-ignored", "I-02", Medium, "git check-ignore -v {path}", secretsIgnored),
	}
}

// Holding looks where people and programs leave keys for the values that h.Made has. It
// returns what holds one, and what could not be looked at.
func Holding(ctx context.Context, h *Host) ([]Finding, []Gap) {
	only := []string{"key-in-processes", "key-in-arguments", "key-in-history", "key-in-profile", "key-in-dotenv", "key-in-settings", "key-in-git"}
	var found []Finding
	var gaps []Gap
	for _, r := range Examine(ctx, h, Selection{Only: only}).Results {
		gaps = append(gaps, r.Gaps...)
		for _, f := range r.Findings {
			if f.Holds != "" {
				found = append(found, f)
			}
		}
	}
	return found, gaps
}

func storeChecks() []Check {
	leak := []Category{Disclosure, CredentialLeak}
	i02 := []string{"I-02"}
	r04 := []string{"R-04"}
	return []Check{
		{ID: "secret-files-modes", Area: AreaSecrets, Controls: []string{"I-01"}, Categories: leak, Severity: High, Fix: "ls -la {path}", look: secretFilesModes},
		{ID: "secrets-left-over", Area: AreaSecrets, Controls: i02, Categories: leak, Severity: High, Fix: "rm {path}", look: secretsLeftOver},
		{ID: "runtime-secrets", Area: AreaSecrets, Controls: i02, Categories: leak, Severity: Medium, Fix: "findmnt --target {path}", look: runtimeSecrets},
		{ID: "secret-store", Area: AreaSecrets, Controls: i02, Categories: []Category{Denial, CredentialLeak}, Severity: High, Fix: "clawsetup init", look: secretStore},
		{ID: "proxy-token-strength", Area: AreaSecrets, Controls: []string{"I-02", "S-01"}, Categories: []Category{Spoofing, CredentialLeak, CostAbuse}, Severity: High, Fix: fixRotate, look: tokenStrength},
		{ID: "key-age", Area: AreaSecrets, Controls: r04, Categories: []Category{Repudiation, CredentialLeak}, Severity: High, Fix: fixRotate, look: keyAge},
		{ID: "key-label", Area: AreaSecrets, Controls: r04, Categories: []Category{Repudiation}, Severity: Info, Fix: "clawsetup init --key-label NAME", look: keyLabel},
	}
}

// secretValues are those of the installation; none for one that was made by hand.
func (h *Host) secretValues(ctx context.Context) (map[string]secrets.Secret, error) {
	if h.Made == nil {
		return nil, nil
	}
	return remembered(h, "secret values", func() (map[string]secrets.Secret, error) { return h.Made.Secrets(ctx) })
}

// storeDir is the folder of the docker store.
func (h *Host) storeDir() string { return filepath.Join(h.Made.StackDir, "secrets") }

// storeNames are the files that the docker store may have.
var storeNames = secrets.WithKept(slices.Concat(secrets.SetupNames(), secrets.JournalNames()))

// mostStored bounds how many entries of a folder of secrets are looked at.
const mostStored = 100

// eachStored asks about every entry of a folder of secrets.
func eachStored(a *answer, dir string, ask func(name, path string, st fs.FileInfo)) {
	names, err := listNames(dir, mostStored)
	if err != nil {
		a.cannot(dir, err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		st, err := os.Lstat(path)
		if err != nil {
			a.cannot(path, err)
			continue
		}
		ask(name, path, st)
	}
}

// secretFilesModes: the container reads files of mode 0444, so that only the folder keeps
// other users out, and only what belongs there may be there.
func secretFilesModes(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.Store != secrets.KindDocker || h.OS == "windows" {
		return
	}
	dir := h.storeDir()
	st, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // secret-store tells
	case err != nil:
		a.cannot(dir, err)
		return
	case !st.IsDir():
		a.found(Location{Path: dir}, "it is no folder of its own, but a link or a file")
		return
	}
	a.saw(dir)
	if !h.private(st.Mode()) {
		a.found(Location{Path: dir}, "other users may read every secret in it (mode %04o)", st.Mode().Perm()).Fix = fixCommand("chmod 0700 {path}", dir)
	}
	eachStored(a, dir, func(name, path string, st fs.FileInfo) {
		owner, known := ownerOf(st)
		switch {
		case !slices.Contains(storeNames, name):
			a.found(Location{Path: path}, "it is none of the store's files: a copy of a secret stays valid, and is not rotated")
		case !st.Mode().IsRegular():
			a.found(Location{Path: path}, "it is no file of its own, but a link or something else")
		case known && owner != h.UID:
			a.found(Location{Path: path}, "it belongs to the user with id %d", owner)
		case st.Mode().Perm()&0o022 != 0:
			a.found(Location{Path: path}, "other users may change it (mode %04o)", st.Mode().Perm())
		}
	})
}

// secretsLeftOver: with the keyring, nothing has to be in the folder of the docker store.
func secretsLeftOver(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.Store != secrets.KindKeyring {
		return
	}
	dir := h.storeDir()
	a.saw(dir)
	eachStored(a, dir, func(_, path string, _ fs.FileInfo) {
		a.found(Location{Path: path}, "the secrets are in the keyring, and a file of the earlier store is still there")
	})
}

// runtimeSecrets: what the keyring lends to the container must not reach a disk.
func runtimeSecrets(_ context.Context, h *Host, a *answer) {
	if h.Made == nil || h.Made.Store != secrets.KindKeyring || h.OS != "linux" {
		return
	}
	dir, err := filepath.EvalSymlinks(h.Made.RuntimeDir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	table := filepath.Join(h.Proc.Proc, "self", "mountinfo")
	r := h.read(table)
	switch {
	case err != nil:
		a.cannot(h.Made.RuntimeDir, err)
		return
	case r.err != nil || !r.exists:
		a.cannot(table, errors.Join(errors.New("it is not known on what kind of disk the secrets are"), r.err))
		return
	}
	a.saw(dir)
	if kind := mountKind(r.data, dir); kind != "tmpfs" && kind != "ramfs" {
		a.found(Location{Path: dir}, "the secrets of the running stack are written to a disk, not to memory")
	}
	eachStored(a, dir, func(_, path string, st fs.FileInfo) {
		if st.Mode().IsRegular() && st.Mode().Perm()&0o022 != 0 {
			a.found(Location{Path: path}, "other users may change it (mode %04o)", st.Mode().Perm())
		}
	})
}

func secretStore(ctx context.Context, h *Host, a *answer) {
	if h.Made == nil {
		return
	}
	where := string(h.Made.Store) + " store"
	values, err := h.secretValues(ctx)
	if err != nil {
		a.cannot(where, err)
		return
	}
	a.saw(where)
	for _, want := range []struct{ name, fix string }{{secrets.APIKey, fixRotate}, {secrets.ProxyToken, "clawsetup init"}} {
		if v, ok := values[want.name]; !ok || v.IsZero() {
			a.found(Location{Key: want.name}, "the store does not hold it: the proxy cannot start again").Fix = want.fix
		}
	}
}

// shortestToken is the fewest characters of a token that nobody guesses.
const shortestToken = 32

// tokenStrength: everybody on the host may try tokens at the proxy's port.
func tokenStrength(ctx context.Context, h *Host, a *answer) {
	values, err := h.secretValues(ctx)
	if err != nil {
		a.cannot(secrets.ProxyToken, err)
		return
	}
	token, ok := values[secrets.ProxyToken]
	if !ok {
		return // secret-store tells
	}
	a.saw(secrets.ProxyToken)
	where := Location{Key: secrets.ProxyToken}
	value := token.Expose()
	defer clear(value)
	_, err = secrets.ParseAPIKey(value)
	switch {
	case secrets.IsToken(token):
	case errors.Is(err, secrets.ErrSentinel):
		a.found(where, "it is a placeholder that everybody knows")
	case token.Len() < shortestToken:
		a.found(where, "it is shorter than %d characters and can be guessed", shortestToken)
	default:
		a.found(where, "clawsetup did not draw it: nobody knows how well it can be guessed").milder(Medium)
	}
}

// keyAge: the longer a key is in use, the more copies of it there are.
func keyAge(_ context.Context, h *Host, a *answer) {
	if h.Made == nil {
		return
	}
	where := Location{Path: h.Made.SetupFile, Key: "key.added"}
	if h.Made.KeyAdded.IsZero() {
		a.cannot(where.String(), errors.New("it is not recorded when the key was stored"))
		return
	}
	a.saw(where.Path)
	days := int(h.Now().Sub(h.Made.KeyAdded) / (24 * time.Hour))
	for _, limit := range []struct {
		days  int
		worst Severity
	}{{365, High}, {180, Medium}, {90, Low}} {
		if days >= limit.days {
			a.found(where, "the key was stored %d days ago", days).milder(limit.worst)
			return
		}
	}
	if days < -1 {
		a.cannot(where.String(), errors.New("the key was stored in the future: one of the clocks is wrong"))
	}
}

// keyLabel: at cloud.ru, a key without a name cannot be told from others.
func keyLabel(_ context.Context, h *Host, a *answer) {
	if h.Made == nil {
		return
	}
	a.saw(h.Made.SetupFile)
	if h.Made.KeyLabel == "" {
		a.found(Location{Path: h.Made.SetupFile, Key: "key.label"}, "the key has no name by which it is found at cloud.ru")
	}
}
