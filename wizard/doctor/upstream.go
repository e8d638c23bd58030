package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

// soonExpired is how long before its end a certificate is worth a word.
const soonExpired = 14 * 24 * time.Hour

// upstreamChecks ask how cloud.ru is reached. They are the only ones that go out, and
// send nothing but the greeting of TLS.
func upstreamChecks() []Check {
	s04 := []string{"S-04"}
	return []Check{
		{ID: "api-https", Area: AreaUpstream, Controls: s04, Categories: []Category{Spoofing, Exfiltration}, Severity: Critical, Fix: "clawsetup init --section models", look: apiHTTPS},
		{ID: "api-tls", Area: AreaUpstream, Controls: s04, Categories: []Category{Spoofing}, Severity: High, Fix: "openssl s_client -connect foundation-models.api.cloud.ru:443", look: apiTLS},
		{ID: "api-certificate-age", Area: AreaUpstream, Controls: s04, Categories: []Category{Spoofing, Denial}, Severity: Low, Fix: "openssl s_client -connect foundation-models.api.cloud.ru:443", look: apiExpiry},
	}
}

// apiHTTPS: the key would cross the network in the clear.
func apiHTTPS(ctx context.Context, h *Host, a *answer) {
	for where, base := range h.apiBases(ctx) {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			a.found(where, "the address of the API is none")
			continue
		}
		a.saw(where.String())
		if u.Scheme != "https" && !local(u.Hostname()) {
			a.found(where, "the API is asked by %s: the key and every prompt can be read on the way", text.Clean(u.Scheme, 10))
		}
		if u.User != nil {
			a.found(where, "the address of the API holds a user or a password")
		}
	}
}

func (h *Host) handshake(ctx context.Context) (Handshake, error) {
	return remembered(h, "handshake", func() (Handshake, error) { return h.Handshake(ctx, h.API) })
}

// apiTLS: chain and protocol, as the proxy's own client would have them.
func apiTLS(ctx context.Context, h *Host, a *answer) {
	if h.API == "" {
		return
	}
	got, err := h.handshake(ctx)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		a.found(Location{Path: h.API}, "its certificate is not to be trusted: %s", text.Clean(untrusted.Err.Error(), 200))
	case err != nil:
		a.cannot(h.API, err)
	case got.Version < tls.VersionTLS12:
		a.found(Location{Path: h.API}, "it speaks %s", tls.VersionName(got.Version))
	default:
		a.saw(h.API + ", " + tls.VersionName(got.Version))
	}
}

func apiExpiry(ctx context.Context, h *Host, a *answer) {
	if h.API == "" {
		return
	}
	got, err := h.handshake(ctx)
	if err != nil {
		a.cannot(h.API, err)
		return
	}
	a.saw(h.API)
	if left := got.Expires.Sub(h.Now()); left < soonExpired {
		a.found(Location{Path: h.API}, "a certificate of its chain ends on %s: after that nothing is answered", got.Expires.Format(time.DateOnly))
	}
}

// apiBases are the addresses of the API by where they are written: in the set-up, or in
// what a hand-made container was given.
func (h *Host) apiBases(ctx context.Context) map[Location]string {
	if h.Made != nil {
		return map[Location]string{{Path: h.Made.SetupFile, Key: "api.base"}: h.API}
	}
	out := map[Location]string{}
	found, err := h.containers(ctx)
	if err != nil {
		return out
	}
	for _, c := range found.List {
		if c.Config == nil {
			continue
		}
		for _, v := range c.Config.Env {
			if base, ok := strings.CutPrefix(v, "OPENAI_BASE_URL="); ok && base != "" {
				out[Location{Container: strings.TrimPrefix(c.Name, "/"), Key: "OPENAI_BASE_URL"}] = base
			}
		}
	}
	return out
}

// local tells whether a host is this one.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || host == "localhost"
}
