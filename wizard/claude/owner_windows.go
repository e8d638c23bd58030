package claude

import "os"

// checkOwner leaves the access list of the file to Windows: profile folders and
// Program Files are not writable by other users.
func checkOwner(_, _ string, _ os.FileInfo) error { return nil }
