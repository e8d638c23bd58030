package proc

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestHostKnowsThisProcess asks the kernel that runs the test about the test.
func TestHostKnowsThisProcess(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil && address == "[::1]:0" {
			t.Logf("no IPv6 here: %v", err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		at := l.Addr().(*net.TCPAddr).AddrPort()
		found, err := Host().Listeners(at.Port())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(found, func(l Listener) bool { return l.Address == at })
		if i < 0 {
			t.Fatalf("%s is not among %v", at, found)
		}
		if int(found[i].UID) != os.Geteuid() {
			t.Errorf("it is the socket of user %d", found[i].UID)
		}
		owners, _ := Host().Owners(found[i].Inode)
		if len(owners) != 1 || owners[0].PID != os.Getpid() || !slices.Equal(owners[0].Args, os.Args) {
			t.Fatalf("%s is held by %+v", at, owners)
		}
		if exe, err := os.Executable(); err != nil || owners[0].Path != exe {
			t.Errorf("its program is %s, not %s, %v", owners[0].Path, exe, err)
		}
	}
}

func TestHostForgetsWhatIsClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := Host().Listeners(at.Port())
	if err != nil || slices.ContainsFunc(found, func(l Listener) bool { return l.Address == at }) {
		t.Errorf("%v, %v", found, err)
	}
}

// TestHostIsRead: the real files have the form that the examples show.
func TestHostIsRead(t *testing.T) {
	s, pid := Host(), os.Getpid()
	st, err := s.Status(pid)
	if err != nil || st.PID != pid || st.Parent != os.Getppid() || int(st.UID[1]) != os.Geteuid() || int(st.GID[0]) != os.Getgid() {
		t.Errorf("%+v, %v", st, err)
	}
	members, err := s.Members(pid, "")
	if err != nil || !slices.ContainsFunc(members, func(m Status) bool { return m.PID == pid }) {
		t.Errorf("%+v, %v", members, err)
	}
	mounts, err := s.Mounts(pid)
	if err != nil || !slices.ContainsFunc(mounts, func(m Mount) bool { return m.Point == "/proc" && m.Type == "proc" }) {
		t.Errorf("%+v, %v", mounts, err)
	}
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil {
		t.Fatal(err)
	}
	limits, err := s.Limits(pid)
	if err != nil || limits["Max core file size"] != [2]uint64{core.Cur, core.Max} {
		t.Errorf("%v, %v; want %+v", limits, err, core)
	}
	if _, err := s.OOMScore(pid); err != nil {
		t.Error(err)
	}
	if _, _, err := s.InnerUID(pid, 0); err != nil {
		t.Error(err)
	}
	own, err := s.Namespace(pid, "net")
	if want, linkErr := os.Readlink("/proc/self/ns/net"); err != nil || linkErr != nil || own != want {
		t.Errorf("namespace %s, want %s: %v", own, want, errors.Join(err, linkErr))
	}
	// The root of the groups has no limits, and others may be out of sight.
	if _, err := s.Group(pid); err != nil && !errors.Is(err, ErrHidden) {
		t.Error(err)
	}
}

// TestHostListsThisProcess: with what it was started, and when.
func TestHostListsThisProcess(t *testing.T) {
	all, err := Host().Processes(1 << 15)
	if err != nil && !errors.Is(err, ErrHidden) {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p Process) bool { return p.PID == os.Getpid() })
	if i < 0 {
		t.Fatal("it is not in the list")
	}
	p := all[i]
	if p.Parent != os.Getppid() || p.UID != os.Geteuid() || !slices.Equal(p.Args, os.Args) || p.Ended || p.Start == "" || p.Age > time.Hour {
		t.Errorf("%+v", p)
	}
	b, err := Host().Environ(p.PID)
	if v, ok := Variable(b, "PATH"); err != nil || !ok || len(v) == 0 {
		t.Errorf("its PATH is not in its environment: %v", err)
	}
}
