package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gowebpki/jcs"
)

const (
	// version is the format that this program writes, and the newest it reads.
	version = 1

	logLen  = 32
	hashLen = 2 * sha256.Size

	// maxLine bounds a record, line end included, in bytes.
	maxLine = 1 << 20

	timeLayout = "2006-01-02T15:04:05.000000Z"
)

// The fixed parts of a line. The chain object is the first member of the body
// because its name sorts before all others, as canonical JSON wants it; that makes
// a line's place in the chain readable without a JSON parser.
const (
	frameBody = `{"body":`
	frameHash = `,"hash":"`
	frameMAC  = `","mac":"`
	frameEnd  = `"}`

	chainLog  = `{"chain":{"log":"`
	chainPrev = `","prev":"`
	chainSeq  = `","seq":"`
	chainV    = `","v":`
	chainEnd  = `},"`

	tailLen = len(frameHash) + hashLen + len(frameMAC) + hashLen + len(frameEnd)
)

var (
	// bodyDomain is hashed ahead of every body.
	bodyDomain = []byte("clawsetup/journal/v1\n")
	// genesisPrev stands for the record before the first.
	genesisPrev = bytes.Repeat([]byte{'0'}, hashLen)
)

// place is where a record stands: in which journal, after which record.
type place struct {
	log, prev []byte
	seq       uint64
	v         int
}

// frame is a line, without its line end, taken apart; the other slices point into
// it.
type frame struct {
	place
	line, body, hash, mac []byte
}

// appendPlace renders the start of a body up to the first member after the chain
// object, its opening quote included.
func appendPlace(dst []byte, p place) []byte {
	dst = append(dst, chainLog...)
	dst = append(dst, p.log...)
	dst = append(dst, chainPrev...)
	dst = append(dst, p.prev...)
	dst = append(dst, chainSeq...)
	dst = strconv.AppendUint(dst, p.seq, 10)
	dst = append(dst, chainV...)
	dst = strconv.AppendInt(dst, int64(p.v), 10)
	return append(dst, chainEnd...)
}

// appendLine seals a record at p whose other members are rest, an object in
// canonical JSON. What it returns beside dst is good until s is used again.
func appendLine(dst []byte, p place, rest []byte, s *sealer) ([]byte, sealed) {
	dst = append(dst, frameBody...)
	start := len(dst)
	dst = appendPlace(dst, p)
	dst = append(dst, rest[len(`{"`):]...)
	out := s.seal(dst[start:])
	dst = append(dst, frameHash...)
	dst = append(dst, out.hash...)
	dst = append(dst, frameMAC...)
	dst = append(dst, out.mac...)
	dst = append(dst, frameEnd...)
	return append(dst, '\n'), out
}

var (
	errFrame   = errors.New("the line is not framed as a record")
	errVersion = errors.New("the record has a newer format version")
)

// parseLine takes a line, without its line end, apart. It checks the framing and
// the chain object to the byte, and no hash. A record of a newer version is taken apart,
// too: these parts are the same in all.
func parseLine(line []byte) (frame, error) {
	var f frame
	if len(line) < len(frameBody)+tailLen || !bytes.HasPrefix(line, []byte(frameBody)) {
		return f, errFrame
	}
	cut := len(line) - tailLen
	f.line = line
	f.body = line[len(frameBody):cut]
	tail := scanner{line[cut:], true}
	tail.literal(frameHash)
	f.hash = tail.hex(hashLen)
	tail.literal(frameMAC)
	f.mac = tail.hex(hashLen)
	tail.literal(frameEnd)

	s := scanner{f.body, true}
	s.literal(chainLog)
	f.log = s.hex(logLen)
	s.literal(chainPrev)
	f.prev = s.hex(hashLen)
	s.literal(chainSeq)
	f.seq = s.decimal()
	s.literal(chainV)
	f.v = int(min(s.decimal(), 1<<30))
	s.literal(chainEnd)
	if !tail.ok || !s.ok || f.body[len(f.body)-1] != '}' || bytes.IndexByte(f.body, '\n') >= 0 {
		return frame{}, errFrame
	}
	if f.v > version {
		return f, fmt.Errorf("%w: %d", errVersion, f.v)
	}
	return f, nil
}

// scanner reads expected parts off the front of b; ok turns false at the first
// that is missing and stays so.
type scanner struct {
	b  []byte
	ok bool
}

func (s *scanner) literal(want string) {
	if s.ok = s.ok && bytes.HasPrefix(s.b, []byte(want)); s.ok {
		s.b = s.b[len(want):]
	}
}

func (s *scanner) hex(n int) []byte {
	if s.ok = s.ok && len(s.b) >= n && isHex(s.b[:n]); !s.ok {
		return nil
	}
	out := s.b[:n]
	s.b = s.b[n:]
	return out
}

// decimal reads a positive number without leading zeros.
func (s *scanner) decimal() uint64 {
	n := 0
	for n < len(s.b) && s.b[n] >= '0' && s.b[n] <= '9' && n < 20 {
		n++
	}
	if !s.ok || n == 0 || s.b[0] == '0' {
		s.ok = false
		return 0
	}
	v, err := strconv.ParseUint(string(s.b[:n]), 10, 64)
	s.ok = err == nil
	s.b = s.b[n:]
	return v
}

// notHex is 1 for every byte that is no lower-case hexadecimal digit. A table read
// without branches: verification looks at 224 of them in every record.
var notHex = func() (t [256]byte) {
	for c := range t {
		if strings.IndexByte("0123456789abcdef", byte(c)) < 0 {
			t[c] = 1
		}
	}
	return t
}()

func isHex(b []byte) bool {
	var bad byte
	for _, c := range b {
		bad |= notHex[c]
	}
	return bad == 0
}

// body is what a record says beside its place. Every name sorts after "chain".
type body struct {
	Detail  map[string]string `json:"detail,omitempty"`
	Event   Event             `json:"event"`
	Files   []FileChange      `json:"files,omitempty"`
	Keys    []KeyChange       `json:"keys,omitempty"`
	Phase   Phase             `json:"phase"`
	Secrets []SecretChange    `json:"secrets,omitempty"`
	Time    string            `json:"time"`
	Tool    string            `json:"tool"`
	Tx      string            `json:"tx,omitempty"`
	Who     Actor             `json:"who"`
	Why     []string          `json:"why,omitempty"`
}

// canonical renders b in canonical JSON (RFC 8785).
func (b body) canonical() ([]byte, error) {
	raw, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	return out, nil
}

// decode reads the record in f. The body must be exactly what this program would
// have written: no member unknown, twice or out of order.
func (f frame) decode() (Record, error) {
	at := len(appendPlace(nil, f.place)) - len(`"`)
	rest := append([]byte{'{'}, f.body[at:]...)
	var b body
	if err := json.Unmarshal(rest, &b); err != nil {
		return Record{}, fmt.Errorf("reading record %d: %w", f.seq, err)
	}
	again, err := b.canonical()
	if err != nil || !bytes.Equal(again, rest) {
		return Record{}, fmt.Errorf("reading record %d: its body is not in canonical form", f.seq)
	}
	when, err := time.Parse(timeLayout, b.Time)
	if err != nil {
		return Record{}, fmt.Errorf("reading record %d: its time is not in the journal's form", f.seq)
	}
	return Record{
		V: f.v, Log: string(f.log), Seq: f.seq, Prev: string(f.prev), Time: when, Event: b.Event, Phase: b.Phase, Tx: b.Tx,
		Actor: b.Who, Tool: b.Tool, Files: b.Files, Keys: b.Keys, Secrets: b.Secrets, Detail: b.Detail, Why: b.Why,
		Hash: string(f.hash), MAC: string(f.mac),
	}, nil
}
