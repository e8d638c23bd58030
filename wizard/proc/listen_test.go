package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
)

// tcp and tcp6 are /proc/net/tcp and tcp6 of Linux 6.8 on a little-endian machine.
const (
	tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41512 1 0000000000000000 100 0 0 10 0                     
   1: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 20115 1 0000000000000000 100 0 0 10 5                     
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 24790 1 0000000000000000 100 0 0 10 0                     
   3: 0100007F:1F92 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 55555 1 0000000000000000 20 4 30 10 -1                    
   4: 0100007F:D2F0 0100007F:1F92 06 00000000:00000000 03:00000E9C 00000000     0        0 0 3 0000000000000000                                      
`
	tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 60001 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 60002 1 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 18446744073709551615 1 0000000000000000 100 0 0 10 0
   3: B80D01200000000000000000EFBE0000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 60004 1 0000000000000000 100 0 0 10 0
`
)

func TestListeners(t *testing.T) {
	s := kernel(t, map[string]string{"proc/net/tcp": tcp, "proc/net/tcp6": tcp6})
	for port, want := range map[uint16][]Listener{
		8082: {
			{netip.MustParseAddrPort("127.0.0.1:8082"), 0, 41512},
			{netip.MustParseAddrPort("[::1]:8082"), 1000, 60001},
			{netip.MustParseAddrPort("[::]:8082"), 1001, 60002},
			// An IPv6 socket that answers on the literal address.
			{netip.MustParseAddrPort("127.0.0.1:8082"), 65534, 1<<64 - 1},
		},
		53:    {{netip.MustParseAddrPort("127.0.0.53:53"), 101, 20115}},
		22:    {{netip.MustParseAddrPort("0.0.0.0:22"), 0, 24790}},
		443:   {{netip.MustParseAddrPort("[2001:db8::beef]:443"), 0, 60004}},
		54000: nil, // 0xD2F0: a client's end
		8083:  nil,
		0:     nil,
	} {
		got, err := s.Listeners(port)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("port %d: %v, %v; want %v", port, got, err, want)
		}
	}
}

func TestListenersWithoutIPv6(t *testing.T) {
	got, err := kernel(t, map[string]string{"proc/net/tcp": tcp}).Listeners(8082)
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	// A table that is there and cannot be read may hold whoever listens on ::1.
	s := kernel(t, map[string]string{"proc/net/tcp": tcp})
	if err := os.Mkdir(s.Proc+"/net/tcp6", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Listeners(8082); err == nil {
		t.Errorf("tcp6 cannot be read: %v", got)
	}
	s = kernel(t, map[string]string{"proc/net/tcp": tcp, "proc/net/tcp6": tcp6 + "garbage\n"})
	if got, err := s.Listeners(8082); !errors.Is(err, errShape) {
		t.Errorf("tcp6 is garbage: %v, %v", got, err)
	}
	if got, err := kernel(t, map[string]string{"proc/net/tcp6": tcp6}).Listeners(8082); !errors.Is(err, ErrHidden) {
		t.Errorf("tcp6 alone: %v, %v", got, err)
	}
}

func TestParseListenersRefuses(t *testing.T) {
	good := "0: 0100007F:1F92 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 41512 1"
	for _, c := range [][2]string{
		{good, "0: 0100007F:1F92 00000000:0000 0A"},
		{"0100007F:1F92", "0100007F"}, {"0100007F:1F92", "0100007F1F92"}, {"0100007F:1F92", "127.0.0.1:8082"},
		{"0100007F:1F92", "0100007:1F92"}, {"0100007F:1F92", "01007F:1F92"}, {"0100007F:1F92", ":1F92"},
		{"0100007F:1F92", "0000000000000000010000000:1F92"}, {"0100007F:1F92", "0100007F0100007F:1F92"},
		{"0100007F:1F92", "0100007F:11F92"}, {"0100007F:1F92", "0100007F:"}, {"0100007F:1F92", "0100007F:-1"},
		{" 0 0 41512", " root 0 41512"}, {" 0 0 41512", " 4294967296 0 41512"}, {" 41512 ", " -1 "}, {" 41512 ", " 18446744073709551616 "},
	} {
		bad := strings.Replace(good, c[0], c[1], 1)
		if got, err := parseListeners([]byte("heading\n" + bad + "\n")); bad == good || !errors.Is(err, errShape) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
	if got, err := parseListeners([]byte("heading\n" + good + "\n")); err != nil || len(got) != 1 {
		t.Errorf("the line as it was: %v, %v", got, err)
	}
}

// FuzzParseListeners: what is read and written as the kernel does is read as the
// same.
func FuzzParseListeners(f *testing.F) {
	f.Add([]byte(tcp))
	f.Add([]byte(tcp6))
	f.Add([]byte("\n0: :0 x 0A 0 0 0 0 0 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseListeners(b)
		if err != nil {
			return
		}
		for _, l := range got {
			if !l.Address.IsValid() || l.Address.Addr().Zone() != "" {
				t.Fatalf("%q: %+v", b, l)
			}
			line := fmt.Sprintf("heading\n0: %s:%04X 00000000:0000 0A 0:0 0:0 0 %d 0 %d 1\n", words(l.Address.Addr()), l.Address.Port(), l.UID, l.Inode)
			again, err := parseListeners([]byte(line))
			if err != nil || len(again) != 1 || again[0] != l {
				t.Fatalf("%+v became %q, which is %+v, %v", l, line, again, err)
			}
		}
	})
}

// words is the address as 32-bit numbers of a little-endian processor.
func words(a netip.Addr) string {
	b, s := a.AsSlice(), ""
	for i := 0; i < len(b); i += 4 {
		s += fmt.Sprintf("%08X", binary.LittleEndian.Uint32(b[i:]))
	}
	return s
}
