package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
)

// repair puts right what a crash can leave behind.
func (l *Log) repair(ctx context.Context, a anchors) error {
	for _, path := range []string{l.journal(), l.paths.head()} {
		if err := l.disk.RemoveTemp(path); err != nil {
			return err
		}
	}
	if err := l.catchUp(); err != nil {
		return err
	}
	// Create was interrupted before it could anchor the first record; that is
	// tolerated while there is no second one.
	if a.given && a.anchor.Log != l.head.Log {
		if err := l.Seal(ctx); err != nil {
			return err
		}
	}
	if l.report.Torn == 0 {
		return nil
	}
	return l.quarantine(ctx)
}

// quarantine moves the incomplete last line out of the journal. It is kept, because
// only a person can tell a crash from a clumsy edit. The file's name comes from
// its content: a crash in here makes no second copy.
func (l *Log) quarantine(ctx context.Context) error {
	tail, err := l.tail()
	if err != nil {
		return err
	}
	hash := sha256.Sum256(tail)
	sum := hex.EncodeToString(hash[:])
	path := l.journal() + ".torn-" + strconv.FormatUint(l.head.Seq+1, 10) + "-" + sum[:12]
	if err := l.disk.WriteFile(path, tail, 0o600); err != nil {
		return err
	}
	if err := l.disk.Truncate(l.journal(), l.size); err != nil {
		return err
	}
	_, err = l.Append(ctx, Entry{Event: TornTailQuarantined, Phase: PhaseEvent, Detail: map[string]string{
		"file": path, "bytes": strconv.Itoa(len(tail)), "sha256": sum,
	}})
	return err
}

// tail reads what follows the last complete line.
func (l *Log) tail() ([]byte, error) {
	f, err := l.open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	tail, err := io.ReadAll(io.NewSectionReader(f, l.size, maxLine+1))
	if err != nil {
		return nil, fmt.Errorf("reading the end of %s: %w", l.journal(), err)
	}
	if int64(len(tail)) != l.report.Torn {
		return nil, fmt.Errorf("reading the end of %s: %w", l.journal(), ErrChanged)
	}
	return tail, nil
}
