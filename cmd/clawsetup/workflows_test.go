package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
		Env         map[string]string
		Steps       []step
	}
}

type step struct {
	ID, Uses, Run string
	With, Env     map[string]string
}

// pinned is an action by its commit, or a workflow of this repository.
var pinned = regexp.MustCompile(`^(?:[\w.-]+/[\w./-]+@[0-9a-f]{40}|\./\.github/workflows/[\w-]+\.yml)$`)

// mayWrite are the permissions beyond reading, by workflow and job.
var mayWrite = map[string]map[string]bool{
	"release.yml release": {"contents": true, "packages": true, "id-token": true, "attestations": true, "artifact-metadata": true},
}

// mayHave are the secrets that a step of the release is given; others are given none.
var mayHave = map[string]string{
	"bash .ci/release image":   "GITHUB_TOKEN",
	"bash .ci/release draft":   "GITHUB_TOKEN",
	"bash .ci/release publish": "GITHUB_TOKEN",
	"bash .ci/release cask":    "TAP_GITHUB_TOKEN",
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

// No step has a secret that it does not need, and a secret is in nothing but a step: above
// all what builds, which runs the code of many, has none.
func TestWorkflowsKeepSecrets(t *testing.T) {
	for name, w := range workflows(t) {
		for id, job := range w.Jobs {
			for variable, value := range job.Env {
				if strings.Contains(value, "secrets.") {
					t.Errorf("%s %s: every step has %s", name, id, variable)
				}
			}
			for _, s := range job.Steps {
				for input, value := range s.With {
					if strings.Contains(value, "secrets.") {
						t.Errorf("%s %s: %s has %s", name, id, s.Uses, input)
					}
				}
				for variable, value := range s.Env {
					if strings.Contains(value, "secrets.") && value != "${{ secrets."+mayHave[s.Run]+" }}" {
						t.Errorf("%s %s: %q has %s: %s", name, id, s.Run, variable, value)
					}
				}
			}
		}
	}
}

// What people can install is complete and vouched for: the provenance comes before the
// release is public, and the cask of the tap after that.
func TestWorkflowsReleaseOrder(t *testing.T) {
	var got []string
	for _, s := range workflows(t)["release.yml"].Jobs["release"].Steps {
		action, _, _ := strings.Cut(s.Uses, "@")
		got = append(got, strings.TrimPrefix(s.Run, "bash .ci/release ")+action)
	}
	want := []string{"actions/checkout", "actions/setup-go", "build", "sign", "image", "draft", "actions/attest", "actions/attest", "publish", "cask"}
	if !slices.Equal(got, want) {
		t.Errorf("steps of the release: %q, want %q", got, want)
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
