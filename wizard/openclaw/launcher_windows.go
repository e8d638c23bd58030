package openclaw

import (
	"fmt"
	"os"
)

// NeedsLauncher is false: there is no shell script to write, OpenClaw judges the
// program by its access list.
func NeedsLauncher(path string) (bool, error) {
	if _, err := os.Lstat(path); err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	return false, nil
}
