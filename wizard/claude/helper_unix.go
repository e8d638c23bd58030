//go:build unix

package claude

import (
	"errors"
	"path/filepath"
)

// checkHelper accepts only what Quote makes, beginning with an absolute path.
func checkHelper(s string) error {
	argv, err := unquote(s)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(argv[0]) {
		return errors.New("the command is not an absolute path")
	}
	return nil
}
