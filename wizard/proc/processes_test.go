package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// list makes a kernel with one process of each number.
func list(t testing.TB, pids ...int) System {
	t.Helper()
	files := map[string]string{"proc/uptime": "5000.25 9000.00\n", "proc/self/stat": "", "proc/meminfo": ""}
	for _, pid := range pids {
		dir := fmt.Sprintf("proc/%d/", pid)
		files[dir+"status"] = strings.NewReplacer("\t4243\nPPid", "\t"+strconv.Itoa(pid)+"\nPPid").Replace(status)
		files[dir+"stat"] = fmt.Sprintf("%d (a ) S (b) S 7 %d %d 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 200025 0 0", pid, pid, pid)
		files[dir+"cmdline"] = "claude\x00-p\x00"
		files[dir+"environ"] = "A=1\x00TOKEN=x=y\x00A=2\x00"
		files[dir+"cgroup"] = "0::/user.slice/claude.service\n"
	}
	return kernel(t, files)
}

func TestProcesses(t *testing.T) {
	s := list(t, 1, 12)
	if err := os.Symlink("/usr/bin/claude", filepath.Join(s.Proc, "12", "exe")); err != nil && os.PathSeparator == '/' {
		t.Fatal(err)
	}
	got, err := s.Processes(2)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	p := got[0]
	if p.PID == 1 {
		p = got[1]
	}
	want := Process{
		Program: Program{PID: 12, Path: "/usr/bin/claude", Args: []string{"claude", "-p"}}, Parent: 7, UID: 65532, Name: "a ) S (b",
		Start: "200025", Age: 3000 * time.Second,
	}
	if os.PathSeparator != '/' {
		want.Path = p.Path
	}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("%+v\nwant %+v", p, want)
	}
}

// What is missing of the list is said.
func TestProcessesAreNotComplete(t *testing.T) {
	if got, err := list(t, 1, 2, 3).Processes(2); !errors.Is(err, ErrTooMany) || len(got) != 2 {
		t.Errorf("too many: %d, %v", len(got), err)
	}
	if got, err := list(t, 2, 3).Processes(5); !errors.Is(err, ErrHidden) || len(got) != 2 {
		t.Errorf("others are hidden: %d, %v", len(got), err)
	}
	if got, err := (System{Proc: t.TempDir() + "/none"}).Processes(5); !errors.Is(err, ErrHidden) || got != nil {
		t.Errorf("no kernel: %v, %v", got, err)
	}
	s := list(t, 1, 2)
	must(t, os.Remove(filepath.Join(s.Proc, "2", "stat")))
	if got, err := s.Processes(5); err != nil || len(got) != 1 {
		t.Errorf("one that ended: %v, %v", got, err)
	}
	s = list(t, 1, 2)
	must(t, os.WriteFile(filepath.Join(s.Proc, "2", "cmdline"), []byte(strings.Repeat("x", longestArgs+1)), 0o600))
	if got, err := s.Processes(5); err != nil || len(got) != 2 || got[0].Cut == got[1].Cut {
		t.Errorf("a long command line: %v", err)
	}
}

func TestEnviron(t *testing.T) {
	s := list(t, 1)
	b, err := s.Environ(1)
	if v, ok := Variable(b, "TOKEN"); err != nil || string(v) != "x=y" || !ok {
		t.Errorf("%q, %v", v, err)
	}
	if v, ok := Variable(b, "TOKE"); ok {
		t.Errorf("%q", v)
	}
	if _, err := s.Environ(2); err != nil {
		t.Errorf("one that ended: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(s.Proc, "1", "environ"), make([]byte, longestEnv+1), 0o600))
	if b, err := s.Environ(1); !errors.Is(err, ErrTooMany) || len(b) != longestEnv {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if g, err := s.Groups(1); err != nil || !reflect.DeepEqual(g, []string{"/user.slice/claude.service"}) {
		t.Errorf("%v, %v", g, err)
	}
}

func FuzzStat(f *testing.F) {
	f.Add("1 (init) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 25 1 2")
	f.Add("1 ()) Z")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := parseStat(s); ok && (p.Start == "" || strings.ContainsAny(p.Start, " \n")) {
			t.Errorf("%q begins at %q", s, p.Start)
		}
	})
}

func FuzzEnviron(f *testing.F) {
	f.Add([]byte("A=1\x00B=\x00C\x00"), "B")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		if v, ok := Variable(b, name); ok && !strings.Contains(string(b), name+"="+string(v)) {
			t.Errorf("%q of %q is %q", name, b, v)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
