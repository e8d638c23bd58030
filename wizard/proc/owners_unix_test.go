//go:build unix

package proc

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
)

// opened gives processes open files: descriptor n of a process is the nth link.
func opened(t *testing.T, s System, files map[int][]string) {
	t.Helper()
	for pid, links := range files {
		dir := filepath.Join(s.Proc, strconv.Itoa(pid), "fd")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for n, target := range links {
			if err := os.Symlink(target, filepath.Join(dir, strconv.Itoa(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOwners(t *testing.T) {
	s := kernel(t, map[string]string{
		"proc/900/cmdline": "/usr/bin/docker-proxy\x00-proto\x00tcp\x00-host-ip\x00127.0.0.1\x00\x00",
		"proc/901/cmdline": "", // as a kernel thread's
	})
	opened(t, s, map[int][]string{
		1: {"/dev/null", "socket:[1]"}, 900: {"/dev/null", "socket:[41512]", "socket:[41512]"}, 901: {"socket:[415120]", "socket:[7]"},
		902: {"pipe:[41512]", "/tmp/socket:[41512]"},
	})
	if err := os.Symlink("/usr/bin/docker-proxy", filepath.Join(s.Proc, "900", "exe")); err != nil {
		t.Fatal(err)
	}
	for inode, want := range map[uint64][]Program{
		41512: {{PID: 900, Path: "/usr/bin/docker-proxy", Args: []string{"/usr/bin/docker-proxy", "-proto", "tcp", "-host-ip", "127.0.0.1", ""}}},
		7:     {{PID: 901}}, // whose program cannot be seen
		4151:  nil,
	} {
		if got, complete := s.Owners(inode); !reflect.DeepEqual(got, want) || !complete {
			t.Errorf("socket %d: %+v, complete: %v; want %+v", inode, got, complete, want)
		}
	}
}

// TestOwnersAreNotComplete: "nobody holds it" may be said only by who saw everybody.
func TestOwnersAreNotComplete(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s System){
		"no kernel": func(t *testing.T, s System) { check(t, os.RemoveAll(s.Proc)) },
		// hidepid=2 of proc(5): the processes of others are not even listed.
		"no first process": func(t *testing.T, s System) { check(t, os.RemoveAll(filepath.Join(s.Proc, "1"))) },
		// hidepid=1: they are, and that is all. A file in place of a folder makes an
		// error that root meets too.
		"a folder that cannot be read": func(t *testing.T, s System) { check(t, os.WriteFile(filepath.Join(s.Proc, "5"), nil, 0o600)) },
		"open files that cannot be read": func(t *testing.T, s System) {
			check(t, os.Mkdir(filepath.Join(s.Proc, "5"), 0o700))
			check(t, os.WriteFile(filepath.Join(s.Proc, "5", "fd"), nil, 0o600))
		},
		"an open file that cannot be read": func(t *testing.T, s System) {
			check(t, os.WriteFile(filepath.Join(s.Proc, "900", "fd", "9"), nil, 0o600))
		},
	} {
		s := kernel(t, nil)
		opened(t, s, map[int][]string{1: {"/dev/null"}, 900: {"socket:[8]"}})
		if got, complete := s.Owners(7); len(got) != 0 || !complete {
			t.Fatalf("unspoilt: %+v, complete: %v", got, complete)
		}
		spoil(t, s)
		if got, complete := s.Owners(7); len(got) != 0 || complete {
			t.Errorf("%s: %+v, complete: %v", name, got, complete)
		}
	}
	// A process that ended between two looks is none that was left out.
	s := kernel(t, map[string]string{"proc/5/comm": "sh\n", "proc/uptime": "1.0 1.0\n"})
	opened(t, s, map[int][]string{1: nil})
	if got, complete := s.Owners(7); len(got) != 0 || !complete {
		t.Errorf("one ended: %+v, complete: %v", got, complete)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
