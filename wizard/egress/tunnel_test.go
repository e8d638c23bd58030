package egress

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/clawsetup/clawsetup/wizard/safedial"
)

// hello is a real ClientHello that asks for the server name; an empty one is left out.
func hello(t testing.TB, name string) []byte {
	t.Helper()
	conn := &recorder{mute: mute{strings.NewReader("")}}
	_ = tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true}).Handshake() // nobody answers
	if conn.sent.Len() == 0 {
		t.Fatal("the TLS client does not greet")
	}
	return conn.sent.Bytes()
}

type recorder struct {
	mute
	sent bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) { return r.sent.Write(b) }

// connect asks for a tunnel to target, and sends more with the same write.
func connect(t *testing.T, g *running, target string, more []byte) (*net.TCPConn, int) {
	t.Helper()
	conn := dial(t, g.Out)
	if _, err := conn.Write(append(fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", target), more...)); err != nil {
		t.Fatal(err)
	}
	// No byte of the tunnel itself may be read.
	var head []byte
	for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, one...) {
		if _, err := io.ReadFull(conn, one); err != nil {
			t.Fatalf("after %q: %v", head, err)
		}
	}
	var status int
	if _, err := fmt.Sscanf(string(head), "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%q: %v", head, err)
	}
	return conn, status
}

// rawOrigin lets serve have every connection that comes.
func rawOrigin(t *testing.T, serve func(*net.TCPConn)) (port string) {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(2 * patience))
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return portOf(l.Addr().String())
}

func TestTunnelLeadsToTheOrigin(t *testing.T) {
	port, roots := tlsOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, b)
	}))
	g := start(t, "https://localhost:"+port, nobody)
	for _, host := range []string{"localhost", "LocalHost"} {
		got := answer(t, g.through(t, roots), http.MethodPost, "https://"+host+":"+port+"/v1/chat?a=1", "ping", nil)
		if !strings.EqualFold(got, "POST localhost:"+port+" /v1/chat?a=1 ping") {
			t.Errorf("%s: %q", host, got)
		}
	}
	if strings.Contains(g.log.String(), "refused") {
		t.Error(g.log)
	}
}

// TestOriginByAddress: a literal address has no server name in TLS, and must have none.
func TestOriginByAddress(t *testing.T) {
	port, roots := tlsOrigin(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }))
	g := start(t, "https://127.0.0.1:"+port, nobody)
	if got := answer(t, g.through(t, roots), http.MethodGet, "https://127.0.0.1:"+port, "", nil); got != "pong" {
		t.Errorf("got %q", got)
	}
	conn, _ := connect(t, g, "127.0.0.1:"+port, hello(t, "localhost"))
	if n, _ := io.Copy(io.Discard, conn); n != 0 || !strings.Contains(g.log.String(), `it asks for the server "localhost"`) {
		t.Errorf("%d bytes came back; %s", n, g.log)
	}
}

func TestOtherWaysOutAreRefused(t *testing.T) {
	origin, other := newTrap(t), newTrap(t)
	g := start(t, "https://localhost:"+origin.port, nobody)
	at := "localhost:" + origin.port
	for _, line := range []string{
		"CONNECT example.com:" + origin.port,
		"CONNECT localhost:" + other.port,
		"CONNECT localhost:443",
		"CONNECT localhost",
		"CONNECT localhost.:" + origin.port,
		"CONNECT api.localhost:" + origin.port,
		"CONNECT 127.0.0.1:" + origin.port,
		"CONNECT [::1]:" + origin.port,
		"CONNECT 2130706433:" + origin.port,
		"CONNECT 169.254.169.254:80",
		"CONNECT " + g.Control,
		"GET https://" + at + "/secret-path",
		"GET http://" + at + "/secret-path",
		"GET http://127.0.0.1:" + other.port + "/secret-path",
		"GET /secret-path",
		"POST https://" + at + "/secret-path",
		"PUT https://" + at + "/secret-path",
		"DELETE https://" + at + "/secret-path",
		"TRACE https://" + at + "/secret-path",
		"BREW https://" + at + "/secret-path",
	} {
		before := len(g.log.String())
		status, text := ask(t, g.Out, line+" HTTP/1.1\r\nHost: "+at+"\r\nX-Api-Key: secret-key\r\nContent-Length: 11\r\n\r\nsecret-body")
		if status != http.StatusForbidden || !strings.Contains(text, "the API alone") {
			t.Errorf("%s: %d %q", line, status, text)
		}
		method, _, _ := strings.Cut(line, " ")
		if said := g.log.String()[before:]; !strings.Contains(said, "refused: "+method+" ") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: the log says %q", line, said)
		}
	}
	if n := origin.connections.Load() + other.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	if strings.Contains(g.log.String(), "secret") {
		t.Errorf("the log repeats what was sent:\n%s", g.log)
	}
}

func TestGreetingsThatGetNoTunnel(t *testing.T) {
	origin := newTrap(t)
	at := "localhost:" + origin.port
	g := start(t, "https://"+at, nobody)
	whole := hello(t, "localhost")
	cases := map[string]struct {
		sent []byte
		want string
	}{
		"another name":         {hello(t, "example.com"), `it asks for the server "example.com"`},
		"a name that ends so":  {hello(t, "api.localhost"), `it asks for the server "api.localhost"`},
		"a name that begins":   {hello(t, "localhost.example.com"), `it asks for the server "localhost.example.com"`},
		"no name":              {hello(t, ""), `it asks for the server ""`},
		"HTTP":                 {[]byte("GET / HTTP/1.1\r\nHost: " + at + "\r\n\r\n"), "no TLS greeting"},
		"SSH":                  {[]byte("SSH-2.0-OpenSSH_9.9\r\n"), "no TLS greeting"},
		"an alert":             {[]byte("\x15\x03\x01\x00\x02\x02\x28"), "no TLS greeting"},
		"data without a hello": {[]byte("\x17\x03\x03\x00\x05hello"), "no TLS greeting"},
		"a server's hello":     {append([]byte{whole[0], whole[1], whole[2], whole[3], whole[4], 2}, whole[6:]...), "no TLS greeting"},
		"half a hello":         {whole[:len(whole)/2], "no TLS greeting"},
		"nothing":              {nil, "no TLS greeting"},
	}
	for name, c := range cases {
		before := len(g.log.String())
		conn, status := connect(t, g, at, nil)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", name, status)
		}
		_, _ = conn.Write(c.sent)
		_ = conn.CloseWrite()
		if n, _ := io.Copy(io.Discard, conn); n != 0 {
			t.Errorf("%s: %d bytes came back", name, n)
		}
		if said := g.log.String()[before:]; !strings.Contains(said, "refused: TLS to "+at) || !strings.Contains(said, c.want) {
			t.Errorf("%s: the log says %q", name, said)
		}
	}
	eventually(t, "the origin's connections end", func() bool { return origin.ended.Load() == int64(len(cases)) })
	if n := origin.bytes.Load(); n != 0 {
		t.Errorf("the origin was sent %d bytes", n)
	}
}

// records puts the handshake message of one TLS record into records of at most size
// bytes, as RFC 8446, 5.1 allows.
func records(record []byte, size int) []byte {
	var out []byte
	for part := range slices.Chunk(record[5:], size) {
		out = append(append(out, record[0], record[1], record[2], byte(len(part)>>8), byte(len(part))), part...)
	}
	return out
}

// TestGreetingComesInPieces: what the origin gets is what the client sent, however
// it was cut.
func TestGreetingComesInPieces(t *testing.T) {
	whole := hello(t, "localhost")
	for name, c := range map[string]struct {
		first []byte
		later [][]byte
	}{
		"one write":          {nil, [][]byte{whole}},
		"byte by byte":       {nil, slices.Collect(slices.Chunk(whole, 1))},
		"small TLS records":  {nil, [][]byte{records(whole, 9)}},
		"both":               {nil, slices.Collect(slices.Chunk(records(whole, 40), 7))},
		"before the answer":  {whole, nil},
		"across the answer":  {whole[:10], [][]byte{whole[10:]}},
		"with what is early": {slices.Concat(whole, noise(4, 20000)), [][]byte{[]byte("and more")}},
	} {
		want := append(slices.Clone(c.first), slices.Concat(c.later...)...)
		received := make(chan []byte, 1)
		port := rawOrigin(t, func(conn *net.TCPConn) {
			b := make([]byte, len(want))
			n, _ := io.ReadFull(conn, b)
			received <- b[:n]
			_, _ = io.WriteString(conn, "hi")
		})
		g := start(t, "https://localhost:"+port, nobody)
		conn, status := connect(t, g, "localhost:"+port, c.first)
		if status != http.StatusOK {
			t.Fatalf("%s: %d", name, status)
		}
		for _, b := range c.later {
			if _, err := conn.Write(b); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if back, err := io.ReadAll(conn); err != nil || string(back) != "hi" {
			t.Errorf("%s: %q came back, %v", name, back, err)
		}
		if got := <-received; !bytes.Equal(got, want) {
			t.Errorf("%s: the origin got %d bytes of %d", name, len(got), len(want))
		}
	}
}

// TestTunnelIsExact sends much in both directions; the end of one is passed on, and
// does not end the other.
func TestTunnelIsExact(t *testing.T) {
	question, reply := noise(1, 5<<20+1), noise(2, 7<<20+3)
	send := func(conn *net.TCPConn, b []byte) {
		if _, err := conn.Write(b); err != nil {
			t.Error(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	type side func(conn *net.TCPConn, out []byte) (in []byte, err error)
	sendThenRead := func(conn *net.TCPConn, out []byte) ([]byte, error) {
		send(conn, out)
		return io.ReadAll(conn)
	}
	readThenSend := func(conn *net.TCPConn, out []byte) ([]byte, error) {
		in, err := io.ReadAll(conn)
		send(conn, out)
		return in, err
	}
	atOnce := func(conn *net.TCPConn, out []byte) ([]byte, error) {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { send(conn, out) })
		return io.ReadAll(conn)
	}
	greeting := hello(t, "localhost")
	for name, c := range map[string]struct{ client, origin side }{
		"the client ends first": {sendThenRead, readThenSend},
		"the origin ends first": {readThenSend, sendThenRead},
		"at once":               {atOnce, atOnce},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan []byte, 1)
			port := rawOrigin(t, func(conn *net.TCPConn) {
				if _, err := io.ReadFull(conn, make([]byte, len(greeting))); err != nil {
					t.Error(err)
				}
				in, err := c.origin(conn, reply)
				if err != nil {
					t.Error(err)
				}
				asked <- in
			})
			g := start(t, "https://localhost:"+port, nobody)
			conn, _ := connect(t, g, "localhost:"+port, greeting)
			got, err := c.client(conn, question)
			if err != nil || !bytes.Equal(got, reply) {
				t.Errorf("the client got %d bytes of %d, %v", len(got), len(reply), err)
			}
			if in := <-asked; !bytes.Equal(in, question) {
				t.Errorf("the origin got %d bytes of %d", len(in), len(question))
			}
		})
	}
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// TestBrokenSideEndsTheTunnel: neither side is left with a connection to nobody.
func TestBrokenSideEndsTheTunnel(t *testing.T) {
	broken := func(conn *net.TCPConn) {
		_ = conn.SetLinger(0) // the peer sees a reset, not an end
		_ = conn.Close()
	}
	t.Run("the client's", func(t *testing.T) {
		ended := make(chan error, 1)
		port := rawOrigin(t, func(conn *net.TCPConn) {
			_, err := io.Copy(io.Discard, conn)
			ended <- err
		})
		g := start(t, "https://localhost:"+port, nobody)
		conn, _ := connect(t, g, "localhost:"+port, hello(t, "localhost"))
		broken(conn)
		if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the origin waits: %v", err)
		}
	})
	t.Run("the client's, while the origin sends", func(t *testing.T) {
		ended := make(chan error, 1)
		port := rawOrigin(t, func(conn *net.TCPConn) {
			_, err := io.Copy(conn, rand.NewChaCha8([32]byte{}))
			ended <- err
		})
		g := start(t, "https://localhost:"+port, nobody)
		conn, _ := connect(t, g, "localhost:"+port, hello(t, "localhost"))
		if _, err := io.ReadFull(conn, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the origin waits: %v", err)
		}
	})
	t.Run("the origin's", func(t *testing.T) {
		port := rawOrigin(t, func(conn *net.TCPConn) {
			_, _ = conn.Read(make([]byte, 1))
			broken(conn)
		})
		g := start(t, "https://localhost:"+port, nobody)
		conn, _ := connect(t, g, "localhost:"+port, hello(t, "localhost"))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the client waits: %v", err)
		}
	})
}

func TestOriginThatCannotBeReached(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		at := "localhost:" + portOf(freeAddresses(t, 1)[0])
		g := start(t, "https://"+at, nobody)
		if _, status := connect(t, g, at, nil); status != http.StatusBadGateway || !strings.Contains(g.log.String(), "failed: ") {
			t.Errorf("%d; %s", status, g.log)
		}
	})
	t.Run("its name leads to a forbidden address", func(t *testing.T) {
		// New refuses localhost itself without consent; another name could still resolve
		// to loopback, so the policy decides once more at each dial.
		origin := newTrap(t)
		at := "localhost:" + origin.port
		g := start(t, "https://"+at, nobody)
		g.policy = safedial.Policy{}
		if _, status := connect(t, g, at, nil); status != http.StatusBadGateway || !strings.Contains(g.log.String(), "forbidden loopback address") {
			t.Errorf("%d; %s", status, g.log)
		}
		if n := origin.connections.Load(); n != 0 {
			t.Errorf("%d connections were made", n)
		}
	})
}

func TestTunnelsAreBounded(t *testing.T) {
	origin := newTrap(t)
	at := "localhost:" + origin.port
	g := start(t, "https://"+at, nobody)
	var first *net.TCPConn
	for i := range mostConnections {
		conn, status := connect(t, g, at, nil)
		if status != http.StatusOK {
			t.Fatalf("tunnel %d: %d", i, status)
		}
		if first == nil {
			first = conn
		}
	}
	if _, status := connect(t, g, at, nil); status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", status)
	}
	_ = first.Close()
	eventually(t, "a place is free again", func() bool {
		conn, status := connect(t, g, at, nil)
		_ = conn.Close()
		return status == http.StatusOK
	})
}

// TestPlainOrigin: a private API without TLS is asked by ordinary requests to the
// proxy, never through a tunnel that nobody could look into.
func TestPlainOrigin(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "http://example.com/", http.StatusTemporaryRedirect)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s %s %q %q %s", r.Method, r.Host, r.URL, r.Header["Proxy-Authorization"], r.Header["X-Api-Key"], b)
	}))
	t.Cleanup(origin.Close)
	other := newTrap(t)
	g := start(t, origin.URL, nobody)
	at := origin.Listener.Addr().String()

	header := http.Header{"X-Api-Key": {"k"}, "Proxy-Authorization": {"for the gateway alone"}}
	want := fmt.Sprintf(`POST %s /v1/chat?a=1 [] ["k"] ping`, at)
	if got := answer(t, g.through(t, nil), http.MethodPost, origin.URL+"/v1/chat?a=1", "ping", header); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if status, _ := ask(t, g.Out, "GET "+origin.URL+"/moved HTTP/1.1\r\nHost: x\r\n\r\n"); status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %d", status)
	}
	// The address of the request counts, not the Host beside it (RFC 9112, 3.2.2).
	if status, text := ask(t, g.Out, "GET "+origin.URL+"/ HTTP/1.1\r\nHost: example.com\r\n\r\n"); status != http.StatusOK || !strings.Contains(text, "GET "+at+" /") {
		t.Errorf("another Host: %d %q", status, text)
	}
	for _, line := range []string{
		"CONNECT " + at,
		"GET http://127.0.0.1:" + other.port + "/",
		"GET http://localhost:" + portOf(at) + "/",
		"GET http://127.0.0.1/",
		"GET http://example.com/",
		"GET https://" + at + "/",
		"GET /",
	} {
		if status, text := ask(t, g.Out, line+" HTTP/1.1\r\nHost: "+at+"\r\n\r\n"); status != http.StatusForbidden {
			t.Errorf("%s: %d %q", line, status, text)
		}
	}
	if n := other.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	origin.Close()
	if status, text := ask(t, g.Out, "GET "+origin.URL+"/ HTTP/1.1\r\nHost: x\r\n\r\n"); status != http.StatusBadGateway || !strings.Contains(text, "cannot be reached") {
		t.Errorf("without an origin: %d %q", status, text)
	}
}

func TestPlainOriginStreams(t *testing.T) {
	seen := make(chan struct{})
	origin := httptest.NewServer(streamer(seen))
	t.Cleanup(origin.Close)
	g := start(t, origin.URL, nobody)
	readStream(t, g.through(t, nil), origin.URL, seen)
}

// TestPlainOriginMayThink: how long an answer may take is the proxy's to say
// (D-03: REQUEST_TIMEOUT); the 30 seconds of safedial are for a catalogue.
func TestPlainOriginMayThink(t *testing.T) {
	g, err := New("http://127.0.0.1:8000", nobody, safedial.Policy{AllowPrivate: true}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	tr := g.plainHandler().(*httputil.ReverseProxy).Transport.(*http.Transport)
	if tr.ResponseHeaderTimeout != 0 || tr.Proxy != nil {
		t.Errorf("it waits %s, by a proxy: %v", tr.ResponseHeaderTimeout, tr.Proxy != nil)
	}
}

func FuzzReadHello(f *testing.F) {
	whole := hello(f, "localhost")
	for _, seed := range [][]byte{
		nil, whole, whole[:len(whole)-1], whole[:5], records(whole, 50), append(slices.Clone(whole), whole...),
		hello(f, ""), hello(f, "example.com"), []byte("GET / HTTP/1.1\r\n\r\n"), []byte("\x15\x03\x01\x00\x02\x01\x00"), []byte("\x16\x03\x01\xff\xff"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		got, name, err := readHello(t.Context(), bytes.NewReader(input))
		if !bytes.HasPrefix(input, got) {
			t.Fatalf("%x is no beginning of %x", got, input)
		}
		if err != nil {
			if got != nil || name != "" {
				t.Fatalf("%v, with %x and %q", err, got, name)
			}
			return
		}
		// Only what was judged is passed on, so it must say the same by itself, however
		// it arrives.
		part, again, err := readHello(t.Context(), iotest.OneByteReader(bytes.NewReader(got)))
		if err != nil || again != name || !bytes.HasPrefix(got, part) {
			t.Fatalf("%x asks for %q, and in pieces for %q, %v", got, name, again, err)
		}
	})
}
