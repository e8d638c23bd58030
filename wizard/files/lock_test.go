package files_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clawsetup/clawsetup/wizard/files"
)

func TestLock(t *testing.T) {
	d := &files.Disk{}
	path := filepath.Join(t.TempDir(), "state", "lock")
	first := files.Holder{PID: 4242, User: "anna", Command: "clawsetup", Since: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)}
	held, err := d.Acquire(context.Background(), path, first, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen files.Holder
	_, err = d.Acquire(context.Background(), path, files.Holder{PID: 1}, 60*time.Millisecond, func(h files.Holder) { seen = h })
	var locked *files.LockedError
	if !errors.As(err, &locked) || locked.Holder.PID != 4242 || seen.User != "anna" {
		t.Fatalf("err %v, told %+v", err, seen)
	}
	if !strings.Contains(err.Error(), "process 4242 (clawsetup, user anna)") {
		t.Fatalf("it does not say who: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.Acquire(ctx, path, first, time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled wait: %v", err)
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := d.Acquire(context.Background(), path, first, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}
