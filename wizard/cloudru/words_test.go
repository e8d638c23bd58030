package cloudru

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/clawsetup/clawsetup/secrets"
)

func TestServerWords(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"error":{"code":"InvalidArgument","message":"invalid api key secret"}}`: {"InvalidArgument", "invalid api key secret"},
		`{"error":{"type":"invalid_request_error","message":"m","code":null}}`:    {"invalid_request_error", "m"},
		`{"code":3,"message":"invalid api key secret","details":[]}`:              {"3", "invalid api key secret"},
		`{"error":"boom"}`:                   {"", "boom"},
		`{"error":"x","message":"better"}`:   {"", "better"},
		`{"detail":"not found"}`:             {"", "not found"},
		`{"error":null,"status":"NOT"}`:      {"NOT", ""},
		`"just text"`:                        {"", "just text"},
		`plain text`:                         {"", "plain text"},
		``:                                   {"", ""},
		`[]`:                                 {"", "[]"},
		`{"error":{"message":{"a":1}}}`:      {"", ""},
		`{"error":[],"message":"outer one"}`: {"", "outer one"},
	} {
		code, message := serverWords([]byte(body))
		if [2]string{code, message} != want {
			t.Errorf("%s: %q %q", body, code, message)
		}
	}
}

func TestBlamesKey(t *testing.T) {
	for words, want := range map[string]bool{
		"InvalidArgument invalid api key secret": true, "Invalid API-Key": true, "invalid_api_key": true, "ApiKey expired": true, "UNAUTHENTICATED x": true,
		"InvalidArgument max_tokens too low": false, "key 'foo' is not allowed": false, "": false, "too many tokens": false,
	} {
		if blamesKey(words) != want {
			t.Errorf("%q: %v", words, !want)
		}
	}
}

func TestScrub(t *testing.T) {
	s := newScrubber(secrets.New([]byte("abcdefghijklmnop")))
	for raw, want := range map[string]string{
		"nothing here":                         "nothing here",
		"abcdefghijklmnop":                     "[key]",
		"abcdefghijklmnopabcdefghijklmnop":     "[key]",
		"x abcdefghijklmnop y":                 "x [key] y",
		"abcdefgh and ijklmnop":                "[key] and [key]",
		"abcdefg":                              "abcdefg",
		"xabcdefghij":                          "x[key]",
		"6162636465666768696a6b6c6d6e6f70 hex": "[key] hex",
		"":                                     "",
	} {
		if got := s.scrub(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
	short := newScrubber(secrets.New([]byte("abc")))
	if got := short.scrub("xxabcxx"); got != "xx[key]xx" {
		t.Error(got)
	}
	if got := (scrubber{}).scrub("abc"); got != "abc" {
		t.Error(got)
	}
}

func FuzzErrorBody(f *testing.F) {
	const key = "kEy-0123456789-of-the-fuzzer"
	for _, s := range []string{
		`{"error":{"code":"InvalidArgument","message":"invalid api key secret"}}`, `{"error":"` + key + `"}`, key, key[:12] + "\x00" + key[5:],
		"{\"message\":\"\\u001b[2J\u202e\"}", "<html>", `{"error":{"error":{}}}`, strings.Repeat("a", 9000), `{"code":1e999}`, "\xff\xfe",
	} {
		f.Add(400, "application/json", s)
		f.Add(429, "text/html", s)
		f.Add(302, "", s)
	}
	scrub := newScrubber(secrets.New([]byte(key)))
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{
			"Content-Type": {media}, "Retry-After": {body}, "Location": {body},
		}}
		e := refusal(resp, []byte(body), scrub)
		if e.Kind == "" || phrases[e.Kind] == "" {
			t.Fatalf("status %d has the kind %q", status, e.Kind)
		}
		if utf8.RuneCountInString(e.Detail) > maxDetail {
			t.Fatalf("%d characters", utf8.RuneCountInString(e.Detail))
		}
		for _, r := range e.Error() {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q", e.Error())
			}
		}
		for i := 0; i+window <= len(key); i++ {
			if strings.Contains(e.Error(), key[i:i+window]) {
				t.Fatalf("%q tells of the key", e.Error())
			}
		}
		if e.RetryAfter < 0 || e.RetryAfter > maxWait {
			t.Fatal(e.RetryAfter)
		}
	})
}
