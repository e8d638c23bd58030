package cloudrutest

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// Fault is put in the way of one request. It returns true when it has answered, and false
// when the request goes on to be answered as if nothing had been.
type Fault func(w http.ResponseWriter, r *http.Request) bool

// Fail puts f in the way of the next n requests, behind those already waiting.
func (s *Server) Fail(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		s.faults = append(s.faults, f)
	}
}

// Heal drops the faults that have not happened yet.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// RateLimit answers 429; with a Retry-After, in whole seconds, unless it is 0.
func RateLimit(retryAfter time.Duration) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
		}
		refuse(w, http.StatusTooManyRequests, "ResourceExhausted", "too many requests")
		return true
	}
}

// Refuse answers a status with a message, in the API's shape.
func Refuse(status int, code, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, status, code, message)
		return true
	}
}

// Body answers a status with a body of any sort.
func Body(status int, contentType string, body []byte) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return true
	}
}

// Huge answers 200 with size bytes of blanks before anything that could be JSON.
func Huge(size int) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		chunk := bytes.Repeat([]byte{' '}, 64<<10)
		for size > 0 {
			n, err := w.Write(chunk[:min(size, len(chunk))])
			if err != nil {
				return true
			}
			size -= n
		}
		return true
	}
}

// Redirect answers 307, which would repeat the request and its key elsewhere.
func Redirect(to string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
}

// Echo answers a status and repeats the request's Authorization in the message, as
// debugging proxies do.
func Echo(status int) Fault {
	return func(w http.ResponseWriter, r *http.Request) bool {
		refuse(w, status, invalid, "cannot take Authorization: "+r.Header.Get("Authorization")+" for this")
		return true
	}
}

// Drop closes the connection without an answer.
func Drop() Fault {
	return func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
}

// Hang does not answer until the caller is gone.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}
}

// Slow waits before the request is answered as usual.
func Slow(d time.Duration) Fault {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		wait := time.NewTimer(d)
		defer wait.Stop()
		select {
		case <-wait.C:
			return false
		case <-r.Context().Done():
			return true
		}
	}
}
