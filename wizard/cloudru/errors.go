package cloudru

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

// Kind tells the failures of the API apart.
type Kind string

// The kinds.
const (
	WrongKey         Kind = "wrong_key"         // the key is not accepted
	NotConnected     Kind = "not_connected"     // the key's project has no access to the model
	UnknownModel     Kind = "unknown_model"     // there is no such model
	BadRequest       Kind = "bad_request"       // any other refusal
	RateLimited      Kind = "rate_limited"      // too many requests
	Server           Kind = "server"            // the API failed, 5xx
	Network          Kind = "network"           // no connection, no name, broken off
	TLS              Kind = "tls"               // no trusted connection; Error.TLS says why
	Timeout          Kind = "timeout"           // no answer within the budget
	Canceled         Kind = "canceled"          // the caller gave up
	ForbiddenAddress Kind = "forbidden_address" // refused by safedial, nothing was sent
	Redirect         Kind = "redirect"          // sent elsewhere; not followed
	Malformed        Kind = "malformed"         // the answer is not the API's
	TooLarge         Kind = "too_large"         // the answer is longer than any honest one
)

// TLSFault says what is wrong with a TLS connection.
type TLSFault string

// The faults.
const (
	TLSExpired   TLSFault = "expired"           // outside of the certificate's validity: also a wrong clock here
	TLSAuthority TLSFault = "unknown_authority" // signed by nobody this system trusts
	TLSHost      TLSFault = "wrong_host"        // issued to another name
	TLSProtocol  TLSFault = "old_protocol"      // TLS 1.1 or older alone
	TLSAbsent    TLSFault = "no_tls"            // the server does not speak TLS on that port
	TLSOther     TLSFault = "other"
)

// ErrUnknownModel is what an Error of kind UnknownModel is, by errors.Is.
var ErrUnknownModel = errors.New("unknown model")

// Error is a failure of the API. Neither its text nor anything in its chain that
// prints holds the key, even when the server echoed it.
type Error struct {
	Kind Kind
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Detail is what the server or the transport said: one line, bounded, safe to show.
	Detail string
	// RetryAfter is how long the server asked to wait; 0 when it did not.
	RetryAfter time.Duration
	// TLS says more when Kind is TLS.
	TLS TLSFault
	// Err is the cause below HTTP, if there is one.
	Err error
}

var phrases = map[Kind]string{
	WrongKey:         "cloud.ru refused this key",
	NotConnected:     "the model is not connected to the key's project",
	UnknownModel:     "unknown model",
	BadRequest:       "the API refused the request",
	RateLimited:      "the API refuses more requests for now",
	Server:           "the API failed",
	Network:          "the API cannot be reached",
	Timeout:          "the API did not answer in time",
	Canceled:         "given up",
	ForbiddenAddress: "the address of the API is not allowed",
	Redirect:         "the API redirects elsewhere, which is not followed",
	Malformed:        "the answer is not one of the cloud.ru API",
	TooLarge:         "the answer is too large",
}

var tlsPhrases = map[TLSFault]string{
	TLSExpired:   "the certificate of the API is not valid at this time",
	TLSAuthority: "the certificate of the API is signed by an unknown authority",
	TLSHost:      "the certificate of the API is for another host",
	TLSProtocol:  "the API speaks only TLS older than 1.2",
	TLSAbsent:    "the API does not speak TLS",
	TLSOther:     "the TLS connection to the API failed",
}

func (e *Error) Error() string {
	s := phrases[e.Kind]
	if e.Kind == TLS {
		s = tlsPhrases[e.TLS]
	}
	return s + e.tail()
}

// tail is what follows the phrase: the detail and the status.
func (e *Error) tail() string {
	s := ""
	if e.Detail != "" {
		s = ": " + e.Detail
	}
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	return s
}

// say gives the kinds that operators meet often words in the catalogue.
func (e *Error) say() error {
	switch e.Kind {
	case WrongKey, NotConnected, UnknownModel, RateLimited, Server, Network, Timeout:
		return hint.Say(e, "api-"+string(e.Kind), e.tail())
	default:
		return e
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes an Error of kind UnknownModel ErrUnknownModel.
func (e *Error) Is(target error) bool { return target == ErrUnknownModel && e.Kind == UnknownModel }

// temporary tells whether asking again may help.
func (e *Error) temporary() bool {
	switch e.Kind {
	case RateLimited, Server, Timeout:
		return true
	case Network:
		return !nameMissing(e.Err)
	default:
		return false
	}
}

// advise adds what the operator can do. model is "" when none was asked for.
func (e *Error) advise(err error, host, model, near string) error {
	switch e.Kind {
	case WrongKey:
		return hint.With(err, "key-refused")
	case NotConnected:
		return hint.With(err, "model-not-connected", model)
	case UnknownModel:
		if near != "" {
			return hint.With(err, "model-near", near)
		}
		return hint.With(err, "model-unknown")
	case RateLimited:
		if e.RetryAfter > 0 {
			return hint.With(err, "api-wait", int(math.Ceil(e.RetryAfter.Seconds())))
		}
		return hint.With(err, "api-rate-limit")
	case TLS:
		return hint.With(err, "api-tls-"+strings.ReplaceAll(string(e.TLS), "_", "-"), host)
	case Server, Network, Timeout:
		return hint.With(err, "api-"+string(e.Kind), host)
	case BadRequest:
		return hint.With(err, "api-refused")
	case Redirect, Malformed, TooLarge:
		return hint.With(err, "api-not-cloudru", host)
	default: // safedial has given its own; giving up needs none
		return err
	}
}
