package engine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// pulled is what Docker 28 says of a pull; lines end as it ends them.
var pulled = strings.ReplaceAll(`{"status":"Pulling from legard/claude-code-proxy","id":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
{"status":"Pulling fs layer","progressDetail":{},"id":"94e9d8af2201"}
{"status":"Downloading","progressDetail":{"current":37000,"total":3632000},"progress":"[>    ]  37kB/3.632MB","id":"94e9d8af2201"}
{"status":"Verifying Checksum","progressDetail":{},"id":"94e9d8af2201"}
{"status":"Extracting","progressDetail":{"current":1,"units":"s"},"progress":"1s","id":"94e9d8af2201"}
{"status":"Pull complete","progressDetail":{},"id":"94e9d8af2201"}
{"status":"Digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
{"status":"Status: Downloaded newer image for legard/claude-code-proxy"}
`, "\n", "\r\n")

// layers are what a pull reports.
func layers(t testing.TB, r io.Reader) ([]Layer, error) {
	t.Helper()
	var out []Layer
	err := readPull(r, func(l Layer) { out = append(out, l) })
	return out, err
}

func TestReadPull(t *testing.T) {
	want := []Layer{
		{"94e9d8af2201", "Pulling fs layer", 0, 0}, {"94e9d8af2201", "Downloading", 37000, 3632000}, {"94e9d8af2201", "Verifying Checksum", 0, 0},
		{"94e9d8af2201", "Extracting", 1, 0}, {"94e9d8af2201", "Pull complete", 0, 0},
	}
	// However the connection cuts the stream up.
	for _, r := range []io.Reader{strings.NewReader(pulled), iotest.OneByteReader(strings.NewReader(pulled)), strings.NewReader(strings.TrimSpace(pulled))} {
		if got, err := layers(t, r); err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if err := readPull(strings.NewReader(pulled), nil); err != nil {
		t.Errorf("nobody looks: %v", err)
	}
}

func TestReadPullCleansWhatIsShown(t *testing.T) {
	for line, want := range map[string][]Layer{
		"": nil, "  ": nil, "null": nil, "{}": nil, `{"stream":"x","aux":{"ID":"sha256:1"}}`: nil,
		`{"id":"latest","status":"Pulling from x"}`: nil, `{"id":"94E9D8AF2201","status":"x"}`: nil, `{"id":"94e9d8af220","status":"too short"}`: nil,
		"{\"id\":\"94e9d8af2201\\n\",\"status\":\"x\"}":                                                                  nil,
		`{"id":"94e9d8af2201","status":"Down\u001b[2Jloading","progressDetail":null}`:                                    {{"94e9d8af2201", "Down·[2Jloading", 0, 0}},
		`{"id":"94e9d8af2201","status":"Downloading","progressDetail":{"current":-5,"total":-1}}`:                        {{"94e9d8af2201", "Downloading", 0, 0}},
		`{"id":"94e9d8af2201","status":"` + strings.Repeat("x", 50) + `"}`:                                               {{"94e9d8af2201", strings.Repeat("x", 39) + "…", 0, 0}},
		`{"id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","status":"x"}`:                         {{"0123456789abcdef012…", "x", 0, 0}},
		`{"id":"94e9d8af2201","progressDetail":{"current":9223372036854775807,"total":1},"status":"more than there is"}`: {{"94e9d8af2201", "more than there is", 1<<63 - 1, 1}},
	} {
		if got, err := layers(t, strings.NewReader(line+"\n")); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func TestReadPullFails(t *testing.T) {
	const limit = `{"errorDetail":{"message":"toomanyrequests: You have reached your pull rate limit"},"error":"toomanyrequests: You have reached your pull rate limit"}`
	for name, c := range map[string]struct{ stream, want string }{
		"an error at once":            {limit, "toomanyrequests: You have reached your pull rate limit"},
		"an error among the layers":   {pulled + limit + "\r\n" + pulled, "toomanyrequests: You have reached your pull rate limit"},
		"an error that steers":        {"{\"error\":\"no\\u001b[2J\\nsuch image\"}", "no·[2J such image"},
		"an error without end":        {`{"error":"` + strings.Repeat("x", 1000) + `"}`, strings.Repeat("x", 299) + "…"},
		"garbage":                     {"<html>502 Bad Gateway</html>", "the engine's progress cannot be read"},
		"half a message":              {pulled + `{"status":"Extr`, "the engine's progress cannot be read"},
		"a list":                      {"[]", "the engine's progress cannot be read"},
		"an id that is no text":       {`{"id":1}`, "the engine's progress cannot be read"},
		"a number that is no integer": {`{"id":"94e9d8af2201","progressDetail":{"current":1.5}}`, "the engine's progress cannot be read"},
		"a number out of range":       {`{"progressDetail":{"current":9223372036854775808}}`, "the engine's progress cannot be read"},
	} {
		if _, err := layers(t, strings.NewReader(c.stream)); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	start, _, _ := strings.Cut(pulled, `{"status":"Ver`)
	got, err := layers(t, io.MultiReader(strings.NewReader(start), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 2 {
		t.Errorf("the engine hung up: %+v, %v", got, err)
	}
}

// endless is a line that does not end, and counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += len(b)
	return len(b), nil
}

func TestReadPullBoundsALine(t *testing.T) {
	fits := `{"status":"` + strings.Repeat("x", longestPullLine-100) + `"}` + "\n"
	if _, err := layers(t, strings.NewReader(fits+fits)); err != nil {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
	e := &endless{}
	if _, err := layers(t, e); !errors.Is(err, bufio.ErrTooLong) || e.read > 2*longestPullLine {
		t.Errorf("%v after %d bytes", err, e.read)
	}
}

// FuzzReadPull: what is reported is fit to be shown, and an error is never missed.
func FuzzReadPull(f *testing.F) {
	f.Add([]byte(pulled))
	f.Add([]byte(`{"id":"94e9d8af2201","status":"\u202e","progressDetail":{"current":-1,"total":-9223372036854775808}}`))
	f.Add([]byte("null\n\n{\"ID\":\"0123456789abcdef\"}\r\n[1]"))
	f.Add([]byte(`{"error":""}`))
	id := regexp.MustCompile(`^[0-9a-f]{12,20}$|^[0-9a-f]{19}…$`)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := layers(t, bytes.NewReader(b))
		for _, l := range got {
			if !id.MatchString(l.ID) || utf8.RuneCountInString(l.Status) > 40 || strings.ContainsAny(l.Status, "\x1b\u202e\n") || l.Current < 0 || l.Total < 0 {
				t.Fatalf("%q: %+v", b, l)
			}
		}
		if unseen := readPull(bytes.NewReader(b), nil); (unseen == nil) != (err == nil) {
			t.Fatalf("%q: %v, and %v when nobody looks", b, err, unseen)
		}
		if _, err := layers(t, bytes.NewReader(append(slices.Clone(b), "\n{\"error\":\"denied\"}"...))); err == nil {
			t.Fatalf("%q: the error after it is missed", b)
		}
	})
}
