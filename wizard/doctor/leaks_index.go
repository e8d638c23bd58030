package doctor

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Bounds of an index of git, in bytes: of the file, and of one name in it.
const (
	mostIndex   = 64 << 20
	longestName = 4096
)

var errIndex = errors.New("its index is not of a form that is known")

// parseIndex are the names that an index of git tracks, in versions 2 to 4. Git itself is
// not asked: a repository may name programs that it would run.
// https://git-scm.com/docs/index-format
func parseIndex(b []byte) ([]string, error) {
	if len(b) < 12 || string(b[:4]) != "DIRC" {
		return nil, errIndex
	}
	version, count := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if version < 2 || version > 4 {
		return nil, errIndex
	}
	// Which digest a repository uses is not said here; with the wrong one nothing fits.
	for _, digest := range []int{20, 32} {
		if names, err := indexEntries(b, version, count, digest); err == nil {
			return names, nil
		}
	}
	return nil, errIndex
}

func indexEntries(b []byte, version, count uint32, digest int) ([]string, error) {
	var names []string
	at, name := 12, []byte(nil)
	for range count {
		begin := at
		at += 40 + digest
		if at+2 > len(b) {
			return nil, errIndex
		}
		extended := b[at]&0x40 != 0
		if at += 2; extended {
			at += 2
		}
		if version == 4 {
			cut, next, ok := indexNumber(b, at)
			if !ok || cut > len(name) {
				return nil, errIndex
			}
			name, at = name[:len(name)-cut], next
		} else {
			name = nil
		}
		length := -1
		if at <= len(b) {
			length = bytes.IndexByte(b[at:min(len(b), at+longestName+1)], 0)
		}
		if length < 0 || len(name)+length > longestName || len(name)+length == 0 {
			return nil, errIndex
		}
		name = append(name[:len(name):len(name)], b[at:at+length]...)
		names = append(names, string(name))
		if at += length + 1; version < 4 {
			at = begin + (at-1-begin+8)/8*8
		}
	}
	return names, indexRest(b, at, digest)
}

// indexRest walks over what follows the entries: a part of them may be in another file.
func indexRest(b []byte, at, digest int) error {
	for at+8 <= len(b)-digest {
		if string(b[at:at+4]) == "link" {
			return errIndex
		}
		at += 8 + int(binary.BigEndian.Uint32(b[at+4:]))
	}
	if at != len(b)-digest {
		return errIndex
	}
	return nil
}

// indexNumber reads the number of bytes that version 4 takes off the name before.
func indexNumber(b []byte, at int) (n, next int, ok bool) {
	for i := range 4 {
		if at+i >= len(b) {
			return 0, 0, false
		}
		c := b[at+i]
		n = n<<7 | int(c&0x7f)
		if c&0x80 == 0 {
			return n, at + i + 1, true
		}
		n++
	}
	return 0, 0, false
}
