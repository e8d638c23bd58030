package safedial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/hint"
)

func TestClassify(t *testing.T) {
	for addr, want := range map[string]Class{
		"1.1.1.1": public, "8.8.8.8": public, "2606:4700:4700::1111": public, "172.32.0.1": public, "100.128.0.1": public,
		"127.0.0.1": Loopback, "127.255.255.254": Loopback, "::1": Loopback,
		"10.0.0.1": Private, "172.16.0.1": Private, "172.31.255.255": Private, "192.168.1.1": Private,
		"fc00::1": UniqueLocal, "fd12:3456::1": UniqueLocal,
		"100.64.0.1": CarrierNAT, "100.127.255.255": CarrierNAT,
		"169.254.1.1": LinkLocal, "fe80::1": LinkLocal, "fe80::1%eth0": LinkLocal, "2606:4700::1%eth0": LinkLocal,
		"169.254.169.254": Metadata, "169.254.170.2": Metadata, "168.63.129.16": Metadata, "100.100.100.200": Metadata,
		"192.0.0.192": Metadata, "fd00:ec2::254": Metadata, "fd00:ec2::23": Metadata, "fd20:ce::254": Metadata,
		"0.0.0.0": Unspecified, "::": Unspecified, "0.1.2.3": ThisNetwork,
		"224.0.0.1": Multicast, "239.255.255.250": Multicast, "ff02::1": Multicast, "255.255.255.255": Broadcast,
		"::ffff:127.0.0.1": Mapped, "::ffff:8.8.8.8": Mapped, "::ffff:a00:1": Mapped, "::127.0.0.1": Mapped,
		"64:ff9b::7f00:1": NAT64, "64:ff9b::808:808": NAT64, "64:ff9b:1::1": NAT64,
		"2002:7f00:1::": SixToFour, "2001:0:53aa:64c::1": Teredo,
		"192.0.2.1": Reserved, "198.18.0.1": Reserved, "203.0.113.7": Reserved, "240.0.0.1": Reserved,
		"2001:db8::1": Reserved, "fec0::1": Reserved, "100::1": Reserved, "192.88.99.1": Reserved, "3fff::1": Reserved,
	} {
		if got := classify(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
	if classify(netip.Addr{}) == public {
		t.Error("no address at all is public")
	}
}

func TestConsentOpensNoMoreThanItNames(t *testing.T) {
	for addr, open := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "192.168.0.1": true, "fd12::1": true, "100.64.0.1": true, "9.9.9.9": true,
		"169.254.169.254": false, "fd00:ec2::254": false, "100.100.100.200": false, "169.254.1.1": false, "fe80::1": false,
		"0.0.0.0": false, "::": false, "224.0.0.1": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
		"255.255.255.255": false, "203.0.113.1": false, "fd20:ce::254": false, "168.63.129.16": false,
	} {
		err := Policy{AllowPrivate: true}.check(addr, netip.MustParseAddr(addr))
		if (err == nil) != open {
			t.Errorf("%s with consent: %v", addr, err)
		}
	}
}

// untouched listens on loopback and fails the test if anybody connects.
func untouched(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			t.Errorf("somebody connected from %s", c.RemoteAddr())
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestForbiddenAddressGetsNoPacket(t *testing.T) {
	port := untouched(t)
	hosts := map[string]Class{
		"127.0.0.1": Loopback, "localhost": Loopback, "::ffff:127.0.0.1": Mapped, "0.0.0.0": Unspecified, "::": Unspecified,
		"2130706433": OddNumber, "0x7f.1": OddNumber, "0x7f000001": OddNumber, "0177.0.0.1": OddNumber, "127.1": OddNumber,
		"127.0.0.1.": OddNumber, "017700000001": OddNumber, "0x": OddNumber, "127.0.0.01": OddNumber, "1.2.3.4.5": OddNumber,
	}
	for host, want := range hosts {
		conn, err := Policy{}.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s was dialled", host)
			continue
		}
		var refused *AddressError
		if !errors.As(err, &refused) || refused.Class != want || !errors.Is(err, ErrForbiddenAddress) {
			t.Errorf("%s: %v (%T), want class %s", host, err, err, want)
		}
		if h, ok := hint.Of(err); !ok || (h.ID == "allow-private-api") != want.Consentable() {
			t.Errorf("%s: hint %v", host, h)
		}
	}
}

func TestConsentDials(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer srv.Close()
	resp, err := Policy{AllowPrivate: true}.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Error(resp.Status)
	}
	resp, err = Policy{}.Client().Get(srv.URL)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("without consent: %v", err)
	}
}

// answers resolves every name to the next of the given answers.
func answers(lists ...[]string) (func(context.Context, string, string) ([]netip.Addr, error), *atomic.Int32) {
	var asked atomic.Int32
	return func(context.Context, string, string) ([]netip.Addr, error) {
		n := int(asked.Add(1)) - 1
		var out []netip.Addr
		for _, a := range lists[min(n, len(lists)-1)] {
			out = append(out, netip.MustParseAddr(a))
		}
		return out, nil
	}, &asked
}

func TestNameWithOneForbiddenAddressIsRefused(t *testing.T) {
	port := untouched(t)
	for _, list := range [][]string{
		{"127.0.0.1"}, {"::ffff:127.0.0.1"}, {"192.0.2.1", "127.0.0.1"}, {"1.1.1.1", "127.0.0.1"}, {"2606:4700::1", "169.254.169.254"},
	} {
		lookup, _ := answers(list)
		_, err := Policy{lookup: lookup}.DialContext(t.Context(), "tcp", net.JoinHostPort("api.example.com", port))
		// The host in the error is the name: refused before any address was dialled.
		var refused *AddressError
		if !errors.As(err, &refused) || refused.Host != "api.example.com" {
			t.Errorf("%v: %v", list, err)
		}
	}
}

// A name that answers a public address first and 127.0.0.1 afterwards: the second
// answer is never asked for within one dial, and refused in the next (A6, gap 2).
func TestRebinding(t *testing.T) {
	port := untouched(t)
	lookup, asked := answers([]string{"::ffff:1.1.1.1"}, []string{"127.0.0.1"})
	p := Policy{lookup: lookup}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // the checked public address is not really dialled
	_, err := p.DialContext(gone, "tcp", net.JoinHostPort("rebind.example.com", port))
	if !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "operation was canceled") {
		t.Errorf("first dial: %v", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the name was resolved %d times in one dial", n)
	}
	if _, err := p.DialContext(t.Context(), "tcp", net.JoinHostPort("rebind.example.com", port)); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("second dial: %v", err)
	}
}

func TestSocketIsCheckedOnceMore(t *testing.T) {
	port := untouched(t)
	unchecked := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	if _, err := (Policy{}).dialFirst(t.Context(), "tcp", unchecked, port); !errors.Is(err, ErrForbiddenAddress) {
		t.Errorf("got %v", err)
	}
}

func TestDialTriesEveryAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// Nobody listens on ::1 (or it does not exist): the next one answers.
	lookup, _ := answers([]string{"::1", "127.0.0.1"})
	conn, err := Policy{AllowPrivate: true, lookup: lookup}.DialContext(t.Context(), "tcp", net.JoinHostPort("two.example.com", port))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	lookup, _ = answers([]string{})
	var dns *net.DNSError
	if _, err := (Policy{lookup: lookup}).DialContext(t.Context(), "tcp", "none.example.com:443"); !errors.As(err, &dns) {
		t.Errorf("no address: %v", err)
	}
}

func TestDialRefusesWhatIsNoAddress(t *testing.T) {
	for _, c := range [][2]string{
		{"udp", "1.1.1.1:53"}, {"tcp", "1.1.1.1"}, {"tcp", "1.1.1.1:0"}, {"tcp", "1.1.1.1:http"}, {"tcp", "1.1.1.1:65536"},
		{"tcp", "a b:1"}, {"tcp", ":443"}, {"tcp", "-x.example:443"}, {"tcp", strings.Repeat("a.", 200) + "com:443"},
	} {
		if conn, err := (Policy{}).DialContext(t.Context(), c[0], c[1]); err == nil {
			_ = conn.Close()
			t.Errorf("%v was dialled", c)
		}
	}
}

func TestRedirectIsReturnedNotFollowed(t *testing.T) {
	var touched atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Store(true) }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	resp, err := Policy{AllowPrivate: true}.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTemporaryRedirect || touched.Load() {
		t.Errorf("%s, other host touched: %v", resp.Status, touched.Load())
	}
}

func TestProxyFromTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if tr := (Policy{}).Transport(); tr.Proxy != nil || tr.DialTLSContext != nil || tr.TLSClientConfig.InsecureSkipVerify {
		t.Error("the transport has a way around the dialler or the roots")
	}
}

func TestTransportSpeaksHTTP2AndChecksTheChain(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	client := Policy{AllowPrivate: true}.Client()
	tr, _ := client.Transport.(*http.Transport)
	if resp, err := client.Get(srv.URL); err == nil {
		_ = resp.Body.Close()
		t.Error("a certificate of no known authority was accepted")
	}
	tr.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.TLS.Version < tr.TLSClientConfig.MinVersion {
		t.Errorf("%s over TLS %x", resp.Proto, resp.TLS.Version)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	client := Policy{AllowPrivate: true}.Client()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if resp, err := client.Get(srv.URL); err == nil {
		_ = resp.Body.Close()
		t.Errorf("spoke TLS %x", resp.TLS.Version)
	}
}

func TestDialKeepsTheDeadline(t *testing.T) {
	lookup := func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := (Policy{lookup: lookup}).DialContext(ctx, "tcp", "slow.example.com:443"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCheckURL(t *testing.T) {
	private := Policy{AllowPrivate: true}
	for _, c := range []struct {
		policy    Policy
		raw, want string
	}{
		{Policy{}, "https://foundation-models.api.cloud.ru/v1", "https://foundation-models.api.cloud.ru/v1"},
		{Policy{}, "https://Foundation-Models.API.cloud.ru:443/v1//", "https://foundation-models.api.cloud.ru:443/v1"},
		{Policy{}, "https://xn--e1afmkfd.xn--p1ai", "https://xn--e1afmkfd.xn--p1ai"},
		{Policy{}, "https://1.1.1.1/v1", "https://1.1.1.1/v1"},
		{Policy{}, "https://[2606:4700:4700::1111]:8443", "https://[2606:4700:4700::1111]:8443"},
		{private, "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"},
		{private, "http://localhost:8080", "http://localhost:8080"},
		{private, "http://[::1]:1", "http://[::1]:1"},
		{private, "http://10.0.0.5/v1", "http://10.0.0.5/v1"},
		{private, "https://192.168.1.5", "https://192.168.1.5"},
	} {
		u, err := c.policy.CheckURL(c.raw)
		if err != nil || u.String() != c.want {
			t.Errorf("%s: %v, %v", c.raw, u, err)
		}
	}
}

func TestCheckURLRefuses(t *testing.T) {
	private := Policy{AllowPrivate: true}
	for _, c := range []struct {
		policy Policy
		raw    string
		hint   string
	}{
		{Policy{}, "", "api-base"}, {Policy{}, "cloud.ru/v1", "api-base"}, {Policy{}, "ftp://cloud.ru", "api-base"},
		{Policy{}, "http://cloud.ru/v1", "api-base"}, {private, "http://cloud.ru/v1", "api-base"}, {private, "http://1.1.1.1", "api-base"},
		{Policy{}, "https://", "api-base"}, {Policy{}, "https:cloud.ru", "api-base"}, {Policy{}, "https://:443", "api-base"},
		{Policy{}, "https://cloud.ru:", "api-base"}, {Policy{}, "https://cloud.ru:0", "api-base"}, {Policy{}, "https://cloud.ru:70000", "api-base"},
		{Policy{}, "https://cloud.ru:x", "api-base"}, {Policy{}, "https://cloud.ru/?a=1", "api-base"}, {Policy{}, "https://cloud.ru/?", "api-base"},
		{Policy{}, "https://cloud.ru/#x", "api-base"}, {Policy{}, "https://cloud.ru/%2e%2e/", "api-base"}, {Policy{}, "https://cloud.ru/a b", "api-base"},
		{Policy{}, "https://сloud.ru/v1", "api-base"}, {Policy{}, "https://cloud.ru\x1b[2J", "api-base"}, {Policy{}, "https://cloud..ru", "api-base"},
		{Policy{}, "https://-cloud.ru", "api-base"}, {Policy{}, "https://cloud.ru./v1", "api-base"},
		{Policy{}, "https://user@cloud.ru", "api-base"}, {Policy{}, "https://cloud.ru@127.0.0.1/", "api-base"},
		{Policy{}, "https://" + strings.Repeat("a", maxURL), "api-base"}, {Policy{}, "https://" + strings.Repeat("a", 64) + ".ru", "api-base"},
		{Policy{}, "https://127.0.0.1", "allow-private-api"}, {Policy{}, "https://localhost", "allow-private-api"},
		{Policy{}, "https://api.LOCALHOST", "allow-private-api"}, {Policy{}, "https://[fd12::1]", "allow-private-api"},
		{Policy{}, "https://2130706433/", "forbidden-address"}, {private, "http://2130706433/", "forbidden-address"},
		{private, "http://0x7f.1/", "forbidden-address"}, {private, "http://0177.0.0.1/", "forbidden-address"},
		{private, "https://169.254.169.254/latest", "forbidden-address"}, {private, "https://[fd00:ec2::254]", "forbidden-address"},
		{private, "https://[::ffff:10.0.0.1]", "forbidden-address"}, {private, "https://[fe80::1%25eth0]", "forbidden-address"},
		{private, "https://0.0.0.0", "forbidden-address"},
	} {
		u, err := c.policy.CheckURL(c.raw)
		if err == nil {
			t.Errorf("%q was accepted as %s", c.raw, u)
			continue
		}
		if h, _ := hint.Of(err); h.ID != c.hint {
			t.Errorf("%q: hint %q, want %q (%v)", c.raw, h.ID, c.hint, err)
		}
	}
}

func TestCheckURLRepeatsNoPassword(t *testing.T) {
	for _, raw := range []string{
		"https://me:hunter2@cloud.ru/v1", "https://me:hunter2@cloud.ru:x/", "https://cloud.ru/?key=hunter2", "https://hunter2@[::1",
		"me:hunter2@cloud.ru", "https://me:hunter2%zz@cloud.ru", "https://cloud.ru:443@hunter2@x\x01",
	} {
		if _, err := (Policy{}).CheckURL(raw); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://cloud.ru/v1", "http://127.0.0.1:1", "https://[::1]:443/a", "https://2130706433", "https://a@b", "https://сloud.ru", "http://[fe80::1%25e]"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, allow bool) {
		p := Policy{AllowPrivate: allow}
		u, err := p.CheckURL(raw)
		if err != nil {
			return
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" {
			t.Fatalf("%q: %#v", raw, u)
		}
		again, err := p.CheckURL(u.String())
		if err != nil || again.String() != u.String() {
			t.Fatalf("%q became %q, which becomes %v, %v", raw, u, again, err)
		}
		if _, err := url.Parse(u.JoinPath("models").String()); err != nil {
			t.Fatal(err)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && p.check("", a) != nil {
			t.Fatalf("%q: %s passed", raw, a)
		}
		if u.Scheme == "http" && !allow {
			t.Fatalf("%q passed in the clear", raw)
		}
	})
}
