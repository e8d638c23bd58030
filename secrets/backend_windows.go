package secrets

import (
	"errors"
	"syscall"
)

func prepare() error { return nil }

// classify names the kind of an error of go-keyring. A network logon has no
// credential set (CredReadW, ERROR_NO_SUCH_LOGON_SESSION).
func classify(err error) error {
	const noSuchLogonSession = syscall.Errno(1312)
	if errors.Is(err, noSuchLogonSession) {
		return ErrUnavailable
	}
	return nil
}
