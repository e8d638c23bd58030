package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// container is a proxy's container.
func container(t *testing.T, h http.HandlerFunc) (address string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// says is a container that answers with what, after it was let.
func says(what string, arrived chan<- struct{}, let <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if arrived != nil {
			arrived <- struct{}{}
		}
		if let != nil {
			<-let
		}
		_, _ = io.WriteString(w, what)
	}
}

// get asks the gateway in the background.
func (r *running) get(ctx context.Context) <-chan string {
	out := make(chan string, 1)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.In+"/v1/messages", http.NoBody)
		if err != nil {
			out <- err.Error()
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			out <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		out <- fmt.Sprint(resp.StatusCode, " ", string(b), err)
	}()
	return out
}

func (r *running) busy(t *testing.T) (now, old int) {
	t.Helper()
	s, err := r.control().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Busy, s.Draining("")
}

// streamer sends an event and waits until it was seen before it sends the other.
func streamer(seen <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		// Events and answers of unknown length would be flushed without being told to.
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", "12")
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-seen:
			_, _ = io.WriteString(w, "second")
		case <-time.After(patience):
		}
	}
}

func readStream(t *testing.T, client *http.Client, address string, seen chan<- struct{}) {
	t.Helper()
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, len("first "))
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	close(seen)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(first)+string(rest) != "first second" {
		t.Errorf("%q then %q, %v", first, rest, err)
	}
}

func TestRequestIsForwardedAsItIs(t *testing.T) {
	sent := noise(3, 3<<20+7)
	address := container(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s %q %q", r.Method, r.Host, r.URL, r.Header["X-Api-Key"], r.Header["Accept-Encoding"]))
		b, _ := io.ReadAll(r.Body) // servers of HTTP/1 do not answer while they read
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(b)
	})
	g := start(t, "https://localhost:443", address)
	req, err := http.NewRequest(http.MethodPost, "http://"+g.In+"/v1/messages?beta=true", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "claude.example:8082"
	req.Header.Set("X-Api-Key", "token")
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, sent) || resp.StatusCode != http.StatusTeapot {
		t.Errorf("%d, %d bytes of %d, %v", resp.StatusCode, len(got), len(sent), err)
	}
	if got, want := resp.Header.Get("X-Seen"), `POST claude.example:8082 /v1/messages?beta=true ["token"] ["identity"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnswerIsStreamed(t *testing.T) {
	seen := make(chan struct{})
	g := start(t, "https://localhost:443", container(t, streamer(seen)))
	readStream(t, http.DefaultClient, "http://"+g.In, seen)
}

// TestUseLosesNoRequest replaces the container while it answers.
func TestUseLosesNoRequest(t *testing.T) {
	arrived, let := make(chan struct{}, 1), make(chan struct{})
	before, after := container(t, says("before", arrived, let)), container(t, says("after", nil, nil))
	g := start(t, "https://localhost:443", before)
	last := g.get(t.Context())
	<-arrived

	s, err := g.control().Use(t.Context(), after)
	if err != nil || s.Target != after || s.Busy != 0 || s.Draining("") != 1 || s.Draining(before) != 1 || s.Draining(after) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if got := <-g.get(t.Context()); got != "200 after<nil>" {
		t.Errorf("a new request: %q", got)
	}
	for _, patience := range []time.Duration{0, 120 * time.Millisecond} {
		short, cancel := context.WithTimeout(t.Context(), patience)
		if s, err := g.control().Drain(short, ""); !errors.Is(err, ErrStillBusy) || s.Draining("") != 1 {
			t.Errorf("while the old one answers, for %s: %+v, %v", patience, s, err)
		}
		cancel()
	}
	drained := make(chan error, 1)
	go func() {
		_, err := g.control().Drain(t.Context(), "")
		drained <- err
	}()
	close(let)
	if got := <-last; got != "200 before<nil>" {
		t.Errorf("the request under way: %q", got)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	g.in.mu.Lock()
	if n := len(g.in.old); n != 0 {
		t.Errorf("%d idle containers are kept", n)
	}
	g.in.mu.Unlock()
	// The name is the container's own again; what runs there is not old.
	if s, err := g.control().Use(t.Context(), ""); err != nil || s.Target != before || s.Busy != 0 || s.Draining("") != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if got := <-g.get(t.Context()); got != "200 before<nil>" {
		t.Errorf("after the change back: %q", got)
	}
}

// TestUseOfTheSameContainer neither counts its requests as old nor forgets them.
func TestUseOfTheSameContainer(t *testing.T) {
	arrived, let := make(chan struct{}, 1), make(chan struct{})
	address := container(t, says("hi", arrived, let))
	g := start(t, "https://localhost:443", address)
	answer := g.get(t.Context())
	<-arrived
	if s, err := g.control().Use(t.Context(), address); err != nil || s.Target != address || s.Busy != 1 || s.Draining("") != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	close(let)
	if got := <-answer; got != "200 hi<nil>" {
		t.Errorf("got %q", got)
	}
	eventually(t, "it is idle", func() bool { now, old := g.busy(t); return now+old == 0 })
}

// TestContainerThatStarts: a request that comes too early waits.
func TestContainerThatStarts(t *testing.T) {
	address := freeAddresses(t, 1)[0]
	g := start(t, "https://localhost:443", address)
	answer := g.get(t.Context())
	eventually(t, "the request is there", func() bool { now, _ := g.busy(t); return now == 1 })
	time.Sleep(100 * time.Millisecond) // it was refused at least once
	select {
	case got := <-answer:
		t.Fatalf("answered by nobody: %q", got)
	default:
	}
	srv := &httptest.Server{Listener: listen(t, address), Config: &http.Server{Handler: says("here I am", nil, nil)}}
	srv.Start()
	t.Cleanup(srv.Close)
	if got := <-answer; got != "200 here I am<nil>" {
		t.Errorf("got %q", got)
	}
}

// isOverloaded checks an error in the form that clients of the Anthropic API repeat.
func isOverloaded(t *testing.T, address string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Type  string
		Error struct{ Type, Message string }
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Type != "error" || e.Error.Type != "overloaded_error" || e.Error.Message == "" {
		t.Errorf("%s, %v", text, err)
	}
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
}

// TestContainerThatNeverStarts gives the forwarder less time than startTime.
func TestContainerThatNeverStarts(t *testing.T) {
	f := newForwarder(freeAddresses(t, 1)[0])
	hurried := container(t, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 120*time.Millisecond)
		defer cancel()
		f.ServeHTTP(w, r.WithContext(ctx))
	})
	began := time.Now()
	isOverloaded(t, "http://"+hurried)
	if waited := time.Since(began); waited < 100*time.Millisecond {
		t.Errorf("it gave up after %s", waited)
	}
	if s := f.status(); s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

func TestDialSaysWhyItFailed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	conn, err := dialPatiently(ctx, "tcp", freeAddresses(t, 1)[0])
	var refused *net.OpError
	if !errors.As(err, &refused) || refused.Op != "dial" {
		t.Errorf("%v, %v", conn, err)
	}
}

// TestContainerThatBreaks: before its answer the client may ask again; an answer that
// broke off must not look like a whole one.
func TestContainerThatBreaks(t *testing.T) {
	breaks := func(after string) string {
		return container(t, func(w http.ResponseWriter, _ *http.Request) {
			if after != "" {
				_, _ = io.WriteString(w, after)
				_ = http.NewResponseController(w).Flush()
			}
			panic(http.ErrAbortHandler)
		})
	}
	g := start(t, "https://localhost:443", breaks(""))
	isOverloaded(t, "http://"+g.In)

	if _, err := g.control().Use(t.Context(), breaks("half an ")); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + g.In)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if b, err := io.ReadAll(resp.Body); string(b) != "half an " || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", b, err)
	}
	eventually(t, "it is idle", func() bool { now, old := g.busy(t); return now+old == 0 })
}

// TestClientThatIsGone is no error of anybody's, and the container is told.
func TestClientThatIsGone(t *testing.T) {
	arrived, told := make(chan struct{}), make(chan struct{})
	for name, address := range map[string]string{
		"while nobody listens": freeAddresses(t, 1)[0],
		"while it is answered": container(t, func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-r.Context().Done()
			close(told)
		}),
	} {
		g := start(t, "https://localhost:443", address)
		ctx, leave := context.WithCancel(t.Context())
		answer := g.get(ctx)
		if strings.Contains(name, "answered") {
			<-arrived
		}
		eventually(t, "the request is there", func() bool { now, _ := g.busy(t); return now == 1 })
		leave()
		if got := <-answer; !strings.Contains(got, "canceled") {
			t.Errorf("%s: %q", name, got)
		}
		eventually(t, "it is idle", func() bool { now, old := g.busy(t); return now+old == 0 })
		if said := g.log.String(); strings.Count(said, "\n") != 1 { // "open"
			t.Errorf("%s: %s", name, said)
		}
	}
	select {
	case <-told:
	case <-time.After(patience):
		t.Error("the container does not know")
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	unavailable(w, httptest.NewRequestWithContext(gone, http.MethodGet, "/", http.NoBody), context.Canceled)
	if w.Body.Len() != 0 {
		t.Errorf("nobody was told %s", w.Body)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	let := make(chan struct{})
	g := start(t, "https://localhost:443", container(t, says("at last", nil, let)))
	var answers []<-chan string
	for range mostConnections {
		answers = append(answers, g.get(t.Context()))
	}
	release := sync.OnceFunc(func() { close(let) })
	defer release()
	eventually(t, "all are under way", func() bool { now, _ := g.busy(t); return now == mostConnections })
	isOverloaded(t, "http://"+g.In)
	release()
	for i, a := range answers {
		if got := <-a; got != "200 at last<nil>" {
			t.Fatalf("request %d: %q", i, got)
		}
	}
	if got := <-g.get(t.Context()); got != "200 at last<nil>" {
		t.Errorf("afterwards: %q", got)
	}
}
