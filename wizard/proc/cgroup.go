package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Group is what a control group allows. A limit that is not set is Unlimited.
type Group struct {
	// Memory is in bytes, MemorySwap too: both together.
	Memory, MemorySwap uint64
	// CPUs is in processors, 0 for no limit.
	CPUs float64
	Pids uint64
	// SwapKnown is false where the kernel does not count swap.
	SwapKnown bool
}

// Unlimited is the absence of a limit.
const Unlimited = 1<<64 - 1

// Group reads the limits of the control group that a process is in, of version 1 or
// 2 of the kernel's interface.
func (s System) Group(pid int) (Group, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "cgroup")
	if err != nil {
		return Group{}, err
	}
	paths := parseGroups(b)
	if path, ok := paths[""]; ok && len(paths) == 1 {
		return s.unified(path)
	}
	return s.legacy(paths)
}

// parseGroups maps each controller to the path of its group; "" is the unified
// hierarchy.
func parseGroups(b []byte) map[string]string {
	out := map[string]string{}
	for line := range bytes.Lines(b) {
		f := strings.SplitN(strings.TrimSpace(string(line)), ":", 3)
		if len(f) != 3 || !filepath.IsLocal(strings.TrimPrefix(f[2], "/")) && f[2] != "/" {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			out[c] = f[2]
		}
	}
	return out
}

func (s System) unified(path string) (Group, error) {
	var g Group
	var err error
	if g.Memory, err = s.number(path, "memory.max"); err != nil {
		return g, err
	}
	if g.Pids, err = s.number(path, "pids.max"); err != nil {
		return g, err
	}
	if swap, err := s.number(path, "memory.swap.max"); err == nil {
		g.SwapKnown, g.MemorySwap = true, Unlimited
		if swap != Unlimited && g.Memory != Unlimited {
			g.MemorySwap = g.Memory + swap
		}
	} else if !errors.Is(err, ErrHidden) {
		return g, err
	}
	b, err := s.read(s.Cgroup, path, "cpu.max")
	if s.isRoot(err, path) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	quota, period, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if quota == "max" {
		return g, nil
	}
	g.CPUs, err = share(quota, period)
	return g, err
}

func (s System) legacy(paths map[string]string) (Group, error) {
	var g Group
	var err error
	for _, c := range []string{"memory", "cpu", "pids"} {
		if paths[c] == "" {
			return g, fmt.Errorf("%w: the group of %s", ErrHidden, c)
		}
	}
	if g.Memory, err = s.bytes("memory", paths["memory"], "memory.limit_in_bytes"); err != nil {
		return g, err
	}
	if g.Pids, err = s.number("pids", paths["pids"], "pids.max"); err != nil {
		return g, err
	}
	if swap, err := s.bytes("memory", paths["memory"], "memory.memsw.limit_in_bytes"); err == nil {
		g.SwapKnown, g.MemorySwap = true, swap
	} else if !errors.Is(err, ErrHidden) {
		return g, err
	}
	quota, err := s.read(s.Cgroup, "cpu", paths["cpu"], "cpu.cfs_quota_us")
	if s.isRoot(err, "cpu", paths["cpu"]) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	period, err := s.read(s.Cgroup, "cpu", paths["cpu"], "cpu.cfs_period_us")
	if err != nil {
		return g, err
	}
	if strings.TrimSpace(string(quota)) == "-1" {
		return g, nil
	}
	g.CPUs, err = share(strings.TrimSpace(string(quota)), strings.TrimSpace(string(period)))
	return g, err
}

func share(quota, period string) (float64, error) {
	q, err := strconv.ParseUint(quota, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("cpu quota: %w", errShape)
	}
	p, err := strconv.ParseUint(period, 10, 63)
	if err != nil || p == 0 {
		return 0, fmt.Errorf("cpu period: %w", errShape)
	}
	return float64(q) / float64(p), nil
}

// bytes is number for version 1, whose word for "max" is the largest count of whole
// pages (PAGE_COUNTER_MAX, include/linux/page_counter.h; a page has at most 64 KiB).
func (s System) bytes(path ...string) (uint64, error) {
	n, err := s.number(path...)
	if n >= 1<<63-1<<16 {
		n = Unlimited
	}
	return n, err
}

// isRoot tells whether a limit has no file because the group is the kernel's own root,
// which limits nothing (cgroups(7)).
func (s System) isRoot(err error, group ...string) bool {
	if !errors.Is(err, fs.ErrNotExist) || group[len(group)-1] != "/" {
		return false
	}
	_, err = os.Stat(filepath.Join(append(append([]string{s.Cgroup}, group...), "cgroup.procs")...))
	return err == nil
}

// number reads a file that holds one number, or "max".
func (s System) number(path ...string) (uint64, error) {
	b, err := s.read(append([]string{s.Cgroup}, path...)...)
	if s.isRoot(err, path[:len(path)-1]...) {
		return Unlimited, nil
	}
	if err != nil {
		return 0, err
	}
	v := strings.TrimSpace(string(b))
	if v == "max" {
		return Unlimited, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Join(path...), errShape)
	}
	return n, nil
}
