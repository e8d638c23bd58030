package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/proc"
)

const (
	port      = 8082
	gatewayIP = "172.18.0.2"
	// The addresses of /proc/net/tcp and tcp6.
	loopback4 = "0100007F"
	other4    = "0200007F"
	every4    = "00000000"
	loopback6 = "00000000000000000000000001000000"
	every6    = "00000000000000000000000000000000"
	mapped4   = "0000000000000000FFFF00000100007F"
	mappedAny = "0000000000000000FFFF000000000000"
)

// kernel is a /proc that a test writes, with a process 1 in it.
type kernel struct {
	t   *testing.T
	dir string
}

func newKernel(t *testing.T) *kernel {
	t.Helper()
	k := &kernel{t: t, dir: t.TempDir()}
	for _, name := range []string{"tcp", "tcp6"} {
		k.write("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n", "net", name)
	}
	// Noise: an established connection, and another port.
	k.socket("tcp", loopback4, port, "01", 0, 900)
	k.socket("tcp", every4, port+1, "0A", 1000, 901)
	k.process(1, "/sbin/init", "/sbin/init")
	return k
}

func (k *kernel) write(text string, path ...string) {
	k.t.Helper()
	name := filepath.Join(append([]string{k.dir}, path...)...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		k.t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		k.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		k.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kernel) socket(file, address string, port uint16, state string, uid, inode int) {
	k.t.Helper()
	k.write(fmt.Sprintf("   0: %s:%04X %s:0000 %s 00000000:00000000 00:00000000 00000000 %5d        0 %d 1 0000000000000000 100 0 0 10 0\n",
		address, port, strings.Repeat("0", len(address)), state, uid, inode), "net", file)
}

// listens adds a socket that listens on the port, of that user.
func (k *kernel) listens(file, address string, uid, inode int) {
	k.t.Helper()
	k.socket(file, address, port, "0A", uid, inode)
}

func (k *kernel) link(target string, path ...string) {
	k.t.Helper()
	name := filepath.Join(append([]string{k.dir}, path...)...)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		k.t.Fatal(err)
	}
}

// process adds a program, with the sockets that it holds; an empty one cannot be seen.
func (k *kernel) process(pid int, program, args string, inodes ...int) {
	k.t.Helper()
	id := strconv.Itoa(pid)
	k.link("/dev/null", id, "fd", "0")
	for i, inode := range inodes {
		k.link(fmt.Sprintf("socket:[%d]", inode), id, "fd", strconv.Itoa(i+3))
	}
	if program != "" {
		k.link(program, id, "exe")
	}
	k.write(strings.ReplaceAll(args, " ", "\x00")+"\x00", id, "cmdline")
}

// hidden adds a process whose files cannot be looked at, not even by root, who runs
// some of these tests.
func (k *kernel) hidden(pid int) {
	k.t.Helper()
	k.write("", strconv.Itoa(pid), "fd")
}

func relay(ip string) string {
	return fmt.Sprintf("/usr/bin/docker-proxy -proto tcp -host-ip 127.0.0.1 -host-port %d -container-ip %s -container-port 8082", port, ip)
}

// TestPortOfARootfulEngine: its relay is root's; anybody else is no relay, whatever
// can be seen of him.
func TestPortOfARootfulEngine(t *testing.T) {
	for uid, want := range map[int]Outcome{0: Unknown, 1000: Broken} {
		k := newKernel(t)
		k.listens("tcp", loopback4, uid, 10)
		if got := PortOwner(proc.System{Proc: k.dir}, port, Relay{IP: gatewayIP}); got[0].Outcome != want {
			t.Errorf("user %d: %+v", uid, got[0])
		}
	}
}

func TestPortOwner(t *testing.T) {
	const program = "/usr/bin/docker-proxy"
	for name, c := range map[string]struct {
		build         func(*kernel)
		owner, others Outcome
		detail        string
	}{
		"the engine's relay": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 7, 10)
		}, Held, Held, ""},
		"a relay whose program was replaced by an update": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program+" (deleted)", relay(gatewayIP), 10)
		}, Held, Held, ""},
		"the engine holds the socket too": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(50, "/usr/bin/dockerd", "dockerd", 10)
			k.process(100, program, relay(gatewayIP), 10)
		}, Held, Held, ""},
		"a relay to another container": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay("172.18.0.3"), 10)
		}, Broken, Held, "leads to another container"},
		"a relay whose arguments are hidden": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, "", 10)
		}, Broken, Held, "leads to another container"},
		"a relay of another kind": {func(k *kernel) {
			k.listens("tcp", loopback4, 1000, 10)
			k.process(100, "/usr/bin/rootlesskit", "rootlesskit", 10)
		}, Unknown, Held, "process 100, rootlesskit, is a relay of the engine"},
		"a user's program by the relay's name": {func(k *kernel) {
			k.listens("tcp", loopback4, 1000, 10)
			k.process(100, "/home/mallory/docker-proxy", relay(gatewayIP), 10)
		}, Unknown, Held, "process 100, /home/mallory/docker-proxy, is user 1000's"},
		"a foreign program": {func(k *kernel) {
			k.listens("tcp", loopback4, 1000, 10)
			k.process(100, "/usr/bin/socat", relay(gatewayIP), 10)
		}, Broken, Held, "process 100, /usr/bin/socat, listens on 127.0.0.1:8082: it is no relay of the engine"},
		"a foreign program of root": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, "/usr/bin/docker-proxy2", relay(gatewayIP), 10)
		}, Broken, Held, "it is no relay of the engine"},
		"a foreign program that holds the relay's socket": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
			k.process(101, "/usr/bin/socat", "socat", 10)
		}, Broken, Held, "/usr/bin/socat"},
		"a foreign program that shares the port, first": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 11)
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
			k.process(101, "/usr/bin/socat", "socat", 11)
		}, Broken, Held, "/usr/bin/socat"},
		"a foreign program that shares the port, last": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.listens("tcp", loopback4, 0, 11)
			k.process(100, program, relay(gatewayIP), 10)
			k.process(101, "/usr/bin/socat", "socat", 11)
		}, Broken, Held, "/usr/bin/socat"},
		"a hidden one that shares the port": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 11)
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
		}, Unknown, Held, "no process holds the socket"},
		"a hidden process": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.hidden(100)
		}, Unknown, Held, "the process of user 0 that listens is not visible without root's rights"},
		"a process whose program is hidden": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, "", relay(gatewayIP), 10)
		}, Unknown, Held, "which program process 100 is cannot be seen"},
		"no process at all": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
		}, Unknown, Held, "no process holds the socket"},
		"another program's socket": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 1)
			k.process(100, program, relay(gatewayIP), 10)
		}, Unknown, Held, "no process holds the socket"},
		"nobody": {func(*kernel) {}, Broken, Held, "nothing listens on 127.0.0.1:8082 itself"},
		"somebody on [::1] too": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
			k.listens("tcp6", loopback6, 1000, 11)
		}, Held, Broken, "user 1000 listens on [::1]:8082 too"},
		"somebody on [::] too": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
			k.listens("tcp6", every6, 1000, 11)
		}, Held, Broken, "user 1000 listens on [::]:8082 too"},
		"somebody on 127.0.0.2 too": {func(k *kernel) {
			k.listens("tcp", other4, 1000, 11)
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
		}, Held, Broken, "user 1000 listens on 127.0.0.2:8082 too"},
		"a foreign program on ::ffff:127.0.0.1": {func(k *kernel) {
			k.listens("tcp6", mapped4, 1000, 10)
			k.process(100, "/usr/bin/java", "java", 10)
		}, Broken, Held, "process 100, /usr/bin/java, listens on 127.0.0.1:8082"},
		"somebody on ::ffff:0.0.0.0 too": {func(k *kernel) {
			k.listens("tcp", loopback4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
			k.listens("tcp6", mappedAny, 1000, 11)
		}, Held, Broken, "user 1000 listens on 0.0.0.0:8082 too"},
		"the relay on 0.0.0.0": {func(k *kernel) {
			k.listens("tcp", every4, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
		}, Broken, Broken, "user 0 listens on 0.0.0.0:8082 too"},
		"somebody on [::1] alone": {func(k *kernel) {
			k.listens("tcp6", loopback6, 0, 10)
			k.process(100, program, relay(gatewayIP), 10)
		}, Broken, Broken, "nothing listens on 127.0.0.1:8082 itself"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKernel(t)
			c.build(k)
			got := PortOwner(proc.System{Proc: k.dir}, port, Relay{IP: gatewayIP, Rootless: true})
			if len(got) != 2 || got[0].Rule != "port-owner" || got[1].Rule != "port-others" {
				t.Fatalf("%+v", got)
			}
			if got[0].Outcome != c.owner || got[1].Outcome != c.others || !strings.Contains(got[0].Detail+got[1].Detail, c.detail) {
				t.Errorf("%+v\nwant %s, %s: %s", got, c.owner, c.others, c.detail)
			}
			for _, r := range got {
				if (r.Detail == "") != (r.Outcome == Held) || r.Control != "S-01" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

func TestPortUnused(t *testing.T) {
	k := newKernel(t)
	if got := PortUnused(proc.System{Proc: k.dir}, port); got.Outcome != Held {
		t.Errorf("nobody listens: %+v", got)
	}
	k.process(100, "/usr/bin/python3", "http.server", 10)
	const python = "user 1000 (process 100, /usr/bin/python3) listens on "
	for _, c := range []struct {
		// Each is one more socket than the one before had.
		file, address string
		uid, inode    int
		want          string
	}{
		{"tcp6", loopback6, 1000, 11, ""},
		{"tcp", other4, 1000, 12, ""},
		{"tcp6", every6, 1001, 13, "user 1001 listens on [::]:8082"},
		{"tcp", every4, 1002, 14, "user 1002 listens on 0.0.0.0:8082"},
		{"tcp6", mapped4, 1000, 10, python + "127.0.0.1:8082"},
	} {
		k.listens(c.file, c.address, c.uid, c.inode)
		got := PortUnused(proc.System{Proc: k.dir}, port)
		if (got.Outcome == Broken) != (c.want != "") || !strings.Contains(got.Detail, c.want) {
			t.Errorf("%s: %+v, want %q", c.address, got, c.want)
		}
	}
	k.write("   0: nonsense\n", "net", "tcp")
	if got := PortUnused(proc.System{Proc: k.dir}, port); got.Outcome != Unknown || got.Detail == "" {
		t.Errorf("nobody knows: %+v", got)
	}
}

// TestPortOwnerReadsNoNonsense: a table that is not in the kernel's form leaves the
// claim open.
func TestPortOwnerReadsNoNonsense(t *testing.T) {
	k := newKernel(t)
	k.write("   0: nonsense\n", "net", "tcp")
	if got := PortOwner(proc.System{Proc: k.dir}, port, Relay{IP: gatewayIP, Rootless: true}); len(got) != 1 || got[0].Outcome != Unknown || got[0].Detail == "" {
		t.Errorf("%+v", got)
	}
}
