package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/compose"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/journal"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
	"github.com/clawsetup/clawsetup/wizard/proc"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// Host says where to look, and remembers what was read. Make one for each examination.
type Host struct {
	// Home is the operator's home folder, Work the one that the program was started in.
	Home, Work string
	// OS is the operating system, as GOOS names it; UID the operator's number.
	OS  string
	UID int
	// Disk reads files, Proc what the kernel says, Getenv the operator's environment.
	Disk   *files.Disk
	Proc   proc.System
	Getenv func(string) string
	Now    func() time.Time

	// OpenClawConfig is the openclaw.json that OpenClaw reads, ManagedFile where Claude
	// Code looks for settings of the whole host (empty where that is not known).
	OpenClawConfig, ManagedFile string
	// OpenClaw finds the one that is installed.
	OpenClaw func(context.Context) (openclaw.Install, error)

	// Containers are those of the set-up, or those that look like a hand-made one, with
	// the engine's word on itself.
	Containers func(context.Context) (Containers, error)
	// API is the base address of cloud.ru; Handshake opens a
	// connection to it, nothing else.
	API       string
	Handshake func(context.Context, string) (Handshake, error)

	// Made is what clawsetup knows of an installation of its own; nil for another.
	Made *Made
	// SetupFile is where its set-up would be, SetupErr why that cannot be read.
	SetupFile string
	SetupErr  error

	mu    sync.Mutex
	reads map[string]func() *reading
	once  map[string]func() (any, error)
}

// Made is an installation of clawsetup's own.
type Made struct {
	// ConfigDir, StateDir, RuntimeDir and StackDir are its folders, SetupFile and LockFile
	// its files.
	ConfigDir, StateDir, RuntimeDir, StackDir string
	SetupFile, LockFile                       string
	// Program is the clawsetup that Claude Code and OpenClaw ask for secrets.
	Program string
	// Store is where the secrets are: keyring or docker.
	Store secrets.Kind
	// Port is the proxy's on 127.0.0.1.
	Port int
	// KeyAdded is when the API key was stored, zero when that is not recorded; KeyLabel
	// its name at cloud.ru.
	KeyAdded time.Time
	KeyLabel string
	// NoAgent says that no OpenClaw is configured.
	NoAgent bool
	// Contract is what openclaw.json was written for, Parts the hardening that was taken,
	// Kept the keys in which the operator's own value stays.
	Contract openclaw.Contract
	Parts    []openclaw.Part
	Kept     []string
	// AgentDir is our folder beside openclaw.json, ClaudeDir Claude Code's in it.
	AgentDir, ClaudeDir, ClaudeSettings string
	// ClaudePath is the program, ClaudeSHA256 its digest when it was chosen; RetentionDays
	// how long transcripts are kept, 0 for not at all; TurnSeconds the budget of a turn.
	ClaudePath, ClaudeSHA256   string
	RetentionDays, TurnSeconds int
	// Managed says that every Claude Code of the host is to be without tools.
	Managed bool
	// Relaxed are the controls that were given up for the image or the engine, with
	// consent; Expected what the compose file must say; EgressOpen that the proxy
	// reaches the whole Internet.
	Relaxed    []Relaxed
	Expected   compose.Made
	EgressOpen bool
	// ComposeName and EnvName are the names of the stack's files in StackDir.
	ComposeName, EnvName string
	// Waivers are findings that the operator accepts.
	Waivers []Waiver
	// Refused are entries of setup.yaml that would make doctor milder and do not count: no
	// record holds the operator's consent. RefusedErr is why the records could not be read.
	Refused    []string
	RefusedErr error

	// Secrets are the values that must not be found anywhere, by name.
	Secrets func(context.Context) (map[string]secrets.Secret, error)
	// Proofs are what wizard.Status proves of the running stack; running is false when
	// there is nothing to prove.
	Proofs func(context.Context) (results []proof.Result, running bool, err error)
	// Drift are our files, and whether they are what was written last.
	Drift func(context.Context) ([]Drift, error)
	// Journal verifies the record of changes.
	Journal func(context.Context) (Journal, error)
}

// Relaxed is a control that was given up.
type Relaxed struct{ What, Control, Why string }

// Drift is a file of ours.
type Drift struct {
	Path string
	// Shared says that only some settings in it are ours.
	Shared, Edited bool
	// Err is why it could not be read.
	Err error
}

// Journal is what verification found.
type Journal struct {
	Report journal.Report
	// KeysErr is why the seals were not checked; Unvouched that nobody but the journal itself
	// says where their keys are.
	KeysErr   error
	Unvouched bool
	// KeyringErr is why the keyring could not be asked whether it knows another journal.
	KeyringErr error
	// Missing counts snapshots that records name and that are gone.
	Missing int
	// Pending is a transaction that was begun and neither finished nor taken back.
	Pending bool
}

// Containers are what the engine says.
type Containers struct {
	// Architecture is the engine's, Built what each image was built for, by the id in
	// Container.Image; empty where the engine does not say.
	Architecture string
	Built        map[string]string
	List         []engine.Container
}

// Handshake is what the API host showed when a TLS connection was opened to it.
type Handshake struct {
	// Version is as crypto/tls has it; Expires the end of the first certificate of the
	// chain that ends.
	Version uint16
	Expires time.Time
}

// reading is a file that was read, or why it was not.
type reading struct {
	path   string
	exists bool
	data   []byte
	mode   fs.FileMode
	err    error
}

// Bounds of what is read of one file, in bytes.
const (
	mostConfig  = openclaw.MaxConfig
	mostHistory = 4 << 20
)

// read reads a file once: links are followed, but only a regular file of at most
// mostConfig bytes is read, and nothing waits for a fifo. A missing one is no error.
func (h *Host) read(path string) *reading {
	h.mu.Lock()
	if h.reads == nil {
		h.reads = map[string]func() *reading{}
	}
	f, ok := h.reads[path]
	if !ok {
		f = sync.OnceValue(func() *reading { return h.readNow(path) })
		h.reads[path] = f
	}
	h.mu.Unlock()
	return f() // a file system that hangs holds up those alone who ask for this file
}

func (h *Host) readNow(path string) *reading {
	r := &reading{path: path}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r
	case err != nil:
		r.err = err
		return r
	}
	r.exists, r.mode = true, st.Mode()
	r.data, r.err = h.Disk.ReadForeign(path, mostConfig)
	return r
}

// remembered calls make once for each name.
func remembered[T any](h *Host, name string, make func() (T, error)) (T, error) {
	h.mu.Lock()
	if h.once == nil {
		h.once = map[string]func() (any, error){}
	}
	f, ok := h.once[name]
	if !ok {
		f = sync.OnceValues(func() (any, error) { return make() })
		h.once[name] = f
	}
	h.mu.Unlock()
	v, err := f()
	out, _ := v.(T)
	return out, err
}

// openClawDir is the folder of openclaw.json.
func (h *Host) openClawDir() string { return filepath.Dir(h.OpenClawConfig) }

// private tells whether group and others have no right to a file or folder. Windows
// has no such bits.
func (h *Host) private(mode fs.FileMode) bool { return h.OS == "windows" || mode.Perm()&0o077 == 0 }
