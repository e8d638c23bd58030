// Command proxy is the program of the test images: a small stand-in for the proxy
// image, with a bad habit for each flag. It runs in containers of the tests alone.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

var (
	needRoot    = flag.Bool("need-root", false, "end unless it runs as root")
	write       = flag.String("write", "", "file to write at the start; end when that fails")
	ignoreToken = flag.Bool("ignore-token", false, "let everybody in")
	bindAfter   = flag.Duration("bind-after", 0, "listen only then")
	crash       = flag.Bool("crash", false, "end at once")
	eat         = flag.Bool("eat", false, "use more and more memory")
	fork        = flag.Bool("fork", false, "start more and more processes, and never listen")
	child       = flag.Bool("child", false, "be one of those processes")
	syscallTest = flag.Bool("need-personality", false, "end unless the personality call is allowed")
)

func main() {
	flag.Parse()
	if *child {
		time.Sleep(time.Hour)
	}
	misbehave()
	key, token := os.Getenv("OPENAI_API_KEY"), os.Getenv("ANTHROPIC_API_KEY")
	if key == "" {
		fail("OPENAI_API_KEY is not set")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"status":"healthy"}`) })
	guarded := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("x-api-key"); token != "" && !*ignoreToken && got != token {
				http.Error(w, "invalid token", http.StatusUnauthorized)
				return
			}
			h(w, r)
		}
	}
	mux.HandleFunc("POST /v1/messages/count_tokens", guarded(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"input_tokens":1}`) }))
	mux.HandleFunc("POST /v1/messages", guarded(func(w http.ResponseWriter, r *http.Request) { messages(w, r, key) }))
	mux.HandleFunc("POST /debug", debug)
	time.Sleep(*bindAfter)
	fmt.Println("listening")
	fail(http.ListenAndServe(":"+os.Getenv("PORT"), mux).Error())
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(3)
}

func misbehave() {
	if *crash {
		fail("crashing, as I always do")
	}
	if *needRoot && os.Getuid() != 0 {
		fail("I must be root")
	}
	if *write != "" {
		if err := os.MkdirAll(filepath.Dir(*write), 0o755); err != nil {
			fail(err.Error())
		}
		if err := os.WriteFile(*write, []byte("x"), 0o644); err != nil {
			fail(err.Error())
		}
	}
	if *syscallTest {
		if err := personality(); err != nil {
			fail("personality: " + err.Error())
		}
	}
	if *eat {
		var hoard [][]byte
		for {
			b := make([]byte, 8<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			hoard = append(hoard, b)
			if len(hoard) > 400 { // 3 GiB: nobody stopped it
				fail("nobody limits my memory")
			}
		}
	}
	if *fork {
		for range 2000 {
			_ = exec.Command("/proxy", "-child").Start()
		}
		time.Sleep(time.Hour)
	}
}

// messages asks upstream as the real proxy does, after sleeping as long as it is told
// to.
func messages(w http.ResponseWriter, r *http.Request, key string) {
	var q struct {
		Messages []json.RawMessage `json:"messages"`
		SleepMS  int               `json:"sleep_ms"`
		Local    bool              `json:"local"`
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &q) != nil || len(q.Messages) == 0 {
		http.Error(w, "messages are missing", http.StatusUnprocessableEntity)
		return
	}
	time.Sleep(time.Duration(q.SleepMS) * time.Millisecond)
	if q.Local {
		fmt.Fprintf(w, `{"content":"local","host":%q}`+"\n", hostname())
		return
	}
	ask, _ := json.Marshal(map[string]any{"model": os.Getenv("SMALL_MODEL"), "messages": q.Messages, "max_tokens": 1})
	req, err := http.NewRequest(http.MethodPost, os.Getenv("OPENAI_BASE_URL")+"/chat/completions", bytes.NewReader(ask))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func hostname() string {
	h, _ := os.Hostname()
	return h
}

// debug does what the body says and tells how it went: the tests look out of the
// container with it.
func debug(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	verb, arg, _ := strings.Cut(strings.TrimSpace(string(body)), " ")
	var err error
	switch verb {
	case "dial": // host:port
		var c net.Conn
		if c, err = net.DialTimeout("tcp", arg, 1500*time.Millisecond); err == nil {
			_ = c.Close()
		}
	case "lookup":
		_, err = net.LookupHost(arg)
	case "get": // through the proxy of the environment
		var resp *http.Response
		client := http.Client{Timeout: 3 * time.Second}
		if resp, err = client.Get(arg); err == nil {
			_ = resp.Body.Close()
			err = fmt.Errorf("status %d", resp.StatusCode)
		}
	case "connect": // target [server name]: CONNECT through the gateway, then a greeting
		err = connect(arg)
	case "write":
		err = os.WriteFile(arg, []byte("x"), 0o600)
	default:
		err = fmt.Errorf("unknown verb %q", verb)
	}
	if err != nil {
		fmt.Fprintln(w, "error:", err)
		return
	}
	fmt.Fprintln(w, "ok")
}
