package ui

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/clawsetup/clawsetup/wizard"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

// runs is a stack that runs and holds what it claims.
func runs() *wizard.Status {
	return &wizard.Status{
		Running: true, Engine: "Docker 28.2 /var/run/docker.sock", URL: "http://127.0.0.1:8082",
		Containers: []wizard.ContainerStatus{
			{Service: "gateway", ID: "0f1e2d3c4b5a", State: "running", Health: "healthy", Since: time.Unix(1764000000, 0)},
			{Service: "proxy", ID: "5a4b3c2d1e0f", State: "running", Health: "healthy", Since: time.Unix(1764000000, 0)},
		},
		Models: map[string]string{"opus": "zai-org/GLM-5.1", "sonnet": "zai-org/GLM-4.7", "haiku": "zai-org/GLM-4.7", "other": "not shown"},
		Digest: "sha256:9f2c41aa07d3b6e15c8aa0f1d2c3b4a5968778695a4b3c2d1e0f9f2c41aa07d3", Egress: "restricted",
		Results: []proof.Result{
			{Control: "E-01", Rule: "read-only", Service: "proxy"}, {Control: "E-01", Rule: "capabilities", Service: "proxy"},
			{Control: "S-01", Rule: "owner"}, {Control: "D-02", Rule: "answers"},
		},
	}
}

// stoppedStack is one of which nothing is left but its set-up.
func stoppedStack() *wizard.Status {
	s := runs()
	s.Running, s.Containers, s.Models, s.Results = false, nil, nil, nil
	return s
}

// brokenStack is one with everything that can be said of it.
func brokenStack() *wizard.Status {
	s := runs()
	s.Containers[1].Health, s.Containers[1].Deaths = "unhealthy", 2
	s.Models["opus"] = "a-vendor-with-a-long-name/a-model-with-a-long-name-Instruct-2507-FP8-and-more"
	s.Egress = "open"
	s.Relaxed = []wizard.Relaxed{
		{What: wizard.RelaxTmpfs, Path: "/var/cache", Control: "E-01", Why: "the image ended with exit code 1: OSError: [Errno 30] Read-only file system: '/var/cache/x'"},
		{What: wizard.RelaxSeccomp, Control: "E-01", Why: "killed"},
	}
	s.Results = append(s.Results,
		proof.Result{Control: "E-01", Rule: "seccomp", Service: "proxy", Outcome: proof.Broken, Detail: "the kernel says that no filter of system calls is in force for process 1"},
		proof.Result{Control: "S-01", Rule: "token-refused", Outcome: proof.Broken, Detail: "a request without the token was answered"},
		proof.Result{Control: "I-01", Rule: "inspect", Service: "gateway", Outcome: proof.Unknown, Detail: "the engine runs on another host"},
		proof.Result{Control: "D-02", Rule: "swap", Outcome: proof.Unknown})
	return s
}

func statusText(t *testing.T, s *wizard.Status, all bool, o Options) string {
	t.Helper()
	u, out, errs := testUI(t, o, nil)
	u.Status(s, all)
	if errs.Len() > 0 {
		t.Errorf("on stderr: %s", errs)
	}
	return out.String()
}

func TestGoldenStatus(t *testing.T) {
	for _, lang := range []string{english, russian} {
		for name, c := range map[string]struct {
			s   *wizard.Status
			all bool
		}{"proved": {s: runs()}, "down": {s: stoppedStack()}, "broken": {brokenStack(), true}} {
			golden(t, lang+"-status-"+name, strings.TrimSuffix(statusText(t, c.s, c.all, Options{Lang: lang}), "\n"))
		}
	}
}

func TestStatus(t *testing.T) {
	for name, c := range map[string]struct {
		s         *wizard.Status
		all       bool
		first     string
		want, not []string
	}{
		"proved": {s: runs(), first: "✓ running and proved: http://127.0.0.1:8082",
			want: []string{"  proxy       running, health healthy, 5a4b3c2d1e0f\n", "  opus        zai-org/GLM-5.1\n", "  way out     the API alone\n", "  4 held, 0 not checked, 0 broken\n"},
			not:  []string{"E-01", "relaxed", "ended", "✗", "not shown"}},
		"proved, all": {s: runs(), all: true, first: "✓ running and proved",
			want: []string{"  ✓ E-01 read-only (proxy)\n", "  ✓ S-01 owner\n"}},
		"down": {s: stoppedStack(), first: "✗ the stack does not run",
			want: []string{"  engine      Docker 28.2 /var/run/docker.sock\n", "  image       sha256:9f2c"},
			not:  []string{"held", "opus", "gateway", "✓"}},
		"down, all": {s: stoppedStack(), all: true, first: "✗ the stack does not run", not: []string{"held"}},
		"broken": {s: brokenStack(), first: "✗ 2 claims do not hold",
			want: []string{"  ✗ E-01 seccomp (proxy): the kernel says", "  ✗ S-01 token-refused: a request", "  ○ I-01 inspect (gateway): the engine", "  ○ D-02 swap\n",
				"  4 held, 2 not checked, 2 broken\n", "health unhealthy, 5a4b3c2d1e0f, ended 2 times", "the whole Internet",
				"  ! relaxed: tmpfs /var/cache (E-01), because the image ended", "  ! relaxed: seccomp (E-01), because killed\n"},
			not: []string{"read-only (proxy)", "✓"}},
		"broken, all": {s: brokenStack(), all: true, first: "✗ 2 claims do not hold", want: []string{"  ✓ E-01 read-only (proxy)\n", "  ✗ S-01 token-refused"}},
		"one claim": {s: func() *wizard.Status { s := brokenStack(); s.Results = s.Results[4:5]; return s }(), first: "✗ 1 claim does not hold",
			want: []string{"  0 held, 0 not checked, 1 broken\n"}},
		// Something that stopped is down, whatever else is broken.
		"down and broken": {s: func() *wizard.Status { s := brokenStack(); s.Running = false; return s }(), first: "✗ the stack does not run", want: []string{"2 broken", "✗ S-01"}},
	} {
		got := statusText(t, c.s, c.all, Options{})
		if !strings.HasPrefix(got, c.first) {
			t.Errorf("%s: begins not with %q:\n%s", name, c.first, got)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in:\n%s", name, w, got)
			}
		}
		for _, w := range c.not {
			if strings.Contains(got, w) {
				t.Errorf("%s: %q in:\n%s", name, w, got)
			}
		}
		if strings.Contains(got, "\x1b") || strings.Contains(got, "‹") {
			t.Errorf("%s: an escape, or an unknown message, in:\n%q", name, got)
		}
	}
}

// TestStatusForeignText: what the engine, the image or a file says of itself can neither
// steer the terminal nor pass for a line of ours.
func TestStatusForeignText(t *testing.T) {
	const evil = "x\x1b[2J\x1b]0;t\a\r\n✓ FAKE\u202e\u2028\x9b31m\xff"
	s := brokenStack()
	s.Engine, s.URL, s.Digest, s.Egress = evil, evil, evil, evil
	s.Containers = []wizard.ContainerStatus{{Service: evil, ID: evil, State: evil, Health: evil, Deaths: 1}}
	s.Models = map[string]string{"opus": evil, "sonnet": evil, "haiku": evil}
	s.Relaxed = []wizard.Relaxed{{What: wizard.Relaxation(evil), Path: evil, Control: evil, Why: evil}}
	for i := range s.Results {
		r := &s.Results[i]
		r.Control, r.Rule, r.Service, r.Detail = evil, evil, evil, evil
	}
	for _, lang := range []string{english, russian} {
		for _, broken := range []bool{true, false} {
			if !broken {
				for i := range s.Results {
					s.Results[i].Outcome = proof.Held
				}
			}
			got := statusText(t, s, true, Options{Lang: lang})
			for i, l := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
				if strings.ContainsFunc(l, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s: steers: %q", lang, l)
				}
				if i > 0 && l != "" && !strings.HasPrefix(l, "  ") || strings.HasPrefix(strings.TrimSpace(l), "✓ FAKE") && !strings.HasPrefix(l, "     ") {
					t.Errorf("%s: passes for a line of ours: %q", lang, l)
				}
			}
		}
	}
}

// TestStatusWidth: text of any length and script stays within the width, its further
// lines under its first.
func TestStatusWidth(t *testing.T) {
	for _, long := range []string{strings.Repeat("слово ", 40), strings.Repeat("ы", 300), strings.Repeat("層", 150), strings.Repeat("a_long_id/", 30), strings.Repeat("👩‍👩‍👧 ", 40)} {
		s := brokenStack()
		s.Engine, s.Digest = long, long
		s.Containers = append(s.Containers, wizard.ContainerStatus{Service: long, ID: "5a4b3c2d1e0f", State: long, Health: long, Deaths: 1234})
		s.Models["sonnet"] = long
		s.Relaxed[0].Path, s.Relaxed[0].Why = long, long
		for i := range s.Results {
			s.Results[i].Service, s.Results[i].Detail = long, long
		}
		for _, lang := range []string{english, russian} {
			for l := range strings.SplitSeq(statusText(t, s, true, Options{Lang: lang}), "\n") {
				if w := ansi.StringWidth(l); w > plainWidth {
					t.Errorf("%s: %d cells: %q", lang, w, l)
				}
			}
		}
	}
}

// TestStatusAligned: the values stand under each other, whatever the language of their
// labels.
func TestStatusAligned(t *testing.T) {
	for _, lang := range []string{english, russian} {
		got := statusText(t, runs(), false, Options{Lang: lang})
		for _, value := range []string{"Docker 28.2", "sha256:", map[string]string{english: "running,", russian: "работает,"}[lang], "zai-org/GLM-5.1"} {
			before, _, ok := strings.Cut(got, value)
			if column := ansi.StringWidth(before[strings.LastIndex(before, "\n")+1:]); !ok || column != 2+labelWidth+2 {
				t.Errorf("%s: %s begins in column %d:\n%s", lang, value, column, got)
			}
		}
	}
}

// TestNotes: findings by themselves are wrapped under their signs.
func TestNotes(t *testing.T) {
	u, out, _ := testUI(t, Options{Lang: russian}, nil)
	u.Notes([]wizard.Note{
		{ID: "relaxed-seccomp", State: wizard.Attention, Args: []any{strings.Repeat("причина ", 20) + "\x1b[2J"}}, {ID: "rotate-live"},
	})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if !strings.HasPrefix(lines[0], "  ! вместо нашего фильтра") || !strings.HasPrefix(lines[len(lines)-1], "  ✓ работающий прокси") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%s", out)
	}
	for _, l := range lines {
		if ansi.StringWidth(l) > plainWidth {
			t.Errorf("%d cells: %s", ansi.StringWidth(l), l)
		}
	}
}
