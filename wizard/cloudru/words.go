package cloudru

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	// maxDetail bounds the server's words, in characters.
	maxDetail = 200
	// maxScrubbed bounds what is searched for the key; what lies beyond is dropped.
	maxScrubbed = 8 << 10
	// window is the shortest piece of a key that is recognised.
	window   = 8
	redacted = "[key]"
)

// serverWords finds code and message in the body of a refusal. The shape of
// cloud.ru's is not documented: an object in the way of OpenAI ({"error": {…}}), in
// that of gRPC gateways ({"code": …, "message": …}), and plain text are read.
func serverWords(body []byte) (code, message string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		var s string
		if json.Unmarshal(body, &s) == nil {
			return "", s
		}
		return "", string(body)
	}
	inner := fields["error"]
	var nested map[string]json.RawMessage
	if json.Unmarshal(inner, &nested) == nil && nested != nil {
		fields = nested
	} else if s := scalar(inner); s != "" {
		message = s
	}
	if m := first(fields, "message", "detail", "msg", "error_description"); m != "" {
		message = m
	}
	return first(fields, "code", "type", "status"), message
}

func first(fields map[string]json.RawMessage, names ...string) string {
	for _, n := range names {
		if s := scalar(fields[n]); s != "" {
			return s
		}
	}
	return ""
}

// scalar is a JSON string or number as text; "" for anything else.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// scrubber takes a key out of foreign text, so that a server cannot make us print
// what we sent to it (I-02).
type scrubber struct {
	// pieces are all substrings of one length of the forms the key may come back in.
	pieces map[string]struct{}
	length int
}

func newScrubber(key secrets.Secret) scrubber {
	b := key.Expose()
	defer clear(b)
	if len(b) == 0 {
		return scrubber{}
	}
	s := scrubber{pieces: map[string]struct{}{}, length: min(window, len(b))}
	plain := string(b)
	for _, form := range []string{
		plain, url.QueryEscape(plain), hex.EncodeToString(b),
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		// as the password of Basic authentication without a user
		base64.RawStdEncoding.EncodeToString(append([]byte(":"), b...)),
	} {
		for i := 0; i+s.length <= len(form); i++ {
			s.pieces[form[i:i+s.length]] = struct{}{}
		}
	}
	return s
}

// clean returns raw without the key or any longer piece of it, on one line, bounded.
func (s scrubber) clean(raw string) string {
	if len(raw) > maxScrubbed {
		raw = raw[:maxScrubbed]
	}
	return text.Clean(s.scrub(raw), maxDetail)
}

func (s scrubber) scrub(raw string) string {
	if s.length == 0 {
		return raw
	}
	var b strings.Builder
	kept := 0 // raw[:kept] is dealt with
	for i := 0; i+s.length <= len(raw); i++ {
		if _, hit := s.pieces[raw[i:i+s.length]]; !hit {
			continue
		}
		if i > kept || kept == 0 {
			b.WriteString(raw[min(kept, i):i])
			b.WriteString(redacted)
		}
		kept = i + s.length
	}
	b.WriteString(raw[kept:])
	return b.String()
}
