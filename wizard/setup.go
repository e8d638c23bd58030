package wizard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/templates"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// SetupVersion is the version of setup.yaml that this program writes.
const SetupVersion = 1

// largestSetup bounds the setup.yaml that is read, in bytes.
const largestSetup = 256 << 10

// ErrNewerSetup says that a newer clawsetup wrote the file.
var ErrNewerSetup = errors.New("was written by a newer clawsetup")

// Setup is what the operator wants. It holds no secret, only where secrets live:
// the file can be reviewed, committed and used with --config elsewhere.
type Setup struct {
	Version  int           `yaml:"version"`
	API      APISetup      `yaml:"api"`
	Key      KeySetup      `yaml:"key,omitempty"`
	Store    secrets.Kind  `yaml:"store"`
	Models   ModelsSetup   `yaml:"models"`
	Image    ImageSetup    `yaml:"image"`
	Port     int           `yaml:"port"`
	Egress   EgressSetup   `yaml:"egress,omitempty"`
	Login    LoginSetup    `yaml:"login,omitempty"`
	Dir      string        `yaml:"dir,omitempty"`
	OpenClaw OpenClawSetup `yaml:"openclaw"`
	Claude   ClaudeSetup   `yaml:"claude"`
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
	// Digest is the pin: what the reference named when it was trusted.
	Digest         string `yaml:"digest,omitempty"`
	PlatformDigest string `yaml:"platform_digest,omitempty"`
	// Trust says what vouched for the digest: expected, known-good, signature or
	// first-use.
	Trust     string   `yaml:"trust,omitempty"`
	CosignKey string   `yaml:"cosign_key,omitempty"`
	KnownGood []string `yaml:"known_good,omitempty"`
	RunAs     string   `yaml:"run_as,omitempty"`
	// Hardening is what the image was shown to survive.
	Hardening HardeningSetup `yaml:"hardening,omitempty"`
}

// HardeningSetup is what was found out by trying the image with dummy secrets in a
// container without a network (E-01).
type HardeningSetup struct {
	// Tried is the digest that was tried; of another image nothing is known.
	Tried string `yaml:"tried,omitempty"`
	// Relaxed are the controls that the image cannot live with.
	Relaxed []Relaxed `yaml:"relaxed,omitempty"`
}

// Relaxed is one control that was given up for an image, and why.
type Relaxed struct {
	What    Relaxation `yaml:"what" json:"what"`
	Path    string     `yaml:"path,omitempty" json:"path,omitempty"`
	Control string     `yaml:"control" json:"control"`
	Why     string     `yaml:"why" json:"why"`
}

// Relaxation names a control that can be given up for an image.
type Relaxation string

// The relaxations, in the order in which they are tried.
const (
	// RelaxLauncher: the image has no shell; clawsetup is mounted to read the secrets.
	RelaxLauncher Relaxation = "launcher"
	// RelaxTmpfs: the image writes to a folder, which becomes a temporary one.
	RelaxTmpfs Relaxation = "tmpfs"
	// RelaxSeccomp: the engine's own system call filter in place of ours.
	RelaxSeccomp Relaxation = "seccomp"
	// RelaxRoot: the image runs as root, without capabilities.
	RelaxRoot Relaxation = "root"
)

// LoginSetup says whether the stack is started when the operator logs in.
type LoginSetup struct {
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
}

// ClaudeSetup is the Claude Code program that OpenClaw may run (E-04).
type ClaudeSetup struct {
	Path    string `yaml:"path,omitempty"`
	Version string `yaml:"version,omitempty"`
	SHA256  string `yaml:"sha256,omitempty"`
	// RetentionDays is how long transcripts are kept; 0 keeps none, and every turn
	// starts without what was said before (I-03).
	RetentionDays int `yaml:"retention_days,omitempty"`
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
// document or a value of the wrong form is an error that names the line.
func ParseSetup(b []byte) (Setup, error) {
	if len(b) > largestSetup {
		return Setup{}, fmt.Errorf("%w: %d bytes", files.ErrTooLarge, len(b))
	}
	var version struct {
		Version int `yaml:"version"`
	}
	if err := yaml.Unmarshal(b, &version); err == nil && version.Version > SetupVersion {
		return Setup{}, hint.With(fmt.Errorf("%w: version %d, this one knows %d", ErrNewerSetup, version.Version, SetupVersion), "newer-setup")
	}
	var s Setup
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		if errors.Is(err, io.EOF) {
			return Setup{}, errors.New("the file is empty")
		}
		return Setup{}, errors.New(text.Clean(err.Error(), 300))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Setup{}, errors.New("there is a second YAML document in the file")
	}
	return s, s.check()
}

// check refuses what would later reach a file or a command line unseen.
func (s Setup) check() error {
	if s.Version != SetupVersion {
		return fmt.Errorf("version: %d is not %d", s.Version, SetupVersion)
	}
	if s.Store != "" && s.Store != secrets.KindKeyring && s.Store != secrets.KindDocker {
		return fmt.Errorf("store: %q is neither keyring nor docker", text.Clean(string(s.Store), 40))
	}
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("port: %d is not between 1 and 65535", s.Port)
	}
	if d := s.Claude.RetentionDays; d < 0 || d > longestRetention {
		return fmt.Errorf("claude.retention_days: %d is not between 0 and %d", d, longestRetention)
	}
	if s.Image.Digest != "" {
		if _, err := image.ParseDigest(s.Image.Digest); err != nil {
			return fmt.Errorf("image.digest: %w", err)
		}
	}
	if err := s.checkHardening(); err != nil {
		return err
	}
	for i, d := range s.Image.KnownGood {
		if _, err := image.ParseDigest(d); err != nil {
			return fmt.Errorf("image.known_good, entry %d: %w", i+1, err)
		}
	}
	if s.Key.Added != "" {
		if _, err := time.Parse(time.DateOnly, s.Key.Added); err != nil {
			return fmt.Errorf("key.added: %q is not a date like 2026-11-22", text.Clean(s.Key.Added, 40))
		}
	}
	for name, v := range s.strings() {
		if v != text.Clean(v, 4096) {
			return fmt.Errorf("%s: holds control or invisible characters", name)
		}
	}
	for name, p := range map[string]string{"dir": s.Dir, "openclaw.config": s.OpenClaw.Config, "claude.path": s.Claude.Path, "image.cosign_key": s.Image.CosignKey} {
		if p != "" && !filepath.IsAbs(p) {
			return fmt.Errorf("%s: %q is not an absolute path", name, text.Clean(p, 200))
		}
	}
	return nil
}

func (s Setup) checkHardening() error {
	for name, d := range map[string]string{"image.hardening.tried": s.Image.Hardening.Tried, "egress.gateway": s.Egress.Gateway} {
		if d == "" {
			continue
		}
		if _, err := image.ParseDigest(d); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for i, r := range s.Image.Hardening.Relaxed {
		where := fmt.Sprintf("image.hardening.relaxed, entry %d", i+1)
		if !slices.Contains(relaxations, r.What) {
			return fmt.Errorf("%s: %q is no relaxation", where, text.Clean(string(r.What), 40))
		}
		if (r.What == RelaxTmpfs) != (r.Path != "") {
			return fmt.Errorf("%s: a path goes with %s alone", where, RelaxTmpfs)
		}
		if r.Path != "" {
			if err := templates.CheckTmpfs(r.Path); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
		if r.Control != text.Clean(r.Control, 20) || r.Why != text.Clean(r.Why, longestWhy) {
			return fmt.Errorf("%s: holds control or invisible characters", where)
		}
	}
	return nil
}

// longestWhy bounds the reason of a relaxation, in characters.
const longestWhy = 300

var relaxations = []Relaxation{RelaxLauncher, RelaxTmpfs, RelaxSeccomp, RelaxRoot}

// relaxed tells whether a control was given up for the present image.
func (s Setup) relaxed(what Relaxation) bool {
	return slices.ContainsFunc(s.Image.Hardening.Relaxed, func(r Relaxed) bool { return r.What == what })
}

func (s Setup) strings() map[string]string {
	return map[string]string{
		"api.base": s.API.Base, "key.label": s.Key.Label, "key.fingerprint": s.Key.Fingerprint,
		"models.preset": s.Models.Preset, "models.big.id": s.Models.Big.ID,
		"models.middle.id": s.Models.Middle.ID, "models.small.id": s.Models.Small.ID,
		"image.reference": s.Image.Reference, "image.trust": s.Image.Trust, "image.cosign_key": s.Image.CosignKey,
		"image.run_as": s.Image.RunAs, "dir": s.Dir, "openclaw.mode": s.OpenClaw.Mode,
		"openclaw.config": s.OpenClaw.Config, "claude.path": s.Claude.Path, "claude.version": s.Claude.Version,
		"claude.sha256": s.Claude.SHA256, "login.docker_host": s.Login.DockerHost,
	}
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
	s, err := ParseSetup(f.Data)
	if err != nil {
		return nil, f, hint.With(fmt.Errorf("%s: %w", path, err), "setup-broken", path)
	}
	return &s, f, nil
}

// ReadSetup reads the file that the operator named with --config.
func (w *Wizard) ReadSetup(path string) (*Setup, error) {
	b, err := w.Disk.ReadForeign(path, largestSetup)
	if err != nil {
		return nil, err
	}
	s, err := ParseSetup(b)
	if err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", path, err), "setup-broken", path)
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

// same tells whether two relaxations give up the same thing.
func (r Relaxed) same(other Relaxed) bool { return r.What == other.What && r.Path == other.Path }

func (r Relaxed) note() Note {
	n := Note{ID: "relaxed-" + string(r.What), State: Attention, Args: []any{r.Why}}
	if r.Path != "" {
		n.Args = []any{r.Path, r.Why}
	}
	return n
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
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, fmt.Errorf("finding %s: %w", path, err)
		}
		if filepath.Base(abs) != filepath.Base(w.Paths.SetupFile()) {
			return nil, fmt.Errorf("%s is not called %s", abs, filepath.Base(w.Paths.SetupFile()))
		}
		w.Paths.Config = filepath.Dir(abs)
	}
	s, _, err := w.present()
	if err != nil {
		return nil, err
	}
	if s.Store == secrets.KindKeyring {
		return secrets.NewKeyring(w.Paths.Scope()), nil
	}
	return w.store(s.Store, s.StackDir(w.Paths)), nil
}
