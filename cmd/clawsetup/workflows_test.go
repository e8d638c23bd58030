package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is what of a workflow can give something away.
type workflow struct {
	On          yaml.Node
	Permissions map[string]string
	Jobs        map[string]struct {
		Uses        string
		Permissions map[string]string
		Steps       []struct {
			Uses, Run string
			With      map[string]string
		}
	}
}

// pinned is an action by its commit, or a workflow of this repository.
var pinned = regexp.MustCompile(`^(?:[\w.-]+/[\w./-]+@[0-9a-f]{40}|\./\.github/workflows/[\w-]+\.yml)$`)

// mayWrite are the permissions beyond reading, by workflow and job.
var mayWrite = map[string]map[string]bool{
	"release.yml release": {"contents": true, "packages": true, "id-token": true, "attestations": true},
}

// A workflow runs what somebody else may change only where a commit says which, and may
// do no more than its job needs.
func TestWorkflows(t *testing.T) {
	for name, w := range workflows(t) {
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: permissions of the whole workflow: %v, want {}", name, w.Permissions)
		}
		for trigger := range triggers(w) {
			if trigger == "pull_request_target" || trigger == "workflow_run" || trigger == "issue_comment" {
				t.Errorf("%s: %s runs with rights for what anybody sends", name, trigger)
			}
		}
		for id, job := range w.Jobs {
			if len(job.Permissions) == 0 {
				t.Errorf("%s %s: it names no permissions", name, id)
			}
			for what, level := range job.Permissions {
				if level != "read" && !mayWrite[name+" "+id][what] {
					t.Errorf("%s %s: %s: %s", name, id, what, level)
				}
			}
			uses := []string{job.Uses}
			for _, step := range job.Steps {
				uses = append(uses, step.Uses)
				if strings.Contains(step.Run, "${{") {
					t.Errorf("%s %s: a script with what a runner pastes into it: %s", name, id, step.Run)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != "false" {
					t.Errorf("%s %s: the checkout leaves a token in .git/config", name, id)
				}
			}
			for _, u := range uses {
				if u != "" && !pinned.MatchString(u) {
					t.Errorf("%s %s: %s is not pinned by a commit", name, id, u)
				}
			}
		}
	}
}

// One action has one version, with its name beside the commit, for people and for the
// program that proposes newer ones.
func TestWorkflowsAgreeOnVersions(t *testing.T) {
	uses := regexp.MustCompile(`uses: ([\w./-]+)@(\S+)(?: # (v\d+\.\d+\.\d+))?\n`)
	versions := map[string]string{}
	for name := range workflows(t) {
		b, err := os.ReadFile(filepath.Join("..", "..", ".github", "workflows", name))
		check(t, err)
		for _, m := range uses.FindAllStringSubmatch(string(b), -1) {
			if m[3] == "" {
				t.Errorf("%s: %s has no version beside its commit", name, m[1])
			}
			if was, now := versions[m[1]], m[2]+" "+m[3]; was != "" && was != now {
				t.Errorf("%s: %s is %s, elsewhere %s", name, m[1], now, was)
			} else {
				versions[m[1]] = now
			}
		}
	}
	if len(versions) == 0 {
		t.Error("no action at all")
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*"))
	check(t, err)
	out := map[string]workflow{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		check(t, err)
		var w workflow
		if err := yaml.Unmarshal(b, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out[filepath.Base(path)] = w
	}
	for _, name := range []string{"ci.yml", "release.yml", "nightly.yml"} {
		if _, there := out[name]; !there {
			t.Fatalf("there is no %s", name)
		}
	}
	return out
}

// triggers are the names of the events that start a workflow.
func triggers(w workflow) map[string]bool {
	out := map[string]bool{}
	for i := 0; i < len(w.On.Content); i++ {
		out[w.On.Content[i].Value] = true
		if w.On.Kind == yaml.MappingNode {
			i++
		}
	}
	return out
}
