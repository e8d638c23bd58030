//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/wizard/journal"
)

// TestPurgeKill: killed at every step on the disk, a purge leaves a journal that the
// next run completes: in the end it accounts for every session and file, once.
func TestPurgeKill(t *testing.T) {
	s := newScratch(t, scriptKey)
	s.mustRun(scriptKey, s.flags...)
	projects := filepath.Join(s.home, ".openclaw/clawsetup/claude/projects")
	for n := range 4 {
		id := fmt.Sprintf("%08d-1111-4222-8333-444444444444", n)
		dir := filepath.Join(projects, fmt.Sprintf("-srv-%d", n%2))
		check(t, os.MkdirAll(filepath.Join(dir, id, "subagents"), 0o755))
		check(t, os.MkdirAll(filepath.Join(dir, "memory"), 0o755))
		check(t, os.WriteFile(filepath.Join(dir, id+".jsonl"), []byte("PROMPT"), 0o600))
		check(t, os.WriteFile(filepath.Join(dir, id, "subagents", "agent-1.jsonl"), []byte("PROMPT"), 0o600))
	}
	restore := s.save()
	steps, counted := 0, 0
	for at := 1; ; at++ {
		restore()
		_, _, killed := s.run("", fmt.Sprint(at), "session-purge", "--all", "--yes")
		if !killed {
			break
		}
		steps++
		out := s.mustRun("", "session-purge", "--all", "--yes")
		if strings.Contains(out, "had deleted") {
			counted++
		}
		if left, _ := os.ReadDir(projects); len(left) > 0 {
			t.Fatalf("step %d: %v is left", at, left)
		}
		s.accounted(at, 4, 8)
		s.whole(at, scriptKey)
	}
	if steps < 20 || counted < 8 {
		t.Fatalf("only %d steps on the disk, %d of them in the middle", steps, counted)
	}
	t.Logf("%d steps, %d of them in the middle", steps, counted)
}

// accounted wants a journal that knows of so many deleted sessions and files.
func (s *scratch) accounted(at, sessions, files int) {
	s.t.Helper()
	out := s.mustRun("", "config-history", "list", "--json")
	if strings.Contains(out, "PROMPT") || strings.Contains(out, "-srv-") || strings.Contains(out, "1111-4222") {
		s.t.Fatalf("step %d: the journal says too much:\n%s", at, out)
	}
	var records []journal.Record
	check(s.t, json.Unmarshal([]byte(out), &records))
	for _, r := range records {
		if r.Event != journal.TranscriptsPurged {
			continue
		}
		n, err := strconv.Atoi(r.Detail["sessions"])
		check(s.t, err)
		f, err := strconv.Atoi(r.Detail["files"])
		check(s.t, err)
		sessions, files = sessions-n, files-f
	}
	if sessions != 0 || files != 0 {
		s.t.Fatalf("step %d: %d sessions and %d files are not accounted for", at, sessions, files)
	}
}
