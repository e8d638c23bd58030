package wizard

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// SetupVersion is the version of setup.yaml that this program writes.
const SetupVersion = 2

// largestSetup bounds the setup.yaml that is read, in bytes.
const largestSetup = 256 << 10

// Why a setup.yaml is left alone, as a file of another program; errors.Is tells them apart.
var (
	// ErrNewerSetup says that a newer clawsetup wrote the file.
	ErrNewerSetup = errors.New("was written by a newer clawsetup")
	// ErrSetupVersion says that the version of the file is not a whole number: nobody knows
	// whose file it is.
	ErrSetupVersion = errors.New("the version is not a whole number")
)

// Setup is what the operator wants. It holds no secret, only where secrets live:
// the file can be reviewed, committed and used with --config elsewhere.
type Setup struct {
	Version int `yaml:"version"`
	// WrittenBy is the clawsetup that brought the file to this version, or the latest one
	// that changed it since: what one that is too old for it tells the operator to install.
	WrittenBy string        `yaml:"written_by,omitempty"`
	API       APISetup      `yaml:"api"`
	Key       KeySetup      `yaml:"key,omitempty"`
	Store     secrets.Kind  `yaml:"store"`
	Models    ModelsSetup   `yaml:"models"`
	Image     ImageSetup    `yaml:"image"`
	Port      int           `yaml:"port"`
	Egress    EgressSetup   `yaml:"egress,omitempty"`
	Login     LoginSetup    `yaml:"login,omitempty"`
	Dir       string        `yaml:"dir,omitempty"`
	OpenClaw  OpenClawSetup `yaml:"openclaw"`
	Claude    ClaudeSetup   `yaml:"claude"`
	// Watch says that doctor runs every day.
	Watch WatchSetup `yaml:"watch,omitempty"`
	// Waivers are findings of doctor that the operator accepts for a while.
	Waivers []doctor.Waiver `yaml:"waivers,omitempty"`
}

// APISetup is the cloud.ru endpoint.
type APISetup struct {
	Base         string `yaml:"base"`
	AllowPrivate bool   `yaml:"allow_private,omitempty"`
}

// KeySetup is what is known of the API key: never the key.
type KeySetup struct {
	Label string `yaml:"label,omitempty"`
	// Fingerprint tells two keys apart; only this installation can compute it.
	Fingerprint string `yaml:"fingerprint,omitempty"`
	// Added is the day the key was stored, from which its age counts.
	Added string `yaml:"added,omitempty"`
}

// Age is the number of whole days since the key was stored; ok is false when
// that is not recorded.
func (k KeySetup) Age(now time.Time) (days int, ok bool) {
	added, err := time.Parse(time.DateOnly, k.Added)
	if err != nil {
		return 0, false
	}
	return int(now.UTC().Sub(added).Hours() / 24), true
}

// ModelsSetup maps Claude Code's three sizes to models of cloud.ru.
type ModelsSetup struct {
	Preset string     `yaml:"preset"`
	Big    ModelSetup `yaml:"big"`
	Middle ModelSetup `yaml:"middle"`
	Small  ModelSetup `yaml:"small"`
}

// ModelSetup is one model.
type ModelSetup struct {
	ID string `yaml:"id"`
	// Context is the length of the context window in tokens.
	Context int `yaml:"context"`
	// LeavesRussia says that what is sent to the model may leave Russia.
	LeavesRussia bool `yaml:"leaves_russia,omitempty"`
}

// ImageSetup is the proxy image and why it is trusted (S-03).
type ImageSetup struct {
	Reference string `yaml:"reference"`
	// Digest is the pin: what the reference named when it was trusted, or the platform's
	// manifest in it when that alone was vouched for.
	Digest string `yaml:"digest,omitempty"`
	// PlatformDigest and ConfigDigest are of the platform's manifest and configuration
	// that were looked at: status compares them with what the engine has, without the
	// registry. A file of an earlier clawsetup lacks the latter.
	PlatformDigest string `yaml:"platform_digest,omitempty"`
	ConfigDigest   string `yaml:"config_digest,omitempty"`
	// Trust says what vouched for the digest: expected, known-good, signature or
	// first-use.
	Trust     string   `yaml:"trust,omitempty"`
	CosignKey string   `yaml:"cosign_key,omitempty"`
	KnownGood []string `yaml:"known_good,omitempty"`
	RunAs     string   `yaml:"run_as,omitempty"`
	// Hardening is what the image was shown to survive.
	Hardening HardeningSetup `yaml:"hardening,omitempty"`
}

// LoginSetup says whether the stack is started when the operator logs in.
type LoginSetup struct {
	Start bool `yaml:"start,omitempty"`
	// DockerHost is the engine that the operator's shell named.
	DockerHost string `yaml:"docker_host,omitempty"`
}

// WatchSetup says whether doctor runs by itself, and tells who reads the system's log.
type WatchSetup struct {
	Start bool `yaml:"start,omitempty"`
	// DockerHost is the engine that the operator's shell named.
	DockerHost string `yaml:"docker_host,omitempty"`
}

// EgressSetup is where the proxy's container can get to (E-01).
type EgressSetup struct {
	// Open says that there is no gateway: the container reaches the whole Internet.
	Open bool `yaml:"open,omitempty"`
	// Gateway is the id of the gateway's image in the engine.
	Gateway string `yaml:"gateway,omitempty"`
}

// OpenClawSetup is the OpenClaw installation to configure.
type OpenClawSetup struct {
	// Mode is auto, plugin, builtin, legacy or none.
	Mode   string `yaml:"mode"`
	Config string `yaml:"config,omitempty"`
	// Version and Contract are of the OpenClaw that the file was written for; Version
	// is empty when none was installed.
	Version  string            `yaml:"version,omitempty"`
	Contract openclaw.Contract `yaml:"contract,omitempty"`
	// Hardening are the parts of OpenClaw's own hardening: all, none or names.
	Hardening string `yaml:"hardening,omitempty"`
	// Kept are the keys in which the operator's own value stays, although the hardening
	// has another.
	Kept []string `yaml:"kept,omitempty"`
}

// ClaudeSetup is the Claude Code program that OpenClaw may run (E-04).
type ClaudeSetup struct {
	Path    string `yaml:"path,omitempty"`
	Version string `yaml:"version,omitempty"`
	SHA256  string `yaml:"sha256,omitempty"`
	// RetentionDays is how long transcripts are kept; 0 keeps none, and every turn
	// starts without what was said before (I-03).
	RetentionDays int `yaml:"retention_days,omitempty"`
	// Managed says that every Claude Code of this host is without tools (E-02).
	Managed bool `yaml:"managed,omitempty"`
}

// longestRetention bounds RetentionDays.
const longestRetention = 365

const setupHeader = `# Written by clawsetup init; "clawsetup init --config FILE" makes the same set-up elsewhere.
# There is no secret in this file.
`

// Marshal is the content of setup.yaml.
func (s Setup) Marshal() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(setupHeader)
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(s), e.Close()); err != nil {
		return nil, fmt.Errorf("encoding the set-up: %w", err)
	}
	return b.Bytes(), nil
}

// ParseSetup reads setup.yaml strictly: an unknown or repeated key, a second
// document or a value of the wrong form is an error that names the line. An older version
// of the file is brought to this one in memory; a newer one is ErrNewerSetup, and one that
// is no whole number ErrSetupVersion, whatever else is in the file.
func ParseSetup(b []byte) (Setup, error) {
	if len(b) > largestSetup {
		return Setup{}, fmt.Errorf("%w: %d bytes", files.ErrTooLarge, len(b))
	}
	b, err := migrated(b)
	if err != nil {
		return Setup{}, err
	}
	var s Setup
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return Setup{}, errors.New(text.Clean(err.Error(), 300))
	}
	return s, s.check()
}

// LoadSetup reads the Setup at path; nil when there is none.
func (w *Wizard) LoadSetup(path string) (*Setup, error) {
	s, _, err := w.loadSetup(path)
	return s, err
}

func (w *Wizard) loadSetup(path string) (*Setup, files.File, error) {
	f, err := w.Disk.Read(path, largestSetup)
	if err != nil || !f.Exists {
		return nil, f, err
	}
	s, err := w.parseSetup(f.Data)
	if err != nil {
		return nil, f, unread(path, err)
	}
	return &s, f, nil
}

// unread says which file could not be read as a Setup; one of another clawsetup is not
// broken.
func unread(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	if otherProgram(err) {
		return err
	}
	return hint.With(err, "setup-broken", path)
}

// ReadSetup reads the file that the operator named with --config.
func (w *Wizard) ReadSetup(path string) (*Setup, error) {
	b, err := w.Disk.ReadForeign(path, largestSetup)
	if err != nil {
		return nil, err
	}
	s, err := w.parseSetup(b)
	if err != nil {
		return nil, unread(path, err)
	}
	return &s, nil
}

// StackDir is the folder of the compose file.
func (s Setup) StackDir(p Paths) string {
	if s.Dir != "" {
		return s.Dir
	}
	return p.Config
}

// consents are the risks that the operator takes with s; before is the set-up in
// use, whose image needs no new word.
func (s Setup) consents(before Setup) []Note {
	var out []Note
	if s.API.AllowPrivate {
		out = append(out, Note{ID: "allow-private-api", State: Attention, Args: []any{s.API.Base}})
	}
	if s.Image.Trust == trustFirstUse && s.Image.Digest != before.Image.Digest {
		out = append(out, Note{ID: "trust-first-use", State: Attention, Args: []any{s.Image.Digest}})
	}
	if s.Egress.Open {
		out = append(out, Note{ID: "egress-open", State: Attention, Args: []any{s.API.Base}})
	}
	if s.Claude.Managed && !before.Claude.Managed {
		out = append(out, Note{ID: "managed-settings", State: Attention})
	}
	for _, r := range s.Image.Hardening.Relaxed {
		if s.Image.Digest != before.Image.Digest || !slices.ContainsFunc(before.Image.Hardening.Relaxed, r.same) {
			out = append(out, r.note())
		}
	}
	seen := map[string]bool{}
	for _, m := range []ModelSetup{s.Models.Big, s.Models.Middle, s.Models.Small} {
		if m.LeavesRussia && !seen[m.ID] {
			out = append(out, Note{ID: "model-leaves-russia", State: Attention, Args: []any{m.ID}})
		}
		seen[m.ID] = true
	}
	return out
}

// ProxyURL is where Claude Code finds the proxy: the literal address, since
// "localhost" may be someone else's [::1] (S-01, S-02).
func (s Setup) ProxyURL() string { return fmt.Sprintf("http://127.0.0.1:%d", s.Port) }

// cutLabel makes a key label printable and short.
func cutLabel(s string) string { return text.Clean(strings.TrimSpace(s), 64) }

// StoreOf opens the secret store of the set-up in the file at path, for programs
// that run outside of the operator's session and environment; an empty path is this
// user's own.
func (w *Wizard) StoreOf(path string) (secrets.Store, error) {
	of := Wizard{Paths: w.Paths, Disk: w.Disk, Version: w.Version, Keyring: w.Keyring}
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", path, err)
		}
		if filepath.Base(abs) != filepath.Base(w.Paths.SetupFile()) {
			return nil, fmt.Errorf("%s is not called %s", abs, filepath.Base(w.Paths.SetupFile()))
		}
		if dir := filepath.Dir(abs); dir != w.Paths.Config {
			of.Paths.Config = dir
			of.Keyring = secrets.NewKeyring(of.Paths.Scope())
		}
	}
	s, _, err := of.present()
	if err != nil {
		return nil, err
	}
	return of.store(s.Store, s.StackDir(of.Paths)), nil
}
