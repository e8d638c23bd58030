package cloudru

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// refusal reads an answer that is not 200.
func refusal(resp *http.Response, body []byte, scrub scrubber) *Error {
	code, message := serverWords(body)
	e := &Error{Status: resp.StatusCode, Detail: scrub.clean(message)}
	if e.Detail == "" {
		e.Detail = scrub.clean(code)
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "text/html" {
		e.Detail = "a web page"
		if resp.StatusCode < http.StatusInternalServerError {
			// A portal or a filter: the API answers JSON.
			e.Kind = Malformed
			return e
		}
	}
	switch s := resp.StatusCode; {
	case s >= 300 && s < 400:
		e.Kind, e.Detail = Redirect, scrub.clean(redirectHost(resp))
	case s == http.StatusUnauthorized, s == http.StatusBadRequest && blamesKey(code+" "+message):
		e.Kind = WrongKey
	case s == http.StatusForbidden:
		e.Kind = NotConnected
	case s == http.StatusNotFound:
		e.Kind = UnknownModel
	case s == http.StatusRequestTimeout:
		e.Kind = Timeout
	case s == http.StatusTooManyRequests:
		e.Kind, e.RetryAfter = RateLimited, retryAfter(resp.Header.Get("Retry-After"), time.Now())
	case s >= http.StatusInternalServerError:
		e.Kind, e.RetryAfter = Server, retryAfter(resp.Header.Get("Retry-After"), time.Now())
	case s >= http.StatusBadRequest:
		e.Kind = BadRequest
	default:
		e.Kind = Malformed
	}
	return e
}

// blamesKey tells whether the words of a 400 are about the key. The API says
// "InvalidArgument" and "invalid api key secret"; other bad arguments are 400 too.
func blamesKey(words string) bool {
	w := strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(words))
	for _, s := range []string{"api key", "apikey", "unauthenticated", "unauthorized"} {
		if strings.Contains(w, s) {
			return true
		}
	}
	return false
}

// redirectHost is where a redirect points to, without its path and query: those may
// carry what was sent.
func redirectHost(resp *http.Response) string {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host == "" {
		return ""
	}
	return "to " + to.Host
}

// maxWait keeps a Retry-After from overflowing a Duration.
const maxWait = 24 * time.Hour

// retryAfter reads seconds or a date, RFC 9110 section 10.2.3; 0 when there is
// neither, or it lies in the past.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxWait)
}

// transportError reads a failure that came instead of an answer.
func transportError(err error, scrub scrubber) *Error {
	e := &Error{Kind: Network, Detail: scrub.clean(innermost(err).Error())}
	e.Err = cause{err: err, text: scrub.clean(err.Error())}
	var timeout net.Error
	switch {
	case errors.Is(err, errNotAKey):
		e.Kind = WrongKey
	case errors.Is(err, safedial.ErrForbiddenAddress):
		var refused *safedial.AddressError
		if errors.As(err, &refused) {
			e.Detail = refused.Error()
		}
		e.Kind = ForbiddenAddress
	case errors.Is(err, context.Canceled):
		e.Kind, e.Detail = Canceled, ""
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Kind, e.Detail = Timeout, ""
	case tlsFault(err) != "":
		e.Kind, e.TLS = TLS, tlsFault(err)
	case says(err, "malformed HTTP", "malformed MIME", "PROTOCOL_ERROR"):
		e.Kind, e.Detail = Malformed, "not HTTP"
	case says(err, "response headers exceeded", "response header list larger"):
		e.Kind, e.Detail = TooLarge, "its header"
	}
	return e
}

// tlsFault says what is wrong with the TLS connection; "" when err is about
// something else.
func tlsFault(err error) TLSFault {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &host):
		return TLSHost
	case errors.As(err, &authority):
		return TLSAuthority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return TLSExpired
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return TLSAbsent
	// crypto/tls has no types for these: the alert of a server that found no common
	// version, and the server that chose one below ours.
	case says(err, "protocol version not supported", "unsupported protocol version"):
		return TLSProtocol
	case errors.As(err, &verify), says(err, "tls: ", "x509: "):
		return TLSOther
	}
	return ""
}

func says(err error, words ...string) bool {
	text := err.Error()
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// nameMissing tells whether the resolver knows that there is no such name.
func nameMissing(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// innermost drops the "Post "https://…":" that net/http puts before a cause.
func innermost(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// cause keeps a foreign error in the chain, for errors.Is and errors.As, behind a text that
// is safe to show: transports quote what the server sent.
type cause struct {
	err  error
	text string
}

func (c cause) Error() string        { return c.text }
func (c cause) Is(target error) bool { return errors.Is(c.err, target) }
func (c cause) As(target any) bool   { return errors.As(c.err, target) }
