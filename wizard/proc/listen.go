package proc

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Listener is a TCP socket that listens on this host.
type Listener struct {
	Address netip.AddrPort
	// UID is whose socket it is.
	UID uint32
	// Inode is the kernel's number for it.
	Inode uint64
}

// Listeners are the sockets that listen on a TCP port, of IPv4 and IPv6. The error
// is ErrHidden where the kernel does not tell.
func (s System) Listeners(port uint16) ([]Listener, error) {
	var out []Listener
	for _, name := range []string{"tcp", "tcp6"} {
		b, err := s.read(s.Proc, "net", name)
		if err != nil {
			if name == "tcp6" && errors.Is(err, fs.ErrNotExist) {
				continue // a kernel without IPv6
			}
			return nil, err
		}
		found, err := parseListeners(b)
		if err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", name, err)
		}
		out = append(out, slices.DeleteFunc(found, func(l Listener) bool { return l.Address.Port() != port })...)
	}
	return out, nil
}

const stateListen = "0A"

// parseListeners reads the listening sockets of /proc/net/tcp or tcp6.
func parseListeners(b []byte) ([]Listener, error) {
	var out []Listener
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, largest)
	for first := true; lines.Scan(); first = false {
		f := strings.Fields(lines.Text())
		if first || len(f) == 0 {
			continue
		}
		if len(f) < 10 {
			return nil, errShape
		}
		if f[3] != stateListen {
			continue
		}
		at, err := parseSocket(f[1])
		if err != nil {
			return nil, err
		}
		uid, err := strconv.ParseUint(f[7], 10, 32)
		if err != nil {
			return nil, errShape
		}
		inode, err := strconv.ParseUint(f[9], 10, 64)
		if err != nil {
			return nil, errShape
		}
		out = append(out, Listener{Address: at, UID: uint32(uid), Inode: inode})
	}
	return out, lines.Err()
}

// parseSocket reads "0100007F:1F92": 32-bit words in the order of the processor,
// which is little-endian on every released architecture, then the port. An IPv4 address
// that an IPv6 socket is bound to answers as IPv4 does, and is one.
func parseSocket(s string) (netip.AddrPort, error) {
	addr, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(addr)
	if !ok || err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, errShape
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, errShape
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
}

// Program is a process and how it was started.
type Program struct {
	PID int
	// Path is the program's file, Args its command line.
	Path string
	Args []string
}

// Owners are the processes that hold a socket, as far as they are visible; complete
// is false when some processes could not be looked at.
func (s System) Owners(inode uint64) (owners []Program, complete bool) {
	want := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	entries, err := os.ReadDir(s.Proc)
	if err != nil {
		return nil, false
	}
	seen, first := true, false
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(s.Proc, e.Name())
		holds, whole := holdsFile(filepath.Join(dir, "fd"), want)
		if holds {
			owners = append(owners, s.program(dir))
		}
		seen, first = seen && whole, first || pid == 1
	}
	// There always is a process 1: without it, those of other users are left out
	// (hidepid=2 of proc(5)).
	return owners, seen && first
}

// holdsFile tells whether one of the open files in dir is the wanted one; whole is
// false when some of them could not be looked at.
func holdsFile(dir, want string) (holds, whole bool) {
	entries, err := os.ReadDir(dir)
	whole = err == nil || errors.Is(err, fs.ErrNotExist) // it ended meanwhile
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && target == want {
			return true, whole
		}
		whole = whole && (err == nil || errors.Is(err, fs.ErrNotExist))
	}
	return false, whole
}

func (s System) program(dir string) Program {
	p := Program{}
	p.PID, _ = strconv.Atoi(filepath.Base(dir))
	// What cannot be read stays empty, and proves nothing.
	p.Path, _ = os.Readlink(filepath.Join(dir, "exe"))
	if b, err := s.read(dir, "cmdline"); err == nil && len(b) > 0 {
		p.Args = strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
	}
	return p
}
