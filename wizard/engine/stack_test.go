package engine

import (
	"slices"
	"strings"
	"testing"
)

// TestEnvironment: what a shell exports must not win over .env (T-02), and compose
// speaks to the engine that was asked.
func TestEnvironment(t *testing.T) {
	shell := []string{
		"PATH=/bin", "BIG_MODEL=evil/model", "MIDDLE_MODEL=x", "SMALL_MODEL=", "COMPOSE_FILE=/tmp/other.yml", "COMPOSE_PROJECT_NAME=x",
		"COMPOSE_ENV_FILES=/tmp/env", "COMPOSE_PROFILES=x", "DOCKER_HOST=tcp://127.0.0.1:1", "DOCKER_CONTEXT=other", "BIG_MODEL_2=kept",
	}
	for host, want := range map[string][]string{
		"unix:///run/docker.sock": {"PATH=/bin", "BIG_MODEL_2=kept", "DOCKER_HOST=unix:///run/docker.sock"},
		"tcp://127.0.0.1:1":       {"PATH=/bin", "DOCKER_HOST=tcp://127.0.0.1:1", "DOCKER_CONTEXT=other", "BIG_MODEL_2=kept"},
	} {
		if got := (Stack{Endpoint: Endpoint{Host: host}}).environment(shell); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

// TestLastLines: the end of what compose said is where the reason stands.
func TestLastLines(t *testing.T) {
	// As Docker 20.10 says that a port is taken: the reason comes last.
	taken := "Error response from daemon: driver failed programming external connectivity on endpoint clawsetup-66d10619-gateway-1 (" + strings.Repeat("07cc", 16) + "): Error starting userland proxy: listen tcp4 127.0.0.1:8082: bind: address already in use"
	for said, want := range map[string]string{
		"":                             "",
		"\n\n":                         "",
		"one":                          "one",
		"one\ntwo\n":                   "one; two",
		"one\ntwo\nthree\n":            "one; two; three",
		"one\ntwo\n\nthree\nfour\n\n":  "two; three; four",
		"one\r\n  two\r\n":             "one; two",
		"\x1b[31mError\x1b[0m: denied": "·[31mError·[0m: denied",
		strings.Repeat("x", 601):       strings.Repeat("x", 599) + "…",
		taken:                          taken,
	} {
		if got := lastLines(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
