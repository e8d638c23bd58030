package wizard_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/doctor"
	"github.com/clawsetup/clawsetup/wizard/image"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
	"github.com/clawsetup/clawsetup/wizard/journal"
)

func TestInitWritesTheSetup(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		t.Run(store, func(t *testing.T) {
			h := newHost(t)
			_, r := h.mustInit(map[string]string{"store": store})
			if !r.Changed || len(r.Records) == 0 {
				t.Fatalf("result %+v", r)
			}
			tree := h.tree()
			for _, name := range []string{
				"config/clawsetup/setup.yaml", "config/clawsetup/.env", "config/clawsetup/seccomp.json",
				"config/clawsetup/docker-compose.cloudru-proxy.yml", "config/clawsetup/.gitignore",
				"openclaw/openclaw.json", "openclaw/clawsetup/claude/settings.json", "openclaw/clawsetup/cloudru-claude/index.js",
			} {
				if !strings.HasPrefix(tree[name], shown("-rw-------")+" ") {
					t.Errorf("%s: %.20q", name, tree[name])
				}
			}
			if store == "docker" && !strings.HasPrefix(tree["config/clawsetup/secrets/cloudru_api_key"], shown("-r--r--r--")+" "+firstKey) {
				t.Errorf("the key file: %.20q", tree["config/clawsetup/secrets/cloudru_api_key"])
			}
			if store == "keyring" && (h.keyring.items[secrets.APIKey] != firstKey || tree["config/clawsetup/secrets/cloudru_api_key"] != "") {
				t.Error("the key is not in the keyring alone")
			}
			h.verify()
		})
	}
}

// TestConsentsAreRecorded: the journal tells which risks were accepted.
func TestConsentsAreRecorded(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	hist, err := h.History(context.Background())
	must(t, err)
	for r, err := range hist.Records() {
		must(t, err)
		if r.Event == journal.ConsentGiven {
			if r.Detail["trust-first-use"] != h.image.Digest || r.Detail["allow-private-api"] != h.api {
				t.Fatalf("%v", r.Detail)
			}
			return
		}
	}
	t.Fatal("no record of the consents")
}

// TestInitTwice: the second run changes no byte, and says so.
func TestInitTwice(t *testing.T) {
	for _, store := range []string{"docker", "keyring"} {
		h := newHost(t)
		h.mustInit(map[string]string{"store": store})
		before := h.tree()
		given := h.given(nil)
		given.Values = map[string]string{}
		given.Key = secrets.Secret{}
		given.TrustFirstUse, given.AllowPrivate = false, false
		s, err := h.NewInit(context.Background(), given)
		must(t, err)
		if m := s.Missing(context.Background()); len(m) != 0 {
			t.Fatalf("missing %v", m)
		}
		p, r, err := finish(t, s)
		must(t, err)
		if !p.Empty() || r.Changed {
			t.Fatalf("%s: the second run changes %v %v", store, p.Changes, p.Secrets)
		}
		same(t, before, h.tree())
	}
}

func TestMissing(t *testing.T) {
	h := newHost(t)
	h.keyring.down = errDown
	s, err := h.NewInit(context.Background(), wizard.Given{Values: map[string]string{"openclaw-mode": "none"}})
	must(t, err)
	got := s.Missing(context.Background())
	want := "[[--key-stdin --key-file] [--image-digest --cosign-key --trust-first-use] [--store]]"
	if text := strings.ReplaceAll(strings.ReplaceAll(sprint(got), "\n", ""), "  ", " "); text != want {
		t.Fatalf("missing %s", text)
	}
}

// TestDryRunWritesNothing: not even a folder, nor a probe of the keyring.
func TestDryRunWritesNothing(t *testing.T) {
	h := newHost(t)
	before := h.tree()
	g := h.given(map[string]string{"store": "keyring"})
	g.DryRun, g.Key = true, secrets.Secret{}
	s, err := h.NewInit(context.Background(), g)
	must(t, err)
	for {
		q, err := s.Next(context.Background())
		must(t, err)
		if q == nil {
			break
		}
		must(t, s.Answer(context.Background(), q, wizard.Answer{Value: q.Default}))
	}
	p, err := s.Plan(context.Background())
	must(t, err)
	if p.Empty() {
		t.Fatal("nothing is planned")
	}
	same(t, before, h.tree())
	entries, err := os.ReadDir(h.home)
	must(t, err)
	if len(entries) != 1 || len(h.keyring.items) != 0 {
		t.Fatalf("folders %v, keyring %v", entries, h.keyring.items)
	}
}

func TestChangedDigestStops(t *testing.T) {
	h := newHost(t)
	h.mustInit(nil)
	before := h.tree()
	other, err := h.registry.PushProxy("legard/claude-code-proxy", "latest", imagetest.ProxyOptions{Seed: 7})
	must(t, err)
	_, _, err = h.init(nil)
	var changed *image.DigestChangedError
	if !errors.As(err, &changed) || !strings.Contains(err.Error(), h.image.Digest) || !strings.Contains(err.Error(), other.Digest) {
		t.Fatalf("both digests belong into: %v", err)
	}
	same(t, before, h.tree())
	_, r := h.mustInit(map[string]string{"image-digest": other.Digest})
	if !r.Changed {
		t.Fatal("the named digest was not taken")
	}
}

// TestOperatorsFileSurvives: comments, order and unknown keys stay.
func TestOperatorsFileSurvives(t *testing.T) {
	h := newHost(t)
	must(t, os.MkdirAll(h.path("openclaw"), 0o700))
	mine := "// mine\n{\n  channels: { telegram: { botToken: 'tg-secret', enabled: false } }, // keep\n}\n"
	must(t, os.WriteFile(h.path("openclaw/openclaw.json"), []byte(mine), 0o600))
	p, _ := h.mustInit(nil)
	got := h.tree()["openclaw/openclaw.json"]
	for _, s := range []string{"// mine", "'tg-secret'", "// keep"} {
		if !strings.Contains(got, s) {
			t.Errorf("%q is gone", s)
		}
	}
	for _, c := range p.Changes {
		if d := wizard.Diff(c).String(); strings.Contains(d, "tg-secret") {
			t.Errorf("the diff shows the operator's secret:\n%s", d)
		}
	}
	hist, err := h.History(context.Background())
	must(t, err)
	for r, err := range hist.Records() {
		must(t, err)
		if strings.Contains(sprint(r), "tg-secret") {
			t.Errorf("record %d holds the operator's secret", r.Seq)
		}
	}
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, v := range before {
		if after[name] != v {
			t.Errorf("%s changed", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s is new", name)
		}
	}
}

// TestConfigCarriesNoConsent: what was allowed on another host is not allowed here by
// naming that host's file.
func TestConfigCarriesNoConsent(t *testing.T) {
	h := newHost(t)
	base := wizard.Setup{
		Version: wizard.SetupVersion, Egress: wizard.EgressSetup{Open: true}, Login: wizard.LoginSetup{Start: true}, Watch: wizard.WatchSetup{Start: true},
		Waivers: []doctor.Waiver{{Check: "container-root", Reason: "elsewhere", Expires: "2027-01-31"}},
		Image: wizard.ImageSetup{Digest: h.image.Digest, Hardening: wizard.HardeningSetup{
			Tried: h.image.Digest, Relaxed: []wizard.Relaxed{{What: wizard.RelaxRoot, Control: "E-01", Why: "elsewhere"}},
		}},
	}
	g := h.given(nil)
	g.Base = &base
	s, err := h.NewInit(t.Context(), g)
	must(t, err)
	_, _, err = finish(t, s)
	must(t, err)
	setup, err := h.LoadSetup(h.Paths.SetupFile())
	must(t, err)
	if setup.Egress.Open || setup.Egress.Gateway == "" || setup.Login.Start || setup.Watch.Start || len(setup.Waivers) > 0 || setup.Image.Hardening.Tried != "" || len(setup.Image.Hardening.Relaxed) > 0 {
		t.Errorf("egress %+v, login %+v, hardening %+v", setup.Egress, setup.Login, setup.Image.Hardening)
	}
}

// TestPlatformDigestIsPinned: what vouches for the platform's manifest alone does not
// vouch for the index around it, from which an engine could take something else. The
// configuration that was looked at is kept, to be compared with what the engine has.
func TestPlatformDigestIsPinned(t *testing.T) {
	h := newHost(t)
	platform := h.image.Platforms["linux/"+runtime.GOARCH]
	h.mustInit(map[string]string{"image-digest": platform})
	setup, err := h.LoadSetup(h.Paths.SetupFile())
	must(t, err)
	if i := setup.Image; i.Digest != platform || i.PlatformDigest != platform || i.ConfigDigest == "" || i.ConfigDigest == platform {
		t.Errorf("%+v", i)
	}
	file := h.tree()["config/clawsetup/docker-compose.cloudru-proxy.yml"]
	if !strings.Contains(file, "claude-code-proxy@"+platform) || strings.Contains(file, h.image.Digest) {
		t.Errorf("the compose file pins something else than %s:\n%s", platform, file)
	}
	// Another image for another platform moves the index; what was vouched for is still there.
	if _, r := h.mustInit(nil); r.Changed {
		t.Error("a second run pins something else")
	}
}

// TestHunksHaveReasons: each added setting of openclaw.json is explained where it
// stands.
func TestHunksHaveReasons(t *testing.T) {
	h := newHost(t)
	s, err := h.NewInit(context.Background(), h.given(nil))
	must(t, err)
	p, _, err := finish(t, s)
	must(t, err)
	for _, c := range p.Changes {
		if filepath.Base(c.Path) != "openclaw.json" {
			continue
		}
		why := map[string]bool{}
		for _, l := range wizard.Diff(c).Lines {
			if l.Kind != wizard.Hunk && len(l.Reasons) > 0 {
				t.Errorf("a reason beside %q", l.Text)
			}
			for _, r := range l.Reasons {
				if why[r.Why] {
					t.Errorf("%s is said twice", r.Why)
				}
				why[r.Why] = true
			}
		}
		for _, want := range []string{"openclaw.base-url", "openclaw.gateway", "openclaw.logging", "openclaw.plugin"} {
			if !why[want] {
				t.Errorf("%s is not said: %v", want, why)
			}
		}
		return
	}
	t.Error("openclaw.json is not in the plan")
}

// TestRunAs: an image's own user is taken when it is a number other than root's; what
// the kernel would read as root, or in octal, is not.
func TestRunAs(t *testing.T) {
	for user, want := range map[string]string{
		"": "65532:65532", "root": "65532:65532", "0": "65532:65532", "00": "65532:65532", "000:1000": "65532:65532", "app": "65532:65532",
		"01000": "65532:65532", "1000:0100": "65532:65532", "1000": "1000:1000", "1000:0": "1000:1000", "999999999": "999999999:999999999",
	} {
		h := newHost(t)
		pushed, err := h.registry.PushProxy("legard/own-user", "latest", imagetest.ProxyOptions{User: user})
		must(t, err)
		h.image = pushed
		if _, _, err := h.init(nil); err != nil {
			t.Errorf("%q: %v", user, err)
			continue
		}
		b, err := os.ReadFile(h.path("config/clawsetup/setup.yaml"))
		must(t, err)
		s, err := wizard.ParseSetup(b)
		must(t, err)
		if s.Image.RunAs != want {
			t.Errorf("%q runs as %q, want %q", user, s.Image.RunAs, want)
		}
	}
}
