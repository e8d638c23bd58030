//go:build !unix

package secrets

import "os"

const permissionsMeanSomething = false

// openKeyFile looks before it opens: opening a named pipe would use up one of its
// instances.
func openKeyFile(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(path, st); err != nil {
		return nil, err
	}
	return os.Open(path)
}
