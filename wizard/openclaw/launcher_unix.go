//go:build unix

package openclaw

import (
	"fmt"
	"os"
	"syscall"
)

// NeedsLauncher says whether OpenClaw would refuse path as the command of an exec
// provider: assertSecureExecCommandPath of 2026.9.6 wants a file, no link, owned by
// exactly the current user and not writable by group or others.
func NeedsLauncher(path string) (bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0 || int64(stat.Uid) != int64(os.Geteuid()), nil
}
