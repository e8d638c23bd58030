package proc

import (
	"errors"
	"maps"
	"path"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// legacyGroups is /proc/PID/cgroup of a container on Ubuntu 20.04: version 1 with
// systemd's hybrid hierarchy.
const legacyGroups = `12:pids:/docker/c1
11:memory:/docker/c1
10:devices:/docker/c1
5:cpu,cpuacct:/docker/c1
1:name=systemd:/docker/c1
0::/system.slice/containerd.service
`

const unifiedGroups = "0::/system.slice/docker-c1.scope\n"

// unifiedFiles and legacyFiles are the limits of one container in both versions.
var (
	unifiedFiles = map[string]string{
		"proc/4242/cgroup": unifiedGroups, "cgroup/system.slice/docker-c1.scope/memory.max": "536870912\n",
		"cgroup/system.slice/docker-c1.scope/memory.swap.max": "0\n", "cgroup/system.slice/docker-c1.scope/pids.max": "128\n",
		"cgroup/system.slice/docker-c1.scope/cpu.max": "150000 100000\n",
	}
	legacyFiles = map[string]string{
		"proc/4242/cgroup": legacyGroups, "cgroup/memory/docker/c1/memory.limit_in_bytes": "536870912\n",
		"cgroup/memory/docker/c1/memory.memsw.limit_in_bytes": "536870912\n", "cgroup/pids/docker/c1/pids.max": "128\n",
		"cgroup/cpu/docker/c1/cpu.cfs_quota_us": "150000\n", "cgroup/cpu/docker/c1/cpu.cfs_period_us": "100000\n",
	}
)

// TestRootGroup: what an engine without control groups starts is in the kernel's own
// root, where there is nothing to read because nothing is limited.
func TestRootGroup(t *testing.T) {
	v1 := map[string]string{
		"proc/4242/cgroup": "12:pids:/\n11:memory:/\n5:cpu,cpuacct:/\n", "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		"cgroup/memory/cgroup.procs": "1\n", "cgroup/pids/cgroup.procs": "1\n", "cgroup/cpu/cgroup.procs": "1\n",
	}
	v2 := map[string]string{"proc/4242/cgroup": "0::/\n", "cgroup/cgroup.procs": "1\n"}
	for name, files := range map[string]map[string]string{"1": v1, "2": v2} {
		want := Group{Memory: Unlimited, MemorySwap: Unlimited, Pids: Unlimited, SwapKnown: true}
		if got, err := kernel(t, files).Group(4242); err != nil || got != want {
			t.Errorf("version %s: %+v, %v", name, got, err)
		}
		// Without the files of a hierarchy nothing is known.
		for file := range files {
			if !strings.HasSuffix(file, "cgroup.procs") {
				continue
			}
			less := maps.Clone(files)
			delete(less, file)
			if got, err := kernel(t, less).Group(4242); file != "cgroup/memory/cgroup.procs" && !errors.Is(err, ErrHidden) {
				t.Errorf("version %s without %s: %+v, %v", name, file, got, err)
			}
		}
	}
}

// changed are the files with other content by the end of their names; "-" takes one
// away.
func changed(t *testing.T, files, change map[string]string) map[string]string {
	t.Helper()
	out := maps.Clone(files)
	for end, content := range change {
		n := 0
		for name := range files {
			if !strings.HasSuffix(name, "/"+end) {
				continue
			}
			n++
			if out[name] = content; content == "-" {
				delete(out, name)
			}
		}
		if n != 1 {
			t.Fatalf("%d files are %s", n, end)
		}
	}
	return out
}

func TestGroup(t *testing.T) {
	kept := Group{Memory: 512 << 20, MemorySwap: 512 << 20, CPUs: 1.5, Pids: 128, SwapKnown: true}
	free := Group{Memory: Unlimited, MemorySwap: Unlimited, Pids: Unlimited, SwapKnown: true}
	unknown := kept
	unknown.MemorySwap, unknown.SwapKnown = 0, false
	swap := kept
	swap.MemorySwap = 768 << 20
	endless := kept
	endless.MemorySwap = Unlimited
	// The largest count of whole pages is version 1's word for no limit.
	const noLimit = "9223372036854771712\n"
	for name, c := range map[string]struct {
		files, change map[string]string
		want          Group
	}{
		"unified":                 {unifiedFiles, nil, kept},
		"unified, swap too":       {unifiedFiles, map[string]string{"memory.swap.max": "268435456\n"}, swap},
		"unified, all swap":       {unifiedFiles, map[string]string{"memory.swap.max": "max\n"}, endless},
		"unified, swap uncounted": {unifiedFiles, map[string]string{"memory.swap.max": "-"}, unknown},
		"unified, no limits": {unifiedFiles, map[string]string{"memory.max": "max\n", "memory.swap.max": "max\n", "pids.max": "max\n",
			"cpu.max": "max 100000\n"}, free},
		"unified, no memory limit": {unifiedFiles, map[string]string{"memory.max": "max\n", "memory.swap.max": "268435456\n", "pids.max": "max\n",
			"cpu.max": "max 100000\n"}, free},
		"legacy":                 {legacyFiles, nil, kept},
		"legacy, swap too":       {legacyFiles, map[string]string{"memory.memsw.limit_in_bytes": "805306368\n"}, swap},
		"legacy, all swap":       {legacyFiles, map[string]string{"memory.memsw.limit_in_bytes": noLimit}, endless},
		"legacy, swap uncounted": {legacyFiles, map[string]string{"memory.memsw.limit_in_bytes": "-"}, unknown},
		"legacy, no limits": {legacyFiles, map[string]string{"memory.limit_in_bytes": noLimit, "memory.memsw.limit_in_bytes": noLimit,
			"pids.max": "max\n", "cpu.cfs_quota_us": "-1\n"}, free},
		"legacy, no limits, pages of 64 KiB": {legacyFiles, map[string]string{"memory.limit_in_bytes": "9223372036854710272\n",
			"memory.memsw.limit_in_bytes": "9223372036854710272\n", "pids.max": "max\n", "cpu.cfs_quota_us": "-1\n"}, free},
	} {
		got, err := kernel(t, changed(t, c.files, c.change)).Group(4242)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// TestGroupIsHidden: limits that are not all there prove nothing, and those of the
// root or of somebody else's groups are not the container's.
func TestGroupIsHidden(t *testing.T) {
	for name, c := range map[string]struct{ files, change map[string]string }{
		"unified, memory": {unifiedFiles, map[string]string{"memory.max": "-"}}, "unified, pids": {unifiedFiles, map[string]string{"pids.max": "-"}},
		"unified, cpu":      {unifiedFiles, map[string]string{"cpu.max": "-"}},
		"unified, the root": {unifiedFiles, map[string]string{"4242/cgroup": "0::/\n"}},
		"legacy, memory":    {legacyFiles, map[string]string{"memory.limit_in_bytes": "-"}}, "legacy, pids": {legacyFiles, map[string]string{"pids.max": "-"}},
		"legacy, quota": {legacyFiles, map[string]string{"cpu.cfs_quota_us": "-"}}, "legacy, period": {legacyFiles, map[string]string{"cpu.cfs_period_us": "-"}},
		"legacy, no group for memory": {legacyFiles, map[string]string{"4242/cgroup": without(legacyGroups, "11:")}},
		"legacy, no group for cpu":    {legacyFiles, map[string]string{"4242/cgroup": without(legacyGroups, "5:")}},
		"legacy, no group for pids":   {legacyFiles, map[string]string{"4242/cgroup": without(legacyGroups, "12:")}},
		"no groups":                   {unifiedFiles, map[string]string{"4242/cgroup": ""}},
		// Seen from another namespace of control groups.
		"outside": {unifiedFiles, map[string]string{"4242/cgroup": "0::/../system.slice/docker-c1.scope\n"}},
	} {
		if got, err := kernel(t, changed(t, c.files, c.change)).Group(4242); !errors.Is(err, ErrHidden) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestGroupRefuses(t *testing.T) {
	for end, bad := range map[string][]string{
		"memory.max": {"", "lots\n", "-1\n", "1.5\n", "18446744073709551616\n"}, "pids.max": {"", "x\n"}, "memory.swap.max": {"", "x\n"},
		"cpu.max": {"", "x 100000\n", "100000\n", "100000 0\n", "-1 100000\n", "100000 100000 1\n"},
	} {
		for _, content := range bad {
			if got, err := kernel(t, changed(t, unifiedFiles, map[string]string{end: content})).Group(4242); !errors.Is(err, errShape) {
				t.Errorf("%s is %q: %+v, %v", end, content, got, err)
			}
		}
	}
	for end, content := range map[string]string{
		"memory.limit_in_bytes": "-1\n", "pids.max": "x\n", "memory.memsw.limit_in_bytes": "x\n", "cpu.cfs_quota_us": "-2\n", "cpu.cfs_period_us": "0\n",
	} {
		if got, err := kernel(t, changed(t, legacyFiles, map[string]string{end: content})).Group(4242); !errors.Is(err, errShape) {
			t.Errorf("%s is %q: %+v, %v", end, content, got, err)
		}
	}
}

func TestParseGroups(t *testing.T) {
	for text, want := range map[string]map[string]string{
		legacyGroups: {"pids": "/docker/c1", "memory": "/docker/c1", "devices": "/docker/c1", "cpu": "/docker/c1", "cpuacct": "/docker/c1",
			"name=systemd": "/docker/c1", "": "/system.slice/containerd.service"},
		unifiedGroups: {"": "/system.slice/docker-c1.scope"}, "0::/\n": {"": "/"}, "": {},
		"0::/../etc\n1:cpu:/a/../../b\n2:pids://etc\n3:memory:\nno line\n4:x\n": {},
	} {
		if got := parseGroups([]byte(text)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	// Containerd names groups like that; Windows has no such paths, and no groups.
	if got := parseGroups([]byte("0::/a.slice:cri-containerd:c1\n")); runtime.GOOS != "windows" && got[""] != "/a.slice:cri-containerd:c1" {
		t.Errorf("a name with colons: %v", got)
	}
}

// FuzzParseGroups: no path leads out of the folder where the groups are mounted.
func FuzzParseGroups(f *testing.F) {
	for _, s := range []string{legacyGroups, unifiedGroups, "0::/../x\n1:a,,b:/..\n2:c:/a/../..\n", "0::/docker/x (deleted)\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for c, p := range parseGroups(b) {
			if at := path.Join("/sys/fs/cgroup", p); at != "/sys/fs/cgroup" && !strings.HasPrefix(at, "/sys/fs/cgroup/") {
				t.Fatalf("%q: the group of %q is %q, that is %s", b, c, p, at)
			}
		}
	})
}
