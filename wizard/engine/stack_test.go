package engine

import (
	"slices"
	"testing"
)

// TestEnvironment: what a shell exports must not win over .env (T-02).
func TestEnvironment(t *testing.T) {
	got := environment([]string{
		"PATH=/bin", "BIG_MODEL=evil/model", "MIDDLE_MODEL=x", "SMALL_MODEL=", "COMPOSE_FILE=/tmp/other.yml", "COMPOSE_PROJECT_NAME=x",
		"COMPOSE_ENV_FILES=/tmp/env", "DOCKER_HOST=unix:///run/docker.sock", "BIG_MODEL_2=kept",
	})
	want := []string{"PATH=/bin", "DOCKER_HOST=unix:///run/docker.sock", "BIG_MODEL_2=kept"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
