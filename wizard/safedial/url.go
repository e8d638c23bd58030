package safedial

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	maxURL = 2048
	// shownURL bounds an address in an error.
	shownURL = 120
	// maxName and maxLabel are the limits of the DNS, RFC 1035.
	maxName  = 253
	maxLabel = 63
)

// CheckURL reads the address of an API, given by the operator, and returns it
// without a trailing slash. It must be https; http is allowed to localhost and to
// private literal addresses, with AllowPrivate. Literal addresses are checked at
// once, names when they are dialled: CheckURL sends nothing.
func (p Policy) CheckURL(raw string) (*url.URL, error) {
	u, err := parse(raw)
	if err == nil {
		err = p.checkHost(u)
	}
	if err != nil {
		shown := text.Clean(shownAddress(raw), shownURL)
		err = hint.Doing(err, fmt.Sprintf("address %q", shown), "address", shown)
		if _, hinted := hint.Of(err); !hinted {
			err = hint.With(err, "api-base")
		}
		return nil, err
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// parse reads what can be told from the text alone.
func parse(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("longer than %d bytes", maxURL)
	}
	for _, c := range []byte(raw) {
		if c <= ' ' || c >= 0x7f {
			return nil, errors.New("only printable ASCII without blanks is taken; write an international name in its xn-- form")
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The text of url.Error repeats the address, with a password if it has one.
		var parse *url.Error
		if errors.As(err, &parse) {
			return nil, fmt.Errorf("not an address: %s", text.Clean(shownAddress(parse.Err.Error()), shownURL))
		}
		return nil, hint.Say(errors.New("not an address"), "no-address")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, hint.Say(errors.New("it must begin with https://"), "not-https")
	case u.User != nil:
		return nil, errors.New("it must hold no user name or password")
	case strings.ContainsAny(raw, "?#"):
		return nil, errors.New("it must hold no query and no fragment")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.RawPath != "" || strings.ContainsAny(u.Path, "\\%"):
		return nil, errors.New("its path must hold no escapes")
	}
	return u, checkPort(u)
}

func checkPort(u *url.URL) error {
	port := u.Port()
	if port == "" {
		if strings.HasSuffix(u.Host, ":") {
			return errors.New("the port is missing after the colon")
		}
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("the port must lie between 1 and 65535")
	}
	return nil
}

// checkHost checks the host by p, as far as that needs no resolver.
func (p Policy) checkHost(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	class := public
	if a, err := netip.ParseAddr(host); err == nil {
		if err := p.check(host, a); err != nil {
			return err
		}
		class = classify(a)
	} else if err := checkName(host); err != nil {
		return err
	} else if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		// RFC 6761: it can mean nothing else.
		class = Loopback
		if !p.AllowPrivate {
			return forbidden(host, netip.Addr{}, Loopback)
		}
	}
	if u.Scheme == "http" && class == public {
		return errors.New("it must begin with https://: the API key would cross the network in the clear")
	}
	return nil
}

// checkName refuses what is no host name, and what some resolvers take for a
// number: netip reads dotted decimal alone, getaddrinfo also reads octal,
// hexadecimal and one to four parts (inet_aton).
func checkName(host string) error {
	if len(host) > maxName {
		return fmt.Errorf("the host is longer than %d bytes", maxName)
	}
	labels := strings.Split(host, ".")
	if last := labels[len(labels)-1]; last == "" && len(labels) > 1 && numeric(labels[len(labels)-2]) || numeric(last) {
		return forbidden(host, netip.Addr{}, OddNumber)
	}
	for _, l := range labels {
		if !isLabel(l) {
			return fmt.Errorf("%q is not a host name", text.Clean(host, shownHost))
		}
	}
	return nil
}

// numeric tells whether a host that ends in this label is an IPv4 address, by the
// rule of the WHATWG URL standard ("ends in a number").
func numeric(label string) bool {
	l := strings.ToLower(label)
	if hex, ok := strings.CutPrefix(l, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return l != "" && strings.Trim(l, "0123456789") == ""
}

func isLabel(l string) bool {
	if l == "" || len(l) > maxLabel || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for _, c := range []byte(l) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// shownAddress is raw as an error may repeat it: without the user name, the
// password and the query, where people put keys.
func shownAddress(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		scheme, rest = "", raw
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "…@" + rest[i+1:]
	}
	if !found {
		return rest
	}
	return scheme + "://" + rest
}
