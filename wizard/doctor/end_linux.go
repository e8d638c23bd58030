package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/clawsetup/clawsetup/wizard/proc"
)

// politeTime is how long a process gets to end by itself, killTime how long the kernel
// gets to end it.
const (
	politeTime = 3 * time.Second
	killTime   = 2 * time.Second
)

// End ends one process, politely at first. One that is gone is no error. It must be the
// one that began at p.Start, belong to this user, and still be without a parent; any other
// is left alone, with an error.
func End(ctx context.Context, p Process) error {
	// The handle is the kernel's, so that no other process is meant later on (pidfd).
	handle, err := os.FindProcess(p.PID)
	if err != nil {
		return nil // it is gone
	}
	defer func() { _ = handle.Release() }()
	alive, err := stillMeant(p)
	if err != nil || !alive {
		return err
	}
	for _, step := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, politeTime}, {syscall.SIGKILL, killTime}} {
		err := handle.Signal(step.signal)
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("asking it to end: %w", err)
		}
		if gone, err := ends(ctx, p, step.wait); gone || err != nil {
			return err
		}
	}
	return errors.New("it does not end")
}

// ends waits until a process is gone, or a zombie that only its parent can take away.
func ends(ctx context.Context, p Process, most time.Duration) (bool, error) {
	for end := time.Now().Add(most); ; {
		if alive, err := stillMeant(p); err != nil || !alive {
			return true, nil //nolint:nilerr // another process under the number: ours is gone
		}
		if time.Now().After(end) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stillMeant tells whether the process lives; an error is another one, or one that
// somebody waits for by now.
func stillMeant(p Process) (bool, error) {
	list, err := proc.Host().Processes(mostProcesses)
	i := slices.IndexFunc(list, func(o proc.Process) bool { return o.PID == p.PID })
	switch {
	case i < 0 && err != nil && !errors.Is(err, proc.ErrHidden):
		return false, err
	case i < 0 || list[i].Ended:
		return false, nil
	case list[i].Start != p.Start:
		return false, errors.New("another process has its number by now")
	case list[i].UID != os.Geteuid():
		return false, errors.New("it belongs to another user")
	case !parentless(list[i], list):
		return false, errors.New("somebody waits for it")
	}
	return true, nil
}
