package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard"
)

// TestStoppedPurge: "no file was changed" is said only when none was.
func TestStoppedPurge(t *testing.T) {
	failed := errors.New("failed")
	for _, c := range []struct {
		err, want error
		done      wizard.Purged
	}{
		{nil, nil, wizard.Purged{Files: 1}},
		{failed, failed, wizard.Purged{}},
		{ui.ErrStopped, ui.ErrAborted, wizard.Purged{}},
		{fmt.Errorf("deleting: %w", ui.ErrStopped), wizard.ErrPurgeIncomplete, wizard.Purged{Files: 1}},
		{ui.ErrStopped, wizard.ErrPurgeIncomplete, wizard.Purged{Records: []uint64{7}}},
	} {
		if got := stoppedPurge(c.err, c.done); !errors.Is(got, c.want) || errors.Is(got, ui.ErrStopped) {
			t.Errorf("%v after %+v: %v, want %v", c.err, c.done, got, c.want)
		}
	}
}
