//go:build unix

package doctor

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

const talk = "-srv/11111111-2222-4333-8444-555555555555.jsonl"

// talked is a conversation of that age in a folder of Claude Code's.
func talked(dir func(*scene) string, days int) func(*scene) {
	return func(s *scene) {
		path := s.write(filepath.Join(dir(s), "projects", talk), "{}", 0o600)
		at := sceneTime.Add(-time.Duration(days) * 24 * time.Hour)
		s.must(os.Chtimes(path, at, at))
	}
}

func agentDir(s *scene) string { return s.Made.ClaudeDir }
func ownDir(s *scene) string   { return s.path(".claude") }

// opened lets others into the folders from the home to path.
func opened(path string, mode os.FileMode) func(*scene) {
	return func(s *scene) {
		full := s.path(path)
		s.must(os.Chmod(full, mode))
		for dir := filepath.Dir(full); len(dir) >= len(s.home); dir = filepath.Dir(dir) {
			if dir != s.openClawDir() { // that one has a check of its own
				s.must(os.Chmod(dir, 0o755))
			}
		}
	}
}

var dataPairs = map[string]pair{
	"transcripts-age": {with: []string{"backend-ours", "claude-settings-ours"}, good: talked(agentDir, 2), bad: map[string]func(*scene){"old": talked(agentDir, 30), "kept none": func(s *scene) { s.Made.RetentionDays = 0; talked(agentDir, 2)(s) }, "own": talked(ownDir, 200)}},
	"transcripts-amount": {good: talked(agentDir, 2), bad: map[string]func(*scene){
		"bytes": func(s *scene) {
			talked(agentDir, 2)(s)
			path := filepath.Join(s.Made.ClaudeDir, "projects", "-srv", "tool-results")
			s.must(os.Truncate(s.write(path, "", 0o600), largeTranscripts+1))
		},
		"conversations": func(s *scene) {
			for i := range manyTranscripts + 1 {
				s.must(os.WriteFile(filepath.Join(s.Made.ClaudeDir, "projects", "-srv", time.Duration(i).String()+".jsonl"), nil, 0o600))
			}
		},
	}},
	"transcripts-private": {good: talked(ownDir, 2), bad: map[string]func(*scene){"readable": opened(".claude/projects/"+talk, 0o644)}},
	"openclaw-sessions-private": {
		good: func(s *scene) { s.write(".openclaw/agents/main/sessions/a.jsonl", "{}", 0o600) },
		bad: map[string]func(*scene){"readable": func(s *scene) {
			s.write(".openclaw/agents/main/sessions/a.jsonl", "{}", 0o644)
			s.must(os.Chmod(s.openClawDir(), 0o711))
			opened(".openclaw/agents/main/sessions/a.jsonl", 0o644)(s)
		}},
		with: []string{"openclaw-folder-private"},
	},
	"openclaw-logs-private": {good: func(s *scene) { s.write("tmp/openclaw/openclaw.log", "x", 0o600) }, bad: map[string]func(*scene){"readable": opened("tmp/openclaw/openclaw.log", 0o644), "for everybody": sets("logging.file", "/tmp/openclaw-of-nobody.log"),
		"looked into": func(s *scene) {
			s.must(os.Mkdir(s.path("logs"), 0o755))
			s.must(os.Chmod(s.home, 0o755))
			s.config("logging.file", "~/logs/x.log")
		}}},
	"temporary-files": {good: func(s *scene) { s.write("tmp/claude-mcp.json", "{}", 0o600) }, bad: map[string]func(*scene){
		"readable": func(s *scene) { s.must(os.Chmod(s.path("tmp/claude-mcp.json"), 0o644)) },
		"left behind": func(s *scene) {
			s.write("tmp/clawsetup-validate-1/openclaw.json", "{}", 0o600)
			s.must(os.Chtimes(s.path("tmp/clawsetup-validate-1"), time.Time{}, s.Host.Now().Add(-2*longestValidation)))
		},
	}},
	"config-backups": {good: func(s *scene) { s.write(".openclaw/openclaw.json.bak", "{}", 0o600) }, bad: map[string]func(*scene){
		"credential": func(s *scene) {
			s.write(".openclaw/openclaw.json.bak", `{gateway:{auth:{token:"a-real-credential-0123456789"}}}`, 0o600)
		},
		"open": func(s *scene) { s.write(".openclaw/openclaw.json.bak.1", "{}", 0o644) },
	}},
}

// Links in a folder of conversations lead nowhere, not even to themselves.
func TestTranscriptLinks(t *testing.T) {
	r := examined(t, func(s *scene) {
		talked(ownDir, 2)(s)
		projects := s.path(".claude/projects")
		s.must(os.Symlink(projects, filepath.Join(projects, "up")))
		s.must(os.Symlink("loop.jsonl", filepath.Join(projects, "loop.jsonl")))
		s.must(os.Symlink("/etc", filepath.Join(projects, "etc")))
	})
	for _, id := range []string{"transcripts-age", "transcripts-amount", "transcripts-private"} {
		if r[id].Outcome != OK {
			t.Errorf("%s is %s: %+v %+v", id, r[id].Outcome, r[id].Findings, r[id].Gaps)
		}
	}
}

// A folder with more conversations than are looked at is not checked, and ends soon.
func TestManyTranscripts(t *testing.T) {
	s := newScene(t)
	dir := filepath.Join(s.Made.ClaudeDir, "projects", "-srv")
	s.must(os.MkdirAll(dir, 0o700))
	for i := range mostData + 10 {
		f, err := os.OpenFile(filepath.Join(dir, "s"+time.Duration(i).String()), os.O_CREATE, 0o600)
		s.must(err)
		s.must(f.Close())
	}
	start := time.Now()
	for _, r := range Examine(t.Context(), s.Host, Selection{Only: []string{"transcripts-age"}}).Results {
		if r.Outcome != NotChecked {
			t.Errorf("it is %s", r.Outcome)
		}
	}
	if took := time.Since(start); took > soon {
		t.Errorf("it took %s", took)
	}
}
