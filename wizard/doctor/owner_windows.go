package doctor

import "io/fs"

// ownerOf does not know: owners have no numbers here.
func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }
