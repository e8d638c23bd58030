package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/clawsetup/clawsetup/wizard/hint"
	"github.com/clawsetup/clawsetup/wizard/text"
)

// Holder says who has a lock; it is written into the lock file for the one who
// waits, and is only as true as the holder.
type Holder struct {
	PID     int       `json:"pid"`
	User    string    `json:"user"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// LockedError says that another process kept the lock for the whole wait.
type LockedError struct {
	Path string
	// Holder is the zero value when the lock file does not say.
	Holder Holder
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("%s is locked by another process", e.Path)
	}
	return fmt.Sprintf("%s is locked by process %d (%s, user %s) since %s", e.Path, e.Holder.PID,
		text.Clean(e.Holder.Command, 60), text.Clean(e.Holder.User, 40), e.Holder.Since.UTC().Format(time.RFC3339))
}

// Lock is an advisory lock between clawsetup processes.
type Lock struct{ f *flock.Flock }

// Acquire takes the lock file at path for me, waiting at most wait (and no
// longer than ctx) for another holder; waiting is called once, as soon as there is
// one. The error is a *LockedError when the wait was in vain.
func (d *Disk) Acquire(ctx context.Context, path string, me Holder, wait time.Duration, waiting func(Holder)) (*Lock, error) {
	if err := d.CheckTarget(path); err != nil {
		return nil, err
	}
	if err := d.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := d.step("lock", path); err != nil {
		return nil, writeError(path, err)
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err == nil && !got {
		if waiting != nil {
			waiting(readHolder(path))
		}
		got, err = tryFor(ctx, l, wait)
	}
	if err != nil {
		return nil, writeError(path, err)
	}
	if !got {
		return nil, hint.With(&LockedError{Path: path, Holder: readHolder(path)}, "locked")
	}
	b, err := json.Marshal(me)
	if err == nil {
		// Information for others only: the lock itself is what counts.
		_ = os.WriteFile(path, append(b, '\n'), 0o600)
	}
	return &Lock{f: l}, nil
}

func tryFor(ctx context.Context, l *flock.Flock, wait time.Duration) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	got, err := l.TryLockContext(limited, 50*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return false, nil
	}
	return got, err
}

func readHolder(path string) Holder {
	var h Holder
	f, err := (&Disk{}).Read(path, 4096)
	if err != nil || json.Unmarshal(f.Data, &h) != nil {
		return Holder{}
	}
	return h
}

// Release gives the lock back. The lock file stays: removing it would let two
// processes hold "the" lock.
func (l *Lock) Release() error {
	// Nobody holds it any more: what the file said of the holder is over.
	_ = os.Truncate(l.f.Path(), 0)
	return l.f.Unlock()
}
