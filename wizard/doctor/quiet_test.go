//go:build unix

package doctor

import (
	"os"
	"path/filepath"
	"testing"
)

// linked is an installation whose program has two names: one that is called, and one that
// stands in the files. The second leads to the first, or the other way round.
func linked(called, written string) func(*scene) {
	return func(s *scene) {
		link := s.path("bin/clawsetup")
		target := s.write("opt/clawsetup-1/clawsetup", "#!/bin/sh\n", 0o700)
		s.must(os.MkdirAll(filepath.Dir(link), 0o700))
		s.must(os.Symlink(target, link))
		s.Made.Program = s.path(called)
		for _, f := range []string{s.OpenClawConfig, s.Made.ClaudeSettings} {
			s.replace(f, "/usr/bin/clawsetup", s.path(written))
		}
	}
}

const (
	anImage = "mcp/files@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	aLink   = "bin/clawsetup"
	aTarget = "opt/clawsetup-1/clawsetup"
)

// oddities are hosts that look odd and are as they should be: nothing above Info is said of
// them.
var oddities = map[string]func(*scene){
	"the program is called by a link":       linked(aLink, aTarget),
	"a link to the program is in the files": linked(aTarget, aLink),

	"a disk that was put in": settingsOf(userSettings, `{"permissions": {"additionalDirectories": ["/run/media/me/disk"]}}`),

	"memory set up": both(sets("env.vars.MALLOC_ARENA_MAX", "2"), serves(`{"command":"/usr/bin/files","env":{"MALLOC_ARENA_MAX":"2"}}`)),

	// What stands behind an image belongs to the program in it.
	"a server's device": serves(`{"command":"/usr/bin/docker","args":["run","-i","--rm","-e","A=b","--name","files","` + anImage + `","--device","cpu","-v","/:/"]}`),

	"an image behind dashes": serves(`{"command":"/usr/bin/docker","args":["run","-i","--rm","--","` + anImage + `","--privileged"]}`),

	// What stands behind a script is the script's own.
	"a server's port":          serves(`{"command":"/usr/bin/node","args":["/opt/mcp/index.js","-p","3000"]}`),
	"a server's environment":   serves(`{"command":"/usr/bin/node","args":["--require","/opt/mcp/first.js","/opt/mcp/index.js","-e","production"]}`),
	"a module's configuration": serves(`{"command":"/usr/bin/python3","args":["-I","-m","mcp_server_files","-c","/etc/mcp.toml"]}`),
	"a joined module":          serves(`{"command":"/usr/bin/python3","args":["-W","ignore","-mmcp_server_files","-c","/etc/mcp.toml"]}`),
	"an encoding":              serves(`{"command":"/usr/bin/ruby","args":["-E","UTF-8","/opt/mcp/server.rb","-e","production"]}`),
	"warnings of ruby":         serves(`{"command":"/usr/bin/ruby","args":["-W:no-experimental","-Ke","/opt/mcp/server.rb","-e","production"]}`),
	"a debugger of perl":       serves(`{"command":"/usr/bin/perl","args":["-d:Trace","/opt/mcp/server.pl","-e","production"]}`),
	"a flag of node":           serves(`{"command":"/usr/bin/node","args":["--enable-source-maps","/opt/mcp/index.js","-e","production"]}`),
	"a task of deno":           serves(`{"command":"/usr/bin/deno","args":["run","/opt/mcp/server.ts","eval"]}`),
	"a script of bun":          serves(`{"command":"/usr/bin/bun","args":["run","/opt/mcp/server.ts","-p","3000"]}`),
}

func TestNothingIsSaidOf(t *testing.T) {
	for name, change := range oddities {
		t.Run(name, func(t *testing.T) {
			for id, r := range examined(t, change) {
				if r.Outcome == Found && r.Severity() > Info {
					t.Errorf("%s: %+v", id, r.Findings)
				}
			}
		})
	}
}

// TestLinksToTheProgram: a link that somebody else may turn is not the program.
func TestLinksToTheProgram(t *testing.T) {
	for name, spoil := range map[string]func(*scene){
		"in a folder for everybody": func(s *scene) { s.must(os.Chmod(s.path("bin"), 0o777)) },
		"to another program": func(s *scene) {
			s.must(os.Remove(s.path(aLink)))
			s.must(os.Symlink(s.write("opt/evil", "#!/bin/sh\n", 0o700), s.path(aLink)))
		},
		"by another in a folder for everybody": func(s *scene) {
			s.must(os.Remove(s.path(aLink)))
			s.must(os.MkdirAll(s.path("pub"), 0o700))
			s.must(os.Chmod(s.path("pub"), 0o777))
			s.must(os.Symlink(s.path(aTarget), s.path("pub/clawsetup")))
			s.must(os.Symlink("../pub/clawsetup", s.path(aLink)))
		},
		"to nothing": func(s *scene) { s.must(os.Remove(s.path(aTarget))) },
	} {
		got := examined(t, both(linked(aTarget, aLink), spoil))
		for _, id := range []string{"secret-provider", "claude-settings-ours"} {
			if got[id].Outcome != Found {
				t.Errorf("%s: %s is %s", name, id, got[id].Outcome)
			}
		}
	}
}
