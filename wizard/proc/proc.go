// Package proc reads what the Linux kernel says of processes, control groups and
// listening sockets: the proof beside an engine's own word. It only reads.
// https://man7.org/linux/man-pages/man5/proc.5.html
package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrHidden says that the kernel of this host does not show what was asked for: on
// other systems, for processes in a virtual machine, or without the right to see them.
var ErrHidden = errors.New("not visible from here")

// System is one kernel's files.
type System struct {
	// Proc and Cgroup are the folders where they are mounted.
	Proc, Cgroup string
}

// Host is the kernel of this host.
func Host() System { return System{Proc: "/proc", Cgroup: "/sys/fs/cgroup"} }

// largest bounds every file that is read, in bytes.
const largest = 4 << 20

func (s System) read(path ...string) ([]byte, error) {
	if runtime.GOOS != "linux" && s.Proc == "/proc" {
		return nil, fmt.Errorf("%w: no Linux kernel", ErrHidden)
	}
	name := filepath.Join(path...)
	f, err := os.Open(name)
	if err != nil {
		return nil, hidden(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return nil, hidden(err)
	}
	// What would be cut off might be what breaks a claim.
	if len(b) > largest {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, largest)
	}
	return b, nil
}

func hidden(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrHidden, err)
	}
	return err
}

// Status is what the kernel says of one process.
type Status struct {
	PID, Parent int
	Name        string
	// UID and GID are the real, effective, saved and file system ids.
	UID, GID [4]uint32
	Groups   []uint32
	// The sets of capabilities, as bits.
	CapInh, CapPrm, CapEff, CapBnd, CapAmb uint64
	NoNewPrivs                             bool
	// Seccomp is 0 for none, 1 for strict, 2 for a filter.
	Seccomp int
}

// Status reads /proc/PID/status.
func (s System) Status(pid int) (Status, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "status")
	if err != nil {
		return Status{}, err
	}
	return parseStatus(b)
}

var errShape = errors.New("not in the form that the kernel writes")

func parseStatus(b []byte) (Status, error) {
	out := Status{Seccomp: -1}
	seen := map[string]bool{}
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		var err error
		switch name {
		case "Name":
			out.Name = value
			continue
		case "Pid":
			out.PID, err = strconv.Atoi(value)
		case "PPid":
			out.Parent, err = strconv.Atoi(value)
		case "Uid":
			out.UID, err = four(value)
		case "Gid":
			out.GID, err = four(value)
		case "Groups":
			out.Groups, err = numbers(value)
		case "CapInh":
			out.CapInh, err = strconv.ParseUint(value, 16, 64)
		case "CapPrm":
			out.CapPrm, err = strconv.ParseUint(value, 16, 64)
		case "CapEff":
			out.CapEff, err = strconv.ParseUint(value, 16, 64)
		case "CapBnd":
			out.CapBnd, err = strconv.ParseUint(value, 16, 64)
		case "CapAmb":
			out.CapAmb, err = strconv.ParseUint(value, 16, 64)
		case "NoNewPrivs":
			out.NoNewPrivs = value == "1"
		case "Seccomp":
			out.Seccomp, err = strconv.Atoi(value)
		default:
			continue
		}
		if err != nil {
			return Status{}, fmt.Errorf("status, %s: %w", name, errShape)
		}
		seen[name] = true
	}
	// A control that the kernel did not mention must not count as kept.
	if len(seen) < 12 || out.Seccomp < 0 {
		return Status{}, fmt.Errorf("status: %w", errShape)
	}
	return out, nil
}

func four(s string) ([4]uint32, error) {
	var out [4]uint32
	n, err := numbers(s)
	if err != nil || len(n) != 4 {
		return out, errShape
	}
	copy(out[:], n)
	return out, nil
}

func numbers(s string) ([]uint32, error) {
	var out []uint32
	for _, f := range strings.Fields(s) {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, err
		}
		out = append(out, uint32(n))
	}
	return out, nil
}

// Members are the processes of a container: those in a control group that is named
// after it, and the descendants of its first process.
func (s System) Members(first int, containerID string) ([]Status, error) {
	entries, err := os.ReadDir(s.Proc)
	if err != nil {
		return nil, hidden(err)
	}
	all := map[int]Status{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		st, err := s.Status(pid)
		if errors.Is(err, errShape) {
			return nil, fmt.Errorf("process %d: %w", pid, err) // it might be a member
		}
		if err != nil {
			continue // it ended meanwhile
		}
		all[pid] = st
	}
	if _, there := all[first]; !there {
		return nil, fmt.Errorf("%w: process %d", ErrHidden, first)
	}
	var out []Status
	for pid, st := range all {
		if descends(all, pid, first) || s.inGroup(pid, containerID) {
			out = append(out, st)
		}
	}
	slices.SortFunc(out, func(a, b Status) int { return a.PID - b.PID })
	return out, nil
}

func descends(all map[int]Status, pid, from int) bool {
	for range len(all) {
		if pid == from {
			return true
		}
		st, ok := all[pid]
		if !ok || st.Parent == 0 {
			return false
		}
		pid = st.Parent
	}
	return false
}

func (s System) inGroup(pid int, containerID string) bool {
	if len(containerID) < 12 {
		return false
	}
	b, err := s.read(s.Proc, strconv.Itoa(pid), "cgroup")
	return err == nil && bytes.Contains(b, []byte(containerID))
}

// Mount is one mount of a process's view of the file system.
type Mount struct {
	// Root is the part of the file system that is mounted, Point where.
	Root, Point, Type string
	// Options are of the mount, Super of its file system.
	Options, Super []string
}

// Has tells whether one of the options holds for the mount.
func (m Mount) Has(option string) bool {
	return slices.Contains(m.Options, option) || slices.Contains(m.Super, option)
}

// Mounts reads /proc/PID/mountinfo.
func (s System) Mounts(pid int) ([]Mount, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(b)
}

func parseMounts(b []byte) ([]Mount, error) {
	var out []Mount
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, largest)
	for lines.Scan() {
		// One blank separates fields: the source, g[1], may be empty, and white space
		// other than blank, tab and newline stands in a path as it is.
		before, after, ok := strings.Cut(lines.Text(), " - ")
		f, g := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(f) < 6 || len(g) < 3 {
			return nil, fmt.Errorf("mountinfo: %w", errShape)
		}
		out = append(out, Mount{
			Root: unescape(f[3]), Point: unescape(f[4]), Type: g[0], Options: strings.Split(f[5], ","), Super: strings.Split(g[2], ","),
		})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("mountinfo: %w", err)
	}
	return out, nil
}

// unescape reads the octal escapes of blanks in paths (proc(5), mountinfo).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Limits reads the soft and hard limits of /proc/PID/limits by name, such as "Max
// open files"; an unlimited one is the largest number.
func (s System) Limits(pid int) (map[string][2]uint64, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "limits")
	if err != nil {
		return nil, err
	}
	return parseLimits(b)
}

func parseLimits(b []byte) (map[string][2]uint64, error) {
	out := map[string][2]uint64{}
	for line := range bytes.Lines(b) {
		s := strings.TrimRight(string(line), "\n")
		// The name fills the first 26 columns (fs/proc/base.c).
		if len(s) < 27 || strings.HasPrefix(s, "Limit ") {
			continue
		}
		f := strings.Fields(s[26:])
		if len(f) < 2 {
			return nil, fmt.Errorf("limits: %w", errShape)
		}
		var pair [2]uint64
		for i := range pair {
			if f[i] == "unlimited" {
				pair[i] = 1<<64 - 1
				continue
			}
			n, err := strconv.ParseUint(f[i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("limits: %w", errShape)
			}
			pair[i] = n
		}
		out[strings.TrimSpace(s[:26])] = pair
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("limits: %w", errShape)
	}
	return out, nil
}

// OOMScore reads /proc/PID/oom_score_adj.
func (s System) OOMScore(pid int) (int, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "oom_score_adj")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("oom_score_adj: %w", errShape)
	}
	return n, nil
}

// Namespace names a namespace of a process, such as its "cgroup": equal names are the
// same one.
func (s System) Namespace(pid int, kind string) (string, error) {
	if runtime.GOOS != "linux" && s.Proc == "/proc" {
		return "", fmt.Errorf("%w: no Linux kernel", ErrHidden)
	}
	name, err := os.Readlink(filepath.Join(s.Proc, strconv.Itoa(pid), "ns", kind))
	if err != nil {
		return "", hidden(err)
	}
	return name, nil
}

// InnerUID translates a user id of the host to what it is inside the user namespace
// of the process; ok is false where it is none there.
func (s System) InnerUID(pid int, outer uint32) (inner uint32, ok bool, err error) {
	return s.inner(pid, "uid_map", outer)
}

// InnerGID is InnerUID for a group.
func (s System) InnerGID(pid int, outer uint32) (inner uint32, ok bool, err error) {
	return s.inner(pid, "gid_map", outer)
}

func (s System) inner(pid int, table string, outer uint32) (uint32, bool, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), table)
	if err != nil {
		return 0, false, err
	}
	for line := range bytes.Lines(b) {
		n, err := numbers(string(line))
		if err != nil || len(n) != 3 {
			return 0, false, fmt.Errorf("%s: %w", table, errShape)
		}
		if outer >= n[1] && uint64(outer) < uint64(n[1])+uint64(n[2]) {
			return n[0] + (outer - n[1]), true, nil
		}
	}
	return 0, false, nil
}
