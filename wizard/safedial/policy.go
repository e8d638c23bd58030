package safedial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	connectTimeout = 5 * time.Second
	// shownHost bounds a host in an error.
	shownHost = 100
	// maxAddresses bounds how many addresses of one name are tried.
	maxAddresses   = 8
	maxHeaderBytes = 64 << 10
)

// ErrForbiddenAddress is what every AddressError is, by errors.Is.
var ErrForbiddenAddress = errors.New("forbidden address")

// AddressError says which address was refused, and why. Nothing was sent to it.
type AddressError struct {
	// Host is what was asked for, as it may be shown.
	Host string
	// Addr is the address; not valid for OddNumber.
	Addr netip.Addr
	// Class says what the address is.
	Class Class
}

func (e *AddressError) Error() string {
	if e.Addr.IsValid() && e.Addr.String() != e.Host {
		return fmt.Sprintf("%s has the forbidden %s address %s", e.Host, e.Class, e.Addr)
	}
	return fmt.Sprintf("%s is a forbidden %s address", e.Host, e.Class)
}

// Is makes every AddressError ErrForbiddenAddress.
func (e *AddressError) Is(target error) bool { return target == ErrForbiddenAddress }

// Policy says which addresses may be dialled. The zero value allows the public
// Internet alone. It is safe for concurrent use.
type Policy struct {
	// AllowPrivate is the operator's named consent (--allow-private-api): it opens
	// loopback, RFC 1918, unique local and carrier-grade NAT addresses. Metadata,
	// link-local and all other special addresses stay closed.
	AllowPrivate bool

	// lookup resolves a name; nil means the system's resolver.
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// check refuses a forbidden address; host is what was asked for.
func (p Policy) check(host string, a netip.Addr) error {
	class := classify(a)
	if class == public || p.AllowPrivate && class.Consentable() {
		return nil
	}
	return forbidden(host, a, class)
}

func forbidden(host string, a netip.Addr, class Class) error {
	err := &AddressError{Host: text.Clean(host, shownHost), Addr: a, Class: class}
	if class.Consentable() {
		return hint.With(err, "allow-private-api", err.Host)
	}
	return hint.With(err, "forbidden-address", err.Host)
}

// DialContext connects to addr, "host:port", by "tcp", "tcp4" or "tcp6". A host
// with one forbidden address among its addresses is refused as a whole, before any
// packet goes to it, with an AddressError (A6).
func (p Policy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	family, ok := map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6"}[network]
	if !ok {
		return nil, fmt.Errorf("dialling by %q: only tcp is dialled", text.Clean(network, shownHost))
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("dialling %q: %w", text.Clean(addr, shownHost), err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, fmt.Errorf("dialling %q: the port is not a number between 1 and 65535", text.Clean(addr, shownHost))
	}
	addrs, err := p.resolve(ctx, family, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if err := p.check(host, a); err != nil {
			return nil, err
		}
	}
	return p.dialFirst(ctx, network, addrs, port)
}

// resolve returns the addresses of host: itself when it is one.
func (p Policy) resolve(ctx context.Context, family, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if err := checkName(host); err != nil {
		return nil, err
	}
	lookup := p.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	found, err := lookup(ctx, family, host)
	if err != nil {
		return nil, fmt.Errorf("resolving %s: %w", text.Clean(host, shownHost), err)
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: text.Clean(host, shownHost), IsNotFound: true}
	}
	for i := range found {
		// net.Resolver gives IPv4 addresses in their mapped form.
		found[i] = found[i].Unmap()
	}
	return found, nil
}

// dialFirst connects to the first of the checked addresses that answers.
func (p Policy) dialFirst(ctx context.Context, network string, addrs []netip.Addr, port string) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout, Control: p.control}
	var failed error
	for i, a := range addrs {
		if i == maxAddresses {
			break
		}
		conn, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// control checks the address that the socket is about to connect to.
func (p Policy) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dialling %q: %w", text.Clean(address, shownHost), err)
	}
	return p.check(to.Addr().String(), to.Addr())
}

// Transport returns a new transport that dials by p and speaks TLS 1.2 or newer,
// against the system's roots (S-04). HTTPS_PROXY and its kin are not honoured:
// behind a proxy it would be the proxy that resolves and dials, unchecked.
func (p Policy) Transport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            p.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
	}
}

// Client returns a client on p's Transport that follows no redirect: it returns
// the 3xx answer instead. A redirect would take the request, and what it carries, to a
// host that nobody agreed to.
func (p Policy) Client() *http.Client {
	return &http.Client{
		Transport:     p.Transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
