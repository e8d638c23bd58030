package main

import (
	"os"
	"strings"
	"testing"

	"github.com/clawsetup/clawsetup/ui"
	"github.com/clawsetup/clawsetup/wizard/doctor"
)

// The README's table of what doctor covers is made from the checks; UPDATE=1 writes it.
func TestCoverageOfTheREADME(t *testing.T) {
	const path, begin, end = "../../README.md", "<!-- coverage -->\n", "<!-- /coverage -->"
	b, err := os.ReadFile(path)
	check(t, err)
	before, rest, ok := strings.Cut(string(b), begin)
	now, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("the README has no place for the table")
	}
	want := ui.Coverage()
	if now == want {
		return
	}
	if os.Getenv("UPDATE") != "" {
		check(t, os.WriteFile(path, []byte(before+begin+want+end+after), 0o644))
		return
	}
	t.Error("the table in the README is not that of the checks: run UPDATE=1 go test ./cmd/clawsetup -run TestCoverageOfTheREADME")
}

// Every control that a check names has its words, and is in the table.
func TestControlsHaveWords(t *testing.T) {
	known := strings.Join(doctor.Controls(), "\n") + "\n"
	for _, c := range doctor.Catalogue() {
		for _, id := range c.Controls {
			if !strings.Contains(known, id+"\n") {
				t.Errorf("%s names %s, which is no control that doctor answers", c.ID, id)
			}
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(ui.Coverage()), "\n")[2:] {
		if cells := strings.Split(line, "|"); len(cells) != 5 || strings.TrimSpace(cells[2]) == "" || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("a row of the table is not whole: %s", line)
		}
	}
}

// What doctor says puts a finding right is a command that this program takes. Words in
// capitals stand for what the operator fills in.
func TestFixesCanBeTyped(t *testing.T) {
	for _, c := range doctor.Catalogue() {
		words := strings.Fields(c.Fix)
		if words[0] != "clawsetup" {
			continue
		}
		root, _ := manuals[0].tree()
		cmd, args, err := root.Find(words[1:])
		check(t, err)
		if err := cmd.ParseFlags(args); err != nil {
			t.Errorf("%s: %s: %v", c.ID, c.Fix, err)
			continue
		}
		if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %s: %v", c.ID, c.Fix, err)
		}
	}
}
