package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

// The format as the package comment tells it, computed without the package.
func TestLineFormat(t *testing.T) {
	f := newFixture(t)
	f.transaction("t1")
	prev := strings.Repeat("0", 64)
	n := 0
	for line := range bytes.Lines(f.read(f.path())) {
		n++
		var got struct {
			Body      json.RawMessage
			Hash, MAC string
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		canonical, err := jcs.Transform(got.Body)
		if err != nil || !bytes.Equal(canonical, got.Body) {
			t.Errorf("line %d is not canonical JSON: %v\n%s\n%s", n, err, got.Body, canonical)
		}
		hash := sha256.Sum256(append([]byte("clawsetup/journal/v1\n"), got.Body...))
		if got.Hash != hex.EncodeToString(hash[:]) {
			t.Errorf("line %d: wrong hash", n)
		}
		mac := hmac.New(sha256.New, f.keys.MAC.Expose())
		mac.Write([]byte("\x00\x13clawsetup/record/v1"))
		mac.Write(hash[:])
		if got.MAC != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("line %d: wrong MAC", n)
		}
		var body struct {
			Chain struct {
				Log, Prev string
				Seq       int `json:",string"`
				V         int
			}
			Who Actor
		}
		if err := json.Unmarshal(got.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body.Chain.Prev != prev || body.Chain.Seq != n || body.Chain.V != 1 || body.Chain.Log != f.log.Head().Log || body.Who != testActor {
			t.Errorf("line %d: %+v", n, body)
		}
		prev = got.Hash
	}
	if n != 4 {
		t.Fatalf("%d lines", n)
	}
}

// A change of the format is a change of these bytes, and needs a new version.
func TestLineBytes(t *testing.T) {
	rest := canonical(t, body{
		Event: ImagePinned, Phase: PhaseEvent, Time: "2026-01-02T03:04:05.000006Z", Tool: "clawsetup 1", Who: Actor{UID: "0", Host: "h", PID: 1},
		Keys: []KeyChange{{Path: "a", New: new("1e400")}},
	})
	keys := testKeys(t)
	p := place{log: []byte(strings.Repeat("ab", 16)), prev: genesisPrev, seq: 18446744073709551615, v: 1}
	got, _ := appendLine(nil, p, rest, newSealer(&keys))
	const want = `{"body":{"chain":{"log":"abababababababababababababababab","prev":"0000000000000000000000000000000000000000000000000000000000000000","seq":"18446744073709551615","v":1},"event":"ImagePinned","keys":[{"new":"1e400","old":null,"path":"a"}],"phase":"event","time":"2026-01-02T03:04:05.000006Z","tool":"clawsetup 1","who":{"host":"h","pid":1,"ppid":0,"uid":"0","user":""}},"hash":"fe3657f48951b19e614db6cf8850e36e5c799db2a8cd898017114f2979af5a0a","mac":"cf7886b74980eebae5bb0fa95e2b4c6a5147e90ca8d61086f5960766e80276cf"}` + "\n"
	if string(got) != want {
		t.Fatalf("%s", got)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	good := `{"event":"ImagePinned","phase":"event","time":"2026-01-02T03:04:05.000006Z","tool":"x","who":{"host":"h","pid":1,"ppid":0,"uid":"0","user":""}}`
	for name, rest := range map[string]string{
		"unknown member": strings.Replace(good, `"event":`, `"eve":1,"event":`, 1),
		"twice":          strings.Replace(good, `"event":`, `"event":"x","event":`, 1),
		"out of order":   strings.Replace(good, `{"event":"ImagePinned","phase":"event"`, `{"phase":"event","event":"ImagePinned"`, 1),
		"blank":          strings.Replace(good, `"event":`, `"event": `, 1),
		"a second chain": strings.Replace(good, `{"event":`, `{"chain":{"seq":"9"},"event":`, 1),
		"other case":     strings.Replace(good, `"event":`, `"Event":`, 1),
		"other time":     strings.Replace(good, `.000006Z`, `Z`, 1),
		"not UTF-8":      strings.Replace(good, `"x"`, "\"\xff\"", 1),
		"no JSON":        `{"event":}`,
		"nothing":        `{"}`,
	} {
		line, _ := appendLine(nil, place{log: bytes.Repeat([]byte("a"), logLen), prev: genesisPrev, seq: 1, v: 1}, []byte(rest), newSealer(nil))
		line = resealWithout(line, genesisPrev)
		f, err := parseLine(line[:len(line)-1])
		if err != nil {
			t.Errorf("%s: not even framed: %v", name, err)
			continue
		}
		if r, err := f.decode(); err == nil {
			t.Errorf("%s: read as %+v", name, r)
		}
	}
	line, _ := appendLine(nil, place{log: bytes.Repeat([]byte("a"), logLen), prev: genesisPrev, seq: 1, v: 1}, []byte(good), newSealer(nil))
	f, err := parseLine(bytes.TrimSuffix(resealWithout(line, genesisPrev), []byte("\n")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.decode(); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseLine(f *testing.F) {
	keys := testKeys(f)
	rest := canonical(f, body{Event: ImagePinned, Phase: PhaseEvent, Time: "2026-01-02T03:04:05.000006Z", Tool: "x"})
	line, _ := appendLine(nil, place{log: bytes.Repeat([]byte("a"), logLen), prev: genesisPrev, seq: 12, v: 1}, rest, newSealer(&keys))
	f.Add(line[:len(line)-1])
	f.Add([]byte(`{"body":{}}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := parseLine(in)
		if err != nil {
			return
		}
		if got.seq == 0 || got.v != version || bytes.IndexByte(got.body, '\n') >= 0 {
			t.Fatalf("%+v", got.place)
		}
		again := append([]byte(frameBody), appendPlace(nil, got.place)...)
		again = append(again, got.body[len(again)-len(frameBody):]...)
		again = append(again, frameHash...)
		again = append(again, got.hash...)
		again = append(again, frameMAC...)
		again = append(again, got.mac...)
		if again = append(again, frameEnd...); !bytes.Equal(again, in) {
			t.Fatalf("%q was read as %q", in, again)
		}
		if r, err := got.decode(); err == nil && (r.Seq != got.seq || r.Time.Location().String() != "UTC") {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add(Head{Log: strings.Repeat("a", 32), Seq: 7, Hash: strings.Repeat("b", 64), MAC: strings.Repeat("c", 64)}.String())
	f.Add("")
	f.Add("clawsetup-head:v1:::::")
	f.Fuzz(func(t *testing.T, in string) {
		h, err := ParseHead(in)
		if err != nil {
			if !h.IsZero() {
				t.Fatalf("%q: %v and %+v", in, err, h)
			}
			return
		}
		if h.String() != in || (h.IsZero() != (in == "")) || len(in) > maxHead {
			t.Fatalf("%q was read as %+v", in, h)
		}
	})
}

// FuzzVerify: what the key did not seal is never found to be in order.
func FuzzVerify(f *testing.F) {
	keys := testKeys(f)
	rest := canonical(f, body{Event: JournalCreated, Phase: PhaseGenesis, Time: "2026-01-02T03:04:05.000006Z", Tool: "x"})
	genesis, end := appendLine(nil, place{log: bytes.Repeat([]byte("a"), logLen), prev: genesisPrev, seq: 1, v: 1}, rest, newSealer(&keys))
	both, _ := appendLine(bytes.Clone(genesis), place{log: bytes.Repeat([]byte("a"), logLen), prev: bytes.Clone(end.hash), seq: 2, v: 1}, rest, newSealer(&keys))
	f.Add(genesis)
	f.Add(both)
	f.Add(both[:len(both)-1])
	f.Add(both[len(genesis):])
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := newChain(&keys)
		r, err := c.scan(t.Context(), sections(in))
		if err != nil {
			t.Fatal(err)
		}
		if r.OK() && !bytes.Equal(in, genesis) && !bytes.Equal(in, both) {
			t.Fatalf("found in order: %q", in)
		}
		if r.Bytes > int64(len(in)) || (r.Records > 0 && r.Chain.State == OK && !bytes.HasPrefix(both, in[:r.Bytes]) && r.MACs.State == OK) {
			t.Fatalf("%+v", r)
		}
	})
}
