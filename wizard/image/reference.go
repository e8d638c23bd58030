package image

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// DefaultReference is the image the set-up asks for when the operator names none.
const DefaultReference = "docker.io/legard/claude-code-proxy:latest"

const (
	hubDomain = "docker.io"
	// name.DefaultRegistry is the host that serves docker.io; Docker itself
	// writes the short form, and so does this package.
	hubHost = name.DefaultRegistry
	// A path of 255 characters, a host, a tag of 128 and a digest fit.
	maxReference = 768
	maxPath      = 255
	shownInError = 120
)

// The grammar is that of github.com/distribution/reference, without upper-case
// hosts, which that package uses only to tell "Foo/bar" from a Docker Hub name.
var (
	reHost   = text.Pattern(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$`)
	rePath   = text.Pattern(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	reTag    = text.Pattern(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	reDigest = text.Pattern(`^sha256:[a-f0-9]{64}$`)
)

// reference is a parsed image reference: a digest or a tag, never both.
type reference struct {
	domain, path, tag, digest string
}

// ParseReference checks an image reference written by a person and returns its
// full form: "legard/claude-code-proxy" becomes
// "docker.io/legard/claude-code-proxy:latest". Of a reference with both tag and
// digest only the digest stays, because only the digest decides the content.
//
// Blanks, control characters, upper-case names, URL schemes, digests other than
// sha256 and anything outside the reference grammar are errors.
func ParseReference(s string) (string, error) {
	ref, err := parse(s)
	if err != nil {
		return "", err
	}
	return ref.String(), nil
}

// ParseDigest checks that s is "sha256:" and 64 lower-case hexadecimal digits.
func ParseDigest(s string) (string, error) {
	if !reDigest().MatchString(s) {
		return "", hint.With(hint.Say(fmt.Errorf("image digest %q: want sha256: and 64 lower-case hexadecimal digits",
			text.Clean(s, shownInError)), "digest-form", text.Clean(s, shownInError)), "image-digest-form")
	}
	return s, nil
}

func parse(s string) (reference, error) {
	ref, err := parseReference(s)
	if err != nil {
		s = text.Clean(s, shownInError)
		return reference{}, hint.With(hint.Doing(err, fmt.Sprintf("image reference %q", s), "image-reference", s), "image-reference")
	}
	return ref, nil
}

func parseReference(s string) (reference, error) {
	if err := checkText(s); err != nil {
		return reference{}, err
	}
	rest, digest, hasDigest := strings.Cut(s, "@")
	if hasDigest && !reDigest().MatchString(digest) {
		return reference{}, fmt.Errorf("what follows @ must be sha256: and 64 lower-case hexadecimal digits")
	}
	tag, hasTag := "", false
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, tag, hasTag = rest[:i], rest[i+1:], true
	}
	if hasTag && !reTag().MatchString(tag) {
		return reference{}, fmt.Errorf("the tag must be 1 to 128 letters, digits, dots, dashes and underscores")
	}
	domain, path := splitDomain(rest)
	if err := checkDomain(domain); err != nil {
		return reference{}, err
	}
	if len(path) > maxPath || !rePath().MatchString(path) {
		return reference{}, fmt.Errorf("%q is not a repository name: lower-case letters, digits and single separators . _ - / between them",
			text.Clean(path, shownInError))
	}
	switch {
	case hasDigest:
		tag = ""
	case !hasTag:
		tag = name.DefaultTag
	}
	return reference{domain: domain, path: path, tag: tag, digest: digest}, nil
}

func checkText(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("it is empty")
	case len(s) > maxReference:
		return fmt.Errorf("it is longer than %d bytes", maxReference)
	case strings.Contains(s, "://"):
		return fmt.Errorf("it must not have a URL scheme; write registry/name:tag")
	}
	for _, r := range s {
		if unicode.IsSpace(r) {
			return fmt.Errorf("it contains a blank")
		}
		if r > unicode.MaxASCII || !unicode.IsPrint(r) {
			return fmt.Errorf("it contains a character that is not printable ASCII")
		}
	}
	return nil
}

// splitDomain tells a registry from the first part of a Docker Hub name the way
// Docker does: by a dot, a colon or the word localhost.
func splitDomain(s string) (domain, path string) {
	first, rest, ok := strings.Cut(s, "/")
	if !ok || (first != "localhost" && !strings.ContainsAny(first, ".:[")) {
		domain, path = hubDomain, s
	} else {
		domain, path = first, rest
	}
	if domain == hubHost {
		domain = hubDomain
	}
	if domain == hubDomain && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return domain, path
}

func checkDomain(domain string) error {
	bad := fmt.Errorf("%q is not a registry: want a lower-case host name or address, and a port from 1 to 65535 if any",
		text.Clean(domain, shownInError))
	host, port, hasPort := domain, "", false
	if i := strings.LastIndexByte(domain, ':'); i >= 0 && !strings.HasSuffix(domain, "]") {
		host, port, hasPort = domain[:i], domain[i+1:], true
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return bad
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !strings.HasSuffix(inner, "]") || !addr.Is6() || addr.Zone() != "" || host != strings.ToLower(host) {
			return bad
		}
		return nil
	}
	if !reHost().MatchString(host) {
		return bad
	}
	return nil
}

func (r reference) repository() string { return r.domain + "/" + r.path }

func (r reference) String() string {
	if r.digest != "" {
		return r.repository() + "@" + r.digest
	}
	return r.repository() + ":" + r.tag
}

// identifier is what the registry is asked for.
func (r reference) identifier() string {
	if r.digest != "" {
		return r.digest
	}
	return r.tag
}

// remote is the repository under the host that serves it.
func (r reference) remote() (name.Repository, error) {
	repo, err := name.NewRepository(r.repository())
	if err != nil {
		return name.Repository{}, fmt.Errorf("repository %s: %w", r.repository(), err)
	}
	return repo, nil
}
