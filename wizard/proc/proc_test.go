package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// status is /proc/PID/status as Linux 6.8 writes it, of a process in a container
// with every control on.
const status = `Name:	uv
Umask:	0022
State:	S (sleeping)
Tgid:	4243
Ngid:	0
Pid:	4243
PPid:	4242
TracerPid:	0
Uid:	65532	65532	65532	65532
Gid:	65532	65533	65534	65535
FDSize:	64
Groups:	65532 100000 
NStgid:	4243	7
NSpid:	4243	7
NSpgid:	4243	7
NSsid:	4242	1
Kthread:	0
VmPeak:	  123456 kB
Threads:	5
SigQ:	0/63432
SigCgt:	0000000100000000
CapInh:	0000000000000001
CapPrm:	0000000000000002
CapEff:	0000000000000400
CapBnd:	000001ffffffffff
CapAmb:	0000000000000010
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
Speculation_Store_Bypass:	thread vulnerable
Cpus_allowed:	ff
voluntary_ctxt_switches:	150
nonvoluntary_ctxt_switches:	545
`

// controls are the lines of status on which a proof rests.
var controls = []string{"Pid", "PPid", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"}

// kernel makes the files of one, by their paths below "proc" and "cgroup".
func kernel(t testing.TB, files map[string]string) System {
	t.Helper()
	dir := t.TempDir()
	s := System{Proc: filepath.Join(dir, "proc"), Cgroup: filepath.Join(dir, "cgroup")}
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// process is the status of another process.
func process(pid, parent int) string {
	return strings.NewReplacer("\nPid:\t4243", fmt.Sprintf("\nPid:\t%d", pid), "\nPPid:\t4242", fmt.Sprintf("\nPPid:\t%d", parent)).Replace(status)
}

// without is text less the lines that begin with prefix.
func without(text, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestStatus(t *testing.T) {
	got, err := kernel(t, map[string]string{"proc/4243/status": status}).Status(4243)
	want := Status{
		PID: 4243, Parent: 4242, Name: "uv", UID: [4]uint32{65532, 65532, 65532, 65532}, GID: [4]uint32{65532, 65533, 65534, 65535},
		Groups: []uint32{65532, 100000}, CapInh: 1, CapPrm: 2, CapEff: 1 << 10, CapBnd: 1<<41 - 1, CapAmb: 16, NoNewPrivs: true, Seccomp: 2,
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestStatusTakesNoControlForGranted(t *testing.T) {
	for name, change := range map[string][2]string{
		"no new privileges": {"NoNewPrivs:\t1", "NoNewPrivs:\t0"},
		"a number to come":  {"NoNewPrivs:\t1", "NoNewPrivs:\t3"},
		"nothing":           {"NoNewPrivs:\t1", "NoNewPrivs:\t"},
	} {
		if got, err := parseStatus([]byte(strings.Replace(status, change[0], change[1], 1))); err != nil || got.NoNewPrivs {
			t.Errorf("%s: %v, %v", name, got.NoNewPrivs, err)
		}
	}
	got, err := parseStatus([]byte(strings.Replace(status, "Seccomp:\t2", "Seccomp:\t0", 1)))
	if err != nil || got.Seccomp != 0 {
		t.Errorf("no filter: %d, %v", got.Seccomp, err)
	}
	// A kernel thread is in no group but its own.
	got, err = parseStatus([]byte(strings.Replace(status, "Groups:\t65532 100000 ", "Groups:\t ", 1)))
	if err != nil || len(got.Groups) != 0 {
		t.Errorf("no groups: %v, %v", got.Groups, err)
	}
}

// TestStatusWantsEveryControl: kernels before 4.10, or built without seccomp, leave
// lines out. That must not look like a control that is kept.
func TestStatusWantsEveryControl(t *testing.T) {
	for _, c := range controls {
		less := without(status, c+":")
		if less == status {
			t.Fatalf("the example has no %s", c)
		}
		if got, err := parseStatus([]byte(less)); !errors.Is(err, errShape) {
			t.Errorf("without %s: %+v, %v", c, got, err)
		}
		// Nor does another line, twice, stand in for it.
		twice := less + "CapInh:\t0000000000000000\nPPid:\t1\n"
		if c == "CapInh" || c == "PPid" {
			twice = less + "Seccomp:\t2\n"
		}
		if got, err := parseStatus([]byte(twice)); !errors.Is(err, errShape) {
			t.Errorf("another line twice instead of %s: %+v, %v", c, got, err)
		}
	}
}

func TestStatusRefuses(t *testing.T) {
	half, _, _ := strings.Cut(status, "NoNewPrivs")
	for _, c := range []struct{ old, new string }{
		{status, ""},
		{status, "Name:\tuv\n"},
		{status, half},
		{"\nPid:\t4243", "\nPid:\tself"},
		{"PPid:\t4242", "PPid:\t"},
		{"Uid:\t65532\t", "Uid:\t"},
		{"Uid:\t65532\t", "Uid:\t0\t65532\t"},
		{"Uid:\t65532\t", "Uid:\t-1\t"},
		{"Gid:\t65532\t", "Gid:\t4294967296\t"},
		{"65532 100000", "65532 staff"},
		{"CapEff:\t0000000000000400", "CapEff:\t"},
		{"CapEff:\t0000000000000400", "CapEff:\tcap_net_bind_service"},
		{"CapBnd:\t000001ffffffffff", "CapBnd:\t1000001ffffffffff"},
		{"Seccomp:\t2", "Seccomp:\tfilter"},
		{"Seccomp:\t2", "Seccomp:\t-1"},
	} {
		bad := strings.Replace(status, c.old, c.new, 1)
		if got, err := parseStatus([]byte(bad)); bad == status || !errors.Is(err, errShape) || !reflect.DeepEqual(got, Status{}) {
			t.Errorf("%.40q → %.40q: %+v, %v", c.old, c.new, got, err)
		}
	}
}

// TestHidden: whatever is not there to be read is ErrHidden, which is no proof, and
// no failure either.
func TestHidden(t *testing.T) {
	for name, s := range map[string]System{
		"no such process": kernel(t, map[string]string{"proc/1/comm": "init\n", "cgroup/x": ""}),
		"no kernel":       {Proc: filepath.Join(t.TempDir(), "proc"), Cgroup: filepath.Join(t.TempDir(), "cgroup")},
	} {
		for what, read := range map[string]func() error{
			"Status":    func() error { _, err := s.Status(4242); return err },
			"Members":   func() error { _, err := s.Members(4242, id); return err },
			"Mounts":    func() error { _, err := s.Mounts(4242); return err },
			"Limits":    func() error { _, err := s.Limits(4242); return err },
			"OOMScore":  func() error { _, err := s.OOMScore(4242); return err },
			"InnerUID":  func() error { _, _, err := s.InnerUID(4242, 0); return err },
			"Namespace": func() error { _, err := s.Namespace(4242, "cgroup"); return err },
			"InnerGID":  func() error { _, _, err := s.InnerGID(4242, 0); return err },
			"Group":     func() error { _, err := s.Group(4242); return err },
			"Listeners": func() error { _, err := s.Listeners(8082); return err },
		} {
			if err := read(); !errors.Is(err, ErrHidden) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// TestFilesAreReadWhole: half a file could leave out what breaks a claim. The lines
// are such that the bound falls between two of them, where the cut would not show.
func TestFilesAreReadWhole(t *testing.T) {
	line := "22 1 0:21 / /a/path/that/is/long/enough/to/go rw - proc proc rw\n"
	n := largest / len(line)
	if n*len(line) != largest {
		t.Fatalf("a line of %d bytes", len(line))
	}
	s := kernel(t, map[string]string{"proc/1/mountinfo": strings.Repeat(line, n), "proc/2/mountinfo": strings.Repeat(line, n+1)})
	if got, err := s.Mounts(1); err != nil || len(got) != n {
		t.Errorf("%d of %d mounts, %v", len(got), n, err)
	}
	if got, err := s.Mounts(2); err == nil {
		t.Errorf("%d of %d mounts", len(got), n+1)
	}
}

// id is a container's.
const id = "3f4a1c5e8b7d92f06a1b3c5d7e9f00112233445566778899aabbccddeeff0011"

func TestMembers(t *testing.T) {
	scope := "0::/system.slice/docker-" + id + ".scope\n"
	s := kernel(t, map[string]string{
		"proc/1/status": process(1, 0), "proc/1/cgroup": "0::/init.scope\n",
		"proc/900/status": process(900, 1), "proc/900/cgroup": "0::/system.slice/containerd.service\n",
		// The container: its init, the program, a child of that in a group of its own.
		"proc/4242/status": process(4242, 900), "proc/4242/cgroup": scope,
		"proc/4243/status": process(4243, 4242), "proc/4243/cgroup": scope,
		"proc/4250/status": process(4250, 4243), "proc/4250/cgroup": "0::/elsewhere\n",
		// docker exec: the engine's child, not that of the init.
		"proc/5000/status": process(5000, 900), "proc/5000/cgroup": scope,
		// Another container of the same shim.
		"proc/6000/status": process(6000, 900), "proc/6000/cgroup": "0::/system.slice/docker-" + strings.Repeat("0", 64) + ".scope\n",
		// A process that ended between two looks, and what is no process.
		"proc/7000/comm": "sh\n", "proc/self/status": process(4243, 4242), "proc/uptime": "1.0 1.0\n",
	})
	for name, c := range map[string]struct {
		first int
		id    string
		want  []int
	}{
		"descent and group":       {4242, id, []int{4242, 4243, 4250, 5000}},
		"an id too short to tell": {4242, "3f4a1c5e8b7", []int{4242, 4243, 4250}},
		"no id":                   {4242, "", []int{4242, 4243, 4250}},
		"another container":       {6000, strings.Repeat("0", 64), []int{6000}},
	} {
		members, err := s.Members(c.first, c.id)
		var got []int
		for _, m := range members {
			got = append(got, m.PID)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}

// TestMembersRefuses: a process that cannot be judged might be the member that
// breaks a claim, so the others prove nothing.
func TestMembersRefuses(t *testing.T) {
	files := map[string]string{
		"proc/4242/status": process(4242, 1), "proc/4242/cgroup": "0::/docker/" + id + "\n",
		"proc/4243/status": without(process(4243, 4242), "Seccomp:"), "proc/4243/cgroup": "0::/docker/" + id + "\n",
	}
	if got, err := kernel(t, files).Members(4242, id); !errors.Is(err, errShape) {
		t.Errorf("%+v, %v", got, err)
	}
	// Two processes that are each other's parents: no kernel says so, and it ends.
	loop := kernel(t, map[string]string{"proc/8/status": process(8, 9), "proc/9/status": process(9, 8), "proc/4242/status": process(4242, 1)})
	if got, err := loop.Members(4242, id); err != nil || len(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// mountinfo is of a container on Linux 6.8, with a volume whose path has a blank, a
// tab, a line feed and a backslash.
const mountinfo = `1203 1090 0:132 / / ro,relatime master:411 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B,upperdir=/u,workdir=/w
1204 1203 0:135 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1205 1203 0:136 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=65536k,nr_inodes=4096,uid=65532,gid=65532,inode64
1206 1203 254:0 /home/op/my\040files\011a\012b\134c /mnt/my\040files\011a\012b\134c rw,relatime shared:1 master:7 propagate_from:2 - ext4 /dev/vda rw,discard
1207 1203 0:4 net:[4026532281] /run/netns/x rw - nsfs nsfs rw
`

func TestMounts(t *testing.T) {
	got, err := kernel(t, map[string]string{"proc/4242/mountinfo": mountinfo}).Mounts(4242)
	odd := "my files\ta\nb\\c"
	want := []Mount{
		{Root: "/", Point: "/", Type: "overlay", Options: []string{"ro", "relatime"},
			Super: []string{"rw", "lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B", "upperdir=/u", "workdir=/w"}},
		{Root: "/", Point: "/proc", Type: "proc", Options: []string{"rw", "nosuid", "nodev", "noexec", "relatime"}, Super: []string{"rw"}},
		{Root: "/", Point: "/tmp", Type: "tmpfs", Options: []string{"rw", "nosuid", "nodev", "noexec", "relatime"},
			Super: []string{"rw", "size=65536k", "nr_inodes=4096", "uid=65532", "gid=65532", "inode64"}},
		{Root: "/home/op/" + odd, Point: "/mnt/" + odd, Type: "ext4", Options: []string{"rw", "relatime"}, Super: []string{"rw", "discard"}},
		{Root: "net:[4026532281]", Point: "/run/netns/x", Type: "nsfs", Options: []string{"rw"}, Super: []string{"rw"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
	for option, has := range map[string]bool{"noexec": true, "size=65536k": true, "size=6553": false, "ro": false, "": false} {
		if got[2].Has(option) != has {
			t.Errorf("/tmp has %q: %v", option, !has)
		}
	}
}

// TestMountsKeepsFieldsApart: only a blank separates them. A source may be empty
// (util-linux pull request 619), and of white space the kernel escapes blank, tab
// and line feed alone (mangle, fs/proc_namespace.c).
func TestMountsKeepsFieldsApart(t *testing.T) {
	for line, want := range map[string]Mount{
		"74 25 0:59 / /mnt/tmpfs rw,noexec shared:38 - tmpfs  rw,size=4k": {Root: "/", Point: "/mnt/tmpfs", Type: "tmpfs",
			Options: []string{"rw", "noexec"}, Super: []string{"rw", "size=4k"}},
		"74 25 0:59 /a\u00a0b /c\rd ro - ext4 /dev/vda rw": {Root: "/a\u00a0b", Point: "/c\rd", Type: "ext4", Options: []string{"ro"}, Super: []string{"rw"}},
		`74 25 0:59 /\0 /\400\08\ ro - ext4 x rw`:          {Root: `/\0`, Point: `/\400\08\`, Type: "ext4", Options: []string{"ro"}, Super: []string{"rw"}},
	} {
		got, err := parseMounts([]byte(line + "\n"))
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%q: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func TestMountsRefuses(t *testing.T) {
	for _, line := range []string{
		"", "garbage", "74 25 0:59 / /mnt rw", "74 25 0:59 / /mnt rw shared:1 tmpfs tmpfs rw", "74 25 0:59 / /mnt - tmpfs tmpfs rw",
		"74 25 0:59 / /mnt rw - tmpfs", "74 25 0:59 / /mnt rw - tmpfs tmpfs",
	} {
		if got, err := parseMounts([]byte(mountinfo + line + "\n")); !errors.Is(err, errShape) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

// limits is /proc/PID/limits of a container on Linux 6.8.
const limits = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    0                    bytes     
Max open files            1024                 4096                 files     
Max nice priority         0                    0                    
Max realtime timeout      unlimited            unlimited            us        
`

func TestLimits(t *testing.T) {
	got, err := kernel(t, map[string]string{"proc/4242/limits": limits}).Limits(4242)
	want := map[string][2]uint64{
		"Max cpu time": {Unlimited, Unlimited}, "Max stack size": {8388608, Unlimited}, "Max core file size": {0, 0},
		"Max open files": {1024, 4096}, "Max nice priority": {0, 0}, "Max realtime timeout": {Unlimited, Unlimited},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestLimitsRefuses(t *testing.T) {
	for _, text := range []string{
		"", "garbage\n", limits[:strings.Index(limits, "\n")+1],
		limits + "Max open files            1024\n",
		limits + "Max open files            many                 4096                 files\n",
		limits + "Max open files            -1                   4096                 files\n",
		limits + "Max open files            18446744073709551616 4096                 files\n",
	} {
		if got, err := parseLimits([]byte(text)); !errors.Is(err, errShape) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestOOMScore(t *testing.T) {
	s := kernel(t, map[string]string{"proc/1/oom_score_adj": "-1000\n", "proc/2/oom_score_adj": "500\n", "proc/3/oom_score_adj": "\n", "proc/4/oom_score_adj": "much\n"})
	for pid, want := range map[int]int{1: -1000, 2: 500} {
		if got, err := s.OOMScore(pid); err != nil || got != want {
			t.Errorf("%d, %v; want %d", got, err, want)
		}
	}
	for _, pid := range []int{3, 4} {
		if got, err := s.OOMScore(pid); !errors.Is(err, errShape) {
			t.Errorf("%d, %v", got, err)
		}
	}
}

// TestInner reads the maps of a rootless engine (the operator, 1000, is root; then
// come his subordinate ids), of an engine with userns-remap, and of none of it.
func TestInner(t *testing.T) {
	s := kernel(t, map[string]string{
		"proc/1/uid_map": "         0       1000          1\n         1     100000      65536\n", "proc/1/gid_map": "         0       1001          1\n",
		"proc/2/uid_map": "         0     231072      65536\n",
		"proc/3/uid_map": "         0          0 4294967295\n",
		"proc/4/uid_map": "",
	})
	for _, c := range []struct {
		pid          int
		outer, inner uint32
		ok           bool
	}{
		{1, 1000, 0, true}, {1, 100000, 1, true}, {1, 165531, 65532, true}, {1, 165535, 65536, true},
		{1, 165536, 0, false}, {1, 0, 0, false}, {1, 999, 0, false}, {1, 1001, 0, false}, {1, 99999, 0, false},
		{2, 231072, 0, true}, {2, 296604, 65532, true}, {2, 65532, 0, false},
		{3, 65532, 65532, true}, {3, 0, 0, true}, {3, 4294967295, 0, false}, // the last one is nobody's
		{4, 0, 0, false}, // not mapped yet
	} {
		inner, ok, err := s.InnerUID(c.pid, c.outer)
		if err != nil || ok != c.ok || inner != c.inner {
			t.Errorf("%d in the map of %d: %d, %v, %v", c.outer, c.pid, inner, ok, err)
		}
	}
	// Groups have a map of their own.
	if inner, ok, err := s.InnerGID(1, 1001); err != nil || !ok || inner != 0 {
		t.Errorf("group: %d, %v, %v", inner, ok, err)
	}
	for _, text := range []string{"0 1000\n", "0 1000 1 1\n", "0 1000 x\n", "-1 1000 1\n", "0 4294967296 1\n"} {
		s := kernel(t, map[string]string{"proc/1/uid_map": text})
		if inner, ok, err := s.InnerUID(1, 1000); ok || !errors.Is(err, errShape) {
			t.Errorf("%q: %d, %v, %v", text, inner, ok, err)
		}
	}
}

// FuzzParseStatus: what is accepted mentions every control.
func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(status))
	f.Add([]byte(without(status, "CapEff:") + "CapBnd:\t0\n"))
	f.Add([]byte("Uid:\t0 0 0\nSeccomp:\t9999999999999999999\n::\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseStatus(b)
		if err != nil {
			return
		}
		if got.Seccomp < 0 {
			t.Fatalf("%q: %+v", b, got)
		}
		for _, c := range controls {
			if _, err := parseStatus([]byte(without(string(b), c+":"))); err == nil {
				t.Fatalf("%q is accepted without %s", b, c)
			}
		}
	})
}

// FuzzParseMounts: one mount a line, and written as the kernel does it is read as
// the same.
func FuzzParseMounts(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Add([]byte("74 25 0:59 / /mnt/tmpfs rw shared:38 - tmpfs  rw\n"))
	f.Add([]byte(`1 2 3 \1 \777\ , - - - -`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseMounts(b)
		if err != nil {
			return
		}
		if n := bytes.Count(b, []byte("\n")); len(got) != n && len(got) != n+1 {
			t.Fatalf("%q: %d mounts in %d lines", b, len(got), n)
		}
		for _, m := range got {
			line := fmt.Sprintf("1 2 3:4 %s %s %s - %s none %s\r\n", escape(m.Root), escape(m.Point), strings.Join(m.Options, ","), m.Type, strings.Join(m.Super, ","))
			again, err := parseMounts([]byte(line))
			if err != nil || len(again) != 1 || !reflect.DeepEqual(again[0], m) {
				t.Fatalf("%+v became %q, which is %+v, %v", m, line, again, err)
			}
		}
	})
}

// escape writes every byte of a path in octal, which is more than the kernel does.
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String()
}

// FuzzParseLimits: what is read and written in the kernel's columns is read as the
// same.
func FuzzParseLimits(f *testing.F) {
	f.Add([]byte(limits))
	f.Add([]byte("Max open files            1024                 18446744073709551615\n"))
	f.Add([]byte("Limit\nMax a                     unlimited unlimited"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseLimits(b)
		if err != nil {
			return
		}
		if len(got) == 0 {
			t.Fatalf("%q: no limits", b)
		}
		for name, pair := range got {
			if strings.HasPrefix(name, "Limit ") {
				continue // would be the heading
			}
			line := fmt.Sprintf("%s%s %d %d\n", name, strings.Repeat(" ", 26-len(name)), pair[0], pair[1])
			if again, err := parseLimits([]byte(line)); err != nil || len(again) != 1 || again[name] != pair {
				t.Fatalf("%q became %q, which is %v, %v", b, line, again, err)
			}
		}
	})
}
