package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrTooMany says that there is more than was asked for.
var ErrTooMany = errors.New("there is more than is looked at")

// Process is a process, how it was started and by whom.
type Process struct {
	Program
	Parent int
	// UID is the effective user, Name the kernel's short name of the program.
	UID  int
	Name string
	// Ended says that it is no more, but that its parent did not ask for it yet (a zombie).
	Ended bool
	// Terminal says that it has a terminal.
	Terminal bool
	// Start is when it began, in the kernel's units: with the number it names one
	// process. Age is how long ago that was, 0 where the kernel does not say.
	Start string
	Age   time.Duration
	// Cut says that Args are only the beginning of the command line.
	Cut bool
}

// The bounds of what is kept of command lines and environments, in bytes: of one, and of
// all command lines together.
const (
	longestArgs = 128 << 10
	allArgs     = 64 << 20
	longestEnv  = 1 << 20
)

// Processes are at most limit processes of this host, in no order. An error says what is
// missing of the list that comes with it: ErrTooMany, or ErrHidden where the kernel shows
// none, or those of this user alone.
func (s System) Processes(limit int) ([]Process, error) {
	names, err := s.numbers(limit)
	if err != nil && !errors.Is(err, ErrTooMany) {
		return nil, err
	}
	uptime := s.uptime()
	var out []Process
	left, first := allArgs, false
	for _, name := range names {
		first = first || name == "1"
		p, ok := s.process(name, uptime)
		if !ok {
			continue // it ended meanwhile
		}
		for _, arg := range p.Args {
			left -= len(arg)
		}
		if left < 0 {
			return out, fmt.Errorf("%w: the command lines are longer than %d bytes", ErrTooMany, allArgs)
		}
		out = append(out, p)
	}
	if err == nil && !first {
		// There always is a process 1: without it, those of other users are left out
		// (hidepid=2 of proc(5)).
		err = fmt.Errorf("%w: the processes of other users", ErrHidden)
	}
	return out, err
}

// numbers are the folders of processes.
func (s System) numbers(limit int) ([]string, error) {
	if runtime.GOOS != "linux" && s.Proc == "/proc" {
		return nil, fmt.Errorf("%w: no Linux kernel", ErrHidden)
	}
	f, err := os.Open(s.Proc)
	if err != nil {
		return nil, hidden(err)
	}
	defer func() { _ = f.Close() }() // only read
	var out []string
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if name[0] < '1' || name[0] > '9' {
				continue
			}
			if out = append(out, name); len(out) > limit {
				return out[:limit], fmt.Errorf("%w: %d processes", ErrTooMany, limit)
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(names) == 0 {
			return out, nil
		}
		if err != nil {
			return nil, hidden(err)
		}
	}
}

func (s System) process(name string, uptime time.Duration) (Process, bool) {
	pid, err := strconv.Atoi(name)
	if err != nil {
		return Process{}, false
	}
	stat, err := s.read(s.Proc, name, "stat")
	if err != nil {
		return Process{}, false
	}
	p, ok := parseStat(string(stat))
	if !ok {
		return Process{}, false
	}
	status, err := s.Status(pid)
	if err != nil {
		return Process{}, false
	}
	p.PID, p.UID = pid, int(status.UID[1])
	p.Path, _ = os.Readlink(filepath.Join(s.Proc, name, "exe"))
	line, whole, err := s.beginning(longestArgs, name, "cmdline")
	if err == nil && len(line) > 0 {
		p.Args, p.Cut = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"), !whole
	}
	if ticks, err := strconv.ParseInt(p.Start, 10, 64); err == nil && uptime > 0 {
		p.Age = max(0, uptime-time.Duration(ticks)*(time.Second/userHZ))
	}
	return p, true
}

// userHZ is in how many parts of a second the kernel counts for programs, on every
// architecture that is built for (USER_HZ, time(7)).
const userHZ = 100

// parseStat reads a line of /proc/PID/stat; the name in brackets may hold anything.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func parseStat(stat string) (Process, bool) {
	const parent, terminal, start = 1, 4, 19 // counted from the state, which is the third of all
	begin, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if begin < 0 || end < begin {
		return Process{}, false
	}
	fields := strings.Fields(stat[end+1:])
	if len(fields) <= start {
		return Process{}, false
	}
	p := Process{Name: stat[begin+1 : end], Start: fields[start], Ended: fields[0] == "Z" || fields[0] == "X", Terminal: fields[terminal] != "0"}
	var err error
	p.Parent, err = strconv.Atoi(fields[parent])
	return p, err == nil
}

// uptime is how long the host runs, 0 when the kernel does not say.
func (s System) uptime() time.Duration {
	b, err := s.read(s.Proc, "uptime")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil || seconds < 0 || seconds > 1e9 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// beginning is at most limit bytes of a file of a process; whole is false when there are
// more.
func (s System) beginning(limit int64, path ...string) (b []byte, whole bool, err error) {
	f, err := os.Open(filepath.Join(append([]string{s.Proc}, path...)...))
	if err != nil {
		return nil, false, hidden(err)
	}
	defer func() { _ = f.Close() }() // only read
	if b, err = io.ReadAll(io.LimitReader(f, limit+1)); err != nil {
		return nil, false, hidden(err)
	}
	if int64(len(b)) > limit {
		return b[:limit], false, nil
	}
	return b, true, nil
}

// Environ is what a process was started with: one NAME=VALUE after the other, each ended
// by a zero byte. It may hold secrets: the caller clears it. The error is ErrHidden for a
// process of somebody else, and ErrTooMany, with the beginning, for a very long one.
func (s System) Environ(pid int) ([]byte, error) {
	b, whole, err := s.beginning(longestEnv, strconv.Itoa(pid), "environ")
	if err == nil && !whole {
		err = fmt.Errorf("%w: the environment is longer than %d bytes", ErrTooMany, longestEnv)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil, nil // it ended meanwhile, or is a thread of the kernel
	}
	return b, err
}

// Variable is the value of a variable in what Environ gave, as a part of it.
func Variable(environ []byte, name string) ([]byte, bool) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if n, value, ok := bytes.Cut(entry, []byte{'='}); ok && string(n) == name {
			return value, true
		}
	}
	return nil, false
}

// Groups are the paths of the control groups that a process is in.
func (s System) Groups(pid int) ([]string, error) {
	b, err := s.read(s.Proc, strconv.Itoa(pid), "cgroup")
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range bytes.Lines(b) {
		if f := strings.SplitN(strings.TrimSpace(string(line)), ":", 3); len(f) == 3 {
			out = append(out, f[2])
		}
	}
	return out, nil
}
