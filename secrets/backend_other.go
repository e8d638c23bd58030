//go:build !linux && !darwin && !windows

package secrets

import "fmt"

// prepare refuses the platforms on which no keyring was tried.
func prepare() error {
	return fmt.Errorf("%w: clawsetup knows no keyring of this operating system", ErrUnavailable)
}

func classify(error) error { return nil }
