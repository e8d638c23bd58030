package secrets

import (
	"errors"
	"io/fs"
	"os/exec"
)

func prepare() error { return nil }

// classify names the kind of an error of go-keyring, which runs /usr/bin/security.
// That ends with the low byte of the OSStatus (Security/SecBase.h).
func classify(err error) error {
	const (
		noDefaultKeychain     = 37 // errSecNoDefaultKeychain, -25307
		interactionNotAllowed = 36 // errSecInteractionNotAllowed, -25308: locked, and nobody to ask, e.g. over SSH
		authFailed            = 51 // errSecAuthFailed, -25293
		userCanceled          = 128
	)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return ErrUnavailable
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return nil
	}
	switch exit.ExitCode() {
	case noDefaultKeychain:
		return ErrUnavailable
	case interactionNotAllowed, authFailed, userCanceled:
		return ErrLocked
	}
	return nil
}
