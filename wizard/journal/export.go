package journal

import (
	"bufio"
	"fmt"
	"io"
)

// ExportJSONL writes the lines as they are on disk, so that whoever receives them
// can verify the chain and, with the key, the MACs. A journal that does not verify
// is written up to its last good record, followed by the error.
func (l *Log) ExportJSONL(w io.Writer) error {
	out := bufio.NewWriter(w)
	for f, err := range l.lines(1) {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n", f.line)
		}
		if err != nil {
			_ = out.Flush() // the first error is the one to tell
			return fmt.Errorf("exporting the journal: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("exporting the journal: %w", err)
	}
	return l.failure()
}
