package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// RegistryError says that a registry could not be asked, or what it answered
// instead of the image.
type RegistryError struct {
	Reference string
	Doing     string
	// Status is the HTTP status of a refusal, 0 when there was no answer.
	Status int
	// Why is bounded and safe to show.
	Why string
	err error
}

func (e *RegistryError) Error() string {
	return fmt.Sprintf("%s of %s: %s", e.Doing, e.Reference, e.Why)
}

func (e *RegistryError) Unwrap() error { return e.err }

// ContentError says that what a registry served does not have the digest it
// was asked for, or is not a usable image. No second attempt is made: either the
// registry lies or what it holds is broken.
type ContentError struct {
	Reference, What, Why string
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("%s of %s: %s", e.What, e.Reference, e.Why)
}

// PlatformError says that the image is not built for the wanted platform.
type PlatformError struct {
	Reference, Wanted string
	// Available platforms, safe to show.
	Available []string
}

func (e *PlatformError) Error() string {
	there := "none"
	if len(e.Available) > 0 {
		there = strings.Join(e.Available, ", ")
	}
	return fmt.Sprintf("%s is not built for %s; available: %s", e.Reference, e.Wanted, there)
}

func (s *session) content(what, format string, args ...any) error {
	return hint.With(&ContentError{Reference: s.ref.String(), What: what, Why: text.Clean(fmt.Sprintf(format, args...), 400)},
		"image-content", s.ref.domain)
}

func (s *session) noPlatform(want v1.Platform, available []string) error {
	e := &PlatformError{Reference: s.ref.String(), Wanted: platformName(want), Available: available}
	return hint.With(e, "image-platform", e.Wanted)
}

// failed explains why a conversation with the registry ended without an answer
// that could be used.
func (s *session) failed(ctx context.Context, doing string, cause error) error {
	e := &RegistryError{Reference: s.ref.String(), Doing: doing, err: cause}
	if err := ctx.Err(); err != nil {
		e.err = err
		if errors.Is(err, context.Canceled) {
			e.Why = "stopped"
			return e
		}
		e.Why = "no answer in time"
		return hint.With(e, "image-timeout", s.ref.domain)
	}
	var plain *plainHTTPError
	var answered *transport.Error
	switch {
	case errors.As(cause, &plain):
		e.Why = plain.Error()
		return hint.With(e, "image-plain-http", s.ref.domain)
	case errors.As(cause, &answered):
		return s.refused(e, answered)
	case errors.Is(cause, http.ErrSchemeMismatch) && s.repo.Scheme() == "https":
		e.Why = (&plainHTTPError{host: s.repo.RegistryStr()}).Error()
		return hint.With(e, "image-plain-http", s.ref.domain)
	}
	e.Why = text.Clean(withoutQueries(cause), 300)
	if _, ok := hint.Of(cause); ok {
		// The transport knew better, such as the refusal of a private address.
		return e
	}
	if untrustedTLS(cause) {
		return hint.With(e, "image-tls", s.ref.domain)
	}
	return hint.With(e, "image-network", s.ref.domain)
}

func (s *session) refused(e *RegistryError, answer *transport.Error) error {
	e.Status = answer.StatusCode
	codes := make([]transport.ErrorCode, 0, len(answer.Errors))
	said := make([]string, 0, len(answer.Errors))
	for _, d := range answer.Errors {
		codes = append(codes, d.Code)
		said = append(said, text.Clean(fmt.Sprintf("%s: %s", d.Code, d.Message), 160))
	}
	e.Why = fmt.Sprintf("the registry answered %d %s", e.Status, http.StatusText(e.Status))
	if len(said) > 0 {
		e.Why = text.Clean(e.Why+" ("+strings.Join(said, "; ")+")", 300)
	}
	switch {
	case e.Status == http.StatusTooManyRequests || slices.Contains(codes, transport.TooManyRequestsErrorCode):
		return hint.With(e, "image-rate-limit", s.ref.domain)
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return hint.With(e, "image-login", s.ref.domain, s.ref.repository())
	case e.Status == http.StatusNotFound:
		return hint.With(e, "image-not-found", s.ref.String())
	default:
		return hint.With(e, "image-registry-failed", s.ref.domain)
	}
}

// missing says whether err is a registry's 404.
func missing(err error) bool {
	var e *RegistryError
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

func untrustedTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &host)
}

// A blob store's redirect carries a signature in its query; it is a credential.
var reQuery = text.Pattern(`\?[^\s"']*`)

func withoutQueries(err error) string {
	// Only the outermost wrapper goes: an error of several attempts stays whole.
	if outer, ok := err.(*url.Error); ok { //nolint:errorlint // taken off, not searched for
		err = outer.Err
	}
	return reQuery().ReplaceAllString(err.Error(), "")
}
