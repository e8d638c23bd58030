package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/image/imagetest"
)

// relaxedNames are what was given up, as "what path".
func relaxedNames(list []wizard.Relaxed) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, strings.TrimSpace(string(r.What)+" "+r.Path))
	}
	slices.Sort(out)
	return out
}

// TestHardeningIsNegotiated: each image gets the strictest container that it
// survives, and no image gets more than it was shown to need (E-01).
func TestHardeningIsNegotiated(t *testing.T) {
	for name, tt := range map[string]struct {
		habits  []string
		noShell bool
		options imagetest.ProxyOptions
		want    []string
	}{
		"strict":            {want: []string{}},
		"own user":          {options: imagetest.ProxyOptions{User: "1000:1000"}, want: []string{}},
		"needs root":        {habits: []string{"-need-root"}, want: []string{"root"}},
		"writes":            {habits: []string{"-write", "/var/cache/state"}, want: []string{"tmpfs /var/cache"}},
		"writes as root":    {habits: []string{"-write", "/var/lib/app/state", "-need-root"}, want: []string{"root", "tmpfs /var/lib/app"}},
		"needs a call":      {habits: []string{"-need-personality"}, want: []string{"seccomp"}},
		"no shell":          {noShell: true, want: []string{"launcher"}},
		"no shell, writes":  {noShell: true, habits: []string{"-write", "/srv/x"}, want: []string{"launcher", "tmpfs /srv"}},
		"entrypoint script": {options: imagetest.ProxyOptions{Entrypoint: []string{"/bin/sh", "-c", `exec /proxy "$@"`, "--"}}, want: []string{}},
		"declares a volume": {options: imagetest.ProxyOptions{Config: func(c *v1.ConfigFile) {
			c.Config.Volumes = map[string]struct{}{"/data": {}}
		}}, want: []string{"tmpfs /data"}},
		"binds late": {habits: []string{"-bind-after", "4s"}, want: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t)
			o := tt.options
			o.Cmd = append([]string{"/proxy"}, tt.habits...)
			if len(o.Entrypoint) > 0 {
				o.Cmd = tt.habits
			}
			if o.Cmd == nil {
				o.Cmd = []string{}
			}
			a.push(o, !tt.noShell)
			a.init()
			if len(tt.want) > 0 {
				// Consent is the operator's own: without it nothing is started or written.
				before := a.read("setup.yaml")
				out := a.must(2, "up", "--json", "--wait", "12s")
				if !strings.Contains(out, "--allow-relaxed") || a.read("setup.yaml") != before || len(a.containers()) > 0 {
					t.Errorf("without consent: %s", out)
				}
			}
			a.up("--allow-relaxed", "--wait", "12s")
			s := a.status()
			if got := relaxedNames(s.Relaxed); !slices.Equal(got, tt.want) || !s.OK() {
				t.Fatalf("relaxed %q, want %q; broken %q", got, tt.want, broken(s.Results))
			}
			if status, body, err := a.ask(a.token(), `{"messages":["hi"]}`); err != nil || status != 200 || !strings.Contains(body, "pong") {
				t.Errorf("a request came to %d %s (%v)", status, body, err)
			}
			a.wantJournaled(tt.want)
			if _, err := os.Stat(a.path("state/clawsetup/trial")); err == nil {
				t.Error("the trial left its folder behind")
			}
		})
	}
}

// wantJournaled: each relaxation is in setup.yaml, in the journal with its reason,
// and was accepted there.
func (a *arena) wantJournaled(names []string) {
	a.t.Helper()
	out := a.must(0, "config-history", "list", "--json")
	if strings.Contains(out, "HardeningRelaxed") != (len(names) > 0) {
		a.t.Errorf("the journal: %s", out)
	}
	for _, n := range names {
		if !strings.Contains(out, `"`+n+`":`) {
			a.t.Errorf("the journal has no reason for %s: %s", n, out)
		}
	}
	setup := a.read("setup.yaml")
	if strings.Count(setup, "- what: ") != len(names) || !strings.Contains(setup, "tried: sha256:") {
		a.t.Errorf("setup.yaml:\n%s", setup)
	}
}

func (a *arena) read(name string) string {
	a.t.Helper()
	b, err := os.ReadFile(a.config(name))
	check(a.t, err)
	return string(b)
}

// TestUnfitImages: an image that no relaxation helps is refused with the reason, and
// nothing is started, written or left behind.
func TestUnfitImages(t *testing.T) {
	for name, tt := range map[string]struct {
		habits []string
		want   []string
	}{
		"ignores the token":          {[]string{"-ignore-token"}, []string{"S-01", "takes a wrong token"}},
		"crashes in a loop":          {[]string{"-crash"}, []string{"exit code 3", "crashing, as I always do"}},
		"eats memory":                {[]string{"-eat"}, []string{"D-02", "512 MiB"}},
		"forks without end":          {[]string{"-fork"}, []string{"did not answer within 4s"}},
		"writes to the root folder":  {[]string{"-write", "/state"}, []string{"read-only file system"}},
		"writes where the system is": {[]string{"-write", "/etc/state"}, []string{"read-only file system"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t, tt.habits...)
			a.init()
			before := withoutJournal(a.tree())
			out := a.must(1, "up", "--yes", "--allow-relaxed", "--wait", "4s")
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			if after := withoutJournal(a.tree()); !slices.Equal(before, after) {
				t.Errorf("files changed:\n%q\n%q", before, after)
			}
			e := a.engine()
			for _, project := range []string{a.project(), a.project() + "-trial"} {
				if left, err := e.Containers(t.Context(), project); err != nil || len(left) > 0 {
					t.Errorf("%d containers of %s are left (%v)", len(left), project, err)
				}
			}
		})
	}
}

// withoutJournal leaves out what the journal grows by when up says which engine it uses.
func withoutJournal(tree []string) []string {
	return slices.DeleteFunc(tree, func(file string) bool {
		return strings.HasPrefix(file, "state/clawsetup/journal.jsonl ") || strings.HasPrefix(file, "state/clawsetup/head ") || strings.HasPrefix(file, "config/clawsetup/secrets/journal_head ")
	})
}

// tree lists the files of the home with their contents.
func (a *arena) tree() []string {
	a.t.Helper()
	var out []string
	for _, dir := range []string{"config", "state", "run"} {
		tree, err := readTree(a.path(dir))
		if os.IsNotExist(err) {
			continue
		}
		check(a.t, err)
		for name, v := range tree {
			if filepath.Base(name) != "lock" {
				out = append(out, dir+name+" "+v)
			}
		}
	}
	slices.Sort(out)
	return out
}
