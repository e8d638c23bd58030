package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/clawsetup/clawsetup/wizard/text"
)

const (
	// helloTime bounds the wait for a client's first TLS message.
	helloTime = 10 * time.Second
	// silence ends a tunnel in which nothing moves: longer than any answer of the API
	// is waited for.
	silence = 10 * time.Minute
)

// tunnel answers CONNECT: it dials the origin, and copies bytes once the client's
// TLS greeting asks for that very host.
func (g *Gateway) tunnel(w http.ResponseWriter, r *http.Request) {
	up, err := g.policy.DialContext(r.Context(), "tcp", g.origin.Host)
	if err != nil {
		g.log.Printf("failed: %s", text.Clean(err.Error(), 200))
		http.Error(w, "the API cannot be reached", http.StatusBadGateway)
		return
	}
	defer func() { _ = up.Close() }()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "no tunnel on this connection", http.StatusHTTPVersionNotSupported)
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(helloTime))
	hello, name, err := readHello(r.Context(), buffered.Reader)
	if err == nil && !g.isOrigin(name) {
		err = fmt.Errorf("it asks for the server %q", text.Clean(name, 100))
	}
	if err != nil {
		g.log.Printf("refused: TLS to %s: %s", g.origin.Host, text.Clean(err.Error(), 200))
		return
	}
	if _, err := up.Write(hello); err != nil {
		return
	}
	both(conn, buffered.Reader, up)
}

// isOrigin tells whether a TLS server name is the origin's; a literal address has
// none (RFC 6066, 3).
func (g *Gateway) isOrigin(name string) bool {
	host := g.origin.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return name == ""
	}
	return strings.EqualFold(name, host)
}

var errHello = errors.New("the greeting was read")

// readHello reads a TLS ClientHello and returns its bytes and the server name that it
// asks for. Nothing is answered.
func readHello(ctx context.Context, r io.Reader) (hello []byte, name string, err error) {
	var read bytes.Buffer
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, errHello
	}}
	err = tls.Server(mute{io.TeeReader(r, &read)}, config).HandshakeContext(ctx)
	if !errors.Is(err, errHello) {
		return nil, "", fmt.Errorf("no TLS greeting: %w", err)
	}
	return read.Bytes(), name, nil
}

// mute is a connection that can only be read.
type mute struct{ io.Reader }

func (mute) Write(b []byte) (int, error)      { return len(b), nil }
func (mute) Close() error                     { return nil }
func (mute) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (mute) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (mute) SetDeadline(time.Time) error      { return nil }
func (mute) SetReadDeadline(time.Time) error  { return nil }
func (mute) SetWriteDeadline(time.Time) error { return nil }

// both copies in both directions until one side ends or nothing moves for long.
func both(client net.Conn, fromClient *bufio.Reader, up net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { pass(up, fromClient, client) })
	wg.Go(func() { pass(client, up, up) })
	wg.Wait()
}

// pass copies from r, which reads from source, to dst; the end of r is passed on.
func pass(dst net.Conn, r io.Reader, source net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		// What moves in one direction keeps both alive.
		until := time.Now().Add(silence)
		_, _ = source.SetDeadline(until), dst.SetDeadline(until)
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				_ = source.Close()
				return
			}
		}
		if err != nil {
			if half, ok := dst.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
				_ = half.CloseWrite()
				return
			}
			_ = dst.Close()
			return
		}
	}
}

// plainHandler forwards requests to an origin without TLS, which only a consented
// private API can be.
func (g *Gateway) plainHandler() http.Handler {
	transport := g.policy.Transport()
	transport.ResponseHeaderTimeout = 0 // how long an answer may take is the proxy's to say
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(g.origin); r.Out.Host = r.In.URL.Host },
		Transport:     transport,
		FlushInterval: -1,
		ErrorLog:      g.log,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			g.log.Printf("failed: %s", text.Clean(err.Error(), 200))
			http.Error(w, "the API cannot be reached", http.StatusBadGateway)
		},
	}
}
