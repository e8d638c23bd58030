package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Anonymous is a keychain without credentials.
var Anonymous authn.Keychain = authn.NewMultiKeychain()

// CredentialsError says that the Docker configuration or the credential helper
// it names failed. It never holds what the helper printed.
type CredentialsError struct {
	Registry string
	// File is the Docker or Podman configuration that names the credentials.
	File string
	Why  string
	err  error
}

func (e *CredentialsError) Error() string {
	return fmt.Sprintf("looking up credentials for %s in %s: %s", e.Registry, e.File, e.Why)
}

func (e *CredentialsError) Unwrap() error { return e.err }

// credentials asks the keychain. A credential helper is a child process that
// the keychain starts and that knows no deadline: when ctx ends first, it is left
// behind and its answer thrown away.
func (r *Resolver) credentials(ctx context.Context, repo name.Repository) (authn.Authenticator, error) {
	keychain := r.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	ch := make(chan answer, 1)
	go func() {
		auth, err := authn.Resolve(ctx, keychain, repo)
		ch <- answer{auth, err}
	}()
	select {
	case a := <-ch:
		if a.err != nil {
			return nil, credentialsError(repo.RegistryStr(), a.err)
		}
		return a.auth, nil
	case <-ctx.Done():
		err := &CredentialsError{Registry: repo.RegistryStr(), File: credentialsFile(), err: ctx.Err(),
			Why: "the credential helper did not answer in time"}
		if errors.Is(ctx.Err(), context.Canceled) {
			err.Why = "stopped"
			return nil, err
		}
		return nil, hint.With(err, "image-credential-helper", err.File)
	}
}

// credentialsError tells a broken configuration from a failing helper by the
// words of github.com/docker/cli and docker-credential-helpers, which export no
// error types.
func credentialsError(registry string, cause error) error {
	e := &CredentialsError{Registry: registry, File: credentialsFile(), err: pathError(cause)}
	id := "image-docker-config"
	msg := cause.Error()
	switch {
	case strings.HasPrefix(msg, "error getting credentials"):
		id = "image-credential-helper"
		// The helper's output follows; it may hold a secret.
		msg, _, _ = strings.Cut(msg, ", out:")
		msg = strings.TrimPrefix(msg, "error getting credentials - err: ")
		e.Why = "the credential helper failed: " + text.Clean(msg, 200)
	default:
		if _, why, ok := strings.Cut(msg, e.File+"): "); ok {
			msg = why
		}
		e.Why = text.Clean(msg, 200)
	}
	return hint.With(e, id, e.File)
}

// pathError keeps only the part of the cause that callers may test for; the
// rest may quote a helper's output.
func pathError(cause error) error {
	var p *fs.PathError
	if errors.As(cause, &p) {
		return p
	}
	return nil
}

// credentialsFile names the file that the Docker keychain reads: Docker's own, or
// Podman's where there is none.
func credentialsFile() string {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "~"
	}
	docker := filepath.Join(home, ".docker")
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		docker = dir
	}
	docker = filepath.Join(docker, "config.json")
	config := os.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(home, ".config")
	}
	for _, file := range []string{docker, os.Getenv("REGISTRY_AUTH_FILE"),
		filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "containers", "auth.json"),
		filepath.Join(config, "containers", "auth.json")} {
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file
		}
	}
	return docker
}

// Login is what a container engine is shown to pull ref: the value of its
// X-Registry-Auth header, base64 of JSON, or empty where no login is known.
// https://docs.docker.com/reference/api/engine/version/v1.41/#section/Authentication
func (r *Resolver) Login(ctx context.Context, ref string) (string, error) {
	parsed, err := parse(ref)
	if err != nil {
		return "", err
	}
	repo, err := parsed.remote()
	if err != nil {
		return "", err
	}
	auth, err := r.credentials(ctx, repo)
	if err != nil {
		return "", err
	}
	c, err := authn.Authorization(ctx, auth)
	if err != nil {
		return "", credentialsError(repo.RegistryStr(), err)
	}
	if *c == (authn.AuthConfig{}) {
		return "", nil
	}
	b, err := json.Marshal(map[string]string{
		"username": c.Username, "password": c.Password, "identitytoken": c.IdentityToken, "registrytoken": c.RegistryToken, "serveraddress": repo.RegistryStr(),
	})
	if err != nil {
		return "", fmt.Errorf("encoding the login of %s: %w", repo.RegistryStr(), err)
	}
	return base64.URLEncoding.EncodeToString(b), nil
}
