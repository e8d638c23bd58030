//go:build unix

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/ui/ptytest"
)

var pictures = flag.String("pictures", "", "write the pictures of the README into this folder")

// shots is a run of the demo: what is waited for, what is then taken a picture of, what
// is then typed.
var shots = []struct{ expect, picture, keys string }{
	{"What is here", "", "\r"},
	{"cloud.ru API key", "", demoKey + "\r"},
	{"Which models stand", "", "\r"},
	{"Where are the secrets", "", "\r"},
	{"What vouches", "image", "\r"},
	{"Port of the proxy", "", "\r"},
	{"How is OpenClaw", "", "\r"},
	{"configuration file", "", "\r"},
	{"parts of OpenClaw", "", "\r"},
	{"a apply", "", "nnnn"},
	{"file 4 of", "diff", "a"},
	{"Removed:", "", ""},
}

// TestPictures makes the pictures of the README from the real program; make pictures
// keeps them.
func TestPictures(t *testing.T) {
	dir := *pictures
	if dir == "" {
		dir = t.TempDir()
	}
	self, err := os.Executable()
	check(t, err)
	c := exec.Command(self, "demo")
	c.Args[0] = "clawsetup"
	c.Dir = t.TempDir()
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Dir, "TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "CI=1", "CLICOLOR_FORCE=1", "TMPDIR=" + c.Dir}
	term, err := ptytest.Start(c, 80, 24)
	check(t, err)
	for _, s := range shots {
		check(t, term.Expect(s.expect))
		if s.picture != "" {
			svg := term.Picture()
			if !strings.Contains(svg, "</svg>") || strings.Contains(svg, demoKey) {
				t.Errorf("%s:\n%s", s.picture, svg)
			}
			check(t, os.WriteFile(filepath.Join(dir, s.picture+".svg"), []byte(svg), 0o644))
		}
		if s.keys != "" {
			check(t, term.Type(s.keys))
		}
	}
	if code, err := term.Wait(); err != nil || code != 0 {
		t.Errorf("exit %d, %v", code, err)
	}
}
