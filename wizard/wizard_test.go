package wizard_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/claude"
	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/engine"
	"github.com/clawsetup/clawsetup/wizard/files"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/openclaw"
)

const (
	firstKey  = "first-api-key-0123456789"
	secondKey = "second-api-key-9876543210"
)

// host is a scratch home with simulators of cloud.ru and a registry.
type host struct {
	*wizard.Wizard
	t        *testing.T
	home     string
	claude   string
	cloud    *cloudrutest.Server
	api      string
	registry *imagetest.Registry
	image    imagetest.Pushed
	keyring  *memory
	clock    time.Time
	port     string
}

func newHost(t *testing.T) *host {
	t.Helper()
	home := t.TempDir()
	h := &host{t: t, home: home, keyring: newMemory(), clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	h.cloud = cloudrutest.NewHandler(cloudrutest.WithKey(secrets.New([]byte(firstKey))), cloudrutest.WithKey(secrets.New([]byte(secondKey))))
	api, err := h.cloud.Start()
	must(t, err)
	t.Cleanup(func() { _ = api.Close() })
	h.api = api.URL.String()
	h.registry = imagetest.NewRegistry()
	must(t, h.registry.Start())
	t.Cleanup(func() { _ = h.registry.Close() })
	h.image, err = h.registry.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{})
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(home, "bin"), 0o700))
	h.claude = fakeClaude(t, h.path("bin/claude"))
	h.Wizard = h.wizard(&files.Disk{})
	h.port = freePort(t)
	return h
}

// fakeClaude is a program that knows its version, and where it is.
func fakeClaude(t *testing.T, path string) string {
	t.Helper()
	script := "#!/bin/sh\necho '2.1.330 (Claude Code)'\n"
	if runtime.GOOS == "windows" {
		path, script = path+".cmd", "@echo 2.1.330 (Claude Code)\r\n"
	}
	must(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

// freePort is one that nobody listens on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	return port
}

// wizard is a new process on the host.
func (h *host) wizard(disk *files.Disk) *wizard.Wizard {
	return &wizard.Wizard{
		Paths: wizard.Paths{
			Config: h.path("config/clawsetup"), State: h.path("state/clawsetup"), Runtime: h.path("run/clawsetup"), Home: h.home,
		},
		Disk: disk, Version: "test", Executable: h.claude, Keyring: h.keyring, Keychain: image.Anonymous,
		Programs: wizard.Programs{
			OpenClaw: func(context.Context) (openclaw.Install, error) { return openclaw.Install{}, openclaw.ErrNotInstalled },
			Claude:   claude.Find,
		},
		Engine:   func(context.Context) (*engine.Engine, error) { return nil, engine.ErrAbsent },
		EngineAt: func(context.Context, engine.Endpoint) (*engine.Engine, error) { return nil, engine.ErrAbsent },
		Gateway: func() (engine.GatewayImage, error) {
			return engine.NewGatewayImage([]byte("a program"), "amd64", "clawsetup-test")
		},
		Now: func() time.Time { return h.clock }, Getenv: func(string) string { return "" },
		ContainerUser: "65532:65532",
	}
}

func (h *host) path(name string) string { return filepath.Join(h.home, filepath.FromSlash(name)) }

func (h *host) given(values map[string]string) wizard.Given {
	g := wizard.Given{
		Key: secrets.New([]byte(firstKey)), AllowPrivate: true, TrustFirstUse: true,
		Values: map[string]string{
			"api-base": h.api, "image": h.image.Reference, "claude": h.claude, "store": "docker", "port": h.port,
			"openclaw-config": h.path("openclaw/openclaw.json"),
		},
	}
	for k, v := range values {
		g.Values[k] = v
	}
	return g
}

// finish answers every open question with its default, plans and applies.
func finish(t *testing.T, s wizard.Session) (*wizard.Plan, wizard.Result, error) {
	t.Helper()
	ctx := context.Background()
	for {
		q, err := s.Next(ctx)
		if err != nil {
			return nil, wizard.Result{}, err
		}
		if q == nil {
			break
		}
		if err := s.Answer(ctx, q, wizard.Answer{Value: q.Default}); err != nil {
			return nil, wizard.Result{}, err
		}
	}
	p, err := s.Plan(ctx)
	if err != nil {
		return nil, wizard.Result{}, err
	}
	r, err := s.Apply(ctx, p, nil)
	return p, r, err
}

// until answers with the defaults up to the question of that id.
func (h *host) until(s *wizard.InitSession, id string) *wizard.Question {
	h.t.Helper()
	for {
		q, err := s.Next(h.t.Context())
		must(h.t, err)
		if q == nil {
			h.t.Fatalf("%s is not asked", id)
		}
		if q.ID == id {
			return q
		}
		must(h.t, s.Answer(h.t.Context(), q, wizard.Answer{Value: q.Default}))
	}
}

func (h *host) init(values map[string]string) (*wizard.Plan, wizard.Result, error) {
	h.t.Helper()
	s, err := h.NewInit(context.Background(), h.given(values))
	if err != nil {
		return nil, wizard.Result{}, err
	}
	return finish(h.t, s)
}

func (h *host) mustInit(values map[string]string) (*wizard.Plan, wizard.Result) {
	h.t.Helper()
	p, r, err := h.init(values)
	must(h.t, err)
	return p, r
}

// tree is every file of the home with mode and content.
func (h *host) tree() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	must(h.t, filepath.WalkDir(h.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		out[filepath.ToSlash(strings.TrimPrefix(path, h.home+string(filepath.Separator)))] = st.Mode().String() + " " + string(b)
		return err
	}))
	return out
}

// shown is what this system says of a file that was given that mode.
func shown(mode string) string {
	if runtime.GOOS == "windows" {
		return "-rw-rw-rw-"
	}
	return mode
}

func (h *host) verify() {
	h.t.Helper()
	hist, err := h.History(context.Background())
	must(h.t, err)
	if hist.KeysErr != nil || hist.Report.Failed() || hist.Report.Torn > 0 || !hist.Report.Complete() {
		h.t.Fatalf("the journal: %+v, keys %v", hist.Report, hist.KeysErr)
	}
	for _, err := range hist.Records() {
		must(h.t, err)
	}
}

// unanchored counts the records that the anchor does not know of.
func (h *host) unanchored() uint64 {
	h.t.Helper()
	hist, err := h.History(context.Background())
	must(h.t, err)
	return hist.Report.Anchor.Ahead
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memory is a keyring in memory.
type memory struct {
	mu    sync.Mutex
	items map[string]string
	down  error
}

func newMemory() *memory { return &memory{items: map[string]string{}} }

func (m *memory) Kind() secrets.Kind { return secrets.KindKeyring }

func (m *memory) Get(_ context.Context, name string) (secrets.Secret, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return secrets.Secret{}, m.down
	}
	v, ok := m.items[name]
	if !ok {
		return secrets.Secret{}, secrets.ErrNotFound
	}
	return secrets.New([]byte(v)), nil
}

func (m *memory) Set(_ context.Context, name string, s secrets.Secret) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	m.items[name] = string(s.Expose())
	return nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, name)
	return m.down
}

func (m *memory) Reachable(context.Context) error { return m.down }
func (m *memory) Probe(context.Context) error     { return m.down }

var errDown = errors.New("the keyring is down")
