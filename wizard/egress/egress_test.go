package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/cloudru/cloudrutest"
	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// patience bounds everything that a test waits for: only a failing one waits so long.
const patience = 5 * time.Second

// messages is what a gateway writes, from several goroutines at once.
type messages struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (m *messages) Write(b []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.Write(b)
}

func (m *messages) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text.String()
}

// running is a gateway that serves on loopback until its test ends.
type running struct {
	*Gateway
	log *messages
	// stop ends it, waits, and returns what Serve does.
	stop func() error
}

// nobody is an address to forward to in tests that forward nothing.
const nobody = "127.0.0.1:1"

func start(t *testing.T, origin, forward string) *running {
	t.Helper()
	r := &running{log: &messages{}}
	var err error
	if r.Gateway, err = New(origin, forward, safedial.Policy{AllowPrivate: true}, r.log); err != nil {
		t.Fatal(err)
	}
	free := freeAddresses(t, 3)
	r.Out, r.In, r.Control = free[0], free[1], free[2]
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := r.control().Status(t.Context()); err != nil {
		t.Fatalf("%v; %s", err, r.log)
	}
	return r
}

func (r *running) control() Control { return Control{Address: r.Control} }

// freeAddresses are on loopback, and nobody listens there.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	out := make([]string, n)
	for i := range out {
		l := listen(t, "127.0.0.1:0")
		defer func() { _ = l.Close() }() // all at the end, so that they differ
		out[i] = l.Addr().String()
	}
	return out
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// eventually waits until ok; what says what was waited for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// dial connects to the gateway without any manners of a client.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	return conn.(*net.TCPConn)
}

// ask sends a request as it stands, and returns the status and the body of the answer.
func ask(t *testing.T, address, request string) (int, string) {
	t.Helper()
	conn := dial(t, address)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// trap is a server that only counts what comes.
type trap struct {
	port                      string
	connections, bytes, ended atomic.Int64
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	tr := &trap{port: portOf(l.Addr().String())}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tr.connections.Add(1)
			wg.Go(func() {
				n, _ := io.Copy(io.Discard, conn)
				tr.bytes.Add(n)
				tr.ended.Add(1)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return tr
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// tlsOrigin is an API with a certificate for localhost and 127.0.0.1.
func tlsOrigin(t *testing.T, handler http.Handler) (port string, roots *x509.CertPool) {
	t.Helper()
	certificate, root, err := cloudrutest.Certificate{}.Issue()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(handler)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	return portOf(srv.Listener.Addr().String()), roots
}

// through is a client that goes out by the gateway, as the proxy does.
func (r *running) through(t *testing.T, roots *x509.CertPool) *http.Client {
	t.Helper()
	tr := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: r.Out}),
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport: tr, Timeout: 2 * patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer sends a request that must be answered.
func answer(t *testing.T, client *http.Client, method, address, body string, header http.Header) string {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewRefuses(t *testing.T) {
	private := safedial.Policy{AllowPrivate: true}
	for _, c := range []struct {
		origin, forward string
		policy          safedial.Policy
		want            string
	}{
		{"", "proxy:8082", private, "origin"},
		{"api.example.com:443", "proxy:8082", private, "origin"},
		{"https://api.example.com", "proxy:8082", private, "not scheme://host:port"},
		{"https://api.example.com:443/v1", "proxy:8082", private, "not scheme://host:port"},
		{"https://user@api.example.com:443", "proxy:8082", private, "user name"},
		{"http://api.example.com:80", "proxy:8082", private, "https://"},
		{"https://localhost:443", "proxy:8082", safedial.Policy{}, "forbidden loopback"},
		{"https://127.0.0.1:443", "proxy:8082", safedial.Policy{}, "forbidden loopback"},
		{"https://169.254.169.254:443", "proxy:8082", private, "metadata"},
		{"https://api.example.com:443", "proxy", private, "container to forward to"},
		{"https://api.example.com:443", "", private, "container to forward to"},
	} {
		if _, err := New(c.origin, c.forward, c.policy, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v, want %q", c.origin, c.forward, err, c.want)
		}
	}
	g, err := New("https://api.example.com:443/", "proxy:8082", safedial.Policy{}, io.Discard)
	if err != nil || g.Out != OutAddress || g.In != InAddress || g.Control != ControlAddress {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		got, want string
		same      bool
	}{
		{"api.example.com:443", "api.example.com:443", true},
		{"API.Example.COM:443", "api.example.com:443", true},
		{"api.example.com", "api.example.com:443", false},
		{"api.example.com:80", "api.example.com:443", false},
		{"api.example.com.:443", "api.example.com:443", false},
		{"x.api.example.com:443", "api.example.com:443", false},
		{"", "api.example.com:443", false},
		{"10.0.0.5", "10.0.0.5:80", true},
		{"10.0.0.5:80", "10.0.0.5:80", true},
		{"10.0.0.5:8080", "10.0.0.5:80", false},
		{"10.0.0.5", "10.0.0.5:8080", false},
	} {
		if got := sameHost(c.got, c.want); got != c.same {
			t.Errorf("%q for %q: %v", c.got, c.want, got)
		}
	}
}

func TestServeEndsAndClosesItsListeners(t *testing.T) {
	g := start(t, "https://localhost:443", nobody)
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	for _, address := range []string{g.Out, g.In, g.Control} {
		_ = listen(t, address).Close()
	}
}

// TestServeNeedsAllItsPorts: a gateway with half of its doors is none, and leaves the
// others closed.
func TestServeNeedsAllItsPorts(t *testing.T) {
	for i, want := range []string{"the way out", "the way in", "control"} {
		g, err := New("https://localhost:443", nobody, safedial.Policy{AllowPrivate: true}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		addresses := freeAddresses(t, 3)
		g.Out, g.In, g.Control = addresses[0], addresses[1], addresses[2]
		taken := listen(t, addresses[i])
		if err := g.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
		_ = taken.Close()
		for _, address := range addresses {
			_ = listen(t, address).Close()
		}
	}
}

// TestLastRequestFindsTheWayOut: a request that is under way when the gateway is
// told to end is answered, although the proxy asks the API only then.
func TestLastRequestFindsTheWayOut(t *testing.T) {
	port, roots := tlsOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }))
	var g *running
	arrived, ending := make(chan struct{}), make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-ending
		resp, err := g.through(t, roots).Get("https://localhost:" + port)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(proxy.Close)
	g = start(t, "https://localhost:"+port, proxy.Listener.Addr().String())

	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + g.In)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			b = append(b, err.Error()...)
		}
		answer <- string(b)
	}()
	<-arrived
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	eventually(t, "the way in is closed", func() bool {
		conn, err := net.Dial("tcp", g.In)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(ending)
	if got := <-answer; got != "pong" {
		t.Errorf("the last request was answered %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
