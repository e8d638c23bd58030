package proof_test

import (
	"encoding/json"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/clawsetup/clawsetup/secrets"
	"github.com/clawsetup/clawsetup/wizard/proof"
)

const (
	counting = "/v1/messages/count_tokens"
	messages = "/v1/messages"
)

// shown is one request for which a token is needed; Token is nil when none was sent.
type shown struct {
	path  string
	token *string
}

func (s shown) is(token string) bool { return s.token != nil && *s.token == token }

// fake is a server in the place of the proxy. It remembers what it was shown.
type fake struct {
	*httptest.Server
	mu   sync.Mutex
	seen []shown
}

// newFake answers with the status that answer gives; -1 breaks the connection off.
func newFake(t *testing.T, answer func(shown) int) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := shown{path: r.URL.Path}
		if v, there := r.Header["X-Api-Key"]; there {
			s.token = &v[0]
		}
		f.mu.Lock()
		f.seen = append(f.seen, s)
		f.mu.Unlock()
		if status := answer(s); status > 0 {
			w.WriteHeader(status)
			return
		}
		panic(http.ErrAbortHandler)
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) all() []shown {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *fake) saw(token string) bool {
	return slices.ContainsFunc(f.all(), func(s shown) bool { return s.is(token) })
}

func outcomes(results []proof.Result) map[string]proof.Outcome {
	out := map[string]proof.Outcome{}
	for _, r := range results {
		out[strings.TrimPrefix(r.Rule, "token-")] = r.Outcome
	}
	return out
}

func newToken(t *testing.T) (secrets.Secret, string) {
	t.Helper()
	token, err := secrets.NewToken()
	if err != nil {
		t.Fatal(err)
	}
	return token, string(token.Expose())
}

func TestToken(t *testing.T) {
	const held, broken, unknown = proof.Held, proof.Broken, proof.Unknown
	token, ours := newToken(t)
	// checks is a proxy that is as it should be: the status for ours, and for all others.
	checks := func(right, wrong int) func(shown) int {
		return func(s shown) int {
			if s.is(ours) {
				return right
			}
			return wrong
		}
	}
	// butFor is one that has another status for some.
	butFor := func(status int, some func(shown) bool) func(shown) int {
		return func(s shown) int {
			if some(s) {
				return status
			}
			return checks(200, 401)(s)
		}
	}
	empty := func(s shown) bool { return s.is("") }
	always := func(status int) func(shown) int { return checks(status, status) }
	// without is a proxy that has no counting.
	without := func(status int, next func(shown) int) func(shown) int {
		return func(s shown) int {
			if s.path == counting {
				return status
			}
			return next(s)
		}
	}
	for name, c := range map[string]struct {
		answer                       func(shown) int
		wrong, empty, none, accepted proof.Outcome
		// show says that the token must reach the proxy; else it must not.
		show bool
	}{
		"checks":                       {checks(200, 401), held, held, held, held, true},
		"checks, and says 403":         {checks(200, 403), held, held, held, held, true},
		"does not like the question":   {checks(400, 401), held, held, held, held, true},
		"has no counting":              {without(404, checks(422, 401)), held, held, held, held, true},
		"has no counting by POST":      {without(405, checks(400, 401)), held, held, held, held, true},
		"takes every token":            {always(200), broken, broken, broken, unknown, false},
		"takes every token, not that":  {without(404, always(422)), broken, broken, broken, unknown, false},
		"takes an empty token":         {butFor(200, empty), held, broken, held, unknown, false},
		"takes no token":               {butFor(200, func(s shown) bool { return s.token == nil }), held, held, broken, unknown, false},
		"has another token":            {always(401), held, held, held, broken, true},
		"has nothing":                  {always(404), unknown, unknown, unknown, unknown, false},
		"has nothing by POST":          {always(405), unknown, unknown, unknown, unknown, false},
		"is out of order":              {always(500), unknown, unknown, unknown, unknown, false},
		"has no API":                   {without(404, always(502)), unknown, unknown, unknown, unknown, false},
		"breaks at ours":               {checks(503, 401), held, held, held, unknown, true},
		"has no such place for ours":   {checks(404, 401), held, held, held, unknown, true},
		"sends ours elsewhere":         {checks(307, 401), held, held, held, unknown, true},
		"breaks off at ours":           {checks(-1, 401), held, held, held, broken, true},
		"breaks off":                   {always(-1), broken, broken, broken, unknown, false},
		"breaks at an empty token":     {butFor(500, empty), held, unknown, held, held, true},
		"has no counting, and crashes": {without(404, checks(422, 500)), unknown, unknown, unknown, unknown, false},
	} {
		f := newFake(t, c.answer)
		results := proof.NewClient(f.URL).Token(t.Context(), token)
		want := map[string]proof.Outcome{"wrong": c.wrong, "empty": c.empty, "none": c.none, "accepted": c.accepted}
		if got := outcomes(results); !maps.Equal(got, want) {
			t.Errorf("a proxy that %s: %v, want %v", name, got, want)
		}
		for _, r := range results {
			if r.Control != "S-01" || (r.Detail == "") != (r.Outcome == held) || strings.Contains(r.Detail, ours) {
				t.Errorf("a proxy that %s: %+v", name, r)
			}
		}
		if got := f.saw(ours); got != c.show {
			t.Errorf("a proxy that %s was shown the token: %v, want %v", name, got, c.show)
		}
	}
}

// TestTokenAsks looks at the questions: a well-made wrong token, an empty one, none,
// and ours at the end, at the place that answers.
func TestTokenAsks(t *testing.T) {
	token, ours := newToken(t)
	for _, place := range []string{counting, messages} {
		f := newFake(t, func(s shown) int {
			switch {
			case s.path != place:
				return http.StatusNotFound
			case s.is(ours):
				return http.StatusOK
			}
			return http.StatusUnauthorized
		})
		proof.NewClient(f.URL).Token(t.Context(), token)
		var at []shown
		for _, s := range f.all() {
			if s.path == place {
				at = append(at, s)
			} else if s.path != counting || s.is(ours) {
				t.Errorf("%+v", s)
			}
		}
		if len(at) != 4 {
			t.Fatalf("%s was asked %d times", place, len(at))
		}
		if wrong := at[0].token; wrong == nil || *wrong == ours || !secrets.IsToken(secrets.New([]byte(*wrong))) {
			t.Errorf("%s: the wrong token is not like one", place)
		}
		if !at[1].is("") || at[2].token != nil || !at[3].is(ours) {
			t.Errorf("%s: not empty, none, ours", place)
		}
	}
}

// TestTokenReachesNobodyElse: the questions are such that the proxy answers them
// itself, and need no other header than the token's.
func TestTokenReachesNobodyElse(t *testing.T) {
	token, _ := newToken(t)
	var mu sync.Mutex
	bodies := map[string]map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if bodies[r.URL.Path] == nil {
			bodies[r.URL.Path] = map[string]bool{}
		}
		bodies[r.URL.Path][string(b)] = true
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Anthropic-Version") == "" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(map[bool]int{true: http.StatusNotFound, false: http.StatusUnauthorized}[r.URL.Path == counting])
	}))
	defer srv.Close()
	proof.NewClient(srv.URL).Token(t.Context(), token)
	mu.Lock()
	defer mu.Unlock()
	if got := slices.Collect(maps.Keys(bodies[messages])); !slices.Equal(got, []string{"{}"}) {
		t.Errorf("a message was sent: %q", got)
	}
	for b := range bodies[counting] {
		if !json.Valid([]byte(b)) {
			t.Errorf("counting %q", b)
		}
	}
	if len(bodies) != 2 {
		t.Errorf("asked %v", slices.Collect(maps.Keys(bodies)))
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	token, ours := newToken(t)
	elsewhere := newFake(t, func(shown) int { return http.StatusOK })
	for name, redirected := range map[string]func(token string) bool{
		"all": func(string) bool { return true }, "ours alone": func(token string) bool { return token == ours },
	} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if redirected(r.Header.Get("X-Api-Key")) {
					http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
					return
				}
				w.WriteHeader(http.StatusUnauthorized)
			}))
			client := proof.NewClient(srv.URL)
			if got := outcomes(client.Token(t.Context(), token)); got["accepted"] != proof.Unknown {
				t.Errorf("%s, %d: %v", name, status, got)
			}
			if err := client.Healthy(t.Context()); err == nil {
				t.Errorf("%s, %d: healthy", name, status)
			}
			srv.Close()
		}
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}

func TestProxyThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	token, _ := newToken(t)
	client := proof.NewClient("http://" + l.Addr().String())
	want := map[string]proof.Outcome{"wrong": proof.Broken, "empty": proof.Broken, "none": proof.Broken, "accepted": proof.Unknown}
	results := client.Token(t.Context(), token)
	if got := outcomes(results); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if !strings.Contains(results[0].Detail, "does not answer") {
		t.Errorf("%+v", results[0])
	}
	if err := client.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "asking the proxy for its health") {
		t.Error(err)
	}
}

func TestHealthy(t *testing.T) {
	for status, healthy := range map[int]bool{200: true, 201: false, 204: false, 302: false, 401: false, 404: false, 503: false, -1: false} {
		f := newFake(t, func(s shown) int {
			if s.path != "/health" || s.token != nil {
				t.Errorf("asked %+v", s)
			}
			return status
		})
		if err := proof.NewClient(f.URL).Healthy(t.Context()); (err == nil) != healthy {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestAnswers: a busy API is asked again, a refusal counts at once, and nothing but
// a whole answer is one.
func TestAnswers(t *testing.T) {
	token, ours := newToken(t)
	for name, c := range map[string]struct {
		statuses []int
		asked    int
		want     string
	}{
		"an answer":           {[]int{200}, 1, ""},
		"busy, then answers":  {[]int{529, 200}, 2, ""},
		"busy, then refuses":  {[]int{429, 401}, 2, "asking a model through the proxy: it answers 401"},
		"a wrong key":         {[]int{401}, 1, "it answers 401"},
		"an unknown model":    {[]int{404}, 1, "it answers 404"},
		"a redirect":          {[]int{307}, 1, "it answers 307"},
		"accepted for later":  {[]int{202}, 1, "it answers 202"},
		"a broken connection": {[]int{-1}, 1, "asking a model through the proxy: "},
	} {
		var asked atomic.Int64
		f := newFake(t, func(s shown) int {
			if s.path != messages || !s.is(ours) {
				t.Errorf("%s: asked %s", name, s.path)
			}
			return c.statuses[min(int(asked.Add(1)), len(c.statuses))-1]
		})
		err := proof.NewClient(f.URL).Answers(t.Context(), token)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if n := int(asked.Load()); n != c.asked {
			t.Errorf("%s: asked %d times, want %d", name, n, c.asked)
		}
	}
}
